//! `.mjpeg`: JPEGs, one behind the other. Their stamps are the only times in it.
//!
//! Each goes to the kernel as it comes. Blocks on the disk, on the recorder's thread.

use std::io;

use super::growing::Growing;

/// A file of JPEGs that is being written.
#[derive(Debug)]
pub struct Mjpeg {
    file: Growing,
}

impl Mjpeg {
    /// Starts on an empty file.
    pub fn create(file: Growing) -> Mjpeg {
        Mjpeg { file }
    }

    /// Appends a frame.
    pub fn write(&mut self, jpeg: &[u8]) -> io::Result<()> {
        self.file.append(&[jpeg])
    }

    /// Waits until what was written is on stable storage.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}
