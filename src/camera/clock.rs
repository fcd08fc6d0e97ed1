//! The camera's time: when a picture was taken, and which pictures `--fps` leaves out.
//!
//! Sensors' time stamps come in nanoseconds of one of the kernel's clocks, and leave as [`Instant`]. A camera that is
//! faster than `--fps` and cannot be slowed down is thinned out evenly.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// An older stamp makes no sense: sensors expose for minutes at most (IMX477: 11).
const OLDEST: Duration = Duration::from_secs(3600);

/// When a picture with this stamp (nanoseconds) was taken; now, for a stamp that makes no sense.
pub(super) fn taken_at(stamp_ns: u64) -> Instant {
    let now = Instant::now();
    let (monotonic, boottime) = (read(ClockId::Monotonic), read(ClockId::Boottime));
    let age = age(Duration::from_nanos(stamp_ns), monotonic, boottime);
    age.and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// How old the stamp is.
///
/// libcamera promises CLOCK_BOOTTIME, but passes on what the kernel's drivers give, and those use CLOCK_MONOTONIC. The
/// two differ by the time that the machine slept. A stamp that lies ahead of the monotonic clock can only be of the
/// other one.
fn age(stamp: Duration, monotonic: Duration, boottime: Duration) -> Option<Duration> {
    let age = monotonic.checked_sub(stamp);
    let age = age.or_else(|| boottime.checked_sub(stamp))?;
    (age <= OLDEST && !stamp.is_zero()).then_some(age)
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap_or_default()
}

/// Thins out the pictures of a camera that is faster than asked.
pub(super) struct Thinner {
    interval: Duration,
    /// The camera's own interval, smoothed; at first, what was asked for.
    measured: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
}

impl Thinner {
    pub(super) fn new(interval: Duration) -> Thinner {
        Thinner {
            interval,
            measured: interval,
            last: None,
            due: None,
        }
    }

    /// Whether to show the picture that was taken `at`.
    ///
    /// A camera within a fifth of the wanted rate is left alone: its clock and ours never agree, and a picture left
    /// out every few seconds would be noticed.
    pub(super) fn wants(&mut self, at: Instant) -> bool {
        if let Some(last) = self.last.replace(at) {
            let gap = at.saturating_duration_since(last).min(self.interval * 2);
            self.measured = (self.measured * 7 + gap) / 8;
        }
        let faster = self.measured < self.interval * 4 / 5;
        let due = *self.due.get_or_insert(at);
        // A quarter of an interval early is on time: jitter.
        if faster && at + self.interval / 4 < due {
            return false;
        }
        // On the grid where the camera keeps up with it, else from here.
        self.due = Some((due + self.interval).max(at + self.interval / 2));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stamp_of_either_clock_gives_the_age() {
        let (monotonic, boottime) = (100 * SECOND, 5000 * SECOND);
        assert_eq!(age(99 * SECOND, monotonic, boottime), Some(SECOND));
        assert_eq!(age(4999 * SECOND, monotonic, boottime), Some(SECOND));
    }

    #[test]
    fn a_stamp_of_neither_clock_is_no_stamp() {
        let (monotonic, boottime) = (10_000 * SECOND, 20_000 * SECOND);
        assert_eq!(age(20_001 * SECOND, monotonic, boottime), None);
        assert_eq!(age(SECOND, monotonic, boottime), None);
        assert_eq!(age(Duration::ZERO, SECOND, SECOND), None);
    }

    /// How many of `count` pictures are shown that come every `gap_us`, with `jitter_us` to and fro.
    fn shown(wanted_fps: u32, gap_us: u64, jitter_us: u64, count: u64) -> usize {
        let start = Instant::now();
        let mut thinner = Thinner::new(SECOND / wanted_fps);
        (0..count)
            .filter(|i| {
                let at = i * gap_us + if i % 2 == 0 { jitter_us } else { 0 };
                thinner.wants(start + Duration::from_micros(at))
            })
            .count()
    }

    #[test]
    fn a_camera_at_the_wanted_rate_loses_nothing() {
        assert_eq!(shown(30, 33_333, 0, 1000), 1000);
        assert_eq!(shown(30, 33_333, 15_000, 1000), 1000);
        assert_eq!(shown(30, 31_000, 0, 1000), 1000);
        assert_eq!(shown(30, 100_000, 0, 1000), 1000);
    }

    #[test]
    fn a_faster_camera_is_thinned_to_the_wanted_rate() {
        for (fps, gap_us, count, expected) in [(30, 16_667, 1200, 600), (5, 33_333, 900, 150)] {
            let shown = shown(fps, gap_us, 2_000, count);
            assert!(shown.abs_diff(expected) <= 4, "{shown} of {expected}");
        }
    }
}
