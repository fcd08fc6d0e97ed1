//! Video's colours into JPEG's: any range and matrix into full-range BT.601.
//!
//! Sixteen-bit arithmetic throughout, so that the compiler makes eight samples at a time of it on any
//! x86-64 or aarch64. Each result is the sample itself plus a small correction in 1/256: the factors
//! are near one, so eight bits of fraction leave an error of at most one step.

use crate::picture::{Matrix, Range};

/// Red's and blue's share of BT.601's luma.
const JPEG: (f64, f64) = (0.299, 0.114);

/// What turns a picture's samples into JPEG's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Colour {
    /// What luma's black is.
    black: i16,
    /// How much of luma, Cb and Cr is added to luma, in 1/256.
    luma: [i16; 3],
    /// How much of itself and of the other is added to Cb, in 1/256.
    cb: [i16; 2],
    /// How much of itself and of the other is added to Cr, in 1/256.
    cr: [i16; 2],
}

impl Colour {
    /// What there is to do; `None` where the samples are JPEG's already.
    pub(super) fn new(range: Range, matrix: Matrix) -> Option<Self> {
        let (red, blue) = match matrix {
            Matrix::Bt601 => JPEG,
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let (black, luma_scale, chroma_scale) = match range {
            Range::Full => (0, 1.0, 1.0),
            Range::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
        };
        let green = 1.0 - red - blue;
        // R = Y + 2(1-Kr) Cr and so on, then JPEG's luma of that R, G and B.
        let (to_red, to_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
        let jpeg_green = 1.0 - JPEG.0 - JPEG.1;
        let from_cb = JPEG.1 * to_blue - jpeg_green * to_blue * blue / green;
        let from_cr = JPEG.0 * to_red - jpeg_green * to_red * red / green;
        let (blue_span, red_span) = (2.0 * (1.0 - JPEG.1), 2.0 * (1.0 - JPEG.0));
        let fraction = |factor: f64| (factor * 256.0).round() as i16;
        let colour = Colour {
            black,
            luma: [
                luma_scale - 1.0,
                from_cb * chroma_scale,
                from_cr * chroma_scale,
            ]
            .map(fraction),
            cb: [
                (to_blue - from_cb) / blue_span * chroma_scale - 1.0,
                -from_cr / blue_span * chroma_scale,
            ]
            .map(fraction),
            cr: [
                (to_red - from_cr) / red_span * chroma_scale - 1.0,
                -from_cb / red_span * chroma_scale,
            ]
            .map(fraction),
        };
        (colour != Colour::default()).then_some(colour)
    }

    /// Whether luma and chroma mix: what one becomes depends on the others.
    pub(super) fn mixes(&self) -> bool {
        self.luma[1] != 0 || self.luma[2] != 0
    }

    /// A row of luma (`plane` 0), Cb or Cr by itself, where nothing mixes.
    pub(super) fn alone(&self, plane: usize, samples: &mut [u8]) {
        let (zero, becomes, own) = match plane {
            0 => (self.black, 0, self.luma[0]),
            1 => (128, 128, self.cb[0]),
            _ => (128, 128, self.cr[0]),
        };
        for sample in samples {
            let level = i16::from(*sample) - zero;
            *sample = add(becomes + level, level * own);
        }
    }

    /// A row of luma with the chroma of each of its samples.
    pub(super) fn luma_with(&self, luma: &mut [u8], cb: &[u8], cr: &[u8]) {
        for ((y, cb), cr) in luma.iter_mut().zip(cb).zip(cr) {
            let level = i16::from(*y) - self.black;
            let [own, of_cb, of_cr] = self.luma;
            *y = add(
                level,
                level * own + centred(*cb) * of_cb + centred(*cr) * of_cr,
            );
        }
    }

    /// A row of Cb (`second` false) or Cr with the other of the two beside it.
    pub(super) fn chroma_with(&self, second: bool, chroma: &mut [u8], other: &[u8]) {
        let [own, of_other] = if second { self.cr } else { self.cb };
        for (c, other) in chroma.iter_mut().zip(other) {
            let level = centred(*c);
            *c = add(128 + level, level * own + centred(*other) * of_other);
        }
    }
}

/// A chroma sample around zero.
fn centred(sample: u8) -> i16 {
    i16::from(sample) - 128
}

/// A level and what is to be added to it in 1/256. The largest sum of parts, 239 * 42 + 128 * 86, stays
/// within 16 bits.
fn add(level: i16, parts: i16) -> u8 {
    (level + ((parts + 128) >> 8)).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by the definition, in floating point: by way of red, green and blue.
    fn reference(range: Range, (kr, kb): (f64, f64), [y, cb, cr]: [u8; 3]) -> [f64; 3] {
        let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
        let (y, cb, cr) = match range {
            Range::Full => (y, cb, cr),
            Range::Limited => (
                (y - 16.0) * 255.0 / 219.0,
                cb * 255.0 / 224.0,
                cr * 255.0 / 224.0,
            ),
        };
        let r = y + 2.0 * (1.0 - kr) * cr;
        let b = y + 2.0 * (1.0 - kb) * cb;
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        [luma, 128.0 + (b - luma) / 1.772, 128.0 + (r - luma) / 1.402].map(|v| v.clamp(0.0, 255.0))
    }

    #[test]
    fn every_range_and_matrix_comes_within_a_step_and_a_half() {
        let weights = [
            (Matrix::Bt601, JPEG),
            (Matrix::Bt709, (0.2126, 0.0722)),
            (Matrix::Bt2020, (0.2627, 0.0593)),
        ];
        for (matrix, weights) in weights {
            for range in [Range::Full, Range::Limited] {
                let Some(colour) = Colour::new(range, matrix) else {
                    assert_eq!((range, matrix), (Range::Full, Matrix::Bt601));
                    continue;
                };
                for step in 0..64_000_usize {
                    let sample = [step % 256, step * 7 % 256, step * 31 % 251].map(|v| v as u8);
                    let [mut y, mut cb, mut cr] = sample.map(|v| [v]);
                    colour.luma_with(&mut y, &[sample[1]], &[sample[2]]);
                    colour.chroma_with(false, &mut cb, &[sample[2]]);
                    colour.chroma_with(true, &mut cr, &[sample[1]]);
                    let expected = reference(range, weights, sample);
                    for (got, expected) in [y[0], cb[0], cr[0]].into_iter().zip(expected) {
                        let off = (f64::from(got) - expected).abs();
                        assert!(off <= 1.5, "{range:?} {matrix:?} {sample:?}: off by {off}");
                    }
                }
            }
        }
    }

    #[test]
    fn black_and_white_stay_black_and_white() {
        let colour = Colour::new(Range::Limited, Matrix::Bt709).unwrap();
        let mut luma = [16, 235, 0, 255];
        colour.luma_with(&mut luma, &[128; 4], &[128; 4]);
        assert_eq!(luma, [0, 255, 0, 255]);
        let mut chroma = [128];
        colour.chroma_with(true, &mut chroma, &[128]);
        assert_eq!(chroma, [128]);
    }
}
