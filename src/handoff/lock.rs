//! Locks under which nothing panics: what they guard is never left half done, so there is no poison to
//! handle. Held for a few instructions at a time; nobody blocks while holding one but on its condition
//! variable. All of these panic if somebody panicked while holding the lock, which is a bug.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const CALM: &str = "nothing panics while it holds this lock";

/// Locks it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect(CALM)
}

/// Waits on the condition variable for as long as `is_waiting` holds, until the deadline at the latest (`None`: for as
/// long as it takes).
pub(crate) fn wait_while<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Instant>,
    is_waiting: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    // std waits for ever where its clocks cannot say the end.
    let waited = changed.wait_timeout_while(guard, left.unwrap_or(Duration::MAX), is_waiting);
    waited.expect(CALM).0
}
