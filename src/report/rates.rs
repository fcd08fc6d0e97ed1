//! What both programs make of their counters and samples, from one report to the next. Clocks are passed in.

use std::time::{Duration, Instant};

/// How many samples are kept between two reports: more than come in a second.
const MAX_SAMPLES: usize = 1024;

/// How fast some counters grow.
#[derive(Debug)]
pub struct Rates<const N: usize> {
    /// When that was looked at last.
    pub(crate) since: Instant,
    counted: [u64; N],
}

impl<const N: usize> Rates<N> {
    /// The counters stand at 0 at `now`.
    pub fn new(now: Instant) -> Self {
        Rates {
            since: now,
            counted: [0; N],
        }
    }

    /// How much each has grown since the last look, a second; 0 for one that went back.
    pub(crate) fn look(&mut self, counted: [u64; N], now: Instant) -> [f64; N] {
        let seconds = (now - self.since).as_secs_f64().max(1e-3);
        let growth = |i: usize| counted[i].saturating_sub(self.counted[i]);
        let rates = std::array::from_fn(|i| growth(i) as f64 / seconds);
        (self.since, self.counted) = (now, counted);
        rates
    }
}

/// Latencies since the last report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one; those beyond what is kept are left out.
    pub(crate) fn add(&mut self, latency: Duration) {
        if self.0.len() < MAX_SAMPLES {
            self.0.push(latency);
        }
    }

    /// Their median in milliseconds, as it is reported, and begins anew; `None` where there were none.
    pub(crate) fn take_median_ms(&mut self) -> Option<f64> {
        let mut latencies = std::mem::take(&mut self.0);
        latencies.sort_unstable();
        let median = latencies.get(latencies.len() / 2)?;
        Some(round(median.as_secs_f64() * 1e3, 2))
    }
}

/// To so many decimals.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_count_from_the_last_look_and_are_never_negative() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rates = Rates::new(start);
        assert_eq!(rates.look([10, 400], at(500)), [20.0, 800.0]);
        // Frames of a connection that came to nothing are taken back.
        assert_eq!(rates.look([5, 800], at(2500)), [0.0, 200.0]);
    }

    #[test]
    fn the_median_is_of_what_came_since_the_last_one() {
        let mut latencies = Latencies::default();
        for us in [90_000, 41_256, 7] {
            latencies.add(Duration::from_micros(us));
        }
        assert_eq!(latencies.take_median_ms(), Some(41.26));
        assert_eq!(latencies.take_median_ms(), None);
    }
}
