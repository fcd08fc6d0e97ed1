//! A strip of a picture as the encoder wants it, whatever way it lies in memory, turned.
//!
//! A plane that is right as it lies is passed on untouched: planes of one kind of sample in JPEG's colours, and packed
//! pixels of a byte a colour, where nothing is to be turned. All else takes one pass into a buffer of the strip's size,
//! row by row as `rows.rs` reads it: planes each for itself, or packed pixels.

use super::rows::Rows;
use crate::picture::transpose::Tile;
use crate::picture::{Picture, Plane, PlaneSize, Turn};

/// A strip's samples, where they had to be rewritten.
#[derive(Default)]
pub(super) struct Buffers {
    planes: [Vec<u8>; 3],
    tile: Tile<u8>,
    /// Rows in between.
    scratch: [Vec<u8>; 3],
    pixels: Vec<u32>,
    pixel_tile: Tile<u32>,
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
        let source = Rows::of(picture, laid.format);
        let (samples, (_, down)) = laid.format.samples();
        let is_packed = samples[0].step > 1;
        let before = (laid.format).planes(picture.width as usize, picture.height as usize);
        // The encoder reads whole chroma samples, and what luma belongs to them.
        let (sizes, padded) = (laid.plane_sizes(), laid.whole().plane_sizes());
        let buffers = self.planes.iter_mut().zip(&mut laid.planes);
        for (kind, (buffer, out)) in buffers.enumerate() {
            let (from, size, padded) = (before[kind], sizes[kind], padded[kind]);
            // Gray and packed pixels have one plane.
            if size.rows == 0 {
                return;
            }
            let top = if kind == 0 { top } else { top / down };
            let is_spaced_right = source.samples[kind].step == samples[kind].step;
            let is_right = is_spaced_right && (is_packed || source.colour.is_none());
            if is_right && turn == Turn::NONE && size == padded {
                let Plane { data, stride } = source.planes[kind];
                let data = &data[top * stride..];
                *out = Plane { data, stride };
                continue;
            }
            let (rows, stride) = (top..top + size.rows, padded.row_bytes);
            if is_packed {
                let (width, from) = (stride / 4, (picture.width as usize, from.rows));
                self.pixels.resize(width * rows.len(), 0);
                let read = |row, columns, line: &mut [_]| source.read_pixels(row, columns, line);
                self.pixel_tile
                    .lay_down(turn, from, rows, &mut self.pixels, width, read);
                let data = bytemuck::cast_slice(&self.pixels);
                *out = Plane { data, stride };
                return;
            }
            buffer.resize(stride * padded.rows, 0);
            let (from, scratch) = ((from.row_bytes, from.rows), &mut self.scratch);
            let read =
                |row, columns, line: &mut [_]| source.read(kind, row, columns, line, scratch);
            self.tile.lay_down(turn, from, rows, buffer, stride, read);
            pad(size, padded, buffer);
            (out.data, out.stride) = (buffer, stride);
        }
    }
}

/// Repeats the last sample and the last row where the encoder reads beyond the picture.
fn pad(size: PlaneSize, padded: PlaneSize, out: &mut [u8]) {
    let (width, stride) = (size.row_bytes, padded.row_bytes);
    for line in out.chunks_exact_mut(stride).take(size.rows) {
        let last = line[width - 1];
        line[width..].fill(last);
    }
    for row in size.rows..padded.rows {
        out.copy_within((size.rows - 1) * stride..size.rows * stride, row * stride);
    }
}
