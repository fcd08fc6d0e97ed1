//! What was sent on a connection and what the receiver has said of it: how many frames are on their way, how old they
//! were when they were shown, and whether the connection has proven itself.
//!
//! One per connection, and all that its two threads say to each other. The sending thread notes each frame, the
//! thread "acks" brings the answers and, if there is one, the link that takes over; the gate waits here for them. Acks
//! come from the network: one for a frame that is not on its way is ignored, and nothing here grows beyond
//! `MAX_NOTED`. Whoever answers what cannot be an ack (a robot car's commands, a request) is a plain receiver, which
//! acknowledges nothing, whatever it said before.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::handoff::{lock, wait_while};
use crate::net::{Link, Path, SlidingMin};
use crate::protocol::Ack;
use crate::report::Latencies;

/// How many unacknowledged frames are remembered: more than any round trip holds. Receivers that
/// never acknowledge let the oldest be forgotten.
const MAX_NOTED: usize = 256;

/// How long a smallest round trip counts: paths change when a Pi moves to another access point.
const ROUND_TRIP_WINDOW: Duration = Duration::from_secs(60);

/// A receiver without acks that still takes frames after so long shows them, most likely: a viewer that shows
/// another camera has closed the connection by then (view-recv waits 5 s), and its kernel, which takes frames
/// for it until then, holds few.
pub(super) const TAKING: Duration = Duration::from_secs(6);

/// A connection that carried frames for so long is no accident.
const LASTING: Duration = Duration::from_millis(500);

/// How long an ack of a frame that arrived may take: decoding, at worst, on a machine that is busy.
const ACK: Duration = Duration::from_secs(3);

/// A connection that was closed sooner was not kept waiting: it was turned away.
const KEPT_WAITING: Duration = Duration::from_secs(1);

/// How long a receiver may take for its first frame before the link is taken to be what is slow.
const SETTLING: Duration = Duration::from_secs(1);

/// This long without an acknowledgement, and with data outstanding, is silence: a few lost packets
/// are repeated within it, a path that carries anything acknowledges within it.
pub(super) const SILENCE: Duration = Duration::from_millis(700);

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The receiver closed it, having read everything.
    Closed,
    /// The receiver has a key, and this side has none.
    KeyWanted,
    /// It acknowledged nothing for too long, and another has its place.
    Evicted,
    Broken,
}

/// How a connection stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) opened: Instant,
    /// When the second frame was begun: the gate lets it go once the first has arrived.
    arrived: Option<Instant>,
    /// When the last frame had been handed to the kernel.
    written: Option<Instant>,
    /// The number of the newest frame.
    pub(super) sent: u64,
    /// That of the newest that was acknowledged: those before it are not waited for any more.
    acked: u64,
    /// When the last ack came.
    pub(super) last_ack: Option<Instant>,
    /// The smallest round trip, by the acks.
    pub(super) round_trip: Option<Duration>,
    /// For how long the receiver had the frame of the last ack, by its own clock.
    pub(super) held: Duration,
    /// The last measured time from capture to shown.
    pub(super) latency: Option<Duration>,
    pub(super) end: Option<End>,
}

impl Default for Account {
    /// Of a connection that is opened now.
    fn default() -> Self {
        Account {
            opened: Instant::now(),
            arrived: None,
            written: None,
            sent: 0,
            acked: 0,
            last_ack: None,
            round_trip: None,
            held: Duration::ZERO,
            latency: None,
            end: None,
        }
    }
}

impl Account {
    /// Frames sent and not acknowledged.
    pub(super) fn unacked(&self) -> usize {
        (self.sent - self.acked) as usize
    }

    /// Whether the receiver took frames: acknowledged one, or, as far as a receiver without acks can
    /// show, went on taking them. (One that shows another camera takes what its kernel holds.)
    pub(super) fn came_to_something(&self) -> bool {
        self.last_ack.is_some() || self.went_on()
    }

    /// Whether that was for some time.
    pub(super) fn lasted(&self) -> bool {
        self.last_ack.is_some_and(|at| at >= self.opened + LASTING) || self.went_on()
    }

    fn went_on(&self) -> bool {
        self.written.is_some_and(|at| at >= self.opened + TAKING)
    }

    /// Whether a receiver that acknowledges would have done so by now.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        !self.came_to_something() && self.arrived.is_some_and(|at| now >= at + ACK)
    }

    /// Whether the receiver did with us what a viewer does that shows another camera, if nothing came of it.
    pub(super) fn was_kept_waiting(&self, now: Instant) -> bool {
        self.written.is_some() && now >= self.opened + KEPT_WAITING
    }

    /// Whether the receiver reads as the frames come. Before its first ack it may not: it decodes the
    /// first frame to see whether there is a picture, and what piles up meanwhile says nothing of the link.
    pub(super) fn has_settled(&self, now: Instant) -> bool {
        self.last_ack.is_some() || now > self.opened + SETTLING
    }
}

/// A frame on its way.
#[derive(Clone, Copy)]
struct Noted {
    seq: u64,
    captured: Instant,
    written: Instant,
    bytes: usize,
    /// Whether it was, by itself.
    is_acked: bool,
}

#[derive(Default)]
pub(super) struct State {
    /// The newest frames, acknowledged or not.
    noted: VecDeque<Noted>,
    round_trip: SlidingMin<Duration>,
    /// Of what was acknowledged since they were last looked at.
    pub(super) latencies: Latencies,
    pub(super) account: Account,
    /// When sending ends by itself: some time after that the link is cut.
    pub(super) deadline: Option<Instant>,
    /// The link that takes over, if there is one.
    pub(super) second: Option<Arc<Link>>,
    /// Whether the peer's kernel owes an answer for too long.
    pub(super) is_silent: bool,
    /// What was in flight when the kernel was last asked, and since when that has been so.
    in_flight: (usize, Option<Instant>),
}

/// A connection's link, the frames that went over it, and what became of them.
pub(super) struct Acks {
    pub(super) link: Arc<Link>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Acks {
    /// Of a link on which nothing was sent.
    pub(super) fn new(link: Arc<Link>) -> Self {
        Acks {
            link,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Takes an ack that came at `now`, with what the kernel said of the path then. Returns whether it can be one.
    pub(super) fn acked(&self, ack: Ack, path: Option<Path>, now: Instant) -> bool {
        let state = &mut *self.state();
        let newest_acked = state.account.acked;
        let mut noted = state.noted.iter_mut().rev();
        let Some(noted) = noted.find(|noted| noted.seq as u32 == ack.seq) else {
            // One that is older than what is remembered may be late.
            let oldest = state.noted.front().map_or(0, |noted| noted.seq);
            return (newest_acked + 1..oldest).contains(&ack.seq.into());
        };
        let was_acked = std::mem::replace(&mut noted.is_acked, true);
        if was_acked || noted.seq < newest_acked {
            return !was_acked;
        }
        let noted = *noted;
        state.account.acked = noted.seq;
        state.account.last_ack = Some(now);
        state.account.held = Duration::from_micros(ack.held_us.into());
        state.measure(noted, path, now);
        self.changed.notify_all();
        true
    }

    /// What was taken for acks were none.
    pub(super) fn is_plain(&self) {
        let account = &mut self.state().account;
        (account.last_ack, account.round_trip, account.latency) = (None, None, None);
        self.changed.notify_all();
    }

    /// The connection is over. The cut wakes the sending thread out of a write, too.
    pub(super) fn close(&self, end: End) {
        self.state().account.end.get_or_insert(end);
        self.changed.notify_all();
        self.link.cut();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits for an ack, the end, or for `patience` to pass.
    pub(super) fn wait(&self, patience: Duration) {
        let state = self.state();
        let (until, before) = (Instant::now() + patience, state.account.last_ack);
        drop(wait_while(&self.changed, state, Some(until), |state| {
            state.account.end.is_none() && state.account.last_ack == before
        }));
    }
}

impl State {
    /// Notes a frame before its first byte is written.
    pub(super) fn note(&mut self, seq: u64, captured: Instant, bytes: usize, now: Instant) {
        if self.account.written.is_some() {
            self.account.arrived.get_or_insert(now);
        }
        if self.noted.len() == MAX_NOTED {
            self.noted.pop_front();
        }
        self.noted.push_back(Noted {
            seq,
            captured,
            written: now,
            bytes,
            is_acked: false,
        });
        self.account.sent = seq;
    }

    /// Notes that the last byte of the newest frame was handed to the kernel.
    pub(super) fn written(&mut self, now: Instant) {
        self.account.written = Some(now);
        if let Some(newest) = self.noted.back_mut() {
            newest.written = now;
        }
    }

    /// Takes what the kernel says of the path.
    pub(super) fn looked(&mut self, path: Option<Path>, is_silent: bool, now: Instant) {
        self.is_silent = is_silent;
        let in_flight = path.map_or(0, |path| path.in_flight);
        if in_flight == 0 || in_flight != self.in_flight.0 {
            self.in_flight = (in_flight, Some(now));
        }
    }

    /// Whether the receiver has acknowledged nothing for longer than failover's limit, by acks or by its kernel, though
    /// there was something.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        let is_long_ago = |then: Instant| now.saturating_duration_since(then) > SILENCE;
        let is_out = |noted: &&Noted| noted.seq > self.account.acked;
        let oldest = self.noted.iter().find(is_out);
        let owes_acks = self.account.last_ack.is_some_and(is_long_ago);
        owes_acks && oldest.is_some_and(|oldest| is_long_ago(oldest.written))
            || self.in_flight.1.is_some_and(is_long_ago)
    }

    fn measure(&mut self, noted: Noted, path: Option<Path>, now: Instant) {
        // A receiver that held a frame for longer than it was away has no say on time.
        let away = now.saturating_duration_since(noted.written);
        let Some(away) = away.checked_sub(self.account.held) else {
            return;
        };
        let way = way(away, noted.bytes, path);
        self.round_trip.offer(way, ROUND_TRIP_WINDOW, now);
        self.account.round_trip = self.round_trip.min();
        let back = self.account.round_trip.unwrap_or_default() / 2;
        let shown = now.saturating_duration_since(noted.captured);
        let latency = shown.saturating_sub(back);
        self.account.latency = Some(latency);
        self.latencies.add(latency);
    }
}

/// The round trip of a small packet, out of that of a whole frame: a frame also takes the time to pass
/// through the narrowest place, an ack does not, and half of that time must not be taken for the way
/// back. The kernel's own smallest round trip is a lower bound (through a relay it ends there).
fn way(away: Duration, bytes: usize, path: Option<Path>) -> Duration {
    let Some(path) = path.filter(|path| path.delivery_rate > 0) else {
        return away;
    };
    let passing = Duration::from_secs_f64(bytes as f64 / path.delivery_rate as f64);
    let way = away.saturating_sub(passing).max(path.min_round_trip);
    way.min(away)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Of a connection that is opened now.
    fn acks() -> (Acks, Instant) {
        let (link, _far) = Link::pair(([10, 0, 0, 1], 1).into());
        let acks = Acks::new(link);
        let opened = acks.state().account.opened;
        (acks, opened)
    }

    /// A connection at its start, and at some time after that.
    fn opened() -> (Account, impl Fn(f64) -> Instant) {
        let account = Account::default();
        (account, move |seconds| {
            account.opened + Duration::from_secs_f64(seconds)
        })
    }

    #[test]
    fn a_connection_comes_to_something_by_an_ack_or_by_frames_for_seconds() {
        let (mut account, after) = opened();
        assert!(!account.came_to_something());
        // What a busy viewer's kernel takes until it closes.
        account.written = Some(after(5.0));
        assert!(!account.came_to_something());
        account.written = Some(after(6.0));
        assert!(account.came_to_something() && account.lasted());
        account.written = Some(after(0.0));
        account.last_ack = Some(after(0.1));
        assert!(account.came_to_something());
    }

    fn ack(seq: u32) -> Ack {
        Ack { seq, held_us: 0 }
    }

    #[test]
    fn what_a_viewer_answers_is_an_ack_in_whatever_order_and_what_cannot_be_one_is_none() {
        let (acks, now) = acks();
        assert!(!acks.acked(ack(1), None, now), "it was not sent");
        for seq in 1..=5 {
            acks.state().note(seq, now, 1, now);
        }
        // The second was skipped before the first was shown; then they are late, each once.
        for seq in [3, 1, 2, 5] {
            assert!(acks.acked(ack(seq), None, now), "{seq}");
        }
        for seq in [0, 1, 3, 5, 6, u32::from_le_bytes(*b"forw")] {
            assert!(!acks.acked(ack(seq), None, now), "{seq}");
        }
        // What is older than what is remembered says nothing.
        for seq in 6..=6 + 2 * MAX_NOTED as u64 {
            acks.state().note(seq, now, 1, now);
        }
        assert!(acks.acked(ack(7), None, now));
        acks.is_plain();
        assert!(!acks.state().account.came_to_something());
    }

    #[test]
    fn a_receiver_is_stuck_once_it_has_long_acknowledged_nothing_that_it_has() {
        let (acks, start) = acks();
        let after = |ms| start + Duration::from_millis(ms);
        let is_stuck = |ms| acks.state().is_stuck(after(ms));
        let path = |in_flight| {
            Some(Path {
                in_flight,
                unacked_segments: 0,
                probes: 0,
                since_ack: Duration::ZERO,
                segment: 1448,
                round_trip: Duration::from_millis(1),
                min_round_trip: Duration::from_millis(1),
                delivery_rate: 0,
            })
        };
        // One without acks: its kernel takes something, and then nothing any more.
        acks.state().looked(path(0), false, after(10_000));
        assert!(!is_stuck(10_500));
        acks.state().looked(path(5000), false, after(11_000));
        acks.state().looked(path(4000), false, after(11_600));
        assert!(!is_stuck(12_200));
        acks.state().looked(path(4000), false, after(12_400));
        assert!(is_stuck(12_400));
        // One with acks: nothing that it would have to acknowledge is nothing that it owes.
        acks.state().looked(path(0), false, after(20_000));
        acks.state().note(1, start, 1, after(20_000));
        acks.acked(ack(1), None, after(20_010));
        acks.state().looked(path(0), false, after(30_000));
        assert!(!is_stuck(30_000));
        acks.state().note(2, start, 1, after(30_000));
        assert!(!is_stuck(30_100));
        acks.state().looked(path(0), false, after(31_000));
        assert!(is_stuck(31_000));
    }

    #[test]
    fn a_connection_lasts_by_acks_for_some_time_and_not_by_one() {
        let (mut account, after) = opened();
        account.written = Some(after(0.0));
        account.last_ack = Some(after(0.1));
        assert!(!account.lasted());
        account.last_ack = Some(account.opened + LASTING);
        assert!(account.lasted());
    }

    #[test]
    fn an_ack_is_overdue_some_time_after_the_first_frame_arrived_and_not_while_it_is_on_its_way() {
        let ((acks, start), hour) = (acks(), Duration::from_secs(3600));
        acks.state().note(1, start, 1, start);
        acks.state().written(start);
        assert!(!acks.state().account.is_overdue(start + hour));
        acks.state().note(2, start, 1, start + hour);
        assert!(!acks.state().account.is_overdue(start + hour));
        assert!(acks.state().account.is_overdue(start + hour + ACK));
        let ack = Ack { seq: 1, held_us: 0 };
        acks.acked(ack, None, start);
        assert!(!acks.state().account.is_overdue(start + hour + ACK));
    }

    #[test]
    fn latency_is_the_acks_arrival_less_capture_less_half_a_round_trip() {
        let (acks, start) = acks();
        acks.state().note(1, start, 1000, start + 5 * MS);
        acks.state().written(start + 6 * MS);
        acks.acked(
            Ack {
                seq: 1,
                held_us: 10_000,
            },
            None,
            start + 36 * MS,
        );
        // Away for 30 ms, held for 10 of them: a round trip of 20.
        assert_eq!(acks.state().account.round_trip, Some(20 * MS));
        assert_eq!(acks.state().account.latency, Some(26 * MS));
        assert_eq!(acks.state().latencies.take_median_ms(), Some(26.0));
        assert_eq!(acks.state().latencies.take_median_ms(), None);
    }

    #[test]
    fn an_ack_covers_all_earlier_frames_and_a_strange_one_none() {
        let (acks, now) = acks();
        for seq in 1..=5 {
            acks.state().note(seq, now, 1, now);
        }
        acks.acked(
            Ack {
                seq: 99,
                held_us: 0,
            },
            None,
            now,
        );
        assert_eq!(acks.state().account.unacked(), 5);
        assert_eq!(acks.state().account.last_ack, None);
        acks.acked(
            Ack {
                seq: 4,
                held_us: u32::MAX,
            },
            None,
            now,
        );
        assert_eq!(acks.state().account.unacked(), 1);
        assert_eq!(acks.state().account.latency, None);
    }

    #[test]
    fn a_receiver_without_acks_costs_no_memory() {
        let (acks, now) = acks();
        for seq in 0..10_000 {
            acks.state().note(seq, now, 1, now);
        }
        assert_eq!(acks.state().noted.len(), MAX_NOTED);
    }

    #[test]
    fn the_time_that_a_frame_takes_through_a_narrow_place_is_no_way_back() {
        let path = Path {
            in_flight: 0,
            unacked_segments: 0,
            probes: 0,
            since_ack: Duration::ZERO,
            segment: 1448,
            round_trip: 100 * MS,
            min_round_trip: 2 * MS,
            delivery_rate: 125_000,
        };
        // 25,000 bytes take 200 ms at 1 Mbit/s.
        assert_eq!(way(210 * MS, 25_000, Some(path)), 10 * MS);
        assert_eq!(way(150 * MS, 25_000, Some(path)), 2 * MS);
        assert_eq!(way(MS, 25_000, Some(path)), MS);
    }
}
