//! What an untrusted JPEG claims to be, checked before anything is allocated for it.
//!
//! [`inspect`] reads the header alone and refuses what will not be decoded; [`Layout`] also walks the
//! scan, so that a JPEG that was cut short or torn is an error although the decoder would fill it up
//! with gray. Pure bytes; nothing blocks, and nothing allocates but the copy of the header that the
//! decoder gets (a few kilobytes, into a reused buffer).

use std::ops::Range;

use super::error::DecodeError;
use super::markers::{
    APP0, APP14, APP15, COM, DHT, DQT, DRI, EOI, MAX_SIDE, RST0, RST7, SOF0, SOF2, SOI, SOS,
    Segment, Stop, Walk, header_segments, is_frame_header, set_height,
};
use crate::picture::bitmap;

/// The most pixels that are decoded by default: the largest camera module for the Pi makes 9152 by 6944. A picture takes four bytes a pixel for the window and three on the way there.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The most pixels of a JPEG in several scans, progressive ones among them: all its coefficients are
/// held at once, up to six bytes a pixel, and each scan goes over all of them again.
pub(crate) const MAX_PIXELS_IN_SCANS: u64 = 16 << 20;

/// The most scans: encoders make ten or so; a made-up JPEG could ask for thousands of passes.
pub const MAX_SCANS: usize = 32;

/// The most bytes of tables in a header: eight of the largest Huffman tables and four of the largest
/// quantization tables are 2.7 kB; what is more is repetition made to be costly.
const MAX_TABLE_BYTES: usize = 16 << 10;

/// What the decoder's header starts with: behind SOI an application segment as AVI files have it, which tells it
/// that tables left out are the standard's. MJPEG from webcams and AVI files leaves the Huffman tables out, and
/// means the standard's.
const HEAD: &[u8] = b"\xFF\xD8\xFF\xE0\0\x07AVI1\0";

/// What a JPEG's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Pixels in a row, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Rows, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// Sampling factors, across and down, of each component; a gray picture has one, of 1 and 1.
    pub sampling: [(u8, u8); 3],
    /// Coarse first, in several scans.
    pub is_progressive: bool,
    /// The size in pixels of a unit (MCU): what sampling factors and 8 by 8 blocks make.
    pub unit: (u32, u32),
    /// Units between two restart markers; 0: none.
    pub restart_interval: u32,
}

impl Header {
    /// Units in a row.
    pub(super) fn units_across(&self) -> u32 {
        self.width.div_ceil(self.unit.0)
    }

    /// Rows of units.
    pub(super) fn unit_rows(&self) -> u32 {
        self.height.div_ceil(self.unit.1)
    }

    /// Rows of units from one restart marker to the next, where that is whole rows.
    pub(super) fn rows_an_interval(&self) -> u32 {
        (self.restart_interval / self.units_across()).max(1)
    }

    /// How many rows of pixels are in these rows of units.
    pub(super) fn pixel_rows(&self, unit_rows: &Range<u32>) -> u32 {
        let until = |row: u32| (row * self.unit.1).min(self.height);
        until(unit_rows.end) - until(unit_rows.start)
    }

    /// The rows of units that are decoded where these are wanted: one more on each side where chroma is smoothed across
    /// them. Decoding starts with a restart interval; it may end anywhere.
    pub(super) fn with_context(&self, wanted: &Range<u32>) -> Range<u32> {
        let context = u32::from(self.unit.1 > 8);
        let before = wanted.start.saturating_sub(context);
        let end = (wanted.end + context).min(self.unit_rows());
        before - before % self.rows_an_interval()..end
    }

    /// One component (gray) or three: bytes of a decoded pixel.
    pub(super) fn components(&self) -> usize {
        self.sampling.iter().filter(|f| f.0 > 0).count()
    }

    /// Whether all components are in the scan that starts with this segment, and nothing of them elsewhere.
    fn is_whole_in(&self, scan: &Segment<'_>) -> bool {
        !self.is_progressive && scan.body.first() == Some(&(self.components() as u8))
    }

    /// The fewest bytes that coded data of this size can have: a block has a DC and an AC code, and
    /// the shortest code is a bit; in a progressive JPEG empty AC blocks share one code. Far below any
    /// real picture, but a few hundred bytes cannot make us allocate for a picture of megapixels.
    fn least_bytes(&self) -> u64 {
        let units = u64::from(self.units_across()) * u64::from(self.unit_rows());
        let blocks: u64 = self.sampling.iter().map(|f| u64::from(f.0 * f.1)).sum();
        let bits = if self.is_progressive { 1 } else { 2 };
        units * blocks * bits / 8
    }
}

/// Reads a JPEG's header and refuses what [`super::Decoder`] would refuse for it: what is no JPEG, what
/// is coded in a way that no camera uses (arithmetic, lossless, CMYK, more than 8 bits), what is larger
/// than `max_pixels`, and what is far too short for its size. Looks at the header only.
pub fn inspect(jpeg: &[u8], max_pixels: u64) -> Result<Header, DecodeError> {
    read_header(jpeg, max_pixels).map(|(header, ..)| header)
}

/// Walks up to the scan: the header, the scan's segment, and the walk so far.
fn read_header(jpeg: &[u8], max_pixels: u64) -> Result<(Header, Segment<'_>, Walk), DecodeError> {
    if !jpeg.starts_with(&[0xFF, SOI]) {
        return Err(DecodeError::NotJpeg);
    }
    let damaged = |what| Err(DecodeError::Damaged(what));
    let mut walk = Walk::default();
    let (mut frame, mut restart_interval, mut table_bytes) = (None, 0, 0);
    let scan = loop {
        let segment = match walk.step(jpeg) {
            Ok(segment) if segment.marker != EOI => segment,
            _ => return damaged("its header breaks off"),
        };
        match (segment.marker, segment.body) {
            (marker, _) if is_frame_header(marker) => {
                let header = frame_header(&segment)?;
                if frame.replace(header).is_some() {
                    return damaged("it has two frame headers");
                }
            }
            (DRI, [high, low]) => restart_interval = u16::from_be_bytes([*high, *low]).into(),
            (DRI, _) => return damaged("its restart interval is no number"),
            (DHT | DQT, tables) => table_bytes += tables.len(),
            _ => {}
        }
        if table_bytes > MAX_TABLE_BYTES {
            return damaged("it has too many tables");
        }
        if segment.marker == SOS {
            break segment;
        }
    };
    let mut header = frame.ok_or(DecodeError::Damaged("it has no frame header"))?;
    header.restart_interval = restart_interval;
    let Header { width, height, .. } = header;
    let limit = match header.is_whole_in(&scan) {
        true => max_pixels,
        false => max_pixels.min(MAX_PIXELS_IN_SCANS),
    };
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > limit {
        return Err(DecodeError::TooLarge {
            width,
            height,
            limit,
        });
    }
    match (jpeg.len() - scan.end) as u64 > header.least_bytes() {
        true => Ok((header, scan, walk)),
        false => Err(DecodeError::Truncated),
    }
}

/// What a frame header says, if its kind of coding is one of ours.
fn frame_header(segment: &Segment<'_>) -> Result<Header, DecodeError> {
    let unsupported = |what| Err(DecodeError::Unsupported(what));
    let odd = || DecodeError::Damaged("its frame header does not add up");
    // The one between them, extended sequential, differs from baseline in its limits only.
    if !matches!(segment.marker, SOF0..=SOF2) {
        return unsupported("lossless, hierarchical or arithmetic coding");
    }
    let (head, kinds) = segment.body.split_first_chunk().ok_or_else(odd)?;
    let [precision, h1, h0, w1, w0, components] = *head;
    let width = u16::from_be_bytes([w1, w0]).into();
    let height = u16::from_be_bytes([h1, h0]).into();
    let factors = |kind: &[u8]| (kind[1] >> 4, kind[1] & 15);
    let known = |kind| matches!(factors(kind), (1..=4, 1..=4));
    let counted = kinds.len() == 3 * usize::from(components);
    if width == 0 || !counted || !kinds.chunks_exact(3).all(known) {
        return Err(odd());
    }
    let sampling = match (precision, components, height) {
        // A single component is never interleaved: its unit is one block, whatever its factors.
        (8, 1, 1..) => [(1, 1), (0, 0), (0, 0)],
        (8, 3, 1..) => [0, 3, 6].map(|at| factors(&kinds[at..])),
        (8, 1 | 3, _) => return unsupported("a height that comes after the picture"),
        (8, ..) => return unsupported("other colours than gray and YCbCr"),
        _ => return unsupported("more than 8 bits a sample"),
    };
    let largest = |of: fn(&(u8, u8)) -> u8| 8 * sampling.iter().map(of).fold(1, u8::max);
    Ok(Header {
        width,
        height,
        sampling,
        is_progressive: segment.marker == SOF2,
        unit: (largest(|f| f.0).into(), largest(|f| f.1).into()),
        restart_interval: 0,
    })
}

/// Where everything is in a JPEG whose markers add up from start to end. Buffers are kept.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) header: Header,
    /// The header as the decoder gets it: what it needs, nothing else, with Huffman tables.
    head: Vec<u8>,
    /// Where each restart interval starts in the JPEG; for a JPEG without restart markers, and for one
    /// of several scans, the start of all coded data alone.
    pub(super) starts: Vec<usize>,
    /// Where the coded data end: EOI.
    end: usize,
}

impl Layout {
    /// Reads the JPEG and walks it to its end: the rest of the one scan, whose restart markers are to come in
    /// turn, or scans and the segments between them.
    pub(super) fn read(&mut self, jpeg: &[u8], max_pixels: u64) -> Result<(), DecodeError> {
        let damaged = |what| Err(DecodeError::Damaged(what));
        let (header, scan, mut walk) = read_header(jpeg, max_pixels)?;
        self.header = header;
        self.head.clear();
        self.head.extend(HEAD);
        for segment in header_segments(jpeg) {
            let (marker, bytes) = (segment.marker, 4 + segment.body.len());
            // Comments, thumbnails, Exif are nothing that the picture needs; of fill bytes there may be any number.
            if is_frame_header(marker) || matches!(marker, DHT | DQT | DRI | APP14 | SOS) {
                self.head.extend(&jpeg[segment.end - bytes..segment.end]);
            }
        }
        self.starts.clear();
        self.starts.push(scan.end);
        let units = header.units_across() * header.unit_rows();
        let one_scan = header.is_whole_in(&scan);
        let intervals = match header.restart_interval {
            1.. if one_scan => units.div_ceil(header.restart_interval) as usize,
            _ => 1,
        };
        let mut scans = 1;
        self.end = loop {
            let segment = walk.step(jpeg).map_err(|stop| match stop {
                Stop::Unfinished => DecodeError::Truncated,
                Stop::Broken(_) => DecodeError::Damaged(BROKEN),
            })?;
            match (segment.marker, one_scan) {
                (EOI, _) => break segment.start,
                (marker @ RST0..=RST7, true) => {
                    let restarts = self.starts.len() - 1;
                    if restarts >= intervals || usize::from(marker & 7) != restarts % 8 {
                        return damaged("its restart markers do not add up");
                    }
                    self.starts.push(segment.end);
                }
                (SOS, false) if scans == MAX_SCANS => return damaged("it has too many scans"),
                (SOS, false) => scans += 1,
                (RST0..=RST7 | DHT | DQT | DRI | COM | APP0..=APP15, false) => {}
                _ => return damaged(BROKEN),
            }
        };
        // Some encoders end the last interval, too, with a marker.
        if self.starts.len() > intervals && self.starts.last() == Some(&self.end) {
            self.starts.pop();
            self.end -= 2;
        }
        if self.starts.len() != intervals {
            return damaged("it lacks restart markers");
        }
        match (self.end - scan.end) as u64 >= header.least_bytes() {
            true => Ok(()),
            false => Err(DecodeError::Truncated),
        }
    }

    /// Replaces `part` by a JPEG of these rows of units, which start with a restart interval.
    pub(super) fn write(&self, jpeg: &[u8], rows: &Range<u32>, part: &mut Vec<u8>) {
        let step = self.header.rows_an_interval();
        let start = self.starts[(rows.start / step) as usize];
        let end = match self.starts.get(rows.end.div_ceil(step) as usize) {
            // Without the restart marker itself.
            Some(next) if rows.end < self.header.unit_rows() => next - 2,
            _ => self.end,
        };
        bitmap::resize(part, self.head.len() + end - start + 2);
        part.clear();
        part.extend_from_slice(&self.head);
        set_height(part, self.header.pixel_rows(rows));
        part.extend_from_slice(&jpeg[start..end]);
        part.extend_from_slice(&[0xFF, EOI]);
    }
}

const BROKEN: &str = "its picture data are broken by a marker";
