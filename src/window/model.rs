//! The view model: what the window shows of the program, and what its keys do to it.
//!
//! The only file of the window that knows the receiving side. A [`Status`] is plain data, made anew a few
//! times a second for the title, the overlay and the screens without a live picture. All calls but
//! [`Model::notify`] come from the window's thread; none of them waits for a disk or a socket, for the
//! next frame would wait with it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::handoff::lock::lock;
use crate::handoff::slot::Slot;
use crate::handoff::stop::Stop;
use crate::net::reach::{Hint, Reach};
use crate::picture::Turn;
use crate::protocol::stamp::Name;
use crate::recv::hub::Hub;
use crate::recv::received::{Decoded, Received};
use crate::recv::stats::{self, Rates};

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
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The sender's address, while there is one, or the last one's.
    pub(crate) peer: Option<String>,
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
    hub: Arc<Hub>,
    reach: Reach,
    opened: Instant,
    rates: Mutex<(Rates, Instant, f64, f64)>,
    notification: Mutex<Option<(Instant, Notification)>>,
}

impl Model {
    /// `reach` is said while nobody sends.
    pub fn new(hub: Arc<Hub>, reach: Reach, now: Instant) -> Self {
        Model {
            hub,
            reach,
            opened: now,
            rates: Mutex::new((Rates::new(now), now, 0.0, 0.0)),
            notification: Mutex::default(),
        }
    }

    /// Shows a line in the window for a while, instead of the one before.
    pub fn notify(&self, text: String, is_error: bool) {
        let until = Instant::now() + NOTIFICATION_FOR;
        *lock(&self.notification) = Some((until, Notification { text, is_error }));
    }

    /// The pictures to show.
    pub(super) fn pictures(&self) -> &Slot<Decoded> {
        &self.hub.decoded
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.hub.stop
    }

    pub(super) fn status(&self) -> Status {
        let now = Instant::now();
        let counters = &self.hub.counters;
        let newest = counters.newest().clone();
        let session = self.hub.seat.sitter();
        let (fps, mbit_s) = self.rates(now);
        let waits = newest.at.is_none() && now.saturating_duration_since(self.opened) >= HINT_AFTER;
        let mut notification = lock(&self.notification);
        notification.take_if(|(until, _)| *until <= now);
        Status {
            state: self.state(newest.at, newest.name.as_ref(), now),
            peer: session
                .map(|session| session.peer)
                .or_else(|| self.hub.last_end().map(|end| end.peer))
                .map(|peer| peer.to_string()),
            name: newest.name.as_ref().map(ToString::to_string),
            width: newest.width,
            height: newest.height,
            fps,
            mbit_s,
            quality: newest.quality,
            latency: newest.latency_us.map(Duration::from_micros),
            shown: counters.shown.load(Ordering::Relaxed),
            skipped: counters.dropped.load(Ordering::Relaxed),
            recording_since: self.hub.sinks.recording_since(),
            typed: self.reach.typed.clone(),
            is_local: self.reach.is_local,
            hint: waits.then(|| self.reach.hint.clone()),
            notification: notification.as_ref().map(|(_, shown)| shown.clone()),
        }
    }

    fn rates(&self, now: Instant) -> (f64, f64) {
        let (rates, taken, fps, mbit_s) = &mut *lock(&self.rates);
        if now.saturating_duration_since(*taken) >= RATES_EVERY {
            (*fps, *mbit_s) = rates.look(&self.hub.counters, now);
            *taken = now;
        }
        (*fps, *mbit_s)
    }

    fn state(&self, last_frame: Option<Instant>, name: Option<&Name>, now: Instant) -> State {
        let stalled = |why| State::Stalled {
            since: last_frame.unwrap_or(now),
            why,
        };
        match (stats::state(&self.hub, now), last_frame) {
            (stats::State::Receiving, _) => State::Receiving,
            (_, None) => State::Waiting,
            (stats::State::Stalled, _) => stalled("no frames come".into()),
            (stats::State::Waiting, _) => stalled(match self.hub.last_end() {
                Some(end) => match name {
                    Some(name) => format!("{} ({}) {}", name.as_str(), end.peer.ip(), end.why),
                    None => format!("{} {}", end.peer, end.why),
                },
                None => "the sender went away".into(),
            }),
        }
    }

    /// Whether the frame is worth showing: not where the program was held up since it came.
    pub(super) fn is_current(&self, frame: &Received) -> bool {
        !self.hub.pulse.held_up_since(frame.arrived)
    }

    /// Acknowledges a frame whose pixels are on the screen since `at`. To be called once a frame.
    pub(super) fn shown(&self, frame: &Arc<Received>, at: Instant) {
        self.hub.shown(frame, at);
    }

    /// Acknowledges a frame that will not be shown, so that the sender goes on. To be called once a
    /// frame, and never for one that was shown.
    pub(super) fn skipped(&self, frame: &Arc<Received>) {
        self.hub.passed_over(frame);
    }

    /// Saves the frame as it was sent, with a note of how it is turned. The file's path, or what
    /// failed, becomes a notification.
    pub(super) fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        self.hub.sinks.snapshot(frame, turn);
    }

    /// Starts a recording, or ends the one that runs. Where it goes, or what failed, becomes a
    /// notification.
    pub(super) fn toggle_recording(&self) {
        let name = self.hub.counters.newest().name.clone();
        if let Err(error) = self.hub.sinks.toggle_recording(name.as_ref()) {
            self.notify(error.to_string(), true);
        }
    }
}
