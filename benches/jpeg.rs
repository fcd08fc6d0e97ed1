//! What a picture costs on its way: encoding, turning, decoding into the window's pixels, by size and
//! number of threads. `cargo bench --bench jpeg`.

use std::num::NonZeroUsize;

use divan::{Bencher, counter::ItemsCount};
use pi_stream::jpeg::{self, Decoder, Encoder};
use pi_stream::picture::{Bitmap, Matrix, Picture, PixelFormat, Plane, Range, Turn};

fn main() {
    divan::main();
}

const SIZES: [(usize, usize); 3] = [(640, 480), (1280, 720), (1920, 1080)];
const THREADS: [usize; 2] = [1, 2];
const QUALITY: u8 = 80;

/// Planes with edges, gradients and a little noise: some 250 kB at 1080p, as a camera's pictures have.
struct Planes {
    size: (usize, usize),
    luma: Vec<u8>,
    chroma: Vec<u8>,
}

impl Planes {
    fn new((width, height): (usize, usize)) -> Self {
        let mut noise = 1_u32;
        let mut plane = |width: usize, height: usize, edge: usize| {
            let mut plane = Vec::with_capacity(width * height);
            for y in 0..height {
                for x in 0..width {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let shape = if (x / edge + y / edge) % 2 == 0 {
                        40
                    } else {
                        0
                    };
                    let slope = (x * 90 / width + y * 60 / height) as u32;
                    plane.push((40 + shape + slope + (noise >> 24) % 12) as u8);
                }
            }
            plane
        };
        Planes {
            size: (width, height),
            luma: plane(width, height, 37),
            chroma: plane(width, height, 61),
        }
    }

    /// The same bytes seen as any format; what they show does not matter.
    fn picture(&self, format: PixelFormat, range: Range) -> Picture<'_> {
        let (width, height) = self.size;
        let plane = |data, stride| Plane { data, stride };
        let (luma, chroma) = (self.luma.as_slice(), self.chroma.as_slice());
        let planes = match format {
            PixelFormat::Nv12 => [plane(luma, width), plane(chroma, width), Plane::default()],
            _ => [
                plane(luma, width),
                plane(chroma, width / 2),
                plane(&chroma[chroma.len() / 2..], width / 2),
            ],
        };
        Picture {
            width: width as u32,
            height: height as u32,
            format,
            range,
            matrix: Matrix::Bt601,
            planes,
        }
    }
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("threads are counted from one")
}

/// The sizes at which to measure, each with one thread and with two.
fn cases() -> impl Iterator<Item = Case> {
    SIZES
        .into_iter()
        .flat_map(|size| THREADS.map(|threads| Case { size, threads }))
}

#[derive(Clone, Copy)]
struct Case {
    size: (usize, usize),
    threads: usize,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((width, height), threads) = (self.size, self.threads);
        write!(f, "{width}x{height}, threads: {threads}")
    }
}

fn encode(bencher: Bencher<'_, '_>, case: Case, format: PixelFormat, range: Range, turn: Turn) {
    let planes = Planes::new(case.size);
    let mut encoder = Encoder::new(threads(case.threads));
    let mut jpeg = Vec::new();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let picture = planes.picture(format, range);
        encoder
            .encode(&picture, turn, QUALITY, &mut jpeg)
            .expect("a picture that encodes");
    });
}

#[divan::bench(args = cases())]
fn encode_i420(bencher: Bencher<'_, '_>, case: Case) {
    encode(bencher, case, PixelFormat::I420, Range::Full, Turn::NONE);
}

#[divan::bench(args = cases())]
fn encode_nv12(bencher: Bencher<'_, '_>, case: Case) {
    encode(bencher, case, PixelFormat::Nv12, Range::Full, Turn::NONE);
}

#[divan::bench(args = cases())]
fn encode_i420_limited(bencher: Bencher<'_, '_>, case: Case) {
    encode(bencher, case, PixelFormat::I420, Range::Limited, Turn::NONE);
}

#[divan::bench(args = cases())]
fn encode_i420_turned_by_half(bencher: Bencher<'_, '_>, case: Case) {
    let turn = Turn::from_flips(2, false, false);
    encode(bencher, case, PixelFormat::I420, Range::Full, turn);
}

#[divan::bench(args = cases())]
fn encode_i420_turned_by_a_quarter(bencher: Bencher<'_, '_>, case: Case) {
    let turn = Turn::from_flips(1, false, false);
    encode(bencher, case, PixelFormat::I420, Range::Full, turn);
}

#[divan::bench(args = cases())]
fn encode_nv12_turned_by_a_quarter(bencher: Bencher<'_, '_>, case: Case) {
    let turn = Turn::from_flips(1, false, false);
    encode(bencher, case, PixelFormat::Nv12, Range::Full, turn);
}

/// A JPEG with restart markers where the size is worth it, as the encoder makes it.
fn encoded(size: (usize, usize)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let picture = Planes::new(size);
    Encoder::new(threads(1))
        .encode(
            &picture.picture(PixelFormat::I420, Range::Full),
            Turn::NONE,
            QUALITY,
            &mut jpeg,
        )
        .expect("a picture that encodes");
    jpeg
}

#[divan::bench(args = cases())]
fn decode_and_pack(bencher: Bencher<'_, '_>, case: Case) {
    let jpeg = encoded(case.size);
    let mut decoder = Decoder::new(threads(case.threads), jpeg::MAX_PIXELS);
    let mut bitmap = Bitmap::default();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        decoder
            .decode(&jpeg, &mut bitmap)
            .expect("a JPEG of our own");
    });
}

#[divan::bench(args = SIZES.map(|(width, height)| format!("{width}x{height}")))]
fn inspect(bencher: Bencher<'_, '_>, size: &str) {
    let (width, height) = size.split_once('x').expect("a size");
    let number = |text: &str| text.parse().expect("a number");
    let jpeg = encoded((number(width), number(height)));
    bencher.bench_local(|| jpeg::inspect(&jpeg, jpeg::MAX_PIXELS).expect("a JPEG of our own"));
}

#[divan::bench(args = cases())]
fn turn_by_a_quarter(bencher: Bencher<'_, '_>, case: Case) {
    let jpeg = encoded(case.size);
    let mut turner = Encoder::new(threads(case.threads));
    let mut turned = Vec::new();
    bencher.bench_local(|| {
        turner
            .turn(
                &jpeg,
                Turn::from_flips(1, false, false),
                QUALITY,
                &mut turned,
            )
            .expect("a JPEG of our own");
    });
}
