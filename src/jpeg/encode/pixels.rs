//! RGB pictures that the encoder cannot read as they lie: turned ones, and 16-bit pixels.
//!
//! They are laid down as 32-bit pixels, R first in memory; libjpeg-turbo makes YCbCr of them, faster
//! than anything here could.

use std::ops::Range;

use super::planes::{source_row, strip_columns};
use super::transpose::{TILE_ROWS, Tile};
use crate::frame::{Picture, PixelFormat, Plane, Turn};
use crate::jpeg::turbo::{Order, Source, as_bytes};

/// A picture of packed pixels, read by row.
#[derive(Debug)]
pub(super) struct PixelRows<'a> {
    plane: Plane<'a>,
    format: PixelFormat,
    size: (usize, usize),
}

impl<'a> PixelRows<'a> {
    /// How the rows of an RGB picture that was checked are read; `None` for all others.
    pub(super) fn of(picture: &Picture<'a>) -> Option<Self> {
        use PixelFormat as F;
        let rgb = matches!(
            picture.format,
            F::Rgb | F::Bgr | F::Rgbx | F::Bgrx | F::Rgb565
        );
        rgb.then(|| PixelRows {
            plane: picture.planes[0],
            format: picture.format,
            size: (picture.width as usize, picture.height as usize),
        })
    }

    /// Reads part of a row.
    fn read(&self, row: usize, columns: Range<usize>, out: &mut [u32]) {
        let line = &self.plane.data[row * self.plane.stride..];
        let part = |bytes: usize| &line[columns.start * bytes..columns.end * bytes];
        match self.format {
            PixelFormat::Rgb => convert(part(3), out, |[r, g, b]| [r, g, b]),
            PixelFormat::Bgr => convert(part(3), out, |[b, g, r]| [r, g, b]),
            PixelFormat::Rgbx => convert(part(4), out, |[r, g, b, _]| [r, g, b]),
            PixelFormat::Bgrx => convert(part(4), out, |[b, g, r, _]| [r, g, b]),
            _ => convert(part(2), out, |pixel| expand(u16::from_le_bytes(pixel))),
        }
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

/// A strip's pixels.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pixels: Vec<u32>,
    tile: Tile<u32>,
}

impl Buffers {
    /// The turned picture's rows `rows`.
    pub(super) fn fill(
        &mut self,
        source: &PixelRows<'_>,
        turn: Turn,
        rows: Range<usize>,
    ) -> Source<'_> {
        let (width, height) = source.size;
        let stride = if turn.swaps_sides() { height } else { width };
        self.pixels.resize(stride * rows.len(), 0);
        if turn.swaps_sides() {
            let (columns, upwards) = strip_columns(turn, rows, width);
            self.tile.prepare(columns.len());
            for column in (0..height).step_by(TILE_ROWS) {
                let count = TILE_ROWS.min(height - column);
                for index in 0..count {
                    let line = self.tile.row(index, columns.len());
                    source.read(
                        source_row(turn, column + index, height),
                        columns.clone(),
                        line,
                    );
                }
                let size = (count, columns.len());
                let (tile, pixels) = (&self.tile, &mut self.pixels);
                tile.write_columns(size, pixels, stride, column, upwards);
            }
        } else {
            let upside_down = turn.quarters == 2;
            for (row, line) in rows.zip(self.pixels.chunks_exact_mut(stride)) {
                let row = if upside_down { height - 1 - row } else { row };
                source.read(row, 0..width, line);
                if turn.mirror != upside_down {
                    line.reverse();
                }
            }
        }
        Source::Packed(as_bytes(&self.pixels), stride * 4, Order::Rgbx)
    }
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
