//! Stalls of this program itself (its process was stopped, or the machine slept), and what a session's frames say of
//! time.
//!
//! What its kernel took meanwhile is old, and so is the frame that the sender was stuck in. [`StallDetector`]
//! knows whether the program was held up, and until when; [`Clocks`] skips, for a moment after that, a
//! session's frames that are much later than its best. Only then: on a slow link every frame is late, and late is
//! better than none. Clocks: the monotonic one, and the wall clock, which sees a sleep of the machine.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use super::{ClockOff, Received};
use crate::handoff::{Stop, lock};
use crate::net::SlidingMin;

/// From tick to tick.
const TICK: Duration = Duration::from_millis(50);

/// The same while no frames come: there is little that could become old.
const IDLE_TICK: Duration = Duration::from_secs(2);

/// A tick that is late by more than this was held up by more than a busy machine.
const HELD_UP: Duration = Duration::from_millis(300);

/// How long after a stall frames are looked at for their age.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How much later than the session's best a frame may be while catching up.
const LATE: Duration = Duration::from_millis(150);

/// How long a best counts: clocks drift by milliseconds a minute, and are set.
const BEST_FOR: Duration = Duration::from_secs(60);

/// A sender's clock that is off is told once it has been for so long: until then it may be pictures that
/// were held up, on a link that was down.
const OFF_FOR: Duration = Duration::from_secs(10);

/// Ticks, and knows of the last time that ticks stayed away. Every question is a tick, too: the answer holds
/// whichever thread is the first to run again.
#[derive(Debug, Default)]
pub struct StallDetector(Mutex<Ticks>);

#[derive(Debug, Default)]
struct Ticks {
    /// The last one, by both clocks.
    last: Option<(Instant, SystemTime)>,
    /// How long after the last one the next is due; `None`: as where frames come.
    interval: Option<Duration>,
    held_up_until: Option<Instant>,
}

impl StallDetector {
    /// Ticks until `stop` is asked, and seldom where it `is_idle`; for a thread of its own.
    pub fn run(&self, stop: &Stop, is_idle: impl Fn(Instant) -> bool) {
        let mut interval = TICK;
        while !stop.sleep(interval) {
            let now = Instant::now();
            self.tick(now, SystemTime::now());
            interval = if is_idle(now) { IDLE_TICK } else { TICK };
            lock(&self.0).interval = Some(interval);
        }
    }

    /// Whether the program was held up at any time since then.
    pub(crate) fn held_up_since(&self, then: Instant) -> bool {
        self.tick(Instant::now(), SystemTime::now()) > Some(then)
    }

    fn tick(&self, now: Instant, wall: SystemTime) -> Option<Instant> {
        let mut ticks = lock(&self.0);
        // Nothing is there to be held up before the first.
        let (last, last_wall) = ticks.last.replace((now, wall)).unwrap_or((now, wall));
        let slept = wall.duration_since(last_wall).unwrap_or_default();
        let since = slept.max(now.saturating_duration_since(last));
        if since > ticks.interval.unwrap_or(TICK) + HELD_UP {
            ticks.held_up_until = Some(now);
        }
        ticks.held_up_until
    }
}

/// What one session's frames say of time: which of them a stall has made old, and how its sender's clock is off.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Arrival less capture, in microseconds, at best: the clocks' difference and the shortest way.
    best_us: SlidingMin<i128>,
    catch_up_until: Option<Instant>,
    off_since: Option<Instant>,
    told_off: bool,
}

impl Clocks {
    /// The program was held up until now.
    pub(super) fn held_up(&mut self, now: Instant) {
        self.catch_up_until = Some(now + CATCH_UP);
    }

    /// Whether a frame that came now is worth showing, which was so long on its way; learns from it.
    pub(super) fn is_current(&mut self, way_us: i128, now: Instant) -> bool {
        let best = self.best_us.min().unwrap_or(way_us);
        let is_late = way_us - best > LATE.as_micros() as i128;
        // Nothing is learnt of what a stall has made late: the best of before it still counts.
        if is_late && self.catch_up_until.is_some_and(|until| now < until) {
            return false;
        }
        self.catch_up_until = None;
        self.best_us.offer(way_us, BEST_FOR, now);
        true
    }

    /// How the sender's clock is off, once a session.
    pub(super) fn is_off(&mut self, frame: &Received) -> Option<ClockOff> {
        let off = frame.clock_is_off().filter(|_| !self.told_off);
        self.off_since = off.and(self.off_since.or(Some(frame.arrived)));
        let lasted = frame.arrived.saturating_duration_since(self.off_since?);
        self.told_off = lasted >= OFF_FOR;
        off.filter(|_| self.told_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::frame::fixture::Frame;

    #[test]
    fn what_came_before_a_hold_up_is_old_and_what_comes_after_is_not() {
        let (stall, start, wall) = (StallDetector::default(), Instant::now(), SystemTime::now());
        let later = |ms| Duration::from_millis(ms);
        assert_eq!(stall.tick(start + later(60), wall + later(60)), None);
        assert_eq!(stall.tick(start + later(200), wall + later(200)), None);
        let end = start + later(5000);
        assert_eq!(stall.tick(end, wall + later(5000)), Some(end));
        assert_eq!(stall.tick(end + TICK, wall + later(5050)), Some(end));
    }

    #[test]
    fn a_sleep_of_the_machine_is_seen_by_the_wall_clock() {
        let (stall, start, wall) = (StallDetector::default(), Instant::now(), SystemTime::now());
        stall.tick(start, wall);
        let woken = start + Duration::from_millis(60);
        assert_eq!(
            stall.tick(woken, wall + Duration::from_secs(600)),
            Some(woken)
        );
    }

    #[test]
    fn after_a_stall_old_frames_are_skipped_until_one_is_new() {
        let (now, mut clocks) = (Instant::now(), Clocks::default());
        assert!(clocks.is_current(1_000, now));
        assert!(
            clocks.is_current(400_000, now),
            "late without a stall is a slow link"
        );
        clocks.held_up(now);
        assert!(!clocks.is_current(5_000_000, now));
        assert!(clocks.is_current(2_000, now));
        assert!(clocks.is_current(5_000_000, now), "caught up");
    }

    #[test]
    fn clocks_that_drift_apart_cost_no_picture() {
        let (start, mut clocks) = (Instant::now(), Clocks::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        for seconds in 0..1000 {
            clocks.is_current(i128::from(seconds) * 1_000, at(seconds));
        }
        clocks.held_up(at(1000));
        assert!(clocks.is_current(1_000_000, at(1000)));
    }

    #[test]
    fn what_was_best_before_a_long_stall_counts_after_it() {
        let (start, mut clocks) = (Instant::now(), Clocks::default());
        assert!(clocks.is_current(1_000, start));
        let end = start + Duration::from_secs(3600);
        clocks.held_up(end);
        assert!(!clocks.is_current(3_600_000_000, end));
        assert!(clocks.is_current(2_000, end));
    }

    #[test]
    fn catching_up_has_an_end() {
        let (now, mut clocks) = (Instant::now(), Clocks::default());
        clocks.is_current(0, now);
        clocks.held_up(now);
        assert!(!clocks.is_current(9_000_000, now));
        assert!(clocks.is_current(9_000_000, now + CATCH_UP));
    }

    #[test]
    fn a_clock_that_stays_off_is_told_once_and_a_link_that_was_down_is_none() {
        let mut clocks = Clocks::default();
        let second = Duration::from_secs(1);
        let right = Frame::default();
        let stamped = right.stamp.as_ref().unwrap().captured_unix_us;
        assert_eq!(clocks.is_off(&right.build()), None);
        // Eight seconds of pictures that come at once.
        for held_up in (0..80).rev() {
            let late = right.clone().unix_us(stamped - held_up * 100_000);
            assert_eq!(clocks.is_off(&late.build()), None);
        }
        let mut behind = right.unix_us(stamped - 3600 * 1_000_000);
        let mut told = Vec::new();
        for _ in 0..60 {
            told.extend(clocks.is_off(&behind.build()));
            behind = behind.after(second);
        }
        assert!(matches!(told[..], [ClockOff::Behind(_)]), "{told:?}");
    }
}
