//! What a stranger's JPEG claims to be, checked before anything is allocated for it.
//!
//! [`inspect`] reads the header alone and refuses what will not be decoded; [`Layout`] also walks the
//! scan, so that a JPEG that was cut short or torn is an error although the decoder would fill it up
//! with gray. Pure bytes; nothing blocks, and nothing allocates but the copy of the header that the
//! decoder gets (a few kilobytes, into a buffer that goes round).

use super::error::DecodeError;
use super::markers::{
    self, APP14, DHT, DQT, DRI, EOI, FrameHeader, MAX_SIDE, SOF0, SOF1, SOF2, SOI, SOS, Segment,
};
use super::standard_tables::STANDARD_DHT;

/// The most pixels that are decoded where nobody says otherwise: the largest camera module for the Pi gives
/// 9152 by 6944. A picture takes four bytes a pixel for the window and three on the way there.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The most pixels of a JPEG in several scans, progressive ones among them: all its coefficients are
/// held at once, up to six bytes a pixel, and each scan goes over all of them again.
pub const MAX_PIXELS_IN_SCANS: u64 = 16 << 20;

/// The most scans: encoders make ten or so; a made-up JPEG could ask for thousands of passes.
pub const MAX_SCANS: usize = 32;

/// The most bytes of tables in a header: eight of the largest Huffman tables and four of the largest
/// quantization tables are 2.7 kB; what is more is repetition made to be costly.
pub const MAX_TABLE_BYTES: usize = 16 << 10;

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
    /// In pixels, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// In pixels, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// 1 (gray) or 3.
    pub components: u8,
    /// Sampling factors, across and down, of each component.
    pub sampling: [(u8, u8); 3],
    /// Sequential or progressive.
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

/// The same with another bound on the number of pixels.
pub fn inspect_within(jpeg: &[u8], max_pixels: u64) -> Result<Header, DecodeError> {
    read_header(jpeg, max_pixels, |_| ()).map(|(header, _)| header)
}

/// The header and where the scan starts; each segment that the decoder needs is shown to `keep`.
fn read_header<'a>(
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
    for segment in markers::header_segments(jpeg) {
        match segment.marker {
            0xC0..=0xCF if segment.marker != DHT => {
                if frame.is_some() {
                    return Err(DecodeError::Damaged("it has two frame headers"));
                }
                frame = Some(supported(&segment)?);
            }
            DRI => restart_interval = interval(&segment)?,
            DHT | DQT => table_bytes += segment.body.len(),
            APP14 | SOS => {}
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
                ..bounded(&frame, max_pixels)?
            };
            if (jpeg.len() - segment.end) as u64 <= header.least_bytes() {
                return Err(DecodeError::Truncated);
            }
            return Ok((header, segment));
        }
    }
    Err(DecodeError::Damaged("its header breaks off"))
}

/// Four bytes with the 2 of its length: DRI's whole content is a number.
fn interval(segment: &Segment<'_>) -> Result<u32, DecodeError> {
    match segment.body {
        [high, low] => Ok(u16::from_be_bytes([*high, *low]).into()),
        _ => Err(DecodeError::Damaged("its restart interval is no number")),
    }
}

/// The frame header, if its kind of coding is one of ours.
fn supported(segment: &Segment<'_>) -> Result<FrameHeader, DecodeError> {
    if !matches!(segment.marker, SOF0 | SOF1 | SOF2) {
        return Err(DecodeError::Unsupported(
            "lossless, hierarchical or arithmetic coding",
        ));
    }
    let frame = FrameHeader::parse(segment)
        .ok_or(DecodeError::Damaged("its frame header does not add up"))?;
    if frame.precision != 8 {
        return Err(DecodeError::Unsupported("more than 8 bits a sample"));
    }
    if !matches!(frame.components, 1 | 3) {
        return Err(DecodeError::Unsupported(
            "other colours than gray and YCbCr",
        ));
    }
    if frame.height == 0 {
        return Err(DecodeError::Unsupported(
            "a height that comes after the picture",
        ));
    }
    Ok(frame)
}

/// The header of a frame whose size is within the bounds.
fn bounded(frame: &FrameHeader, max_pixels: u64) -> Result<Header, DecodeError> {
    let FrameHeader { width, height, .. } = *frame;
    let coding = match frame.marker {
        SOF2 => Coding::Progressive,
        _ => Coding::Sequential,
    };
    let most = match coding {
        Coding::Sequential => max_pixels,
        Coding::Progressive => max_pixels.min(MAX_PIXELS_IN_SCANS),
    };
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > most {
        return Err(DecodeError::TooLarge {
            width,
            height,
            most,
        });
    }
    let [first, second, third, _] = frame.sampling;
    Ok(Header {
        width,
        height,
        components: frame.components,
        sampling: [first, second, third],
        coding,
        unit: frame.unit(),
        restart_interval: 0,
    })
}

/// Where everything is in a JPEG whose markers add up from start to end. Buffers are kept.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The header as the decoder gets it: what it needs, nothing else, with Huffman tables.
    pub head: Vec<u8>,
    /// Where the picture's height, two bytes, is in `head`.
    pub height_at: usize,
    /// Where each restart interval starts in the JPEG; for a JPEG without restart markers, and for one
    /// of several scans, the start of all coded data alone.
    pub starts: Vec<usize>,
    /// Where the coded data end: EOI.
    pub end: usize,
}

impl Layout {
    /// Reads the JPEG and walks it to its end.
    pub(super) fn read(&mut self, jpeg: &[u8], max_pixels: u64) -> Result<Header, DecodeError> {
        let (header, scan) = self.read_head(jpeg, max_pixels)?;
        self.starts.clear();
        self.starts.push(scan.end);
        let in_this_scan = scan.body.first().copied().unwrap_or(0);
        if header.coding == Coding::Sequential && in_this_scan == header.components {
            self.walk_scan(jpeg, &header, scan.end)?;
        } else {
            self.walk_scans(jpeg, &header, scan.end)?;
        }
        if ((self.end - scan.end) as u64) < header.least_bytes() {
            return Err(DecodeError::Truncated);
        }
        Ok(header)
    }

    fn read_head<'a>(
        &mut self,
        jpeg: &'a [u8],
        max_pixels: u64,
    ) -> Result<(Header, Segment<'a>), DecodeError> {
        self.head.clear();
        self.head.extend([0xFF, SOI]);
        let head = &mut self.head;
        let mut height_at = 0;
        let mut has_tables = false;
        let read = read_header(jpeg, max_pixels, |segment| {
            has_tables |= segment.marker == DHT;
            if segment.marker == SOS && !has_tables {
                // Webcams and AVI files leave them out; everybody knows which ones they mean.
                head.extend(STANDARD_DHT);
            }
            if matches!(segment.marker, SOF0..=SOF2) {
                // Behind marker, length and precision.
                height_at = head.len() + 5;
            }
            // Without fill bytes, so that positions in it are known.
            let length = segment.body.len() + 2;
            head.extend([0xFF, segment.marker, (length >> 8) as u8, length as u8]);
            head.extend(segment.body);
        })?;
        self.height_at = height_at;
        Ok(read)
    }

    /// The one scan of a sequential JPEG: restart markers as announced, in turn, then EOI.
    fn walk_scan(&mut self, jpeg: &[u8], header: &Header, at: usize) -> Result<(), DecodeError> {
        let units = header.units_across() * header.unit_rows();
        let intervals = match header.restart_interval {
            0 => 1,
            interval => units.div_ceil(interval),
        };
        let mut at = at;
        for restarts in 0.. {
            let (place, marker) = markers::next_marker(jpeg, at).ok_or(DecodeError::Truncated)?;
            at = place + 2;
            if marker == EOI {
                self.end = place;
                break;
            }
            if !markers::is_restart(marker) {
                return Err(DecodeError::Damaged(
                    "its picture data are broken by a marker",
                ));
            }
            if restarts >= intervals || u32::from(marker & 7) != restarts % 8 {
                return Err(DecodeError::Damaged("its restart markers do not add up"));
            }
            self.starts.push(at);
        }
        // Some encoders end the last interval, too, with a marker.
        if self.starts.len() as u32 == intervals + 1 && self.starts.last() == Some(&self.end) {
            self.starts.pop();
            self.end -= 2;
        }
        match self.starts.len() as u32 == intervals {
            true => Ok(()),
            false => Err(DecodeError::Damaged("it lacks restart markers")),
        }
    }

    /// Scans and the segments between them, up to EOI.
    fn walk_scans(&mut self, jpeg: &[u8], header: &Header, at: usize) -> Result<(), DecodeError> {
        let (width, height) = (header.width, header.height);
        if u64::from(width) * u64::from(height) > MAX_PIXELS_IN_SCANS {
            return Err(DecodeError::TooLarge {
                width,
                height,
                most: MAX_PIXELS_IN_SCANS,
            });
        }
        let mut at = at;
        let mut scans = 1;
        loop {
            let (place, marker) = markers::next_marker(jpeg, at).ok_or(DecodeError::Truncated)?;
            at = match marker {
                EOI => {
                    self.end = place;
                    return Ok(());
                }
                restart if markers::is_restart(restart) => place + 2,
                DHT | DQT | DRI | SOS => {
                    scans += usize::from(marker == SOS);
                    markers::segment_at(jpeg, place)
                        .ok_or(DecodeError::Truncated)?
                        .end
                }
                markers::COM | markers::APP0..=markers::APP15 => {
                    markers::segment_at(jpeg, place)
                        .ok_or(DecodeError::Truncated)?
                        .end
                }
                _ => {
                    return Err(DecodeError::Damaged(
                        "its picture data are broken by a marker",
                    ));
                }
            };
            if scans > MAX_SCANS {
                return Err(DecodeError::Damaged("it has too many scans"));
            }
        }
    }
}
