//! The window: pictures as they come, and the keys.
//!
//! [`run`] is the program's main thread from start to end. It waits on the slot of decoded pictures,
//! draws the newest, hands it to the window system, and only then tells the [`Host`]; in between it
//! hears the window's events. It knows neither sockets nor files; what it says about them comes
//! from the host. This room alone names minifb.

mod keys;
mod scene;
mod surface;

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use self::keys::Action;
use self::scene::Scene;
use self::surface::Surface;
use super::host::{Host, State};
use super::received::Decoded;
use super::window_options::WindowConfig;
use crate::slot::{Slot, Wake};
use crate::stop::{Reason, Stop};

/// The window before the first picture.
const WAITING_SIZE: (usize, usize) = (640, 480);

/// How often events are heard while no picture comes.
const PUMP_EVERY: Duration = Duration::from_millis(10);

/// How often the host is asked how things stand, for the title and the words.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// How long an idle window stays undrawn: nothing else would repair one that was covered.
const REDRAW_EVERY: Duration = Duration::from_millis(500);

/// Why there is no window.
#[derive(Debug)]
pub enum WindowError {
    /// It could not be opened.
    Open {
        /// The display that was tried (`DISPLAY`); `None` where it is not set, or means nothing.
        display: Option<String>,
        /// What minifb says.
        source: minifb::Error,
    },
    /// It could not be drawn on.
    Draw {
        /// What minifb says.
        source: minifb::Error,
    },
}

impl WindowError {
    fn open(source: minifb::Error) -> Self {
        let display = std::env::var("DISPLAY")
            .ok()
            .filter(|name| !name.is_empty());
        WindowError::Open { display, source }
    }

    fn draw(source: minifb::Error) -> Self {
        WindowError::Draw { source }
    }
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WindowError::Open { display, source } => {
                write!(f, "no window can be opened")?;
                match display {
                    Some(display) => write!(f, " on DISPLAY={display}")?,
                    None if cfg!(target_os = "linux") => write!(f, ": DISPLAY is not set")?,
                    None => {}
                }
                write!(
                    f,
                    " ({source}); start it on a desktop, or without a window: --headless"
                )
            }
            WindowError::Draw { source } => {
                write!(f, "the window cannot be drawn on ({source})")
            }
        }
    }
}

impl Error for WindowError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            WindowError::Open { source, .. } | WindowError::Draw { source } => Some(source),
        }
    }
}

/// Shows the pictures until the window is closed, which asks `stop` to end ([`Reason::Done`]), or until
/// somebody else asked. To be called on the main thread: macOS and Windows want it so.
pub fn run(
    config: &WindowConfig,
    pictures: &Slot<Decoded>,
    host: &dyn Host,
    stop: &Stop,
) -> Result<(), WindowError> {
    let size = config.size.map(|(w, h)| (w as usize, h as usize));
    let scene = Scene::new(config.turn, host.status());
    let title = scene.title(config.title.as_deref());
    let surface = Surface::open(&title, size.unwrap_or(WAITING_SIZE), config.on_top)?;
    let now = Instant::now();
    let mut viewer = Viewer {
        config,
        pictures,
        host,
        stop,
        surface,
        scene,
        title,
        status_due: now,
        redraw_due: now,
    };
    while !stop.is_asked() {
        viewer.turn_once()?;
    }
    Ok(())
}

/// The window and all that it is connected to.
struct Viewer<'a> {
    config: &'a WindowConfig,
    pictures: &'a Slot<Decoded>,
    host: &'a dyn Host,
    stop: &'a Stop,
    surface: Surface,
    scene: Scene,
    title: String,
    status_due: Instant,
    redraw_due: Instant,
}

impl Viewer<'_> {
    /// One round: a picture, the keys, the words, and then a wait for whatever comes first.
    fn turn_once(&mut self) -> Result<(), WindowError> {
        if let Some(decoded) = self.pictures.take() {
            self.accept(decoded)?;
        }
        self.surface.pump();
        while let Some(action) = self.surface.next_action() {
            self.obey(action);
        }
        if !self.surface.is_open() {
            self.stop.ask(Reason::Done);
            return Ok(());
        }
        let now = Instant::now();
        if now >= self.status_due {
            self.ask_status(now);
        }
        if now >= self.redraw_due {
            self.draw(now)?;
        }
        self.wait(now);
        Ok(())
    }

    /// Shows a new picture, or keeps it back while the picture is frozen.
    fn accept(&mut self, decoded: Decoded) -> Result<(), WindowError> {
        if self.scene.is_frozen() {
            self.host.passed_over(&decoded.frame);
            self.scene.keep_back(decoded);
            return Ok(());
        }
        let now = Instant::now();
        if self.scene.status().state != State::Receiving {
            self.ask_status(now);
        }
        let frame = std::sync::Arc::clone(&decoded.frame);
        self.scene.put(decoded);
        self.draw(now)?;
        self.host.shown(&frame, Instant::now());
        Ok(())
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Quit | Action::Escape => self.stop.ask(Reason::Done),
            Action::Freeze => self.scene.toggle_freeze(),
            Action::Turn => self.scene.turn_right(),
            Action::Mirror => self.scene.mirror(),
            _ => {}
        }
        self.redraw_due = Instant::now();
    }

    fn ask_status(&mut self, now: Instant) {
        self.scene.set_status(self.host.status());
        self.status_due = now + STATUS_EVERY;
        let title = self.scene.title(self.config.title.as_deref());
        if title != self.title {
            self.surface.set_title(&title);
            self.title = title;
        }
    }

    fn draw(&mut self, now: Instant) -> Result<(), WindowError> {
        self.redraw_due = now + REDRAW_EVERY;
        match self.scene.plain(self.surface.size()) {
            Some(bitmap) => self.surface.show(bitmap),
            None => self.surface.paint(|canvas| self.scene.draw(canvas)),
        }
    }

    fn wait(&self, now: Instant) {
        let deadline = (now + PUMP_EVERY).min(self.status_due).min(self.redraw_due);
        if self.pictures.wait(Some(deadline)) == Wake::Closed {
            // No picture will come; the last one is still there to be looked at.
            self.stop.sleep_until(deadline);
        }
    }
}
