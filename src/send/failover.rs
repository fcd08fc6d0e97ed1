//! Failover: watches one link, and has a second one ready when the first falls silent.
//!
//! A thread of its own ("failover") looks at the path a few times a second. When data are outstanding
//! and nothing has been acknowledged for most of a second, it asks for another link beside the old one, again
//! and again, since TCP's own repetitions grow seconds apart and would keep a line silent long after it is
//! whole again. When the second link stands, the first is cut and the sending thread, woken by
//! that, moves over. A peer that answers probes of a closed window is slow, not gone. It also cuts the
//! link when sending shall end and the sending thread does not come out of a write. How a link is made it does
//! not know.

use std::io;
use std::iter;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::LOOK;
use crate::handoff::lock::lock;
use crate::handoff::stop::{Reason, Stop};
use crate::net::dial::{Dialer, Search};
use crate::net::link::Link;
use crate::net::path::Path;

/// This long without an acknowledgement, and with data outstanding, is silence: a few lost packets
/// are repeated within it, a path that carries anything acknowledges within it.
const SILENCE: Duration = Duration::from_millis(700);

/// Silence must also outlast this many smoothed round trips.
const SILENT_ROUND_TRIPS: u32 = 4;

/// How often a new attempt starts while the path is silent: what the picture waits at most once it is
/// whole again.
const RETRY: Duration = Duration::from_millis(250);

/// Unanswered probes of a closed window after which the peer is taken for gone, not slow.
const DEAD_PROBES: u8 = 3;

/// How long the sending thread has to end by itself, the end marker included.
const PATIENCE_AT_END: Duration = Duration::from_millis(600);

/// Watches a link until dropped.
pub(super) struct Failover(Arc<Watch>);

/// What its thread and the sending thread say to each other.
#[derive(Default)]
struct Watch {
    /// The link is watched no more.
    over: Stop,
    second: Mutex<Option<Arc<Link>>>,
    /// When sending ends by itself.
    deadline: Mutex<Option<Instant>>,
}

impl Failover {
    /// Watches `link`, where others come from `dialer`; cuts it some time after `stop` is asked.
    pub(super) fn watch(
        link: Arc<Link>,
        dialer: Arc<Dialer>,
        stop: Arc<Stop>,
    ) -> io::Result<Failover> {
        let watch = Arc::<Watch>::default();
        let failover = Failover(Arc::clone(&watch));
        let thread = thread::Builder::new().name("failover".into());
        thread.spawn(move || watch.run(&link, &dialer, &stop))?;
        Ok(failover)
    }

    /// Also cuts the link some time after `deadline`.
    pub(super) fn end_at(&self, deadline: Option<Instant>) {
        *lock(&self.0.deadline) = deadline;
    }

    /// The second link, if it is to take over.
    pub(super) fn take_second(&self) -> Option<Arc<Link>> {
        lock(&self.0.second).take()
    }
}

impl Drop for Failover {
    fn drop(&mut self) {
        // The thread ends at once, and drops what it was about to connect.
        self.0.over.ask(Reason::Done);
    }
}

impl Watch {
    fn run(&self, link: &Link, dialer: &Arc<Dialer>, stop: &Stop) {
        let mut cut_at = None;
        let mut waiting_since = None;
        // A search for a second link, and when its next attempt is due.
        let mut attempts: Option<(Search, Instant)> = None;
        while !self.over.sleep(LOOK) {
            let now = Instant::now();
            let is_past = |deadline: Instant| now >= deadline;
            let is_over = stop.is_asked() || lock(&self.deadline).is_some_and(is_past);
            if is_over && now >= *cut_at.get_or_insert(now + PATIENCE_AT_END) {
                return link.cut();
            }
            let Some(path) = link.path().filter(is_outstanding) else {
                (waiting_since, attempts) = (None, None);
                continue;
            };
            // The last acknowledgement may be older than what is outstanding now.
            let waiting = now - *waiting_since.get_or_insert(now);
            if waiting.min(path.since_ack) < patience(&path) {
                attempts = None;
                continue;
            }
            let (search, next) = attempts.get_or_insert_with(|| (dialer.search(), now));
            if now >= *next {
                search.attempt(now);
                *next = now + RETRY;
            }
            let mut outcomes = iter::from_fn(|| search.wait(now));
            if let Some(second) = outcomes.find_map(Result::ok) {
                *lock(&self.second) = Some(second);
                // Wakes the sending thread out of a write, a wait for acks, the thread "acks" too.
                return link.cut();
            }
        }
    }
}

/// Whether the peer's kernel owes an answer: to data, or to probes of a closed window that it usually
/// answers.
fn is_outstanding(path: &Path) -> bool {
    path.in_flight > 0 && (path.unacked_segments > 0 || path.probes >= DEAD_PROBES)
}

/// How long an answer may take on this path.
fn patience(path: &Path) -> Duration {
    SILENCE.max(path.round_trip * SILENT_ROUND_TRIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_window_is_slow_and_unanswered_data_are_silence() {
        let path = Path {
            in_flight: 1000,
            unacked_segments: 1,
            probes: 0,
            since_ack: Duration::from_secs(1),
            segment: 1448,
            round_trip: Duration::from_millis(10),
            min_round_trip: Duration::from_millis(10),
            delivery_rate: 0,
        };
        assert!(is_outstanding(&path));
        assert!(!is_outstanding(&Path {
            unacked_segments: 0,
            ..path
        }));
        assert!(is_outstanding(&Path {
            unacked_segments: 0,
            probes: 3,
            ..path
        }));
        assert!(!is_outstanding(&Path {
            in_flight: 0,
            ..path
        }));
        let satellite = Path {
            round_trip: Duration::from_millis(600),
            ..path
        };
        assert!(patience(&satellite) > patience(&path));
    }
}
