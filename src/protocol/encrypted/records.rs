//! Records: the stream's bytes once the key is proven, sealed piece by piece.
//!
//! `record = length (u16, little endian) ciphertext-and-tag`. A record is opened whole or not at all, and only as the
//! next one: one that was changed, repeated, left out or is of another connection does not open, and nothing behind it
//! does. Buffers are used again; a frame's bytes are sealed from where they lie, and opened to where they are wanted.

use std::io::{self, Write};
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

/// Bytes of the buffer in which records arrive: a whole one has room behind the one before.
const ROOM: usize = 128 * 1024;

/// So many sealed bytes are written before there are more.
const FULL: usize = 64 * 1024;

/// How many bytes that many come to at least, in records.
pub fn sealed(bytes: usize) -> usize {
    bytes + bytes.div_ceil(MAX_RECORD - HEADER - TAG) * (HEADER + TAG)
}

/// Seals what is written, record by record.
pub struct Sealer {
    transport: Arc<StatelessTransportState>,
    /// The number of the next record.
    number: u64,
    buffer: Vec<u8>,
    /// What of the buffer is sealed and not written yet.
    sealed: Range<usize>,
}

impl Sealer {
    pub(super) fn new(transport: &Arc<StatelessTransportState>) -> Self {
        Sealer {
            transport: Arc::clone(transport),
            number: 0,
            buffer: Vec::new(),
            sealed: 0..0,
        }
    }

    /// Makes a record of `plain`, behind those that are not written yet.
    pub fn seal(&mut self, plain: &[u8]) -> io::Result<()> {
        let begin = self.sealed.end;
        let end = begin + HEADER + plain.len() + TAG;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let (header, text) = self.buffer[begin..end].split_at_mut(HEADER);
        let made = self.transport.write_message(self.number, plain, text);
        header.copy_from_slice(&(made.map_err(invalid)? as u16).to_le_bytes());
        self.number += 1;
        self.sealed.end = end;
        Ok(())
    }

    /// What is to be written.
    pub fn sealed(&self) -> &[u8] {
        &self.buffer[self.sealed.clone()]
    }

    /// So many bytes of it were written.
    pub fn written(&mut self, bytes: usize) {
        self.sealed.start += bytes;
        if self.sealed.is_empty() {
            self.sealed = 0..0;
        }
    }

    /// Writes all of it.
    pub fn flush(&mut self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(self.sealed())?;
        self.written(self.sealed.len());
        Ok(())
    }

    /// The same as [`wire::write_frame`], sealed: what comes before the last piece, which is short, is put together.
    pub fn write_frame(&mut self, to: &mut impl Write, pieces: &[&[u8]]) -> io::Result<()> {
        let prefix = wire::prefix(pieces)?;
        let [head @ .., last] = pieces else {
            return Ok(());
        };
        let head = [&prefix, head.concat().as_slice()].concat();
        for piece in head.chunks(PIECE).chain(last.chunks(PIECE)) {
            self.seal(piece)?;
            if self.sealed.end >= FULL {
                self.flush(to)?;
            }
        }
        self.flush(to)
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
    arrived: Range<usize>,
    /// Of a record that was opened before its bytes were asked for: those that are left.
    plain: Vec<u8>,
    taken: usize,
    /// How many bytes have arrived, of all records.
    pub position: u64,
}

impl Opener {
    pub(super) fn new(transport: &Arc<StatelessTransportState>) -> Self {
        Opener {
            transport: Arc::clone(transport),
            number: 0,
            buffer: vec![0; ROOM],
            arrived: 0..0,
            plain: Vec::new(),
            taken: 0,
            position: 0,
        }
    }

    /// Opens the dialler's first record.
    pub fn open_first(&mut self, record: &First) -> io::Result<()> {
        let (length, text) = record.split_at(HEADER);
        let opened = self
            .transport
            .read_message(self.number, text, &mut [0; TAG]);
        opened.map_err(invalid)?;
        self.number += 1;
        match length == (TAG as u16).to_le_bytes() {
            true => Ok(()),
            false => Err(invalid(snow::Error::Decrypt)),
        }
    }

    /// Where bytes that arrive go; never empty while [`read`](Self::read) wants more.
    pub fn room(&mut self) -> &mut [u8] {
        if self.arrived.start > ROOM - MAX_RECORD || self.arrived.is_empty() {
            self.buffer.copy_within(self.arrived.clone(), 0);
            self.arrived = 0..self.arrived.len();
        }
        &mut self.buffer[self.arrived.end..]
    }

    /// So many bytes have arrived there.
    pub fn came(&mut self, bytes: usize) {
        self.arrived.end += bytes;
        self.position += bytes as u64;
    }

    /// How many bytes have arrived and are not opened yet.
    pub fn waiting(&self) -> usize {
        self.arrived.len()
    }

    /// Reads the next bytes; `None` where more have to arrive first. After an error there are none any more.
    pub fn read(&mut self, to: &mut [u8]) -> io::Result<Option<usize>> {
        if self.taken == self.plain.len() {
            match self.next()? {
                None => return Ok(None),
                // The cipher wants room for the tag, too.
                Some(record) if record.len() <= to.len() => return self.open(record, to).map(Some),
                Some(_) => {}
            }
        }
        let left = self.look_ahead()?;
        let bytes = left.len().min(to.len());
        to[..bytes].copy_from_slice(&left[..bytes]);
        self.taken += bytes;
        Ok(Some(bytes))
    }

    /// The bytes that come next, as far as they are in the next record and that has arrived.
    pub fn look_ahead(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.plain.len() {
            if let Some(record) = self.next()? {
                let mut plain = std::mem::take(&mut self.plain);
                self.taken = 0;
                plain.resize(record.len(), 0);
                let bytes = self.open(record, &mut plain)?;
                plain.truncate(bytes);
                self.plain = plain;
            }
        }
        Ok(&self.plain[self.taken..])
    }

    /// Where the next record's ciphertext is, once all of it has arrived. An empty record is none.
    fn next(&self) -> io::Result<Option<Range<usize>>> {
        let Some((length, rest)) = self.buffer[self.arrived.clone()].split_first_chunk() else {
            return Ok(None);
        };
        let (length, begin) = (
            u16::from_le_bytes(*length).into(),
            self.arrived.start + HEADER,
        );
        match length {
            0..=TAG => Err(invalid(snow::Error::Input)),
            _ => Ok((rest.len() >= length).then_some(begin..begin + length)),
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
    use crate::protocol::encrypted::handshake::{Handshake, Role, Status, answer, hello};
    use crate::protocol::encrypted::key::Key;
    use crate::protocol::wire::{FrameReader, ReadError};
    use std::io::Read;

    /// A connection's two directions: there, and back.
    fn pair() -> [(Sealer, Opener); 2] {
        let key = Key::random().unwrap();
        let (hello, answer) = (hello(&key, Role::Sends), answer(Status::GoOn));
        let mut dialler = Handshake::dial(&key, &hello, &answer);
        let mut listener = Handshake::accept(&key, &hello, &answer);
        listener.read(&dialler.write().unwrap()).unwrap();
        dialler.read(&listener.write().unwrap()).unwrap();
        let (sealer, back) = dialler.into_records().unwrap();
        let (sealer_back, opener) = listener.into_records().unwrap();
        [(sealer, opener), (sealer_back, back)]
    }

    /// Opens what arrives in pieces of so many bytes.
    struct Arriving<'a> {
        opener: &'a mut Opener,
        bytes: &'a [u8],
        piece: usize,
    }

    impl Read for Arriving<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            loop {
                if let Some(bytes) = self.opener.read(to)? {
                    return Ok(bytes);
                }
                let room = self.opener.room();
                let at_most = room.len().min(self.piece);
                match self.bytes.read(&mut room[..at_most])? {
                    0 => return Ok(0),
                    came => self.opener.came(came),
                }
            }
        }
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
        sealer.seal(&[0; 4]).unwrap();
        sealer.flush(&mut stream).unwrap();
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
        let mut from = Arriving {
            opener,
            bytes,
            piece,
        };
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
        let sealed = |plain: usize| HEADER + plain + TAG;
        let (second, rest) = (40_000 - 20, 40_000 - 20 - 2 * PIECE);
        assert!(second > 2 * PIECE);
        assert_eq!(lengths, [24, 80, 24, PIECE, PIECE, rest, 4].map(sealed),);
    }

    #[test]
    fn another_programs_records_may_be_as_long_as_their_length_can_say() {
        let [(mut sealer, mut opener), _] = pair();
        let frames = frames(&[MAX_RECORD - HEADER - TAG - 4, 3]);
        for frame in &frames {
            let length = (frame.len() as u32).to_le_bytes();
            sealer.seal(&[&length, frame.as_slice()].concat()).unwrap();
        }
        assert!(
            sealer
                .seal(&vec![0; MAX_RECORD - HEADER - TAG + 1])
                .is_err()
        );
        sealer.seal(&[0; 4]).unwrap();
        let stream = sealer.sealed().to_vec();
        assert_eq!(read(&mut opener, &stream, usize::MAX).0, frames);
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
            let again = opener.read(&mut [0; 4]);
            assert!(!matches!(again, Ok(Some(_))), "{error}");
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
        there.seal(b"there").unwrap();
        back.seal(b"there").unwrap();
        assert_ne!(there.sealed(), back.sealed());
        let sealed = back.sealed().to_vec();
        opener.room()[..sealed.len()].copy_from_slice(&sealed);
        opener.came(sealed.len());
        let mut text = [0; 16];
        assert!(opener.read(&mut text).is_err());
        assert!(opener.look_ahead().is_err());
        assert!(text.iter().all(|byte| *byte == 0) || !text.starts_with(b"there"));
    }

    #[test]
    fn the_diallers_first_record_is_an_empty_one() {
        let [(mut sealer, mut opener), _] = pair();
        sealer.seal(&[]).unwrap();
        let first: First = sealer.sealed().try_into().unwrap();
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
        sealer.seal(b"one").unwrap();
        sealer.seal(b"two").unwrap();
        assert!(opener.look_ahead().unwrap().is_empty());
        let sealed = sealer.sealed().to_vec();
        opener.room()[..sealed.len()].copy_from_slice(&sealed);
        opener.came(sealed.len());
        assert_eq!(opener.look_ahead().unwrap(), b"one");
        assert_eq!(opener.waiting(), HEADER + 3 + TAG);
        let mut text = [0; 16];
        assert_eq!(opener.read(&mut text[..2]).unwrap(), Some(2));
        assert_eq!(opener.look_ahead().unwrap(), b"e");
        assert_eq!(opener.read(&mut text[2..]).unwrap(), Some(1));
        assert_eq!(opener.read(&mut text[3..]).unwrap(), Some(3));
        assert_eq!(&text[..6], b"onetwo");
        assert_eq!(opener.read(&mut text).unwrap(), None);
    }

    #[test]
    fn numbers_do_not_come_again() {
        let [(mut sealer, _), _] = pair();
        sealer.number = u64::MAX - 1;
        sealer.seal(b"the last one").unwrap();
        assert!(sealer.seal(b"one too many").is_err());
    }
}
