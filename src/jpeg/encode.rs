//! A picture into a JPEG, on as many threads as it is worth.
//!
//! The picture is cut into strips of whole rows of units (MCUs); each is encoded on its own with a
//! restart marker after each row, and the strips are joined under one header: one standard JPEG with
//! restart markers numbered on across the joints. What the encoder can read as it lies in memory goes
//! straight to it, by plane and stride: full-range BT.601 planes and packed RGB that need no turning,
//! plane by plane (of NV12 only the chroma is rewritten). All else takes one pass over each strip into
//! a buffer of the strip's size (`planes.rs`, `pixels.rs`).
//!
//! Runs on the caller's thread and the crew's; blocks on nothing but the crew. Buffers are kept.

mod colour;
mod pixels;
mod planes;
mod transpose;

use std::num::NonZeroUsize;
use std::ops::Range;

use super::crew::Crew;
use super::error::EncodeError;
use super::markers::{self, MAX_SIDE, RST0, SOF0, SOS};
use super::turbo::{Compressor, Order, Sampling, Settings, Source, has_rows};
use super::{MAX_STRIPS, STRIP_PIXELS};
use crate::frame::{Picture, PixelFormat, Turn};
use pixels::PixelRows;
use planes::PlaneRows;

/// Encodes one picture after the other.
#[derive(Debug)]
pub struct Encoder {
    crew: Crew,
    strips: Vec<Strip>,
    /// The fewest pixels of a strip.
    pub(super) strip_pixels: usize,
}

/// What a strip keeps from picture to picture.
#[derive(Debug)]
struct Strip {
    compressor: Compressor,
    /// The rows of pixels that it encodes, after turning.
    rows: Range<usize>,
    planes: planes::Buffers,
    pixels: pixels::Buffers,
    jpeg: Vec<u8>,
    outcome: Result<(), EncodeError>,
}

/// What all strips of a picture share.
#[derive(Debug)]
struct Job<'a> {
    picture: &'a Picture<'a>,
    turn: Turn,
    settings: Settings,
}

impl Encoder {
    /// An encoder that uses up to `threads` threads, the caller's included.
    pub fn new(threads: NonZeroUsize) -> Result<Self, EncodeError> {
        let crew = Crew::new(threads);
        let strips = (0..MAX_STRIPS)
            .map(|_| Strip::new())
            .collect::<Result<_, _>>()?;
        Ok(Encoder {
            crew,
            strips,
            strip_pixels: STRIP_PIXELS,
        })
    }

    /// Encodes `picture`, laid down as `turn` says, into `jpeg`, whose content it replaces and whose
    /// memory it uses again: a standard baseline JPEG, full-range BT.601.
    ///
    /// Chroma stays as thin as the picture's own: 4:2:0, 4:2:2, 4:4:4 or none; RGB becomes 4:2:0, and
    /// so does 4:2:2 that is turned by a quarter (the 4:4:0 that it would become is rare enough that
    /// hardware decoders lack it; two rows of chroma are averaged into one). `quality` is 1 to 100.
    /// Pictures large enough for strips bear restart markers, whatever the number of threads here, so
    /// that a viewer with more of them can use them.
    pub fn encode(
        &mut self,
        picture: &Picture<'_>,
        turn: Turn,
        quality: u8,
        jpeg: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        check(picture)?;
        if !(1..=100).contains(&quality) {
            return Err(EncodeError::Quality(quality));
        }
        let (width, height) = turn.size(picture.width, picture.height);
        let (width, height) = (width as usize, height as usize);
        let worth = (width * height / self.strip_pixels).clamp(1, MAX_STRIPS);
        let job = Job {
            picture,
            turn,
            settings: Settings {
                width,
                height,
                sampling: sampling(picture.format, turn),
                quality,
                restarts: worth > 1,
            },
        };
        let unit_height = 8 * job.settings.sampling.factors().1;
        let unit_rows = height.div_ceil(unit_height);
        // More strips than threads: a thread that others slow down gets fewer, and the buffer of a
        // strip stays in the cache between the pass and the encoder. A strip's own header costs 10 µs.
        let count = worth.min(unit_rows);
        let strips = &mut self.strips[..count];
        for (index, strip) in strips.iter_mut().enumerate() {
            let border = |index: usize| (unit_rows * index / count * unit_height).min(height);
            strip.rows = border(index)..border(index + 1);
        }
        self.crew.for_each(strips, |strip| {
            strip.outcome = strip.encode(&job);
        });
        join(strips, &job, unit_height, jpeg)
    }
}

impl Strip {
    fn new() -> Result<Self, EncodeError> {
        Ok(Strip {
            compressor: Compressor::new().map_err(EncodeError::Turbo)?,
            rows: 0..0,
            planes: planes::Buffers::default(),
            pixels: pixels::Buffers::default(),
            jpeg: Vec::new(),
            outcome: Ok(()),
        })
    }

    fn encode(&mut self, job: &Job<'_>) -> Result<(), EncodeError> {
        let settings = Settings {
            height: self.rows.len(),
            ..job.settings
        };
        let rows = self.rows.clone();
        let source = match PixelRows::of(job.picture) {
            Some(pixels) => match direct_pixels(job, rows.clone()) {
                Some(source) => source,
                None => self.pixels.fill(&pixels, job.turn, rows),
            },
            None => {
                let planes = PlaneRows::of(job.picture, job.turn);
                self.planes.fill(&planes, job.turn, &settings, rows)
            }
        };
        self.compressor
            .compress(source, settings, &mut self.jpeg)
            .map_err(EncodeError::Turbo)
    }
}

/// How thin the chroma of the JPEG is.
fn sampling(format: PixelFormat, turn: Turn) -> Sampling {
    use PixelFormat::{Gray, I422, I444, Uyvy, Vyuy, Yuyv, Yvyu};
    match format {
        Gray => Sampling::Gray,
        I444 => Sampling::Full,
        I422 | Yuyv | Yvyu | Uyvy | Vyuy if !turn.swaps_sides() => Sampling::Wide,
        _ => Sampling::Half,
    }
}

/// Whether the picture's planes hold what its size and format ask for.
fn check(picture: &Picture<'_>) -> Result<(), EncodeError> {
    let Picture { width, height, .. } = *picture;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(EncodeError::Size { width, height });
    }
    let (width, height) = (width as usize, height as usize);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    use PixelFormat as F;
    let second = match picture.format {
        F::I420 => Some((half_width, half_height)),
        F::I422 => Some((half_width, height)),
        F::I444 => Some((width, height)),
        F::Nv12 | F::Nv21 => Some((2 * half_width, half_height)),
        _ => None,
    };
    let third = second.filter(|_| !matches!(picture.format, F::Nv12 | F::Nv21));
    let first = match picture.format {
        F::Yuyv | F::Yvyu | F::Uyvy | F::Vyuy => 4 * half_width,
        F::Rgb | F::Bgr => 3 * width,
        F::Rgbx | F::Bgrx => 4 * width,
        F::Rgb565 => 2 * width,
        F::Gray | F::I420 | F::I422 | F::I444 | F::Nv12 | F::Nv21 => width,
    };
    let needed = [Some((first, height)), second, third];
    for (number, (plane, needed)) in picture.planes.iter().zip(needed).enumerate() {
        let Some((bytes, rows)) = needed else { break };
        if !has_rows(plane.data, plane.stride, bytes, rows) {
            return Err(EncodeError::ShortPlane {
                plane: number,
                bytes: plane.data.len(),
                stride: plane.stride,
            });
        }
    }
    Ok(())
}

/// Packed pixels that the encoder reads as they are.
fn direct_pixels<'a>(job: &Job<'a>, rows: Range<usize>) -> Option<Source<'a>> {
    let order = match job.picture.format {
        PixelFormat::Rgb => Order::Rgb,
        PixelFormat::Bgr => Order::Bgr,
        PixelFormat::Rgbx => Order::Rgbx,
        PixelFormat::Bgrx => Order::Bgrx,
        _ => return None,
    };
    let plane = job.picture.planes[0];
    (job.turn == Turn::NONE).then(|| {
        let from = &plane.data[rows.start * plane.stride..];
        Source::Packed(from, plane.stride, order)
    })
}

/// One JPEG of all strips, which were encoded with the same settings, from top to bottom.
fn join(
    strips: &mut [Strip],
    job: &Job<'_>,
    unit_height: usize,
    jpeg: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    for strip in strips.iter_mut() {
        std::mem::replace(&mut strip.outcome, Ok(()))?;
    }
    let (first, others) = strips.split_first_mut().expect("a picture has a strip");
    if others.is_empty() {
        // Nothing to join: the buffers change places, and each serves for the next picture.
        std::mem::swap(jpeg, &mut first.jpeg);
        return Ok(());
    }
    jpeg.clear();
    let length = others.iter().map(|s| s.jpeg.len()).sum::<usize>() + first.jpeg.len();
    jpeg.reserve(length);
    jpeg.extend_from_slice(&first.jpeg);
    set_height(jpeg, job.settings.height);
    for strip in others {
        // The joint: the marker in EOI's place.
        let end = jpeg.len() - 1;
        let row = strip.rows.start / unit_height;
        jpeg[end] = restart(row - 1);
        let scan = scan_start(&strip.jpeg);
        renumber(&mut strip.jpeg[scan..], row);
        jpeg.extend_from_slice(&strip.jpeg[scan..]);
    }
    Ok(())
}

/// The marker after row `row` of units.
fn restart(row: usize) -> u8 {
    RST0 + (row % 8) as u8
}

/// Numbers the restart markers of coded data that start with row `row` of units.
fn renumber(coded: &mut [u8], row: usize) {
    if row % 8 == 0 {
        return;
    }
    let mut at = 0;
    let mut row = row;
    while let Some((place, marker)) = markers::next_marker(coded, at) {
        at = place + 2;
        if markers::is_restart(marker) {
            coded[place + 1] = restart(row);
            row += 1;
        }
    }
}

/// Where the coded data of a JPEG of our own start.
fn scan_start(jpeg: &[u8]) -> usize {
    markers::header_segments(jpeg)
        .find(|segment| segment.marker == SOS)
        .expect("the encoder writes a scan")
        .end
}

/// Writes the height of the whole picture into the header of its first strip.
fn set_height(jpeg: &mut [u8], height: usize) {
    let frame = markers::header_segments(jpeg)
        .find(|segment| segment.marker == SOF0)
        .expect("the encoder writes a baseline frame header")
        .start;
    // Behind marker, length and precision.
    jpeg[frame + 5..frame + 7].copy_from_slice(&(height as u16).to_be_bytes());
}
