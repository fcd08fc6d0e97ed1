//! The rate limit: how many lines may be reported about what others cause.
//!
//! Whoever may connect can begin and end sessions as fast as the network carries them, and a disk that is too
//! slow drops a frame thirty times a second. A person who restarts things by hand stays far below what is
//! allowed here; beyond it lines are left out, and counted in the next one. The same rule, at another rate,
//! bounds the files that a sender makes a recorder start. Pure state; the clock is passed in.

use std::time::{Duration, Instant};

/// A token bucket that counts what it holds back.
#[derive(Debug)]
pub(crate) struct RateLimit {
    burst: u32,
    every: Duration,
    /// When all of the burst is available again.
    full_at: Option<Instant>,
    total: u64,
    reported: u64,
}

impl Default for RateLimit {
    /// For what a person at work causes: sessions that come and go.
    fn default() -> Self {
        RateLimit::new(20, Duration::from_secs(2))
    }
}

impl RateLimit {
    /// Allows `burst` (not 0) at once, and one more `every` so often.
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        RateLimit {
            burst,
            every,
            full_at: None,
            total: 0,
            reported: 0,
        }
    }

    /// Whether one more is allowed at `now`; if so, returns how many were held back since the last one.
    pub(crate) fn allow(&mut self, now: Instant) -> Option<u64> {
        Some(self.report(self.total + 1, now)? - 1)
    }

    /// The same for what is counted elsewhere: `total` have happened so far. If there are new ones and a line
    /// is allowed at `now`, returns how many there were since the last line.
    pub(crate) fn report(&mut self, total: u64, now: Instant) -> Option<u64> {
        self.total = total;
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let is_spent = full_at - now > self.every * (self.burst - 1);
        if is_spent || total == self.reported {
            return None;
        }
        self.full_at = Some(full_at + self.every);
        Some(total - std::mem::replace(&mut self.reported, total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_person_hears_every_line_and_a_flood_becomes_one_every_other_second() {
        let (mut limit, start) = (RateLimit::default(), Instant::now());
        for i in 0..100 {
            assert_eq!(limit.allow(start + 2 * i * SECOND), Some(0));
        }
        let flood = start + 200 * SECOND;
        let said = (0..10_000).filter(|i| {
            let now = flood + Duration::from_millis(*i);
            limit.allow(now).is_some()
        });
        let said = said.count();
        assert!((20..=26).contains(&said), "{said}");
    }

    #[test]
    fn what_was_left_out_is_counted() {
        let (mut limit, now) = (RateLimit::default(), Instant::now());
        let said = (0..25).filter(|_| limit.allow(now).is_some()).count();
        assert_eq!(said, 20);
        assert_eq!(limit.allow(now + 2 * SECOND), Some(5));
    }

    #[test]
    fn drops_are_reported_at_most_once_in_ten_seconds() {
        let mut limit = RateLimit::new(1, 10 * SECOND);
        let start = Instant::now();
        assert_eq!(limit.report(0, start), None);
        assert_eq!(limit.report(5, start), Some(5));
        assert_eq!(limit.report(50, start + 9 * SECOND), None);
        assert_eq!(limit.report(60, start + 10 * SECOND), Some(55));
        assert_eq!(limit.report(60, start + 90 * SECOND), None);
    }
}
