//! Where there is no X11, minifb does it all.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;

use embedded_graphics::geometry::Size;

use crate::handoff::slot::Slot;
use crate::picture::Bitmap;

/// What there is not.
pub(super) enum Nothing {}

pub(super) type Desktop = Nothing;
pub(super) type Shm = Nothing;
pub(super) type Watch = Nothing;

pub fn bitmap() -> Bitmap {
    Bitmap::default()
}

impl Nothing {
    pub(super) fn new(_: &minifb::Window) -> Option<Self> {
        None
    }

    pub(super) fn density(&self) -> u32 {
        match *self {}
    }

    pub(super) fn suit(&self, _: Size) -> Result<(), Infallible> {
        match *self {}
    }

    pub(super) fn is_full_screen(&self) -> bool {
        match *self {}
    }

    pub(super) fn set_full_screen(&mut self, _: bool) -> Result<(), Infallible> {
        match *self {}
    }

    pub(super) fn keep_on_top(&self) -> Result<(), Infallible> {
        match *self {}
    }

    pub(super) fn show(&mut self, _: &Bitmap) -> Result<(), Infallible> {
        match *self {}
    }

    pub(super) fn run<T>(self, _: &Slot<T>, _: &AtomicBool) {
        match self {}
    }
}
