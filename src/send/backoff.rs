//! How long to wait between attempts to connect.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The shortest pause: a viewer that is being restarted is back within moments.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest pause: a host that boots shall be found at once when it is there.
const LONGEST: Duration = Duration::from_secs(1);

/// Pauses that grow while nothing comes of the attempts, and vary a little, so that several senders do
/// not knock in step.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
    /// Since the last pause.
    last_was_fruitless: bool,
    /// Since the last connection that was not.
    fruitless: bool,
}

impl Backoff {
    /// The pause before the first attempt after a connection: none, unless that connection came to
    /// nothing.
    pub fn delay_first(&mut self) -> Duration {
        if std::mem::take(&mut self.last_was_fruitless) {
            self.pause()
        } else {
            Duration::ZERO
        }
    }

    /// The pause from this attempt to the next.
    pub fn pause(&mut self) -> Duration {
        let base = (SHORTEST * 2u32.pow(self.attempts.min(8))).min(LONGEST);
        self.attempts += 1;
        // Between 80 and 100 per cent of it.
        let random = RandomState::new().hash_one(self.attempts) % 1024;
        base.mul_f64(0.8 + 0.2 * random as f64 / 1024.0)
    }

    /// A connection carried frames: the next attempts start from the shortest pause again.
    pub fn fruitful(&mut self) {
        *self = Backoff::default();
    }

    /// A connection stood and carried nothing.
    pub fn fruitless(&mut self) {
        self.last_was_fruitless = true;
        self.fruitless = true;
    }

    /// Whether no connection has carried frames since one did not.
    pub fn is_fruitless(&self) -> bool {
        self.fruitless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_start_again_after_success() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.delay_first(), Duration::ZERO);
        let pauses: Vec<Duration> = (0..10).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= SHORTEST && pauses[0] >= SHORTEST.mul_f64(0.8));
        assert!(pauses[9] <= LONGEST && pauses[9] >= LONGEST.mul_f64(0.8));
        backoff.fruitless();
        assert!(backoff.delay_first() >= LONGEST.mul_f64(0.8));
        backoff.fruitful();
        assert!(backoff.pause() <= SHORTEST);
    }
}
