//! The minimum or the maximum of a sliding window of time: smallest round trips, largest rates.
//!
//! Two halves, so that memory and time are constant: a value counts for at least half a window and at most a
//! whole one. Clocks are passed in.

use std::time::{Duration, Instant};

/// The best of the values of the last while, as [`Ord::min`] or [`Ord::max`] chooses it.
#[derive(Debug, Clone)]
pub(crate) struct SlidingBest<T> {
    half: Duration,
    better: fn(T, T) -> T,
    older: Option<T>,
    newer: Option<T>,
    /// When the newer half began.
    since: Option<Instant>,
}

impl<T: Copy> SlidingBest<T> {
    pub(crate) fn new(window: Duration, better: fn(T, T) -> T) -> Self {
        SlidingBest {
            half: window / 2,
            better,
            older: None,
            newer: None,
            since: None,
        }
    }

    /// Takes a value seen at `now`.
    pub(crate) fn offer(&mut self, value: T, now: Instant) {
        let age = now.saturating_duration_since(*self.since.get_or_insert(now));
        if age >= self.half {
            self.older = self.newer.take().filter(|_| age < self.half * 2);
            self.since = Some(now);
        }
        self.newer = self.newer.into_iter().chain([value]).reduce(self.better);
    }

    /// The best value of the window that ended with the last offer: an old one beats none.
    pub(crate) fn best(&self) -> Option<T> {
        self.older.into_iter().chain(self.newer).reduce(self.better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_value_is_forgotten_after_the_window() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut smallest = SlidingBest::new(Duration::from_secs(10), Ord::min);
        assert_eq!(smallest.best(), None);
        smallest.offer(3, at(0));
        smallest.offer(7, at(1));
        assert_eq!(smallest.best(), Some(3));
        smallest.offer(8, at(6));
        assert_eq!(smallest.best(), Some(3));
        smallest.offer(9, at(12));
        assert_eq!(smallest.best(), Some(8));
        smallest.offer(20, at(60));
        assert_eq!(smallest.best(), Some(20));
    }
}
