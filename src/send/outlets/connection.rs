//! One connection: its link, its acks, its gate and its clock; frames go in whole, with their stamps.
//!
//! What is sent, and when, is the outlet's to say. Writing blocks for as long as the kernel takes; a thread
//! of its own hears the acks, and ends with the connection.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::failover;
use crate::handoff::{Stop, spawn};
use crate::net::link::sending::{SILENCE, is_timeout};
use crate::net::{Dialer, Link};
use crate::protocol::{Name, Stamp, stamp};
use crate::send::acks::TAKING;
use crate::send::gate::Gate;
use crate::send::{Acks, Encoded, End, LOOK, SendError};
use crate::source::Feed;

/// How long the receiver has, after the end marker, to read what is on its way and close.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The same when somebody is waiting for the program to end.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(700);

/// One connection and all that is known of it.
pub(super) struct Connection {
    pub(super) link: Arc<Link>,
    pub(super) acks: Arc<Acks>,
    pub(super) gate: Gate,
    clock: Clock,
    /// The number of the last frame.
    seq: u64,
    /// When the last frame was begun, its bytes and its quality.
    pub(super) last_frame: Option<(Instant, usize, Option<u8>)>,
}

impl Connection {
    pub(super) fn open(
        link: Arc<Link>,
        dialer: Option<Arc<Dialer>>,
        feed: &Arc<Feed>,
        stop: &Arc<Stop>,
    ) -> io::Result<Connection> {
        let (acks, back) = (Arc::new(Acks::new(Instant::now())), link.acks(LOOK)?);
        spawn("acks", {
            let (acks, link) = (Arc::clone(&acks), Arc::clone(&link));
            let (feed, stop) = (Arc::clone(feed), Arc::clone(stop));
            move || {
                acks.close(failover::hear(back, &acks, dialer.as_ref(), &stop));
                // Wakes the sending thread out of a write, too.
                link.cut();
                feed.slot.nudge();
            }
        })?;
        Ok(Connection {
            link,
            acks,
            gate: Gate::default(),
            clock: Clock::now(),
            seq: 0,
            last_frame: None,
        })
    }

    /// Writes a picture whole, with a stamp that bears `name`, or breaks the connection. Returns the frame's bytes.
    pub(super) fn write(&mut self, picture: &Encoded, name: &Name) -> Result<usize, SendError> {
        self.seq += 1;
        let latency = self.acks.account().latency;
        let stamp = Stamp {
            seq: self.seq,
            captured_unix_us: self.clock.unix_us(picture.captured),
            latency_us: latency.map(|latency| latency.as_micros() as u64),
            quality: picture.quality,
            interval: Some(picture.interval.to_declare()),
            ack: true,
            name: Some(name.clone()),
        };
        let (jpeg, stamp) = (&picture.jpeg, stamp.emit());
        let [head, middle, tail] = stamp::places(jpeg);
        let pieces = [&jpeg[head], &stamp, &jpeg[middle], &jpeg[tail]];
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        let started = Instant::now();
        self.acks.note(self.seq, picture.captured, bytes, started);
        let (written, peer) = (self.link.write_frame(&pieces), self.link.peer);
        written.map_err(|error| match error.kind() {
            _ if is_timeout(&error) => SendError::Silent(peer, SILENCE),
            // The receiver closed, and our thread for acks has not come to know of it yet.
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => SendError::Closed(peer),
            _ => SendError::Broken(peer, error),
        })?;
        self.acks.written(Instant::now());
        self.last_frame = Some((started, bytes, picture.quality));
        Ok(bytes)
    }

    /// The end: its marker, then no more from us, then whatever the receiver still says, until it
    /// closes or has had its time. Where it is `doubtful` that anybody takes the frames, until that is known.
    /// Returns whether somebody did, as far as that can be concluded.
    pub(super) fn finish(&self, doubtful: bool, stop: &Stop) -> bool {
        let patience = match stop.is_asked() {
            true => PATIENCE_WHEN_STOPPED,
            false => PATIENCE_AT_END,
        };
        let until = Instant::now() + patience;
        if !self.link.end(patience) {
            return true;
        }
        loop {
            let (acks, now) = (self.acks.account(), Instant::now());
            let took = acks.came_to_something();
            if let Some(end) = acks.end {
                return took || end == End::Closed;
            }
            let is_known = took || now >= acks.opened + TAKING || stop.is_asked();
            if now >= until && (is_known || !doubtful) {
                return true;
            }
            self.acks.wait(LOOK);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Also ends the thread "acks".
        self.link.cut();
    }
}

/// A wall clock that differs by more than this from what it was plus the time since has been set. Less is
/// what slewing makes of it in hours.
const STEP: Duration = Duration::from_secs(1);

/// The wall clock of one connection: the monotonic clock plus an offset, so that no slewing of the system's
/// clock makes time run unevenly. Where that clock is set (a Pi has none of its own, and hears the time from the
/// network once it is up), so is this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    instant: Instant,
    unix: Duration,
}

impl Clock {
    fn now() -> Self {
        let (instant, unix) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed());
        let unix = unix.unwrap_or_default();
        Clock { instant, unix }
    }

    /// When that was, in microseconds since the epoch, as the system's clock has it now.
    pub(super) fn unix_us(&mut self, at: Instant) -> u64 {
        self.follow(Clock::now());
        self.unix(at).as_micros() as u64
    }

    fn follow(&mut self, now: Clock) {
        if self.unix(now.instant).abs_diff(now.unix) > STEP {
            *self = now;
        }
    }

    fn unix(&self, at: Instant) -> Duration {
        let later = self.unix + at.saturating_duration_since(self.instant);
        later.saturating_sub(self.instant.saturating_duration_since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::FarEnd;
    use crate::source::Delivery;
    use std::thread;

    /// A connection, and the receiver's end of it.
    fn pair() -> (Connection, FarEnd) {
        let (link, far) = Link::pair(([10, 0, 0, 1], 1).into());
        let feed = Arc::new(Feed::new(Delivery::NewestWins));
        let opened = Connection::open(link, None, &feed, &Arc::default());
        (opened.unwrap(), far)
    }

    #[test]
    fn a_receiver_that_closes_once_it_has_read_the_end_took_the_frames_and_one_that_did_not_read_none()
     {
        for reads in [true, false] {
            let (connection, far) = pair();
            let receiver = thread::spawn(move || {
                if reads {
                    io::copy(&mut &far, &mut io::sink()).unwrap();
                } else {
                    // The marker is there.
                    far.peek(&mut [0]).unwrap();
                }
            });
            let stop = Stop::default();
            assert_eq!(connection.finish(true, &stop), reads);
            receiver.join().unwrap();
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn later(clock: Clock, instant: Duration, unix: Duration) -> Clock {
        Clock {
            instant: clock.instant + instant,
            unix: clock.unix + unix,
        }
    }

    #[test]
    fn the_wall_clock_follows_the_monotonic_one_both_ways() {
        let clock = Clock::now();
        assert_eq!(clock.unix(clock.instant + SECOND), clock.unix + SECOND);
        if let Some(earlier) = clock.instant.checked_sub(SECOND) {
            assert_eq!(clock.unix(earlier), clock.unix - SECOND);
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_and_one_that_is_slewed_is_not() {
        let start = Clock::now();
        let mut clock = start;
        clock.follow(later(start, 3600 * SECOND, 3600 * SECOND + SECOND * 9 / 10));
        assert_eq!(clock.unix(start.instant), start.unix);
        // The network's time came: five hours on, and a while later one back.
        let set = later(start, 3601 * SECOND, 21_600 * SECOND);
        clock.follow(set);
        let picture = start.instant + 3600 * SECOND;
        assert_eq!(clock.unix(picture), start.unix + 21_599 * SECOND);
        clock.follow(later(set, 60 * SECOND, Duration::ZERO));
        assert_eq!(clock.unix(set.instant + 61 * SECOND), set.unix + SECOND);
    }
}
