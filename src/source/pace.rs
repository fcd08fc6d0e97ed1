//! The beat of a source that has no clock of its own: the test picture and files.
//!
//! Beats lie on a grid of absolute times, so that waking a little late does not add up. A source that
//! comes late by more than a beat goes on at the next one of the same grid: it leaves out, it never
//! catches up in a burst. Pure: times are passed in, the caller sleeps.

use std::time::{Duration, Instant};

/// Frames a second where neither the user nor the stream says anything.
pub(crate) const DEFAULT_FPS: f64 = 30.0;

/// The range that a rate is brought into, in frames a second: from one in a day to more than any
/// link here carries.
const SANE_FPS: std::ops::RangeInclusive<f64> = (1.0 / 86_400.0)..=1_000.0;

/// Absolute times at a fixed rate.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    start: Instant,
    interval: f64,
    beats: u64,
}

impl Pace {
    /// A beat of `fps` a second, the first at `start`. Rates are brought between one a day (what is no number, too)
    /// and 1,000 a second.
    pub(super) fn new(fps: f64, start: Instant) -> Self {
        Pace {
            start,
            interval: 1.0 / fps.max(*SANE_FPS.start()).min(*SANE_FPS.end()),
            beats: 0,
        }
    }

    /// When the next frame is due, asked at `now`: the next beat, or, where that is over by more
    /// than a whole one, the last that has passed.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.start).as_secs_f64() / self.interval;
        self.beats = self.beats.max(passed as u64);
        let due = self.start + Duration::from_secs_f64(self.beats as f64 * self.interval);
        self.beats += 1;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_do_not_drift_with_late_wakes() {
        let start = Instant::now();
        let mut pace = Pace::new(30.0, start);
        let mut now = start;
        let mut last = start;
        for _ in 0..=3000 {
            last = pace.next(now);
            now = last + Duration::from_millis(7);
        }
        assert_eq!((last - start).as_millis(), 100_000);
    }

    #[test]
    fn after_a_pause_there_is_no_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(10.0, start);
        pace.next(start);
        let late = start + Duration::from_millis(1050);
        assert_eq!(pace.next(late) - start, Duration::from_millis(1000));
        assert_eq!(pace.next(late) - start, Duration::from_millis(1100));
    }

    #[test]
    fn senseless_rates_are_brought_into_range() {
        let start = Instant::now();
        for fps in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
            let mut pace = Pace::new(fps, start);
            pace.next(start);
            assert!(pace.next(start) > start, "{fps}");
        }
    }
}
