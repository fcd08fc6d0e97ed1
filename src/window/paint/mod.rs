//! What is in the window, pixel by pixel: the picture turned, scaled and letter-boxed, and the words.
//!
//! Bitmaps in, pixels out: no window, no clock, no thread of its own; the window's thread calls it
//! for every frame that cannot be shown as it is. Everything is clipped, whatever the sizes.
//!
//! ```text
//! transform   the picture turned and scaled into its area
//! words       what is said about it, as lines, and the title
//! panels      where the lines stand
//! text        a line's letters
//! ```

pub(super) mod panels;
mod text;
pub(super) mod transform;
pub(super) mod words;

use embedded_graphics::geometry::{AnchorX, AnchorY, Point, Size};
use embedded_graphics::primitives::Rectangle;

use crate::picture::Bitmap;

impl Bitmap {
    /// All of it.
    pub(in crate::window) fn area(&self) -> Rectangle {
        let size = Size::new(self.width as u32, self.height as u32);
        Rectangle::new(Point::zero(), size)
    }

    /// Fills an area with a colour.
    pub(super) fn fill(&mut self, area: Rectangle, colour: u32) {
        self.rows(area).for_each(|row| row.fill(colour));
    }

    /// Darkens an area: `keep` of 256 parts of each colour stay.
    pub(super) fn dim(&mut self, area: Rectangle, keep: u32) {
        for row in self.rows(area) {
            for pixel in row {
                // Red and blue in one multiplication: neither reaches into the other's byte.
                let red_blue = (((*pixel & 0xff00ff) * keep) >> 8) & 0xff00ff;
                let green = (((*pixel & 0x00ff00) * keep) >> 8) & 0x00ff00;
                *pixel = red_blue | green;
            }
        }
    }

    /// Fills what lies outside of an area.
    pub(super) fn fill_around(&mut self, inner: Rectangle, colour: u32) {
        let (whole, Point { x, y }) = (self.area(), inner.top_left);
        let before = Size::new(x as u32, y as u32);
        let behind = whole.size - before - inner.size;
        for bar in [
            whole.resized_height(before.height, AnchorY::Top),
            whole.resized_height(behind.height, AnchorY::Bottom),
            whole.resized_width(before.width, AnchorX::Left),
            whole.resized_width(behind.width, AnchorX::Right),
        ] {
            self.fill(bar, colour);
        }
    }

    /// Each row's part of the area, as far as it is in the bitmap.
    fn rows(&mut self, area: Rectangle) -> impl Iterator<Item = &mut [u32]> {
        let area = area.intersection(&self.area());
        let (left, top) = (area.top_left.x as usize, area.top_left.y as usize);
        let (width, height) = (area.size.width as usize, area.size.height as usize);
        let rows = self.pixels.chunks_exact_mut(self.width.max(1));
        let rows = rows.skip(top).take(height);
        rows.map(move |row| &mut row[left..][..width])
    }
}

#[cfg(test)]
pub(in crate::window) mod tests {
    use super::*;
    use embedded_graphics::prelude::Transform;

    /// A bitmap of one colour.
    pub fn plain(width: usize, height: usize, colour: u32) -> Bitmap {
        Bitmap {
            width,
            height,
            pixels: Box::new(vec![colour; width * height]),
        }
    }

    #[test]
    fn filling_is_clipped_to_the_bitmap() {
        let mut bitmap = plain(4, 3, 0);
        let square = |at, side| Rectangle::new(Point::new_equal(at), Size::new_equal(side));
        bitmap.fill(square(1, 1000).translate(Point::new(1, 0)), 7);
        bitmap.fill(square(9, 1), 8);
        bitmap.fill(square(-2, 2), 9);
        assert_eq!(bitmap.pixels[..], [0, 0, 0, 0, 0, 0, 7, 7, 0, 0, 7, 7]);
    }

    #[test]
    fn the_bars_of_a_letter_box_leave_the_picture_alone() {
        let mut bitmap = plain(5, 4, 1);
        bitmap.fill_around(Rectangle::new(Point::new_equal(1), Size::new(3, 2)), 0);
        assert_eq!(
            bitmap.pixels[..],
            [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn dimming_halves_each_colour_by_itself() {
        let mut bitmap = plain(1, 1, 0xff_80_01);
        bitmap.dim(bitmap.area(), 128);
        assert_eq!(bitmap.pixels[..], [0x7f_40_00]);
    }
}
