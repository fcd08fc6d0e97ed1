//! All cameras: who is received, who may become one, and where their frames go.
//!
//! There are `max` places. A running session is pushed aside by no newcomer; a connection whose identity is
//! live is another camera, where there is room for one. One that has fallen silent gives way to its own sender's
//! next connection. With several places each is kept for its sender for ten minutes; the only one is given to
//! whoever comes, once it is silent for too long, and whoever lost it by a bad link gets it back from whom it
//! went to meanwhile, if that one has had it for less time. State behind one lock; clocks are passed in. Nothing
//! here blocks but what waits for room, or for the end: slots and bounded queues take what comes.

use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::session::{HALF_OPEN_AFTER, Pace};
use super::{End, Event, Frame, Identity, Kind, Received, Session, StallDetector};
use crate::handoff::{Reason, Slot, Stop, lock, wait_while};
use crate::jpeg;
use crate::net::{Allowed, Link};
use crate::protocol::{DEFAULT_MAX_FRAME_BYTES, Key, Stamp};
use crate::report::{RateLimit, Severity};

/// What takes every frame.
type Sink = Box<dyn Fn(&Arc<Received>) + Send + Sync>;

/// What is asked of the receiving side.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many cameras are received at once; at least 1.
    pub max_cameras: usize,
    /// What senders have to have, too.
    pub key: Option<Key>,
    /// Who may connect.
    pub allowed: Allowed,
    /// After how long in silence a session is given up; `None`: by its sender's own pace.
    pub idle_timeout: Option<Duration>,
    /// Frames of more bytes are refused.
    pub max_frame_bytes: u32,
    /// Pictures of more pixels are refused.
    pub max_pixels: u64,
    /// Ends after so many frames, of all cameras together.
    pub frames: Option<u64>,
    /// Whether the first session's end is the program's.
    pub once: bool,
    /// Whether nobody looks at the pixels: then one frame a second is decoded, to notice garbage.
    pub samples: bool,
}

impl Config {
    /// view-recv's defaults, for so many cameras, at least 1, whose senders have that key.
    pub fn new(max_cameras: usize, key: Option<Key>) -> Self {
        Config {
            max_cameras,
            key,
            allowed: Allowed::Networks(Vec::new()),
            idle_timeout: None,
            max_frame_bytes: DEFAULT_MAX_FRAME_BYTES,
            max_pixels: jpeg::MAX_PIXELS,
            frames: None,
            once: false,
            samples: false,
        }
    }
}

/// What the receiving threads share.
pub struct Cameras {
    pub config: Config,
    /// The newest frame of each, for the decoder or the program.
    pub frames: Slot<Frame>,
    /// Whether the program itself was held up.
    pub stall: StallDetector,
    pub(crate) stop: Arc<Stop>,
    places: Mutex<Places>,
    left: Condvar,
    sink: Sink,
    tell: Box<dyn Fn(Severity, String, bool) + Send + Sync>,
    limits: Mutex<HashMap<Kind, RateLimit>>,
}

#[derive(Debug, Default)]
struct Places {
    /// Who has each of them; of an empty one, who had it last.
    all: Vec<Arc<Session>>,
    /// Who lost the only place and may have it back.
    former: Option<Arc<Session>>,
}

impl Places {
    /// The place that a connection would get of which `is` says whether a sender is its own; that behind the
    /// last is a new one.
    fn room_for(
        &self,
        is: impl Fn(&Identity) -> bool,
        config: &Config,
        now: Instant,
    ) -> Option<usize> {
        // The program ends with its first session.
        if config.once && self.all.iter().any(|session| session.is_over()) {
            return None;
        }
        let gives_way = |own: &Session| own.is_over() || own.is_silent(HALF_OPEN_AFTER, now);
        let is_own = |session: &Arc<Session>| is(&session.identity) && gives_way(session);
        let own = self.all.iter().position(is_own);
        let new = Some(self.all.len()).filter(|new| *new < config.max_cameras);
        let is_only = config.max_cameras == 1;
        let had_it_for = self.had_it_for(&is, now);
        let may_be_taken = |session: &Arc<Session>| {
            if session.is_over() {
                return is_only || !session.is_kept(now);
            }
            let is_idle = session.is_idle(config.idle_timeout, now);
            is_only && (is_idle || had_it_for > Some(session.received_for()))
        };
        let others = || self.all.iter().position(may_be_taken);
        own.or(new).or_else(others)
    }

    /// For how long the only place was received from whoever lost it and may have it back, where it `is` that one.
    fn had_it_for(&self, is: impl Fn(&Identity) -> bool, now: Instant) -> Option<Duration> {
        let former = self.former.as_ref()?;
        let may = is(&former.identity) && former.is_kept(now);
        may.then(|| former.received_for())
    }

    /// Keeps the only place for a sender that lost it, but for the one that had it longest.
    fn keep_for(&mut self, old: &Arc<Session>, now: Instant) {
        let is_other = |former: &Identity| *former != old.identity;
        if self.had_it_for(is_other, now) <= Some(old.received_for()) {
            self.former = Some(Arc::clone(old));
        }
    }

    /// What a camera is called beside the others.
    fn label(&self, identity: &Identity) -> Arc<str> {
        let name = identity.name.as_ref();
        let plain = name.map_or_else(|| identity.ip.to_string(), ToString::to_string);
        let is_free = |label: &String| self.all.iter().all(|session| *session.label != **label);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let mut labels = iter::once(plain.clone()).chain(numbered);
        labels.find(is_free).unwrap_or_default().into()
    }
}

impl Cameras {
    /// No camera yet. Every frame goes to `sink`, which never blocks, whatever becomes of its pixels. What happens goes
    /// to `tell`: how much it matters, in a line for a person, and whether somebody who looks at the window should know,
    /// since the picture itself does not show it.
    pub fn new(
        config: Config,
        sink: impl Fn(&Arc<Received>) + Send + Sync + 'static,
        stop: Arc<Stop>,
        tell: impl Fn(Severity, String, bool) + Send + Sync + 'static,
    ) -> Self {
        Cameras {
            config,
            frames: Slot::default(),
            stall: StallDetector::default(),
            stop,
            places: Mutex::default(),
            left: Condvar::new(),
            sink: Box::new(sink),
            tell: Box::new(tell),
            limits: Mutex::default(),
        }
    }

    /// Whether a connection would get a place of which `is` says whether a sender is its own.
    pub(super) fn has_room_for(&self, is: impl Fn(&Identity) -> bool, now: Instant) -> bool {
        lock(&self.places).room_for(is, &self.config, now).is_some()
    }

    /// Whether a sender there would have to wait, and for others than itself.
    pub(super) fn is_busy_for(&self, ip: IpAddr) -> bool {
        let places = lock(&self.places);
        let is_live = |session: &Arc<Session>| session.identity.ip == ip && !session.is_over();
        let room = places.room_for(|other| other.ip == ip, &self.config, Instant::now());
        room.is_none() && !places.all.iter().any(is_live)
    }

    /// Waits until this sender would get a place, `until` then at the latest; returns whether it would.
    pub(super) fn wait_for_room(&self, who: &Identity, until: Instant) -> bool {
        let is_own = |other: &Identity| other == who;
        let room = |places: &Places| places.room_for(is_own, &self.config, Instant::now());
        let (places, until) = (lock(&self.places), Some(until));
        let places = wait_while(&self.left, places, until, |places| room(places).is_none());
        room(&places).is_some()
    }

    /// Begins a session, if there is a place for whoever sent a frame with that stamp.
    pub(super) fn begin(
        &self,
        link: &Arc<Link>,
        stamp: Option<&Stamp>,
        now: Instant,
    ) -> Option<Arc<Session>> {
        let identity = Identity::new(link.peer, stamp);
        let mut places = lock(&self.places);
        let is_own = |other: &Identity| *other == identity;
        let index = places.room_for(is_own, &self.config, now)?;
        let mut before = places.had_it_for(is_own, now).unwrap_or_default();
        places.former.take_if(|former| is_own(&former.identity));
        let (counts, label) = match places.all.get(index).cloned() {
            None => (Arc::default(), places.label(&identity)),
            Some(old) if old.identity == identity => {
                if old.end(End::Reconnected, now) {
                    before = old.received_for();
                }
                (Arc::clone(&old.counts), Arc::clone(&old.label))
            }
            // The figures of the place go on.
            Some(old) => {
                if old.end(End::TakenOver(identity.clone()), now) {
                    places.keep_for(&old, now);
                }
                (Arc::clone(&old.counts), places.label(&identity))
            }
        };
        // The newest one has a place.
        let newest = places.all.iter().map(|session| session.id).max();
        let session = Arc::new(Session {
            id: newest.unwrap_or(0) + 1,
            peer: link.peer,
            identity,
            label,
            place: index,
            counts,
            link: Arc::downgrade(link),
            pace: Mutex::new(Pace::new(stamp, None, now)),
            since: now.checked_sub(before).unwrap_or(now),
            over: OnceLock::new(),
            bad: Default::default(),
        });
        match places.all.get_mut(index) {
            Some(place) => *place = Arc::clone(&session),
            None => places.all.push(Arc::clone(&session)),
        }
        Some(session)
    }

    /// Whether as many frames have come as were asked for.
    pub(super) fn has_enough(&self) -> bool {
        (self.config.frames).is_some_and(|frames| self.received() >= frames)
    }

    /// Takes a frame of a session. `is_newest` says whether nothing newer is known to be there already, or, of samples,
    /// whether one is due.
    pub(super) fn frame(&self, session: &Arc<Session>, received: Arc<Received>, is_newest: bool) {
        // A sender whose connection was closed with the last one is back before that is shown.
        if self.has_enough() {
            return;
        }
        session.counts().count(&received);
        let is_last = self.has_enough();
        (self.sink)(&received);
        let mut frame = Frame::new(received, session);
        frame.stop = is_last.then(|| Arc::clone(&self.stop));
        if self.config.samples {
            frame.shown();
        }
        if is_newest || is_last {
            drop(self.frames.put_from(session.place, frame));
        }
    }

    /// A session is over, for this reason unless there was one before, and leaves its place unless another session has
    /// that already.
    pub(super) fn end(&self, session: &Arc<Session>, why: End, now: Instant) {
        let mut places = lock(&self.places);
        // Else the sender does not mean to send, or cannot.
        let may_come_back = !matches!(why, End::Marker | End::Garbage(_));
        let is_only = self.config.max_cameras == 1;
        if session.end(why, now) && may_come_back && is_only {
            places.keep_for(session, now);
        }
        drop(places);
        self.left.notify_all();
        let why = session.why_over().unwrap_or(&End::Stopped);
        if !matches!(why, End::Stopped) {
            let line = format!("{} {why}", session.peer);
            let severity = match why {
                End::Marker => Severity::Info,
                _ => Severity::Warning,
            };
            self.tell(severity, (Kind::Session, line));
        }
        if self.config.once && !matches!(why, End::Reconnected | End::TakenOver(_)) {
            self.stop.ask(Reason::Done);
        }
    }

    /// Waits until no session is on, `until` then at the latest.
    pub fn wait(&self, until: Instant) {
        let is_any = |places: &mut Places| places.all.iter().any(|session| !session.is_over());
        let (places, now) = (lock(&self.places), Instant::now());
        // Of these nothing is to be expected, and their readers look seldom.
        let quiet = places.all.iter().filter(|session| session.is_quiet(now));
        for link in quiet.filter_map(|session| session.link.upgrade()) {
            link.cut();
        }
        drop(wait_while(&self.left, places, Some(until), is_any));
    }

    /// The first camera's session, or the last one that it had.
    pub(crate) fn first(&self) -> Option<Arc<Session>> {
        lock(&self.places).all.first().cloned()
    }

    /// Whether no frame has come for a while.
    pub fn is_idle(&self, now: Instant) -> bool {
        let sessions = &lock(&self.places).all;
        sessions.iter().all(|session| session.is_quiet(now))
    }

    /// Who is received, to tell one who is not.
    pub(super) fn anybody(&self) -> Option<Identity> {
        let places = lock(&self.places);
        let live = places.all.iter().find(|session| !session.is_over())?;
        Some(live.identity.clone())
    }

    /// How many frames have come, of all cameras.
    pub fn received(&self) -> u64 {
        let places = &lock(&self.places).all;
        places.iter().map(|session| session.counts().frames).sum()
    }

    /// Whether the last session of the first camera ended without an end marker.
    pub fn has_vanished(&self) -> bool {
        let session = self.first();
        let why = session.as_ref().and_then(|session| session.why_over());
        why.is_some_and(|why| !matches!(why, End::Marker | End::Stopped))
    }

    /// Tells the user, if that is not too much of the same.
    pub(super) fn tell(&self, severity: Severity, (kind, mut line): Event) {
        let mut limits = lock(&self.limits);
        let limit = limits.entry(kind).or_insert_with(|| kind.limit());
        let Some(left_out) = limit.allow(Instant::now()) else {
            return;
        };
        drop(limits);
        if left_out > 0 {
            line +=
                &format!(" (and {left_out} lines like this before it; --allow keeps others out)");
        }
        (self.tell)(severity, line, kind == Kind::Busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Ack;
    use crate::recv::frame::fixture;

    impl Session {
        /// Who has its place now.
        fn successor(&self) -> Option<&Identity> {
            match self.why_over()? {
                End::Reconnected => Some(&self.identity),
                End::TakenOver(by) => Some(by),
                _ => None,
            }
        }
    }

    /// Milliseconds since the start.
    type Ms = u64;

    struct Scene {
        cameras: Cameras,
        start: Instant,
    }

    impl Scene {
        fn new(timeout: impl Into<Option<Duration>>) -> Self {
            Scene {
                cameras: cameras(Config {
                    idle_timeout: timeout.into(),
                    ..Config::new(1, None)
                }),
                start: Instant::now(),
            }
        }

        fn at(&self, ms: Ms) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// A connection of that camera brings a frame.
        fn comes(&self, camera: &Sender, ms: Ms) -> Option<Arc<Session>> {
            let (link, _far) = Link::pair(([10, 0, 0, camera.0], 1000).into());
            let (identity, now) = (Identity::new(link.peer, camera.1.as_ref()), self.at(ms));
            let has_room = self.cameras.has_room_for(|other| *other == identity, now);
            let begun = self.cameras.begin(&link, camera.1.as_ref(), now);
            assert_eq!(has_room, begun.is_some());
            begun
        }

        fn leaves(&self, session: &Arc<Session>, may_come_back: bool, ms: Ms) {
            let why = match may_come_back {
                true => End::Idle(Duration::ZERO),
                false => End::Marker,
            };
            self.cameras.end(session, why, self.at(ms));
        }

        fn acks(&self, session: &Session, camera: &Sender, ms: Ms) {
            let seq = camera.1.as_ref().unwrap().seq as u32;
            session.ack(Ack { seq, held_us: 0 }, self.at(ms));
        }

        fn frames(&self, session: &Session, camera: &Sender, at: impl IntoIterator<Item = Ms>) {
            for ms in at {
                session.frame(camera.1.as_ref(), self.at(ms));
            }
        }
    }

    /// An address's last byte, and what is stamped.
    struct Sender(u8, Option<Stamp>);

    fn plain(last: u8) -> Sender {
        Sender(last, None)
    }

    fn named(last: u8, name: &str) -> Sender {
        Sender(
            last,
            Some(Stamp {
                name: Some(name.parse().unwrap()),
                ..Stamp::default()
            }),
        )
    }

    /// One that asks for acks, and says how far apart its frames are.
    fn declared(last: u8, interval: Ms) -> Sender {
        Sender(
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
        let scene = Scene::new(None);
        let first = scene.comes(&plain(1), 0).unwrap();
        scene.frames(&first, &plain(1), [33]);
        for stranger in [plain(1), plain(2), named(1, "garden")] {
            assert!(scene.comes(&stranger, 400).is_none());
        }
        assert_eq!(first.successor(), None);
    }

    #[test]
    fn a_silent_session_gives_way_to_its_own_camera_at_once_and_to_others_late() {
        let scene = Scene::new(None);
        let garden = named(1, "garden");
        let first = scene.comes(&garden, 0).unwrap();
        scene.frames(&first, &garden, [33]);
        // Another address, another name behind the same one (NAT, a tunnel), no name.
        for other in [named(2, "garden"), named(1, "porch"), plain(1)] {
            assert!(scene.comes(&other, 4000).is_none());
        }
        let second = scene.comes(&garden, 600).unwrap();
        assert_eq!(first.successor(), Some(&second.identity));
        // The old one leaving does not free the new one's place.
        scene.leaves(&first, true, 601);
        assert_eq!(scene.cameras.first().unwrap().id, second.id);
        scene.frames(&second, &garden, [633]);
        assert!(scene.comes(&named(1, "porch"), 6000).is_some());
        assert!(second.successor().is_some());
    }

    #[test]
    fn slow_is_not_dead() {
        let scene = Scene::new(None);
        let slow = scene.comes(&plain(1), 0).unwrap();
        assert!(scene.comes(&plain(2), 20_000).is_none());
        scene.frames(&slow, &plain(1), [10_000]);
        assert!(!slow.is_idle(None, scene.at(39_000)));
        assert!(slow.is_idle(None, scene.at(40_000)));
        assert!(scene.comes(&plain(1), 20_000).is_none());
        assert!(scene.comes(&plain(1), 26_000).is_some());
    }

    #[test]
    fn a_picture_in_a_hundred_seconds_is_one_session_where_the_sender_says_so() {
        let scene = Scene::new(None);
        let camera = declared(1, 100_000);
        let slow = scene.comes(&camera, 0).unwrap();
        for at in [100_000, 200_000, 300_000] {
            scene.acks(&slow, &camera, at - 99_990);
            assert!(!slow.is_idle(None, scene.at(at)));
            assert!(scene.comes(&plain(2), at).is_none());
            scene.frames(&slow, &camera, [at]);
        }
        scene.acks(&slow, &camera, 300_010);
        assert!(slow.is_idle(None, scene.at(600_010)));
    }

    #[test]
    fn gaps_that_grow_do_not_hold_a_place() {
        let scene = Scene::new(None);
        let squatter = scene.comes(&plain(1), 0).unwrap();
        scene.frames(&squatter, &plain(1), (1..30).map(|n| n * n * 1000));
        // The last gap was of a minute, and three of them would be three.
        assert!(scene.comes(&plain(2), 29 * 29 * 1000 + 60_000).is_some());
    }

    #[test]
    fn a_sender_that_is_acknowledged_is_held_to_the_interval_that_it_declares() {
        let scene = Scene::new(None);
        let camera = declared(1, 33);
        let session = scene.comes(&camera, 0).unwrap();
        scene.frames(&session, &camera, [33, 66]);
        // Not told of room by this side, it waits.
        assert!(!session.is_idle(None, scene.at(20_000)));
        scene.acks(&session, &camera, 20_000);
        assert!(!session.is_idle(None, scene.at(24_900)));
        assert!(session.is_idle(None, scene.at(25_000)));
        // Bytes on their way are a sign of life: the link is what is slow.
        session.bytes(scene.at(24_500));
        assert!(!session.is_idle(None, scene.at(26_000)));
        assert!(scene.comes(&plain(2), 26_000).is_none());
        assert!(scene.comes(&plain(2), 26_500).is_some());
    }

    #[test]
    fn a_camera_that_was_lost_gets_its_place_back_from_who_came_in_its_gap() {
        let scene = Scene::new(None);
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
        scene.leaves(&again, true, 38_100);
        let between = scene.comes(&squatter, 38_200).unwrap();
        scene.frames(&between, &squatter, (39..65).map(|n| n * 1000));
        assert!(scene.comes(&garden, 64_500).is_some());
    }

    #[test]
    fn a_place_is_kept_for_ten_minutes_and_for_nobody_who_ended_the_stream() {
        for (may_come_back, at, gets_it) in [
            (true, 30_000 + 599_000, true),
            (true, 30_000 + 600_000, false),
            (false, 60_000, false),
        ] {
            let scene = Scene::new(None);
            let garden = named(1, "garden");
            let first = scene.comes(&garden, 0).unwrap();
            scene.frames(&first, &garden, [30_000]);
            scene.leaves(&first, may_come_back, 30_000);
            let porch = scene.comes(&named(2, "porch"), at - 2_000).unwrap();
            scene.frames(&porch, &named(2, "porch"), [at - 100]);
            assert_eq!(scene.comes(&garden, at).is_some(), gets_it);
        }
    }

    #[test]
    fn the_idle_timeout_is_the_users() {
        let scene = Scene::new(Duration::MAX);
        let session = scene.comes(&plain(1), 0).unwrap();
        assert!(scene.comes(&plain(2), 1_000_000).is_none());
        let short = Some(Duration::from_millis(1));
        assert!(!session.is_idle(short, scene.at(0)));
        assert!(session.is_idle(short, scene.at(1)));
    }

    #[test]
    fn several_cameras_have_a_place_each_and_keep_it() {
        let mut scene = Scene::new(None);
        scene.cameras.config.max_cameras = 3;
        let (garden, porch, late) = (named(1, "garden"), named(2, "porch"), named(3, "late"));
        let first = scene.comes(&garden, 0).unwrap();
        let second = scene.comes(&porch, 10).unwrap();
        // The same name behind the same address, while the first one is live: another camera.
        let twin = scene.comes(&garden, 20).unwrap();
        let labels = [&first, &second, &twin].map(|session| session.label.to_string());
        assert_eq!(labels, ["garden", "porch", "garden-2"]);
        let places = [&first, &second, &twin].map(|session| session.place);
        assert_eq!(places, [0, 1, 2]);
        assert!(scene.comes(&late, 30).is_none());
        // Whoever is silent for long gives way to its own sender, and to nobody else.
        scene.leaves(&second, true, 1_000);
        assert!(scene.comes(&late, 500_000).is_none());
        let again = scene.comes(&porch, 500_100).unwrap();
        assert_eq!((again.place, &*again.label), (1, "porch"));
        assert_eq!(second.successor(), None);
        scene.leaves(&again, true, 501_000);
        assert!(scene.comes(&late, 501_000 + 599_000).is_none());
        let late = scene.comes(&late, 501_000 + 600_000).unwrap();
        assert_eq!((late.place, &*late.label), (1, "late"));
    }

    fn cameras(config: Config) -> Cameras {
        Cameras::new(config, |_| (), Arc::default(), |_, _, _| ())
    }

    fn session(cameras: &Cameras) -> Arc<Session> {
        let (link, _far) = Link::pair(([10, 0, 0, 1], 1000).into());
        cameras.begin(&link, None, Instant::now()).unwrap()
    }

    #[test]
    fn a_sender_that_comes_back_before_the_end_brings_no_frame_more_than_was_asked_for() {
        let cameras = cameras(Config {
            frames: Some(2),
            ..Config::new(1, None)
        });
        let session = session(&cameras);
        for has_enough in [false, true, true] {
            cameras.frame(&session, fixture::Frame::default().build(), true);
            assert_eq!(cameras.has_enough(), has_enough);
        }
        assert_eq!(cameras.received(), 2);
        assert_eq!(cameras.stop.reason(), None);
        let mut last = cameras.frames.take().unwrap();
        last.shown();
        assert_eq!(cameras.stop.reason(), Some(Reason::Done));
    }

    #[test]
    fn what_becomes_of_a_frame_is_counted_once() {
        let cameras = cameras(Config::new(1, None));
        let session = session(&cameras);
        let counted = || {
            let counts = session.counts();
            ((counts.shown, counts.skipped), counts.corrupt)
        };
        let put = |is_newest| cameras.frame(&session, fixture::Frame::default().build(), is_newest);
        for is_newest in [true, true, false] {
            put(is_newest);
        }
        assert_eq!(counted(), ((0, 2), 0));
        let mut frame = cameras.frames.take().unwrap();
        frame.decoded(true);
        frame.shown();
        frame.skip();
        drop(frame);
        assert_eq!(counted(), ((1, 2), 0));
        put(true);
        cameras.frames.take().unwrap().decoded(false);
        assert_eq!(counted(), ((1, 2), 1));
        put(true);
        drop(cameras.frames.take().unwrap());
        assert_eq!(counted(), ((1, 3), 1));
    }

    #[test]
    fn where_nobody_looks_every_frame_is_shown_and_five_bad_samples_are_garbage() {
        let cameras = cameras(Config {
            samples: true,
            ..Config::new(1, None)
        });
        let session = session(&cameras);
        for _ in 0..10 {
            cameras.frame(&session, fixture::Frame::default().build(), false);
        }
        assert_eq!(session.counts().shown, 10);
        assert!(cameras.frames.take().is_none(), "the first one was decoded");
        let mut sample = Frame::new(fixture::Frame::default().build(), &session);
        sample.shown();
        for are_good in [[false; 4], [true; 4], [false; 4]] {
            for is_good in are_good {
                sample.decoded(is_good);
                assert!(!session.is_over());
            }
        }
        sample.decoded(false);
        assert!(matches!(session.why_over(), Some(End::Garbage(5))));
    }
}
