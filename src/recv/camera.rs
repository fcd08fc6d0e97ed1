//! A camera: one place among those that are received, what came to it, and its figures.
//!
//! A place is one sender's, over as many connections as it makes; who has it, [`Cameras`] says. Its counters are moved
//! by the reader and by the tickets of its frames, and put together when somebody asks for figures.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::cameras::Cameras;
use super::frame::Received;
use super::session::Session;
use crate::handoff::lock::lock;
use crate::protocol::stamp::Name;
use crate::report::rates::{self, Latencies, round};

/// What came to one place.
#[derive(Debug, Default)]
pub(crate) struct Camera {
    /// Counted from 0, in the order in which they came.
    pub(super) index: usize,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Frames that were shown; where nobody looks, frames that every sink has.
    pub(super) shown: AtomicU64,
    /// Frames that were skipped, since a newer one was there.
    pub(super) skipped: AtomicU64,
    /// Frames that could not be decoded, of those that were.
    pub(super) corrupt: AtomicU64,
    newest: Mutex<Newest>,
    last_end: Mutex<Option<LastEnd>>,
}

/// What the newest frame said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest {
    /// When it came.
    pub(crate) at: Option<Instant>,
    pub(crate) name: Option<Name>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) quality: Option<u8>,
    /// Capture to shown, as the sender measured it.
    pub(crate) latency_us: Option<u64>,
    latencies: Latencies,
}

/// How a session ended.
#[derive(Debug, Clone)]
pub(crate) struct LastEnd {
    pub(crate) peer: SocketAddr,
    /// In words.
    pub(crate) why: String,
    /// Whether with an end marker.
    pub(crate) proper: bool,
}

impl Camera {
    pub(super) fn new(index: usize) -> Self {
        Camera {
            index,
            ..Camera::default()
        }
    }

    /// Counts a frame.
    pub(super) fn count(&self, frame: &Received) {
        let bytes = frame.jpeg.len() as u64;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        let mut newest = self.newest();
        newest.at = Some(frame.arrived);
        (newest.width, newest.height) = (frame.width, frame.height);
        let stamp = frame.stamp.as_ref();
        newest.name = stamp.and_then(|stamp| stamp.name.clone());
        newest.quality = stamp.and_then(|stamp| stamp.quality);
        newest.latency_us = stamp.and_then(|stamp| stamp.latency_us);
        if let Some(latency) = newest.latency_us {
            newest.latencies.add(Duration::from_micros(latency));
        }
    }

    /// What the newest frame said.
    pub(crate) fn newest(&self) -> MutexGuard<'_, Newest> {
        lock(&self.newest)
    }

    /// Frames shown and frames skipped so far.
    pub(crate) fn shown_and_skipped(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.shown), count(&self.skipped))
    }

    /// How its last session ended, if one did.
    pub(crate) fn last_end(&self) -> Option<LastEnd> {
        lock(&self.last_end).clone()
    }

    pub(super) fn set_last_end(&self, end: LastEnd) {
        *lock(&self.last_end) = Some(end);
    }
}

/// A session that has brought no frame for this long, and for three of its intervals, is stalled.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// What view-recv is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no session.
    Waiting,
    /// Frames come.
    Receiving,
    /// There is a session, and its frames stay away.
    Stalled,
}

/// What the recordings came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorded {
    /// Whether what is to be recorded is; `None` where no recording is asked for.
    pub is_recording: Option<bool>,
    /// Frames recorded.
    pub frames: u64,
    /// Frames that the disk was too slow for.
    pub dropped: u64,
}

/// One report; the fields' names are the contract of `--stats json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What view-recv is doing.
    pub state: State,
    /// The sender's address.
    pub peer: Option<String>,
    /// The sender's name.
    pub name: Option<String>,
    /// In pixels; null before the first frame.
    pub width: Option<u32>,
    /// In pixels; null before the first frame.
    pub height: Option<u32>,
    /// Frames received a second.
    pub fps: f64,
    /// Megabits received a second.
    pub mbit_s: f64,
    /// Frames received so far.
    pub frames: u64,
    /// Frames shown so far.
    pub shown: u64,
    /// Frames received and not shown so far, since a newer one was there.
    pub dropped: u64,
    /// Frames so far that did not decode.
    pub corrupt: u64,
    /// The JPEG quality; null while unknown.
    pub quality: Option<u8>,
    /// Capture to shown, the median since the last report, in milliseconds; null while unknown.
    pub latency_ms: Option<f64>,
    /// Whether what is to be recorded is; null where no recording is asked for.
    pub recording: Option<bool>,
    /// Frames recorded so far.
    pub recorded: u64,
    /// Frames so far that the disk was too slow for.
    pub record_dropped: u64,
    /// Whether this is the last report.
    #[serde(rename = "final")]
    pub last: bool,
}

/// Frames and bytes from one look to the next.
#[derive(Debug)]
pub struct Rates(rates::Rates<2>);

impl Rates {
    /// Rates count from `now` on.
    pub fn new(now: Instant) -> Self {
        Rates(rates::Rates::new(now))
    }

    /// Frames and megabits a second since the last look.
    pub(crate) fn look(&mut self, camera: &Camera, now: Instant) -> (f64, f64) {
        let counted = [&camera.frames, &camera.bytes].map(|count| count.load(Ordering::Relaxed));
        let [fps, bytes] = self.0.look(counted, now);
        (fps, bytes * 8e-6)
    }
}

/// How things stand with a session, if there is one.
pub(crate) fn state(session: Option<&Session>, now: Instant) -> State {
    let Some(session) = session else {
        return State::Waiting;
    };
    let patience = STALLED_AFTER.max(session.interval().unwrap_or_default() * 3);
    if session.silent_for(now) > patience {
        State::Stalled
    } else {
        State::Receiving
    }
}

/// The figures of the first camera since the last report.
pub fn report(
    cameras: &Cameras,
    recorded: Recorded,
    rates: &mut Rates,
    now: Instant,
    last: bool,
) -> Report {
    let (camera, session) = cameras.first().unwrap_or_default();
    let (fps, mbit_s) = rates.look(&camera, now);
    let latency_ms = camera.newest().latencies.take_median_ms();
    let newest = camera.newest().clone();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Report {
        state: state(session.as_deref(), now),
        peer: session.map(|session| session.peer.to_string()),
        name: newest.name.as_ref().map(ToString::to_string),
        width: newest.at.map(|_| newest.width),
        height: newest.at.map(|_| newest.height),
        fps: round(fps, 2),
        mbit_s: round(mbit_s, 3),
        frames: count(&camera.frames),
        shown: count(&camera.shown),
        dropped: count(&camera.skipped),
        corrupt: count(&camera.corrupt),
        quality: newest.quality,
        latency_ms,
        recording: recorded.is_recording,
        recorded: recorded.frames,
        record_dropped: recorded.dropped,
        last,
    }
}

/// One line for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            State::Waiting => f.write_str("waiting")?,
            State::Stalled => f.write_str("no frames come")?,
            State::Receiving => write!(f, "{:.1} fps, {:.1} Mbit/s", self.fps, self.mbit_s)?,
        }
        if let Some(quality) = self.quality {
            write!(f, ", quality {quality}")?;
        }
        if let Some(latency) = self.latency_ms {
            write!(f, ", camera to screen {latency:.0} ms")?;
        }
        let (frames, shown, dropped) = (self.frames, self.shown, self.dropped);
        write!(f, ", {frames} frames, {shown} shown, {dropped} dropped")?;
        if self.corrupt > 0 {
            write!(f, ", {} corrupt", self.corrupt)?;
        }
        if self.recorded + self.record_dropped > 0 {
            write!(f, ", {} recorded", self.recorded)?;
        }
        Ok(())
    }
}
