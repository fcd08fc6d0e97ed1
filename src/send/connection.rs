//! One connection: its socket, its acks, its gate and its clock; frames go in whole.
//!
//! What is sent, and when, is the session's to say. Writing blocks for as long as the kernel takes; a thread
//! of its own reads the acks, and ends with the connection.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::acks::{Account, Acks};
use super::event::Loss;
use super::gate::Gate;
use super::lifeline::Lifeline;
use super::source::Feed;
use crate::link::dial::Target;
use crate::link::{self, path};
use crate::stamp::{self, Stamp};
use crate::stop::Stop;
use crate::wire::{self, Ack};

/// How long a wait lasts at most before it is looked at what it waits for.
const LOOK: Duration = Duration::from_millis(50);

/// How long a receiver may take for its first frame before the link is taken to be what is slow.
const SETTLING: Duration = Duration::from_secs(1);

/// A receiver without acks that still takes frames after so long shows them, most likely.
const TAKING: Duration = Duration::from_secs(1);

/// One connection and all that is known of it.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) acks: Arc<Acks>,
    pub(super) lifeline: Lifeline,
    pub(super) gate: Gate,
    pub(super) clock: Clock,
    opened: Instant,
    pub(super) peer: SocketAddr,
    /// Whether the user was told of it.
    pub(super) announced: bool,
    seq: u64,
    /// When the last frame was begun, and its bytes.
    pub(super) last_frame: Option<(Instant, usize)>,
    /// When the last frame had been handed to the kernel.
    written: Option<Instant>,
}

impl Connection {
    pub(super) fn open(
        stream: TcpStream,
        target: &Target,
        feed: &Arc<Feed>,
        stop: &Arc<Stop>,
    ) -> io::Result<Connection> {
        link::tune_sender(&stream)?;
        let acks = Arc::new(Acks::default());
        thread::Builder::new().name("acks".into()).spawn({
            let (stream, acks, feed) = (stream.try_clone()?, Arc::clone(&acks), Arc::clone(feed));
            move || {
                read_acks(&stream, &acks);
                feed.slot().nudge();
            }
        })?;
        Ok(Connection {
            lifeline: Lifeline::watch(stream.try_clone()?, target.clone(), Arc::clone(stop))?,
            acks,
            gate: Gate::default(),
            clock: Clock::now(),
            opened: Instant::now(),
            peer: stream.peer_addr()?,
            announced: false,
            seq: 0,
            last_frame: None,
            written: None,
            stream,
        })
    }

    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(super) fn check(&self) -> Result<(), Loss> {
        if self.acks.account().closed {
            return Err(Loss::Closed);
        }
        Ok(())
    }

    /// Whether the receiver took frames: acknowledged one, or, as far as a receiver without acks can
    /// show, went on taking them. (One whose places are taken takes what its kernel holds.)
    pub(super) fn is_fruitful(&self) -> bool {
        let goes_on = self
            .written
            .is_some_and(|at| at.elapsed() < TAKING && at.duration_since(self.opened) > TAKING);
        goes_on || self.acks.account().last_ack.is_some()
    }

    /// Whether the receiver reads as the frames come. Before its first ack it may not: it decodes the
    /// first frame to see whether there is a picture, and what piles up meanwhile says nothing of the link.
    pub(super) fn has_settled(&self, acks: &Account) -> bool {
        acks.last_ack.is_some() || self.opened.elapsed() > SETTLING
    }

    /// Writes a frame whole, or breaks the connection.
    pub(super) fn write(
        &mut self,
        jpeg: &[u8],
        stamp: &Stamp,
        captured: Instant,
    ) -> Result<usize, Loss> {
        let stamp_bytes = stamp.emit();
        let [head, middle, tail] = stamp::places(jpeg);
        let pieces = [&jpeg[head], &stamp_bytes, &jpeg[middle], &jpeg[tail]];
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        let started = Instant::now();
        self.acks.note(stamp.seq, captured, bytes, started);
        wire::write_frame(&mut &self.stream, &pieces).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Loss::Silent(link::USER_TIMEOUT),
            _ => Loss::Failed(error),
        })?;
        let now = Instant::now();
        self.acks.written(now);
        self.written = Some(now);
        self.last_frame = Some((started, bytes));
        Ok(bytes)
    }

    /// The end: its marker, then no more from us, then whatever the receiver still says, until it
    /// closes. A socket closed with unread bytes would reset the connection, and destroy frames that
    /// are on their way.
    pub(super) fn finish(self, patience: Duration) {
        if wire::write_end(&mut &self.stream).is_err() {
            return;
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        let until = Instant::now() + patience;
        while !self.acks.account().closed && Instant::now() < until {
            self.acks.wait(LOOK);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Also ends the thread "acks".
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The thread "acks": reads what the receiver says until it closes.
fn read_acks(stream: &TcpStream, acks: &Acks) {
    let mut from = stream;
    while let Ok(Some(ack)) = Ack::read(&mut from) {
        acks.acked(ack, path::look(stream), Instant::now());
    }
    acks.close();
}

/// The wall clock of one connection: the monotonic clock plus an offset, so that a step of the system's
/// clock does not make time run backwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    instant: Instant,
    unix: Duration,
}

impl Clock {
    fn now() -> Self {
        Clock {
            instant: Instant::now(),
            unix: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    pub(super) fn unix_us(&self, at: Instant) -> u64 {
        let unix = match at.checked_duration_since(self.instant) {
            Some(later) => self.unix + later,
            None => self.unix.saturating_sub(self.instant.duration_since(at)),
        };
        unix.as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_follows_the_monotonic_one_both_ways() {
        let clock = Clock::now();
        let second = Duration::from_secs(1);
        let now = clock.unix_us(clock.instant);
        assert_eq!(clock.unix_us(clock.instant + second), now + 1_000_000);
        if let Some(earlier) = clock.instant.checked_sub(second) {
            assert_eq!(clock.unix_us(earlier), now - 1_000_000);
        }
    }
}
