//! A YUV picture's samples in JPEG's colours, whatever way they lie in memory: any row of any plane of any format.

use std::ops::Range;

use super::colour::Colour;
use crate::picture::{Matrix, Picture, PixelFormat, Plane, Samples};

/// A picture, read by kind of sample (Y, Cb or Cr) and row.
pub(super) struct PlaneRows<'a> {
    /// In which plane each kind lies, and where in it.
    pub(super) planes: [Plane<'a>; 3],
    pub(super) samples: [Samples; 3],
    /// Luma samples for one of chroma, across and down.
    factors: (usize, usize),
    /// `None` where they are in JPEG's colours.
    pub(super) colour: Option<Colour>,
}

/// Rows in between, kept.
pub(super) type Scratch = [Vec<u8>; 3];

impl<'a> PlaneRows<'a> {
    /// How the rows of a picture that was checked are read for one in `format`, whose chroma may be thinner.
    pub(super) fn of(picture: &Picture<'a>, format: PixelFormat) -> Self {
        let (samples, (_, down)) = picture.format.samples();
        let (_, factors) = format.samples();
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
    pub(super) fn read(
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
        match step {
            2 => every::<2>(from, first, out),
            4 => every::<4>(from, first, out),
            _ => out.copy_from_slice(from),
        }
    }
}

/// One byte out of each `STEP`, the `first`. With the step known the compiler makes vectors of it, and the remainder
/// spares it a test for each sample.
fn every<const STEP: usize>(from: &[u8], first: usize, out: &mut [u8]) {
    for (sample, bytes) in out.iter_mut().zip(from.chunks_exact(STEP)) {
        *sample = bytes[first % STEP];
    }
}
