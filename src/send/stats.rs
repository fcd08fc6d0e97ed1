//! The sending side's figures: counted where things happen, put together once a second.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

use super::acks::Acks;
use crate::source::Feed;

/// What pi-send is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No connection stands.
    Connecting,
    /// A connection stands.
    Sending,
    /// The camera does not deliver; it is tried again.
    CameraLost,
}

/// Counters that the session moves and the reporter reads.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames sent, as far as they count.
    pub frames: AtomicU64,
    /// Bytes of frames sent.
    pub bytes: AtomicU64,
    /// Connections after the first.
    pub reconnects: AtomicU64,
    /// The quality of the last frame encoded here; 0 while there is none.
    pub quality: AtomicU8,
    link: Mutex<Option<(SocketAddr, Arc<Acks>)>>,
}

impl Counters {
    /// Says which connection stands, if any.
    pub(super) fn set_link(&self, link: Option<(SocketAddr, Arc<Acks>)>) {
        *self.link.lock().expect(POISON) = link;
    }
}

/// One report; the fields' names are the contract of `--stats json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What pi-send is doing.
    pub state: State,
    /// The receiver's address.
    pub peer: Option<SocketAddr>,
    /// Pictures a second from the source.
    pub fps_camera: f64,
    /// Frames a second sent.
    pub fps_sent: f64,
    /// Megabits a second sent.
    pub mbit_s: f64,
    /// Frames sent so far. Those of a connection that came to nothing are taken off again: a viewer that shows
    /// another camera takes none of what its kernel took.
    pub frames: u64,
    /// Pictures captured and not sent so far.
    pub skipped: u64,
    /// The JPEG quality; null where the JPEGs are passed through.
    pub quality: Option<u8>,
    /// Capture to shown, the median since the last report, in milliseconds; null while unknown.
    pub latency_ms: Option<f64>,
    /// Connections after the first.
    pub reconnects: u64,
    /// Exposure time in microseconds, from a camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_us: Option<u32>,
    /// Analogue gain, from a camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f32>,
    /// Lens position in dioptres, from a camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens_position: Option<f32>,
    /// Whether this is the last report.
    #[serde(rename = "final")]
    pub last: bool,
}

/// Makes reports out of counters; remembers the last one for the rates.
#[derive(Debug)]
pub struct Reporter {
    counters: Arc<Counters>,
    feed: Arc<Feed>,
    since: Instant,
    captured: u64,
    frames: u64,
    bytes: u64,
}

impl Reporter {
    /// Rates count from `now` on.
    pub fn new(counters: Arc<Counters>, feed: Arc<Feed>, now: Instant) -> Self {
        Reporter {
            counters,
            feed,
            since: now,
            captured: 0,
            frames: 0,
            bytes: 0,
        }
    }

    /// The figures since the last report.
    pub fn report(&mut self, now: Instant, last: bool) -> Report {
        let seconds = now.duration_since(self.since).as_secs_f64().max(1e-3);
        let rate = |new: u64, old: u64| round(new.saturating_sub(old) as f64 / seconds, 2);
        let captured = self.feed.captured();
        let frames = self.counters.frames.load(Ordering::Relaxed);
        let bytes = self.counters.bytes.load(Ordering::Relaxed);
        let link = self.counters.link.lock().expect(POISON).clone();
        let quality = self.counters.quality.load(Ordering::Relaxed);
        let shot = self.feed.shot().unwrap_or_default();
        let latency = link
            .as_ref()
            .and_then(|(_, acks)| acks.take_median_latency());
        let report = Report {
            state: match (&link, self.feed.lost()) {
                (_, Some(_)) => State::CameraLost,
                (Some(_), None) => State::Sending,
                (None, None) => State::Connecting,
            },
            peer: link.map(|(peer, _)| peer),
            fps_camera: rate(captured, self.captured),
            fps_sent: rate(frames, self.frames),
            mbit_s: round(rate(bytes, self.bytes) * 8e-6, 3),
            frames,
            skipped: captured.saturating_sub(frames),
            quality: (quality > 0).then_some(quality),
            latency_ms: latency.map(|latency| round(latency.as_secs_f64() * 1e3, 2)),
            reconnects: self.counters.reconnects.load(Ordering::Relaxed),
            exposure_us: shot.exposure_us,
            gain: shot.gain,
            lens_position: shot.lens_position,
            last,
        };
        (self.since, self.captured, self.frames, self.bytes) = (now, captured, frames, bytes);
        report
    }
}

impl Report {
    /// The report as one line for people.
    pub fn line(&self) -> String {
        let mut line = match self.state {
            State::Connecting => "connecting".to_owned(),
            State::CameraLost => "camera lost".to_owned(),
            State::Sending => format!(
                "{:.1} fps of {:.1}, {:.1} Mbit/s",
                self.fps_sent, self.fps_camera, self.mbit_s
            ),
        };
        if let Some(quality) = self.quality {
            line += &format!(", quality {quality}");
        }
        if let Some(latency) = self.latency_ms {
            line += &format!(", camera to screen {latency:.0} ms");
        }
        line + &format!(", {} frames, {} skipped", self.frames, self.skipped)
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

const POISON: &str = "nothing panics while it holds the link";
