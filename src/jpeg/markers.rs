//! A JPEG's markers, walked without decoding: where its segments are, where it ends.
//!
//! One walk serves all of this program. Pure bytes in, positions out; nothing here blocks or allocates.
//! Lengths are followed and never trusted: whatever does not add up ends the walk.

use std::ops::RangeInclusive;

/// Start of image.
pub(crate) const SOI: u8 = 0xD8;
/// End of image.
pub(crate) const EOI: u8 = 0xD9;
/// Start of scan: entropy-coded data follow its segment.
pub(crate) const SOS: u8 = 0xDA;
/// Define Huffman tables.
pub(crate) const DHT: u8 = 0xC4;
/// Define quantization tables.
pub(crate) const DQT: u8 = 0xDB;
/// Define restart interval.
pub(crate) const DRI: u8 = 0xDD;
/// The first of the eight restart markers.
pub(crate) const RST0: u8 = 0xD0;
/// The last of the restart markers.
pub(crate) const RST7: u8 = 0xD7;
/// The first of the application segments (JFIF).
pub(crate) const APP0: u8 = 0xE0;
/// Adobe's application segment: which colours the components are.
pub(crate) const APP14: u8 = 0xEE;
/// The last of the application segments.
pub(crate) const APP15: u8 = 0xEF;
/// Comment.
pub(crate) const COM: u8 = 0xFE;
/// Start of a baseline frame (Huffman, 8 bits).
pub(crate) const SOF0: u8 = 0xC0;
/// Start of a progressive frame.
pub(crate) const SOF2: u8 = 0xC2;

/// The widest and highest picture, in pixels: what libjpeg, and with it most of the world, accepts.
pub(crate) const MAX_SIDE: u32 = 65_500;

/// A marker segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The marker's second byte.
    pub(crate) marker: u8,
    /// Where the segment starts in the JPEG (its 0xFF).
    pub start: usize,
    /// Where it ends: the first byte behind it.
    pub end: usize,
    /// Its content behind the length.
    pub(crate) body: &'a [u8],
}

/// Why a [`Walk`] does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It may, with bytes that are not there yet.
    Unfinished,
    /// The byte at this position cannot follow those before it.
    Broken(usize),
}

/// A walk from marker to marker through a JPEG, which may still grow: from SOI to EOI, by lengths, so that a
/// thumbnail in a segment is no end. Looks at each byte of a scan once.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    at: usize,
    in_scan: bool,
    has_frame_header: bool,
    has_scan: bool,
}

impl Walk {
    /// The next segment; restart markers and EOI count as empty ones, and EOI is as far as it goes. `jpeg`
    /// holds the bytes of the last call, unchanged, and those that have come since.
    pub(crate) fn step<'a>(&mut self, jpeg: &'a [u8]) -> Result<Segment<'a>, Stop> {
        if self.at == 0 {
            match jpeg {
                [0xFF, SOI, ..] => self.at = 2,
                [] | [0xFF] => return Err(Stop::Unfinished),
                _ => return Err(Stop::Broken(0)),
            }
        }
        if self.in_scan {
            let Some((place, _)) = next_marker(jpeg, self.at) else {
                // A marker may have begun with the last byte.
                let begun = usize::from(jpeg.ends_with(&[0xFF]));
                self.at = self.at.max(jpeg.len() - begun);
                return Err(Stop::Unfinished);
            };
            self.at = place;
        }
        let start = self.at;
        // Fill bytes (0xFF before a marker) belong to the segment.
        let fill = jpeg[start..].iter().take_while(|byte| **byte == 0xFF);
        let at = start + fill.count();
        let (marker, content) = jpeg[at..].split_first().ok_or(Stop::Unfinished)?;
        let is_restart = matches!(*marker, RST0..=RST7);
        let length = match (*marker, content) {
            _ if at == start || is_restart && !self.in_scan => return Err(Stop::Broken(start)),
            (EOI | RST0..=RST7, _) => 0,
            // Reserved, or no marker at all; a length counts its own two bytes.
            (..SOF0 | SOI, _) | (_, [0, 0 | 1, ..]) => return Err(Stop::Broken(start)),
            (_, [high, low, ..]) => u16::from_be_bytes([*high, *low]).into(),
            _ => return Err(Stop::Unfinished),
        };
        let segment = Segment {
            marker: *marker,
            start,
            end: at + 1 + length,
            body: content.get(length.min(2)..length).ok_or(Stop::Unfinished)?,
        };
        if segment.marker != EOI {
            self.at = segment.end;
            self.in_scan = is_restart || segment.marker == SOS;
            self.has_scan |= self.in_scan;
            self.has_frame_header |= is_frame_header(segment.marker);
        }
        Ok(segment)
    }

    /// Walks on as far as `jpeg` reaches: how many bytes the JPEG has, EOI included. Without a frame header
    /// and a scan it is tables alone, and no picture.
    pub(crate) fn advance(&mut self, jpeg: &[u8]) -> Result<usize, Stop> {
        loop {
            match self.step(jpeg)? {
                Segment { marker, .. } if marker != EOI => {}
                Segment { end, .. } if self.has_frame_header && self.has_scan => return Ok(end),
                Segment { start, .. } => return Err(Stop::Broken(start)),
            }
        }
    }
}

/// The segments between SOI and the first scan, that of the scan included. Ends early at anything
/// that is no segment.
pub fn header_segments(jpeg: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut walk = Walk::default();
    std::iter::from_fn(move || match walk.has_scan {
        true => None,
        false => walk.step(jpeg).ok().filter(|segment| segment.marker != EOI),
    })
}

/// Where the leading segments of these kinds end; behind SOI where there are none.
pub(crate) fn lead_end(jpeg: &[u8], kinds: RangeInclusive<u8>) -> usize {
    header_segments(jpeg)
        .take_while(|segment| kinds.contains(&segment.marker))
        .last()
        .map_or(2.min(jpeg.len()), |segment| segment.end)
}

/// Has the frame header, if there is one, say another height.
pub(crate) fn set_height(jpeg: &mut [u8], height: u32) {
    let frame = header_segments(jpeg).find(|segment| is_frame_header(segment.marker));
    if let Some(Segment { end, body, .. }) = frame {
        // Behind the samples' precision.
        let at = end - body.len() + 1;
        jpeg[at..at + 2].copy_from_slice(&(height as u16).to_be_bytes());
    }
}

/// The next marker in entropy-coded data from `at` on: where its 0xFF is, and its second byte.
/// Stuffed zeros and fill bytes are passed over. `None` where the data end before a marker does.
pub(crate) fn next_marker(jpeg: &[u8], mut at: usize) -> Option<(usize, u8)> {
    loop {
        at += memchr::memchr(0xFF, jpeg.get(at..)?)?;
        match *jpeg.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            marker => return Some((at, marker)),
        }
    }
}

/// SOF0 to SOF15 without DHT, JPG and DAC, which share their numbers.
pub(crate) fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF)
}

/// How many bytes the JPEG has that starts at the first byte, EOI included, whatever follows it.
/// `None` where it does not start with SOI, is not whole, or does not add up.
pub fn whole_length(jpeg: &[u8]) -> Option<usize> {
    Walk::default().advance(jpeg).ok()
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
    fn a_jpeg_that_grows_is_whole_with_its_last_byte_and_broken_where_it_breaks() {
        let mut walk = Walk::default();
        for grown in 0..TINY.len() {
            assert_eq!(walk.advance(&TINY[..grown]), Err(Stop::Unfinished));
        }
        assert_eq!(walk.advance(TINY), Ok(TINY.len()));
        let torn = [&TINY[..33], TINY].concat();
        let mut walk = Walk::default();
        for grown in 0..35 {
            assert_eq!(walk.advance(&torn[..grown]), Err(Stop::Unfinished));
        }
        assert_eq!(walk.advance(&torn), Err(Stop::Broken(33)));
    }

    #[test]
    fn tables_alone_are_no_picture() {
        let tables = [0xFF, SOI, 0xFF, DQT, 0, 3, 1, 0xFF, EOI];
        assert_eq!(Walk::default().advance(&tables), Err(Stop::Broken(7)));
    }
}
