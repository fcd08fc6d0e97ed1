//! The minimum or the maximum of a sliding window of time: smallest round trips, largest rates.
//!
//! Two halves, so that memory and time are constant: a value counts for at least half a window and at most a
//! whole one. Clocks are passed in.

use std::time::{Duration, Instant};

/// The minimum of the values of the last while; of values in [`Reverse`](std::cmp::Reverse) the maximum.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlidingMin<T> {
    older: Option<T>,
    newer: Option<T>,
    /// When the newer half began.
    since: Option<Instant>,
}

impl<T: Copy + Ord> SlidingMin<T> {
    /// Takes a value seen at `now`; it counts for half the window at least.
    pub(crate) fn offer(&mut self, value: T, window: Duration, now: Instant) {
        let age = now.saturating_duration_since(*self.since.get_or_insert(now));
        if age >= window / 2 {
            self.older = self.newer.take().filter(|_| age < window);
            self.since = Some(now);
        }
        self.newer = self.newer.into_iter().chain([value]).min();
    }

    /// The minimum of the window that ended with the last offer: an old one beats none.
    pub(crate) fn min(&self) -> Option<T> {
        self.older.into_iter().chain(self.newer).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_is_forgotten_after_the_window() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (window, mut values) = (Duration::from_secs(10), SlidingMin::default());
        assert_eq!(values.min(), None);
        values.offer(3, window, at(0));
        values.offer(7, window, at(1));
        assert_eq!(values.min(), Some(3));
        values.offer(8, window, at(6));
        assert_eq!(values.min(), Some(3));
        values.offer(9, window, at(12));
        assert_eq!(values.min(), Some(8));
        values.offer(20, window, at(60));
        assert_eq!(values.min(), Some(20));
    }
}
