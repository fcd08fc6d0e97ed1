//! One sender's session: its link, its pace, and whether it is still alive.
//!
//! A session is silent, and so gives its place up, by its own pace: to its own sender's next connection soon
//! (the Pi that came back while its old connection is half open), to others after the idle time-out. What makes
//! a connection the same camera's is its name together with its address; whoever is at that address can have
//! both, so that only a key could prove more. Shared by its reader, by its frames and by whoever asks for figures;
//! its link is its reader's. It is over once, by the first who says so. Clocks are passed in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::{Counts, End};
use crate::handoff::lock;
use crate::net::Link;
use crate::protocol::{Ack, Name, Stamp};

/// A session that has finished no frame for this long gives way to its own sender's next connection.
pub(super) const HALF_OPEN_AFTER: Duration = Duration::from_millis(500);

/// … and for so many of its own frame intervals, where those are longer.
const HALF_OPEN_INTERVALS: f64 = 1.5;

/// How many of its own frame intervals without a frame make a session idle.
const IDLE_INTERVALS: f64 = 3.0;

/// A session is not idle before this, unless the user says so.
const IDLE_AT_LEAST: Duration = Duration::from_secs(5);

/// As long as only one frame has come: longer than the longest exposures (Raspberry Pi's HQ camera: 11 minutes
/// are possible, some seconds are usual), so that slow is not taken for dead.
pub(super) const IDLE_AT_FIRST: Duration = Duration::from_secs(60);

/// The longest interval that is learnt from frames, and no longer patience than at first comes of it: else
/// gaps that grow would hold a place for nothing. Slower senders declare it (`fps=`).
const LONGEST_LEARNT: Duration = Duration::from_secs(20);

/// A session that has brought no frame for this long, and for three of its intervals, is stalled.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// Where no frame has come for so long, nobody hurries.
const QUIET: Duration = Duration::from_secs(2);

/// For so long a link that carries a frame slowly may carry nothing: a radio that changes its channel.
pub(crate) const HICCUP: Duration = Duration::from_secs(2);

/// So many in a row that do not decode are too many to be an accident: of frames that all are decoded, and of
/// samples, where one frame a second is.
const MAX_BAD: [u32; 2] = [100, 5];

/// For so long a camera that was lost may have its place back: a Pi that reboots, a router that is restarted.
const KEPT_FOR: Duration = Duration::from_secs(600);

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
    pub(super) fn new(peer: SocketAddr, stamp: Option<&Stamp>) -> Self {
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

/// When its frames come.
#[derive(Debug)]
pub(super) struct Pace {
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
    /// A frame has come now, with that stamp.
    pub(super) fn new(stamp: Option<&Stamp>, learnt: Option<Duration>, now: Instant) -> Self {
        let asks = stamp.filter(|stamp| stamp.ack);
        Pace {
            last_frame: now,
            last_byte: None,
            learnt,
            declared: stamp.and_then(|stamp| stamp.interval),
            awaits: asks.map(|stamp| stamp.seq as u32),
            acked_at: None,
        }
    }

    /// How far apart its frames are.
    fn interval(&self) -> Duration {
        self.declared.max(self.learnt).unwrap_or_default()
    }

    /// Whether there was no frame for `at_least`, nor for so many of its own intervals, and of one that is on its way
    /// no byte for `bytes`.
    fn is_silent(&self, at_least: Duration, intervals: f64, bytes: Duration, now: Instant) -> bool {
        // Who was told that there is room sends within the interval that it declares; else a slow link, or a slow
        // viewer, counts as its own pace.
        let declared = self.declared.filter(|_| self.acked_at.is_some());
        let interval = declared.unwrap_or(self.interval());
        let frames = at_least.max(interval.mul_f64(intervals));
        let since = |then| now.saturating_duration_since(then);
        let asked = self.acked_at.unwrap_or(self.last_frame);
        since(asked) >= frames && self.last_byte.is_none_or(|at| since(at) >= bytes)
    }
}

/// A sender that is received, or was.
#[derive(Debug)]
pub(crate) struct Session {
    /// Counted from 1.
    pub(super) id: u64,
    pub(crate) peer: SocketAddr,
    pub(super) identity: Identity,
    /// What its camera is called beside the others.
    pub(super) label: Arc<str>,
    /// The place that it has, counted from 0 in the order in which cameras came.
    pub(super) place: usize,
    /// What has come to that place.
    pub(super) counts: Arc<Mutex<Counts>>,
    /// Its reader's: a session that is remembered keeps no connection open.
    pub(super) link: Weak<Link>,
    pub(super) pace: Mutex<Pace>,
    /// When it began, or would have without the gaps before it.
    pub(super) since: Instant,
    /// When it was over, and why.
    pub(super) over: OnceLock<(Instant, End)>,
    /// In a row: frames that did not decode, and samples.
    pub(super) bad: Mutex<[u32; 2]>,
}

impl Session {
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    /// A frame was finished.
    pub(super) fn frame(&self, stamp: Option<&Stamp>, now: Instant) {
        let mut pace = lock(&self.pace);
        let seen = LONGEST_LEARNT.min(now.saturating_duration_since(pace.last_frame));
        // Half of the new, half of the old: slow senders are known after two frames.
        let learnt = pace.learnt.map_or(seen, |known| (known + seen) / 2);
        *pace = Pace::new(stamp, Some(learnt), now);
    }

    /// Bytes came of a frame that does not take forever.
    pub(super) fn bytes(&self, now: Instant) {
        lock(&self.pace).last_byte = Some(now);
    }

    /// Acknowledges a frame.
    pub(super) fn ack(&self, ack: Ack, now: Instant) {
        let mut pace = lock(&self.pace);
        if pace.awaits.take_if(|seq| *seq == ack.seq).is_some() {
            pace.acked_at = Some(now);
        }
        // Its next frame may be here before this is over.
        drop(pace);
        if let Some(link) = self.link.upgrade() {
            link.ack(ack);
        }
    }

    /// For how long no frame has been finished.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(lock(&self.pace).last_frame)
    }

    /// Whether it has been silent for long enough that nobody hurries.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        self.silent_for(now) >= QUIET
    }

    /// Whether it has been silent for too long: for longer than that, else by its own pace.
    pub(super) fn is_idle(&self, timeout: Option<Duration>, now: Instant) -> bool {
        let pace = lock(&self.pace);
        let (at_least, intervals) = match (timeout, pace.learnt) {
            (Some(timeout), _) => (timeout, 0.0),
            // Else it is this side that makes it wait: a large picture on a small machine.
            (None, Some(_)) if pace.awaits.is_none() => (IDLE_AT_LEAST, IDLE_INTERVALS),
            _ => (IDLE_AT_FIRST, IDLE_INTERVALS),
        };
        pace.is_silent(at_least, intervals, HICCUP, now)
    }

    /// Whether it has finished no frame for that long, and for one and a half of its intervals.
    pub(super) fn is_silent(&self, at_least: Duration, now: Instant) -> bool {
        lock(&self.pace).is_silent(at_least, HALF_OPEN_INTERVALS, at_least, now)
    }

    /// Whether its frames stay away.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        let interval = lock(&self.pace).interval();
        self.silent_for(now) > STALLED_AFTER.max(interval * 3)
    }

    /// It is over, if it is not yet; returns whether that is news.
    pub(super) fn end(&self, why: End, now: Instant) -> bool {
        self.over.set((now, why)).is_ok()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.get().is_some()
    }

    /// Why it is over.
    pub(crate) fn why_over(&self) -> Option<&End> {
        self.over.get().map(|(_, why)| why)
    }

    /// Whether it was over so recently that its camera may have its place back.
    pub(super) fn is_kept(&self, now: Instant) -> bool {
        let over = self.over.get();
        over.is_some_and(|(then, _)| now.saturating_duration_since(*then) < KEPT_FOR)
    }

    /// Notes whether a frame could be decoded. It is over where too many in a row could not.
    pub(super) fn decoded(&self, is_good: bool, is_sample: bool, now: Instant) {
        let mut bad = lock(&self.bad);
        if is_good {
            *bad = [0; 2];
            return;
        }
        let kind = usize::from(is_sample);
        bad[kind] += 1;
        if bad[kind] >= MAX_BAD[kind] {
            self.end(End::Garbage(bad[kind]), now);
        }
    }

    /// For how long its sender has been received, up to its last frame.
    pub(super) fn received_for(&self) -> Duration {
        let last = lock(&self.pace).last_frame;
        last.saturating_duration_since(self.since)
    }
}
