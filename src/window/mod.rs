//! The window: pictures as they come, and the keys.
//!
//! [`run`] is the program's main thread from start to end. It waits on the slot of decoded pictures,
//! draws the newest, hands it to the window system, and only then tells the [`Model`]; in between it
//! hears the window's events. It knows neither sockets nor files; what it says about them comes
//! from the model. This room alone names minifb.

mod keys;
pub mod model;
#[cfg_attr(target_os = "linux", path = "native_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "native_other.rs")]
mod native;
mod paint;
mod place;
#[cfg(target_os = "linux")]
mod rect;
mod scene;
#[cfg(target_os = "linux")]
mod shm;
mod surface;
#[cfg(target_os = "linux")]
mod x11;

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::keys::Action;
use self::model::{Model, State};
use self::native::Native;
use self::scene::Scene;
use self::surface::Surface;
use crate::handoff::slot::Wake;
use crate::handoff::stop::Reason;
use crate::picture::{Bitmap, Turn};
use crate::recv::frame::Decoded;

/// How often events are heard where nothing wakes the loop for them.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often the close button and `stop` are looked at where something does.
const LOOK_SELDOM: Duration = Duration::from_millis(50);

/// How often the model is asked how things stand, for the title and the words.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// How long an idle window stays undrawn: nothing else would repair one that was covered.
const REDRAW_EVERY: Duration = Duration::from_millis(500);

/// The smallest window: below it there is no room for words.
pub(crate) const SMALLEST: (u32, u32) = (320, 240);

/// How the window begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowConfig {
    /// Its size in pixels; `None`: the first picture's, at most what fits the screen.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) fullscreen: bool,
    /// Whether it stays above the others.
    pub(crate) on_top: bool,
    /// What its title begins with; `None`: the sender's name.
    pub(crate) title: Option<String>,
    /// How the pictures are turned.
    pub turn: Turn,
}

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

/// A bitmap that the window shows with the least work; any other can be shown, too.
pub fn bitmap() -> Bitmap {
    Native::bitmap()
}

/// Shows the pictures until the window is closed, which asks the program to end ([`Reason::Done`]), or until
/// somebody else asked. To be called on the main thread: macOS and Windows want it so. A slot that
/// is closed does not end it: the last picture can still be looked at.
pub fn run(config: &WindowConfig, model: &Model) -> Result<(), WindowError> {
    let (pictures, stop) = (model.pictures(), model.stop());
    let size = config.size.map(|(w, h)| (w as usize, h as usize));
    let scene = Scene::new(config.turn, model.status());
    let title = scene.title(config.title.as_deref());
    let mut surface = Surface::open(&title, size, config.on_top)?;
    if config.fullscreen {
        surface.set_full_screen(true);
    }
    let uncovered = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = surface.watch().and_then(|watch| {
            let watching = || watch.run(pictures, &uncovered);
            thread::Builder::new()
                .name("window events".into())
                .spawn_scoped(scope, watching)
                .ok()
        });
        let now = Instant::now();
        let mut viewer = Viewer {
            config,
            model,
            look_every: watch.map_or(LOOK_EVERY, |_| LOOK_SELDOM),
            uncovered: &uncovered,
            surface,
            scene,
            title,
            status_due: now + STATUS_EVERY,
            redraw_due: now,
        };
        while !stop.is_asked() {
            viewer.turn_once()?;
        }
        Ok(())
        // The surface goes here, and with its window the watch ends.
    })
}

/// The window and all that it is connected to.
struct Viewer<'a> {
    config: &'a WindowConfig,
    model: &'a Model,
    look_every: Duration,
    uncovered: &'a AtomicBool,
    surface: Surface,
    scene: Scene,
    title: String,
    status_due: Instant,
    redraw_due: Instant,
}

impl Viewer<'_> {
    /// One round: a picture, the keys, the words, and then a wait for whatever comes first.
    fn turn_once(&mut self) -> Result<(), WindowError> {
        if let Some(decoded) = self.model.pictures().take() {
            self.accept(decoded)?;
        }
        self.surface.pump();
        while let Some(action) = self.surface.next_action() {
            self.obey(action);
        }
        if !self.surface.is_open() {
            self.model.stop().ask(Reason::Done);
            return Ok(());
        }
        let now = Instant::now();
        if now >= self.status_due {
            self.ask_status(now);
        }
        if self.uncovered.swap(false, Ordering::Relaxed) || now >= self.redraw_due {
            self.draw(now)?;
        }
        self.wait();
        Ok(())
    }

    /// Shows a new picture, or keeps it back while the picture is frozen.
    fn accept(&mut self, mut decoded: Decoded) -> Result<(), WindowError> {
        if !self.model.is_current(&decoded.frame) {
            return Ok(());
        }
        if self.scene.is_frozen() {
            decoded.frame.skip();
            self.scene.keep_back(decoded);
            return Ok(());
        }
        let now = Instant::now();
        if self.scene.status().state != State::Receiving {
            self.ask_status(now);
        }
        let first = self.scene.frame().is_none();
        self.scene.put(decoded);
        if first {
            self.suit_first_picture()?;
        }
        self.draw(now)?;
        self.scene.shown(Instant::now());
        Ok(())
    }

    /// The first picture sets the window's size, unless the user has.
    fn suit_first_picture(&mut self) -> Result<(), WindowError> {
        match self.scene.picture_size() {
            Some(size) if self.config.size.is_none() => self.surface.suit(size, &self.title),
            _ => Ok(()),
        }
    }

    fn obey(&mut self, action: Action) {
        let now = Instant::now();
        match action {
            Action::Quit => self.model.stop().ask(Reason::Done),
            Action::Escape => self.escape(),
            Action::Overlay => self.scene.toggle_overlay(),
            Action::Help => self.scene.toggle_help(),
            Action::Freeze => self.scene.toggle_freeze(),
            Action::Turn => self.scene.turn_right(),
            Action::Mirror => self.scene.mirror(),
            Action::Snapshot => match self.scene.frame() {
                Some(frame) => self.model.snapshot(frame, self.scene.turn()),
                None => self.scene.say("No picture to save yet.", now),
            },
            Action::Record => {
                self.model.toggle_recording();
                // The red dot comes and goes with the key.
                self.status_due = now;
            }
            Action::FullScreen => {
                let full = self.surface.is_full_screen();
                if !self.surface.set_full_screen(!full) {
                    let way = "No full screen here: the window's own button makes it large.";
                    self.scene.say(way, now);
                }
            }
        }
        self.redraw_due = now;
    }

    /// Leaves the innermost of help, full screen and the program.
    fn escape(&mut self) {
        if self.scene.leave_help() {
            return;
        }
        let left = self.surface.is_full_screen() && self.surface.set_full_screen(false);
        if !left {
            self.model.stop().ask(Reason::Done);
        }
    }

    fn ask_status(&mut self, now: Instant) {
        self.scene.set_status(self.model.status());
        self.status_due = now + STATUS_EVERY;
        let title = self.scene.title(self.config.title.as_deref());
        if title != self.title {
            self.surface.set_title(&title);
            self.title = title;
        }
    }

    fn draw(&mut self, now: Instant) -> Result<(), WindowError> {
        self.redraw_due = now + REDRAW_EVERY;
        let density = self.surface.density();
        match self.scene.plain(self.surface.size()) {
            Some(bitmap) => self.surface.show(bitmap),
            None => self
                .surface
                .paint(|canvas| self.scene.draw(canvas, density, now)),
        }
    }

    fn wait(&self) {
        let deadline = (Instant::now() + self.look_every)
            .min(self.status_due)
            .min(self.redraw_due);
        if self.model.pictures().wait(Some(deadline)) == Wake::Closed {
            // No picture will come; the slot would not make us wait any more.
            self.model.stop().sleep_until(deadline);
        }
    }
}
