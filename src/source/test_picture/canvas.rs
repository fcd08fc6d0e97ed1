//! Where embedded-graphics draws: the planes of a full-range I420 picture.
//!
//! Two pixels each way share their chroma, and the last one drawn decides it. Drawing beyond the
//! edges does nothing. Knows nothing of what is drawn.

use std::convert::Infallible;

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// A colour: full-range BT.601 luma and chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ycc([u8; 3]);

impl PixelColor for Ycc {
    // No raw images are drawn.
    type Raw = ();
}

impl Ycc {
    pub(super) const fn grey(luma: u8) -> Ycc {
        Ycc([luma, 128, 128])
    }

    /// From red, green and blue, as JFIF defines it; weights in 65,536ths.
    pub(super) fn from_rgb(rgb: [u8; 3]) -> Ycc {
        let ([r, g, b], zero, half) = (rgb.map(i32::from), 128 << 16, 1 << 15);
        let y = 19_595 * r + 38_470 * g + 7_471 * b;
        let cb = zero - 11_059 * r - 21_709 * g + 32_768 * b;
        let cr = zero + 32_768 * r - 27_439 * g - 5_329 * b;
        // Pure blue and pure red round up to 256.
        Ycc([y, cb, cr].map(|sum| ((sum + half) >> 16).min(255) as u8))
    }
}

/// The planes of an I420 picture, without gaps.
pub(super) struct Canvas<'a> {
    width: usize,
    planes: [&'a mut [u8]; 3],
    /// What is drawn on; its corner is (0, 0).
    area: Rectangle,
    /// Each pixel is a square of so many pixels a side.
    scale: u32,
}

impl<'a> Canvas<'a> {
    /// Over `bytes` that are exactly a picture of that size.
    pub(super) fn new(width: u32, height: u32, bytes: &'a mut [u8]) -> Self {
        let (luma, chroma) = bytes.split_at_mut(width as usize * height as usize);
        let (cb, cr) = chroma.split_at_mut(chroma.len() / 2);
        Canvas {
            width: width as usize,
            planes: [luma, cb, cr],
            area: Rectangle::new(Point::zero(), Size::new(width, height)),
            scale: 1,
        }
    }

    /// From here on draws in `area` alone, each pixel as a square of `scale` pixels: for text larger than any
    /// bitmap font.
    pub(super) fn enlarge(&mut self, area: Rectangle, scale: u32) {
        (self.area, self.scale) = (area, scale);
    }
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        self.area.size / self.scale
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
        let top_left = self.area.top_left + area.top_left * self.scale as i32;
        let area = Rectangle::new(top_left, area.size * self.scale).intersection(&self.area);
        let Some(last) = area.bottom_right() else {
            return Ok(());
        };
        let (left, top) = (area.top_left.x as usize, area.top_left.y as usize);
        let (right, bottom) = (last.x as usize + 1, last.y as usize + 1);
        for (i, plane) in self.planes.iter_mut().enumerate() {
            let shared = if i == 0 { 1 } else { 2 };
            let rows = plane.chunks_exact_mut(self.width.div_ceil(shared));
            for row in rows.take(bottom.div_ceil(shared)).skip(top / shared) {
                row[left / shared..right.div_ceil(shared)].fill(colour.0[i]);
            }
        }
        Ok(())
    }
}
