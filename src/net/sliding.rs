//! The best value of the last while: smallest round trips, largest rates.
//!
//! Two halves of a window, so that memory and time are constant: a value is remembered for at least
//! half a window and at most a whole one. Clocks are passed in.

use std::time::{Duration, Instant};

/// Remembers the best of the values offered during the last `window`.
#[derive(Debug, Clone)]
pub struct Windowed<T> {
    half: Duration,
    better: fn(T, T) -> T,
    older: Option<T>,
    newer: Option<T>,
    turned: Option<Instant>,
}

impl<T: Copy> Windowed<T> {
    /// `better` chooses between two values, for instance `Ord::min`.
    pub fn new(window: Duration, better: fn(T, T) -> T) -> Self {
        Windowed {
            half: window / 2,
            better,
            older: None,
            newer: None,
            turned: None,
        }
    }

    /// Offers a value seen at `now`.
    pub fn offer(&mut self, value: T, now: Instant) {
        self.turn(now);
        self.newer = Some(
            self.newer
                .map_or(value, |newer| (self.better)(newer, value)),
        );
    }

    /// The best value of the window that ends at `now`; the last one known where there was none since.
    pub fn best(&self) -> Option<T> {
        match (self.older, self.newer) {
            (Some(older), Some(newer)) => Some((self.better)(older, newer)),
            (older, newer) => newer.or(older),
        }
    }

    fn turn(&mut self, now: Instant) {
        let turned = *self.turned.get_or_insert(now);
        let age = now.saturating_duration_since(turned);
        if age >= self.half {
            // After a long silence both halves are out of date, but an old value beats none.
            self.older = if age >= self.half * 2 {
                None
            } else {
                self.newer
            };
            self.newer = None;
            self.turned = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_value_is_forgotten_after_the_window() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut smallest = Windowed::new(Duration::from_secs(10), Ord::min);
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
