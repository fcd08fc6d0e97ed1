//! What the window shows now: the last picture, how it lies, and what is said about it.
//!
//! Plain state and drawing; no window, no minifb, no clock of its own. The window's thread owns it.

use std::time::Instant;

use embedded_graphics::geometry::{AnchorPoint, Size};

use super::geometry::within;
use super::model::{Notification, State, Status};
use super::paint::panels::Panels;
use super::paint::transform::{Scaler, turn};
use super::paint::{Canvas, words};
use crate::picture::{Bitmap, Turn};
use crate::recv::frame::Decoded;

/// Beside a letter-boxed picture.
const BARS: u32 = 0;

/// How much of a picture's light is left while no newer one comes, of 256.
const OLD: u32 = 96;

/// What is in the window.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) picture: Option<Decoded>,
    /// The newest of those that came while the picture is frozen.
    pub(super) kept_back: Option<Decoded>,
    pub(super) frozen: bool,
    /// How the picture lies.
    pub(super) turn: Turn,
    /// How things stood when the model was asked last.
    pub(super) status: Status,
    /// Whether the figures are shown.
    pub(super) overlay: bool,
    pub(super) help: bool,
    turned: Bitmap,
    scaler: Scaler,
}

impl Scene {
    /// The size of the picture as it lies.
    pub(super) fn picture_size(&self) -> Option<Size> {
        let bitmap = &self.picture.as_ref()?.bitmap;
        let (width, height) = (bitmap.width as u32, bitmap.height as u32);
        Some(self.turn.size(width, height).into())
    }

    /// Freezes the picture, or goes on with the newest. Without a picture there is nothing to freeze.
    pub(super) fn toggle_freeze(&mut self) {
        self.frozen = !self.frozen && self.picture.is_some();
        if let Some(newest) = self.kept_back.take() {
            self.picture = Some(newest);
        }
    }

    /// Name, size and frames a second, in a line. Without control characters: of a NUL, minifb panics on
    /// macOS.
    pub(super) fn title(&self, given: Option<&str>) -> String {
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
    pub(super) fn plain(&self, window: Size) -> Option<&Bitmap> {
        let status = &self.status;
        let words = self.frozen || self.overlay || self.help;
        let news = status.recording_since.is_some() || status.notification.is_some();
        let live = status.state == State::Receiving;
        let fits = self.turn == Turn::NONE && self.picture_size() == Some(window);
        let picture = self.picture.as_ref()?;
        (fits && live && !words && !news).then_some(&*picture.bitmap)
    }

    /// Draws everything, on a screen where `density` pixels make one of a common screen's.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, density: u32, now: Instant) {
        self.draw_picture(canvas);
        let window = canvas.area().size;
        let mut panels = Panels::new(canvas, density);
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
            panels.overlay(&words::overlay(&self.status, window));
        }
    }

    fn draw_picture(&mut self, canvas: &mut Canvas<'_>) {
        let whole = canvas.area();
        let (Some(picture), Some(size)) = (&self.picture, self.picture_size()) else {
            canvas.fill(whole, BARS);
            return;
        };
        let bitmap = &*picture.bitmap;
        let area = whole.resized(within(size, whole.size), AnchorPoint::Center);
        if self.turn == Turn::NONE {
            self.scaler.draw(bitmap, canvas, area);
        } else if size == whole.size {
            turn(bitmap, self.turn, canvas.pixels());
        } else {
            self.turned
                .resize(size.width as usize, size.height as usize);
            turn(bitmap, self.turn, &mut self.turned.pixels);
            self.scaler.draw(&self.turned, canvas, area);
        }
        canvas.fill_around(area, BARS);
        if matches!(self.status.state, State::Stalled { .. }) {
            canvas.dim(area, OLD);
        }
    }
}
