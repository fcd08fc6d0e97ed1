//! The pulse: whether this program itself was held up, and until when.
//!
//! A thread of its own ("pulse") ticks; a tick that comes much too late means that the process was stopped
//! or the machine slept, and that what had arrived before is old now. Whoever asks before the late tick has
//! been noted sees the tick missing. Nothing waits for the pulse.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use crate::handoff::stop::Stop;

/// From tick to tick.
const TICK: Duration = Duration::from_millis(50);

/// A tick that is late by more than this was held up by more than a busy machine.
const HELD_UP: Duration = Duration::from_millis(300);

/// Ticks, and knows of the last time that they stayed away.
#[derive(Debug)]
pub struct Pulse(Mutex<Ticks>);

#[derive(Debug)]
struct Ticks {
    last: Instant,
    /// The wall clock sees a sleep of the machine, which the monotonic one does not.
    last_wall: SystemTime,
    held_up_until: Option<Instant>,
}

impl Default for Pulse {
    fn default() -> Self {
        Pulse(Mutex::new(Ticks {
            last: Instant::now(),
            last_wall: SystemTime::now(),
            held_up_until: None,
        }))
    }
}

impl Pulse {
    /// Ticks until `stop` is asked.
    pub fn run(&self, stop: &Stop) {
        while !stop.sleep(TICK) {
            self.tick(Instant::now(), SystemTime::now());
        }
    }

    /// Whether the program was held up at any time since then.
    pub fn held_up_since(&self, then: Instant) -> bool {
        // To ask is to tick: the answer holds whoever of the threads is the first to run again.
        self.tick(Instant::now(), SystemTime::now())
            .is_some_and(|until| until > then)
    }

    fn tick(&self, now: Instant, wall: SystemTime) -> Option<Instant> {
        let mut ticks = self.0.lock().expect("nothing panics between two ticks");
        let slept = wall.duration_since(ticks.last_wall).unwrap_or_default();
        let since = slept.max(now.saturating_duration_since(ticks.last));
        if since > TICK + HELD_UP {
            ticks.held_up_until = Some(now);
        }
        (ticks.last, ticks.last_wall) = (now, wall);
        ticks.held_up_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_a_hold_up_is_old_and_what_comes_after_is_not() {
        let (pulse, start, wall) = (Pulse::default(), Instant::now(), SystemTime::now());
        let later = |ms| Duration::from_millis(ms);
        assert_eq!(pulse.tick(start + later(60), wall + later(60)), None);
        assert_eq!(pulse.tick(start + later(200), wall + later(200)), None);
        let end = start + later(5000);
        assert_eq!(pulse.tick(end, wall + later(5000)), Some(end));
        assert_eq!(pulse.tick(end + TICK, wall + later(5050)), Some(end));
    }

    #[test]
    fn a_sleep_of_the_machine_is_seen_by_the_wall_clock() {
        let (pulse, start, wall) = (Pulse::default(), Instant::now(), SystemTime::now());
        let woken = start + Duration::from_millis(60);
        assert_eq!(
            pulse.tick(woken, wall + Duration::from_secs(600)),
            Some(woken)
        );
    }
}
