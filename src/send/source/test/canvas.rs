//! Where embedded-graphics draws: the planes of a full-range I420 picture.
//!
//! Two pixels each way share their chroma, and the last one drawn decides it. Drawing beyond the
//! edges does nothing. [`Enlarged`] lays something down with each of its pixels as a square, for
//! text larger than any bitmap font. Knows nothing of what is drawn.

use std::convert::Infallible;

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::layout::Area;

/// A colour: full-range BT.601 luma and chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ycc {
    y: u8,
    cb: u8,
    cr: u8,
}

impl PixelColor for Ycc {
    // No raw images are drawn.
    type Raw = ();
}

impl Ycc {
    /// From red, green and blue, as JFIF defines it; weights in 65,536ths, rounded.
    pub const fn from_rgb([r, g, b]: [u8; 3]) -> Ycc {
        let (r, g, b) = (r as i32, g as i32, b as i32);
        let half = 1 << 15;
        let y = (19_595 * r + 38_470 * g + 7_471 * b + half) >> 16;
        let cb = 128 + ((-11_059 * r - 21_709 * g + 32_768 * b + half) >> 16);
        let cr = 128 + ((32_768 * r - 27_439 * g - 5_329 * b + half) >> 16);
        // Pure blue and pure red round up to 256.
        Ycc {
            y: y as u8,
            cb: if cb > 255 { 255 } else { cb as u8 },
            cr: if cr > 255 { 255 } else { cr as u8 },
        }
    }
}

/// The planes of an I420 picture, without gaps.
pub struct Canvas<'a> {
    width: usize,
    height: usize,
    luma: &'a mut [u8],
    cb: &'a mut [u8],
    cr: &'a mut [u8],
}

impl<'a> Canvas<'a> {
    /// Over `bytes` that are exactly a picture of that size.
    pub fn new(width: u32, height: u32, bytes: &'a mut [u8]) -> Self {
        let (width, height) = (width as usize, height as usize);
        let (luma, chroma) = bytes.split_at_mut(width * height);
        let (cb, cr) = chroma.split_at_mut(width.div_ceil(2) * height.div_ceil(2));
        Canvas {
            width,
            height,
            luma,
            cb,
            cr,
        }
    }

    /// Copies the luma of an area from another picture of this size; the chroma of the moving parts
    /// is that of grey, always.
    pub fn restore(&mut self, area: Area, from: &[u8]) {
        let (x, width) = (area.x as usize, area.width as usize);
        for y in area.y as usize..(area.y + area.height) as usize {
            let row = y * self.width + x;
            self.luma[row..row + width].copy_from_slice(&from[row..row + width]);
        }
    }
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Ycc;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Ycc>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            self.fill_solid(&Rectangle::new(point, Size::new(1, 1)), colour)?;
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Ycc) -> Result<(), Infallible> {
        let area = area.intersection(&self.bounding_box());
        let Some(last) = area.bottom_right() else {
            return Ok(());
        };
        let (x, y) = (area.top_left.x as usize, area.top_left.y as usize);
        let (end_x, end_y) = (last.x as usize + 1, last.y as usize + 1);
        for row in self.luma.chunks_exact_mut(self.width).take(end_y).skip(y) {
            row[x..end_x].fill(colour.y);
        }
        let stride = self.width.div_ceil(2);
        for (plane, value) in [(&mut *self.cb, colour.cb), (&mut *self.cr, colour.cr)] {
            let rows = plane.chunks_exact_mut(stride);
            for row in rows.take(end_y.div_ceil(2)).skip(y / 2) {
                row[x / 2..end_x.div_ceil(2)].fill(value);
            }
        }
        Ok(())
    }
}

/// A canvas on which each pixel is a square of `factor` pixels of the canvas below.
pub struct Enlarged<'c, 'a> {
    below: &'c mut Canvas<'a>,
    origin: Point,
    factor: u32,
    within: Rectangle,
}

impl<'c, 'a> Enlarged<'c, 'a> {
    /// With its (0, 0) at `origin` of the canvas below. Draws nothing outside `within`.
    pub fn new(below: &'c mut Canvas<'a>, origin: Point, factor: u32, within: Rectangle) -> Self {
        Enlarged {
            below,
            origin,
            factor,
            within,
        }
    }
}

impl OriginDimensions for Enlarged<'_, '_> {
    fn size(&self) -> Size {
        self.within.size / self.factor
    }
}

impl DrawTarget for Enlarged<'_, '_> {
    type Color = Ycc;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Ycc>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        let side = Size::new(self.factor, self.factor);
        for Pixel(point, colour) in pixels {
            let square = Rectangle::new(self.origin + point * self.factor as i32, side);
            self.below
                .fill_solid(&square.intersection(&self.within), colour)?;
        }
        Ok(())
    }
}
