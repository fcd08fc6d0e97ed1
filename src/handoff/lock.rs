//! Locks under which nothing panics: what they guard is never left half done, so there is no poison to
//! handle. Held for a few instructions at a time; nobody blocks while holding one but on its condition
//! variable. All of these panic if somebody panicked while holding the lock, which is a bug.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Instant;

const CALM: &str = "nothing panics while it holds this lock";

/// Locks it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect(CALM)
}

/// Waits until the condition variable is notified; may return without, so the caller looks again.
pub(crate) fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).expect(CALM)
}

/// The same, until then at the latest; `None` where that has passed. Without a deadline as [`wait`].
pub(crate) fn wait_until<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> Option<MutexGuard<'a, T>> {
    let Some(deadline) = deadline else {
        return Some(wait(changed, guard));
    };
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| changed.wait_timeout(guard, left).expect(CALM).0)
}
