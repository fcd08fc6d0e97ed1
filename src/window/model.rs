//! The view model: what the window shows of the program, and what its keys do to it.
//!
//! A [`Status`] is plain data, made anew a few times a second for the title, the overlay and the screens
//! without a live picture. All calls but [`Model::notify`], [`Model::dial`] and [`Model::is_late`] come from the
//! window's thread; none of them waits for a disk or a socket, for the next frame would wait with it.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::handoff::{Slot, lock};
use crate::net::{Finder, Found, Reach, Target, find};
use crate::protocol::Role;
use crate::recv::camera::Rates;
use crate::recv::dialling::{self, Dialling};
use crate::recv::{Cameras, Counts, Decoded, Session};
use crate::report::Severity;
use crate::sinks::Sinks;

/// How often the rates are measured.
const RATES_EVERY: Duration = Duration::from_secs(1);

/// How long a notification stays in the window. Long enough to read a path.
const NOTIFICATION_FOR: Duration = Duration::from_secs(5);

/// How long to wait for a first sender before there is a hint.
const HINT_AFTER: Duration = Duration::from_secs(15);

/// A line that is shown for a while.
pub(crate) type Notification = (Severity, String);

/// What the window's words are made of. What is not known is `None`, and shown as such.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Status {
    /// Why no frames come any more, in a few words: "garden ended the stream". `None` while they come, and before the
    /// first one.
    pub(crate) stalled: Option<String>,
    /// The sender's address, while there is one, or the last one's.
    pub(crate) peer: Option<String>,
    /// Whether what comes is encrypted, with a key.
    pub(crate) encrypted: bool,
    /// What came so far. What its newest frame says of name, quality and latency is the sender's word.
    pub(crate) counts: Counts,
    /// Frames and millions of bits received a second, over the last second or so.
    pub(crate) fps: f64,
    pub(crate) mbit_s: f64,
    /// When the recording began that runs.
    pub(crate) recording_since: Option<Instant>,
    /// What it dials, and why that gives no picture.
    pub(crate) dialled: Vec<(String, Option<String>)>,
    /// Cameras that listen and can be dialled; `None` while nobody looks for them, or one was dialled.
    pub(crate) found: Option<Vec<Found>>,
    /// How it is reached, where it listens.
    pub(crate) reach: Option<Reach>,
    /// Whether no sender has come for so long that there is something to try.
    pub(crate) is_late: bool,
    pub(crate) notification: Option<Notification>,
}

/// The program around the window.
pub struct Model {
    pub cameras: Arc<Cameras>,
    pub sinks: Arc<Sinks>,
    /// The pictures to show.
    pub pictures: Arc<Slot<Decoded>>,
    /// How it is reached, where it listens.
    pub reach: Option<Reach>,
    dialled: Mutex<Vec<Arc<Dialling>>>,
    finder: OnceLock<Finder>,
    opened: Instant,
    rates: Mutex<(Rates, (f64, f64))>,
    notification: Mutex<Option<(Instant, Notification)>>,
}

impl Status {
    /// Whether frames come.
    pub(super) fn is_live(&self) -> bool {
        self.counts.newest.is_some() && self.stalled.is_none()
    }
}

impl Model {
    /// `reach` is said while nobody sends.
    pub fn new(cameras: Arc<Cameras>, sinks: Arc<Sinks>, reach: Option<Reach>) -> Self {
        let now = Instant::now();
        Model {
            cameras,
            sinks,
            reach,
            pictures: Arc::default(),
            dialled: Mutex::default(),
            finder: OnceLock::new(),
            opened: now,
            rates: Mutex::new((Rates::new(now), (0.0, 0.0))),
            notification: Mutex::default(),
        }
    }

    /// Shows a line in the window for a while, instead of the one before.
    pub fn notify(&self, severity: Severity, line: String) {
        let until = Instant::now() + NOTIFICATION_FOR;
        *lock(&self.notification) = Some((until, (severity, line)));
        self.pictures.nudge();
    }

    /// Dials a sender that listens, until the program ends.
    pub fn dial(&self, target: Target) -> io::Result<()> {
        let dialled = dialling::start(target, &self.cameras)?;
        lock(&self.dialled).push(dialled);
        self.pictures.nudge();
        Ok(())
    }

    /// Looks for cameras that listen and have the same key.
    pub fn find(&self) -> io::Result<&Finder> {
        if let Some(finder) = self.finder.get() {
            return Ok(finder);
        }
        let key = self.cameras.config.key.as_ref().map(find::key_id);
        let started = Finder::start(move |f| f.role == Role::Sends && f.key == key)?;
        Ok(self.finder.get_or_init(|| started))
    }

    /// Connects to the camera that is shown at this place of the list, where there is one; without a list, looks for some.
    pub(super) fn connect(&self, place: usize, shown: Option<&[Found]>) {
        let chosen = shown.unwrap_or_default().get(place);
        let dial = |finder: &Finder| chosen.map_or(Ok(()), |found| self.dial(finder.peer(found)));
        if let Err(error) = self.find().and_then(dial) {
            self.notify(Severity::Error, format!("Cannot look for cameras: {error}"));
        }
    }

    /// Whether no sender has come for so long that there is something to try.
    pub fn is_late(&self, now: Instant) -> bool {
        self.cameras.received() == 0 && now >= self.opened + HINT_AFTER
    }

    pub(super) fn status(&self) -> Status {
        let now = Instant::now();
        let session = self.cameras.first();
        let counts = Counts::of(session.as_ref());
        let (rates, last) = &mut *lock(&self.rates);
        if now >= rates.since + RATES_EVERY {
            *last = counts.rates(rates, now);
        }
        let (fps, mbit_s) = *last;
        let told = |dialling: &Arc<Dialling>| {
            let failure = lock(&dialling.failure).clone();
            (dialling.target.to_string(), failure)
        };
        let dialled = lock(&self.dialled);
        let finder = self.finder.get().filter(|_| dialled.is_empty());
        let mut notification = lock(&self.notification);
        notification.take_if(|(until, _)| *until <= now);
        Status {
            stalled: stalled(&counts, session.as_deref(), now),
            peer: session.map(|session| session.peer.to_string()),
            encrypted: self.cameras.config.key.is_some(),
            fps,
            mbit_s,
            recording_since: self.sinks.recorder.since(),
            found: finder.map(Finder::found),
            dialled: dialled.iter().map(told).collect(),
            reach: self.reach.clone(),
            is_late: self.is_late(now),
            notification: notification.as_ref().map(|(_, shown)| shown.clone()),
            counts,
        }
    }

    /// Starts a recording, or ends the one that runs. Where it goes, or what failed, becomes a
    /// notification.
    pub(super) fn toggle_recording(&self) {
        let counts = Counts::of(self.cameras.first().as_ref());
        if let Err(error) = self.sinks.recorder.toggle(counts.name()) {
            self.notify(Severity::Error, error.to_string());
        }
    }
}

/// Why frames that came come no more.
fn stalled(counts: &Counts, session: Option<&Session>, now: Instant) -> Option<String> {
    let (session, _) = (session?, counts.newest.as_ref()?);
    Some(match (session.why_over(), counts.name()) {
        (None, _) if !session.is_stalled(now) => return None,
        (None, _) => "no frames come".into(),
        (Some(why), Some(name)) => format!("{name} ({}) {why}", session.peer.ip()),
        (Some(why), None) => format!("{} {why}", session.peer),
    })
}
