//! What the receiver has said of the frames sent: how many are on their way, how old they were when
//! they were shown.
//!
//! One per connection. The sending thread notes each frame, the thread "acks" brings the answers, and
//! the gate waits here for them. Acks come from the network: one for a frame that is not on its way is
//! ignored, and nothing here grows beyond `MAX_NOTED`.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::handoff::lock::{lock, wait_until};
use crate::net::path::Path;
use crate::net::sliding::SlidingBest;
use crate::protocol::wire::Ack;
use crate::report::rates::Latencies;

/// How many unacknowledged frames are remembered: more than any round trip holds. Receivers that
/// never acknowledge let the oldest be forgotten.
const MAX_NOTED: usize = 256;

/// How long a smallest round trip counts: paths change when a Pi moves to another access point.
const ROUND_TRIP_WINDOW: Duration = Duration::from_secs(60);

/// A frame on its way.
#[derive(Debug, Clone, Copy)]
struct Noted {
    seq: u32,
    captured: Instant,
    written: Instant,
    bytes: usize,
}

#[derive(Debug)]
struct State {
    noted: VecDeque<Noted>,
    round_trip: SlidingBest<Duration>,
    latencies: Latencies,
    account: Account,
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The receiver closed it, having read everything.
    Closed,
    Broken,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Account {
    /// Frames sent and not acknowledged.
    pub(super) unacked: usize,
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

/// The frames of one connection and what became of them.
#[derive(Debug)]
pub(super) struct Acks {
    state: Mutex<State>,
    changed: Condvar,
}

impl Default for Acks {
    fn default() -> Self {
        Acks {
            state: Mutex::new(State {
                noted: VecDeque::with_capacity(MAX_NOTED),
                round_trip: SlidingBest::new(ROUND_TRIP_WINDOW, Ord::min),
                latencies: Latencies::default(),
                account: Account::default(),
            }),
            changed: Condvar::new(),
        }
    }
}

impl Acks {
    /// Notes a frame before its first byte is written.
    pub(super) fn note(&self, seq: u64, captured: Instant, bytes: usize, now: Instant) {
        let mut state = lock(&self.state);
        if state.noted.len() == MAX_NOTED {
            state.noted.pop_front();
        }
        state.noted.push_back(Noted {
            seq: seq as u32,
            captured,
            written: now,
            bytes,
        });
    }

    /// Notes that the last byte of the newest frame was handed to the kernel.
    pub(super) fn written(&self, now: Instant) {
        if let Some(newest) = lock(&self.state).noted.back_mut() {
            newest.written = now;
        }
    }

    /// Takes an ack that came at `now`, with what the kernel said of the path then.
    pub(super) fn acked(&self, ack: Ack, path: Option<Path>, now: Instant) {
        let mut state = lock(&self.state);
        let Some(index) = state.noted.iter().position(|noted| noted.seq == ack.seq) else {
            return;
        };
        let noted = state.noted[index];
        state.noted.drain(..=index);
        state.account.last_ack = Some(now);
        state.account.held = Duration::from_micros(ack.held_us.into());
        state.measure(noted, path, now);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn close(&self, end: End) {
        lock(&self.state).account.end = Some(end);
        self.changed.notify_all();
    }

    pub(super) fn account(&self) -> Account {
        lock(&self.state).account()
    }

    /// Waits for an ack, the end, or for `patience` to pass, and says how things stand then.
    pub(super) fn wait(&self, patience: Duration) -> Account {
        let state = lock(&self.state);
        if state.account.end.is_some() {
            return state.account();
        }
        let until = Some(Instant::now() + patience);
        let changed = wait_until(&self.changed, state, until);
        changed.map_or_else(|| self.account(), |state| state.account())
    }

    /// The median latency, in milliseconds, of what was acknowledged since the last call.
    pub(super) fn take_median_latency_ms(&self) -> Option<f64> {
        lock(&self.state).latencies.take_median_ms()
    }
}

impl State {
    fn account(&self) -> Account {
        Account {
            unacked: self.noted.len(),
            ..self.account
        }
    }

    fn measure(&mut self, noted: Noted, path: Option<Path>, now: Instant) {
        // A receiver that held a frame for longer than it was away has no say on time.
        let away = now.saturating_duration_since(noted.written);
        let Some(away) = away.checked_sub(self.account.held) else {
            return;
        };
        self.round_trip.offer(way(away, noted.bytes, path), now);
        self.account.round_trip = self.round_trip.best();
        let back = self.account.round_trip.unwrap_or_default() / 2;
        let latency = now
            .saturating_duration_since(noted.captured)
            .saturating_sub(back);
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
    away.saturating_sub(passing)
        .max(path.min_round_trip)
        .min(away)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn latency_is_the_acks_arrival_less_capture_less_half_a_round_trip() {
        let (acks, start) = (Acks::default(), Instant::now());
        acks.note(1, start, 1000, start + 5 * MS);
        acks.written(start + 6 * MS);
        acks.acked(
            Ack {
                seq: 1,
                held_us: 10_000,
            },
            None,
            start + 36 * MS,
        );
        // Away for 30 ms, held for 10 of them: a round trip of 20.
        assert_eq!(acks.account().round_trip, Some(20 * MS));
        assert_eq!(acks.account().latency, Some(26 * MS));
        assert_eq!(acks.take_median_latency_ms(), Some(26.0));
        assert_eq!(acks.take_median_latency_ms(), None);
    }

    #[test]
    fn an_ack_covers_all_earlier_frames_and_a_strange_one_none() {
        let (acks, now) = (Acks::default(), Instant::now());
        for seq in 1..=5 {
            acks.note(seq, now, 1, now);
        }
        acks.acked(
            Ack {
                seq: 99,
                held_us: 0,
            },
            None,
            now,
        );
        assert_eq!(acks.account().unacked, 5);
        assert_eq!(acks.account().last_ack, None);
        acks.acked(
            Ack {
                seq: 4,
                held_us: u32::MAX,
            },
            None,
            now,
        );
        assert_eq!(acks.account().unacked, 1);
        assert_eq!(acks.account().latency, None);
    }

    #[test]
    fn a_receiver_without_acks_costs_no_memory() {
        let (acks, now) = (Acks::default(), Instant::now());
        for seq in 0..10_000 {
            acks.note(seq, now, 1, now);
        }
        assert_eq!(acks.account().unacked, MAX_NOTED);
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
