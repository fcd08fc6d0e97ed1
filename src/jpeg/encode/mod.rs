//! A picture into a JPEG, on as many threads as it is worth.
//!
//! The picture is cut into strips of whole rows of units (MCUs); each is encoded on its own with a
//! restart marker after each row, and the strips are joined under one header: one standard JPEG with
//! restart markers numbered on across the joints. What the encoder can read as it lies in memory goes
//! straight to it, by plane and stride: full-range BT.601 planes and packed RGB that need no turning,
//! plane by plane (of NV12 only the chroma is rewritten). All else takes one pass over each strip into
//! a buffer of the strip's size (`lay.rs`).
//!
//! Runs on the caller's thread and its workers'; blocks on nothing but them. Buffers are kept; threads and
//! compressors are made for the first picture that needs them.

mod colour;
mod lay;
mod rows;
mod turbo;
mod turn;

use std::num::NonZeroUsize;
use std::ops::Range;

use self::turbo::{Source, Turbo, coding};
use super::markers::{MAX_SIDE, RST0, RST7, lead_end, next_marker, set_height};
use super::{Decoder, EncodeError, MAX_PIXELS, MAX_STRIPS, STRIP_PIXELS};
use crate::handoff::WorkerPool;
use crate::picture::{Bitmap, Picture, PixelFormat, Turn};

/// Encodes one picture, or turns one JPEG, after the other.
pub struct Encoder {
    workers: WorkerPool,
    strips: [Strip; MAX_STRIPS],
    /// The fewest pixels of a strip.
    pub(super) strip_pixels: usize,
    /// For JPEGs that cannot be turned without loss.
    decoder: Decoder,
    bitmap: Option<Bitmap>,
}

/// What a strip keeps from picture to picture.
#[derive(Default)]
struct Strip {
    turbo: Turbo,
    /// The rows of pixels that it encodes, after turning.
    rows: Range<usize>,
    buffers: lay::Buffers,
    jpeg: Vec<u8>,
    /// Where its coded data start.
    coded: usize,
    error: Option<EncodeError>,
}

impl Encoder {
    /// An encoder that uses up to `threads` threads, the caller's included.
    pub fn new(threads: NonZeroUsize) -> Self {
        Encoder {
            workers: WorkerPool::new(threads),
            strips: Default::default(),
            strip_pixels: STRIP_PIXELS,
            decoder: Decoder::new(threads, MAX_PIXELS),
            bitmap: None,
        }
    }

    /// Encodes `picture`, laid down as `turn` says, into `jpeg`, whose content it replaces and whose
    /// memory it uses again: a standard baseline JPEG, full-range BT.601.
    ///
    /// Chroma stays as thin as the picture's own: 4:2:0, 4:2:2, 4:4:4 or none; RGB becomes 4:2:0, and
    /// so does 4:2:2 that is turned by a quarter (the 4:4:0 that it would become is rare enough that
    /// hardware decoders lack it; every second row of chroma is left out). `quality` is 1 to 100.
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
        let (width, height) = turn.size(picture.width, picture.height);
        let format = laid_format(picture.format, turn);
        let unit_height = coding(format)?.1.mcu_height();
        let height = height as usize;
        let worth = (width as usize * height / self.strip_pixels).clamp(1, MAX_STRIPS);
        let unit_rows = height.div_ceil(unit_height);
        // More strips than threads: a thread that others slow down gets fewer, and the buffer of a
        // strip stays in the cache between the pass and the encoder. A strip's own header costs 10 µs.
        let count = worth.min(unit_rows);
        let strips = &mut self.strips[..count];
        for (index, strip) in strips.iter_mut().enumerate() {
            let border = |index: usize| unit_rows * index / count * unit_height;
            strip.rows = border(index)..border(index + 1).min(height);
        }
        self.workers.for_each(strips, |strip| {
            let (top, rows) = (strip.rows.start, strip.rows.len());
            let mut laid = Picture::blank(format, width, rows as u32);
            strip.buffers.lay_down(picture, turn, top, &mut laid);
            let (source, jpeg) = (Source::Picture(laid), &mut strip.jpeg);
            strip.error = strip.turbo.write(source, quality, worth > 1, jpeg).err();
            // What is there of a strip that failed goes no further.
            strip.coded = number_restarts(jpeg, top / unit_height);
        });
        if let Some(error) = strips.iter_mut().find_map(|strip| strip.error.take()) {
            return Err(error);
        }
        join(strips, unit_height, jpeg);
        set_height(jpeg, height as u32);
        Ok(())
    }
}

/// The format in which a picture of this format is encoded: planes with chroma no thinner than its own, or packed
/// pixels, of 32 bits where they have to be rewritten.
fn laid_format(format: PixelFormat, turn: Turn) -> PixelFormat {
    use PixelFormat::{Bgr, Bgrx, Gray, I420, I422, I444, Rgb, Rgb565, Rgbx, Uyvy, Yuyv};
    match format {
        Gray | I444 => format,
        I422 | Yuyv | Uyvy if !turn.swaps_sides() => I422,
        Rgb | Bgr if turn == Turn::NONE => format,
        Rgb | Rgbx | Rgb565 => Rgbx,
        Bgr | Bgrx => Bgrx,
        _ => I420,
    }
}

/// Whether the picture's planes hold what its size and format ask for.
fn check(picture: &Picture<'_>) -> Result<(), EncodeError> {
    let Picture { width, height, .. } = *picture;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(EncodeError::Size { width, height });
    }
    let sizes = picture.plane_sizes();
    for (number, (plane, size)) in picture.planes.iter().zip(sizes).enumerate() {
        let span = size.span(plane.stride);
        if span.is_none_or(|bytes| bytes > plane.data.len()) {
            return Err(EncodeError::ShortPlane {
                plane: number,
                bytes: plane.data.len(),
                stride: plane.stride,
            });
        }
    }
    Ok(())
}

/// Numbers the restart markers of a strip that starts with row `row` of units, and finds its coded data.
fn number_restarts(jpeg: &mut [u8], mut row: usize) -> usize {
    // Behind the header's last segment, the scan's.
    let coded = lead_end(jpeg, 0..=u8::MAX);
    // They are right as they are where it starts with one that would be numbered 0.
    let mut at = if row % 8 == 0 { jpeg.len() } else { coded };
    while let Some((place, marker)) = next_marker(jpeg, at) {
        if matches!(marker, RST0..=RST7) {
            jpeg[place + 1] = restart(row);
            row += 1;
        }
        at = place + 2;
    }
    coded
}

/// The marker after row `row` of units.
fn restart(row: usize) -> u8 {
    RST0 + (row % 8) as u8
}

/// One JPEG of all strips, which were encoded with the same settings, from top to bottom; its header is the first one's.
fn join(strips: &mut [Strip], unit_height: usize, jpeg: &mut Vec<u8>) {
    if let [only] = strips {
        // Nothing to join: the buffers change places, and each serves for the next picture.
        return std::mem::swap(jpeg, &mut only.jpeg);
    }
    jpeg.clear();
    jpeg.reserve(strips.iter().map(|strip| strip.jpeg.len()).sum());
    for strip in strips {
        let mut from = 0;
        if let Some(end) = jpeg.last_mut() {
            // The joint: the marker in EOI's place.
            *end = restart(strip.rows.start / unit_height - 1);
            from = strip.coded;
        }
        jpeg.extend_from_slice(&strip.jpeg[from..]);
    }
}
