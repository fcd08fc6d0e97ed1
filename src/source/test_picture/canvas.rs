//! Where embedded-graphics draws: one plane of bytes. Drawing beyond the edges does nothing.

use std::convert::Infallible;

use embedded_graphics::pixelcolor::Gray8;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// A plane without gaps.
pub(super) struct Canvas<'a> {
    width: usize,
    bytes: &'a mut [u8],
    /// What is drawn on; its corner is (0, 0).
    area: Rectangle,
    /// Each pixel is a square of so many pixels a side.
    scale: u32,
}

impl<'a> Canvas<'a> {
    /// Over exactly as many bytes as that size has.
    pub(super) fn new(size: Size, bytes: &'a mut [u8]) -> Self {
        Canvas {
            width: size.width as usize,
            bytes,
            area: Rectangle::new(Point::zero(), size),
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
    type Color = Gray8;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, grey) in pixels {
            self.fill_solid(&Rectangle::new(point, Size::new(1, 1)), grey)?;
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, grey: Gray8) -> Result<(), Infallible> {
        let top_left = self.area.top_left + area.top_left * self.scale as i32;
        let area = Rectangle::new(top_left, area.size * self.scale).intersection(&self.area);
        let left = area.top_left.x as usize;
        for row in area.rows() {
            let start = row as usize * self.width + left;
            self.bytes[start..start + area.size.width as usize].fill(grey.luma());
        }
        Ok(())
    }
}
