//! The file that is being written, in its container.
//!
//! Runs on the recorder's thread and blocks on the disk. Who calls decides when a file ends.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::matroska::Matroska;
use super::{Container, Growing};
use crate::recv::Received;

#[derive(Debug)]
pub(crate) struct Segment {
    file: Growing,
    /// `None`: JPEGs, one behind the other, whose stamps are the only times.
    matroska: Option<Matroska>,
}

impl Segment {
    /// Begins the new file that starts with this frame.
    pub(crate) fn create(path: &Path, file: File, first: &Received) -> io::Result<Segment> {
        let mut file = Growing { file, length: 0 };
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
            None => self.file.append(&jpeg),
        }
    }

    /// Waits until what was written is on stable storage.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.file.sync_data()
    }

    /// Completes the file, and waits until it is on stable storage.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let index = self.matroska.take();
        let finished = index.map_or(Ok(()), |mut index| index.finish(&mut self.file));
        finished.and(self.sync())
    }
}
