//! How much is said of what others cause.
//!
//! Whoever may connect can begin and end sessions as fast as the network carries them, and each would cost
//! two lines. A person who restarts things by hand stays far below what is allowed here; beyond it, lines
//! are counted and left out. The same rule, at another rate, bounds the files that a sender makes a
//! recorder start. Pure state; the clock is passed in.

use std::time::{Duration, Instant};

/// Lines that may be said.
#[derive(Debug)]
pub struct Talk {
    burst: f64,
    every: Duration,
    allowed: f64,
    at: Option<Instant>,
    left_out: u64,
}

impl Default for Talk {
    /// For what a person at work causes: sessions that come and go.
    fn default() -> Self {
        Talk::new(20, Duration::from_secs(2))
    }
}

impl Talk {
    /// `burst` lines at once, and one more `every` so often.
    pub fn new(burst: u32, every: Duration) -> Self {
        let burst = f64::from(burst);
        Talk {
            burst,
            every,
            allowed: burst,
            at: None,
            left_out: 0,
        }
    }

    /// Whether a line may be said at `now`, and if so, how many were left out since the last one.
    pub fn may_say(&mut self, now: Instant) -> Option<u64> {
        let passed = now.saturating_duration_since(self.at.replace(now).unwrap_or(now));
        self.allowed = (self.allowed + passed.div_duration_f64(self.every)).min(self.burst);
        if self.allowed < 1.0 {
            self.left_out += 1;
            return None;
        }
        self.allowed -= 1.0;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_person_hears_every_line_and_a_flood_becomes_one_every_other_second() {
        let (mut talk, start) = (Talk::default(), Instant::now());
        for i in 0..100 {
            assert_eq!(talk.may_say(start + Duration::from_secs(2 * i)), Some(0));
        }
        let flood = start + Duration::from_secs(200);
        let said = (0..10_000).filter(|i| {
            let now = flood + Duration::from_millis(*i);
            talk.may_say(now).is_some()
        });
        let said = said.count();
        assert!((20..=26).contains(&said), "{said}");
    }

    #[test]
    fn what_was_left_out_is_counted() {
        let (mut talk, now) = (Talk::default(), Instant::now());
        let said = (0..25).filter(|_| talk.may_say(now).is_some()).count();
        assert_eq!(said, 20);
        assert_eq!(talk.may_say(now + Duration::from_secs(2)), Some(5));
    }
}
