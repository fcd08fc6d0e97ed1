//! A JPEG into the pixels of a window, on as many threads as it is worth.
//!
//! `image` decodes; this room cuts. A JPEG whose restart interval is whole rows of units (MCUs) is cut
//! into strips, each made a JPEG of its own (the same header with another height) and decoded straight
//! into its rows of the bitmap. `image` smooths chroma vertically, so a strip of a JPEG with halved
//! chroma is decoded with a row of units more on each side, which is thrown away: then it is, pixel for
//! pixel, what the whole would have been. Any other JPEG is one strip.
//!
//! What comes in is hostile: it is walked and bounded before `image` sees it (`header.rs`), and a panic
//! in it ends at the strip. Runs on the caller's thread and its workers'; blocks on nothing but them.
//! Keeps its buffers, but for those of a huge picture, and gives back what a much larger one left behind.

mod pack;

use std::cell::Cell;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, ImageDecoder, Limits, RgbImage};

use super::error::DecodeError;
use super::header::{Header, Layout, MAX_PIXELS};
use super::{MAX_STRIPS, STRIP_PIXELS};
use crate::handoff::WorkerPool;
use crate::picture::bitmap::{self, Bitmap};

thread_local! {
    /// Whether this thread is in `image`, and catches its panics.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics of `image` off stderr: they are caught and counted as frames that do not decode, and a hostile peer
/// could cause one with every frame. All other panics are reported as before. To be called once, at program start.
pub fn silence_caught_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !TRYING.get() {
            report(panic);
        }
    }));
}

/// Decodes one JPEG after the other.
pub struct Decoder {
    workers: WorkerPool,
    layout: Layout,
    buffers: Vec<Buffers>,
    /// The fewest pixels of a strip.
    pub(super) strip_pixels: usize,
    max_pixels: u64,
}

/// What a strip keeps from picture to picture.
#[derive(Default)]
struct Buffers {
    /// The strip as a JPEG of its own.
    jpeg: Vec<u8>,
    /// What `image` makes of it, three bytes a pixel or one, and a byte more: see [`pack::rgb`].
    samples: Vec<u8>,
}

/// A strip's rows of units: those that are wanted, and those that are decoded for them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    wanted: Range<u32>,
    decoded: Range<u32>,
}

impl Decoder {
    /// A decoder of pictures of up to `max_pixels` that uses up to `threads` threads, the caller's included.
    pub fn new(threads: NonZeroUsize, max_pixels: u64) -> Self {
        let strips = threads.get().min(MAX_STRIPS);
        Decoder {
            workers: WorkerPool::new(threads),
            layout: Layout::default(),
            buffers: (0..strips).map(|_| Buffers::default()).collect(),
            strip_pixels: STRIP_PIXELS,
            max_pixels,
        }
    }

    /// Decodes `jpeg` into `into`, whose size and content it replaces and whose memory it uses again.
    /// Bytes after the JPEG's end are ignored. After an error `into` holds something of its old or its
    /// new size, and the decoder is as good as before.
    pub fn decode(&mut self, jpeg: &[u8], into: &mut Bitmap) -> Result<(), DecodeError> {
        self.layout.read(jpeg, self.max_pixels)?;
        let header = &self.layout.header;
        let (width, height) = (header.width as usize, header.height as usize);
        into.resize(width, height);

        let limit = (width * height / self.strip_pixels).min(self.buffers.len());
        let cuts = cuts(header, self.layout.starts.len(), limit);
        let is_huge = bitmap::is_huge(width * height);
        let kept = if is_huge { 0 } else { cuts.len() };
        let (mut strips, mut rest) = (Vec::with_capacity(cuts.len()), &mut into.pixels[..]);
        for (cut, buffers) in cuts.into_iter().zip(&mut self.buffers) {
            let length = header.pixel_rows(&cut.wanted).len() * width;
            let (pixels, others) = std::mem::take(&mut rest).split_at_mut(length);
            rest = others;
            strips.push((cut, buffers, pixels, Ok(())));
        }
        let layout = &self.layout;
        self.workers
            .for_each(&mut strips, |(cut, buffers, pixels, outcome)| {
                let Cut { wanted, decoded } = cut;
                *outcome = buffers.decode(jpeg, layout, decoded).map(|colors| {
                    let skipped = layout.header.pixel_rows(&(decoded.start..wanted.start));
                    let bytes = width * usize::from(colors.bytes_per_pixel());
                    let wanted = &buffers.samples[skipped.len() * bytes..];
                    match colors {
                        ColorType::L8 => pack::gray(wanted, pixels),
                        _ => pack::rgb(wanted, pixels),
                    }
                });
            });
        let outcome = strips.into_iter().try_for_each(|(.., outcome)| outcome);
        // Those of strips that a larger picture had.
        self.buffers[kept..].fill_with(Buffers::default);
        outcome
    }

    /// Decodes `jpeg` as [`decode`](Self::decode) does, on the caller's thread, where nobody looks at the pixels: they
    /// are not packed.
    pub fn try_out(&mut self, jpeg: &[u8]) -> Result<(), DecodeError> {
        self.layout.read(jpeg, self.max_pixels)?;
        let Header { width, height, .. } = self.layout.header;
        let rows = 0..self.layout.header.unit_rows();
        let outcome = self.buffers[0].decode(jpeg, &self.layout, &rows);
        if bitmap::is_huge(width as usize * height as usize) {
            self.buffers[0] = Buffers::default();
        }
        outcome.map(drop)
    }
}

/// Decodes one JPEG to RGB on the caller's thread alone, with the limits and the caught panics of [`Decoder`].
pub(crate) fn decode_rgb(jpeg: &[u8]) -> Result<RgbImage, DecodeError> {
    let (mut layout, mut buffers) = (Layout::default(), Buffers::default());
    layout.read(jpeg, MAX_PIXELS)?;
    let Header { width, height, .. } = layout.header;
    let rows = 0..layout.header.unit_rows();
    let colors = buffers.decode(jpeg, &layout, &rows)?;
    // The byte more, which `pack` alone reads.
    buffers.samples.pop();
    if colors == ColorType::L8 {
        let triple = |luma: &u8| [*luma; 3];
        buffers.samples = buffers.samples.iter().flat_map(triple).collect();
    }
    let picture = RgbImage::from_raw(width, height, buffers.samples);
    picture.ok_or(DecodeError::Damaged(NOT_ITS_SIZE))
}

/// Cuts a JPEG of so many restart intervals into as many strips as pay, at most `limit`.
fn cuts(header: &Header, intervals: usize, limit: usize) -> Vec<Cut> {
    let rows = header.unit_rows();
    let whole = Cut {
        wanted: 0..rows,
        decoded: 0..rows,
    };
    let count = limit.min(intervals);
    let whole_rows = header.restart_interval % header.units_across() == 0;
    // Strips of these are known (and tested) to decode to exactly what the whole does.
    let known = matches!(
        header.sampling,
        [(1, 1), (0, 0), (0, 0)] | [(1 | 2, 1 | 2), (1, 1), (1, 1)]
    );
    if count < 2 || !whole_rows || !known {
        return vec![whole];
    }
    let step = header.rows_an_interval();
    // Rows of units that a strip needs of its neighbours.
    let context = u32::from(header.unit.1 > 8);
    let border = |index: usize| ((intervals * index / count) as u32 * step).min(rows);
    let cut = |index| {
        let wanted = border(index)..border(index + 1);
        let before = wanted.start.saturating_sub(context);
        // Decoding starts with an interval; it may end anywhere.
        let decoded = before - before % step..(wanted.end + context).min(rows);
        Cut { wanted, decoded }
    };
    let cuts: Vec<_> = (0..count).map(cut).collect();
    // Strips that decode nearly everything gain nothing.
    let gains = |cut: &Cut| cut.decoded.len() * 4 <= rows as usize * 3;
    match cuts.iter().all(gains) {
        true => cuts,
        false => vec![whole],
    }
}

const NOT_ITS_SIZE: &str = "it is not of the size that it says";

impl Buffers {
    /// Decodes these rows of units into `samples`, one byte a pixel (`L8`) or three (`Rgb8`).
    fn decode(
        &mut self,
        jpeg: &[u8],
        layout: &Layout,
        rows: &Range<u32>,
    ) -> Result<ColorType, DecodeError> {
        layout.write(jpeg, rows, &mut self.jpeg);
        let width = layout.header.width;
        let height = layout.header.pixel_rows(rows).len() as u32;
        let decode = || {
            let mut decoder = JpegDecoder::new(Cursor::new(&self.jpeg))?;
            let mut limits = Limits::no_limits();
            (limits.max_image_width, limits.max_image_height) = (Some(width), Some(height));
            decoder.set_limits(limits)?;
            let colors = decoder.color_type();
            match (decoder.dimensions() == (width, height), colors) {
                (true, ColorType::L8 | ColorType::Rgb8) => {}
                (true, _) => return Err(DecodeError::Unsupported("colours with transparency")),
                (false, _) => return Err(DecodeError::Damaged(NOT_ITS_SIZE)),
            }
            let bytes = decoder.total_bytes() as usize;
            bitmap::resize(&mut self.samples, bytes + 1);
            decoder.read_image(&mut self.samples[..bytes])?;
            Ok(colors)
        };
        TRYING.set(true);
        let tried = panic::catch_unwind(AssertUnwindSafe(decode));
        TRYING.set(false);
        tried.unwrap_or(Err(DecodeError::Panicked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 4:2:0 picture of 1920 by 1080 with a restart marker after `rows` rows of units.
    fn header(rows: u32) -> Header {
        Header {
            width: 1920,
            height: 1080,
            sampling: [(2, 2), (1, 1), (1, 1)],
            is_progressive: false,
            unit: (16, 16),
            restart_interval: rows * 120,
        }
    }

    #[test]
    fn strips_cover_the_picture_and_a_row_more_on_each_side() {
        let cut = |wanted, decoded| Cut { wanted, decoded };
        let cuts = cuts(&header(1), 68, 2);
        assert_eq!(cuts, [cut(0..34, 0..35), cut(34..68, 33..68)]);
    }

    #[test]
    fn decoding_starts_with_a_restart_interval() {
        let cuts = cuts(&header(3), 23, 2);
        assert_eq!(cuts[1].wanted, 33..68);
        assert_eq!(cuts[1].decoded, 30..68);
    }

    #[test]
    fn nothing_is_cut_that_would_not_gain() {
        // One interval; intervals of part of a row; intervals so long that strips decode nearly all.
        let mut ragged = header(1);
        ragged.restart_interval = 100;
        for (header, intervals) in [(header(0), 1), (ragged, 82), (header(40), 2)] {
            assert_eq!(cuts(&header, intervals, 2).len(), 1);
        }
        assert_eq!(cuts(&header(1), 68, 1).len(), 1);
    }
}
