//! JPEGs out of a stream, each as it is, by walking their markers ([`Walk`]).
//!
//! A frame is complete with the last byte of its EOI: nothing waits for the next one to begin. What lies
//! between frames (padding, the headers of a multipart stream) is skipped and counted; so is a frame that
//! is torn or longer than [`MAX_FRAME_BYTES`]. No more memory than one frame and one read.

use std::io::Read;

use memchr::memmem;

use super::{Reader, Result, StreamError};
use crate::jpeg::markers::{SOI, Stop, Walk};
use crate::protocol::DEFAULT_MAX_FRAME_BYTES;
use crate::protocol::stamp::MAX_TEXT;

/// The longest frame, in bytes: with a stamp (marker, length and text) it is what a receiver accepts
/// where nobody tells it otherwise.
pub(super) const MAX_FRAME_BYTES: usize = DEFAULT_MAX_FRAME_BYTES as usize - (4 + MAX_TEXT);

/// How many bytes may pass without one whole frame in them: a frame of full length that turns out
/// torn, and as much again to find the next. Beyond that it is no MJPEG.
const MAX_LOST_BYTES: u64 = 2 * MAX_FRAME_BYTES as u64;

/// How every JPEG begins: SOI, and the next marker's first byte.
const START: [u8; 3] = [0xFF, SOI, 0xFF];

/// Reads up to the end of the next whole JPEG, which is left in `frame`; `false` where there is none any more.
pub(super) fn read_frame<R: Read>(from: &mut Reader<R>, frame: &mut Vec<u8>) -> Result<bool> {
    let after = from.position;
    let mut walk = None;
    loop {
        let seen = frame.len();
        let input = from.fill()?;
        let read = input.len();
        frame.extend_from_slice(input);
        if read == 0 {
            from.skipped.bytes += seen as u64;
            from.skipped.torn += u64::from(walk.is_some());
            return Ok(false);
        }
        let (begin, whole) = find(frame, &mut walk, &mut from.skipped.torn);
        from.skipped.bytes += begin as u64;
        frame.drain(..begin);
        if let Some(length) = whole {
            frame.truncate(length);
            from.consume(begin + length - seen);
            return Ok(true);
        }
        from.consume(read);
        let bytes = from.position - after;
        if bytes > MAX_LOST_BYTES {
            return Err(StreamError::NoFrame { bytes, after });
        }
    }
}

/// Where in `bytes` the frame begins that is under way (`walk`) or found, or where one may begin yet, and how
/// long it is once it is whole. Those that are torn on the way are counted.
fn find(bytes: &[u8], walk: &mut Option<Walk>, torn: &mut u64) -> (usize, Option<usize>) {
    let mut begin = 0;
    loop {
        if walk.is_none() {
            let rest = &bytes[begin..];
            let Some(start) = memmem::find(rest, &START) else {
                let begun = (1..START.len()).rfind(|n| rest.ends_with(&START[..*n]));
                return (bytes.len() - begun.unwrap_or(0), None);
            };
            begin += start;
        }
        let rest = &bytes[begin..];
        begin += match walk.get_or_insert_default().advance(rest) {
            Ok(length) if length <= MAX_FRAME_BYTES => return (begin, Some(length)),
            Err(Stop::Unfinished) if rest.len() <= MAX_FRAME_BYTES => return (begin, None),
            Err(Stop::Unfinished) => rest.len(),
            Ok(length) | Err(Stop::Broken(length)) => length,
        };
        *walk = None;
        *torn += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::stream::Skipped;
    use crate::source::stream::reader::READ_BYTES;
    use crate::source::stream::tests::Pieces;

    /// A JPEG of two scans whose data hold stuffed bytes, restart markers and fill, with a whole JPEG as
    /// thumbnail in APP1.
    fn jpeg(number: u8) -> Vec<u8> {
        let thumbnail = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 9, 9, 0xFF, 0xD9];
        let mut out = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 12];
        out.extend(thumbnail);
        out.extend([0xFF, 0xFF, 0xC2, 0, 3, number]);
        out.extend([0xFF, 0xDA, 0, 4, 1, 2, 7, 0xFF, 0x00, 8, 0xFF, 0xD3, 9]);
        out.extend([0xFF, 0xC4, 0, 4, 0xFF, 0xD9]);
        out.extend([0xFF, 0xDA, 0, 2, 0xFF, 0x00, number, 0xFF, 0xFF, 0xD9]);
        out
    }

    /// The frames of a stream that comes in pieces of `piece` bytes, and what was skipped.
    fn read(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Skipped) {
        let mut reader = Reader::new(Pieces(stream, piece)).unwrap();
        let (mut frame, mut frames) = (Vec::new(), Vec::new());
        while reader.read(&mut frame).unwrap() {
            frames.push(frame.clone());
        }
        assert_eq!(reader.position, stream.len() as u64);
        (frames, reader.skipped)
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_the_stream_is_cut() {
        let stream = [jpeg(1), jpeg(2), jpeg(3)].concat();
        for piece in 1..stream.len() + 1 {
            let (frames, skipped) = read(&stream, piece);
            assert_eq!(frames, [jpeg(1), jpeg(2), jpeg(3)], "pieces of {piece}");
            assert_eq!(skipped, Skipped::default());
        }
    }

    #[test]
    fn a_frame_is_handed_over_with_its_last_byte() {
        /// A pipe into which nothing more comes than was asked for.
        struct Silent<'a>(&'a [u8]);
        impl Read for Silent<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                assert!(!self.0.is_empty(), "the pipe would block");
                self.0.read(buffer)
            }
        }
        let jpeg = jpeg(1);
        let mut reader = Reader::new(Silent(&jpeg)).unwrap();
        let mut frame = Vec::new();
        assert!(reader.has_more().unwrap() && reader.read(&mut frame).unwrap());
        assert_eq!(frame, jpeg);
    }

    #[test]
    fn what_lies_between_frames_is_skipped_and_counted() {
        let between = b"--edge\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8\x00\xFF";
        let stream = [&between[..], &jpeg(1), between, &jpeg(2), &[0; 7]].concat();
        for piece in [1, 2, 3, stream.len()] {
            let (frames, skipped) = read(&stream, piece);
            assert_eq!(frames, [jpeg(1), jpeg(2)]);
            let expected = Skipped {
                bytes: 2 * between.len() as u64 + 7,
                torn: 0,
            };
            assert_eq!(skipped, expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_torn_frame_costs_itself_alone() {
        let whole = jpeg(1);
        let torn = &whole[..whole.len() - 5];
        let stream = [torn, &jpeg(2), torn].concat();
        let expected = Skipped {
            bytes: 2 * torn.len() as u64,
            torn: 2,
        };
        for piece in [1, 4, stream.len()] {
            assert_eq!(read(&stream, piece), (vec![jpeg(2)], expected));
        }
    }

    #[test]
    fn tables_without_a_picture_are_no_frame() {
        let tables = [0xFF, 0xD8, 0xFF, 0xDB, 0, 3, 1, 0xFF, 0xD9];
        let (frames, skipped) = read(&[&tables[..], &jpeg(1)].concat(), 100);
        assert_eq!(frames, [jpeg(1)]);
        assert_eq!((skipped.bytes, skipped.torn), (9, 1));
    }

    #[test]
    fn a_frame_without_end_is_dropped_at_the_bound_and_the_next_is_found() {
        let mut stream = jpeg(1);
        stream.truncate(stream.len() - 2);
        stream.resize(MAX_FRAME_BYTES + 100, 5);
        stream.extend(jpeg(2));
        let (frames, skipped) = read(&stream, 65_536);
        assert_eq!(frames, [jpeg(2)]);
        assert_eq!(skipped.torn, 1);
    }

    #[test]
    fn what_is_no_mjpeg_is_given_up_at_a_bound() {
        let mut reader = Reader::new(std::io::repeat(0xFF)).unwrap();
        let mut frame = Vec::new();
        let error = reader.read(&mut frame).unwrap_err();
        let bounded = matches!(error, StreamError::NoFrame { bytes, after: 0 }
            if bytes <= MAX_LOST_BYTES + READ_BYTES as u64);
        assert!(bounded, "{error}");
        assert!(frame.capacity() <= 2 * READ_BYTES);
    }
}
