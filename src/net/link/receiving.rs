//! The receiving side of a link: frames in, acks out.
//!
//! Frames are read by the one thread that owns [`Frames`]; it blocks for as long as it was told it may, and a cut
//! wakes it. Whichever thread has shown or skipped a frame acknowledges it, and never blocks: a sender that does
//! not read its acks must not hold a receiver up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Link;
use super::{ReadBy, Writing};
use crate::handoff::lock;
use crate::net::{path, system};
use crate::protocol::encrypted::records::{self, Opener};
use crate::protocol::{Ack, FrameReader, ReadError};

impl Link {
    /// Prepares it for receiving and returns the half that reads, which accepts frames of at most `max_bytes` and
    /// returns after `look` at the latest. Call it once.
    pub(crate) fn frames(self: &Arc<Self>, max_bytes: u32, look: Duration) -> io::Result<Frames> {
        self.tune(look)?;
        Ok(Frames {
            link: Arc::clone(self),
            opener: lock(&self.opener).take(),
            look,
            reader: FrameReader::new(max_bytes),
        })
    }

    /// Sends the ack, or, where an earlier one found no room yet, drops it whole.
    pub(crate) fn ack(&self, ack: Ack) {
        let Writing { unwritten, sealer } = &mut *lock(&self.writing);
        self.write_now(unwritten);
        if unwritten.is_empty() {
            // It fails where no numbers are left to seal it: no acks, then.
            let _ = super::write(sealer, unwritten, &ack.emit());
            self.write_now(unwritten);
        }
    }

    /// Writes what fits at once, and takes it away. An error is a connection that its reader is about to find broken.
    fn write_now(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let written = system::write_now(&self.socket, bytes);
        bytes.drain(..written.unwrap_or(0));
    }
}

/// The half of a link that reads frames.
pub(crate) struct Frames {
    pub(crate) link: Arc<Link>,
    pub(super) opener: Option<Opener>,
    look: Duration,
    /// Knows where in the stream reading is.
    pub(crate) reader: FrameReader,
}

impl Frames {
    /// As [`FrameReader::read`] reads on, into the same `frame` until that is whole; with a time-out after `look` at the
    /// latest, even while bytes come without a pause, and after that many bytes.
    pub(crate) fn read(&mut self, frame: &mut Vec<u8>, at_most: usize) -> Result<bool, ReadError> {
        let (mut left, until) = (at_most, Instant::now() + self.look);
        let bytes = ReadBy(|to: &mut [u8]| {
            if left == 0 || Instant::now() >= until {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let room = left.min(to.len());
            let got = self.link.read(&mut self.opener, &mut to[..room])?;
            left -= got;
            Ok(got)
        });
        self.reader.read(bytes, frame)
    }

    /// From now on it returns after this time at the latest.
    pub(crate) fn look_every(&mut self, look: Duration) -> io::Result<()> {
        if look != self.look {
            self.link.socket.set_read_timeout(Some(look))?;
            self.look = look;
        }
        Ok(())
    }

    /// How many bytes have come, whether or not they are a frame's yet.
    pub(crate) fn position(&self) -> u64 {
        let opener = self.opener.as_ref();
        opener.map_or(self.reader.position, |opener| opener.position)
    }

    /// Whether the whole next frame has arrived already; for between frames.
    pub(crate) fn newer_is_here(&mut self) -> bool {
        let socket = &self.link.socket;
        let Some(mut readable) = path::readable(socket) else {
            return false;
        };
        let Some(opener) = &mut self.opener else {
            let mut prefix = [0; 4];
            let is_peeked = readable > prefix.len() && matches!(socket.peek(&mut prefix), Ok(4));
            let length = u32::from_le_bytes(prefix) as usize;
            return is_peeked && length > 0 && readable - prefix.len() >= length;
        };
        // Its first record says how long it is. One that does not open fails when it is read.
        if opener.look_ahead().is_ok_and(<[u8]>::is_empty) && readable > 0 {
            let came = opener.fill(&mut &*socket).unwrap_or(0);
            readable = readable.saturating_sub(came);
        }
        let ahead = opener.look_ahead().unwrap_or_default();
        let Some((prefix, begun)) = ahead.split_first_chunk() else {
            return false;
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        let missing = length.saturating_sub(begun.len());
        length > 0 && opener.arrived.len() + readable >= records::sealed(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::{ACK_BYTES, write_frame};
    use std::io::{Read, Write};
    use std::thread;

    #[test]
    fn a_sender_that_reads_no_acks_blocks_nobody_and_gets_whole_ones() {
        let (link, mut sender) = Link::pair(([10, 0, 0, 1], 1).into());
        // Far more than both kernels hold.
        for seq in 0..4_000_000 / ACK_BYTES as u32 {
            link.ack(Ack { seq, held_us: !seq });
        }
        drop(link);
        let mut bytes = Vec::new();
        sender.read_to_end(&mut bytes).unwrap();
        let acks: Vec<Ack> = bytes
            .chunks_exact(ACK_BYTES)
            .map(|mut chunk| Ack::read(&mut chunk).unwrap().unwrap())
            .collect();
        assert!(acks.len() > 1000);
        assert!(acks.iter().all(|ack| ack.held_us == !ack.seq));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_newer_frame_is_here_once_all_of_it_is() {
        let (link, mut sender) = Link::pair(([10, 0, 0, 1], 1).into());
        let mut frames = link.frames(1 << 20, Duration::from_secs(10)).unwrap();
        let mut second = Vec::new();
        write_frame(&mut second, &[&[2; 1000]]).unwrap();
        write_frame(&mut sender, &[&[1; 1000]]).unwrap();
        sender.write_all(&second[..1003]).unwrap();
        let mut frame = Vec::new();
        assert!(frames.read(&mut frame, usize::MAX).unwrap());
        assert!(!frames.newer_is_here());
        sender.write_all(&second[1003..]).unwrap();
        while !frames.newer_is_here() {
            thread::yield_now();
        }
        assert!(frames.read(&mut frame, usize::MAX).unwrap());
        assert_eq!(frame, [2; 1000]);
        assert!(!frames.newer_is_here());
    }

    #[test]
    fn a_cut_wakes_the_thread_that_reads() {
        let (link, _sender) = Link::pair(([10, 0, 0, 1], 1).into());
        let mut frames = link.frames(1 << 20, Duration::from_secs(3600)).unwrap();
        let reading = thread::spawn(move || frames.read(&mut Vec::new(), usize::MAX));
        link.cut();
        assert!(reading.join().unwrap().is_err());
    }
}
