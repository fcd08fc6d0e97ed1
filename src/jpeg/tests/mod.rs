//! The encoder and the decoder against each other and against a picture that is known by its formula.

mod foreign;
mod hostile;
mod strips;
mod turned;

use std::num::NonZeroUsize;

use super::*;
use crate::picture::{Bitmap, Matrix, Picture, PixelFormat, Plane, Range, Turn};

pub(super) fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

pub(super) fn decoder(count: usize, strip_pixels: usize) -> Decoder {
    let mut decoder = Decoder::new(threads(count), MAX_PIXELS);
    decoder.strip_pixels = strip_pixels;
    decoder
}

pub(super) fn encoder(count: usize, strip_pixels: usize) -> Encoder {
    let mut encoder = Encoder::new(threads(count));
    encoder.strip_pixels = strip_pixels;
    encoder
}

/// Every layout, and how a picture in it is stored.
const FORMATS: [PixelFormat; 12] = [
    PixelFormat::Gray,
    PixelFormat::I420,
    PixelFormat::I422,
    PixelFormat::I444,
    PixelFormat::Nv12,
    PixelFormat::Yuyv,
    PixelFormat::Uyvy,
    PixelFormat::Rgb,
    PixelFormat::Bgr,
    PixelFormat::Rgbx,
    PixelFormat::Bgrx,
    PixelFormat::Rgb565,
];

pub(super) fn all_turns() -> impl Iterator<Item = Turn> {
    (0..8).map(|i| Turn {
        quarters: i % 4,
        mirror: i >= 4,
    })
}

/// The picture's colour at a place given as fractions of its sides: smooth, and not symmetrical.
fn colour(x: f64, y: f64) -> [f64; 3] {
    [30.0 + 190.0 * x, 40.0 + 170.0 * y, 60.0 + 120.0 * x * y]
}

/// A picture in memory of its own.
pub(super) struct Owned {
    width: usize,
    height: usize,
    format: PixelFormat,
    range: Range,
    matrix: Matrix,
    planes: [(Vec<u8>, usize); 3],
}

impl Owned {
    pub(super) fn picture(&self) -> Picture<'_> {
        Picture {
            width: self.width as u32,
            height: self.height as u32,
            format: self.format,
            range: self.range,
            matrix: self.matrix,
            planes: std::array::from_fn(|i| Plane {
                data: &self.planes[i].0,
                stride: self.planes[i].1,
            }),
        }
    }
}

/// The weights of red and blue, and the spans of luma and chroma.
fn sample(range: Range, matrix: Matrix, [r, g, b]: [f64; 3]) -> [u8; 3] {
    let (kr, kb) = match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    };
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let (cb, cr) = ((b - y) / (2.0 - 2.0 * kb), (r - y) / (2.0 - 2.0 * kr));
    let yuv = match range {
        Range::Full => [y, 128.0 + cb, 128.0 + cr],
        Range::Limited => [
            16.0 + y * 219.0 / 255.0,
            128.0 + cb * 224.0 / 255.0,
            128.0 + cr * 224.0 / 255.0,
        ],
    };
    yuv.map(|v| v.round() as u8)
}

/// The picture of [`colour`] in some format, with `gap` bytes after each row but the last.
pub(super) fn paint(
    (width, height): (usize, usize),
    format: PixelFormat,
    range: Range,
    matrix: Matrix,
    gap: usize,
) -> Owned {
    use PixelFormat as F;
    let at = |x: usize, y: usize| colour(x as f64 / width as f64, y as f64 / height as f64);
    let yuv = |x: usize, y: usize| sample(range, matrix, at(x, y));
    let rgb = |x: usize, y: usize| at(x, y).map(|v| v.round() as u8);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let mut planes: [(Vec<u8>, usize); 3] = Default::default();
    let mut fill = |plane: usize, bytes: usize, rows: usize, byte: &dyn Fn(usize, usize) -> u8| {
        let (data, stride) = &mut planes[plane];
        *stride = bytes + gap;
        for y in 0..rows {
            data.extend((0..bytes).map(|x| byte(x, y)));
            if y + 1 < rows {
                data.extend(std::iter::repeat_n(0xEE, gap));
            }
        }
    };
    let luma = |x: usize, y: usize| yuv(x, y)[0];
    match format {
        F::Gray => fill(0, width, height, &luma),
        F::I420 | F::I422 | F::I444 => {
            let (across, down) = match format {
                F::I420 => (2, 2),
                F::I422 => (2, 1),
                _ => (1, 1),
            };
            fill(0, width, height, &luma);
            for plane in [1, 2] {
                let (columns, rows) = (width.div_ceil(across), height.div_ceil(down));
                fill(plane, columns, rows, &|x, y| {
                    yuv(x * across, y * down)[plane]
                });
            }
        }
        F::Nv12 => {
            fill(0, width, height, &luma);
            fill(1, 2 * half_width, half_height, &|x, y| {
                yuv(x / 2 * 2, y * 2)[1 + x % 2]
            });
        }
        F::Yuyv | F::Uyvy => {
            let order = match format {
                F::Yuyv => [0, 1, 0, 2],
                _ => [1, 0, 2, 0],
            };
            fill(0, 4 * half_width, height, &|x, y| match order[x % 4] {
                0 => yuv(x / 2, y)[0],
                chroma => yuv(x / 4 * 2, y)[chroma],
            });
        }
        F::Rgb => fill(0, 3 * width, height, &|x, y| rgb(x / 3, y)[x % 3]),
        F::Bgr => fill(0, 3 * width, height, &|x, y| rgb(x / 3, y)[2 - x % 3]),
        F::Rgbx => fill(0, 4 * width, height, &|x, y| {
            *rgb(x / 4, y).get(x % 4).unwrap_or(&0xEE)
        }),
        F::Bgrx => fill(0, 4 * width, height, &|x, y| match x % 4 {
            3 => 0xEE,
            byte => rgb(x / 4, y)[2 - byte],
        }),
        F::Rgb565 => fill(0, 2 * width, height, &|x, y| {
            let [r, g, b] = rgb(x / 2, y).map(u16::from);
            let pixel = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3;
            pixel.to_le_bytes()[x % 2]
        }),
    }
    Owned {
        width,
        height,
        format,
        range,
        matrix,
        planes,
    }
}

/// Where the turn puts pixel (x, y) of a picture of `w` by `h`.
fn place(turn: Turn, x: usize, y: usize, (w, h): (usize, usize)) -> (usize, usize) {
    let mut at = (if turn.mirror { w - 1 - x } else { x }, y);
    let (mut w, mut h) = (w, h);
    for _ in 0..turn.quarters {
        at = (h - 1 - at.1, at.0);
        (w, h) = (h, w);
    }
    at
}

/// That the bitmap is the picture, turned, within `steps` of each colour.
fn assert_shows(bitmap: &Bitmap, source: &Owned, turn: Turn, steps: f64, what: &str) {
    let size = (source.width, source.height);
    let (width, height) = turn.size(size.0 as u32, size.1 as u32);
    assert_eq!(
        (bitmap.width, bitmap.height),
        (width as usize, height as usize),
        "{what}"
    );
    for y in 0..size.1 {
        for x in 0..size.0 {
            let (to_x, to_y) = place(turn, x, y, size);
            let pixel = bitmap.pixels[to_y * bitmap.width + to_x];
            let [zero, r, g, b] = pixel.to_be_bytes();
            assert_eq!(zero, 0);
            let mut expected = colour(x as f64 / size.0 as f64, y as f64 / size.1 as f64);
            if source.format == PixelFormat::Gray {
                let [r, g, b] = expected;
                expected = [0.299 * r + 0.587 * g + 0.114 * b; 3];
            }
            for (got, expected) in [r, g, b].into_iter().zip(expected) {
                let off = (f64::from(got) - expected).abs();
                assert!(
                    off <= steps,
                    "{what}: off by {off} at {x}, {y}: {pixel:06x}"
                );
            }
        }
    }
}

#[test]
fn every_format_comes_out_in_its_own_colours_however_it_is_turned() {
    let (mut encoder, mut decoder) = (encoder(2, 2000), decoder(2, 2000));
    let (mut jpeg, mut bitmap) = (Vec::new(), Bitmap::default());
    for format in FORMATS {
        for size in [(96, 64), (75, 53)] {
            for turn in all_turns() {
                let source = paint(size, format, Range::Full, Matrix::Bt601, 5);
                let what = format!("{format:?} {size:?} {turn:?}");
                encoder
                    .encode(&source.picture(), turn, 95, &mut jpeg)
                    .expect(&what);
                decoder.decode(&jpeg, &mut bitmap).expect(&what);
                // 565 has lost up to eight steps before it comes here.
                let steps = if format == PixelFormat::Rgb565 {
                    15.0
                } else {
                    9.0
                };
                assert_shows(&bitmap, &source, turn, steps, &what);
            }
        }
    }
}

#[test]
fn every_range_and_matrix_comes_out_in_its_own_colours() {
    let (mut encoder, mut decoder) = (encoder(1, 2000), decoder(1, 2000));
    let (mut jpeg, mut bitmap) = (Vec::new(), Bitmap::default());
    for format in &FORMATS[..7] {
        for range in [Range::Full, Range::Limited] {
            for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
                if *format == PixelFormat::Gray && matrix != Matrix::Bt601 {
                    // Gray has no colours to weigh.
                    continue;
                }
                for turn in [Turn::NONE, Turn::from_flips(1, true, false)] {
                    let source = paint((75, 53), *format, range, matrix, 0);
                    let what = format!("{format:?} {range:?} {matrix:?} {turn:?}");
                    encoder
                        .encode(&source.picture(), turn, 95, &mut jpeg)
                        .expect(&what);
                    decoder.decode(&jpeg, &mut bitmap).expect(&what);
                    assert_shows(&bitmap, &source, turn, 10.0, &what);
                }
            }
        }
    }
}

#[test]
fn every_small_size_goes_through() {
    let (mut encoder, mut decoder) = (encoder(2, 64), decoder(2, 64));
    let (mut jpeg, mut bitmap) = (Vec::new(), Bitmap::default());
    for format in FORMATS {
        for size in [(1, 1), (2, 1), (1, 2), (3, 17), (17, 3), (16, 16), (33, 31)] {
            for turn in all_turns() {
                let source = paint(size, format, Range::Limited, Matrix::Bt709, 0);
                encoder
                    .encode(&source.picture(), turn, 80, &mut jpeg)
                    .unwrap_or_else(|error| panic!("{format:?} {size:?} {turn:?}: {error}"));
                decoder
                    .decode(&jpeg, &mut bitmap)
                    .unwrap_or_else(|error| panic!("{format:?} {size:?} {turn:?}: {error}"));
                let (width, height) = turn.size(size.0 as u32, size.1 as u32);
                assert_eq!((bitmap.width as u32, bitmap.height as u32), (width, height));
            }
        }
    }
}
