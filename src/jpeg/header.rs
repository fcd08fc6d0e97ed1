//! What an untrusted JPEG claims to be, checked before anything is allocated for it.
//!
//! [`inspect`] reads the header alone and refuses what will not be decoded; [`Layout`] also walks the
//! scan, so that a JPEG that was cut short or torn is an error although the decoder would fill it up
//! with gray. Pure bytes; nothing blocks, and nothing allocates but the copy of the header that the
//! decoder gets (a few kilobytes, into a reused buffer).

use std::ops::Range;

use super::error::DecodeError;
use super::markers::{
    APP0, APP14, APP15, COM, DHT, DQT, DRI, EOI, MAX_SIDE, SOF0, SOF1, SOF2, SOI, SOS, Segment,
    Stop, Walk, is_frame_header, is_restart,
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

/// An application segment as AVI files have it, which tells the decoder that tables left out are the standard's:
/// MJPEG from webcams and AVI files leaves the Huffman tables out, and means the standard's.
const STANDARD_TABLES: &[u8] = b"\xFF\xE0\0\x07AVI1\0";

/// How the samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Once from top to bottom.
    Sequential,
    /// Coarse first, in several scans.
    Progressive,
}

/// What a JPEG's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Pixels in a row, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Rows, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// 1 (gray) or 3.
    pub components: u8,
    /// Sampling factors, across and down, of each component.
    pub sampling: [(u8, u8); 3],
    pub coding: Coding,
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

    /// The rows of pixels in these rows of units.
    pub(super) fn pixel_rows(&self, unit_rows: &Range<u32>) -> Range<u32> {
        let until = |row: u32| (row * self.unit.1).min(self.height);
        until(unit_rows.start)..until(unit_rows.end)
    }

    /// Intervals that the restart markers make of a scan of all components.
    fn intervals(&self) -> u32 {
        let units = self.units_across() * self.unit_rows();
        match self.restart_interval {
            0 => 1,
            interval => units.div_ceil(interval),
        }
    }

    /// The fewest bytes that coded data of this size can have: a block has a DC and an AC code, and
    /// the shortest code is a bit; in a progressive JPEG empty AC blocks share one code. Far below any
    /// real picture, but a few hundred bytes cannot make us allocate for a picture of megapixels.
    fn least_bytes(&self) -> u64 {
        let units = u64::from(self.units_across()) * u64::from(self.unit_rows());
        let bits = match self.coding {
            Coding::Sequential => 2,
            Coding::Progressive => 1,
        };
        let blocks: u64 = match self.components {
            1 => 1,
            _ => self.sampling.iter().map(|f| u64::from(f.0 * f.1)).sum(),
        };
        units * blocks * bits / 8
    }
}

/// Reads a JPEG's header and refuses what [`super::Decoder`] would refuse for it: what is no JPEG, what
/// is coded in a way that no camera uses (arithmetic, lossless, CMYK, more than 8 bits), what is larger
/// than [`MAX_PIXELS`], and what is far too short for its size. Looks at the header only.
pub fn inspect(jpeg: &[u8]) -> Result<Header, DecodeError> {
    inspect_within(jpeg, MAX_PIXELS)
}

/// [`inspect`] with another limit on the number of pixels.
pub(crate) fn inspect_within(jpeg: &[u8], max_pixels: u64) -> Result<Header, DecodeError> {
    read_header(&mut Walk::default(), jpeg, max_pixels, |_| ()).map(|(header, _)| header)
}

/// Walks up to the scan: the header and the scan's segment. Each segment that the decoder needs is shown to
/// `keep`.
fn read_header<'a>(
    walk: &mut Walk,
    jpeg: &'a [u8],
    max_pixels: u64,
    mut keep: impl FnMut(&Segment<'a>),
) -> Result<(Header, Segment<'a>), DecodeError> {
    if !jpeg.starts_with(&[0xFF, SOI]) {
        return Err(DecodeError::NotJpeg);
    }
    let mut frame = None;
    let mut restart_interval = 0;
    let mut table_bytes = 0;
    loop {
        let segment = match walk.step(jpeg) {
            Ok(segment) if segment.marker != EOI => segment,
            _ => return Err(DecodeError::Damaged("its header breaks off")),
        };
        match (segment.marker, segment.body) {
            (marker, _) if is_frame_header(marker) => {
                if frame.is_some() {
                    return Err(DecodeError::Damaged("it has two frame headers"));
                }
                frame = Some(frame_header(&segment, max_pixels)?);
            }
            (DRI, [high, low]) => restart_interval = u16::from_be_bytes([*high, *low]).into(),
            (DRI, _) => return Err(DecodeError::Damaged("its restart interval is no number")),
            (DHT | DQT, tables) => table_bytes += tables.len(),
            (APP14 | SOS, _) => {}
            // Comments, thumbnails, Exif: nothing that the picture needs.
            _ => continue,
        }
        if table_bytes > MAX_TABLE_BYTES {
            return Err(DecodeError::Damaged("it has too many tables"));
        }
        keep(&segment);
        if segment.marker == SOS {
            let frame = frame.ok_or(DecodeError::Damaged("it has no frame header"))?;
            let header = Header {
                restart_interval,
                ..frame
            };
            if (jpeg.len() - segment.end) as u64 <= header.least_bytes() {
                return Err(DecodeError::Truncated);
            }
            return Ok((header, segment));
        }
    }
}

/// What a frame header says, if its kind of coding is one of ours and its size within the bounds.
fn frame_header(segment: &Segment<'_>, max_pixels: u64) -> Result<Header, DecodeError> {
    let (coding, limit) = match segment.marker {
        SOF0 | SOF1 => (Coding::Sequential, max_pixels),
        SOF2 => (Coding::Progressive, max_pixels.min(MAX_PIXELS_IN_SCANS)),
        _ => {
            return Err(DecodeError::Unsupported(
                "lossless, hierarchical or arithmetic coding",
            ));
        }
    };
    let odd = DecodeError::Damaged("its frame header does not add up");
    let Some((&[precision, h1, h0, w1, w0, components], kinds)) = segment.body.split_first_chunk()
    else {
        return Err(odd);
    };
    let width = u16::from_be_bytes([w1, w0]).into();
    let height = u16::from_be_bytes([h1, h0]).into();
    let mut sampling = [(0, 0); 3];
    for (factors, kind) in sampling.iter_mut().zip(kinds.chunks(3)) {
        *factors = kind.get(1).map_or((0, 0), |both| (both >> 4, both & 15));
    }
    let mut known = sampling.iter().take(components.into());
    let counted = (1..=4).contains(&components) && kinds.len() == 3 * usize::from(components);
    if width == 0 || !counted || !known.all(|factors| matches!(factors, (1..=4, 1..=4))) {
        return Err(odd);
    }
    let unsupported = match (precision, components, height) {
        (8, 1 | 3, 1..) => None,
        (8, 1 | 3, _) => Some("a height that comes after the picture"),
        (8, ..) => Some("other colours than gray and YCbCr"),
        _ => Some("more than 8 bits a sample"),
    };
    if let Some(what) = unsupported {
        return Err(DecodeError::Unsupported(what));
    }
    bounded(width, height, limit)?;
    let largest = |of: fn(&(u8, u8)) -> u8| u32::from(sampling.iter().map(of).max().unwrap_or(1));
    Ok(Header {
        width,
        height,
        components,
        sampling,
        coding,
        unit: match components {
            // A single component is never interleaved: its unit is one block, whatever its factors.
            1 => (8, 8),
            _ => (8 * largest(|f| f.0), 8 * largest(|f| f.1)),
        },
        restart_interval: 0,
    })
}

/// An error where the size is more than the limit.
fn bounded(width: u32, height: u32, limit: u64) -> Result<(), DecodeError> {
    let within = width <= MAX_SIDE && height <= MAX_SIDE;
    match within && u64::from(width) * u64::from(height) <= limit {
        true => Ok(()),
        false => Err(DecodeError::TooLarge {
            width,
            height,
            limit,
        }),
    }
}

/// Where everything is in a JPEG whose markers add up from start to end. Buffers are kept.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The header as the decoder gets it: what it needs, nothing else, with Huffman tables.
    head: Vec<u8>,
    /// Where the picture's height, two bytes, is in `head`.
    height_at: usize,
    /// Where each restart interval starts in the JPEG; for a JPEG without restart markers, and for one
    /// of several scans, the start of all coded data alone.
    pub(super) starts: Vec<usize>,
    /// Where the coded data end: EOI.
    pub(super) end: usize,
}

impl Layout {
    /// Reads the JPEG and walks it to its end.
    pub(super) fn read(&mut self, jpeg: &[u8], max_pixels: u64) -> Result<Header, DecodeError> {
        let mut walk = Walk::default();
        self.head.clear();
        self.head.extend([0xFF, SOI]);
        self.head.extend(STANDARD_TABLES);
        let (header, scan) = read_header(&mut walk, jpeg, max_pixels, |segment| {
            if is_frame_header(segment.marker) {
                // Behind marker, length and precision.
                self.height_at = self.head.len() + 5;
            }
            // Without fill bytes, so that positions in it are known.
            let length = (segment.body.len() + 2) as u16;
            self.head.extend([0xFF, segment.marker]);
            self.head.extend(length.to_be_bytes());
            self.head.extend_from_slice(segment.body);
        })?;
        self.starts.clear();
        self.starts.push(scan.end);
        let one_scan =
            header.coding == Coding::Sequential && scan.body.first() == Some(&header.components);
        if !one_scan {
            bounded(header.width, header.height, MAX_PIXELS_IN_SCANS)?;
        }
        let intervals = one_scan.then(|| header.intervals());
        self.walk_scans(&mut walk, jpeg, intervals)?;
        if ((self.end - scan.end) as u64) < header.least_bytes() {
            return Err(DecodeError::Truncated);
        }
        Ok(header)
    }

    /// Replaces `part` by a JPEG of some of the coded data, `height` pixels high.
    pub(super) fn write(&self, height: u32, coded: &[u8], part: &mut Vec<u8>) {
        bitmap::clear_for(part, self.head.len() + coded.len() + 2);
        part.extend_from_slice(&self.head);
        part[self.height_at..][..2].copy_from_slice(&(height as u16).to_be_bytes());
        part.extend_from_slice(coded);
        part.extend_from_slice(&[0xFF, EOI]);
    }

    /// Walks up to EOI: the rest of the one scan with that many restart intervals, whose markers are to come in
    /// turn, or scans and the segments between them.
    fn walk_scans(
        &mut self,
        walk: &mut Walk,
        jpeg: &[u8],
        intervals: Option<u32>,
    ) -> Result<(), DecodeError> {
        let mut scans = 1;
        loop {
            let segment = walk.step(jpeg).map_err(broken)?;
            match (segment.marker, intervals) {
                (EOI, _) => {
                    self.end = segment.start;
                    break;
                }
                (marker, Some(intervals)) if is_restart(marker) => {
                    let restarts = self.starts.len() as u32 - 1;
                    if restarts >= intervals || u32::from(marker & 7) != restarts % 8 {
                        return Err(DecodeError::Damaged("its restart markers do not add up"));
                    }
                    self.starts.push(segment.end);
                }
                (SOS, None) if scans == MAX_SCANS => {
                    return Err(DecodeError::Damaged("it has too many scans"));
                }
                (SOS, None) => scans += 1,
                (DHT | DQT | DRI | COM | APP0..=APP15, None) => {}
                (marker, None) if is_restart(marker) => {}
                _ => return Err(broken(Stop::Broken(segment.start))),
            }
        }
        let intervals = intervals.unwrap_or(1) as usize;
        // Some encoders end the last interval, too, with a marker.
        if self.starts.len() == intervals + 1 && self.starts.last() == Some(&self.end) {
            self.starts.pop();
            self.end -= 2;
        }
        match self.starts.len() == intervals {
            true => Ok(()),
            false => Err(DecodeError::Damaged("it lacks restart markers")),
        }
    }
}

/// Why a picture's data are not walked to their end.
fn broken(stop: Stop) -> DecodeError {
    match stop {
        Stop::Unfinished => DecodeError::Truncated,
        Stop::Broken(_) => DecodeError::Damaged("its picture data are broken by a marker"),
    }
}
