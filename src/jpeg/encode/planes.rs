//! A YUV picture's planes as the encoder wants them, whatever way they lie in memory.
//!
//! [`PlaneRows`] reads any row of any plane of any format in JPEG's colours; [`Buffers`] lays the rows
//! of a strip down as the turn asks, each plane for itself. A plane that is right as it lies is passed
//! on untouched.

use std::ops::Range;

use turbojpeg::Subsamp;

use super::colour::Colour;
use crate::jpeg::turbo::{Settings, Source};
use crate::picture::transpose::Tile;
use crate::picture::{Matrix, Picture, PixelFormat, Plane, Samples, Turn};

/// A picture, read by plane and row.
pub(super) struct PlaneRows<'a> {
    picture: &'a Picture<'a>,
    /// Where Y, Cb and Cr lie.
    samples: [Samples; 3],
    /// Luma samples for one of chroma, across and down.
    factors: (usize, usize),
    /// Two rows of chroma become one.
    halved: bool,
    colour: Option<Colour>,
}

/// Rows in between, kept.
type Scratch = [Vec<u8>; 3];

impl<'a> PlaneRows<'a> {
    /// How the rows of a YUV or gray picture that was checked are read, if it is to be laid down as
    /// `turn` says.
    pub(super) fn of(picture: &'a Picture<'a>, turn: Turn) -> Self {
        let (samples, factors) = picture.format.samples();
        let matrix = match picture.format {
            // It has no colours to weigh.
            PixelFormat::Gray => Matrix::Bt601,
            _ => picture.matrix,
        };
        PlaneRows {
            picture,
            samples,
            factors,
            halved: factors == (2, 1) && turn.swaps_sides(),
            colour: Colour::new(picture.range, matrix),
        }
    }

    /// Samples in a row, and rows, of a plane.
    fn size(&self, plane: usize) -> (usize, usize) {
        let (width, height) = (self.picture.width as usize, self.picture.height as usize);
        match plane {
            0 => (width, height),
            _ => (
                width.div_ceil(self.factors.0),
                height.div_ceil(self.factors.1 * if self.halved { 2 } else { 1 }),
            ),
        }
    }

    /// The plane itself, where its samples lie one after the other in JPEG's colours.
    fn as_it_lies(&self, plane: usize) -> Option<Plane<'a>> {
        let samples = self.samples[plane];
        let right = samples.step == 1 && self.colour.is_none() && !self.halved;
        right.then(|| self.picture.planes[samples.plane])
    }

    /// Reads part of a row of a plane, in JPEG's colours.
    fn read(
        &self,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        out: &mut [u8],
        [spare, cb, cr]: &mut Scratch,
    ) {
        self.read_raw(plane, row, columns.clone(), out, spare);
        let Some(colour) = &self.colour else { return };
        if !colour.mixes() {
            return colour.convert(plane, out, &[]);
        }
        if plane > 0 {
            cb.resize(out.len(), 0);
            self.read_raw(3 - plane, row, columns, cb, spare);
            return colour.convert(plane, out, &[cb]);
        }
        // The chroma of each of luma's samples.
        let (across, down) = self.factors;
        let thin = columns.start / across..columns.end.div_ceil(across);
        for (plane, chroma) in [(1, &mut *cb), (2, &mut *cr)] {
            chroma.resize(out.len() + 2, 0);
            spare.resize(thin.len(), 0);
            self.gather(plane, row / down, thin.clone(), spare);
            if across == 1 {
                chroma[..spare.len()].copy_from_slice(spare);
            } else {
                for (pair, sample) in chroma.chunks_exact_mut(2).zip(spare.iter()) {
                    pair.fill(*sample);
                }
            }
        }
        let first = columns.start % across;
        colour.convert(0, out, &[&cb[first..], &cr[first..]]);
    }

    /// Reads part of a row of a plane as its samples are, halved where they are to be.
    fn read_raw(
        &self,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        out: &mut [u8],
        spare: &mut Vec<u8>,
    ) {
        if plane == 0 || !self.halved {
            return self.gather(plane, row, columns, out);
        }
        let below = (2 * row + 1).min(self.picture.height as usize - 1);
        spare.resize(out.len(), 0);
        self.gather(plane, 2 * row, columns.clone(), out);
        self.gather(plane, below, columns, spare);
        for (above, below) in out.iter_mut().zip(spare.iter()) {
            *above = u8::midpoint(*above, *below);
        }
    }

    /// Takes the samples of a kind out of a row in memory.
    fn gather(&self, plane: usize, row: usize, columns: Range<usize>, out: &mut [u8]) {
        let Samples { plane, first, step } = self.samples[plane];
        let Plane { data, stride } = self.picture.planes[plane];
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
    /// The planes of so many of the turned picture's rows as `settings` says, from `row` on.
    pub(super) fn source<'b>(
        &'b mut self,
        source: &PlaneRows<'b>,
        turn: Turn,
        settings: &Settings,
        row: usize,
    ) -> Source<'b> {
        let factors = settings.sampling.size();
        let count = match settings.sampling {
            Subsamp::Gray => 1,
            _ => 3,
        };
        let mut sources = [Plane::default(); 3];
        let buffers = self.planes.iter_mut().zip(&mut sources);
        for (plane, (buffer, out)) in buffers.enumerate().take(count) {
            // Chroma is thinner than luma, of which the encoder reads whole chroma samples.
            let (thin, whole) = match plane {
                0 => ((1, 1), factors),
                _ => (factors, (1, 1)),
            };
            let (width, height) = (settings.width, settings.height);
            let size = (width.div_ceil(thin.0), height.div_ceil(thin.1));
            let padded = (
                size.0.next_multiple_of(whole.0),
                size.1.next_multiple_of(whole.1),
            );
            let top = row / thin.1;
            let as_it_lies = source.as_it_lies(plane);
            if let Some(lies) = as_it_lies.filter(|_| turn == Turn::NONE && size == padded) {
                let data = &lies.data[top * lies.stride..];
                *out = Plane { data, ..lies };
                continue;
            }
            buffer.resize(padded.0 * padded.1, 0);
            let (rows, scratch) = (top..top + size.1, &mut self.scratch);
            let read =
                |row, columns, line: &mut [u8]| source.read(plane, row, columns, line, scratch);
            self.tile
                .lay_down(turn, source.size(plane), rows, buffer, padded.0, read);
            pad(size, padded, buffer);
            *out = Plane {
                data: buffer,
                stride: padded.0,
            };
        }
        Source::Planes(sources)
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
