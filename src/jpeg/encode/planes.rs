//! A YUV picture's planes as the encoder wants them, whatever way they lie in memory.
//!
//! [`PlaneRows`] reads any row of any plane of any format in JPEG's colours; [`Buffers`] lays the rows
//! of a strip down as the turn asks, each plane for itself. A plane that is right as it lies is passed
//! on untouched.

use std::ops::Range;

use super::colour::Colour;
use crate::picture::transpose::Tile;
use crate::picture::{Matrix, Picture, PixelFormat, Plane, Samples, Turn};

/// A picture, read by kind of sample (Y, Cb or Cr) and row.
struct PlaneRows<'a> {
    /// In which plane each kind lies, and where in it.
    planes: [Plane<'a>; 3],
    samples: [Samples; 3],
    /// Luma samples for one of chroma, across and down.
    factors: (usize, usize),
    colour: Option<Colour>,
}

/// Rows in between, kept.
type Scratch = [Vec<u8>; 3];

impl<'a> PlaneRows<'a> {
    /// How the rows of a YUV or gray picture that was checked are read for a JPEG whose chroma is as thin as
    /// `factors` says.
    fn of(picture: &Picture<'a>, factors: (usize, usize)) -> Self {
        let (samples, (_, down)) = picture.format.samples();
        let matrix = match picture.format {
            // It has no colours to weigh.
            PixelFormat::Gray => Matrix::Bt601,
            _ => picture.matrix,
        };
        let mut planes = samples.map(|samples| picture.planes[samples.plane]);
        // 4:2:2 that becomes 4:2:0 has every second row of chroma too many.
        planes[1].stride *= factors.1 / down;
        planes[2].stride *= factors.1 / down;
        PlaneRows {
            planes,
            samples,
            factors,
            colour: Colour::new(picture.range, matrix),
        }
    }

    /// Reads part of a row of samples of a kind, in JPEG's colours.
    fn read(
        &self,
        kind: usize,
        row: usize,
        columns: Range<usize>,
        out: &mut [u8],
        [thin, cb, cr]: &mut Scratch,
    ) {
        self.gather(kind, row, columns.clone(), out);
        let Some(colour) = &self.colour else { return };
        if !colour.mixes() {
            return colour.convert(kind, out, &[]);
        }
        if kind > 0 {
            cb.resize(out.len(), 0);
            self.gather(3 - kind, row, columns, cb);
            return colour.convert(kind, out, &[cb]);
        }
        // The chroma of each of luma's samples.
        let (across, down) = self.factors;
        let wanted = columns.start / across..columns.end.div_ceil(across);
        thin.resize(wanted.len(), 0);
        for (kind, chroma) in [(1, &mut *cb), (2, &mut *cr)] {
            chroma.resize(out.len() + 2, 0);
            self.gather(kind, row / down, wanted.clone(), thin);
            if across == 1 {
                chroma[..thin.len()].copy_from_slice(thin);
            } else {
                for (pair, sample) in chroma.chunks_exact_mut(2).zip(thin.iter()) {
                    pair.fill(*sample);
                }
            }
        }
        let first = columns.start % across;
        colour.convert(0, out, &[&cb[first..], &cr[first..]]);
    }

    /// Takes the samples of a kind out of a row in memory.
    fn gather(&self, kind: usize, row: usize, columns: Range<usize>, out: &mut [u8]) {
        let Samples { first, step, .. } = self.samples[kind];
        let Plane { data, stride } = self.planes[kind];
        let from = &data[row * stride + columns.start * step..][..columns.len() * step];
        match (step, first) {
            (2, 0) => every::<2, 0>(from, out),
            (2, _) => every::<2, 1>(from, out),
            (4, 0) => every::<4, 0>(from, out),
            (4, 1) => every::<4, 1>(from, out),
            (4, 2) => every::<4, 2>(from, out),
            (4, _) => every::<4, 3>(from, out),
            _ => out.copy_from_slice(from),
        }
    }
}

/// One byte out of each `STEP`. With both numbers known the compiler makes vectors of it.
fn every<const STEP: usize, const FIRST: usize>(from: &[u8], out: &mut [u8]) {
    for (sample, bytes) in out.iter_mut().zip(from.chunks_exact(STEP)) {
        *sample = bytes[FIRST];
    }
}

/// A strip's planes, where they had to be rewritten.
#[derive(Default)]
pub(super) struct Buffers {
    planes: [Vec<u8>; 3],
    tile: Tile<u8>,
    scratch: Scratch,
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
        let (_, factors) = laid.format.samples();
        let source = PlaneRows::of(picture, factors);
        let kinds = if laid.format == PixelFormat::Gray {
            1
        } else {
            3
        };
        let buffers = self.planes.iter_mut().zip(&mut laid.planes);
        for (kind, (buffer, out)) in buffers.enumerate().take(kinds) {
            // Chroma is thinner than luma, of which the encoder reads whole chroma samples.
            let ((across, down), (w, h)) = match kind {
                0 => ((1, 1), factors),
                _ => (factors, (1, 1)),
            };
            let thin = |(w, h): (usize, usize)| (w.div_ceil(across), h.div_ceil(down));
            let size = thin((laid.width as usize, laid.height as usize));
            let padded = (size.0.next_multiple_of(w), size.1.next_multiple_of(h));
            let top = top / down;
            let is_right = source.samples[kind].step == 1 && source.colour.is_none();
            if is_right && turn == Turn::NONE && size == padded {
                let Plane { data, stride } = source.planes[kind];
                let data = &data[top * stride..];
                *out = Plane { data, stride };
                continue;
            }
            buffer.resize(padded.0 * padded.1, 0);
            let (rows, scratch) = (top..top + size.1, &mut self.scratch);
            let read =
                |row, columns, line: &mut [u8]| source.read(kind, row, columns, line, scratch);
            let from = thin((picture.width as usize, picture.height as usize));
            self.tile.lay_down(turn, from, rows, buffer, padded.0, read);
            pad(size, padded, buffer);
            *out = Plane {
                data: buffer,
                stride: padded.0,
            };
        }
    }
}

/// Repeats the last sample and the last row where the encoder reads beyond the picture.
fn pad((width, height): (usize, usize), (stride, rows): (usize, usize), out: &mut [u8]) {
    if width < stride {
        for line in out.chunks_exact_mut(stride).take(height) {
            let last = line[width - 1];
            line[width..].fill(last);
        }
    }
    for row in height..rows {
        out.copy_within((height - 1) * stride..height * stride, row * stride);
    }
}
