//! Records: the stream's bytes once the key is proven, sealed piece by piece.
//!
//! `record = length (u16, little endian) ciphertext-and-tag`. A record is opened whole or not at all, and only as the
//! next one: one that was changed, repeated, left out or is of another connection does not open, and nothing behind it
//! does. Buffers are used again; a frame's bytes are sealed from where they lie, and opened to where they are wanted.

use std::io::{self, BufRead, Cursor, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use snow::StatelessTransportState;

use super::handshake::{First, invalid};
use crate::protocol::wire;

/// Bytes of a record's length.
pub const HEADER: usize = 2;

/// Bytes of the tag that proves a ciphertext.
pub(super) const TAG: usize = 16;

/// The longest record, its length included.
const MAX_RECORD: usize = HEADER + u16::MAX as usize;

/// How many bytes of a frame go into a record: so few that the other side opens one while the next ones arrive, and so
/// many that what a record costs by itself does not count.
const PIECE: usize = 16 * 1024;

/// Bytes of the buffer in which records arrive, at first: acks need no more.
const SMALL: usize = 4 * 1024;

/// The same at most: a whole record has room in each half.
const ROOM: usize = 2 * MAX_RECORD;

/// Bytes of the buffer in which records wait until they are written together.
const FULL: usize = 5 * (HEADER + PIECE + TAG);

/// How many bytes that many come to at least, in records.
pub fn sealed(bytes: usize) -> usize {
    bytes + bytes.div_ceil(MAX_RECORD - HEADER - TAG) * (HEADER + TAG)
}

/// Both directions of a connection whose handshake is over.
pub(super) fn begin(transport: StatelessTransportState) -> (Sealer, Opener) {
    let transport = Arc::new(transport);
    let sealer = Sealer {
        transport: Arc::clone(&transport),
        number: 0,
        buffer: Vec::new(),
    };
    let opener = Opener {
        transport,
        number: 0,
        buffer: Vec::new(),
        arrived: 0..0,
        plain: Cursor::default(),
        position: 0,
    };
    (sealer, opener)
}

/// Seals what is written, record by record.
pub struct Sealer {
    transport: Arc<StatelessTransportState>,
    /// The number of the next record.
    number: u64,
    buffer: Vec<u8>,
}

impl Sealer {
    /// Writes these, each as a record: at most 65,519 bytes.
    pub fn write<'a>(
        &mut self,
        to: &mut impl Write,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let mut end = 0;
        for piece in pieces {
            let bytes = HEADER + piece.len() + TAG;
            if end + bytes > FULL {
                to.write_all(&self.buffer[..end])?;
                end = 0;
            }
            self.buffer.resize(self.buffer.len().max(end + bytes), 0);
            let (header, text) = self.buffer[end..].split_at_mut(HEADER);
            let made = self.transport.write_message(self.number, piece, text);
            header.copy_from_slice(&(made.map_err(invalid)? as u16).to_le_bytes());
            self.number += 1;
            end += bytes;
        }
        to.write_all(&self.buffer[..end])
    }

    /// The same as [`wire::write_frame`], sealed: what comes before the last piece, which is short, is put together.
    pub fn write_frame(&mut self, to: &mut impl Write, pieces: &[&[u8]]) -> io::Result<()> {
        let prefix = wire::prefix(pieces)?;
        let (last, head) = pieces.split_last().expect("a frame has bytes, as was seen");
        let head = [&prefix, head.concat().as_slice()].concat();
        self.write(to, head.chunks(PIECE).chain(last.chunks(PIECE)))
    }
}

/// Opens what arrives.
#[derive(Clone)]
pub struct Opener {
    transport: Arc<StatelessTransportState>,
    /// The number of the next record.
    number: u64,
    buffer: Vec<u8>,
    /// What of it arrived and is not opened yet.
    pub(crate) arrived: Range<usize>,
    /// A record that was opened before its bytes were asked for.
    plain: Cursor<Vec<u8>>,
    /// How many bytes have arrived, of all records.
    pub position: u64,
}

impl Opener {
    /// Opens the dialler's first record.
    pub fn open_first(&mut self, record: &First) -> io::Result<()> {
        let (length, text) = record.split_at(HEADER);
        if length != (TAG as u16).to_le_bytes() {
            return Err(invalid(snow::Error::Input));
        }
        let (transport, nothing) = (&self.transport, &mut [0; TAG]);
        let opened = transport.read_message(self.number, text, nothing);
        self.number += u64::from(opened.is_ok());
        opened.map(drop).map_err(invalid)
    }

    /// Takes what has arrived; returns how many bytes, 0 where there will be no more.
    pub fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        if self.arrived.is_empty() || self.arrived.start > self.buffer.len() / 2 {
            self.buffer.copy_within(self.arrived.clone(), 0);
            self.arrived = 0..self.arrived.len();
        }
        // A record is longer than half of it: so it grows with what arrives, and not with what was announced.
        if self.arrived.end == self.buffer.len() {
            let longer = (2 * self.buffer.len()).clamp(SMALL, ROOM);
            self.buffer.resize(longer, 0);
        }
        let came = from.read(&mut self.buffer[self.arrived.end..])?;
        self.arrived.end += came;
        self.position += came as u64;
        Ok(came)
    }

    /// Reads the next bytes, from what has arrived or arrives now; 0 where there are no more. After an error there are
    /// none any more.
    pub fn read(&mut self, from: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
        while self.plain.fill_buf()?.is_empty() {
            match self.next()? {
                // The cipher wants room for the tag, too.
                Some(record) if record.len() <= to.len() => return self.open(record, to),
                Some(_) => _ = self.look_ahead()?,
                None if self.fill(from)? == 0 => return Ok(0),
                None => {}
            }
        }
        self.plain.read(to)
    }

    /// The bytes that come next, as far as they are in the next record and that has arrived.
    pub fn look_ahead(&mut self) -> io::Result<&[u8]> {
        if self.plain.fill_buf()?.is_empty() {
            if let Some(record) = self.next()? {
                let mut plain = std::mem::take(&mut self.plain).into_inner();
                plain.resize(record.len(), 0);
                let bytes = self.open(record, &mut plain)?;
                plain.truncate(bytes);
                self.plain = Cursor::new(plain);
            }
        }
        self.plain.fill_buf()
    }

    /// Where the next record's ciphertext is, once all of it has arrived. An empty record is none.
    fn next(&self) -> io::Result<Option<Range<usize>>> {
        let Some((length, rest)) = self.buffer[self.arrived.clone()].split_first_chunk() else {
            return Ok(None);
        };
        let begin = self.arrived.start + HEADER;
        match u16::from_le_bytes(*length).into() {
            0..=TAG => Err(invalid(snow::Error::Input)),
            length => Ok((rest.len() >= length).then_some(begin..begin + length)),
        }
    }

    fn open(&mut self, record: Range<usize>, to: &mut [u8]) -> io::Result<usize> {
        let (end, text) = (record.end, &self.buffer[record]);
        let opened = self.transport.read_message(self.number, text, to);
        let bytes = opened.map_err(invalid)?;
        self.number += 1;
        self.arrived.start = end;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encrypted::handshake::{Handshake, answer, hello};
    use crate::protocol::{FrameReader, Key, ReadError, Role};
    use std::io::Read;

    /// A connection's two directions: there, and back.
    fn pair() -> [(Sealer, Opener); 2] {
        let key = Key::random().unwrap();
        let (hello, answer) = (hello(&key, Role::Sends), answer(Ok(())));
        let mut dialler = Handshake::begin(&key, &hello, &answer, true);
        let mut listener = Handshake::begin(&key, &hello, &answer, false);
        listener.read(&dialler.write().unwrap()).unwrap();
        dialler.read(&listener.write().unwrap()).unwrap();
        let (sealer, back) = dialler.into_records().unwrap();
        let (sealer_back, opener) = listener.into_records().unwrap();
        [(sealer, opener), (sealer_back, back)]
    }

    /// Gives so many bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let at_most = to.len().min(self.1);
            self.0.read(&mut to[..at_most])
        }
    }

    /// What arrives, opened.
    struct Arriving<'a>(&'a mut Opener, Pieces<'a>);

    impl Read for Arriving<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut self.1, to)
        }
    }

    /// Reads from what has arrived.
    fn read_on(opener: &mut Opener, to: &mut [u8]) -> io::Result<usize> {
        opener.read(&mut io::empty(), to)
    }

    fn sealed(sealer: &mut Sealer, pieces: &[&[u8]]) -> Vec<u8> {
        let mut records = Vec::new();
        sealer.write(&mut records, pieces.iter().copied()).unwrap();
        records
    }

    fn frames(lengths: &[usize]) -> Vec<Vec<u8>> {
        let frame = |length: &usize| (0..*length).map(|at| (at * 7 / 3) as u8).collect();
        lengths.iter().map(frame).collect()
    }

    /// Frames as they go out, with an end marker; the pieces are a head, a stamp, nothing, and the rest.
    fn stream(sealer: &mut Sealer, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for frame in frames {
            let (head, rest) = frame.split_at(frame.len().min(20));
            sealer.write_frame(&mut stream, &[head, &[], rest]).unwrap();
        }
        sealer.write(&mut stream, [&wire::END[..]]).unwrap();
        stream
    }

    fn records(stream: &[u8]) -> Vec<&[u8]> {
        let (mut records, mut rest) = (Vec::new(), stream);
        while let [low, high, ..] = rest {
            let length = HEADER + usize::from(u16::from_le_bytes([*low, *high]));
            let (record, left) = rest.split_at(length);
            records.push(record);
            rest = left;
        }
        records
    }

    /// What comes out of a stream before it breaks, and how that ends.
    fn read(opener: &mut Opener, bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<ReadError>) {
        let mut from = Arriving(opener, Pieces(bytes, piece));
        let (mut reader, mut frame, mut got) = (FrameReader::new(1 << 20), Vec::new(), Vec::new());
        loop {
            match reader.read(&mut from, &mut frame) {
                Ok(true) => got.push(frame.clone()),
                Ok(false) => return (got, None),
                Err(error) => return (got, Some(error)),
            }
        }
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_arrive() {
        let frames = frames(&[1, 20, 21, 1000, 1005, 16384, 16404, 70_000, 200_000, 5]);
        for piece in [1, 2, 17, 1000, 65_536, usize::MAX] {
            let [(mut sealer, mut opener), _] = pair();
            let stream = stream(&mut sealer, &frames);
            let (got, error) = read(&mut opener, &stream, piece);
            assert!(
                got == frames && error.is_none(),
                "pieces of {piece}: {error:?}"
            );
        }
    }

    #[test]
    fn no_record_holds_bytes_of_two_frames_and_each_frame_begins_with_a_small_one() {
        let [(mut sealer, _), _] = pair();
        let stream = stream(&mut sealer, &frames(&[100, 40_000]));
        let lengths: Vec<usize> = records(&stream).iter().map(|r| r.len()).collect();
        let record = |plain: usize| HEADER + plain + TAG;
        let (second, rest) = (40_000 - 20, 40_000 - 20 - 2 * PIECE);
        assert!(second > 2 * PIECE);
        assert_eq!(lengths, [24, 80, 24, PIECE, PIECE, rest, 4].map(record));
    }

    #[test]
    fn another_programs_records_may_be_as_long_as_their_length_can_say() {
        let [(mut sealer, mut opener), _] = pair();
        let frames = frames(&[MAX_RECORD - HEADER - TAG - 4, 3]);
        let whole = |frame: &Vec<u8>| [&(frame.len() as u32).to_le_bytes(), &frame[..]].concat();
        let whole: Vec<_> = frames.iter().map(whole).collect();
        let stream = sealed(&mut sealer, &[&whole[0], &whole[1], &wire::END]);
        let too_long = [0; MAX_RECORD - HEADER - TAG + 1];
        assert!(sealer.write(&mut io::sink(), [&too_long[..]]).is_err());
        for piece in [1000, usize::MAX] {
            assert_eq!(read(&mut opener.clone(), &stream, piece).0, frames);
        }
        assert_eq!(read(&mut opener, &stream[..60_000], 1000).0.len(), 0);
        assert!(opener.buffer.len() <= ROOM);
    }

    #[test]
    fn the_buffer_of_what_arrives_is_as_large_as_records_are_and_no_larger() {
        let [(mut sealer, mut opener), _] = pair();
        for (frame, most) in [(4, SMALL), (3000, 2 * 4096), (400_000, 4 * PIECE)] {
            let stream = stream(&mut sealer, &frames(&[frame; 40]));
            // As if it were all there already.
            assert_eq!(read(&mut opener, &stream, usize::MAX).0.len(), 40);
            let bytes = opener.buffer.len();
            assert!(bytes <= most, "frames of {frame}: {bytes}");
        }
    }

    #[test]
    fn what_was_changed_repeated_left_out_or_swapped_ends_the_stream_there() {
        let frames = frames(&[15, 17, 19]);
        let broken = |change: &dyn Fn(&mut Vec<Vec<u8>>), whole: usize| {
            let [(mut sealer, mut opener), _] = pair();
            let stream = stream(&mut sealer, &frames);
            let mut records: Vec<_> = records(&stream).into_iter().map(Vec::from).collect();
            // A record a frame, and the end marker.
            assert_eq!(records.len(), 4);
            change(&mut records);
            let (got, error) = read(&mut opener, &records.concat(), 1000);
            assert_eq!(got, frames[..whole]);
            let error = error.expect("it does not end well");
            // It stays so.
            let again = read_on(&mut opener, &mut [0; 4]);
            assert!(!matches!(again, Ok(1..)), "{error}");
            error.to_string()
        };
        for at in 0..HEADER + 19 + TAG {
            broken(&|records| records[0][at] ^= 0x10, 0);
        }
        broken(&|records| records.swap(0, 1), 0);
        broken(&|records| records.swap(1, 2), 1);
        broken(&|records| records.insert(1, records[0].clone()), 1);
        broken(&|records| drop(records.remove(1)), 1);
        broken(&|records| records[1].truncate(30), 1);
        broken(&|records| records.truncate(2), 2);
        let line = broken(&|records| drop(records.pop()), 3);
        assert!(line.contains("without an end marker"), "{line}");
        // Lengths of nothing, and of less.
        for length in [0, 1, 15, 16] {
            broken(
                &|records| records.insert(1, [&[length, 0], &[7; 16][..]].concat()),
                1,
            );
        }
    }

    #[test]
    fn the_other_direction_and_other_connections_open_nothing() {
        let [(mut there, mut opener), (mut back, _)] = pair();
        let there = sealed(&mut there, &[b"there"]);
        let back = sealed(&mut back, &[b"there"]);
        assert_ne!(there, back);
        opener.fill(&mut &back[..]).unwrap();
        let mut text = [0; 16];
        assert!(read_on(&mut opener, &mut text).is_err());
        assert!(opener.look_ahead().is_err());
        assert!(text.iter().all(|byte| *byte == 0) || !text.starts_with(b"there"));
    }

    #[test]
    fn the_diallers_first_record_is_an_empty_one() {
        let [(mut sealer, mut opener), _] = pair();
        let first: First = sealed(&mut sealer, &[b""]).try_into().unwrap();
        let mut forged = first;
        forged[5] ^= 1;
        assert!(opener.open_first(&forged).is_err());
        assert!(opener.open_first(&[0; HEADER + TAG]).is_err());
        assert!(opener.open_first(&first).is_ok());
        // Once.
        assert!(opener.open_first(&first).is_err());
    }

    #[test]
    fn looking_ahead_takes_nothing_away() {
        let [(mut sealer, mut opener), _] = pair();
        let sealed = sealed(&mut sealer, &[b"one", b"two"]);
        assert!(opener.look_ahead().unwrap().is_empty());
        opener.fill(&mut &sealed[..]).unwrap();
        assert_eq!(opener.look_ahead().unwrap(), b"one");
        assert_eq!(opener.arrived.len(), HEADER + 3 + TAG);
        let mut text = [0; 16];
        assert_eq!(read_on(&mut opener, &mut text[..2]).unwrap(), 2);
        assert_eq!(opener.look_ahead().unwrap(), b"e");
        assert_eq!(read_on(&mut opener, &mut text[2..]).unwrap(), 1);
        assert_eq!(read_on(&mut opener, &mut text[3..]).unwrap(), 3);
        assert_eq!(&text[..6], b"onetwo");
        assert_eq!(read_on(&mut opener, &mut text).unwrap(), 0);
    }

    #[test]
    fn numbers_do_not_come_again() {
        let [(mut sealer, _), _] = pair();
        sealer.number = u64::MAX - 1;
        sealed(&mut sealer, &[b"the last one"]);
        let one_too_many = sealer.write(&mut io::sink(), [&b"one too many"[..]]);
        assert!(one_too_many.is_err());
    }
}
