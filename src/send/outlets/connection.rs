//! One connection: its link, its acks, its gate and its clock; frames go in whole, with their stamps. And its own thread
//! ("acks"), which hears what the receiver says, and has a second link ready when the first falls silent: failover.
//!
//! What is sent, and when, is the outlet's to say. Writing blocks for as long as the kernel takes.
//!
//! The thread looks at the path with each ack, and a few times a second. When data are outstanding and nothing has been
//! acknowledged for most of a second, it asks for another link beside the old one, again and again, since TCP's own
//! repetitions grow seconds apart and would keep a line silent long after it is whole again. A receiver that dials does
//! that itself. When the second link stands, the first is cut and the sending thread, woken by that, moves over. A peer
//! that answers probes of a closed window is slow, not gone. It also cuts the link when sending shall end and the
//! sending thread does not come out of a write. It ends with the connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant, SystemTime};

use crate::handoff::{Stop, spawn};
use crate::net::link::sending::{self, is_timeout};
use crate::net::{Dialer, Link, Path};
use crate::protocol::{Name, Stamp, stamp};
use crate::send::acks::{SILENCE, TAKING};
use crate::send::gate::Gate;
use crate::send::{Acks, Encoded, End, LOOK, SendError};
use crate::source::Feed;

/// How long the receiver has, after the end marker, to read what is on its way and close.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The same when somebody is waiting for the program to end.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(700);

/// Silence must also outlast this many smoothed round trips.
const SILENT_ROUND_TRIPS: u32 = 4;

/// How often a new attempt starts while the path is silent: what the picture waits at most once it is
/// whole again.
const RETRY: Duration = Duration::from_millis(250);

/// Unanswered probes of a closed window after which the peer is taken for gone, not slow.
const DEAD_PROBES: u8 = 3;

/// How long the sending thread has to end by itself, the end marker included.
const SENDING_ENDS_WITHIN: Duration = Duration::from_millis(600);

/// One connection and all that is known of it.
pub(super) struct Connection {
    pub(super) acks: Arc<Acks>,
    pub(super) gate: Gate,
    clock: Clock,
    /// Whether it was reported.
    pub(super) is_announced: bool,
    /// How many receivers each picture has that went over it, until it comes to something.
    pub(super) unproven: Vec<Arc<AtomicU32>>,
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
        let back = link.acks(LOOK)?;
        let acks = Arc::new(Acks::new(link));
        spawn("acks", {
            let (acks, feed, stop) = (Arc::clone(&acks), Arc::clone(feed), Arc::clone(stop));
            move || {
                acks.close(hear(back, &acks, dialer.as_ref(), &stop));
                feed.slot.nudge();
            }
        })?;
        Ok(Connection {
            acks,
            gate: Gate::default(),
            clock: Clock::now(),
            is_announced: false,
            unproven: Vec::new(),
            last_frame: None,
        })
    }

    /// Writes a picture whole, with a stamp that bears `name`, or breaks the connection. Returns the frame's bytes.
    pub(super) fn write(&mut self, picture: &Encoded, name: &Name) -> Result<usize, SendError> {
        let (account, link) = (self.acks.state().account, &self.acks.link);
        let seq = account.sent + 1;
        self.clock.follow(Clock::now());
        let stamp = Stamp {
            seq,
            captured_unix_us: self.clock.unix(picture.captured).as_micros() as u64,
            latency_us: account.latency.map(|latency| latency.as_micros() as u64),
            quality: picture.quality,
            interval: Some(picture.interval.to_declare()),
            ack: true,
            name: Some(name.clone()),
        };
        let (jpeg, stamp) = (&picture.jpeg, stamp.emit());
        let [head, middle, tail] = stamp::places(jpeg);
        let pieces = [&jpeg[head], &stamp, &jpeg[middle], &jpeg[tail]];
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        let (captured, started) = (picture.captured, Instant::now());
        self.acks.state().note(seq, captured, bytes, started);
        let (written, peer) = (link.write_frame(&pieces), link.peer);
        written.map_err(|error| match error.kind() {
            _ if is_timeout(&error) => SendError::Silent(peer, sending::SILENCE),
            // The receiver closed, and our thread for acks has not come to know of it yet.
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => SendError::Closed(peer),
            _ => SendError::Broken(peer, error),
        })?;
        self.acks.state().written(Instant::now());
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
        if !self.acks.link.end(patience) {
            return true;
        }
        loop {
            let (acks, now) = (self.acks.state().account, Instant::now());
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
        self.acks.link.cut();
    }
}

/// Hears a link to its end, which comes some time after `stop` is asked, or when another link, which the `dialer` made,
/// is to take over.
fn hear(mut back: sending::Acks, acks: &Acks, dialer: Option<&Arc<Dialer>>, stop: &Stop) -> End {
    let (mut cut_at, mut waiting_since, mut search) = (None, None, None);
    loop {
        let heard = back.read();
        let (path, now) = (back.link.path(), Instant::now());
        match heard {
            Ok(Some(ack)) if acks.acked(ack, path, now) => {}
            Ok(Some(_)) => {
                back.is_plain = true;
                acks.is_plain();
            }
            Ok(None) => return End::Closed,
            // One that commands a robot, or only says something: no more of it than this is read at a time.
            Err(error) if is_timeout(&error) && back.is_plain => acks.wait(LOOK),
            Err(error) if is_timeout(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return End::KeyWanted,
            Err(_) => return End::Broken,
        }
        let is_past = |deadline| now >= deadline;
        let is_over = stop.is_asked() || acks.state().deadline.is_some_and(is_past);
        if is_over && now >= *cut_at.get_or_insert(now + SENDING_ENDS_WITHIN) {
            return End::Broken;
        }
        let waits = path.filter(is_outstanding);
        // The last acknowledgement may be older than what is outstanding now.
        waiting_since = waits.and(waiting_since.or(Some(now)));
        let silent_for = |path: Path| path.since_ack.min(now - waiting_since.unwrap_or(now));
        let is_silent = waits.is_some_and(|path| silent_for(path) >= patience(&path));
        acks.state().looked(path, is_silent, now);
        if !is_silent {
            search = None;
        } else if let Some(dialer) = dialer {
            let search = search.get_or_insert_with(|| dialer.search(0, RETRY));
            if let Some(Ok(second)) = search.wait(now) {
                acks.state().second = Some(second);
                return End::Broken;
            }
        }
    }
}

/// Whether the peer's kernel owes an answer: to data, or to probes of a closed window that it usually
/// answers.
fn is_outstanding(path: &Path) -> bool {
    path.in_flight > 0 && (path.unacked_segments > 0 || path.probes >= DEAD_PROBES)
}

/// How long an answer may take on this path.
fn patience(path: &Path) -> Duration {
    SILENCE.max(path.round_trip * SILENT_ROUND_TRIPS)
}

/// A wall clock that differs by more than this from what it was plus the time since has been set. Less is
/// what slewing makes of it in hours.
const STEP: Duration = Duration::from_secs(1);

/// The wall clock of one connection: the monotonic clock plus an offset, so that no slewing of the system's
/// clock makes time run unevenly. Where that clock is set (a Pi has none of its own, and hears the time from the
/// network once it is up), so is this one.
#[derive(Debug, Clone, Copy)]
struct Clock {
    instant: Instant,
    unix: Duration,
}

impl Clock {
    fn now() -> Self {
        let (instant, unix) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed());
        let unix = unix.unwrap_or_default();
        Clock { instant, unix }
    }

    /// Takes in what the system's clock says now.
    fn follow(&mut self, now: Clock) {
        if self.unix(now.instant).abs_diff(now.unix) > STEP {
            *self = now;
        }
    }

    /// When that was, since the epoch.
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

    #[test]
    fn a_closed_window_is_slow_and_unanswered_data_are_silence() {
        let path = Path {
            in_flight: 1000,
            unacked_segments: 1,
            probes: 0,
            since_ack: Duration::from_secs(1),
            segment: 1448,
            round_trip: Duration::from_millis(10),
            min_round_trip: Duration::from_millis(10),
            delivery_rate: 0,
        };
        assert!(is_outstanding(&path));
        assert!(!is_outstanding(&Path {
            unacked_segments: 0,
            ..path
        }));
        assert!(is_outstanding(&Path {
            unacked_segments: 0,
            probes: 3,
            ..path
        }));
        assert!(!is_outstanding(&Path {
            in_flight: 0,
            ..path
        }));
        let satellite = Path {
            round_trip: Duration::from_millis(600),
            ..path
        };
        assert!(patience(&satellite) > patience(&path));
    }
}
