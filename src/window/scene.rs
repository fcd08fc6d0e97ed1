//! What the window shows now: the last picture, how it lies, and what is said about it.
//!
//! Plain state and drawing; no window, no minifb, no clock of its own. The window's thread owns it.

use std::time::Instant;

use embedded_graphics::geometry::{AnchorPoint, Point, Size};
use embedded_graphics::primitives::Rectangle;

use super::Status;
use super::geometry::within;
use super::paint::panels::Panels;
use super::paint::transform::{Scaler, turn};
use super::paint::words;
use crate::picture::{Bitmap, Turn};
use crate::recv::Decoded;

/// Beside a letter-boxed picture.
const BARS: u32 = 0;

/// Where there is no picture.
const NIGHT: u32 = 0x14_17_1b;

/// How much of a picture's light is left while no newer one comes, of 256.
const OLD: u32 = 96;

/// What is in the window: at first, no picture.
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
    /// Where the cameras are listed that can be dialled.
    pub(super) listed: Option<Rectangle>,
    pub(super) turned: Bitmap,
    pub(super) scaler: Scaler,
}

impl Scene {
    /// The size of a picture as it lies.
    pub(super) fn size_of(&self, picture: &Bitmap) -> Size {
        let (width, height) = (picture.width as u32, picture.height as u32);
        self.turn.size(width, height).into()
    }

    /// Freezes the picture, or goes on with the newest. Without a picture there is nothing to freeze.
    pub(super) fn toggle_freeze(&mut self) {
        self.frozen = !self.frozen && self.picture.is_some();
        self.picture = self.kept_back.take().or(self.picture.take());
    }

    /// The picture, where it can be shown in a window of that size just as it is.
    pub(super) fn plain(&self, window: Size) -> Option<&Bitmap> {
        let (bitmap, status) = (&*self.picture.as_ref()?.bitmap, &self.status);
        let is_turned = self.turn != Turn::NONE || self.size_of(bitmap) != window;
        let words = self.frozen || self.overlay || self.help;
        let news = status.recording_since.is_some() || status.notification.is_some();
        (status.is_live() && !is_turned && !words && !news).then_some(bitmap)
    }

    /// Which of the cameras that were listed last stands there, if one does.
    pub(super) fn listed_at(&self, at: Point) -> Option<usize> {
        let area = self.listed.filter(|area| area.contains(at))?;
        let rows = words::found(&self.status).len();
        let from_top = (at.y - area.top_left.y) as usize;
        (from_top * rows).checked_div(area.size.height as usize)
    }

    /// Draws picture and words on all of `drawn`, for a screen where `density` pixels make one of a common screen's.
    pub(super) fn draw(&mut self, drawn: &mut Bitmap, density: u32, now: Instant) {
        self.draw_picture(drawn);
        let window = drawn.area().size;
        let mut panels = Panels::new(drawn, density);
        let (bottom, notification) = (AnchorPoint::BottomCenter, words::notification(&self.status));
        panels.put(bottom, notification.as_slice());
        panels.put(bottom, self.frozen.then(words::frozen).as_slice());
        panels.put(bottom, &words::stalled(&self.status, now));
        if let Some(since) = self.status.recording_since {
            panels.recording(&words::recording_time(since, now));
        }
        if self.help {
            panels.help(&words::help());
        } else if self.picture.is_none() {
            self.listed = panels.put(bottom, &words::found(&self.status));
            panels.waiting(&words::waiting(&self.status));
        } else if self.overlay {
            panels.put(AnchorPoint::TopLeft, &words::overlay(&self.status, window));
        }
    }

    fn draw_picture(&mut self, drawn: &mut Bitmap) {
        let whole = drawn.area();
        let Some(picture) = &self.picture else {
            drawn.fill(whole, NIGHT);
            return;
        };
        let bitmap = &*picture.bitmap;
        let size = self.size_of(bitmap);
        let area = whole.resized(within(size, whole.size), AnchorPoint::Center);
        if self.turn == Turn::NONE {
            self.scaler.draw(bitmap, drawn, area);
        } else if size == whole.size {
            turn(bitmap, self.turn, drawn);
        } else {
            turn(bitmap, self.turn, &mut self.turned);
            self.scaler.draw(&self.turned, drawn, area);
        }
        drawn.fill_around(area, BARS);
        if self.status.stalled.is_some() {
            drawn.dim(area, OLD);
        }
    }
}
