//! The file that is being written, in its container.
//!
//! It grows by whole pieces, and its position is its end: a piece is written wholly or the file is cut back to the piece
//! before, so that a full disk leaves nothing half. JPEGs alone, one a piece, are a `.mjpeg` file. Runs on the recorder's
//! thread and blocks on the disk. Who calls decides when a file ends.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use super::Container;
use super::matroska::Matroska;
use crate::protocol::wire::write_pieces;
use crate::recv::Received;

#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) file: File,
    /// `None`: JPEGs, one behind the other, whose stamps are the only times.
    matroska: Option<Matroska>,
}

impl Segment {
    /// Begins the new file that starts with this frame.
    pub(crate) fn create(path: &Path, mut file: File, first: &Received) -> io::Result<Segment> {
        let is_matroska = Container::of(path) == Some(Container::Matroska);
        let matroska = is_matroska.then(|| Matroska::create(&mut file, first));
        let matroska = matroska.transpose()?;
        Ok(Segment { file, matroska })
    }

    /// Appends a frame that is shown `at` after the first. After an error the frames before it are
    /// whole.
    pub(crate) fn write(&mut self, at: Duration, jpeg: [&[u8]; 3]) -> io::Result<()> {
        match &mut self.matroska {
            Some(matroska) => matroska.write(&mut self.file, at, jpeg),
            None => append(&mut self.file, &jpeg),
        }
    }

    /// Completes the file, and waits until it is on stable storage.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let index = self.matroska.take();
        let finished = index.map_or(Ok(()), |mut index| index.finish(&mut self.file));
        finished.and(self.file.sync_data())
    }
}

/// Appends the parts as one piece. After an error the file ends with the piece before.
pub(crate) fn append(file: &mut File, parts: &[&[u8]]) -> io::Result<()> {
    let end = file.stream_position()?;
    write_pieces(file, parts.iter().copied()).inspect_err(|_| {
        // The first error is the one to tell; if cutting fails too, readers meet half a
        // piece at the end, which they can skip.
        let _ = file.set_len(end);
        let _ = file.seek(SeekFrom::Start(end));
    })
}

/// Overwrites what was written there before.
pub(crate) fn patch(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    let end = file.stream_position()?;
    debug_assert!(at + bytes.len() as u64 <= end);
    file.seek(SeekFrom::Start(at))?;
    let written = file.write_all(bytes);
    file.seek(SeekFrom::Start(end))?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_patches_land_where_they_belong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut file = File::create_new(&path).unwrap();
        append(&mut file, &[b"one", b"", b"two"]).unwrap();
        patch(&mut file, 1, b"NE").unwrap();
        append(&mut file, &[b"three"]).unwrap();
        assert_eq!(file.stream_position().unwrap(), 11);
        assert_eq!(std::fs::read(&path).unwrap(), b"oNEtwothree");
    }
}
