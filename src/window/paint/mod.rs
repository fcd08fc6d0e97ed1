//! What is in the window, pixel by pixel: the picture turned, scaled and letter-boxed, and the words.
//!
//! Bitmaps in, pixels out: no window, no clock, no thread of its own; the window's thread calls it
//! for every frame that cannot be shown as it is. Everything is clipped, whatever the sizes.

//!
//! ```text
//! transform   the picture turned and scaled into its area
//! words       what is said about it, as lines
//! panels      where the lines stand
//! text        a line's letters
//! ```

pub(super) mod panels;
mod text;
pub(super) mod transform;
pub(super) mod words;

use embedded_graphics::geometry::{AnchorX, AnchorY, Point, Size};
use embedded_graphics::primitives::Rectangle;

/// Pixels to draw on: rows without gaps, `0x00RRGGBB`.
#[derive(Debug)]
pub(crate) struct Canvas<'a> {
    pub(super) pixels: &'a mut [u32],
    size: Size,
}

impl<'a> Canvas<'a> {
    /// Draws on `pixels`, of which the first `width * height` are used.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub(crate) fn new(pixels: &'a mut [u32], width: usize, height: usize) -> Self {
        Canvas {
            pixels: &mut pixels[..width * height],
            size: Size::new(width as u32, height as u32),
        }
    }

    /// Everything.
    pub(crate) fn area(&self) -> Rectangle {
        Rectangle::new(Point::zero(), self.size)
    }

    /// Fills an area with a colour.
    pub(crate) fn fill(&mut self, area: Rectangle, colour: u32) {
        self.rows(area).for_each(|row| row.fill(colour));
    }

    /// Darkens an area: `keep` of 256 parts of each colour stay.
    pub(crate) fn dim(&mut self, area: Rectangle, keep: u32) {
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
    pub(crate) fn fill_around(&mut self, inner: Rectangle, colour: u32) {
        let (whole, Point { x, y }) = (self.area(), inner.top_left);
        let before = Size::new(x as u32, y as u32);
        let behind = self.size - before - inner.size;
        for bar in [
            whole.resized_height(before.height, AnchorY::Top),
            whole.resized_height(behind.height, AnchorY::Bottom),
            whole.resized_width(before.width, AnchorX::Left),
            whole.resized_width(behind.width, AnchorX::Right),
        ] {
            self.fill(bar, colour);
        }
    }

    /// Each row's part of the area, as far as it is on the canvas.
    fn rows(&mut self, area: Rectangle) -> impl Iterator<Item = &mut [u32]> {
        let area = area.intersection(&self.area());
        let (left, top) = (area.top_left.x as usize, area.top_left.y as usize);
        let (width, height) = (area.size.width as usize, area.size.height as usize);
        let stride = (self.size.width as usize).max(1);
        let rows = self.pixels.chunks_exact_mut(stride).skip(top).take(height);
        rows.map(move |row| &mut row[left..][..width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::prelude::Transform;

    #[test]
    fn filling_is_clipped_to_the_canvas() {
        let mut pixels = [0; 12];
        let mut canvas = Canvas::new(&mut pixels, 4, 3);
        let square = |at, side| Rectangle::new(Point::new_equal(at), Size::new_equal(side));
        canvas.fill(square(1, 1000).translate(Point::new(1, 0)), 7);
        canvas.fill(square(9, 1), 8);
        canvas.fill(square(-2, 2), 9);
        assert_eq!(pixels, [0, 0, 0, 0, 0, 0, 7, 7, 0, 0, 7, 7]);
    }

    #[test]
    fn the_bars_of_a_letter_box_leave_the_picture_alone() {
        let mut pixels = [1; 20];
        let mut canvas = Canvas::new(&mut pixels, 5, 4);
        canvas.fill_around(Rectangle::new(Point::new_equal(1), Size::new(3, 2)), 0);
        assert_eq!(
            pixels,
            [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn dimming_halves_each_colour_by_itself() {
        let mut pixels = [0xff_80_01];
        let mut canvas = Canvas::new(&mut pixels, 1, 1);
        canvas.dim(canvas.area(), 128);
        assert_eq!(pixels, [0x7f_40_00]);
    }
}
