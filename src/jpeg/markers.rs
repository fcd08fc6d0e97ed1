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
/// Define restart interval.
pub const DRI: u8 = 0xDD;
/// The first of the application segments (JFIF).
pub const APP0: u8 = 0xE0;
/// The last of the application segments.
pub const APP15: u8 = 0xEF;
/// Comment.
pub const COM: u8 = 0xFE;

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
    if marker == 0 || marker == 0x01 || (0xD0..=EOI).contains(&marker) {
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
