//! A JPEG's markers, walked without decoding: where its segments are, where it ends.
//!
//! Pure bytes in, positions out; nothing here blocks or allocates. Lengths are followed and never
//! trusted: whatever does not add up ends the walk.

/// Start of image.
pub const SOI: u8 = 0xD8;
/// End of image.
pub const EOI: u8 = 0xD9;
/// Start of scan: entropy-coded data follow its segment.
pub const SOS: u8 = 0xDA;
/// Define Huffman tables.
pub const DHT: u8 = 0xC4;
/// Define quantization tables.
pub const DQT: u8 = 0xDB;
/// Define restart interval.
pub const DRI: u8 = 0xDD;
/// The first of the eight restart markers, RST0 to RST7.
pub const RST0: u8 = 0xD0;
/// The first of the application segments (JFIF).
pub const APP0: u8 = 0xE0;
/// Adobe's application segment: which colours the components are.
pub const APP14: u8 = 0xEE;
/// The last of the application segments.
pub const APP15: u8 = 0xEF;
/// Comment.
pub const COM: u8 = 0xFE;
/// Start of a baseline frame (Huffman, 8 bits).
pub const SOF0: u8 = 0xC0;
/// Start of an extended sequential frame, which differs from a baseline one in its limits only.
pub const SOF1: u8 = 0xC1;
/// Start of a progressive frame.
pub const SOF2: u8 = 0xC2;

/// The widest and highest picture, in pixels: what libjpeg, and with it most of the world, accepts.
pub const MAX_SIDE: u32 = 65_500;

/// A marker segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The marker's second byte.
    pub marker: u8,
    /// Where the segment starts in the JPEG (its 0xFF).
    pub start: usize,
    /// Where it ends: the first byte behind it.
    pub end: usize,
    /// Its content behind the length.
    pub body: &'a [u8],
}

/// The segments between SOI and the first scan, that of the scan included. Ends early at anything
/// that is no segment.
pub fn header_segments(jpeg: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = if jpeg.starts_with(&[0xFF, SOI]) {
        2
    } else {
        jpeg.len()
    };
    std::iter::from_fn(move || {
        let segment = segment_at(jpeg, at)?;
        at = if segment.marker == SOS {
            jpeg.len()
        } else {
            segment.end
        };
        Some(segment)
    })
}

/// The segment that starts at `at`; fill bytes (0xFF before a marker) belong to it.
pub fn segment_at(jpeg: &[u8], at: usize) -> Option<Segment<'_>> {
    let rest = jpeg.get(at..)?;
    if *rest.first()? != 0xFF {
        return None;
    }
    let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
    let marker = *rest.get(fill)?;
    if marker == 0 || marker == 0x01 || (RST0..=EOI).contains(&marker) {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([
        *rest.get(fill + 1)?,
        *rest.get(fill + 2)?,
    ]));
    if length < 2 {
        return None;
    }
    let body = rest.get(fill + 3..fill + 1 + length)?;
    Some(Segment {
        marker,
        start: at,
        end: at + fill + 1 + length,
        body,
    })
}

/// The next marker in entropy-coded data from `at` on: where its 0xFF is, and its second byte.
/// Stuffed zeros and fill bytes are passed over. `None` where the data end before a marker does.
pub fn next_marker(jpeg: &[u8], mut at: usize) -> Option<(usize, u8)> {
    loop {
        at += memchr::memchr(0xFF, jpeg.get(at..)?)?;
        match *jpeg.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            marker => return Some((at, marker)),
        }
    }
}

/// Whether a marker's second byte is that of RST0 to RST7.
pub fn is_restart(marker: u8) -> bool {
    (RST0..RST0 + 8).contains(&marker)
}

/// How many bytes the JPEG has that starts at the first byte, EOI included, whatever follows it.
/// `None` where it does not start with SOI, is not whole, or does not add up.
pub fn whole_length(jpeg: &[u8]) -> Option<usize> {
    match Walk::default().advance(jpeg) {
        Progress::Whole(length) => Some(length),
        Progress::Unfinished | Progress::Broken(_) => None,
    }
}

/// How far a [`Walk`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The JPEG has so many bytes, EOI included.
    Whole(usize),
    /// It may go on with bytes that are not there yet.
    Unfinished,
    /// What stands here, behind so many bytes, cannot follow them.
    Broken(usize),
}

/// A walk through a JPEG that grows: from SOI to the EOI behind a frame header and a scan, by lengths and
/// markers, so that a thumbnail in a segment is no end. Looks at each byte of a scan once.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    at: usize,
    in_scan: bool,
    has_frame_header: bool,
    has_scan: bool,
}

impl Walk {
    /// Walks on as far as `jpeg` reaches: the bytes of the last call, unchanged, and those that have come
    /// since.
    pub(crate) fn advance(&mut self, jpeg: &[u8]) -> Progress {
        if self.at == 0 {
            match jpeg {
                [0xFF, SOI, ..] => self.at = 2,
                [] | [0xFF] => return Progress::Unfinished,
                _ => return Progress::Broken(0),
            }
        }
        loop {
            if self.in_scan {
                let Some((place, _)) = next_marker(jpeg, self.at) else {
                    // A marker may have begun with the last byte.
                    let begun = usize::from(jpeg.ends_with(&[0xFF]));
                    self.at = self.at.max(jpeg.len() - begun);
                    return Progress::Unfinished;
                };
                self.at = place;
            }
            match jpeg[self.at..] {
                [] | [0xFF] => return Progress::Unfinished,
                // Fill.
                [0xFF, 0xFF, ..] => self.at += 1,
                [0xFF, EOI, ..] if self.has_frame_header && self.has_scan => {
                    return Progress::Whole(self.at + 2);
                }
                [0xFF, marker, ..] if self.in_scan && is_restart(marker) => self.at += 2,
                // A length counts its own two bytes.
                [0xFF, _, 0, 0 | 1, ..] => return Progress::Broken(self.at),
                [0xFF, SOF0..RST0 | SOS.., ..] => {
                    let Some(segment) = segment_at(jpeg, self.at) else {
                        return Progress::Unfinished;
                    };
                    self.at = segment.end;
                    self.in_scan = segment.marker == SOS;
                    self.has_scan |= self.in_scan;
                    self.has_frame_header |= is_frame_header(segment.marker);
                }
                _ => return Progress::Broken(self.at),
            }
        }
    }
}

/// SOF0 to SOF15 without DHT, JPG and DAC, which share their numbers.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF)
}

/// What a frame header (SOF) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The marker's second byte: the kind of coding.
    pub marker: u8,
    /// Bits a sample.
    pub precision: u8,
    /// In pixels; never 0.
    pub width: u32,
    /// In pixels; 0 where the JPEG says it behind its first scan (DNL).
    pub height: u32,
    /// How many components there are, 1 to 4.
    pub components: u8,
    /// Sampling factors, across and down, of each component; 1 to 4, and 0 for those that are not there.
    pub sampling: [(u8, u8); 4],
}

impl FrameHeader {
    /// Reads a segment that is a frame header; `None` for any other, and for one that does not add up.
    pub fn parse(segment: &Segment<'_>) -> Option<Self> {
        if !is_frame_header(segment.marker) {
            return None;
        }
        let (fixed, rest) = segment.body.split_at_checked(6)?;
        let components = fixed[5];
        if !(1..=4).contains(&components) || rest.len() != 3 * usize::from(components) {
            return None;
        }
        let mut sampling = [(0, 0); 4];
        for (factors, component) in sampling.iter_mut().zip(rest.chunks_exact(3)) {
            *factors = (component[1] >> 4, component[1] & 15);
            if !(1..=4).contains(&factors.0) || !(1..=4).contains(&factors.1) {
                return None;
            }
        }
        let header = FrameHeader {
            marker: segment.marker,
            precision: fixed[0],
            height: u16::from_be_bytes([fixed[1], fixed[2]]).into(),
            width: u16::from_be_bytes([fixed[3], fixed[4]]).into(),
            components,
            sampling,
        };
        (header.width > 0).then_some(header)
    }

    /// The size in pixels of what is coded as one unit (MCU) in a scan of all components.
    pub fn unit(&self) -> (u32, u32) {
        if self.components == 1 {
            // A single component is never interleaved: its unit is one block, whatever its factors.
            return (8, 8);
        }
        let most = |of: fn(&(u8, u8)) -> u8| self.sampling.iter().map(of).max().unwrap_or(1);
        (8 * u32::from(most(|f| f.0)), 8 * u32::from(most(|f| f.1)))
    }
}

/// The frame header of a JPEG; `None` where there is none before its first scan.
pub fn frame_header(jpeg: &[u8]) -> Option<FrameHeader> {
    header_segments(jpeg).find_map(|segment| FrameHeader::parse(&segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 by 8 pixels, 4:2:2, with two restart markers, a stuffed byte and fill bytes in the scan.
    const TINY: &[u8] = &[
        0xFF,
        SOI,
        0xFF,
        0xFF,
        COM,
        0,
        3,
        b'x',
        0xFF,
        SOF0,
        0,
        17,
        8,
        0,
        8,
        0,
        16,
        3,
        1,
        0x21,
        0,
        2,
        0x11,
        0,
        3,
        0x11,
        0,
        0xFF,
        SOS,
        0,
        3,
        0,
        1,
        0xFF,
        0,
        2,
        0xFF,
        RST0,
        3,
        0xFF,
        0xFF,
        RST0 + 1,
        4,
        0xFF,
        EOI,
    ];

    #[test]
    fn a_jpeg_ends_at_its_own_end_whatever_follows() {
        assert_eq!(whole_length(TINY), Some(TINY.len()));
        let mut padded = TINY.to_vec();
        padded.extend([0, 0, 0xFF, EOI, 0xFF, SOI]);
        assert_eq!(whole_length(&padded), Some(TINY.len()));
    }

    #[test]
    fn no_cut_of_a_jpeg_is_whole() {
        for cut in 0..TINY.len() {
            assert_eq!(whole_length(&TINY[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_jpeg_that_grows_is_whole_with_its_last_byte_and_broken_where_it_breaks() {
        let mut walk = Walk::default();
        for grown in 0..TINY.len() {
            assert_eq!(walk.advance(&TINY[..grown]), Progress::Unfinished);
        }
        assert_eq!(walk.advance(TINY), Progress::Whole(TINY.len()));
        let torn = [&TINY[..33], TINY].concat();
        let mut walk = Walk::default();
        for grown in 0..35 {
            assert_eq!(walk.advance(&torn[..grown]), Progress::Unfinished);
        }
        assert_eq!(walk.advance(&torn), Progress::Broken(33));
    }

    #[test]
    fn a_comment_that_looks_like_an_end_is_no_end() {
        let mut jpeg = TINY.to_vec();
        jpeg.splice(2..8, [0xFF, COM, 0, 6, 0xFF, EOI, 0xFF, SOI]);
        assert_eq!(whole_length(&jpeg), Some(jpeg.len()));
    }

    #[test]
    fn segments_between_scans_are_passed_over() {
        let mut jpeg = TINY.to_vec();
        jpeg.truncate(jpeg.len() - 2);
        jpeg.extend([0xFF, COM, 0, 4, 0xFF, EOI, 0xFF, SOS, 0, 2, 9, 0xFF, EOI, 7]);
        assert_eq!(whole_length(&jpeg), Some(jpeg.len() - 1));
    }

    #[test]
    fn the_frame_header_gives_size_and_sampling() {
        let header = frame_header(TINY).unwrap();
        assert_eq!((header.width, header.height, header.components), (16, 8, 3));
        assert_eq!(header.unit(), (16, 8));
    }

    #[test]
    fn a_frame_header_that_does_not_add_up_is_none() {
        let at = TINY.windows(2).position(|w| w == [0xFF, SOF0]).unwrap();
        for (offset, value) in [(3, 16), (9, 4), (9, 0), (11, 0x51), (11, 0x20)] {
            let mut jpeg = TINY.to_vec();
            jpeg[at + offset] = value;
            assert_eq!(frame_header(&jpeg), None, "byte {offset} as {value}");
        }
    }
}
