//! The sending side of a link: frames out, acks in.
//!
//! Writing blocks for as long as the kernel takes, [`SILENCE`] at most; the thread that owns [`Acks`] blocks on
//! reading, for as long as it was told it may. A cut wakes both.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use super::super::Link;
use crate::handoff::lock;
use crate::protocol::encrypted::handshake;
use crate::protocol::encrypted::records::Opener;
pub(crate) use crate::protocol::wire::is_timeout;
use crate::protocol::wire::{self, ACK_BYTES};
use crate::protocol::{Ack, Status};

/// How long sent bytes may stay unacknowledged before the kernel gives the connection up (Linux;
/// elsewhere the write time-out serves). Longer than any hiccup of a radio link, shorter than patience.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

/// How much may lie in the sending kernel unsent before a write waits: little, so that a frame's tail
/// does not sit behind what the path cannot take yet, and enough to keep a fast path busy.
#[cfg(target_os = "linux")]
const NOT_SENT_LOW_WATER: u32 = 128 * 1024;

impl Link {
    /// Prepares it for sending and returns the half that reads, which returns after `look` without a byte. Call it once.
    pub(crate) fn acks(self: &Arc<Self>, look: Duration) -> io::Result<Acks> {
        self.tune(look)?;
        self.socket.set_write_timeout(Some(SILENCE))?;
        #[cfg(target_os = "linux")]
        {
            let socket = socket2::SockRef::from(&self.socket);
            socket.set_tcp_user_timeout(Some(SILENCE))?;
            socket.set_tcp_notsent_lowat(NOT_SENT_LOW_WATER)?;
        }
        Ok(Acks {
            link: Arc::clone(self),
            opener: lock(&self.opener).take(),
            bytes: [0; ACK_BYTES],
            got: 0,
            is_plain: false,
        })
    }

    /// Writes a frame, made of pieces, whole. After an error the link is of no use: part of it may be out.
    pub(crate) fn write_frame(&self, pieces: &[&[u8]]) -> io::Result<()> {
        match &mut lock(&self.writing).sealer {
            None => wire::write_frame(&mut &self.socket, pieces),
            Some(sealer) => sealer.write_frame(&mut &self.socket, pieces),
        }
    }

    /// Ends the stream: the end marker, then no more from us. Returns whether there was room for the marker within
    /// `patience`. The peer still reads what is on its way and then closes, which [`Acks::read`] finds. (A
    /// socket closed with unread acks would reset the connection, and destroy those frames.)
    pub(crate) fn end(&self, patience: Duration) -> bool {
        let mut writing = lock(&self.writing);
        // Else a receiver that stands still would keep the marker out for as long as a frame.
        let _ = self.socket.set_write_timeout(Some(patience));
        let written = super::write(&mut writing.sealer, &mut &self.socket, &wire::END);
        if written.is_err_and(|error| is_timeout(&error)) {
            return false;
        }
        let _ = self.socket.shutdown(Shutdown::Write);
        true
    }
}

/// The half of a link that reads acks.
pub(crate) struct Acks {
    pub(crate) link: Arc<Link>,
    opener: Option<Opener>,
    bytes: [u8; ACK_BYTES],
    /// Bytes of the next ack that came.
    got: usize,
    /// Whether what comes is none, and discarded.
    pub(crate) is_plain: bool,
}

/// How much of what is no ack is read at once: it may come as fast as it wants to.
const DISCARDED: usize = 16 * 1024;

impl Acks {
    /// Waits for the next ack; `None` once the peer has closed. After a time-out, or a signal, read again.
    /// `PermissionDenied` says that the peer wants a key.
    pub(crate) fn read(&mut self) -> io::Result<Option<Ack>> {
        if self.is_plain {
            return match self.link.read(&mut self.opener, &mut [0; DISCARDED])? {
                0 => Ok(None),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        while self.got < ACK_BYTES {
            match (self.link).read(&mut self.opener, &mut self.bytes[self.got..])? {
                0 => return Ok(None),
                came => self.got += came,
            }
        }
        self.got = 0;
        // A viewer with a key answers a frame like that; it is no ack that anybody sends.
        if self.opener.is_none() && handshake::status(&self.bytes) == Err(Status::KeyWanted) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ack::read(&mut &self.bytes[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Instant;

    #[test]
    fn an_end_marker_for_which_there_is_no_room_is_waited_for_no_longer_than_the_end() {
        let (link, _far) = Link::pair(([10, 0, 0, 1], 1).into());
        link.socket.set_nonblocking(true).unwrap();
        let fill = || (&link.socket).write(&[0; 65536]);
        while fill().is_ok() {}
        link.socket.set_nonblocking(false).unwrap();
        let _acks = link.acks(SILENCE).unwrap();
        let began = Instant::now();
        assert!(!link.end(Duration::from_millis(100)));
        // As long as a frame's write, it was.
        assert!(began.elapsed() < SILENCE / 2);
    }

    #[test]
    fn an_ack_that_comes_in_pieces_is_whole_however_long_they_take() {
        let (link, mut far) = Link::pair(([10, 0, 0, 1], 1).into());
        let mut acks = link.acks(Duration::from_millis(1)).unwrap();
        let ack = Ack {
            seq: 1,
            held_us: 70_000,
        };
        for byte in ack.emit() {
            assert!(is_timeout(&acks.read().unwrap_err()));
            far.write_all(&[byte]).unwrap();
            while link.socket.peek(&mut [0]).is_err() {}
        }
        assert_eq!(acks.read().unwrap(), Some(ack));
        drop(far);
        let end = std::iter::repeat_with(|| acks.read()).find_map(Result::ok);
        assert_eq!(end, Some(None));
    }
}
