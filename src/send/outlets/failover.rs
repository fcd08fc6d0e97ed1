//! The thread of a connection ("acks"): hears what the receiver says, and has a second link ready when the first falls
//! silent.
//!
//! It looks at the path with each ack, and a few times a second. When data are outstanding and nothing has been
//! acknowledged for most of a second, it asks for another link beside the old one, again and again, since TCP's own
//! repetitions grow seconds apart and would keep a line silent long after it is whole again. A receiver that dials does
//! that itself. When the second link stands, the first is cut and the sending thread, woken by that, moves over. A peer
//! that answers probes of a closed window is slow, not gone. It also cuts the link when sending shall end and the
//! sending thread does not come out of a write.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handoff::Stop;
use crate::net::link::sending::{self, is_timeout};
use crate::net::{Dialer, Path};
use crate::send::acks::SILENCE;
use crate::send::{Acks, End, LOOK};

/// Silence must also outlast this many smoothed round trips.
const SILENT_ROUND_TRIPS: u32 = 4;

/// How often a new attempt starts while the path is silent: what the picture waits at most once it is
/// whole again.
const RETRY: Duration = Duration::from_millis(250);

/// Unanswered probes of a closed window after which the peer is taken for gone, not slow.
const DEAD_PROBES: u8 = 3;

/// How long the sending thread has to end by itself, the end marker included.
const PATIENCE_AT_END: Duration = Duration::from_millis(600);

/// Hears a link to its end, which comes some time after `stop` is asked, or when another link, which the `dialer` made,
/// is to take over.
pub(super) fn hear(
    mut back: sending::Acks,
    acks: &Acks,
    dialer: Option<&Arc<Dialer>>,
    stop: &Arc<Stop>,
) -> End {
    let (mut cut_at, mut waiting_since, mut search) = (None, None, None);
    loop {
        let heard = back.read();
        let (path, now) = (back.link.path(), Instant::now());
        match heard {
            Ok(Some(ack)) if acks.acked(ack, path, now) => {}
            Ok(Some(_)) => {
                back.is_plain = true;
                acks.is_plain();
            }
            Ok(None) => return End::Closed,
            // One that commands a robot, or only says something: no more of it than this is read at a time.
            Err(error) if is_timeout(&error) && back.is_plain => acks.wait(LOOK),
            Err(error) if is_timeout(&error) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return End::KeyWanted,
            Err(_) => return End::Broken,
        }
        let is_past = |deadline| now >= deadline;
        let is_over = stop.is_asked() || acks.state().deadline.is_some_and(is_past);
        if is_over && now >= *cut_at.get_or_insert(now + PATIENCE_AT_END) {
            return End::Broken;
        }
        let waits = path.filter(is_outstanding);
        // The last acknowledgement may be older than what is outstanding now.
        waiting_since = waits.and(waiting_since.or(Some(now)));
        let silent_for = |path: Path| path.since_ack.min(now - waiting_since.unwrap_or(now));
        let is_silent = waits.is_some_and(|path| silent_for(path) >= patience(&path));
        acks.looked(path, is_silent, now);
        if !is_silent {
            search = None;
        } else if let Some(dialer) = dialer {
            let search = search.get_or_insert_with(|| dialer.search(0, RETRY));
            if let Some(Ok(second)) = search.wait(now) {
                acks.state().second = Some(second);
                return End::Broken;
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
