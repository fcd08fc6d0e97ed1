//! What the window system can do for a window, and minifb cannot: the size, full screen, a shorter way for the pixels.
//!
//! Each works or does not, by itself; what is written here stands for a system that lacks it, and `()` lacks them all.
//! Everything is called on the window's thread, and blocks on the window system alone.

use std::error;

use embedded_graphics::geometry::Size;

use crate::picture::Bitmap;

/// Why something was left undone.
pub(super) type Error = Box<dyn error::Error>;

/// What a system's `desktop` returns for an open window of minifb's.
pub(super) type Connected = Result<Box<dyn Desktop>, Error>;

const NOT_HERE: &str = "this system has no way to do that";

/// A window system, as it knows an open window of minifb's.
pub(super) trait Desktop {
    /// How many pixels of this screen make one of a common screen, in each direction; at least 1.
    fn density(&self) -> u32 {
        1
    }

    /// Gives the window a size that suits the picture; returns that.
    fn suit(&self, _picture: Size) -> Result<Size, Error> {
        Err(NOT_HERE.into())
    }

    /// Whether the window fills the screen, whoever had it do so.
    fn is_full_screen(&self) -> bool {
        false
    }

    /// Makes the window fill the screen, or gives it its place back.
    fn toggle_full_screen(&mut self) -> Result<(), Error> {
        Err(NOT_HERE.into())
    }

    /// Shows what is in a [`bitmap`](super::bitmap) without a copy of ours, and returns when it is on the screen.
    fn show(&self, _: &Bitmap) -> Result<(), Error> {
        Err(NOT_HERE.into())
    }

    /// Begins to watch the window, or ends it: what happens to it nudges the slot of the model's pictures. Only while the
    /// loop waits: in between minifb asks the system, and the answers come the same way.
    fn watch(&self, _on: bool) -> Result<(), Error> {
        Err(NOT_HERE.into())
    }
}

impl Desktop for () {}
