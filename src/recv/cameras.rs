//! All cameras: who is received, who may become one, and where their frames go.
//!
//! There are `max` places. A running session is pushed aside by no newcomer; a connection whose identity is
//! live is another camera, where there is room for one. One that has fallen silent gives way to its own sender's
//! next connection. With several places each is kept for its sender for ten minutes; the only one is given to
//! whoever comes, once it is silent for too long, and whoever lost it by a bad link gets it back from whom it
//! went to meanwhile, if that one has had it for less time. State behind one lock; clocks are passed in. Nothing
//! here blocks but [`Cameras::wait`]: slots and bounded queues take what comes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::camera::{Camera, LastEnd};
use super::event::{End, Event, Kind};
use super::frame::Frame;
use super::frame::Received;
use super::session::{Identity, IdleTimeout, Session};
use super::stall::StallDetector;
use crate::handoff::lock::{lock, wait_until};
use crate::handoff::slot::Slot;
use crate::handoff::stop::{Reason, Stop};
use crate::jpeg;
use crate::net::link::Link;
use crate::protocol::stamp::Stamp;
use crate::report::limit::RateLimit;

/// For so long a camera that was lost may have its place back: a Pi that reboots, a router that is restarted.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// What takes every frame, whatever becomes of its pixels. Putting never blocks.
pub trait Sink: Send + Sync {
    /// Takes a frame.
    fn put(&self, frame: &Arc<Received>);
}

/// What is asked of the receiving side.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many cameras are received at once; at least 1.
    pub max_cameras: usize,
    /// When a session is given up for silence.
    pub idle_timeout: IdleTimeout,
    /// Pictures of more pixels are refused.
    pub max_pixels: u64,
    /// Ends after so many frames, of all cameras together.
    pub frames: Option<u64>,
    /// Whether the first session's end is the program's.
    pub once: bool,
    /// Whether nobody looks at the pixels: then one frame a second is decoded, to notice garbage.
    pub samples: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_cameras: 1,
            idle_timeout: IdleTimeout::ByPace,
            max_pixels: jpeg::MAX_PIXELS,
            frames: None,
            once: false,
            samples: false,
        }
    }
}

/// What the receiving threads share.
pub struct Cameras {
    pub(crate) config: Config,
    /// The newest frame of each, for the decoder or the program.
    pub frames: Slot<Frame>,
    /// Whether the program itself was held up.
    pub stall: StallDetector,
    pub(crate) stop: Arc<Stop>,
    places: Mutex<Places>,
    left: Condvar,
    sink: Option<Arc<dyn Sink>>,
    /// Frames of all of them.
    received: AtomicU64,
    tell: Box<dyn Fn(Event) + Send + Sync>,
    limits: Mutex<HashMap<Kind, RateLimit>>,
}

#[derive(Debug, Default)]
struct Places {
    all: Vec<Place>,
    sessions: u64,
    /// Of the only place.
    former: Option<Former>,
}

/// Room for one camera.
#[derive(Debug)]
struct Place {
    camera: Arc<Camera>,
    identity: Identity,
    label: Arc<str>,
    session: Option<Arc<Session>>,
    empty_since: Instant,
}

/// A sender that lost the only place and may have it back.
#[derive(Debug)]
struct Former {
    identity: Identity,
    received_for: Duration,
    lost: Instant,
}

impl Former {
    fn may_come_back(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.lost) < KEPT_FOR
    }
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
        let gives_way = |place: &Place| match &place.session {
            None => true,
            Some(session) => session.is_half_open(now),
        };
        let own = |place: &Place| is(&place.identity) && gives_way(place);
        if let Some(own) = self.all.iter().position(own) {
            return Some(own);
        }
        if self.all.len() < config.max_cameras {
            return Some(self.all.len());
        }
        let is_only = config.max_cameras == 1;
        self.all.iter().position(|place| match &place.session {
            None => is_only || now.saturating_duration_since(place.empty_since) >= KEPT_FOR,
            Some(session) => {
                let comes_back = |former: &Former| {
                    is(&former.identity)
                        && former.may_come_back(now)
                        && session.received_for() < former.received_for
                };
                is_only
                    && (session.is_idle(config.idle_timeout, now)
                        || self.former.as_ref().is_some_and(comes_back))
            }
        })
    }

    /// Keeps the only place for a sender that lost it, but for the one that had it longest.
    fn keep_for(&mut self, old: &Session, now: Instant) {
        let received_for = old.received_for();
        let goes_before = |former: &Former| {
            former.identity != old.identity
                && former.received_for > received_for
                && former.may_come_back(now)
        };
        if !self.former.as_ref().is_some_and(goes_before) {
            self.former = Some(Former {
                identity: old.identity.clone(),
                received_for,
                lost: now,
            });
        }
    }

    /// What a camera is called beside the others.
    fn label(&self, identity: &Identity) -> Arc<str> {
        let name = identity.name.as_ref();
        let plain = name.map_or_else(|| identity.ip.to_string(), ToString::to_string);
        let is_taken = |label: &str| self.all.iter().any(|place| *place.label == *label);
        let mut label = plain.clone();
        for number in 2.. {
            if !is_taken(&label) {
                break;
            }
            label = format!("{plain}-{number}");
        }
        label.into()
    }
}

impl Cameras {
    /// No camera yet. Every frame goes to `sink`, what happens to `tell`.
    pub fn new(
        config: Config,
        sink: Option<Arc<dyn Sink>>,
        stop: Arc<Stop>,
        tell: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        Cameras {
            config,
            frames: Slot::new(),
            stall: StallDetector::default(),
            stop,
            places: Mutex::default(),
            left: Condvar::new(),
            sink,
            received: AtomicU64::new(0),
            tell: Box::new(tell),
            limits: Mutex::default(),
        }
    }

    /// Whether a connection would get a place of which `is` says whether a sender is its own.
    pub(super) fn has_room_for(&self, is: impl Fn(&Identity) -> bool, now: Instant) -> bool {
        lock(&self.places).room_for(is, &self.config, now).is_some()
    }

    /// Waits until a session is over, `until` then at the latest; not where this sender would get a place.
    pub(super) fn wait_for_room(&self, who: &Identity, until: Instant) {
        let places = lock(&self.places);
        let now = Instant::now();
        if places
            .room_for(|other| other == who, &self.config, now)
            .is_none()
        {
            drop(wait_until(&self.left, places, Some(until)));
        }
    }

    /// Begins a session, if there is a place for whoever sent a frame with that stamp.
    pub(super) fn begin(
        &self,
        link: &Arc<Link>,
        stamp: Option<&Stamp>,
        now: Instant,
    ) -> Option<Arc<Session>> {
        let identity = Identity::new(link.peer, stamp);
        let mut guard = lock(&self.places);
        let places = &mut *guard;
        let index = places.room_for(|other| *other == identity, &self.config, now)?;
        let own = |former: &mut Former| former.identity == identity && former.may_come_back(now);
        let mut received_before = places.former.take_if(own).map(|former| former.received_for);
        if index == places.all.len() {
            places.all.push(Place {
                label: places.label(&identity),
                camera: Arc::new(Camera::new(index)),
                identity: identity.clone(),
                session: None,
                empty_since: now,
            });
        }
        if let Some(old) = places.all[index].session.take() {
            if old.identity == identity {
                received_before = Some(old.received_for());
            } else {
                places.keep_for(&old, now);
            }
            old.succeed(identity.clone());
        }
        if places.all[index].identity != identity {
            // The figures of the place go on.
            places.all[index].label = places.label(&identity);
            places.all[index].identity = identity;
        }
        places.sessions += 1;
        let place = &mut places.all[index];
        let session = Arc::new(Session::new(
            places.sessions,
            Arc::clone(&place.camera),
            Arc::clone(&place.label),
            link,
            stamp,
            received_before.unwrap_or_default(),
            now,
        ));
        place.session = Some(Arc::clone(&session));
        Some(session)
    }

    /// Takes a frame of a session. `is_newest` says whether nothing newer is known to be there already. Returns
    /// whether more are wanted.
    pub(super) fn frame(
        &self,
        session: &Arc<Session>,
        received: Arc<Received>,
        is_newest: bool,
    ) -> bool {
        let enough = |count: u64| self.config.frames.is_some_and(|frames| count >= frames);
        // A sender whose connection was closed with the last one is back before that is shown.
        if enough(self.received.load(Ordering::Relaxed)) {
            return false;
        }
        session.camera.count(&received);
        let is_last = enough(self.received.fetch_add(1, Ordering::Relaxed) + 1);
        if let Some(sink) = &self.sink {
            sink.put(&received);
        }
        let mut frame = Frame::new(received, session);
        if is_last {
            frame.is_last(&self.stop);
        }
        let now = Instant::now();
        let is_decoded = if self.config.samples {
            frame.sample(now);
            session.is_sample_due(now)
        } else {
            is_newest || is_last
        };
        if is_decoded {
            drop(self.frames.put_from(session.camera.index, frame));
        }
        !is_last
    }

    /// A session is over.
    pub(super) fn end(&self, session: &Session, why: End) {
        session.end();
        self.leave(session, why.may_come_back(), Instant::now());
        let succeeded = why.is_succeeded();
        if !succeeded {
            session.camera.counts().last_end = Some(LastEnd {
                peer: session.peer,
                why: why.to_string(),
                proper: matches!(why, End::Marker),
            });
        }
        let by_us = matches!(why, End::Stopped);
        if !by_us {
            self.tell(Event::Over {
                peer: session.peer,
                why,
            });
        }
        if self.config.once && !succeeded {
            self.stop.ask(Reason::Done);
        }
    }

    /// Leaves its place, unless another session has it already.
    fn leave(&self, session: &Session, may_come_back: bool, now: Instant) {
        let mut places = lock(&self.places);
        let place = &mut places.all[session.camera.index];
        if place
            .session
            .take_if(|live| live.id == session.id)
            .is_some()
        {
            place.empty_since = now;
            if may_come_back && self.config.max_cameras == 1 {
                places.keep_for(session, now);
            }
            self.left.notify_all();
        }
    }

    /// Waits until a session is over, `until` then at the latest; does not wait where there is none. Returns
    /// whether there is one still.
    pub fn wait(&self, until: Instant) -> bool {
        let places = lock(&self.places);
        let is_any = |places: &Places| places.all.iter().any(|place| place.session.is_some());
        if !is_any(&places) {
            return false;
        }
        wait_until(&self.left, places, Some(until)).is_none_or(|places| is_any(&places))
    }

    /// The first camera, if one has come, and its session, if one is on.
    pub(crate) fn first(&self) -> Option<(Arc<Camera>, Option<Arc<Session>>)> {
        let places = lock(&self.places);
        let first = places.all.first()?;
        Some((Arc::clone(&first.camera), first.session.clone()))
    }

    /// Who is received, to tell one who is not.
    pub(super) fn anybody(&self) -> Option<Identity> {
        let places = lock(&self.places);
        let mut live = places.all.iter().filter(|place| place.session.is_some());
        live.next().map(|place| place.identity.clone())
    }

    /// How many frames have come, of all cameras.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// How many sessions there have been.
    pub fn sessions(&self) -> u64 {
        lock(&self.places).sessions
    }

    /// Whether the last session of the first camera ended without an end marker.
    pub fn has_vanished(&self) -> bool {
        let (camera, _) = self.first().unwrap_or_default();
        let counts = camera.counts();
        counts.last_end.as_ref().is_some_and(|end| !end.proper)
    }

    /// Tells the user, if that is not too much of the same.
    pub(super) fn tell(&self, event: Event) {
        let kind = event.kind();
        let mut limits = lock(&self.limits);
        let limit = limits.entry(kind).or_insert_with(|| kind.limit());
        let left_out = limit.allow(Instant::now());
        drop(limits);
        match left_out {
            None => {}
            Some(0) => (self.tell)(event),
            Some(left_out) => (self.tell)(Event::Repeated {
                latest: Box::new(event),
                left_out,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::Ack;
    use crate::recv::frame::fixture;

    /// Milliseconds since the start.
    type Ms = u64;

    struct Scene {
        cameras: Cameras,
        start: Instant,
    }

    impl Scene {
        fn new(timeout: IdleTimeout) -> Self {
            Scene {
                cameras: cameras(Config {
                    idle_timeout: timeout,
                    ..Config::default()
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
        // The old one leaving does not free the new one's place.
        scene.cameras.leave(&first, true, scene.at(601));
        assert_eq!(scene.cameras.first().unwrap().1.unwrap().id, second.id);
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
    fn gaps_that_grow_do_not_hold_a_place() {
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
        let session = scene.comes(&camera, 0).unwrap();
        scene.frames(&session, &camera, [33, 66]);
        // Not told of room by this side, it waits.
        assert!(!session.is_idle(IdleTimeout::ByPace, scene.at(20_000)));
        scene.acks(&session, &camera, 20_000);
        assert!(!session.is_idle(IdleTimeout::ByPace, scene.at(24_900)));
        assert!(session.is_idle(IdleTimeout::ByPace, scene.at(25_000)));
        // Bytes on their way are a sign of life: the link is what is slow.
        session.bytes(scene.at(24_500));
        assert!(!session.is_idle(IdleTimeout::ByPace, scene.at(26_000)));
        assert!(scene.comes(&plain(2), 26_000).is_none());
        assert!(scene.comes(&plain(2), 26_500).is_some());
    }

    #[test]
    fn a_camera_that_was_lost_gets_its_place_back_from_who_came_in_its_gap() {
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
        scene.cameras.leave(&again, true, scene.at(38_100));
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
            let scene = Scene::new(IdleTimeout::ByPace);
            let garden = named(1, "garden");
            let first = scene.comes(&garden, 0).unwrap();
            scene.frames(&first, &garden, [30_000]);
            scene.cameras.leave(&first, may_come_back, scene.at(30_000));
            let porch = scene.comes(&named(2, "porch"), at - 2_000).unwrap();
            scene.frames(&porch, &named(2, "porch"), [at - 100]);
            assert_eq!(scene.comes(&garden, at).is_some(), gets_it);
        }
    }

    #[test]
    fn the_idle_timeout_is_the_users() {
        let scene = Scene::new(IdleTimeout::Never);
        let session = scene.comes(&plain(1), 0).unwrap();
        assert!(scene.comes(&plain(2), 1_000_000).is_none());
        let short = IdleTimeout::After(Duration::from_millis(1));
        assert!(!session.is_idle(short, scene.at(0)));
        assert!(session.is_idle(short, scene.at(1)));
    }

    #[test]
    fn several_cameras_have_a_place_each_and_keep_it() {
        let mut scene = Scene::new(IdleTimeout::ByPace);
        scene.cameras.config.max_cameras = 3;
        let (garden, porch, late) = (named(1, "garden"), named(2, "porch"), named(3, "late"));
        let first = scene.comes(&garden, 0).unwrap();
        let second = scene.comes(&porch, 10).unwrap();
        // The same name behind the same address, while the first one is live: another camera.
        let twin = scene.comes(&garden, 20).unwrap();
        let labels = [&first, &second, &twin].map(|session| session.label.to_string());
        assert_eq!(labels, ["garden", "porch", "garden-2"]);
        let places = [&first, &second, &twin].map(|session| session.camera.index);
        assert_eq!(places, [0, 1, 2]);
        assert!(scene.comes(&late, 30).is_none());
        // Whoever is silent for long gives way to its own sender, and to nobody else.
        scene.cameras.leave(&second, true, scene.at(1_000));
        assert!(scene.comes(&late, 500_000).is_none());
        let again = scene.comes(&porch, 500_100).unwrap();
        assert_eq!((again.camera.index, &*again.label), (1, "porch"));
        assert_eq!(second.successor(), None);
        scene.cameras.leave(&again, true, scene.at(501_000));
        assert!(scene.comes(&late, 501_000 + 599_000).is_none());
        let late = scene.comes(&late, 501_000 + 600_000).unwrap();
        assert_eq!((late.camera.index, &*late.label), (1, "late"));
    }

    fn cameras(config: Config) -> Cameras {
        Cameras::new(config, None, Arc::default(), |_| ())
    }

    fn session(cameras: &Cameras) -> Arc<Session> {
        let (link, _far) = Link::pair(([10, 0, 0, 1], 1000).into());
        cameras.begin(&link, None, Instant::now()).unwrap()
    }

    #[test]
    fn a_sender_that_comes_back_before_the_end_brings_no_frame_more_than_was_asked_for() {
        let cameras = cameras(Config {
            frames: Some(2),
            ..Config::default()
        });
        let session = session(&cameras);
        let frame = || fixture::Frame::default().build();
        assert!(cameras.frame(&session, frame(), true));
        assert!(!cameras.frame(&session, frame(), true));
        assert!(!cameras.frame(&session, frame(), true));
        assert_eq!(cameras.received(), 2);
        assert_eq!(cameras.stop.reason(), None);
        let mut last = cameras.frames.take().unwrap();
        last.shown(Instant::now());
        assert_eq!(cameras.stop.reason(), Some(Reason::Done));
    }

    #[test]
    fn what_becomes_of_a_frame_is_counted_once() {
        let cameras = cameras(Config::default());
        let session = session(&cameras);
        let counted = || {
            let counts = session.camera.counts();
            ((counts.shown, counts.skipped), counts.corrupt)
        };
        let put = |is_newest| cameras.frame(&session, fixture::Frame::default().build(), is_newest);
        assert!(put(true) && put(true) && put(false));
        assert_eq!(counted(), ((0, 2), 0));
        let mut frame = cameras.frames.take().unwrap();
        frame.decoded(true);
        frame.shown(Instant::now());
        frame.skip();
        drop(frame);
        assert_eq!(counted(), ((1, 2), 0));
        put(true);
        cameras.frames.take().unwrap().decoded(false);
        assert_eq!(counted(), ((1, 2), 1));
        put(true);
        cameras.frames.take().unwrap().hand_over();
        assert_eq!(counted(), ((2, 2), 1));
    }

    #[test]
    fn where_nobody_looks_every_frame_is_shown_and_five_bad_samples_are_garbage() {
        let cameras = cameras(Config {
            samples: true,
            ..Config::default()
        });
        let session = session(&cameras);
        for _ in 0..10 {
            cameras.frame(&session, fixture::Frame::default().build(), false);
        }
        assert_eq!(session.camera.counts().shown, 10);
        assert!(cameras.frames.take().is_none(), "the first one was decoded");
        let mut sample = Frame::new(fixture::Frame::default().build(), &session);
        sample.sample(Instant::now());
        for _ in 0..5 {
            assert_eq!(session.garbage(), None);
            sample.decoded(false);
        }
        assert_eq!(session.garbage(), Some(5));
        sample.decoded(true);
        assert_eq!(session.garbage(), None);
    }
}
