//! On macOS, minifb does it all.

use super::Model;
use super::desktop::Connected;
use crate::picture::Bitmap;

pub fn bitmap() -> Bitmap {
    Bitmap::default()
}

pub(super) fn desktop(_: &minifb::Window, _on_top: bool, _: &Model) -> Connected {
    Ok(Box::new(()))
}
