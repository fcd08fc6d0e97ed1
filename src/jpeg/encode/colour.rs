//! Video's colours into JPEG's: any range and matrix into full-range BT.601.
//!
//! Sixteen-bit arithmetic throughout, so that the compiler makes eight samples at a time of it on any
//! x86-64 or aarch64. Each result is the sample itself plus a small correction in 1/256: the factors
//! are near one, so eight bits of fraction leave an error of at most one step.

use crate::picture::{Matrix, Range};

/// What turns a picture's samples of each kind, Y, Cb and Cr, into JPEG's.
pub(super) struct Colour {
    /// Luma's zero level before the conversion.
    black: i16,
    /// What is added to a sample of each kind, in 1/256: so much of itself, and so much of the chroma beside it: of Cb
    /// and Cr, or (the first) of the other chroma.
    weights: [[i16; 3]; 3],
}

impl Colour {
    /// What there is to do; `None` where the samples are JPEG's already.
    pub(super) fn new(range: Range, matrix: Matrix) -> Option<Self> {
        let black = if range == Range::Limited { 16 } else { 0 };
        // By way of red, green and blue, with the weights of both matrices.
        let weights = match (range, matrix) {
            (Range::Full, Matrix::Bt601) => return None,
            (Range::Full, Matrix::Bt709) => [[0, 26, 50], [-3, -28, 0], [-4, -19, 0]],
            (Range::Full, Matrix::Bt2020) => [[0, 30, 27], [-1, -15, 0], [-6, -22, 0]],
            (Range::Limited, Matrix::Bt601) => [[42, 0, 0], [35, 0, 0], [35, 0, 0]],
            (Range::Limited, Matrix::Bt709) => [[42, 30, 57], [32, -32, 0], [31, -21, 0]],
            (Range::Limited, Matrix::Bt2020) => [[42, 34, 31], [34, -17, 0], [29, -25, 0]],
        };
        Some(Colour { black, weights })
    }

    /// Whether luma and chroma mix: what one becomes depends on the others.
    pub(super) fn mixes(&self) -> bool {
        self.weights[0][1..] != [0; 2]
    }

    /// Converts a row of luma (`kind` 0), Cb or Cr. Where nothing mixes, it goes by itself; else with the samples
    /// beside it: luma's of Cb and Cr, Cb's of Cr, or Cr's of Cb.
    pub(super) fn convert(&self, kind: usize, row: &mut [u8], beside: &[&[u8]]) {
        let [own, mixed @ ..] = self.weights[kind];
        // The zero level, before and after the conversion.
        let zero = if kind == 0 { [self.black, 0] } else { [128; 2] };
        let converted = |sample: u8, parts: i16| {
            let level = i16::from(sample) - zero[0];
            // The largest sum of parts, 239 * 42 + 128 * 86, stays within 16 bits.
            let added = (level * own + parts + 128) >> 8;
            (zero[1] + level + added).clamp(0, 255) as u8
        };
        let part = |chroma: u8, weight: i16| (i16::from(chroma) - 128) * weight;
        match *beside {
            [] => {
                for sample in row {
                    *sample = converted(*sample, 0);
                }
            }
            [other] => {
                for (sample, other) in row.iter_mut().zip(other) {
                    *sample = converted(*sample, part(*other, mixed[0]));
                }
            }
            [cb, cr, ..] => {
                for ((sample, cb), cr) in row.iter_mut().zip(cb).zip(cr) {
                    *sample = converted(*sample, part(*cb, mixed[0]) + part(*cr, mixed[1]));
                }
            }
        }
    }
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
            (Matrix::Bt601, (0.299, 0.114)),
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
                    colour.convert(0, &mut y, &[&[sample[1]], &[sample[2]]]);
                    colour.convert(1, &mut cb, &[&[sample[2]]]);
                    colour.convert(2, &mut cr, &[&[sample[1]]]);
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
        colour.convert(0, &mut luma, &[&[128; 4], &[128; 4]]);
        assert_eq!(luma, [0, 255, 0, 255]);
        let mut chroma = [128];
        colour.convert(2, &mut chroma, &[&[128]]);
        assert_eq!(chroma, [128]);
    }
}
