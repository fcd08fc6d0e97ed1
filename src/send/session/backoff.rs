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
    /// The last connection did not last, and no pause was made since.
    owes_pause: bool,
    is_doubtful: bool,
}

impl Backoff {
    /// The pause before the first attempt after a connection: none where that connection lasted.
    pub fn delay_first(&mut self) -> Duration {
        if std::mem::take(&mut self.owes_pause) {
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

    /// A connection carried frames for some time: the next attempts start from the shortest pause again.
    pub fn lasted(&mut self) {
        *self = Backoff::default();
    }

    /// A connection stood and carried nothing, or not for long.
    pub fn did_not_last(&mut self) {
        self.owes_pause = true;
        self.is_doubtful = true;
    }

    /// Whether no connection has lasted since one did not.
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
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
        backoff.did_not_last();
        assert!(backoff.delay_first() >= LONGEST.mul_f64(0.8));
        backoff.lasted();
        assert!(backoff.pause() <= SHORTEST);
    }
}
