//! When figures are due. Pure state; the clock is passed in.

use std::time::{Duration, Instant};

/// How often figures are told.
const EVERY: Duration = Duration::from_secs(1);

/// Once a second, from the start on.
#[derive(Debug)]
pub struct Schedule {
    next: Instant,
}

impl Schedule {
    /// The first figures are due a second after `now`.
    pub fn new(now: Instant) -> Self {
        Schedule { next: now + EVERY }
    }

    /// When figures are due next.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Whether figures are due at `now`; then the next are due later. A program that was stopped for a
    /// while tells once, and not once for each second that it missed.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next += EVERY;
        if self.next <= now {
            self.next = now + EVERY;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_stopped_for_ten_seconds_tells_once_and_not_ten_times() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        assert!(!schedule.is_due(start));
        assert!(schedule.is_due(start + EVERY));
        let back = start + 11 * EVERY + EVERY / 2;
        assert!(schedule.is_due(back));
        assert!(!schedule.is_due(back + EVERY / 2));
        assert!(schedule.is_due(back + EVERY));
    }

    #[test]
    fn a_thread_that_wakes_late_does_not_make_the_seconds_longer() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        for second in 1..100 {
            assert!(schedule.is_due(start + EVERY * second + EVERY / 10));
            assert_eq!(schedule.next(), start + EVERY * (second + 1));
        }
    }
}
