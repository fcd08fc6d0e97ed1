//! The wire: length-prefixed frames one way, acks the other, over any `Read` and `Write`.
//!
//! `stream = frame* end`, `frame = length (u32, little endian) bytes`, `end = length 0`. This room
//! knows neither sockets nor JPEG. A reader takes nothing on trust: a length over the bound is an
//! error before a byte of it is read, and the buffer grows with what arrives, never with what was
//! announced. Time-outs of the stream below, and signals, come out as [`ReadError::Io`] of the kinds `WouldBlock`,
//! `TimedOut` or `Interrupted`, and reading goes on where it was at the next call.

use std::io::{self, IoSlice, Read, Write};
use std::iter;

use byteorder::{ByteOrder, LE, ReadBytesExt};

/// The longest frame that is accepted where nobody says otherwise: a 24-megapixel JPEG of the best
/// quality stays below it.
pub const DEFAULT_MAX_FRAME_BYTES: u32 = 16 * 1024 * 1024;

/// How much more than what has arrived a frame's buffer may grow to at once, in bytes.
const GROWTH: usize = 64 * 1024;

/// Bytes of a length prefix.
const PREFIX: usize = 4;

/// Bytes of an ack.
pub const ACK_BYTES: usize = 8;

/// Why a frame could not be read. Positions (`at`) and sizes are in bytes, positions from the start of the stream.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream below failed or timed out; after a time-out, read again.
    #[error("reading failed at byte {at}")]
    Io { at: u64, source: io::Error },
    /// A length over the limit.
    #[error(
        "a frame of {length} bytes was announced at byte {at}, and at most {max} are accepted (--max-frame-bytes)"
    )]
    TooLong { at: u64, length: u32, max: u32 },
    /// The stream ended between frames, and without an end marker.
    #[error("the stream ended at byte {at} without an end marker")]
    Ended { at: u64 },
    /// It ended after `got` bytes of a frame or of its prefix.
    #[error("the stream ended at byte {at} within a frame: {got} of {wanted} bytes had come")]
    Torn { at: u64, wanted: u32, got: u32 },
}

impl ReadError {
    /// Whether the stream merely had nothing yet: reading can go on.
    pub fn is_timeout(&self) -> bool {
        matches!(self, ReadError::Io { source, .. } if is_timeout(source))
    }
}

/// Whether a stream's own limit of time was up (two kinds, which are one thing on different systems), or a signal came.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// Reads frames from one stream of bytes: knows where in it reading is.
///
/// ```
/// use pi_stream::protocol::wire::{END, FrameReader, write_frame};
/// let mut stream = Vec::new();
/// write_frame(&mut stream, &[b"a fr", b"ame"])?;
/// stream.extend(END);
///
/// let (mut reader, mut stream) = (FrameReader::new(1024), stream.as_slice());
/// let mut frame = Vec::new();
/// assert!(reader.read(&mut stream, &mut frame)?);
/// assert_eq!(frame, b"a frame");
/// assert!(!reader.read(&mut stream, &mut frame)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameReader {
    max: u32,
    /// How many bytes of the stream have been read.
    pub position: u64,
    prefix: [u8; PREFIX],
    /// Bytes of the frame that came, its prefix included; 0 between frames.
    pub got: usize,
}

impl FrameReader {
    /// A reader that accepts frames of at most `max` bytes.
    pub fn new(max: u32) -> Self {
        FrameReader {
            max,
            ..FrameReader::default()
        }
    }

    /// Reads the stream's next frame into `frame`, whose old content is replaced and whose memory is used
    /// again. `Ok(false)` is the end marker. After an error for which
    /// [`is_timeout`](ReadError::is_timeout) holds, call again with the same buffer, untouched.
    pub fn read(&mut self, mut from: impl Read, frame: &mut Vec<u8>) -> Result<bool, ReadError> {
        while self.got < PREFIX {
            let came = from.read(&mut self.prefix[self.got..]);
            self.count(came, PREFIX)?;
        }
        let length = LE::read_u32(&self.prefix);
        if length > self.max {
            let (at, max) = (self.position - PREFIX as u64, self.max);
            return Err(ReadError::TooLong { at, length, max });
        }
        while self.missing() > 0 {
            let (wanted, got) = (length as usize, self.got - PREFIX);
            // At most doubled, and by GROWTH at least: memory follows what was received. What is there is used.
            let room = (got + GROWTH.max(got)).max(frame.capacity());
            frame.resize(wanted.min(room), 0);
            self.count(from.read(&mut frame[got..]), wanted)?;
        }
        self.got = 0;
        Ok(length > 0)
    }

    /// Counts what a read came to, which was to complete `wanted` bytes of the prefix or of what follows it.
    fn count(&mut self, came: io::Result<usize>, wanted: usize) -> Result<(), ReadError> {
        let at = self.position;
        let came = came.map_err(|source| ReadError::Io { at, source })?;
        if came == 0 && self.got == 0 {
            return Err(ReadError::Ended { at });
        }
        if came == 0 {
            let got = self.got.checked_sub(PREFIX).unwrap_or(self.got);
            let (wanted, got) = (wanted as u32, got as u32);
            return Err(ReadError::Torn { at, wanted, got });
        }
        self.position += came as u64;
        self.got += came;
        Ok(())
    }

    /// How many bytes of the frame that has begun are still to come; 0 between frames.
    pub fn missing(&self) -> usize {
        let got = self.got.checked_sub(PREFIX);
        got.map_or(0, |got| LE::read_u32(&self.prefix) as usize - got)
    }
}

/// Writes one frame made of several pieces, in as few writes as the stream below allows, so that a
/// socket without Nagle's delay sends no packet for the length alone. Empty frames are refused (they
/// would be end markers), and so are those that the length cannot say.
pub fn write_frame<W: Write>(to: &mut W, pieces: &[&[u8]]) -> io::Result<()> {
    let prefix = prefix(pieces)?;
    write_pieces(to, iter::once(&prefix[..]).chain(pieces.iter().copied()))
}

/// Writes all of them, in as few writes as what is below allows.
pub(crate) fn write_pieces<'a>(
    to: &mut impl Write,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let pieces = pieces.filter(|piece| !piece.is_empty());
    let mut slices: Vec<_> = pieces.map(IoSlice::new).collect();
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

/// The length of a frame made of these pieces, as it travels.
pub(super) fn prefix(pieces: &[&[u8]]) -> io::Result<[u8; PREFIX]> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    match u32::try_from(length) {
        Ok(length @ 1..) => Ok(length.to_le_bytes()),
        _ => {
            let why = format!("a frame has 1 to {} bytes, and this one {length}", u32::MAX);
            Err(io::Error::new(io::ErrorKind::InvalidInput, why))
        }
    }
}

/// The end marker.
pub const END: [u8; PREFIX] = [0; PREFIX];

/// The receiver's answer to a frame that asked for one: it, and all before it, were shown or skipped.
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
        (u64::from(self.held_us) << 32 | u64::from(self.seq)).to_le_bytes()
    }

    /// Reads one; `None` where the stream ends, even within an ack: acks are hints, and a torn one
    /// says no more than none.
    pub fn read<R: Read>(from: &mut R) -> io::Result<Option<Ack>> {
        match from.read_u64::<LE>() {
            Ok(ack) => Ok(Some(Ack {
                seq: ack as u32,
                held_us: (ack >> 32) as u32,
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
        stream.extend(END);
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
        assert_eq!(reader.position, stream.len() as u64);
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
                ReadError::Torn {
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
        assert!(matches!(error, ReadError::Ended { at: 0 }));
        let error = FrameReader::new(16)
            .read(&[5, 0][..], &mut Vec::new())
            .unwrap_err();
        assert!(matches!(
            error,
            ReadError::Torn {
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
