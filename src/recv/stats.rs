//! The receiving side's figures: counted where things happen, put together when asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::hub::Hub;
use super::received::Received;

/// A session that has brought no frame for this long, and for three of its intervals, is stalled.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// How many latencies are kept between two reports.
const MAX_LATENCIES: usize = 1024;

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

/// Counters that the threads move.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames received.
    pub frames: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Frames shown.
    pub shown: AtomicU64,
    /// Frames received and not shown, since a newer one was there.
    pub dropped: AtomicU64,
    /// Frames that did not decode.
    pub corrupt: AtomicU64,
    newest: Mutex<Newest>,
}

/// What the newest frames said.
#[derive(Debug, Clone, Default)]
pub struct Newest {
    /// When the newest frame came.
    pub at: Option<Instant>,
    /// The sender's name.
    pub name: Option<crate::protocol::stamp::Name>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The JPEG quality, as the stamp says.
    pub quality: Option<u8>,
    /// Capture to shown, as the stamp says.
    pub latency_us: Option<u64>,
    latencies: Vec<u64>,
}

impl Counters {
    /// Counts a frame; gives how many there are now.
    pub fn frame(&self, frame: &Received) -> u64 {
        self.bytes
            .fetch_add(frame.jpeg.len() as u64, Ordering::Relaxed);
        let mut newest = self.newest();
        newest.at = Some(frame.arrived);
        (newest.width, newest.height) = (frame.width, frame.height);
        let stamp = frame.stamp.as_ref();
        newest.name = stamp.and_then(|stamp| stamp.name.clone());
        newest.quality = stamp.and_then(|stamp| stamp.quality);
        newest.latency_us = stamp.and_then(|stamp| stamp.latency_us);
        if let Some(latency) = newest.latency_us {
            if newest.latencies.len() < MAX_LATENCIES {
                newest.latencies.push(latency);
            }
        }
        self.frames.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What the newest frames said.
    pub fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().expect("nothing panics while it counts")
    }

    fn take_median_latency(&self) -> Option<u64> {
        let mut latencies = std::mem::take(&mut self.newest().latencies);
        latencies.sort_unstable();
        latencies.get(latencies.len() / 2).copied()
    }
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

/// Rates between two looks.
#[derive(Debug)]
pub struct Rates {
    since: Instant,
    frames: u64,
    bytes: u64,
}

impl Rates {
    /// Rates count from `now` on.
    pub fn new(now: Instant) -> Self {
        Rates {
            since: now,
            frames: 0,
            bytes: 0,
        }
    }

    /// Frames and megabits a second since the last look.
    pub fn look(&mut self, counters: &Counters, now: Instant) -> (f64, f64) {
        let seconds = now.duration_since(self.since).as_secs_f64().max(1e-3);
        let frames = counters.frames.load(Ordering::Relaxed);
        let bytes = counters.bytes.load(Ordering::Relaxed);
        let fps = frames.saturating_sub(self.frames) as f64 / seconds;
        let mbit_s = bytes.saturating_sub(self.bytes) as f64 * 8e-6 / seconds;
        (self.since, self.frames, self.bytes) = (now, frames, bytes);
        (fps, mbit_s)
    }
}

/// How things stand with the session.
pub fn state(hub: &Hub, now: Instant) -> State {
    match hub.seat.sitter() {
        None => State::Waiting,
        Some(sitter) => {
            let patience = STALLED_AFTER.max(sitter.interval().unwrap_or_default() * 3);
            if sitter.silent_for(now) > patience {
                State::Stalled
            } else {
                State::Receiving
            }
        }
    }
}

/// The figures since the last report.
pub fn report(hub: &Hub, rates: &mut Rates, now: Instant, last: bool) -> Report {
    let counters = &hub.counters;
    let (fps, mbit_s) = rates.look(counters, now);
    let latency = counters.take_median_latency();
    let (recorded, record_dropped) = hub.sinks.recorded();
    let newest = counters.newest().clone();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Report {
        state: state(hub, now),
        peer: hub.seat.sitter().map(|sitter| sitter.peer.to_string()),
        name: newest.name.as_ref().map(ToString::to_string),
        width: newest.at.map(|_| newest.width),
        height: newest.at.map(|_| newest.height),
        fps: round(fps, 2),
        mbit_s: round(mbit_s, 3),
        frames: count(&counters.frames),
        shown: count(&counters.shown),
        dropped: count(&counters.dropped),
        corrupt: count(&counters.corrupt),
        quality: newest.quality,
        latency_ms: latency.map(|us| round(us as f64 / 1000.0, 2)),
        recording: hub.sinks.is_recording(),
        recorded,
        record_dropped,
        last,
    }
}

impl Report {
    /// The report as one line for people.
    pub fn line(&self) -> String {
        let mut line = match self.state {
            State::Waiting => "waiting".to_owned(),
            State::Stalled => "no frames come".to_owned(),
            State::Receiving => format!("{:.1} fps, {:.1} Mbit/s", self.fps, self.mbit_s),
        };
        if let Some(quality) = self.quality {
            line += &format!(", quality {quality}");
        }
        if let Some(latency) = self.latency_ms {
            line += &format!(", camera to screen {latency:.0} ms");
        }
        line += &format!(
            ", {} frames, {} shown, {} dropped",
            self.frames, self.shown, self.dropped
        );
        if self.corrupt > 0 {
            line += &format!(", {} corrupt", self.corrupt);
        }
        if self.recorded + self.record_dropped > 0 {
            line += &format!(", {} recorded", self.recorded);
        }
        line
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
