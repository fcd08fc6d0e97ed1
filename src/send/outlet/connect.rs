//! From one connection to the next: how often one is tried.

use std::hash::{BuildHasher, RandomState};
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
        let mut failures = self.failures;
        let mut next = Instant::now() + pause(failures);
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
                failures += 1;
                next = now + pause(failures);
            }
            match search.wait(next.clamp(now + LOOK / 10, now + LOOK)) {
                None => {}
                Some(Ok(link)) => return Ok(Some(link)),
                Some(Err(error)) => {
                    self.retry(SendError::Unreachable(self.dialer.to_string(), error))?;
                }
            }
        }
    }
}

/// The shortest pause: a viewer that is being restarted is back within moments.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest pause: a host that boots shall be found at once when it is there.
const LONGEST: Duration = Duration::from_secs(1);

/// The pause after so many failures in a row; it varies a little, so that several senders do not knock in step.
fn pause(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else {
        return Duration::ZERO;
    };
    let base = (SHORTEST * 2u32.pow(doublings.min(8))).min(LONGEST);
    // Between 80 and 100 per cent of it.
    let random = RandomState::new().hash_one(failures) % 1024;
    base.mul_f64(0.8 + 0.2 * random as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_pause_without_a_failure_and_with_more_of_them_it_grows_to_a_second() {
        assert_eq!(pause(0), Duration::ZERO);
        for (failures, longest) in [
            (1, SHORTEST),
            (2, 2 * SHORTEST),
            (10, LONGEST),
            (99, LONGEST),
        ] {
            let pause = pause(failures);
            assert!(
                pause <= longest && pause >= longest.mul_f64(0.8),
                "{pause:?}"
            );
        }
    }
}
