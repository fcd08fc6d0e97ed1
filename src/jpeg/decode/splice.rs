//! A JPEG that is nowhere in one piece: a header with another height, coded data, an end.
//!
//! `image` reads its input into a buffer of its own, so this reader hands over the pieces from where
//! they are and nothing is copied twice.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use crate::jpeg::header::Layout;
use crate::jpeg::markers::EOI;

const END: &[u8] = &[0xFF, EOI];

/// Header up to the height, the height, the rest of the header, coded data, end.
#[derive(Debug)]
pub(super) struct Splice<'a> {
    head: [&'a [u8]; 2],
    height: [u8; 2],
    coded: &'a [u8],
    /// Which piece is being read, and from which byte.
    piece: usize,
    at: usize,
}

impl<'a> Splice<'a> {
    /// The JPEG of `coded` with the header of `layout`, `height` pixels high.
    pub(super) fn new(layout: &'a Layout, height: u32, coded: &'a [u8]) -> Self {
        let (before, after) = layout.head.split_at(layout.height_at);
        Splice {
            head: [before, &after[2..]],
            height: (height as u16).to_be_bytes(),
            coded,
            piece: 0,
            at: 0,
        }
    }

    fn pieces(&self) -> [&[u8]; 5] {
        [self.head[0], &self.height, self.head[1], self.coded, END]
    }
}

impl Read for Splice<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let count = from.len().min(out.len());
        out[..count].copy_from_slice(&from[..count]);
        self.consume(count);
        Ok(count)
    }

    fn read_to_end(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        let before = out.len();
        let left: usize = self.pieces()[self.piece..].iter().map(|p| p.len()).sum();
        out.reserve(left - self.at);
        loop {
            let from = self.fill_buf()?;
            if from.is_empty() {
                return Ok(out.len() - before);
            }
            out.extend_from_slice(from);
            let count = from.len();
            self.consume(count);
        }
    }
}

impl BufRead for Splice<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece < 4 && self.at == self.pieces()[self.piece].len() {
            self.piece += 1;
            self.at = 0;
        }
        Ok(&self.pieces()[self.piece][self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.pieces()[self.piece].len());
    }
}

impl Seek for Splice<'_> {
    /// `image` asks for `Seek` and reads from start to end; so that is all there is.
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_come_in_turn_however_they_are_read() {
        let layout = Layout {
            head: vec![1, 2, 3, 0, 0, 4],
            height_at: 3,
            ..Layout::default()
        };
        let whole = [1, 2, 3, 1, 44, 4, 7, 8, 9, 0xFF, EOI];
        let splice = || Splice::new(&layout, 300, &[7, 8, 9]);
        let mut all = Vec::new();
        splice().read_to_end(&mut all).unwrap();
        assert_eq!(all, whole);
        let mut trickle = splice();
        let mut byte = [0];
        for expected in whole {
            assert_eq!(trickle.read(&mut byte).unwrap(), 1);
            assert_eq!(byte[0], expected);
        }
        assert_eq!(trickle.read(&mut byte).unwrap(), 0);
    }
}
