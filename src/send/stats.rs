//! The sending side's figures: counted where things happen, put together once a second.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

use super::acks::Acks;
use crate::handoff::lock::lock;
use crate::report::rates::{Rates, round};
use crate::source::{Feed, Shot};

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

/// What an outlet has sent so far, as far as it counts: it writes, [`reports`] read. What a receiver's kernel took
/// is not what the receiver took: a viewer that shows another camera leaves frames lying until it closes.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub(super) frames: u64,
    /// When the first of them was sent.
    pub(super) since: Option<Instant>,
    pub(super) bytes: u64,
    /// Connections after the first.
    pub(super) reconnects: u64,
    /// Of the last frame, if it was encoded here.
    pub(super) quality: Option<u8>,
    /// The connection that stands, if any, by its peer.
    pub(super) link: Option<(SocketAddr, Arc<Acks>)>,
}

/// The same, shared by the two.
pub type Counters = Mutex<Sent>;

/// One report; the fields' names are the contract of `--stats json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What pi-send is doing.
    pub state: State,
    /// The receiver's address.
    pub peer: Option<SocketAddr>,
    /// Whether the connection is encrypted, with a key.
    pub key: bool,
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
    /// What the camera says of its last picture.
    #[serde(flatten)]
    pub shot: Shot,
    /// Whether this is the last report.
    #[serde(rename = "final")]
    pub last: bool,
}

/// Makes reports out of counters: each is of the time since the last one, the first of that since `start`.
pub fn reports(
    counters: Arc<Counters>,
    feed: Arc<Feed>,
    key: bool,
    start: Instant,
) -> impl FnMut(Instant, bool) -> Report {
    let mut rates = Rates::new(start);
    move |now, last| {
        let (sent, captured) = (lock(&counters).clone(), feed.captured());
        let [pictures, frames, bytes] = rates.look([captured, sent.frames, sent.bytes], now);
        let link = sent.link.as_ref();
        let latency_ms = link.and_then(|(_, acks)| acks.state().latencies.take_median_ms());
        Report {
            state: match &sent.link {
                _ if feed.is_lost.load(Ordering::Relaxed) => State::CameraLost,
                Some(_) => State::Sending,
                None => State::Connecting,
            },
            peer: sent.link.map(|(peer, _)| peer),
            key,
            fps_camera: round(pictures, 2),
            fps_sent: round(frames, 2),
            mbit_s: round(bytes * 8e-6, 3),
            frames: sent.frames,
            skipped: captured.saturating_sub(sent.frames),
            quality: sent.quality,
            latency_ms,
            reconnects: sent.reconnects,
            shot: feed.shot().unwrap_or_default(),
            last,
        }
    }
}

/// One line for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            State::Connecting => f.write_str("connecting")?,
            State::CameraLost => f.write_str("camera lost")?,
            State::Sending => write!(
                f,
                "{:.1} fps of {:.1}, {:.1} Mbit/s",
                self.fps_sent, self.fps_camera, self.mbit_s
            )?,
        }
        if self.key {
            f.write_str(", encrypted")?;
        }
        if let Some(quality) = self.quality {
            write!(f, ", quality {quality}")?;
        }
        if let Some(latency) = self.latency_ms {
            write!(f, ", camera to screen {latency:.0} ms")?;
        }
        write!(f, ", {} frames, {} skipped", self.frames, self.skipped)
    }
}
