//! The seat: who is the session, and who may take its place.
//!
//! One sender at a time sits. A running session is pushed aside by nobody; one that has finished no
//! frame for a while gives way to a connection that brings one: soon to the same address (the Pi that
//! came back while its old connection is half open), after the idle time-out to any. Pure state behind a
//! lock; clocks are passed in. Whoever waits for the seat blocks on a condition variable.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::acker::Acker;

/// A session that has finished no frame for this long gives way to its own address.
const GIVE_WAY: Duration = Duration::from_millis(500);

/// … and for so many of its own frame intervals, where those are longer.
const GIVE_WAY_INTERVALS: f64 = 1.5;

/// How many of its own frame intervals without a frame make a session idle.
const IDLE_INTERVALS: f64 = 3.0;

/// A session is not idle before this, unless the user says so.
const IDLE_AT_LEAST: Duration = Duration::from_secs(5);

/// As long as a sender's interval is not known: longer than the longest exposures (Raspberry Pi's HQ
/// camera: 11 minutes are possible, some seconds are usual), so that slow is not taken for dead.
const IDLE_AT_FIRST: Duration = Duration::from_secs(60);

/// That others wait is told no more often than this.
const TELL_BUSY_EVERY: Duration = Duration::from_secs(30);

/// When a session is given up for silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleTimeout {
    /// By the sender's own pace.
    ByPace,
    /// After this long.
    After(Duration),
    /// Never.
    Never,
}

/// One sender's session.
#[derive(Debug)]
pub struct Sitter {
    /// Counted from 1.
    pub id: u64,
    /// Its address.
    pub peer: SocketAddr,
    /// The way back to it.
    pub acker: Acker,
    pace: Mutex<Pace>,
    replaced: AtomicBool,
    bad_in_a_row: AtomicU32,
}

#[derive(Debug)]
struct Pace {
    last_frame: Instant,
    interval: Option<Duration>,
}

impl Sitter {
    /// A frame was finished.
    pub fn frame(&self, now: Instant) {
        let mut pace = self.pace();
        let seen = now.saturating_duration_since(pace.last_frame);
        // Half of the new, half of the old: slow senders are known after two frames.
        pace.interval = Some(pace.interval.map_or(seen, |known| (known + seen) / 2));
        pace.last_frame = now;
    }

    /// For how long no frame has been finished.
    pub fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.pace().last_frame)
    }

    /// After which silence the session is idle; `None`: never.
    pub fn idle_after(&self, timeout: IdleTimeout) -> Option<Duration> {
        match (timeout, self.pace().interval) {
            (IdleTimeout::Never, _) => None,
            (IdleTimeout::After(duration), _) => Some(duration),
            (IdleTimeout::ByPace, None) => Some(IDLE_AT_FIRST),
            (IdleTimeout::ByPace, Some(interval)) => {
                Some(interval.mul_f64(IDLE_INTERVALS).max(IDLE_AT_LEAST))
            }
        }
    }

    /// How far apart its frames are, once that is known.
    pub fn interval(&self) -> Option<Duration> {
        self.pace().interval
    }

    /// Whether somebody else sits now.
    pub fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Notes whether a frame decoded; gives the number of bad ones in a row.
    pub fn note(&self, decoded: bool) -> u32 {
        if decoded {
            self.bad_in_a_row.store(0, Ordering::Relaxed);
            0
        } else {
            self.bad_in_a_row.fetch_add(1, Ordering::Relaxed) + 1
        }
    }

    /// Bad frames in a row.
    pub fn bad_in_a_row(&self) -> u32 {
        self.bad_in_a_row.load(Ordering::Relaxed)
    }

    fn gives_way_to(&self, ip: IpAddr, timeout: IdleTimeout, now: Instant) -> bool {
        let silent = self.silent_for(now);
        let interval = self.pace().interval.unwrap_or_default();
        let same =
            self.peer.ip() == ip && silent >= GIVE_WAY.max(interval.mul_f64(GIVE_WAY_INTERVALS));
        same || self.idle_after(timeout).is_some_and(|idle| silent >= idle)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().expect(POISON)
    }
}

/// The one seat.
#[derive(Debug)]
pub struct Seat {
    timeout: IdleTimeout,
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sitter: Option<Arc<Sitter>>,
    sessions: u64,
    told_busy: Option<Instant>,
}

impl Seat {
    /// A free seat.
    pub fn new(timeout: IdleTimeout) -> Self {
        Seat {
            timeout,
            state: Mutex::default(),
            free: Condvar::new(),
        }
    }

    /// When a session is given up for silence.
    pub fn idle_timeout(&self) -> IdleTimeout {
        self.timeout
    }

    /// Whether a connection of this address would get the seat.
    pub fn is_to_be_had(&self, peer: SocketAddr, now: Instant) -> bool {
        self.lock()
            .sitter
            .as_ref()
            .is_none_or(|old| old.gives_way_to(peer.ip(), self.timeout, now))
    }

    /// Whether it is time to tell that somebody waits for the seat; now and then it is.
    pub fn may_tell_busy(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let due = state
            .told_busy
            .is_none_or(|told| now.saturating_duration_since(told) >= TELL_BUSY_EVERY);
        if due {
            state.told_busy = Some(now);
        }
        due
    }

    /// Sits down if the seat is free or its sitter gives way at `now`.
    pub fn take(&self, peer: SocketAddr, acker: Acker, now: Instant) -> Result<Arc<Sitter>, Acker> {
        let mut state = self.lock();
        if let Some(old) = &state.sitter {
            if !old.gives_way_to(peer.ip(), self.timeout, now) {
                return Err(acker);
            }
            old.replaced.store(true, Ordering::Relaxed);
        }
        state.sessions += 1;
        let sitter = Arc::new(Sitter {
            id: state.sessions,
            peer,
            acker,
            pace: Mutex::new(Pace {
                last_frame: now,
                interval: None,
            }),
            replaced: AtomicBool::new(false),
            bad_in_a_row: AtomicU32::new(0),
        });
        state.sitter = Some(Arc::clone(&sitter));
        Ok(sitter)
    }

    /// Stands up; nothing happens where somebody else sits already.
    pub fn leave(&self, sitter: &Sitter) {
        let mut state = self.lock();
        if state
            .sitter
            .as_ref()
            .is_some_and(|sitting| sitting.id == sitter.id)
        {
            state.sitter = None;
            self.free.notify_all();
        }
    }

    /// Waits until somebody stands up, `patience` at most.
    pub fn wait(&self, patience: Duration) {
        let state = self.lock();
        if state.sitter.is_some() {
            drop(self.free.wait_timeout(state, patience).expect(POISON));
        }
    }

    /// Who sits.
    pub fn sitter(&self) -> Option<Arc<Sitter>> {
        self.lock().sitter.clone()
    }

    /// Who sits, if it is this session.
    pub fn session(&self, id: u64) -> Option<Arc<Sitter>> {
        self.sitter().filter(|sitter| sitter.id == id)
    }

    /// How many sessions there have been.
    pub fn sessions(&self) -> u64 {
        self.lock().sessions
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(POISON)
    }
}

const POISON: &str = "nothing panics while it holds the seat";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn acker() -> Acker {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Acker::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap())
    }

    fn peer(last: u8) -> SocketAddr {
        ([10, 0, 0, last], 1000).into()
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_running_session_is_pushed_aside_by_nobody() {
        let (seat, start) = (Seat::new(IdleTimeout::ByPace), Instant::now());
        let first = seat.take(peer(1), acker(), start).unwrap();
        first.frame(start + 33 * MS);
        for stranger in [peer(1), peer(2)] {
            assert!(seat.take(stranger, acker(), start + 400 * MS).is_err());
        }
        assert!(!first.is_replaced());
    }

    #[test]
    fn a_silent_session_gives_way_to_its_own_address_at_once_and_to_others_late() {
        let (seat, start) = (Seat::new(IdleTimeout::ByPace), Instant::now());
        let first = seat.take(peer(1), acker(), start).unwrap();
        first.frame(start + 33 * MS);
        assert!(seat.take(peer(2), acker(), start + 4000 * MS).is_err());
        let second = seat.take(peer(1), acker(), start + 600 * MS).unwrap();
        assert!(first.is_replaced());
        // The old one leaving does not free the new one's seat.
        seat.leave(&first);
        assert_eq!(seat.sitter().unwrap().id, second.id);
        second.frame(start + 633 * MS);
        assert!(seat.take(peer(2), acker(), start + 6000 * MS).is_ok());
        assert!(second.is_replaced());
    }

    #[test]
    fn slow_is_not_dead() {
        let (seat, start) = (Seat::new(IdleTimeout::ByPace), Instant::now());
        let slow = seat.take(peer(1), acker(), start).unwrap();
        assert!(seat.take(peer(2), acker(), start + 20_000 * MS).is_err());
        slow.frame(start + 10_000 * MS);
        assert_eq!(slow.idle_after(IdleTimeout::ByPace), Some(30_000 * MS));
        assert!(seat.take(peer(1), acker(), start + 20_000 * MS).is_err());
        assert!(seat.take(peer(1), acker(), start + 26_000 * MS).is_ok());
    }

    #[test]
    fn the_idle_timeout_is_the_users() {
        let (seat, start) = (Seat::new(IdleTimeout::Never), Instant::now());
        let sitter = seat.take(peer(1), acker(), start).unwrap();
        assert!(seat.take(peer(2), acker(), start + 1_000_000 * MS).is_err());
        assert_eq!(sitter.idle_after(IdleTimeout::After(MS)), Some(MS));
    }
}
