//! Any row of any picture as the encoder wants it, whatever way it lies in memory: the samples of a YUV picture in
//! JPEG's colours, packed red, green and blue as 32-bit pixels, their bytes in the same order. libjpeg-turbo makes YCbCr
//! of those, faster than anything here could.

use std::ops::Range;

use super::colour::Colour;
use crate::picture::{Matrix, Picture, PixelFormat, Plane, Samples};

/// A picture, read by row: its pixels, or its samples of a kind (Y, Cb or Cr).
pub(super) struct Rows<'a> {
    /// In which plane each kind lies, and where in it.
    pub(super) planes: [Plane<'a>; 3],
    pub(super) samples: [Samples; 3],
    /// Luma samples for one of chroma, across and down.
    factors: (usize, usize),
    /// `None` where they are in JPEG's colours.
    pub(super) colour: Option<Colour>,
}

impl<'a> Rows<'a> {
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
        Rows {
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
        [thin, cb, cr]: &mut [Vec<u8>; 3],
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

    /// Reads part of a row of a packed picture's pixels.
    pub(super) fn read_pixels(&self, row: usize, columns: Range<usize>, out: &mut [u32]) {
        let from = self.bytes(0, row, columns);
        match self.samples[0].step {
            2 => convert(from, out, |pixel| expand(u16::from_le_bytes(pixel))),
            3 => convert(from, out, |[a, b, c]| [a, b, c, 0]),
            _ => convert(from, out, |pixel| pixel),
        }
    }

    /// Takes the samples of a kind out of a row in memory.
    fn gather(&self, kind: usize, row: usize, columns: Range<usize>, out: &mut [u8]) {
        let from = self.bytes(kind, row, columns);
        let Samples { first, step, .. } = self.samples[kind];
        match step {
            2 => every::<2>(from, first, out),
            4 => every::<4>(from, first, out),
            _ => out.copy_from_slice(from),
        }
    }

    /// Where these columns of a row are in memory.
    fn bytes(&self, kind: usize, row: usize, columns: Range<usize>) -> &'a [u8] {
        let Plane { data, stride } = self.planes[kind];
        let step = self.samples[kind].step;
        &data[row * stride + columns.start * step..][..columns.len() * step]
    }
}

/// One byte out of each `STEP`, the `first`. With the step known the compiler makes vectors of it, and the remainder
/// spares it a test for each sample.
fn every<const STEP: usize>(from: &[u8], first: usize, out: &mut [u8]) {
    for (sample, bytes) in out.iter_mut().zip(from.chunks_exact(STEP)) {
        *sample = bytes[first % STEP];
    }
}

/// Each pixel of `N` bytes as 32 bits.
fn convert<const N: usize>(from: &[u8], out: &mut [u32], pixel: impl Fn([u8; N]) -> [u8; 4]) {
    for (out, bytes) in out.iter_mut().zip(from.chunks_exact(N)) {
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
