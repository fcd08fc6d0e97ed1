//! The seat: who is the session, and who may take its place.
//!
//! One sender at a time sits. A running session is pushed aside by no newcomer; one that has fallen silent
//! gives way to a connection that brings a frame: soon to the camera's own new one (the Pi that came back while
//! its old connection is half open), after the idle time-out to any. What makes a connection the same camera's
//! is its name together with its address; both can be had by whoever is at that address, so that only a key
//! could prove more. Whoever lost the seat by a bad link gets it back from whom it went to meanwhile, if that
//! one has had it for less time. Pure state behind a lock; clocks are passed in. Whoever waits for the seat
//! blocks on a condition variable.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use crate::net::link::Link;
use crate::protocol::stamp::{Name, Stamp};
use crate::protocol::wire::Ack;

/// A session that has finished no frame for this long gives way to its own camera.
const GIVE_WAY: Duration = Duration::from_millis(500);

/// … and for so many of its own frame intervals, where those are longer.
const GIVE_WAY_INTERVALS: f64 = 1.5;

/// How many of its own frame intervals without a frame make a session idle.
const IDLE_INTERVALS: f64 = 3.0;

/// A session is not idle before this, unless the user says so.
const IDLE_AT_LEAST: Duration = Duration::from_secs(5);

/// As long as only one frame has come: longer than the longest exposures (Raspberry Pi's HQ camera: 11 minutes
/// are possible, some seconds are usual), so that slow is not taken for dead.
const IDLE_AT_FIRST: Duration = Duration::from_secs(60);

/// The longest interval that is learnt from frames, and no longer patience than at first comes of it: else
/// gaps that grow would hold the seat for nothing. Slower senders declare it (`fps=`).
const LONGEST_LEARNT: Duration = Duration::from_secs(20);

/// For so long a link that carries a frame slowly may carry nothing: a radio that changes its channel.
pub const HICCUP: Duration = Duration::from_secs(2);

/// For so long a camera that was lost may have its seat back: a Pi that reboots, a router that is restarted.
const KEPT_FOR: Duration = Duration::from_secs(600);

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

/// What a camera is known by. Without a name, the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its address.
    pub ip: IpAddr,
    /// Its name, as its first frame's stamp says.
    pub name: Option<Name>,
}

impl Identity {
    /// That of a connection from there whose first frame bears this stamp.
    pub fn new(peer: SocketAddr, stamp: Option<&Stamp>) -> Self {
        Identity {
            ip: peer.ip(),
            name: stamp.and_then(|stamp| stamp.name.clone()),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.ip),
            None => self.ip.fmt(f),
        }
    }
}

/// One sender's session.
#[derive(Debug)]
pub struct Sitter {
    /// Counted from 1.
    pub id: u64,
    /// Its address.
    pub peer: SocketAddr,
    /// Whose it is.
    pub identity: Identity,
    link: Arc<Link>,
    pace: Mutex<Pace>,
    /// Since when it sits.
    since: Instant,
    /// For how long its camera had sat before.
    sat_before: Duration,
    successor: OnceLock<Identity>,
    bad_in_a_row: AtomicU32,
}

#[derive(Debug)]
struct Pace {
    last_frame: Instant,
    /// The last byte of a frame that is on its way.
    last_byte: Option<Instant>,
    /// As seen.
    learnt: Option<Duration>,
    /// As the sender says.
    declared: Option<Duration>,
    /// The number of the last frame, where its sender waits for an ack.
    awaits: Option<u32>,
    /// When it got that.
    acked_at: Option<Instant>,
}

impl Pace {
    fn new(now: Instant, stamp: Option<&Stamp>) -> Self {
        let mut pace = Pace {
            last_frame: now,
            last_byte: None,
            learnt: None,
            declared: None,
            awaits: None,
            acked_at: None,
        };
        pace.heed(stamp);
        pace
    }

    /// Takes in what a frame's stamp says.
    fn heed(&mut self, stamp: Option<&Stamp>) {
        self.acked_at = None;
        self.declared = stamp.and_then(|stamp| stamp.interval);
        self.awaits = stamp
            .filter(|stamp| stamp.ack)
            .map(|stamp| stamp.seq as u32);
    }

    /// How far apart its frames are.
    fn interval(&self) -> Option<Duration> {
        self.declared.max(self.learnt)
    }

    /// After how long the next byte is overdue. Who was told that there is room sends within the interval that
    /// it declares; else a slow link, or a slow viewer, counts as its own pace.
    fn overdue(&self) -> Option<Duration> {
        let declared = self.declared.filter(|_| self.acked_at.is_some());
        declared.or(self.interval())
    }

    fn idle_after(&self, timeout: IdleTimeout) -> Option<Duration> {
        let at_least = match (timeout, self.learnt) {
            (IdleTimeout::Never, _) => return None,
            (IdleTimeout::After(duration), _) => return Some(duration),
            (IdleTimeout::ByPace, None) => IDLE_AT_FIRST,
            // It is this side that makes it wait: a large picture on a small machine.
            (IdleTimeout::ByPace, _) if self.awaits.is_some() => IDLE_AT_FIRST,
            (IdleTimeout::ByPace, Some(_)) => IDLE_AT_LEAST,
        };
        let overdue = self.overdue().unwrap_or_default();
        Some(overdue.mul_f64(IDLE_INTERVALS).max(at_least))
    }

    /// Whether there was no frame for `frames`, and of one that is on its way no byte for `bytes`.
    fn is_silent(&self, frames: Duration, bytes: Duration, now: Instant) -> bool {
        let since = |then| now.saturating_duration_since(then);
        let asked = self.acked_at.unwrap_or(self.last_frame);
        since(asked) >= frames && self.last_byte.is_none_or(|at| since(at) >= bytes)
    }
}

impl Sitter {
    /// A frame was finished.
    pub fn frame(&self, stamp: Option<&Stamp>, now: Instant) {
        let mut pace = self.pace();
        let seen = now
            .saturating_duration_since(pace.last_frame)
            .min(LONGEST_LEARNT);
        // Half of the new, half of the old: slow senders are known after two frames.
        pace.learnt = Some(pace.learnt.map_or(seen, |known| (known + seen) / 2));
        pace.last_frame = now;
        pace.last_byte = None;
        pace.heed(stamp);
    }

    /// Bytes came of a frame that does not take forever.
    pub fn bytes(&self, now: Instant) {
        self.pace().last_byte = Some(now);
    }

    /// Tells it that a frame is dealt with.
    pub fn ack(&self, ack: Ack, now: Instant) {
        let mut pace = self.pace();
        if pace.awaits.take_if(|seq| *seq == ack.seq).is_some() {
            pace.acked_at = Some(now);
        }
        // Its next frame may be here before this is over.
        drop(pace);
        self.link.ack(ack);
    }

    /// For how long no frame has been finished.
    pub fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.pace().last_frame)
    }

    /// Whether it has been silent for too long.
    pub fn is_idle(&self, timeout: IdleTimeout, now: Instant) -> bool {
        let pace = self.pace();
        let idle = pace.idle_after(timeout);
        idle.is_some_and(|idle| pace.is_silent(idle, HICCUP, now))
    }

    /// How far apart its frames are, once that is known.
    pub fn interval(&self) -> Option<Duration> {
        self.pace().interval()
    }

    /// Whoever sits in its place now.
    pub fn successor(&self) -> Option<&Identity> {
        self.successor.get()
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

    /// For how long its camera has had the seat, up to its last frame.
    fn has_sat(&self) -> Duration {
        let last = self.pace().last_frame;
        self.sat_before + last.saturating_duration_since(self.since)
    }

    /// Whether it is silent for long enough to give way to its own camera.
    fn is_half_open(&self, now: Instant) -> bool {
        let pace = self.pace();
        let own = pace.overdue().unwrap_or_default();
        let give_way = GIVE_WAY.max(own.mul_f64(GIVE_WAY_INTERVALS));
        pace.is_silent(give_way, GIVE_WAY, now)
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
    former: Option<Former>,
}

/// A camera that lost the seat and may have it back.
#[derive(Debug)]
struct Former {
    identity: Identity,
    had_sat: Duration,
    lost: Instant,
}

impl State {
    /// Whether a connection would get the seat of which `is` says whether it is that camera's.
    fn is_open(&self, is: impl Fn(&Identity) -> bool, timeout: IdleTimeout, now: Instant) -> bool {
        let Some(sitter) = &self.sitter else {
            return true;
        };
        let comes_back = |former: &Former| {
            is(&former.identity)
                && now.saturating_duration_since(former.lost) < KEPT_FOR
                && sitter.has_sat() < former.had_sat
        };
        sitter.is_idle(timeout, now)
            || is(&sitter.identity) && sitter.is_half_open(now)
            || self.former.as_ref().is_some_and(comes_back)
    }

    /// Keeps the seat for a camera that lost it, but for the one that had it longest.
    fn keep_for(&mut self, old: &Sitter, now: Instant) {
        let had_sat = old.has_sat();
        let goes_before = |former: &Former| {
            former.identity != old.identity
                && former.had_sat > had_sat
                && now.saturating_duration_since(former.lost) < KEPT_FOR
        };
        if !self.former.as_ref().is_some_and(goes_before) {
            self.former = Some(Former {
                identity: old.identity.clone(),
                had_sat,
                lost: now,
            });
        }
    }
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

    /// Whether this camera would get the seat.
    pub fn is_open_to(&self, who: &Identity, now: Instant) -> bool {
        self.lock().is_open(|other| other == who, self.timeout, now)
    }

    /// Whether a connection from there could get the seat, whatever its name turns out to be.
    pub fn is_open_to_address(&self, ip: IpAddr, now: Instant) -> bool {
        self.lock()
            .is_open(|other| other.ip == ip, self.timeout, now)
    }

    /// Sits down if the seat is open to whoever sent a frame with that stamp.
    pub(super) fn take(
        &self,
        link: &Arc<Link>,
        stamp: Option<&Stamp>,
        now: Instant,
    ) -> Option<Arc<Sitter>> {
        let peer = link.peer();
        let identity = Identity::new(peer, stamp);
        let mut state = self.lock();
        if !state.is_open(|other| *other == identity, self.timeout, now) {
            return None;
        }
        let own = |former: &mut Former| {
            former.identity == identity && now.saturating_duration_since(former.lost) < KEPT_FOR
        };
        let mut sat_before = state.former.take_if(own).map(|former| former.had_sat);
        if let Some(old) = state.sitter.take() {
            if old.identity == identity {
                sat_before = Some(old.has_sat());
            } else {
                state.keep_for(&old, now);
            }
            // It has none yet: it was in the seat until now.
            let _ = old.successor.set(identity.clone());
        }
        state.sessions += 1;
        let sitter = Arc::new(Sitter {
            id: state.sessions,
            peer,
            identity,
            link: Arc::clone(link),
            pace: Mutex::new(Pace::new(now, stamp)),
            since: now,
            sat_before: sat_before.unwrap_or_default(),
            successor: OnceLock::new(),
            bad_in_a_row: AtomicU32::new(0),
        });
        state.sitter = Some(Arc::clone(&sitter));
        Some(sitter)
    }

    /// Stands up; nothing happens where somebody else sits already. Who `may_come_back` within ten minutes gets
    /// the seat back.
    pub fn leave(&self, sitter: &Sitter, may_come_back: bool, now: Instant) {
        let mut state = self.lock();
        let sits = |sitting: &mut Arc<Sitter>| sitting.id == sitter.id;
        if state.sitter.take_if(sits).is_some() {
            if may_come_back {
                state.keep_for(sitter, now);
            }
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

    /// When a session is given up for silence.
    pub fn idle_timeout(&self) -> IdleTimeout {
        self.timeout
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

    /// Milliseconds since the start.
    type Ms = u64;

    struct Scene {
        seat: Seat,
        start: Instant,
    }

    impl Scene {
        fn new(timeout: IdleTimeout) -> Self {
            Scene {
                seat: Seat::new(timeout),
                start: Instant::now(),
            }
        }

        fn at(&self, ms: Ms) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// A connection of that camera brings a frame.
        fn comes(&self, camera: &Camera, ms: Ms) -> Option<Arc<Sitter>> {
            let (link, _far) = Link::pair(([10, 0, 0, camera.0], 1000).into());
            let (identity, now) = (Identity::new(link.peer(), camera.1.as_ref()), self.at(ms));
            let is_open = self.seat.is_open_to(&identity, now);
            let taken = self.seat.take(&link, camera.1.as_ref(), now);
            assert_eq!(is_open, taken.is_some());
            taken
        }

        fn acks(&self, sitter: &Sitter, camera: &Camera, ms: Ms) {
            let seq = camera.1.as_ref().unwrap().seq as u32;
            sitter.ack(Ack { seq, held_us: 0 }, self.at(ms));
        }

        fn frames(&self, sitter: &Sitter, camera: &Camera, at: impl IntoIterator<Item = Ms>) {
            for ms in at {
                sitter.frame(camera.1.as_ref(), self.at(ms));
            }
        }
    }

    /// An address's last byte, and what is stamped.
    struct Camera(u8, Option<Stamp>);

    fn plain(last: u8) -> Camera {
        Camera(last, None)
    }

    fn named(last: u8, name: &str) -> Camera {
        Camera(
            last,
            Some(Stamp {
                name: Some(name.parse().unwrap()),
                ..Stamp::default()
            }),
        )
    }

    /// One that asks for acks, and says how far apart its frames are.
    fn declared(last: u8, interval: Ms) -> Camera {
        Camera(
            last,
            Some(Stamp {
                interval: Some(Duration::from_millis(interval)),
                ack: true,
                ..Stamp::default()
            }),
        )
    }

    #[test]
    fn a_running_session_is_pushed_aside_by_nobody() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let first = scene.comes(&plain(1), 0).unwrap();
        scene.frames(&first, &plain(1), [33]);
        for stranger in [plain(1), plain(2), named(1, "garden")] {
            assert!(scene.comes(&stranger, 400).is_none());
        }
        assert_eq!(first.successor(), None);
    }

    #[test]
    fn a_silent_session_gives_way_to_its_own_camera_at_once_and_to_others_late() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let garden = named(1, "garden");
        let first = scene.comes(&garden, 0).unwrap();
        scene.frames(&first, &garden, [33]);
        // Another address, another name behind the same one (NAT, a tunnel), no name.
        for other in [named(2, "garden"), named(1, "porch"), plain(1)] {
            assert!(scene.comes(&other, 4000).is_none());
        }
        let second = scene.comes(&garden, 600).unwrap();
        assert_eq!(first.successor(), Some(&second.identity));
        // The old one leaving does not free the new one's seat.
        scene.seat.leave(&first, true, scene.at(601));
        assert_eq!(scene.seat.sitter().unwrap().id, second.id);
        scene.frames(&second, &garden, [633]);
        assert!(scene.comes(&named(1, "porch"), 6000).is_some());
        assert!(second.successor().is_some());
    }

    #[test]
    fn slow_is_not_dead() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let slow = scene.comes(&plain(1), 0).unwrap();
        assert!(scene.comes(&plain(2), 20_000).is_none());
        scene.frames(&slow, &plain(1), [10_000]);
        assert!(!slow.is_idle(IdleTimeout::ByPace, scene.at(39_000)));
        assert!(slow.is_idle(IdleTimeout::ByPace, scene.at(40_000)));
        assert!(scene.comes(&plain(1), 20_000).is_none());
        assert!(scene.comes(&plain(1), 26_000).is_some());
    }

    #[test]
    fn a_picture_in_a_hundred_seconds_is_one_session_where_the_sender_says_so() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let camera = declared(1, 100_000);
        let slow = scene.comes(&camera, 0).unwrap();
        for at in [100_000, 200_000, 300_000] {
            scene.acks(&slow, &camera, at - 99_990);
            assert!(!slow.is_idle(IdleTimeout::ByPace, scene.at(at)));
            assert!(scene.comes(&plain(2), at).is_none());
            scene.frames(&slow, &camera, [at]);
        }
        scene.acks(&slow, &camera, 300_010);
        assert!(slow.is_idle(IdleTimeout::ByPace, scene.at(600_010)));
    }

    #[test]
    fn gaps_that_grow_do_not_hold_the_seat() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let squatter = scene.comes(&plain(1), 0).unwrap();
        scene.frames(&squatter, &plain(1), (1..30).map(|n| n * n * 1000));
        // The last gap was of a minute, and three of them would be three.
        assert!(scene.comes(&plain(2), 29 * 29 * 1000 + 60_000).is_some());
    }

    #[test]
    fn a_sender_that_is_acknowledged_is_held_to_the_interval_that_it_declares() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let camera = declared(1, 33);
        let sitter = scene.comes(&camera, 0).unwrap();
        scene.frames(&sitter, &camera, [33, 66]);
        // Not told of room by this side, it waits.
        assert!(!sitter.is_idle(IdleTimeout::ByPace, scene.at(20_000)));
        scene.acks(&sitter, &camera, 20_000);
        assert!(!sitter.is_idle(IdleTimeout::ByPace, scene.at(24_900)));
        assert!(sitter.is_idle(IdleTimeout::ByPace, scene.at(25_000)));
        // Bytes on their way are a sign of life: the link is what is slow.
        sitter.bytes(scene.at(24_500));
        assert!(!sitter.is_idle(IdleTimeout::ByPace, scene.at(26_000)));
        assert!(scene.comes(&plain(2), 26_000).is_none());
        assert!(scene.comes(&plain(2), 26_500).is_some());
    }

    #[test]
    fn a_camera_that_was_lost_gets_its_seat_back_from_who_came_in_its_gap() {
        let scene = Scene::new(IdleTimeout::ByPace);
        let (garden, squatter) = (named(1, "garden"), plain(2));
        let first = scene.comes(&garden, 0).unwrap();
        scene.frames(&first, &garden, (1..=300).map(|n| n * 100));
        // Dark for seven seconds.
        let between = scene.comes(&squatter, 36_000).unwrap();
        scene.frames(&between, &squatter, [37_000]);
        let again = scene.comes(&garden, 37_500).unwrap();
        assert_eq!(between.successor(), Some(&again.identity));
        assert!(scene.comes(&squatter, 37_600).is_none());
        // And once more, by an end of the connection; both times count.
        scene.frames(&again, &garden, [38_000]);
        scene.seat.leave(&again, true, scene.at(38_100));
        let between = scene.comes(&squatter, 38_200).unwrap();
        scene.frames(&between, &squatter, (39..65).map(|n| n * 1000));
        assert!(scene.comes(&garden, 64_500).is_some());
    }

    #[test]
    fn a_seat_is_kept_for_ten_minutes_and_for_nobody_who_ended_the_stream() {
        for (may_come_back, at, gets_it) in [
            (true, 30_000 + 599_000, true),
            (true, 30_000 + 600_000, false),
            (false, 60_000, false),
        ] {
            let scene = Scene::new(IdleTimeout::ByPace);
            let garden = named(1, "garden");
            let first = scene.comes(&garden, 0).unwrap();
            scene.frames(&first, &garden, [30_000]);
            scene.seat.leave(&first, may_come_back, scene.at(30_000));
            let porch = scene.comes(&named(2, "porch"), at - 2_000).unwrap();
            scene.frames(&porch, &named(2, "porch"), [at - 100]);
            assert_eq!(scene.comes(&garden, at).is_some(), gets_it);
        }
    }

    #[test]
    fn the_idle_timeout_is_the_users() {
        let scene = Scene::new(IdleTimeout::Never);
        let sitter = scene.comes(&plain(1), 0).unwrap();
        assert!(scene.comes(&plain(2), 1_000_000).is_none());
        let short = IdleTimeout::After(Duration::from_millis(1));
        assert!(!sitter.is_idle(short, scene.at(0)));
        assert!(sitter.is_idle(short, scene.at(1)));
    }
}
