//! The Exif orientation: how a JPEG says that it is to be shown turned, without a second encoding.
//!
//! Pure bytes in, bytes out. An Exif segment that is there keeps everything it says but the
//! orientation; its directory is copied to its end where there was none to overwrite, so that every
//! offset in it stays true. Whatever of it does not add up is replaced. No crate: those that write
//! Exif re-emit the whole of it, and lose what they do not know.

use byteorder::{BigEndian, ByteOrder, LittleEndian, WriteBytesExt};

use crate::jpeg::markers::{self, APP0, Segment};
use crate::picture::Turn;

/// The application segment that carries Exif.
const APP1: u8 = 0xE1;
/// What an Exif segment's content starts with; a TIFF file follows.
const EXIF: &[u8] = b"Exif\0\0";
/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;
/// A field of unsigned 16-bit numbers.
const SHORT: u16 = 3;
/// Bytes of one field in a TIFF directory.
const FIELD: usize = 12;
/// A TIFF file with one directory without fields.
const EMPTY_TIFF: &[u8] = b"II*\0\x08\0\0\0\0\0\0\0\0\0";

/// A copy of the JPEG that viewers which honour Exif show with this turn. Replaces an orientation
/// that is there; what is no JPEG comes back as it is.
pub fn turned(jpeg: &[u8], turn: Turn) -> Vec<u8> {
    if !jpeg.starts_with(&[0xFF, markers::SOI]) {
        return jpeg.to_vec();
    }
    let old = markers::header_segments(jpeg).find(is_exif);
    let exif = old
        .and_then(|segment| exif(&segment.body[EXIF.len()..], turn))
        .or_else(|| exif(EMPTY_TIFF, turn))
        .unwrap_or_default();
    // Exif wants to be first, and so does JFIF: behind JFIF is what cameras' and viewers' files have.
    let lead = markers::lead_end(jpeg, APP0..=APP0);
    let place = old.map_or(lead..lead, |segment| segment.start..segment.end);
    [&jpeg[..place.start], &exif, &jpeg[place.end..]].concat()
}

/// The segment of such a TIFF file that asks for the turn. `None` where the file does not add up, or is too long
/// with it.
fn exif(tiff: &[u8], turn: Turn) -> Option<Vec<u8>> {
    let value = turn.exif().into();
    let tiff = match tiff.get(..4)? {
        b"II*\0" => with_orientation::<LittleEndian>(tiff, value),
        b"MM\0*" => with_orientation::<BigEndian>(tiff, value),
        _ => None,
    }?;
    let length = u16::try_from(2 + EXIF.len() + tiff.len()).ok()?;
    Some([&[0xFF, APP1], &length.to_be_bytes()[..], EXIF, &tiff].concat())
}

fn is_exif(segment: &Segment<'_>) -> bool {
    segment.marker == APP1 && segment.body.starts_with(EXIF)
}

/// The TIFF file with this orientation in its first directory. `None` where it does not add up.
fn with_orientation<O: ByteOrder>(tiff: &[u8], value: u16) -> Option<Vec<u8>> {
    let start = usize::try_from(O::read_u32(tiff.get(4..8)?)).ok()?;
    let (count, rest) = tiff.get(start..)?.split_first_chunk::<2>()?;
    let count = O::read_u16(count);
    let (fields, rest) = rest.split_at_checked(usize::from(count) * FIELD)?;
    let next = rest.get(..4)?;
    // Tag, type, count, and the value in the first half of its four bytes.
    let mut field = [0; FIELD];
    O::write_u16(&mut field[0..], ORIENTATION);
    O::write_u16(&mut field[2..], SHORT);
    O::write_u32(&mut field[4..], 1);
    O::write_u16(&mut field[8..], value);
    let tags = fields.chunks_exact(FIELD).map(O::read_u16);
    let mut out = tiff.to_vec();
    if let Some(index) = tags.clone().position(|tag| tag == ORIENTATION) {
        let at = start + 2 + index * FIELD;
        out[at..at + FIELD].copy_from_slice(&field);
        return Some(out);
    }
    // Fields are sorted by tag, and a directory starts on an even byte.
    let before = tags.take_while(|tag| *tag < ORIENTATION).count();
    let (before, after) = fields.split_at(before * FIELD);
    out.resize(out.len().next_multiple_of(2), 0);
    let moved = u32::try_from(out.len()).ok()?;
    O::write_u32(&mut out[4..], moved);
    out.write_u16::<O>(count.checked_add(1)?).ok()?;
    for part in [before, &field, after, next] {
        out.extend_from_slice(part);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::metadata::Orientation;
    use image::{ImageDecoder, codecs::jpeg::JpegDecoder};
    use std::io::Cursor;

    const QUARTER: Turn = Turn {
        quarters: 1,
        mirror: false,
    };

    fn jpeg() -> Vec<u8> {
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
            .encode_image(&image::RgbImage::new(8, 16))
            .unwrap();
        jpeg
    }

    fn read(jpeg: &[u8]) -> Orientation {
        let mut decoder = JpegDecoder::new(Cursor::new(jpeg)).unwrap();
        decoder.orientation().unwrap()
    }

    fn with_exif(tiff: &[u8]) -> Vec<u8> {
        let plain = jpeg();
        let length = (2 + EXIF.len() + tiff.len()) as u16;
        [
            &plain[..2],
            &[0xFF, APP1],
            &length.to_be_bytes(),
            EXIF,
            tiff,
            &plain[2..],
        ]
        .concat()
    }

    /// One field of camera-like Exif: a make of 8 bytes, which lie behind the directory.
    fn camera<O: ByteOrder>(start: &[u8; 4], tag: u16) -> Vec<u8> {
        let mut tiff = [start, &[0; 22][..]].concat();
        O::write_u32(&mut tiff[4..], 8);
        O::write_u16(&mut tiff[8..], 1);
        O::write_u16(&mut tiff[10..], tag);
        O::write_u16(&mut tiff[12..], 2);
        O::write_u32(&mut tiff[14..], 8);
        O::write_u32(&mut tiff[18..], 26);
        tiff.extend(b"camera!\0");
        tiff
    }

    #[test]
    fn every_turn_reads_back_as_the_pixels_would_lie() {
        let mut marks = image::RgbImage::new(3, 2);
        marks.put_pixel(0, 0, image::Rgb([255, 0, 0]));
        marks.put_pixel(2, 1, image::Rgb([0, 255, 0]));
        for quarters in 0..4 {
            for mirror in [false, true] {
                let turn = Turn { quarters, mirror };
                let mut expected = marks.clone();
                if mirror {
                    image::imageops::flip_horizontal_in_place(&mut expected);
                }
                for _ in 0..quarters {
                    expected = image::imageops::rotate90(&expected);
                }
                let mut shown = image::DynamicImage::from(marks.clone());
                shown.apply_orientation(read(&turned(&jpeg(), turn)));
                assert_eq!(shown.to_rgb8(), expected, "{turn:?}");
            }
        }
    }

    #[test]
    fn the_rest_of_the_jpeg_stays_byte_for_byte() {
        let plain = jpeg();
        let out = turned(&plain, QUARTER);
        let exif = markers::header_segments(&out).find(is_exif).unwrap();
        assert_eq!([&out[..exif.start], &out[exif.end..]].concat(), plain);
        let first = markers::header_segments(&out).next().unwrap();
        assert_eq!(first.marker, APP0);
    }

    #[test]
    fn an_orientation_that_is_there_is_replaced() {
        let once = turned(&jpeg(), QUARTER);
        let twice = turned(&once, Turn::from_flips(2, false, false));
        assert_eq!(read(&twice), Orientation::Rotate180);
        assert_eq!(twice.len(), once.len());
    }

    fn keeps_what_it_says<O: ByteOrder>(start: &[u8; 4]) {
        for tag in [0x010F, 0x0131] {
            let out = turned(&with_exif(&camera::<O>(start, tag)), QUARTER);
            assert_eq!(read(&out), Orientation::Rotate90);
            let exif = markers::header_segments(&out).find(is_exif).unwrap();
            let tiff = &exif.body[EXIF.len()..];
            let directory = O::read_u32(&tiff[4..]) as usize;
            assert_eq!(O::read_u16(&tiff[directory..]), 2);
            let at = directory + 2 + if tag < ORIENTATION { 0 } else { FIELD };
            assert_eq!(O::read_u16(&tiff[at..]), tag);
            let text = O::read_u32(&tiff[at + 8..]) as usize;
            assert_eq!(&tiff[text..text + 8], b"camera!\0");
        }
    }

    #[test]
    fn exif_without_an_orientation_keeps_what_it_says() {
        keeps_what_it_says::<LittleEndian>(b"II*\0");
        keeps_what_it_says::<BigEndian>(b"MM\0*");
    }

    #[test]
    fn exif_of_any_content_does_no_harm() {
        let full = camera::<BigEndian>(b"MM\0*", 0x010F);
        for cut in 0..full.len() {
            assert_eq!(
                read(&turned(&with_exif(&full[..cut]), QUARTER)),
                Orientation::Rotate90
            );
        }
        for at in 0..full.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bad = full.clone();
                bad[at] = value;
                turned(&with_exif(&bad), QUARTER);
            }
        }
        let mut large = full;
        large.resize(0xFFFF - 2 - EXIF.len(), 0);
        assert_eq!(
            read(&turned(&with_exif(&large), QUARTER)),
            Orientation::Rotate90
        );
        assert_eq!(turned(b"no picture", QUARTER), b"no picture");
    }
}
