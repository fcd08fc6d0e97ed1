//! What the window shows now: the last picture, how it lies, and what is said about it.
//!
//! Plain state and drawing; no window, no minifb, no clock of its own. The window's thread owns it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::picture::{Bitmap, Turn};
use crate::recv::frame::Decoded;
use crate::recv::frame::Received;
use crate::window::model::{Notification, State, Status};
use crate::window::paint::Canvas;
use crate::window::paint::fit;
use crate::window::paint::panels::Panels;
use crate::window::paint::scale::Scaler;
use crate::window::paint::turn::turn;
use crate::window::paint::words;

/// Beside a letter-boxed picture.
const BARS: u32 = 0;

/// How much of a picture's light is left while no newer one comes, of 256.
const OLD: u32 = 96;

/// How long the window says why a key did nothing.
const REFUSAL_FOR: Duration = Duration::from_secs(5);

/// What is in the window.
pub struct Scene {
    picture: Option<Decoded>,
    /// The newest of those that came while the picture is frozen.
    kept_back: Option<Decoded>,
    frozen: bool,
    turn: Turn,
    turned: Bitmap,
    scaler: Scaler,
    status: Status,
    overlay: bool,
    help: bool,
    refusal: Option<Refusal>,
}

/// Why a key did nothing, for a while.
struct Refusal {
    text: &'static str,
    until: Instant,
}

impl Scene {
    /// Nothing yet.
    pub fn new(turn: Turn, status: Status) -> Self {
        Scene {
            picture: None,
            kept_back: None,
            frozen: false,
            turn,
            turned: Bitmap::default(),
            scaler: Scaler::default(),
            status,
            overlay: false,
            help: false,
            refusal: None,
        }
    }

    /// How things stood when the model was asked last.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// How things stand now.
    pub fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    /// The picture to show from now on.
    pub fn put(&mut self, picture: Decoded) {
        self.picture = Some(picture);
    }

    /// The picture is on the screen since `at`.
    pub fn shown(&mut self, at: Instant) {
        if let Some(picture) = &mut self.picture {
            picture.frame.shown(at);
        }
    }

    /// The size of the picture as it lies, in pixels.
    pub fn picture_size(&self) -> Option<(usize, usize)> {
        let bitmap = &self.picture.as_ref()?.bitmap;
        let size = (bitmap.width, bitmap.height);
        Some(if self.turn.swaps_sides() {
            (size.1, size.0)
        } else {
            size
        })
    }

    /// The frame that is to be seen.
    pub fn frame(&self) -> Option<&Arc<Received>> {
        self.picture
            .as_ref()
            .map(|picture| picture.frame.received())
    }

    /// A picture to show when the frozen one is let go.
    pub fn keep_back(&mut self, picture: Decoded) {
        self.kept_back = Some(picture);
    }

    /// Whether the picture is frozen.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Freezes the picture, or goes on with the newest. Without a picture there is nothing to freeze.
    pub fn toggle_freeze(&mut self) {
        self.frozen = !self.frozen && self.picture.is_some();
        if let Some(newest) = self.kept_back.take() {
            self.picture = Some(newest);
        }
    }

    /// How the picture lies.
    pub fn turn(&self) -> Turn {
        self.turn
    }

    /// Turns what is seen by a quarter, clockwise.
    pub fn turn_right(&mut self) {
        let quarter = Turn {
            quarters: 1,
            mirror: false,
        };
        self.turn = self.turn.then(quarter);
    }

    /// Mirrors what is seen, left to right.
    pub fn mirror(&mut self) {
        let mirror = Turn {
            quarters: 0,
            mirror: true,
        };
        self.turn = self.turn.then(mirror);
    }

    /// Shows or hides the figures.
    pub fn toggle_overlay(&mut self) {
        self.overlay = !self.overlay;
    }

    /// Shows or hides the help.
    pub fn toggle_help(&mut self) {
        self.help = !self.help;
    }

    /// Hides the help; says whether it was there.
    pub fn leave_help(&mut self) -> bool {
        std::mem::take(&mut self.help)
    }

    /// Says for a while why a key did nothing.
    pub fn say(&mut self, text: &'static str, now: Instant) {
        self.refusal = Some(Refusal {
            text,
            until: now + REFUSAL_FOR,
        });
    }

    /// Name, size and frames a second, in a line.
    pub fn title(&self, given: Option<&str>) -> String {
        let name = given.or(self.status.name.as_deref()).unwrap_or("view-recv");
        let (width, height) = (self.status.width, self.status.height);
        let mut title = match self.status.state {
            State::Waiting => format!("{name} - waiting for a camera"),
            State::Receiving => format!("{name} - {width}x{height} - {:.0} fps", self.status.fps),
            State::Stalled { .. } => format!("{name} - {width}x{height} - no picture"),
        };
        title.retain(|c| !c.is_control());
        title
    }

    /// The picture, where it can go to a window of that size just as it is.
    pub fn plain(&self, size: (usize, usize)) -> Option<&Bitmap> {
        let bitmap = &self.picture.as_ref()?.bitmap;
        let fits = (bitmap.width, bitmap.height) == size && self.turn == Turn::NONE;
        let words = self.frozen || self.overlay || self.help || self.refusal.is_some();
        let status_words =
            self.status.recording_since.is_some() || self.status.notification.is_some();
        let live = self.status.state == State::Receiving;
        (fits && live && !words && !status_words).then_some(bitmap)
    }

    /// Draws everything, on a screen where `density` pixels make one of a common screen's.
    pub fn draw(&mut self, canvas: &mut Canvas<'_>, density: usize, now: Instant) {
        self.refusal.take_if(|refusal| refusal.until <= now);
        let size = (canvas.width(), canvas.height());
        self.draw_picture(canvas);
        let mut panels = Panels::new(canvas, density);
        if let Some(refusal) = &self.refusal {
            panels.stack(&[words::notification(refusal.text, true)]);
        }
        if let Some(Notification { text, is_error }) = &self.status.notification {
            panels.stack(&[words::notification(text, *is_error)]);
        }
        if self.frozen {
            panels.stack(&[words::frozen()]);
        }
        if self.picture.is_some() {
            panels.stack(&words::stalled(&self.status, now));
        } else {
            panels.waiting(&words::waiting(&self.status));
        }
        if let Some(since) = self.status.recording_since {
            panels.recording(&words::recording_time(since, now));
        }
        if self.help {
            panels.help(&words::help());
        } else if self.overlay && self.picture.is_some() {
            panels.overlay(&words::overlay(&self.status, size));
        }
    }

    fn draw_picture(&mut self, canvas: &mut Canvas<'_>) {
        let whole = canvas.area();
        let Some(picture) = &self.picture else {
            canvas.fill(whole, BARS);
            return;
        };
        let bitmap = &*picture.bitmap;
        let turned = self.turn.size(bitmap.width as u32, bitmap.height as u32);
        let turned = (turned.0 as usize, turned.1 as usize);
        let area = fit::centred(turned, (whole.width, whole.height));
        if self.turn == Turn::NONE {
            self.scaler.draw(bitmap, canvas, area);
        } else if turned == (whole.width, whole.height) {
            turn(bitmap, self.turn, canvas.pixels());
        } else {
            self.turned.pixels.resize(bitmap.pixels.len());
            (self.turned.width, self.turned.height) = turned;
            turn(bitmap, self.turn, &mut self.turned.pixels);
            self.scaler.draw(&self.turned, canvas, area);
        }
        canvas.fill_around(area, BARS);
        if matches!(self.status.state, State::Stalled { .. }) {
            canvas.dim(area, OLD);
        }
    }
}
