//! The interval between a source's pictures: as asked for at first, then as seen.

use std::time::{Duration, Instant};

/// How much of a new interval is believed at once.
const BELIEF: f64 = 0.1;

/// The longest interval that is expected, in seconds.
const LONGEST: f64 = 3600.0;

/// How long it is from one picture to the next, on average.
#[derive(Debug)]
pub struct Interval {
    seconds: f64,
    /// That between the last two pictures.
    newest: f64,
    last: Option<(Instant, u64)>,
}

impl Interval {
    /// That of a source of which `fps` pictures a second are expected; what is no rate is one an hour.
    pub fn new(fps: f64) -> Self {
        let seconds = if fps > 0.0 { 1.0 / fps } else { LONGEST };
        Interval {
            seconds: seconds.min(LONGEST),
            newest: 0.0,
            last: None,
        }
    }

    /// As known so far.
    pub fn get(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// As a receiver should know it, so that it does not take a source that has become slow for one that is
    /// gone: the longer of the average and the last.
    pub fn to_declare(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(self.newest).min(LONGEST))
    }

    /// A picture was captured at `at`, the source's `count`-th; not every picture has to be told of.
    pub fn learn(&mut self, at: Instant, count: u64) {
        if let Some((last_at, last_count)) = self.last.replace((at, count)) {
            let pictures = count.saturating_sub(last_count);
            if pictures > 0 {
                let seen = at.saturating_duration_since(last_at).as_secs_f64() / pictures as f64;
                self.seconds += BELIEF * (seen - self.seconds);
                self.newest = seen;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_source_whatever_was_sent() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut interval = Interval::new(30.0);
        for i in 0..200 {
            // Every third picture of a source that gives 100 a second.
            interval.learn(start + ms(30 * i), 3 * i);
        }
        assert_eq!(interval.get().as_millis(), 10);
    }

    #[test]
    fn a_source_that_became_slow_is_declared_so_at_once() {
        let (start, s) = (Instant::now(), Duration::from_secs);
        let mut interval = Interval::new(30.0);
        interval.learn(start, 1);
        interval.learn(start + s(10), 2);
        assert!(interval.get() < s(2));
        assert_eq!(interval.to_declare(), s(10));
    }

    #[test]
    fn what_is_no_rate_is_no_panic() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            assert!(Interval::new(fps).get() <= Duration::from_secs(3600));
        }
    }
}
