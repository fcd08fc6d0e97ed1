//! What this platform does for a window of minifb's: where there is no X11, nothing beyond minifb.
//!
//! The same questions as on Linux, and the answers that send the surface minifb's way.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;

use crate::handoff::slot::Slot;
use crate::picture::Bitmap;

/// The platform's side of a window.
pub struct Native;

/// Something that wakes the loop; there is none here.
pub struct Watch(Infallible);

impl Native {
    /// Looks at what is there for this window.
    pub fn new(_window: &minifb::Window) -> Self {
        Native
    }

    /// The window system enlarges pixels by itself.
    pub fn density(&self) -> usize {
        1
    }

    /// minifb cannot give a window another size.
    pub fn suit(&self, _picture: (u32, u32)) -> bool {
        false
    }

    /// minifb knows no full screen.
    pub fn is_full_screen(&self) -> bool {
        false
    }

    /// minifb knows no full screen.
    pub fn set_full_screen(&mut self, _full: bool) -> bool {
        false
    }

    /// minifb does it as it opens the window.
    pub fn keep_on_top(&self) {}

    /// A bitmap like any other.
    pub fn bitmap() -> Bitmap {
        Bitmap::default()
    }

    /// minifb does it.
    pub fn show(&mut self, _bitmap: &Bitmap) -> bool {
        false
    }

    /// minifb has its own.
    pub fn pixels(&mut self, _count: usize) -> Option<&mut [u32]> {
        None
    }

    /// Never called: there are no pixels to show.
    pub fn put(&mut self, _width: usize, _height: usize) -> bool {
        false
    }

    /// The loop looks by itself.
    pub fn watch(&self) -> Option<Watch> {
        None
    }
}

impl Watch {
    /// Never called: there is no such thing.
    pub fn run<T>(self, _slot: &Slot<T>, _uncovered: &AtomicBool) {
        match self.0 {}
    }
}
