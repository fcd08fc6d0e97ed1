//! The kernel's clocks: when a picture was taken, by the stamp that its driver gave it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// An older stamp makes no sense: sensors expose for minutes at most (IMX477: 11).
const OLDEST: Duration = Duration::from_secs(3600);

/// When a picture with this stamp (nanoseconds) was taken; now, for a stamp that makes no sense.
pub(crate) fn taken_at(stamp_ns: u64) -> Instant {
    let now = Instant::now();
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let (monotonic, boottime) = (read(ClockId::Monotonic), read(ClockId::Boottime));
    let age = age(Duration::from_nanos(stamp_ns), monotonic, boottime);
    age.and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// How old the stamp is.
///
/// libcamera promises CLOCK_BOOTTIME, but passes on what the kernel's drivers give, and those use CLOCK_MONOTONIC. The
/// two differ by the time that the machine slept. A stamp that lies ahead of the monotonic clock can only be of the
/// other one.
fn age(stamp: Duration, monotonic: Duration, boottime: Duration) -> Option<Duration> {
    let age = monotonic.checked_sub(stamp);
    let age = age.or_else(|| boottime.checked_sub(stamp))?;
    (age <= OLDEST && !stamp.is_zero()).then_some(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stamp_of_either_clock_gives_the_age() {
        let (monotonic, boottime) = (100 * SECOND, 5000 * SECOND);
        assert_eq!(age(99 * SECOND, monotonic, boottime), Some(SECOND));
        assert_eq!(age(4999 * SECOND, monotonic, boottime), Some(SECOND));
    }

    #[test]
    fn a_stamp_of_neither_clock_is_no_stamp() {
        let (monotonic, boottime) = (10_000 * SECOND, 20_000 * SECOND);
        assert_eq!(age(20_001 * SECOND, monotonic, boottime), None);
        assert_eq!(age(SECOND, monotonic, boottime), None);
        assert_eq!(age(Duration::ZERO, SECOND, SECOND), None);
    }
}
