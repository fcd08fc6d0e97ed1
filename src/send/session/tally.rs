//! What was sent, as far as it counts for `--frames`, `--duration` and the figures.
//!
//! What a receiver's kernel took is not what the receiver took: a viewer that shows another camera leaves
//! frames lying until it closes. So those of a connection count for the time being, and are taken back when
//! the connection comes to nothing. Pure; clocks are passed in.

use std::time::Instant;

/// Frames, and when the first of them was sent.
#[derive(Debug, Default)]
pub(super) struct Tally {
    settled: Sent,
    /// By the connection that stands, as long as it has not come to anything.
    provisional: Sent,
}

#[derive(Debug, Default)]
struct Sent {
    frames: u64,
    since: Option<Instant>,
}

impl Tally {
    /// A frame was sent at `now`.
    pub(super) fn frame(&mut self, now: Instant) {
        self.provisional.frames += 1;
        self.provisional.since.get_or_insert(now);
    }

    /// How many frames were sent.
    pub(super) fn frames(&self) -> u64 {
        self.settled.frames + self.provisional.frames
    }

    /// When the first of them was.
    pub(super) fn since(&self) -> Option<Instant> {
        self.settled.since.or(self.provisional.since)
    }

    /// The connection came to something: its frames count for good.
    pub(super) fn keep(&mut self) {
        self.settled = Sent {
            frames: self.frames(),
            since: self.since(),
        };
        self.provisional = Sent::default();
    }

    /// The connection came to nothing; returns how many frames do not count any more.
    pub(super) fn take_back(&mut self) -> u64 {
        std::mem::take(&mut self.provisional).frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn frames_of_a_connection_that_came_to_nothing_neither_count_nor_start_the_time() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        tally.frame(start);
        tally.frame(after(1));
        assert_eq!((tally.frames(), tally.since()), (2, Some(start)));
        assert_eq!(tally.take_back(), 2);
        assert_eq!((tally.frames(), tally.since()), (0, None));

        tally.frame(after(5));
        tally.keep();
        tally.frame(after(6));
        assert_eq!(tally.take_back(), 1);
        assert_eq!((tally.frames(), tally.since()), (1, Some(after(5))));
    }
}
