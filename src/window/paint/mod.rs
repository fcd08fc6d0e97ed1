//! What is in the window, pixel by pixel: the picture turned, scaled and letter-boxed, and the words.
//!
//! Bitmaps in, pixels out: no window, no clock, no thread of its own; the window's thread calls it
//! for every frame that cannot be shown as it is. Everything is clipped, whatever the sizes.

pub mod fit;
pub mod panels;
pub mod scale;
pub mod text;
pub mod turn;
pub mod words;

use self::fit::Area;

/// Pixels to draw on: rows without gaps, `0x00RRGGBB`.
#[derive(Debug)]
pub struct Canvas<'a> {
    pixels: &'a mut [u32],
    width: usize,
    height: usize,
}

impl<'a> Canvas<'a> {
    /// Draws on `pixels`, of which the first `width * height` are used.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub fn new(pixels: &'a mut [u32], width: usize, height: usize) -> Self {
        Canvas {
            pixels: &mut pixels[..width * height],
            width,
            height,
        }
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Everything.
    pub fn area(&self) -> Area {
        Area {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// All pixels, row by row.
    pub fn pixels(&mut self) -> &mut [u32] {
        self.pixels
    }

    /// Fills an area with a colour.
    pub fn fill(&mut self, area: Area, colour: u32) {
        self.change(area, |row| row.fill(colour));
    }

    /// Darkens an area: `keep` of 256 parts of each colour stay.
    pub fn dim(&mut self, area: Area, keep: u32) {
        self.change(area, |row| {
            for pixel in row {
                // Red and blue in one multiplication: neither reaches into the other's byte.
                let red_blue = (((*pixel & 0xff00ff) * keep) >> 8) & 0xff00ff;
                let green = (((*pixel & 0x00ff00) * keep) >> 8) & 0x00ff00;
                *pixel = red_blue | green;
            }
        });
    }

    /// Fills what lies outside of an area.
    pub fn fill_around(&mut self, inner: Area, colour: u32) {
        let (right, bottom) = (inner.x + inner.width, inner.y + inner.height);
        let whole = self.area();
        self.fill(
            Area {
                height: inner.y,
                ..whole
            },
            colour,
        );
        self.fill(Area { y: bottom, ..whole }, colour);
        let beside = Area {
            y: inner.y,
            height: inner.height,
            ..whole
        };
        self.fill(
            Area {
                width: inner.x,
                ..beside
            },
            colour,
        );
        self.fill(Area { x: right, ..beside }, colour);
    }

    /// Calls `change` with each row's part of the area, as far as it is on the canvas.
    fn change(&mut self, area: Area, mut change: impl FnMut(&mut [u32])) {
        let left = area.x.min(self.width);
        let right = area.x.saturating_add(area.width).min(self.width);
        let bottom = area.y.saturating_add(area.height).min(self.height);
        if left == right {
            return;
        }
        for y in area.y..bottom {
            change(&mut self.pixels[y * self.width..][left..right]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_is_clipped_to_the_canvas() {
        let mut pixels = [0; 12];
        let mut canvas = Canvas::new(&mut pixels, 4, 3);
        canvas.fill(
            Area {
                x: 2,
                y: 1,
                width: usize::MAX,
                height: usize::MAX,
            },
            7,
        );
        canvas.fill(
            Area {
                x: 9,
                y: 9,
                width: 1,
                height: 1,
            },
            8,
        );
        assert_eq!(pixels, [0, 0, 0, 0, 0, 0, 7, 7, 0, 0, 7, 7]);
    }

    #[test]
    fn the_bars_of_a_letter_box_leave_the_picture_alone() {
        let mut pixels = [1; 20];
        let mut canvas = Canvas::new(&mut pixels, 5, 4);
        canvas.fill_around(
            Area {
                x: 1,
                y: 1,
                width: 3,
                height: 2,
            },
            0,
        );
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
