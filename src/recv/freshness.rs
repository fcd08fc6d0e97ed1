//! Whether a frame still shows what is now.
//!
//! When the viewer itself was held up (its process stopped, the laptop asleep), what its kernel took
//! meanwhile is old, and so is the frame that the sender was stuck in. For a moment after such a stall,
//! frames that are much later than the best of the session are passed over. Only then: on a slow link
//! every frame is late, and late is better than none.

use std::time::{Duration, Instant, SystemTime};

use super::received::{ClockOff, Received};
use crate::net::sliding::SlidingBest;

/// A read that takes so much longer than its time-out was held up by no network.
const STALL: Duration = Duration::from_millis(300);

/// How long after a stall frames are looked at for their age.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How much later than the session's best a frame may be while catching up.
const LATE: Duration = Duration::from_millis(150);

/// How long a best counts: clocks drift by milliseconds a minute, and are set.
const BEST_FOR: Duration = Duration::from_secs(60);

/// A sender's clock that is off is told once it has been for so long: until then it may be pictures that
/// were held up, on a link that was down.
const OFF_FOR: Duration = Duration::from_secs(10);

/// Follows one session; clocks: the monotonic one for stalls of the process, the wall clock for sleep,
/// which the monotonic one does not see.
#[derive(Debug)]
pub struct Freshness {
    /// Arrival less capture, in microseconds, at best: the clocks' difference and the shortest way.
    best_us: SlidingBest<i128>,
    catching_up_until: Option<Instant>,
    off_since: Option<Instant>,
    told_off: bool,
}

impl Default for Freshness {
    fn default() -> Self {
        Freshness {
            best_us: SlidingBest::new(BEST_FOR, Ord::min),
            catching_up_until: None,
            off_since: None,
            told_off: false,
        }
    }
}

impl Freshness {
    /// To be kept for [`Freshness::after_reading`].
    pub fn before_reading(&self) -> (Instant, SystemTime) {
        (Instant::now(), SystemTime::now())
    }

    /// A read that waits `patience` at most has come back.
    pub fn after_reading(&mut self, before: (Instant, SystemTime), patience: Duration) {
        let now = Instant::now();
        let wall = SystemTime::now()
            .duration_since(before.1)
            .unwrap_or_default();
        let took = wall.max(now.saturating_duration_since(before.0));
        self.note(took.saturating_sub(patience), now);
    }

    fn note(&mut self, held_up: Duration, now: Instant) {
        if held_up >= STALL {
            self.catching_up_until = Some(now + CATCH_UP);
        }
    }

    /// How the sender's clock is off, once a session.
    pub fn clock_is_off(&mut self, frame: &Received) -> Option<ClockOff> {
        let Some(off) = frame.clock_is_off() else {
            self.off_since = None;
            return None;
        };
        let since = *self.off_since.get_or_insert(frame.arrived);
        let lasts = frame.arrived.saturating_duration_since(since) >= OFF_FOR;
        (lasts && !std::mem::replace(&mut self.told_off, true)).then_some(off)
    }

    /// Whether the frame is worth showing; learns from it.
    pub fn is_current(&mut self, frame: &Received) -> bool {
        let Some(stamp) = &frame.stamp else {
            return true;
        };
        let arrived = frame
            .arrived_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let way = arrived.as_micros() as i128 - i128::from(stamp.captured_unix_us);
        self.judge(way, frame.arrived)
    }

    fn judge(&mut self, way_us: i128, now: Instant) -> bool {
        let best = self.best_us.best().unwrap_or(way_us);
        let is_late = way_us - best > LATE.as_micros() as i128;
        // Nothing is learnt of what a stall has made late: the best of before it still counts.
        if is_late && self.catching_up_until.is_some_and(|until| now < until) {
            return false;
        }
        self.catching_up_until = None;
        self.best_us.offer(way_us, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::fixture::Frame;

    #[test]
    fn after_a_stall_old_frames_are_passed_over_until_one_is_new() {
        let (now, mut freshness) = (Instant::now(), Freshness::default());
        assert!(freshness.judge(1_000, now));
        assert!(
            freshness.judge(400_000, now),
            "late without a stall is a slow link"
        );
        freshness.note(Duration::from_secs(5), now);
        assert!(!freshness.judge(5_000_000, now));
        assert!(freshness.judge(2_000, now));
        assert!(freshness.judge(5_000_000, now), "caught up");
    }

    #[test]
    fn clocks_that_drift_apart_cost_no_picture() {
        let (start, mut freshness) = (Instant::now(), Freshness::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        for seconds in 0..1000 {
            freshness.judge(i128::from(seconds) * 1_000, at(seconds));
        }
        freshness.note(STALL, at(1000));
        assert!(freshness.judge(1_000_000, at(1000)));
    }

    #[test]
    fn what_was_best_before_a_long_stall_counts_after_it() {
        let (start, mut freshness) = (Instant::now(), Freshness::default());
        assert!(freshness.judge(1_000, start));
        let end = start + Duration::from_secs(3600);
        freshness.note(Duration::from_secs(3600), end);
        assert!(!freshness.judge(3_600_000_000, end));
        assert!(freshness.judge(2_000, end));
    }

    #[test]
    fn catching_up_has_an_end() {
        let (now, mut freshness) = (Instant::now(), Freshness::default());
        freshness.judge(0, now);
        freshness.note(STALL, now);
        assert!(!freshness.judge(9_000_000, now));
        assert!(freshness.judge(9_000_000, now + CATCH_UP));
    }

    #[test]
    fn a_clock_that_stays_off_is_told_once_and_a_link_that_was_down_is_none() {
        let mut freshness = Freshness::default();
        let second = Duration::from_secs(1);
        let right = Frame::default();
        let stamped = right.stamp.as_ref().unwrap().captured_unix_us;
        assert_eq!(freshness.clock_is_off(&right.build()), None);
        // Eight seconds of pictures that come at once.
        for held_up in (0..80).rev() {
            let late = right.clone().unix_us(stamped - held_up * 100_000);
            assert_eq!(freshness.clock_is_off(&late.build()), None);
        }
        let mut behind = right.unix_us(stamped - 3600 * 1_000_000);
        let mut told = Vec::new();
        for _ in 0..60 {
            told.extend(freshness.clock_is_off(&behind.build()));
            behind = behind.after(second);
        }
        assert!(matches!(told[..], [ClockOff::Behind(_)]), "{told:?}");
    }
}
