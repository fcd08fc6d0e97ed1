//! How a thread starts, with its stage's name, and the request to stop: one flag that every thread of a program checks, a
//! sleep that it cuts short, and the wait for a thread that has been asked.
//!
//! Signals, `--duration`, the window's close button and a broken pipe all ask here, and each thread
//! ends in its own way. It knows neither who asks nor who waits, but keeps the first reason.

use std::io;
use std::sync::{Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::handoff::{lock, wait_while};

/// How often a wait for a thread's end looks at it.
const LOOK: Duration = Duration::from_millis(2);

/// Why a program is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `--duration`, `--frames`, the window closed, the end of a file, a broken pipe: as asked.
    Done,
    /// SIGTERM or SIGHUP.
    Terminated,
    /// SIGINT: after the clean-up the program dies of it, so that a shell loop stops too.
    Interrupted,
}

/// One flag that can be waited for.
#[derive(Debug, Default)]
pub struct Stop {
    reason: Mutex<Option<Reason>>,
    asked: Condvar,
}

impl Stop {
    /// Asks all to end; the first reason stays.
    pub fn ask(&self, reason: Reason) {
        lock(&self.reason).get_or_insert(reason);
        self.asked.notify_all();
    }

    /// Why to end, once somebody asked.
    pub fn reason(&self) -> Option<Reason> {
        *lock(&self.reason)
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.reason().is_some()
    }

    /// Sleeps, at most until somebody asks; returns whether somebody did.
    pub fn sleep(&self, duration: Duration) -> bool {
        // Beyond what clocks can say, only being asked ends it.
        self.sleep_until(Instant::now().checked_add(duration))
    }

    /// Sleeps until then, at most until somebody asks; returns whether somebody did.
    pub fn sleep_until(&self, until: impl Into<Option<Instant>>) -> bool {
        let (reason, until) = (lock(&self.reason), until.into());
        wait_while(&self.asked, reason, until, |reason| reason.is_none()).is_some()
    }

    /// Sleeps until then (`None`: for as long as it takes), until somebody asks, or until `look` has found something; it looks again after each
    /// [`nudge`](Stop::nudge).
    pub(crate) fn sleep_or<T>(
        &self,
        until: impl Into<Option<Instant>>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let (reason, mut found) = (lock(&self.reason), None);
        drop(wait_while(&self.asked, reason, until.into(), |reason| {
            found = look();
            found.is_none() && reason.is_none()
        }));
        found
    }

    /// Makes whoever sleeps look again.
    pub(crate) fn nudge(&self) {
        // Not between its look and its sleep.
        drop(lock(&self.reason));
        self.asked.notify_all();
    }
}

/// Starts a thread of that name. (std's own `spawn` panics where the system has none left.)
pub fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.into()).spawn(run)
}

/// Waits for a thread's end, for so long at most; returns whether it has come. (std can only wait without a bound.)
pub fn ends_within<T>(thread: &JoinHandle<T>, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while !thread.is_finished() && Instant::now() < until {
        thread::sleep(LOOK);
    }
    thread.is_finished()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_beyond_all_clocks_is_cut_short_like_any_other() {
        let stop = Stop::default();
        stop.ask(Reason::Done);
        assert!(stop.sleep(Duration::MAX));
    }
}
