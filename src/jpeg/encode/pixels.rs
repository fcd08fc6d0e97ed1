//! Packed red, green and blue for the encoder: as they lie, where they need no turning and have a byte a colour.
//!
//! All others are laid down as 32-bit pixels, their bytes in the same order; libjpeg-turbo makes YCbCr of them,
//! faster than anything here could.

use std::ops::Range;

use crate::picture::transpose::Tile;
use crate::picture::{Picture, Plane, Turn};

/// A strip's pixels, where they had to be rewritten.
#[derive(Default)]
pub(super) struct Buffers {
    pixels: Vec<u32>,
    tile: Tile<u32>,
}

impl Buffers {
    /// Lays the rows of the turned picture from `top` on down in `laid`, which has size and format, and no planes yet.
    pub(super) fn lay_down<'b>(
        &'b mut self,
        picture: &Picture<'b>,
        turn: Turn,
        top: usize,
        laid: &mut Picture<'b>,
    ) {
        let Plane { data, stride } = picture.planes[0];
        if turn == Turn::NONE && laid.format == picture.format {
            let data = &data[top * stride..];
            laid.planes[0] = Plane { data, stride };
            return;
        }
        let (width, rows) = (laid.width as usize, top..top + laid.height as usize);
        let size = (picture.width as usize, picture.height as usize);
        self.pixels.resize(width * rows.len(), 0);
        let read = |row: usize, columns: Range<usize>, line: &mut [u32]| {
            let row = &data[row * stride..];
            let expanded = |pixel| expand(u16::from_le_bytes(pixel));
            match picture.format.samples().0[0].step {
                2 => convert(row, columns, line, expanded),
                3 => convert(row, columns, line, |[a, b, c]| [a, b, c, 0]),
                _ => convert(row, columns, line, |pixel| pixel),
            }
        };
        self.tile
            .lay_down(turn, size, rows, &mut self.pixels, width, read);
        let data = bytemuck::cast_slice(&self.pixels);
        let stride = 4 * width;
        laid.planes[0] = Plane { data, stride };
    }
}

/// These columns of a row, each pixel of `N` bytes as 32 bits.
fn convert<const N: usize>(
    row: &[u8],
    columns: Range<usize>,
    out: &mut [u32],
    pixel: impl Fn([u8; N]) -> [u8; 4],
) {
    let from = row[columns.start * N..columns.end * N].chunks_exact(N);
    for (out, bytes) in out.iter_mut().zip(from) {
        let bytes = bytes.try_into().expect("chunks of N bytes");
        *out = u32::from_ne_bytes(pixel(bytes));
    }
}

/// 5, 6 and 5 bits as bytes; the high bits fill the low ones, so that white stays white.
fn expand(pixel: u16) -> [u8; 4] {
    let five = |bits: u16| ((bits & 31) << 3 | (bits & 31) >> 2) as u8;
    let six = |bits: u16| ((bits & 63) << 2 | (bits & 63) >> 4) as u8;
    [five(pixel >> 11), six(pixel >> 5), five(pixel), 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_reach_from_black_to_white() {
        assert_eq!(expand(0), [0, 0, 0, 0]);
        assert_eq!(expand(0xFFFF), [255, 255, 255, 0]);
        assert_eq!(expand(0xF800), [255, 0, 0, 0]);
        assert_eq!(expand(0x07E0), [0, 255, 0, 0]);
        assert_eq!(expand(0x001F), [0, 0, 255, 0]);
    }
}
