//! Packed red, green and blue for the encoder: as they lie, where they need no turning and have a byte a colour.
//!
//! All others are laid down as 32-bit pixels, R first in memory; libjpeg-turbo makes YCbCr of them, faster
//! than anything here could.

use std::ops::Range;

use turbojpeg::PixelFormat as Order;

use crate::jpeg::turbo::{Source, as_bytes};
use crate::picture::transpose::Tile;
use crate::picture::{Picture, PixelFormat, Turn};

/// A strip's pixels, where they had to be rewritten.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pixels: Vec<u32>,
    tile: Tile<u32>,
}

impl Buffers {
    /// The turned picture's rows `rows`.
    pub(super) fn source<'b>(
        &'b mut self,
        picture: &Picture<'b>,
        turn: Turn,
        rows: Range<usize>,
    ) -> Source<'b> {
        let order = match picture.format {
            PixelFormat::Rgb => Some(Order::RGB),
            PixelFormat::Bgr => Some(Order::BGR),
            PixelFormat::Rgbx => Some(Order::RGBX),
            PixelFormat::Bgrx => Some(Order::BGRX),
            _ => None,
        };
        if let Some(order) = order.filter(|_| turn == Turn::NONE) {
            let plane = picture.planes[0];
            return Source::Packed(
                &plane.data[rows.start * plane.stride..],
                plane.stride,
                order,
            );
        }
        let size = (picture.width as usize, picture.height as usize);
        let stride = if turn.swaps_sides() { size.1 } else { size.0 };
        self.pixels.resize(stride * rows.len(), 0);
        self.tile.lay_down(
            turn,
            size,
            rows,
            &mut self.pixels,
            stride,
            |row, columns, line| {
                read(picture, row, columns, line);
            },
        );
        Source::Packed(as_bytes(&self.pixels), stride * 4, Order::RGBX)
    }
}

/// Reads part of a row.
fn read(picture: &Picture<'_>, row: usize, columns: Range<usize>, out: &mut [u32]) {
    let plane = picture.planes[0];
    let line = &plane.data[row * plane.stride..];
    let part = |bytes: usize| &line[columns.start * bytes..columns.end * bytes];
    match picture.format {
        PixelFormat::Rgb => convert(part(3), out, |[r, g, b]| [r, g, b]),
        PixelFormat::Bgr => convert(part(3), out, |[b, g, r]| [r, g, b]),
        PixelFormat::Rgbx => convert(part(4), out, |[r, g, b, _]| [r, g, b]),
        PixelFormat::Bgrx => convert(part(4), out, |[b, g, r, _]| [r, g, b]),
        _ => convert(part(2), out, |pixel| expand(u16::from_le_bytes(pixel))),
    }
}

/// Each pixel of `N` bytes as 32 bits, R first in memory.
fn convert<const N: usize>(from: &[u8], out: &mut [u32], pixel: impl Fn([u8; N]) -> [u8; 3]) {
    for (out, bytes) in out.iter_mut().zip(from.chunks_exact(N)) {
        let bytes = bytes.try_into().expect("chunks of N bytes");
        let [r, g, b] = pixel(bytes);
        *out = u32::from_ne_bytes([r, g, b, 0]);
    }
}

/// 5, 6 and 5 bits as bytes; the high bits fill the low ones, so that white stays white.
fn expand(pixel: u16) -> [u8; 3] {
    let five = |bits: u16| ((bits & 31) << 3 | (bits & 31) >> 2) as u8;
    let six = |bits: u16| ((bits & 63) << 2 | (bits & 63) >> 4) as u8;
    [five(pixel >> 11), six(pixel >> 5), five(pixel)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_reach_from_black_to_white() {
        assert_eq!(expand(0), [0, 0, 0]);
        assert_eq!(expand(0xFFFF), [255, 255, 255]);
        assert_eq!(expand(0xF800), [255, 0, 0]);
        assert_eq!(expand(0x07E0), [0, 255, 0]);
        assert_eq!(expand(0x001F), [0, 0, 255]);
    }
}
