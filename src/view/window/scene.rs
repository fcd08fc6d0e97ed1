//! What the window shows now: the last picture, how it lies, and what is said about it.
//!
//! Plain state and drawing; no window, no minifb. The window's thread owns it.

use crate::frame::{Bitmap, Turn};
use crate::view::host::{State, Status};
use crate::view::paint::Canvas;
use crate::view::paint::fit;
use crate::view::paint::scale::Scaler;
use crate::view::paint::turn::turn;
use crate::view::received::Decoded;

/// Beside a letter-boxed picture.
const BARS: u32 = 0;

/// How much of a picture's light is left while no newer one comes, of 256.
const OLD: u32 = 96;

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
        }
    }

    /// How things stood when the host was asked last.
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

    /// A picture to show when the frozen one is let go.
    pub fn keep_back(&mut self, picture: Decoded) {
        self.kept_back = Some(picture);
    }

    /// Whether the picture is frozen.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Freezes the picture, or goes on with the newest.
    pub fn toggle_freeze(&mut self) {
        self.frozen = !self.frozen;
        if let Some(newest) = self.kept_back.take() {
            self.picture = Some(newest);
        }
    }

    /// Turns by a quarter, clockwise.
    pub fn turn_right(&mut self) {
        self.turn = self.turn.then(Turn {
            quarters: 1,
            mirror: false,
        });
    }

    /// Mirrors left to right.
    pub fn mirror(&mut self) {
        self.turn = self.turn.then(Turn {
            quarters: 0,
            mirror: true,
        });
    }

    /// Name, size and frames a second, in a line.
    pub fn title(&self, given: Option<&str>) -> String {
        let name = given.or(self.status.name.as_deref()).unwrap_or("view-recv");
        let mut title = match self.status.state {
            State::Waiting => format!("{name} - waiting for a camera"),
            State::Receiving => format!(
                "{name} - {}x{} - {:.0} fps",
                self.status.width, self.status.height, self.status.fps
            ),
            State::Stalled { .. } => format!(
                "{name} - {}x{} - no picture",
                self.status.width, self.status.height
            ),
        };
        title.retain(|c| !c.is_control());
        title
    }

    /// The picture, where it can go to a window of that size just as it is.
    pub fn plain(&self, size: (usize, usize)) -> Option<&Bitmap> {
        let live = self.status.state == State::Receiving && !self.frozen;
        let bitmap = &self.picture.as_ref()?.bitmap;
        let fits = (bitmap.width, bitmap.height) == size && self.turn == Turn::NONE;
        (live && fits).then_some(bitmap)
    }

    /// Draws everything.
    pub fn draw(&mut self, canvas: &mut Canvas<'_>) {
        let whole = canvas.area();
        match &self.picture {
            None => canvas.fill(whole, BARS),
            Some(picture) => {
                let bitmap = if self.turn == Turn::NONE {
                    &*picture.bitmap
                } else {
                    turn(&picture.bitmap, self.turn, &mut self.turned);
                    &self.turned
                };
                let area = fit::centred((bitmap.width, bitmap.height), (whole.width, whole.height));
                canvas.fill_around(area, BARS);
                self.scaler.draw(bitmap, canvas, area);
                if matches!(self.status.state, State::Stalled { .. }) {
                    canvas.dim(area, OLD);
                }
            }
        }
    }
}
