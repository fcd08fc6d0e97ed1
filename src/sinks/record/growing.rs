//! A file that grows by whole pieces.
//!
//! A piece is written wholly or the file is cut back to the piece before, so that a full disk leaves
//! nothing half. Blocks on the disk; knows no format. JPEGs alone, one a piece, are a `.mjpeg` file.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use crate::protocol::wire::write_pieces;

/// A file, and how long it is; it starts empty.
#[derive(Debug)]
pub(crate) struct Growing {
    pub(super) file: File,
    /// Bytes so far; where the next piece goes.
    pub(super) length: u64,
}

impl Growing {
    /// Appends the parts as one piece. After an error the file ends with the piece before.
    pub(crate) fn append(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let written = write_pieces(&mut self.file, parts.iter().copied());
        if written.is_ok() {
            self.length += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        } else {
            // The first error is the one to tell; if cutting fails too, readers meet half a
            // piece at the end, which they can skip.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
        }
        written
    }

    /// Overwrites what was written there before.
    pub(crate) fn patch(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(at + bytes.len() as u64 <= self.length);
        self.file.seek(SeekFrom::Start(at))?;
        let written = self.file.write_all(bytes);
        self.file.seek(SeekFrom::Start(self.length))?;
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_patches_land_where_they_belong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let (file, length) = (File::create_new(&path).unwrap(), 0);
        let mut file = Growing { file, length };
        file.append(&[b"one", b"", b"two"]).unwrap();
        file.patch(1, b"NE").unwrap();
        file.append(&[b"three"]).unwrap();
        assert_eq!(file.length, 11);
        assert_eq!(std::fs::read(&path).unwrap(), b"oNEtwothree");
    }
}
