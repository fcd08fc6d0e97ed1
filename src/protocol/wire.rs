//! The wire: length-prefixed frames one way, acks the other, over any `Read` and `Write`.
//!
//! `stream = frame* end`, `frame = length (u32, little endian) bytes`, `end = length 0`. This room
//! knows neither sockets nor JPEG. A reader takes nothing on trust: a length over the bound is an
//! error before a byte of it is read, and the buffer grows with what arrives, never with what was
//! announced. Time-outs of the stream below come out as [`ReadError::Io`] of the kinds `WouldBlock`
//! or `TimedOut`, and reading goes on where it was at the next call.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};

use byteorder::{ByteOrder, LE, WriteBytesExt};

/// The longest frame that is accepted where nobody says otherwise: a 24-megapixel JPEG of the best
/// quality stays below it.
pub const DEFAULT_MAX_FRAME_BYTES: u32 = 16 * 1024 * 1024;

/// How much more than what has arrived a frame's buffer may grow to at once, in bytes.
const GROWTH: usize = 64 * 1024;

/// Bytes of a length prefix.
const PREFIX: usize = 4;

/// Bytes of an ack.
pub const ACK_BYTES: usize = 8;

/// Why a frame could not be read. Positions count bytes from the start of the stream.
#[derive(Debug)]
pub enum ReadError {
    /// The stream below failed or timed out; after a time-out, read again.
    Io {
        /// Where in the stream.
        at: u64,
        /// What the stream said.
        source: io::Error,
    },
    /// A length over the bound.
    TooLong {
        /// Where the length stood.
        at: u64,
        /// What it said, in bytes.
        length: u32,
        /// The bound, in bytes.
        max: u32,
    },
    /// The stream ended without an end marker, between frames (`wanted` 0) or within one.
    Ended {
        /// Where the stream ended.
        at: u64,
        /// How many bytes the unfinished frame (or its prefix) was to have.
        wanted: u32,
        /// How many of them came.
        got: u32,
    },
}

impl ReadError {
    /// Whether the stream merely had nothing yet: reading can go on.
    pub fn is_timeout(&self) -> bool {
        matches!(self, ReadError::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { at, .. } => write!(f, "reading failed at byte {at}"),
            ReadError::TooLong { at, length, max } => write!(
                f,
                "a frame of {length} bytes was announced at byte {at}, and at most {max} are accepted (--max-frame-bytes)"
            ),
            ReadError::Ended { at, wanted: 0, .. } => {
                write!(f, "the stream ended at byte {at} without an end marker")
            }
            ReadError::Ended { at, wanted, got } => write!(
                f,
                "the stream ended at byte {at} within a frame: {got} of {wanted} bytes had come"
            ),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Reads frames from one stream of bytes: knows where in it reading is.
///
/// ```
/// use pi_stream::protocol::wire::{FrameReader, write_end, write_frame};
/// let mut stream = Vec::new();
/// write_frame(&mut stream, &[b"a fr", b"ame"])?;
/// write_end(&mut stream)?;
///
/// let (mut reader, mut stream) = (FrameReader::new(1024), stream.as_slice());
/// let mut frame = Vec::new();
/// assert!(reader.read(&mut stream, &mut frame)?);
/// assert_eq!(frame, b"a frame");
/// assert!(!reader.read(&mut stream, &mut frame)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FrameReader {
    max: u32,
    at: u64,
    prefix: [u8; PREFIX],
    prefix_got: usize,
    body_got: usize,
}

impl FrameReader {
    /// A reader that accepts frames of at most `max` bytes.
    pub fn new(max: u32) -> Self {
        FrameReader {
            max,
            at: 0,
            prefix: [0; PREFIX],
            prefix_got: 0,
            body_got: 0,
        }
    }

    /// Reads the stream's next frame into `frame`, whose old content is replaced and whose memory is used
    /// again. `Ok(false)` is the end marker. After an error for which
    /// [`is_timeout`](ReadError::is_timeout) holds, call again with the same buffer, untouched.
    pub fn read(&mut self, mut from: impl Read, frame: &mut Vec<u8>) -> Result<bool, ReadError> {
        while self.prefix_got < PREFIX {
            let got = match from.read(&mut self.prefix[self.prefix_got..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                got => got.map_err(|source| self.failed(source))?,
            };
            if got == 0 {
                let wanted = if self.prefix_got == 0 { 0 } else { PREFIX };
                return Err(self.ended(wanted, self.prefix_got));
            }
            self.prefix_got += got;
            self.at += got as u64;
        }
        let length = LE::read_u32(&self.prefix);
        if length > self.max {
            return Err(ReadError::TooLong {
                at: self.at - PREFIX as u64,
                length,
                max: self.max,
            });
        }
        if length == 0 {
            self.prefix_got = 0;
            return Ok(false);
        }
        self.read_body(from, frame, length as usize)?;
        self.prefix_got = 0;
        self.body_got = 0;
        Ok(true)
    }

    fn read_body(
        &mut self,
        mut from: impl Read,
        frame: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), ReadError> {
        while self.body_got < length {
            // At most doubled, and by GROWTH at least: memory follows what was received.
            let room = length.min(self.body_got + GROWTH.max(self.body_got));
            if frame.len() != room {
                frame.resize(room, 0);
            }
            let got = match from.read(&mut frame[self.body_got..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                got => got.map_err(|source| self.failed(source))?,
            };
            if got == 0 {
                return Err(self.ended(length, self.body_got));
            }
            self.body_got += got;
            self.at += got as u64;
        }
        Ok(())
    }

    /// How many bytes of the stream have been read.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Whether a frame has begun and not ended.
    pub fn is_within_frame(&self) -> bool {
        self.prefix_got > 0
    }

    /// How many bytes of the frame that has begun are still to come; 0 between frames.
    pub fn missing(&self) -> usize {
        if self.prefix_got < PREFIX {
            return 0;
        }
        (LE::read_u32(&self.prefix) as usize).saturating_sub(self.body_got)
    }

    fn failed(&self, source: io::Error) -> ReadError {
        ReadError::Io {
            at: self.at,
            source,
        }
    }

    fn ended(&self, wanted: usize, got: usize) -> ReadError {
        ReadError::Ended {
            at: self.at,
            wanted: wanted as u32,
            got: got as u32,
        }
    }
}

/// Writes one frame made of several pieces, in as few writes as the stream below allows, so that a
/// socket without Nagle's delay sends no packet for the length alone. Empty frames are refused (they
/// would be end markers), and so are those that the length cannot say.
pub fn write_frame<W: Write>(to: &mut W, pieces: &[&[u8]]) -> io::Result<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let length = u32::try_from(length)
        .ok()
        .filter(|length| *length > 0)
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a frame has 1 to {} bytes, and this one {length}", u32::MAX),
            )
        })?;
    let prefix = length.to_le_bytes();
    let mut slices: Vec<IoSlice<'_>> = std::iter::once(&prefix[..])
        .chain(pieces.iter().copied())
        .map(IoSlice::new)
        .collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match to.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut left, n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Writes the end marker.
pub fn write_end<W: Write>(to: &mut W) -> io::Result<()> {
    to.write_u32::<LE>(0)
}

/// The receiver's answer to a frame that asked for one: it, and all before it, are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The low 32 bits of the frame's sequence number.
    pub seq: u32,
    /// Microseconds on the receiver's clock from the frame's last byte read to its pixels shown.
    pub held_us: u32,
}

impl Ack {
    /// The ack as it travels.
    pub fn emit(self) -> [u8; ACK_BYTES] {
        let mut bytes = [0; ACK_BYTES];
        LE::write_u32(&mut bytes[..4], self.seq);
        LE::write_u32(&mut bytes[4..], self.held_us);
        bytes
    }

    /// Reads one; `None` where the stream ends, even within an ack: acks are hints, and a torn one
    /// says no more than none.
    pub fn read<R: Read>(from: &mut R) -> io::Result<Option<Ack>> {
        let mut bytes = [0; ACK_BYTES];
        match from.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(Ack {
                seq: LE::read_u32(&bytes[..4]),
                held_us: LE::read_u32(&bytes[4..]),
            })),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a call, and a time-out before each.
    struct Trickle<'a> {
        bytes: &'a [u8],
        ready: bool,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.ready = !self.ready;
            if !self.ready {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.bytes.read(&mut buf[..1])
        }
    }

    #[test]
    fn frames_come_out_of_a_trickle_with_time_outs_as_they_went_in() {
        let mut stream = Vec::new();
        write_frame(&mut stream, &[b"one"]).unwrap();
        write_frame(&mut stream, &[b"", b"t", b"wo!"]).unwrap();
        write_end(&mut stream).unwrap();
        let mut trickle = Trickle {
            bytes: &stream,
            ready: false,
        };
        let mut reader = FrameReader::new(16);
        let (mut frame, mut got) = (Vec::new(), Vec::new());
        loop {
            match reader.read(&mut trickle, &mut frame) {
                Ok(true) => got.push(frame.clone()),
                Ok(false) => break,
                Err(e) => assert!(e.is_timeout(), "{e}"),
            }
        }
        assert_eq!(got, [b"one".to_vec(), b"two!".to_vec()]);
        assert_eq!(reader.position(), stream.len() as u64);
    }

    #[test]
    fn a_length_over_the_bound_is_refused_before_its_bytes() {
        let error = FrameReader::new(16)
            .read(&[17, 0, 0, 0][..], &mut Vec::new())
            .unwrap_err();
        assert!(matches!(
            error,
            ReadError::TooLong {
                at: 0,
                length: 17,
                max: 16
            }
        ));
    }

    #[test]
    fn memory_follows_what_arrives_and_not_what_was_announced() {
        let mut stream = (1u32 << 30).to_le_bytes().to_vec();
        stream.extend([7; 100]);
        let mut frame = Vec::new();
        let error = FrameReader::new(u32::MAX)
            .read(stream.as_slice(), &mut frame)
            .unwrap_err();
        assert!(
            matches!(
                error,
                ReadError::Ended {
                    at: 104,
                    got: 100,
                    ..
                }
            ),
            "{error}"
        );
        assert!(frame.capacity() <= 2 * GROWTH, "{} bytes", frame.capacity());
    }

    #[test]
    fn an_end_without_a_marker_says_where() {
        let error = FrameReader::new(16)
            .read(&[][..], &mut Vec::new())
            .unwrap_err();
        assert!(matches!(
            error,
            ReadError::Ended {
                at: 0,
                wanted: 0,
                got: 0
            }
        ));
        let error = FrameReader::new(16)
            .read(&[5, 0][..], &mut Vec::new())
            .unwrap_err();
        assert!(matches!(
            error,
            ReadError::Ended {
                at: 2,
                wanted: 4,
                got: 2
            }
        ));
    }

    #[test]
    fn an_empty_frame_is_refused() {
        assert!(write_frame(&mut Vec::new(), &[b""]).is_err());
    }

    #[test]
    fn acks_travel() {
        let ack = Ack {
            seq: 0xfeed_beef,
            held_us: 1500,
        };
        assert_eq!(Ack::read(&mut &ack.emit()[..]).unwrap(), Some(ack));
        assert_eq!(Ack::read(&mut &ack.emit()[..7]).unwrap(), None);
    }
}
