//! A JPEG into the pixels of a window, on as many threads as it is worth.
//!
//! `image` decodes; this room cuts. A JPEG whose restart interval is whole rows of units (MCUs) is cut
//! into strips, each made a JPEG of its own (the same header with another height) and decoded straight
//! into its rows of the bitmap. `image` smooths chroma vertically, so a strip of a JPEG with halved
//! chroma is decoded with a row of units more on each side, which is thrown away: then it is, pixel for
//! pixel, what the whole would have been. Any other JPEG is one strip.
//!
//! What comes in is hostile: it is walked and bounded before `image` sees it (`header.rs`), and a panic
//! in `image` ends at the strip. Runs on the caller's thread and the crew's; blocks on nothing but the
//! crew. Keeps its buffers, but for those of a huge picture, and gives back what a much larger one left behind.

mod pack;
mod splice;

use std::cell::Cell;
use std::io::{BufRead, Seek};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, ImageDecoder, Limits, RgbImage};

use super::crew::Crew;
use super::error::DecodeError;
use super::header::{Header, Layout, MAX_PIXELS};
use super::{MAX_STRIPS, STRIP_PIXELS};
use crate::frame::bitmap::{self, Bitmap};
use splice::Splice;

thread_local! {
    /// Whether this thread tries bytes on `image`, and catches what it throws.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics of `image`, which are caught and counted as frames that do not decode, from being told
/// on stderr: a stranger could have one told for every frame. All others are told as before. For a
/// program to call once, at its start.
pub fn hush_caught_panics() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !TRYING.get() {
            tell(panic);
        }
    }));
}

/// Decodes one JPEG after the other.
#[derive(Debug)]
pub struct Decoder {
    crew: Crew,
    layout: Layout,
    /// What `image` gives, three bytes a pixel or one; a buffer for each strip.
    pub(super) samples: Vec<Vec<u8>>,
    /// The fewest pixels of a strip.
    pub(super) strip_pixels: usize,
    max_pixels: u64,
}

/// A strip's rows of units: those that are wanted, and those that are decoded for them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    wanted: Range<u32>,
    decoded: Range<u32>,
}

/// A strip on its way.
struct Strip<'a> {
    /// Decoded rows of pixels.
    height: u32,
    /// The first of them that is wanted.
    skip: u32,
    splice: Splice<'a>,
    samples: &'a mut Vec<u8>,
    pixels: &'a mut [u32],
    outcome: Result<(), DecodeError>,
}

impl Decoder {
    /// A decoder that uses up to `threads` threads, the caller's included.
    pub fn new(threads: NonZeroUsize) -> Self {
        Decoder::within(threads, MAX_PIXELS)
    }

    /// The same with another bound on the number of pixels.
    pub fn within(threads: NonZeroUsize, max_pixels: u64) -> Self {
        let crew = Crew::new(threads);
        let samples = vec![Vec::new(); crew.threads().min(MAX_STRIPS)];
        Decoder {
            crew,
            layout: Layout::default(),
            samples,
            strip_pixels: STRIP_PIXELS,
            max_pixels,
        }
    }

    /// Decodes `jpeg` into `into`, whose size and content it replaces and whose memory it uses again.
    /// Bytes after the JPEG's end are ignored. After an error `into` holds something of its old or its
    /// new size, and the decoder is as good as before.
    pub fn decode(&mut self, jpeg: &[u8], into: &mut Bitmap) -> Result<(), DecodeError> {
        let header = self.layout.read(jpeg, self.max_pixels)?;
        let (width, height) = (header.width as usize, header.height as usize);
        into.pixels.resize(width * height);
        (into.width, into.height) = (width, height);

        let pixels = width * height;
        let most = (pixels / self.strip_pixels).min(self.samples.len());
        let cuts = Cuts::plan(&header, self.layout.starts.len(), most);
        let layout = &self.layout;
        let mut rest = &mut into.pixels[..];
        let mut strips: [Option<Strip<'_>>; MAX_STRIPS] = [const { None }; MAX_STRIPS];
        let buffers = self.samples.iter_mut();
        for ((strip, samples), index) in strips.iter_mut().zip(buffers).zip(0..cuts.count) {
            let cut = cuts.cut(index);
            let until = |row: u32| (row * header.unit.1).min(header.height);
            let rows = until(cut.wanted.end) - until(cut.wanted.start);
            let (pixels, others) = rest.split_at_mut(rows as usize * width);
            rest = others;
            let height = until(cut.decoded.end) - until(cut.decoded.start);
            *strip = Some(Strip {
                height,
                skip: until(cut.wanted.start) - until(cut.decoded.start),
                splice: Splice::new(layout, height, coded(jpeg, layout, &cuts, &cut)),
                samples,
                pixels,
                outcome: Ok(()),
            });
        }
        self.crew
            .for_each(&mut strips[..cuts.count as usize], |strip| {
                if let Some(strip) = strip {
                    strip.outcome = strip.decode(width);
                }
            });
        let outcome = strips
            .into_iter()
            .flatten()
            .try_for_each(|strip| strip.outcome);
        let kept = match bitmap::is_huge(pixels) {
            true => 0,
            false => cuts.count as usize,
        };
        // Those of strips that a larger picture had.
        self.samples[kept..].fill_with(Vec::new);
        outcome
    }
}

/// Decodes one JPEG on the caller's thread alone, bounded and caught as by [`Decoder`], for programs that want
/// bytes of red, green and blue.
pub fn decode_rgb(jpeg: &[u8]) -> Result<RgbImage, DecodeError> {
    let mut layout = Layout::default();
    let Header { width, height, .. } = layout.read(jpeg, MAX_PIXELS)?;
    // A layout that was read has at least one interval.
    let coded = &jpeg[layout.starts[0]..layout.end];
    let mut whole = Splice::new(&layout, height, coded);
    let mut samples = Vec::new();
    if guarded(|| decode_samples(&mut whole, width, height, &mut samples))? == ColorType::L8 {
        samples = samples.iter().flat_map(|luma| [*luma; 3]).collect();
    }
    let picture = RgbImage::from_raw(width, height, samples);
    picture.ok_or(DecodeError::Damaged(NOT_ITS_SIZE))
}

/// The coded data of the rows that a strip decodes.
fn coded<'a>(jpeg: &'a [u8], layout: &Layout, cuts: &Cuts, cut: &Cut) -> &'a [u8] {
    let of = |row: u32| layout.starts.get((row / cuts.rows_an_interval) as usize);
    let start = *of(cut.decoded.start).expect("a strip starts with an interval that was found");
    let end = match of(cut.decoded.end.next_multiple_of(cuts.rows_an_interval)) {
        // Without the restart marker itself.
        Some(next) if cut.decoded.end < cuts.rows => next - 2,
        _ => layout.end,
    };
    &jpeg[start..end]
}

/// How a JPEG is cut.
#[derive(Debug, Clone, Copy)]
struct Cuts {
    /// How many strips.
    count: u32,
    /// Rows of units in the picture.
    rows: u32,
    /// Rows of units from one restart marker to the next.
    rows_an_interval: u32,
    /// Intervals in the picture.
    intervals: u32,
    /// Rows of units that a strip needs of its neighbours.
    context: u32,
}

impl Cuts {
    /// As many strips as pay, at most `most`.
    fn plan(header: &Header, intervals: usize, most: usize) -> Cuts {
        let rows = header.unit_rows();
        let whole = Cuts {
            count: 1,
            rows,
            rows_an_interval: rows.max(1),
            intervals: 1,
            context: 0,
        };
        let across = header.units_across();
        if most < 2
            || intervals < 2
            || header.restart_interval % across != 0
            || !known_sampling(header)
        {
            return whole;
        }
        let count = most.min(intervals) as u32;
        let cuts = Cuts {
            count,
            rows,
            rows_an_interval: header.restart_interval / across,
            intervals: intervals as u32,
            context: u32::from(header.unit.1 > 8),
        };
        // Strips that decode nearly everything gain nothing.
        let longest = (0..count)
            .map(|index| cuts.cut(index).decoded.len() as u32)
            .max();
        match longest {
            Some(longest) if count > 1 && longest * 4 <= rows * 3 => cuts,
            _ => whole,
        }
    }

    /// The rows of strip `index`.
    fn cut(&self, index: u32) -> Cut {
        let border = |index: u32| {
            let interval = u64::from(self.intervals) * u64::from(index) / u64::from(self.count);
            (interval as u32 * self.rows_an_interval).min(self.rows)
        };
        let wanted = border(index)..border(index + 1);
        let before = wanted.start.saturating_sub(self.context);
        // Decoding starts with an interval; it may end anywhere.
        let start = before - before % self.rows_an_interval;
        let end = (wanted.end + self.context).min(self.rows);
        Cut {
            wanted,
            decoded: start..end,
        }
    }
}

/// Whether the sampling is one for which strips are known (and tested) to give what the whole gives.
fn known_sampling(header: &Header) -> bool {
    match header.components {
        1 => header.sampling[0] == (1, 1),
        _ => {
            header.sampling[1..] == [(1, 1); 2]
                && matches!(header.sampling[0], (1, 1) | (2, 1) | (1, 2) | (2, 2))
        }
    }
}

/// What `decode` gives; a panic in it is an error like any other.
fn guarded<T>(decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    TRYING.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(decode));
    TRYING.set(false);
    outcome.unwrap_or(Err(DecodeError::Panicked))
}

const NOT_ITS_SIZE: &str = "it is not of the size that it says";

/// Decodes into `samples`, one byte a pixel (`L8`) or three (`Rgb8`).
fn decode_samples(
    jpeg: impl BufRead + Seek,
    width: u32,
    height: u32,
    samples: &mut Vec<u8>,
) -> Result<ColorType, DecodeError> {
    let mut decoder = JpegDecoder::new(jpeg).map_err(DecodeError::Image)?;
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(width);
    limits.max_image_height = Some(height);
    decoder.set_limits(limits).map_err(DecodeError::Image)?;
    if decoder.dimensions() != (width, height) {
        return Err(DecodeError::Damaged(NOT_ITS_SIZE));
    }
    let color = decoder.color_type();
    if !matches!(color, ColorType::L8 | ColorType::Rgb8) {
        return Err(DecodeError::Unsupported("colours with transparency"));
    }
    let bytes = usize::from(color.bytes_per_pixel());
    bitmap::resize(samples, width as usize * height as usize * bytes);
    decoder.read_image(samples).map_err(DecodeError::Image)?;
    Ok(color)
}

impl Strip<'_> {
    fn decode(&mut self, width: usize) -> Result<(), DecodeError> {
        let (splice, samples) = (&mut self.splice, &mut *self.samples);
        let color = guarded(|| decode_samples(splice, width as u32, self.height, samples))?;
        let skipped = self.skip as usize * width * usize::from(color.bytes_per_pixel());
        let wanted = &self.samples[skipped..];
        match color {
            ColorType::L8 => pack::gray(wanted, self.pixels),
            _ => pack::rgb(wanted, self.pixels),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Coding;

    /// A 4:2:0 picture of 1920 by 1080 with a restart marker after `rows` rows of units.
    fn header(rows: u32) -> Header {
        Header {
            width: 1920,
            height: 1080,
            components: 3,
            sampling: [(2, 2), (1, 1), (1, 1)],
            coding: Coding::Sequential,
            unit: (16, 16),
            restart_interval: rows * 120,
        }
    }

    #[test]
    fn strips_cover_the_picture_and_a_row_more_on_each_side() {
        let cuts = Cuts::plan(&header(1), 68, 2);
        assert_eq!(cuts.count, 2);
        let (upper, lower) = (cuts.cut(0), cuts.cut(1));
        assert_eq!((upper.wanted, upper.decoded), (0..34, 0..35));
        assert_eq!((lower.wanted, lower.decoded), (34..68, 33..68));
    }

    #[test]
    fn decoding_starts_with_a_restart_interval() {
        let cuts = Cuts::plan(&header(3), 23, 2);
        assert_eq!(cuts.cut(1).wanted, 33..68);
        assert_eq!(cuts.cut(1).decoded, 30..68);
    }

    #[test]
    fn nothing_is_cut_that_would_not_gain() {
        // One interval; intervals of part of a row; intervals so long that strips decode nearly all.
        let mut ragged = header(1);
        ragged.restart_interval = 100;
        for (header, intervals) in [(header(0), 1), (ragged, 82), (header(40), 2)] {
            assert_eq!(Cuts::plan(&header, intervals, 2).count, 1);
        }
        assert_eq!(Cuts::plan(&header(1), 68, 1).count, 1);
    }
}
