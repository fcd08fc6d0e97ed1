//! From one connection to the next: how often one is tried, and what is reported meanwhile.

use std::hash::{BuildHasher, RandomState};
use std::mem::{self, discriminant};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Outlet;
use crate::handoff::slot::Wake;
use crate::net::link::Link;
use crate::send::LOOK;
use crate::send::event::SendError;

impl Outlet<'_> {
    /// Tries until a link stands; `None` when it is over before that.
    pub(super) fn connect(&mut self) -> Result<Option<Arc<Link>>, SendError> {
        let mut search = self.dialer.search();
        let mut reported = None;
        let mut next = Instant::now() + self.backoff.delay_first();
        loop {
            let now = Instant::now();
            let source = self.stage.wait(self.seen, now);
            if self.is_over() || source == Wake::Closed {
                return Ok(None);
            }
            // view-recv gives a connection a few seconds to bring a picture: one that has none yet, of a
            // camera that exposes for longer or is lost, would come and go.
            let is_wanted = source == Wake::Full || self.stage.feed.is_waiting_for_link();
            if !is_wanted && search.is_idle() {
                self.stage.wait(self.seen, now + LOOK);
                continue;
            }
            if now >= next && (self.config.retry || search.is_idle()) {
                search.attempt(now);
                next = now + self.backoff.pause();
            }
            match search.wait(next.clamp(now + LOOK / 10, now + LOOK)) {
                None => {}
                Some(Ok(link)) => return Ok(Some(link)),
                Some(Err(error)) => {
                    let kind = Some(discriminant(&error));
                    let is_new = mem::replace(&mut reported, kind) != kind;
                    let error = SendError::Unreachable(self.dialer.to_string(), error);
                    self.retry(error, is_new)?;
                }
            }
        }
    }
}

/// The shortest pause: a viewer that is being restarted is back within moments.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest pause: a host that boots shall be found at once when it is there.
const LONGEST: Duration = Duration::from_secs(1);

/// Pauses that grow while nothing comes of the attempts, and vary a little, so that several senders do
/// not knock in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
    /// Whether no connection has lasted since one did not.
    pub(super) is_doubtful: bool,
}

impl Backoff {
    /// The pause before the first attempt after a connection: none where that connection lasted.
    pub(super) fn delay_first(&mut self) -> Duration {
        if self.is_doubtful {
            self.pause()
        } else {
            Duration::ZERO
        }
    }

    /// The pause from this attempt to the next.
    pub(super) fn pause(&mut self) -> Duration {
        let base = (SHORTEST * 2u32.pow(self.attempts.min(8))).min(LONGEST);
        self.attempts += 1;
        // Between 80 and 100 per cent of it.
        let random = RandomState::new().hash_one(self.attempts) % 1024;
        base.mul_f64(0.8 + 0.2 * random as f64 / 1024.0)
    }

    /// A connection carried frames for some time: the next attempts start from the shortest pause again.
    pub(super) fn lasted(&mut self) {
        *self = Backoff::default();
    }

    /// A connection stood and carried nothing, or not for long.
    pub(super) fn did_not_last(&mut self) {
        self.is_doubtful = true;
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
