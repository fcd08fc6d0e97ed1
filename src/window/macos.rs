//! On macOS, minifb does it all.

use std::convert::Infallible;

use embedded_graphics::geometry::Size;

use super::Model;
use crate::picture::Bitmap;

/// What there is not.
pub(super) enum Desktop {}

pub(super) type Watch = Desktop;

pub fn bitmap() -> Bitmap {
    Bitmap::default()
}

impl Desktop {
    pub(super) fn new(_: &minifb::Window, _on_top: bool) -> Result<Self, ()> {
        Err(())
    }

    pub(super) fn start(_: &minifb::Window, _: &Model) -> Result<Self, ()> {
        Err(())
    }

    pub(super) fn during<T>(&self, _: impl FnOnce() -> T) -> T {
        match *self {}
    }

    pub(super) fn density(&self) -> u32 {
        match *self {}
    }

    pub(super) fn suit(&self, _: Size) -> Result<Size, Infallible> {
        match *self {}
    }

    pub(super) fn is_full_screen(&self) -> bool {
        match *self {}
    }

    pub(super) fn toggle_full_screen(&mut self) -> Result<(), Infallible> {
        match *self {}
    }

    pub(super) fn show(&mut self, _: &Bitmap) -> Result<(), Infallible> {
        match *self {}
    }
}
