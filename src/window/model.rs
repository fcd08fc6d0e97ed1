//! The view model: what the window shows of the program, and what its keys do to it.
//!
//! A [`Status`] is plain data, made anew a few times a second for the title, the overlay and the screens
//! without a live picture. All calls but [`Model::notify`] come from the window's thread; none of them
//! waits for a disk or a socket, for the next frame would wait with it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::handoff::lock::lock;
use crate::handoff::slot::Slot;
use crate::net::dial::Target;
use crate::net::find::{self, Finder, Found};
use crate::net::reach::{Hint, Reach};
use crate::protocol::encrypted::handshake::Role;
use crate::recv::camera::{self, Counts, Rates};
use crate::recv::cameras::Cameras;
use crate::recv::dialling::{self, Dialling};
use crate::recv::frame::Decoded;
use crate::recv::session::Session;
use crate::sinks::Sinks;

/// How often the rates are measured.
const RATES_EVERY: Duration = Duration::from_secs(1);

/// How long a notification stays in the window. Long enough to read a path.
const NOTIFICATION_FOR: Duration = Duration::from_secs(5);

/// How long to wait for a first sender before there is a hint.
pub const HINT_AFTER: Duration = Duration::from_secs(15);

/// Whether frames come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// No sender has come yet.
    #[default]
    Waiting,
    Receiving,
    /// Frames came, and come no more.
    Stalled {
        /// When the last frame came.
        since: Instant,
        /// In a few words: "garden ended the stream".
        why: String,
    },
}

/// A line that is shown for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

/// What the window's words are made of. What is not known is `None`, and shown as such.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The sender's address, while there is one, or the last one's.
    pub(crate) peer: Option<String>,
    /// Whether what comes is encrypted, with a key.
    pub(crate) encrypted: bool,
    /// The sender's name, cleaned of what a terminal or a title could trip over.
    pub(crate) name: Option<String>,
    /// The frames' size in pixels, as sent; 0 before the first.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Frames and millions of bits received a second, over the last second or so.
    pub(crate) fps: f64,
    pub(crate) mbit_s: f64,
    /// The JPEG quality, as the sender says in its stamps.
    pub(crate) quality: Option<u8>,
    /// From capture to the pixels shown, as the sender measured it last.
    pub(crate) latency: Option<Duration>,
    /// Frames so far.
    pub(crate) shown: u64,
    /// Frames so far that were not shown, because a newer one was there.
    pub(crate) skipped: u64,
    /// When the recording began that runs.
    pub(crate) recording_since: Option<Instant>,
    /// Whether it listens.
    pub(crate) listens: bool,
    /// What it dials, and why that gives no picture.
    pub(crate) dialled: Vec<(String, Option<String>)>,
    /// Cameras that listen and can be dialled; `None` while nobody looks for them, or one was dialled.
    pub(crate) found: Option<Vec<Found>>,
    /// What to type on the Pi, word for word, the likeliest line first.
    pub(crate) typed: Vec<String>,
    /// Whether only this machine can reach the program, so that it is to be typed here.
    pub(crate) is_local: bool,
    /// Something to try while no sender comes.
    pub(crate) hint: Option<Hint>,
    pub(crate) notification: Option<Notification>,
}

/// The program around the window.
pub struct Model {
    pub(super) cameras: Arc<Cameras>,
    pub(super) sinks: Arc<Sinks>,
    /// The pictures to show.
    pub(super) pictures: Arc<Slot<Decoded>>,
    reach: Option<Reach>,
    dialled: Mutex<Vec<Arc<Dialling>>>,
    finder: Mutex<Option<Finder>>,
    opened: Instant,
    rates: Mutex<(Rates, Instant, (f64, f64))>,
    notification: Mutex<Option<(Instant, Notification)>>,
}

impl Model {
    /// Shows `pictures`; `reach` is said while nobody sends.
    pub fn new(
        cameras: Arc<Cameras>,
        sinks: Arc<Sinks>,
        pictures: Arc<Slot<Decoded>>,
        reach: Option<Reach>,
    ) -> Self {
        let now = Instant::now();
        Model {
            cameras,
            sinks,
            pictures,
            reach,
            dialled: Mutex::default(),
            finder: Mutex::default(),
            opened: now,
            rates: Mutex::new((Rates::new(now), now, (0.0, 0.0))),
            notification: Mutex::default(),
        }
    }

    /// Shows a line in the window for a while, instead of the one before.
    pub fn notify(&self, text: String, is_error: bool) {
        let until = Instant::now() + NOTIFICATION_FOR;
        *lock(&self.notification) = Some((until, Notification { text, is_error }));
        self.pictures.nudge();
    }

    /// Dials a sender that listens, until the program ends.
    pub fn dial(&self, target: Target) -> io::Result<()> {
        let dialled = dialling::start(&[target], &self.cameras)?;
        lock(&self.dialled).extend(dialled);
        self.pictures.nudge();
        Ok(())
    }

    /// Looks for cameras that listen and have the same key.
    pub fn find(&self) -> io::Result<Finder> {
        let mut finder = lock(&self.finder);
        if finder.is_none() {
            let key = self.cameras.config.key.as_ref().map(find::key_id);
            let started = Finder::start(move |f| f.role == Role::Sends && f.key == key);
            *finder = Some(started?);
        }
        Ok(finder.clone().expect("it was started"))
    }

    /// Connects to the camera that is shown at this place of the list, where there is one; without a list, looks for some.
    pub(super) fn connect(&self, place: usize, shown: Option<&[Found]>) {
        let chosen = shown.unwrap_or_default().get(place);
        let done = self.find().and_then(|finder| match chosen {
            Some(found) => self.dial(finder.peer(found)),
            None => Ok(()),
        });
        if let Err(error) = done {
            self.notify(format!("Cannot look for cameras: {error}"), true);
        }
    }

    pub(super) fn status(&self) -> Status {
        let now = Instant::now();
        let (camera, session) = self.cameras.first();
        let (rates, taken, last) = &mut *lock(&self.rates);
        if now >= *taken + RATES_EVERY {
            (*last, *taken) = (rates.look(&camera, now), now);
        }
        let (fps, mbit_s) = *last;
        let counts = camera.counts().clone();
        let (newest, stamp) = (counts.newest.as_ref(), counts.stamp());
        let reach = self.reach.as_ref();
        let told = |dialling: &Arc<Dialling>| {
            let failure = lock(&dialling.failure).clone();
            (dialling.target.to_string(), failure)
        };
        let (dialled, finder) = (lock(&self.dialled), lock(&self.finder));
        let waits = newest.is_none() && now >= self.opened + HINT_AFTER;
        let mut notification = lock(&self.notification);
        notification.take_if(|(until, _)| *until <= now);
        Status {
            state: state(&counts, session.as_deref(), now),
            peer: session.map(|session| session.peer.to_string()),
            encrypted: self.cameras.config.key.is_some(),
            name: counts.name().map(ToString::to_string),
            width: newest.map_or(0, |newest| newest.width),
            height: newest.map_or(0, |newest| newest.height),
            fps,
            mbit_s,
            quality: stamp.and_then(|stamp| stamp.quality),
            latency: stamp.and_then(|stamp| stamp.latency_us.map(Duration::from_micros)),
            shown: counts.shown,
            skipped: counts.skipped,
            recording_since: self.sinks.recording_since(),
            listens: reach.is_some(),
            found: finder
                .as_ref()
                .filter(|_| dialled.is_empty())
                .map(Finder::found),
            dialled: dialled.iter().map(told).collect(),
            typed: reach.map_or(Vec::new(), |reach| reach.typed.clone()),
            is_local: reach.is_some_and(|reach| reach.is_local),
            hint: reach.filter(|_| waits).map(|reach| reach.hint.clone()),
            notification: notification.as_ref().map(|(_, shown)| shown.clone()),
        }
    }

    /// Starts a recording, or ends the one that runs. Where it goes, or what failed, becomes a
    /// notification.
    pub(super) fn toggle_recording(&self) {
        let (camera, _) = self.cameras.first();
        let name = camera.counts().name().cloned();
        if let Err(error) = self.sinks.toggle_recording(name.as_ref()) {
            self.notify(error.to_string(), true);
        }
    }
}

fn state(counts: &Counts, session: Option<&Session>, now: Instant) -> State {
    let Some(newest) = &counts.newest else {
        return State::Waiting;
    };
    let over = session.and_then(|session| Some((session.peer, session.why_over()?)));
    let why = match (camera::state(session, now), over) {
        (camera::State::Receiving, _) => return State::Receiving,
        (camera::State::Stalled, _) => "no frames come".into(),
        (camera::State::Waiting, None) => "the sender went away".into(),
        (camera::State::Waiting, Some((peer, why))) => match newest.name() {
            Some(name) => format!("{name} ({}) {why}", peer.ip()),
            None => format!("{peer} {why}"),
        },
    };
    let since = newest.arrived;
    State::Stalled { since, why }
}
