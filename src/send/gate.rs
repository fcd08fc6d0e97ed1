//! The gate: whether a connection can carry another frame now.
//!
//! What goes out shall be fresh, so a frame is taken and encoded only when what is in flight is no more
//! than the path needs to stay busy: that plus one frame is then on its way. Two accounts decide. The
//! kernel's (every receiver, Linux): bytes unsent and unacknowledged, against rate × smallest round
//! trip. The acks' (receivers that send them): frames not yet acknowledged, against what a round trip
//! holds, which also bounds what the kernel of a standing receiver would swallow. The decision is pure;
//! the waiting is the caller's, on the sending thread.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::Account;
use crate::net::{Path, SlidingMin};

/// How often to look while a picture waits: nothing wakes a program when TCP's acknowledgements come.
pub(super) const POLL: Duration = Duration::from_millis(1);

/// How long a delivery rate counts. The newest samples are low whenever there was little to deliver.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// Segments that a receiver's kernel may leave unacknowledged for its own convenience (every second
/// one is acknowledged, a single one after up to 40 ms): no sign of a busy path.
const DELAYED_SEGMENTS: usize = 2;

/// After this long without an ack, one more frame goes out, and again after as long: a lost ack must
/// not stop the stream, and a standing receiver must not collect one.
const LAPSE: Duration = Duration::from_secs(1);

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The next frame may start.
    Open,
    /// The kernel still has too much in flight: the link is busy.
    PathIsBusy,
    /// Too many frames are not acknowledged, on a link that is free as far as the kernel can see: they are on
    /// the far side of a relay, or the receiver works on them.
    FramesAreOut,
}

/// Decides, with what it remembers of one connection.
#[derive(Default)]
pub(super) struct Gate {
    /// The highest of the last while.
    rate: SlidingMin<Reverse<u64>>,
    probed: Option<Instant>,
}

impl Gate {
    /// Whether the next frame may start, for a source of one picture every `interval`.
    pub(super) fn look(
        &mut self,
        path: Option<Path>,
        acks: Account,
        interval: Duration,
        now: Instant,
    ) -> Verdict {
        if let Some(path) = path {
            let newest = Reverse(path.delivery_rate);
            self.rate.offer(newest, RATE_WINDOW, now);
            let rate = self.rate.min().unwrap_or(newest).0 as f64;
            // What keeps the path busy for a round trip at the rate that it has shown.
            let needed = (rate * path.min_round_trip.as_secs_f64()) as usize;
            if path.in_flight > needed + DELAYED_SEGMENTS * path.segment {
                return Verdict::PathIsBusy;
            }
        }
        let (Some(last_ack), Some(round_trip)) = (acks.last_ack, acks.round_trip) else {
            return Verdict::Open;
        };
        if acks.unacked() <= frames_in(round_trip, interval) {
            self.probed = None;
            return Verdict::Open;
        }
        let since = self.probed.map_or(last_ack, |probed| probed.max(last_ack));
        if now.saturating_duration_since(since) < LAPSE.max(round_trip * 4) {
            return Verdict::FramesAreOut;
        }
        self.probed = Some(now);
        Verdict::Open
    }
}

/// How many frames a round trip holds, at least one: with the one that starts now, that plus one.
fn frames_in(round_trip: Duration, interval: Duration) -> usize {
    let frames = round_trip.as_secs_f64() / interval.as_secs_f64().max(1e-4);
    frames.ceil().clamp(1.0, 128.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const INTERVAL: Duration = Duration::from_millis(33);

    fn path(in_flight: usize, rate: u64, round_trip: Duration) -> Option<Path> {
        Some(Path {
            in_flight,
            unacked_segments: 1,
            probes: 0,
            since_ack: Duration::ZERO,
            segment: 1448,
            round_trip: 4 * round_trip,
            min_round_trip: round_trip,
            delivery_rate: rate,
        })
    }

    fn account(unacked: u64, last_ack: Option<Instant>, round_trip: Duration) -> Account {
        let mut account = Account::default();
        (account.sent, account.last_ack) = (unacked, last_ack);
        account.round_trip = last_ack.map(|_| round_trip);
        account
    }

    #[test]
    fn a_short_path_is_left_to_drain_and_a_long_one_is_kept_busy() {
        let (now, none) = (Instant::now(), account(0, None, MS));
        let open = |path| Gate::default().look(path, none, INTERVAL, now) == Verdict::Open;
        assert!(open(path(0, 750_000, MS)));
        // A delayed acknowledgement of the last segments is no queue.
        assert!(open(path(2 * 1448, 750_000, MS)));
        assert!(!open(path(20_000, 750_000, MS)));
        // 1.8 MB/s over 100 ms hold 180 kB.
        assert!(open(path(180_000, 1_800_000, 100 * MS)));
        assert!(!open(path(190_000, 1_800_000, 100 * MS)));
    }

    #[test]
    fn a_queue_on_the_path_does_not_widen_the_gate() {
        // The smoothed round trip is four times the smallest here; only the smallest counts.
        let (now, none) = (Instant::now(), account(0, None, MS));
        let verdict = Gate::default().look(path(60_000, 1_000_000, 10 * MS), none, INTERVAL, now);
        assert_eq!(verdict, Verdict::PathIsBusy);
    }

    #[test]
    fn acks_bound_the_frames_on_their_way() {
        let now = Instant::now();
        let open = |unacked, round_trip| {
            let acks = account(unacked, Some(now), round_trip);
            Gate::default().look(None, acks, INTERVAL, now) == Verdict::Open
        };
        assert!(open(1, MS) && !open(2, MS));
        assert!(open(4, 100 * MS) && !open(5, 100 * MS));
        let without_acks = account(99, None, MS);
        let verdict = Gate::default().look(None, without_acks, INTERVAL, now);
        assert_eq!(verdict, Verdict::Open);
    }

    #[test]
    fn a_standing_receiver_gets_a_frame_a_second() {
        let (start, mut gate) = (Instant::now(), Gate::default());
        let acks = account(2, Some(start), MS);
        let sent = (0..5000)
            .filter(|ms| gate.look(None, acks, INTERVAL, start + *ms * MS) == Verdict::Open);
        assert_eq!(sent.count(), 4);
    }
}
