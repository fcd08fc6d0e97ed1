//! A camera's figures: what came to its place, and what became of that.
//!
//! A place is one sender's, over as many connections as it makes; who has it, [`Cameras`] says. Its counters are moved
//! by the reader and by what becomes of its frames, and put together when somebody asks for figures.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Cameras, Received, Session};
use crate::protocol::{Name, Stamp};
use crate::report::{Latencies, rates, round, stream_in_words};

/// What came so far; the names of what is serialized belong to the contract of `--stats json`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) frames: u64,
    #[serde(skip)]
    pub(crate) bytes: u64,
    /// Frames that were shown; where nobody looks, frames that every sink has.
    pub(crate) shown: u64,
    /// Frames that were not shown, since a newer one was there.
    #[serde(rename = "dropped")]
    pub(crate) skipped: u64,
    /// Frames that could not be decoded, of those that were tried.
    pub(crate) corrupt: u64,
    #[serde(skip)]
    pub(crate) newest: Option<Arc<Received>>,
    /// Those that were stamped since the last report.
    #[serde(skip)]
    pub(crate) latencies: Latencies,
}

/// Of one camera: its newest frame is the last one that was counted.
impl PartialEq for Counts {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |counts: &Counts| [counts.frames, counts.shown, counts.skipped];
        numbers(self) == numbers(other)
    }
}

impl Counts {
    /// Those of the first camera, as they are now.
    pub(crate) fn of(session: Option<&Arc<Session>>) -> Counts {
        let counts = session.map(|session| session.counts().clone());
        counts.unwrap_or_default()
    }

    /// What the newest frame's stamp says.
    pub(crate) fn stamp(&self) -> Option<&Stamp> {
        self.newest.as_ref()?.stamp.as_ref()
    }

    /// The frames' size in pixels, as sent; 0 before the first.
    pub(crate) fn size(&self) -> (u32, u32) {
        let newest = self.newest.as_ref();
        newest.map_or((0, 0), |newest| (newest.width, newest.height))
    }

    /// The sender's name, as the newest frame says.
    pub(crate) fn name(&self) -> Option<&Name> {
        self.newest.as_ref()?.name()
    }

    /// Counts a frame.
    pub(super) fn count(&mut self, frame: &Arc<Received>) {
        self.frames += 1;
        self.bytes += frame.jpeg.len() as u64;
        self.newest = Some(Arc::clone(frame));
        if let Some(latency) = frame.stamp.as_ref().and_then(|stamp| stamp.latency_us) {
            self.latencies.add(Duration::from_micros(latency));
        }
    }

    /// Frames and megabits a second since the last look.
    pub(crate) fn rates(&self, rates: &mut Rates, now: Instant) -> (f64, f64) {
        let [fps, bytes] = rates.look([self.frames, self.bytes], now);
        (fps, bytes * 8e-6)
    }
}

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
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Recorded {
    /// Whether what is to be recorded is; null where no recording is asked for.
    pub recording: Option<bool>,
    /// Frames recorded so far.
    pub recorded: u64,
    /// Frames so far that the disk was too slow for.
    pub record_dropped: u64,
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
    /// Whether what comes is encrypted, with a key.
    pub key: bool,
    /// In pixels; null before the first frame.
    pub width: Option<u32>,
    /// In pixels; null before the first frame.
    pub height: Option<u32>,
    /// Frames received a second.
    pub fps: f64,
    /// Megabits received a second.
    pub mbit_s: f64,
    /// What came so far, and what became of it.
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// The JPEG quality; null while unknown.
    pub quality: Option<u8>,
    /// Capture to shown, the median since the last report, in milliseconds; null while unknown.
    pub latency_ms: Option<f64>,
    /// What the recordings came to.
    #[serde(flatten)]
    pub recorded: Recorded,
    /// Whether this is the last report.
    #[serde(rename = "final")]
    pub last: bool,
}

/// Frames and bytes from one look to the next.
pub(crate) type Rates = rates::Rates<2>;

/// Makes reports of the first camera: each is of the time since the last one, the first of that since now.
pub fn reports(
    cameras: &Cameras,
    recorded: impl Fn() -> Recorded,
) -> impl FnMut(Instant, bool) -> Report {
    let mut rates = Rates::new(Instant::now());
    move |now, last| {
        let session = cameras.first();
        let latencies = |session: &Arc<Session>| session.counts().latencies.take_median_ms();
        let latency_ms = session.as_ref().and_then(latencies);
        let counts = Counts::of(session.as_ref());
        let live = session.filter(|session| !session.is_over());
        let (fps, mbit_s) = counts.rates(&mut rates, now);
        Report {
            state: match &live {
                None => State::Waiting,
                Some(session) if session.is_stalled(now) => State::Stalled,
                Some(_) => State::Receiving,
            },
            peer: live.map(|session| session.peer.to_string()),
            name: counts.name().map(ToString::to_string),
            key: cameras.config.key.is_some(),
            width: counts.newest.as_ref().map(|newest| newest.width),
            height: counts.newest.as_ref().map(|newest| newest.height),
            fps: round(fps, 2),
            mbit_s: round(mbit_s, 3),
            quality: counts.stamp().and_then(|stamp| stamp.quality),
            counts,
            latency_ms,
            recorded: recorded(),
            last,
        }
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
        f.write_str(&stream_in_words(self.key, self.quality, self.latency_ms))?;
        let counts = &self.counts;
        let (frames, shown, dropped) = (counts.frames, counts.shown, counts.skipped);
        write!(f, ", {frames} frames, {shown} shown, {dropped} dropped")?;
        if counts.corrupt > 0 {
            write!(f, ", {} corrupt", counts.corrupt)?;
        }
        let recorded = &self.recorded;
        if recorded.recorded + recorded.record_dropped > 0 {
            write!(f, ", {} recorded", recorded.recorded)?;
        }
        Ok(())
    }
}
