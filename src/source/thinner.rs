//! Which pictures `--fps` leaves out: a camera that is faster, because it cannot be slowed down or `--sensor-fps` asks
//! for that, is thinned out evenly.

use std::time::{Duration, Instant};

/// Thins out the pictures of a camera that is faster than asked.
pub(crate) struct Thinner {
    interval: Duration,
    /// The camera's own interval, smoothed; at first, what was asked for.
    measured: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
}

impl Thinner {
    /// Leaves so many pictures a second.
    pub(crate) fn new(fps: f64) -> Thinner {
        let interval = Duration::from_secs_f64(1.0 / fps);
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
    pub(crate) fn wants(&mut self, at: Instant) -> bool {
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

    /// How many of `count` pictures are shown that come every `gap_us`, with `jitter_us` to and fro.
    fn shown(wanted_fps: u32, gap_us: u64, jitter_us: u64, count: u64) -> usize {
        let start = Instant::now();
        let mut thinner = Thinner::new(wanted_fps.into());
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
