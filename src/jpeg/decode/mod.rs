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
use std::iter;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use image::codecs::jpeg::JpegDecoder;
use image::{ImageDecoder, RgbImage};

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
    /// What `image` makes of it, a byte for each component of a pixel, and a byte more: see [`pack::rgb`].
    samples: Vec<u8>,
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
        let (mut strips, mut rest) = (Vec::with_capacity(cuts.len()), &mut into.pixels[..]);
        for (rows, buffers) in cuts.into_iter().zip(&mut self.buffers) {
            let length = header.pixel_rows(&rows) as usize * width;
            let (pixels, others) = std::mem::take(&mut rest).split_at_mut(length);
            rest = others;
            strips.push((rows, buffers, pixels, Ok(())));
        }
        let layout = &self.layout;
        self.workers
            .for_each(&mut strips, |(wanted, buffers, pixels, outcome)| {
                let decoded = header.with_context(wanted);
                *outcome = buffers.decode(jpeg, layout, &decoded).map(|()| {
                    let skipped = header.pixel_rows(&(decoded.start..wanted.start)) as usize;
                    let wanted = &buffers.samples[skipped * width * header.components()..];
                    match header.components() {
                        1 => pack::gray(wanted, pixels),
                        _ => pack::rgb(wanted, pixels),
                    }
                });
            });
        let count = strips.len();
        let outcome = strips.into_iter().try_for_each(|(.., outcome)| outcome);
        self.keep(count);
        outcome
    }

    /// Decodes `jpeg` as [`decode`](Self::decode) does, on the caller's thread, where nobody looks at the pixels: they
    /// are not packed.
    pub fn try_out(&mut self, jpeg: &[u8]) -> Result<(), DecodeError> {
        self.layout.read(jpeg, self.max_pixels)?;
        let rows = 0..self.layout.header.unit_rows();
        let outcome = self.buffers[0].decode(jpeg, &self.layout, &rows);
        self.keep(1);
        outcome
    }

    /// Keeps the buffers of that many strips, not those of strips that a larger picture had, and none of a huge one.
    fn keep(&mut self, strips: usize) {
        let Header { width, height, .. } = self.layout.header;
        let is_huge = bitmap::is_huge(width as usize * height as usize);
        let kept = if is_huge { 0 } else { strips };
        self.buffers[kept..].fill_with(Buffers::default);
    }
}

/// Decodes one JPEG to RGB on the caller's thread alone, with the limits and the caught panics of [`Decoder`].
pub(crate) fn decode_rgb(jpeg: &[u8]) -> Result<RgbImage, DecodeError> {
    let (mut layout, mut buffers) = (Layout::default(), Buffers::default());
    layout.read(jpeg, MAX_PIXELS)?;
    let header = &layout.header;
    buffers.decode(jpeg, &layout, &(0..header.unit_rows()))?;
    let mut samples = buffers.samples;
    // The byte more, which `pack` alone reads.
    samples.pop();
    if header.components() == 1 {
        samples = samples.iter().flat_map(|luma| [*luma; 3]).collect();
    }
    let picture = RgbImage::from_raw(header.width, header.height, samples);
    picture.ok_or(DecodeError::Damaged(NOT_ITS_SIZE))
}

/// Cuts a JPEG of so many restart intervals into as many strips as pay, at most `limit`; returns each one's rows of
/// units.
fn cuts(header: &Header, intervals: usize, limit: usize) -> Vec<Range<u32>> {
    let (rows, step) = (header.unit_rows(), header.rows_an_interval());
    let whole_rows = header.restart_interval % header.units_across() == 0;
    // Strips of these are known (and tested) to decode to exactly what the whole does.
    let known = matches!(
        header.sampling,
        [(1, 1), (0, 0), (0, 0)] | [(1 | 2, 1 | 2), (1, 1), (1, 1)]
    );
    let count = limit.min(intervals).max(1) as u32;
    let border = |index: u32| (rows.div_ceil(step) * index / count * step).min(rows);
    let cuts = (0..count).map(|index| border(index)..border(index + 1));
    // Strips that decode nearly everything gain nothing.
    let gains = |strip: Range<u32>| header.with_context(&strip).len() * 4 <= rows as usize * 3;
    match whole_rows && known && cuts.clone().all(gains) {
        true => cuts.collect(),
        false => iter::once(0..rows).collect(),
    }
}

const NOT_ITS_SIZE: &str = "it is not of the size that it says";

impl Buffers {
    /// Decodes these rows of units into `samples`.
    fn decode(
        &mut self,
        jpeg: &[u8],
        layout: &Layout,
        rows: &Range<u32>,
    ) -> Result<(), DecodeError> {
        layout.write(jpeg, rows, &mut self.jpeg);
        let (width, height) = (layout.header.width, layout.header.pixel_rows(rows));
        let bytes = width as usize * height as usize * layout.header.components();
        let decode = || {
            let decoder = JpegDecoder::new(Cursor::new(&self.jpeg))?;
            if decoder.dimensions() != (width, height) {
                return Err(DecodeError::Damaged(NOT_ITS_SIZE));
            }
            bitmap::resize(&mut self.samples, bytes + 1);
            // It refuses what is not as long as it says itself.
            decoder.read_image(&mut self.samples[..bytes])?;
            Ok(())
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
        let header = header(1);
        let cuts = cuts(&header, 68, 2);
        assert_eq!(cuts, [0..34, 34..68]);
        let decoded = cuts.iter().map(|strip| header.with_context(strip));
        assert!(decoded.eq([0..35, 33..68]));
    }

    #[test]
    fn decoding_starts_with_a_restart_interval() {
        let header = header(3);
        let cuts = cuts(&header, 23, 2);
        assert_eq!(cuts[1], 33..68);
        assert_eq!(header.with_context(&cuts[1]), 30..68);
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
