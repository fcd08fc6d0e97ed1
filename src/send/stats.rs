//! The sending side's figures: counted where things happen, put together once a second.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
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

/// What all outlets have sent so far.
#[derive(Debug, Default)]
pub struct Counters(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    /// Pictures that at least one receiver got.
    frames: u64,
    outlets: BTreeMap<usize, Arc<Mutex<Sent>>>,
    /// How many there have been.
    joined: usize,
    /// What those have sent that are gone.
    gone: Sent,
}

impl Counters {
    /// The number of a new outlet, and its own counters.
    pub(super) fn join(&self) -> (usize, Arc<Mutex<Sent>>) {
        let all = &mut *lock(&self.0);
        all.joined += 1;
        let sent = all.outlets.entry(all.joined).or_default();
        (all.joined, Arc::clone(sent))
    }

    /// That outlet is gone.
    pub(super) fn leave(&self, outlet: usize) {
        let all = &mut *lock(&self.0);
        if let Some(sent) = all.outlets.remove(&outlet) {
            let (sent, gone) = (lock(&sent), &mut all.gone);
            gone.bytes += sent.bytes;
            gone.reconnects += sent.reconnects;
            gone.since = gone.since.into_iter().chain(sent.since).min();
            gone.quality = sent.quality;
        }
    }

    /// A picture with so many receivers is going to another one; `false`, and it is not, where `limit` of them are
    /// under way.
    pub(super) fn take(&self, receivers: &AtomicU32, limit: Option<u64>) -> bool {
        let all = &mut *lock(&self.0);
        if receivers.load(Ordering::Relaxed) == 0 {
            if limit.is_some_and(|limit| all.frames >= limit) {
                return false;
            }
            all.frames += 1;
        }
        receivers.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// It did not get there.
    pub(super) fn give_back(&self, receivers: &AtomicU32) {
        let all = &mut *lock(&self.0);
        if receivers.fetch_sub(1, Ordering::Relaxed) == 1 {
            all.frames -= 1;
        }
    }

    /// Pictures that at least one receiver got.
    pub(super) fn frames(&self) -> u64 {
        lock(&self.0).frames
    }

    /// When the first of them was sent.
    pub(super) fn since(&self) -> Option<Instant> {
        let all = lock(&self.0);
        let live = all.outlets.values().filter_map(|sent| lock(sent).since);
        live.chain(all.gone.since).min()
    }
}

/// One report; the fields' names are the contract of `--stats json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What pi-send is doing.
    pub state: State,
    /// The receiver's address; of several, the first one's.
    pub peer: Option<SocketAddr>,
    /// How many receivers have a connection.
    pub receivers: usize,
    /// Each of them.
    pub per_receiver: Vec<Receiver>,
    /// Whether the connection is encrypted, with a key.
    pub key: bool,
    /// Pictures a second from the source.
    pub fps_camera: f64,
    /// Pictures a second sent, to one receiver or several.
    pub fps_sent: f64,
    /// Megabits a second sent, to all receivers.
    pub mbit_s: f64,
    /// Pictures sent so far, to one receiver or several. Those of a connection that came to nothing are taken off again: a viewer that shows
    /// another camera takes none of what its kernel took.
    pub frames: u64,
    /// Pictures captured and not sent so far.
    pub skipped: u64,
    /// The JPEG quality, the best of several; null where the JPEGs are passed through.
    pub quality: Option<u8>,
    /// Capture to shown, the median since the last report, in milliseconds; null while unknown. Of several receivers,
    /// the longest.
    pub latency_ms: Option<f64>,
    /// Connections after the first of each receiver.
    pub reconnects: u64,
    /// What the camera says of its last picture.
    #[serde(flatten)]
    pub shot: Shot,
    /// Whether this is the last report.
    #[serde(rename = "final")]
    pub last: bool,
}

/// One receiver's part in a report; the fields are the report's own.
#[derive(Debug, Clone, Serialize)]
pub struct Receiver {
    /// Its address.
    pub peer: SocketAddr,
    pub fps_sent: f64,
    pub mbit_s: f64,
    pub frames: u64,
    pub quality: Option<u8>,
    pub latency_ms: Option<f64>,
    pub reconnects: u64,
}

impl Receiver {
    /// Of an outlet that has a connection.
    fn new(sent: &Sent, rates: &mut Rates<2>, now: Instant) -> Option<Receiver> {
        let [frames, bytes] = rates.look([sent.frames, sent.bytes], now);
        let (peer, acks) = sent.link.as_ref()?;
        Some(Receiver {
            peer: *peer,
            fps_sent: round(frames, 2),
            mbit_s: round(bytes * 8e-6, 3),
            frames: sent.frames,
            quality: sent.quality,
            latency_ms: acks.state().latencies.take_median_ms(),
            reconnects: sent.reconnects,
        })
    }
}

/// Makes reports out of counters: each is of the time since the last one, the first of that since `start`.
pub fn reports(
    counters: Arc<Counters>,
    feed: Arc<Feed>,
    key: bool,
    start: Instant,
) -> impl FnMut(Instant, bool) -> Report {
    let mut rates = Rates::new(start);
    let (mut rates_of, mut before) = (BTreeMap::new(), start);
    move |now, last| {
        let all = lock(&counters.0);
        let (sent_frames, gone) = (all.frames, all.gone.clone());
        let outlets = all.outlets.iter();
        let outlets: Vec<_> = outlets
            .map(|(id, sent)| (*id, lock(sent).clone()))
            .collect();
        drop(all);
        let sum = |of: fn(&Sent) -> u64| {
            let live = outlets.iter().map(|(_, sent)| of(sent));
            live.sum::<u64>() + of(&gone)
        };
        let captured = feed.captured();
        let bytes = sum(|sent| sent.bytes);
        let [pictures, frames, bytes] = rates.look([captured, sent_frames, bytes], now);
        rates_of.retain(|id, _| outlets.iter().any(|(outlet, _)| outlet == id));
        let receivers = outlets.iter().filter_map(|(id, sent)| {
            let rates = rates_of.entry(*id).or_insert_with(|| Rates::new(before));
            Receiver::new(sent, rates, now)
        });
        let per_receiver: Vec<Receiver> = receivers.collect();
        before = now;
        let latencies = per_receiver
            .iter()
            .filter_map(|receiver| receiver.latency_ms);
        let live = outlets.iter().filter_map(|(_, sent)| sent.quality);
        Report {
            state: match per_receiver.len() {
                _ if feed.is_lost.load(Ordering::Relaxed) => State::CameraLost,
                0 => State::Connecting,
                _ => State::Sending,
            },
            peer: per_receiver.first().map(|receiver| receiver.peer),
            receivers: per_receiver.len(),
            key,
            fps_camera: round(pictures, 2),
            fps_sent: round(frames, 2),
            mbit_s: round(bytes * 8e-6, 3),
            frames: sent_frames,
            skipped: captured.saturating_sub(sent_frames),
            quality: live.max().or(gone.quality),
            latency_ms: latencies.reduce(f64::max),
            reconnects: sum(|sent| sent.reconnects),
            per_receiver,
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
        if self.receivers > 1 {
            write!(f, ", {} receivers", self.receivers)?;
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
