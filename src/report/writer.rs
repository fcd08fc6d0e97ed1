//! Writing whole texts to a descriptor that others may have filled, closed or made non-blocking.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// How often a descriptor is tried that another program has made non-blocking.
const RETRY: Duration = Duration::from_millis(20);

/// Writes lines, and keeps one that was cut by a failure apart from the next.
pub(super) struct Writer<W> {
    out: W,
    is_cut: bool,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Writer { out, is_cut: false }
    }

    /// Blocks until all of it is written, or that fails.
    pub(super) fn write(&mut self, mut text: String) -> io::Result<()> {
        if self.is_cut {
            text.insert(0, '\n');
        }
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.is_cut = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_full_disk_has_cut_does_not_spoil_the_next_one() {
        struct Disk(Vec<u8>, usize);
        impl Write for Disk {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.1 == 0 {
                    self.1 = usize::MAX;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let taken = bytes.len().min(self.1);
                self.1 -= taken;
                self.0.extend(&bytes[..taken]);
                Ok(taken)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = Writer::new(Disk(Vec::new(), 3));
        assert!(writer.write("first\n".into()).is_err());
        writer.write("second\n".into()).unwrap();
        assert_eq!(writer.out.0, b"fir\nsecond\n");
    }
}
