//! The window: pictures as they come, and the keys.
//!
//! [`run`] is the program's main thread from start to end. It waits on the slot of decoded pictures,
//! draws the newest, hands it to the window system, and only then tells the [`Model`]; in between it
//! hears the window's events. It knows neither sockets nor files; what it says about them comes
//! from the model. This room alone names minifb.
//!
//! ```text
//! mod        the loop: a picture, the keys, the words, and a wait for whatever comes first
//! model      what is shown of the program, and what the keys do to it
//! scene      what is in the window now; paint makes pixels of it
//! surface    minifb's window, and the way of pixels to the screen; its keys go through keys
//! desktop    what minifb cannot do, and the system may be able to: x11, windows, macos
//! geometry   how large pictures and windows are
//! ```

mod desktop;
mod geometry;
mod keys;
mod model;
mod paint;
mod scene;
mod surface;
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(not(any(windows, target_os = "macos")), path = "x11/mod.rs")]
mod system;

use std::mem;
use std::time::{Duration, Instant};

use minifb::Key;

pub use self::model::Model;
use self::model::Status;
use self::paint::words;
use self::scene::Scene;
use self::surface::Surface;
pub use self::surface::WindowError;
pub use self::system::bitmap;
use crate::args::view::{SMALLEST, WindowArgs};
use crate::handoff::{Reason, Wake};
use crate::picture::{Bitmap, Turn};
use crate::recv::Decoded;
use crate::report::Severity;

/// How often the window's events are heard where nothing wakes the loop for them.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often the model is asked how things stand while pictures come, for the title and the words; while none do, a
/// quarter as often.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// How long an idle window stays as it is. Its words count seconds, but each drawing costs as much as a picture.
const REDRAW_EVERY: Duration = Duration::from_secs(2);

/// How much longer it stays so where they do not.
const STILL_FOR: Duration = Duration::from_secs(60);

/// Shows the pictures until the window is closed, which asks the program to end ([`Reason::Done`]), or until
/// somebody else asked. To be called on the main thread: macOS and Windows want it so. The slot of pictures
/// is open until this returns.
pub fn run(config: &WindowArgs, model: &Model) -> Result<(), WindowError> {
    let scene = Scene {
        turn: config.turn(),
        status: model.status(),
        ..Scene::default()
    };
    let title = words::title(&scene.status, config.title.as_deref());
    let mut surface = Surface::open(&title, config, model)?;
    if config.fullscreen {
        // Where there is no way to, the window is as good.
        let _ = surface.desktop.toggle_full_screen();
    }
    let now = Instant::now();
    let mut viewer = Viewer {
        config,
        model,
        surface,
        scene,
        drawn: bitmap(),
        status_due: now + STATUS_EVERY,
        redraw_due: now,
    };
    while !model.cameras.stop.is_asked() {
        viewer.turn_once()?;
    }
    Ok(())
}

/// The window and all that it is connected to.
struct Viewer<'a> {
    config: &'a WindowArgs,
    model: &'a Model,
    surface: Surface,
    scene: Scene,
    /// What is shown where it is not the picture as it is.
    drawn: Bitmap,
    status_due: Instant,
    redraw_due: Instant,
}

impl Viewer<'_> {
    /// One round: a picture, the keys, the words, and then a wait for whatever comes first.
    fn turn_once(&mut self) -> Result<(), WindowError> {
        if let Some(decoded) = self.model.pictures.take() {
            self.accept(decoded)?;
        }
        self.surface.pump();
        while let Some(key) = self.surface.keys.next() {
            self.obey(key);
        }
        if let Some(place) = self.surface.click().and_then(|at| self.scene.listed_at(at)) {
            self.connect(place);
        }
        if !self.surface.window.is_open() {
            self.end();
            return Ok(());
        }
        // What a key did is drawn before the window's events are heard again: on Windows, minifb paints what it was given
        // last, which may be gone.
        let now = Instant::now();
        // Together with what is drawn anyway: both wake the loop once, and what is drawn is up to date.
        if now >= self.status_due.min(self.redraw_due) {
            self.ask_status(now);
        }
        if self.surface.shown != self.surface.size() || now >= self.redraw_due {
            self.draw(now)?;
        }
        self.wait();
        Ok(())
    }

    fn wait(&mut self) {
        let due = self.status_due.min(self.redraw_due);
        let desktop = &self.surface.desktop;
        let soon = || due.min(Instant::now() + LOOK_EVERY);
        let until = desktop.watch(true).map_or_else(|_| soon(), |()| due);
        let wake = self.model.pictures.wait(Some(until));
        // Should it fail, the loop wakes once too often.
        let _ = desktop.watch(false);
        if wake == Wake::Nudged {
            // Both, since a picture that came as well is drawn first, by the old status.
            (self.status_due, self.redraw_due) = (Instant::now(), Instant::now());
        }
    }

    /// Shows a new picture, or keeps it back while the picture is frozen.
    fn accept(&mut self, mut decoded: Decoded) -> Result<(), WindowError> {
        // What was held up with the whole program is old, and something newer is near.
        if (self.model.cameras.stall).held_up_since(decoded.frame.arrived) {
            return Ok(());
        }
        if self.scene.frozen {
            decoded.frame.skip();
            self.scene.kept_back = Some(decoded);
            return Ok(());
        }
        let now = Instant::now();
        if !self.scene.status.is_live() {
            self.ask_status(now);
        }
        let size = self.scene.size_of(&decoded.bitmap);
        let is_first = self.scene.picture.replace(decoded).is_none();
        // The first picture sets the window's size, unless the user has.
        if is_first && self.config.size.is_none() {
            self.surface.suit(size);
        }
        self.draw(now)?;
        if let Some(picture) = &mut self.scene.picture {
            picture.frame.shown();
        }
        Ok(())
    }

    fn obey(&mut self, key: Key) {
        let (model, sinks, scene) = (self.model, &self.model.sinks, &mut self.scene);
        let desktop = &mut self.surface.desktop;
        match key {
            // It leaves the innermost of help, full screen and the program.
            Key::Escape if scene.help => scene.help = false,
            Key::Escape if desktop.is_full_screen() => {
                if desktop.toggle_full_screen().is_err() {
                    self.end();
                }
            }
            Key::Escape | Key::Q => self.end(),
            Key::I => scene.overlay = !scene.overlay,
            Key::H => scene.help = !scene.help,
            Key::Space => scene.toggle_freeze(),
            Key::R => scene.turn = scene.turn.then(Turn::from_flips(1, false, false)),
            Key::M => scene.turn = scene.turn.then(Turn::from_flips(0, true, false)),
            Key::S => match &scene.picture {
                Some(shown) => sinks.snapshots.snapshot(&shown.frame.received, scene.turn),
                None => model.notify(Severity::Error, "No picture to save yet.".into()),
            },
            Key::V => model.toggle_recording(),
            Key::F => {
                if desktop.toggle_full_screen().is_err() {
                    let way = "No full screen here: the window's own button makes it large.";
                    model.notify(Severity::Error, way.into());
                }
            }
            Key::Enter | Key::NumPadEnter => return self.connect(0),
            // The digits' keys have their own numbers; each chooses what is listed at its place.
            _ => match key as usize {
                number @ 1..=9 => return self.connect(number - 1),
                _ => return,
            },
        }
        // What the key did, or why it did nothing, is seen at once.
        self.redraw_due = Instant::now();
    }

    /// Connects to one of the cameras that are listed, or looks for some: while there is nothing to see.
    fn connect(&mut self, place: usize) {
        if self.scene.picture.is_none() {
            self.model
                .connect(place, self.scene.status.found.as_deref());
            self.redraw_due = Instant::now();
        }
    }

    fn end(&self) {
        self.model.cameras.stop.ask(Reason::Done);
    }

    fn ask_status(&mut self, now: Instant) {
        let before = mem::replace(&mut self.scene.status, self.model.status());
        let (status, given) = (&self.scene.status, self.config.title.as_deref());
        let title = words::title(status, given);
        if title != words::title(&before, given) {
            self.surface.window.set_title(&title);
        }
        self.status_due = now + STATUS_EVERY;
        if !status.is_live() {
            self.status_due = now + 4 * STATUS_EVERY;
            if *status != before {
                self.redraw_due = now;
            }
        }
    }

    fn draw(&mut self, now: Instant) -> Result<(), WindowError> {
        self.redraw_due = now + REDRAW_EVERY;
        if self.scene.picture.is_none() && self.scene.status.recording_since.is_none() {
            // Nothing in it moves by itself: until the status changes, or somebody wants something.
            self.redraw_due += STILL_FOR;
        }
        let size = self.surface.size();
        let bitmap = match self.scene.plain(size) {
            Some(picture) => picture,
            None => {
                self.drawn.resize(size.width as usize, size.height as usize);
                let density = self.surface.density;
                self.scene.draw(&mut self.drawn, density, now);
                &self.drawn
            }
        };
        self.surface.show(bitmap)
    }
}
