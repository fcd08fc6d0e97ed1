//! The receivers, and the sending side's figures: counted where things happen, put together once a second.
//!
//! Whose place a receiver that dials gets is decided here, too, by what each has acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

use super::{Acks, Encoded, End};
use crate::handoff::lock;
use crate::protocol::Status;
use crate::report::rates::Rates;
use crate::report::{round, stream_in_words};
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

/// How many receivers that dial there can be.
const PLACES: usize = 8;

/// What was sent so far, to one receiver or to all, as far as it counts: counted as it goes, the rest put in for a
/// report. The fields' names are the contract of `--stats json`. What a receiver's kernel took is not what the receiver
/// took: a viewer that shows another camera leaves frames lying until it closes.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Figures {
    /// The receiver's address; of several, the first one's.
    pub peer: Option<SocketAddr>,
    /// Pictures a second sent, to one receiver or several.
    pub fps_sent: f64,
    /// Megabits a second sent, to all receivers.
    pub mbit_s: f64,
    /// Pictures sent so far, to one receiver or several. Those of a connection that came to nothing are taken off again:
    /// a viewer that shows another camera takes none of what its kernel took.
    pub frames: u64,
    /// Bytes sent so far, stamps included.
    #[serde(skip)]
    bytes: u64,
    /// The JPEG quality, the best of several; null where the JPEGs are passed through.
    pub quality: Option<u8>,
    /// Capture to shown, the median since the last report, in milliseconds; null while unknown. Of several receivers,
    /// the longest.
    pub latency_ms: Option<f64>,
    /// Connections after the first of each receiver.
    pub reconnects: u64,
}

impl Figures {
    /// As a report has them: with rates and, where a connection stands, what its receiver said since the last one.
    fn report(self, rates: &mut Rates<2>, acks: Option<&Acks>, now: Instant) -> Figures {
        let [frames, bytes] = rates.look([self.frames, self.bytes], now);
        Figures {
            peer: acks.map(|acks| acks.link.peer),
            fps_sent: round(frames, 2),
            mbit_s: round(bytes * 8e-6, 3),
            latency_ms: acks.and_then(|acks| acks.state().latencies.take_median_ms()),
            ..self
        }
    }
}

/// A receiver, and what an outlet has sent it.
struct Receiver {
    sent: Figures,
    /// The connection that stands and was reported, if any.
    acks: Option<Arc<Acks>>,
    rates: Rates<2>,
}

/// All receivers, and what was sent to them so far: outlets write, [`reports`] read. Whoever holds its lock may take
/// that of a connection's [`Acks`]; nobody does it the other way round.
#[derive(Default)]
pub struct Counters {
    /// Those that are sent to, by number.
    receivers: BTreeMap<usize, Receiver>,
    /// How many there have been.
    joined: usize,
    /// Whether there will be no other one.
    is_closed: bool,
    /// To all; its frames are those that at least one receiver got.
    pub(super) sent: Figures,
    /// When the first picture was sent.
    pub(super) since: Option<Instant>,
}

impl Counters {
    /// A new receiver; returns its number.
    pub(super) fn join(&mut self) -> usize {
        self.joined += 1;
        let receiver = Receiver {
            sent: Figures::default(),
            acks: None,
            rates: Rates::new(Instant::now()),
        };
        self.receivers.insert(self.joined, receiver);
        self.joined
    }

    /// The same for one that dialled from there, which may take another's place; else says why not; `None` where nothing
    /// is sent any more.
    pub(super) fn enter(&mut self, ip: IpAddr) -> Result<usize, Option<Status>> {
        if self.is_closed {
            return Err(None);
        }
        let evicted = self.gives_way(ip, Instant::now()).map_err(Some)?;
        let evicted = evicted.and_then(|id| self.receivers.remove(&id));
        if let Some(acks) = evicted.and_then(|evicted| evicted.acks) {
            acks.close(End::Evicted);
        }
        Ok(self.join())
    }

    /// Whose place somebody who dials from there would get, if anybody's: that of its own connection before, which fell
    /// silent. When all are taken, that of one which has acknowledged nothing for longer than failover's limit; nobody
    /// else's. An error where there is none.
    pub(super) fn gives_way(&self, ip: IpAddr, now: Instant) -> Result<Option<usize>, Status> {
        let is_full = self.receivers.len() >= PLACES;
        let rank = |(number, receiver): (&usize, &Receiver)| {
            let acks = receiver.acks.as_ref()?;
            let is_own = acks.link.peer.ip() == ip;
            let has_gone = is_own && acks.state().is_silent;
            let gives_way = has_gone || is_full && acks.state().is_stuck(now);
            gives_way.then_some((!has_gone, !is_own, *number))
        };
        match self.receivers.iter().filter_map(rank).min() {
            None if is_full => Err(Status::Busy),
            first => Ok(first.map(|(.., number)| number)),
        }
    }

    /// That receiver is gone.
    pub(super) fn leave(&mut self, receiver: usize) {
        self.receivers.remove(&receiver);
    }

    /// Takes no more receivers, if there is none; returns whether that is so.
    pub(super) fn close(&mut self) -> bool {
        self.is_closed |= self.receivers.is_empty();
        self.is_closed
    }

    /// That receiver has this connection, or none.
    pub(super) fn connected(&mut self, receiver: usize, acks: Option<Arc<Acks>>) {
        if let Some(receiver) = self.receivers.get_mut(&receiver) {
            receiver.acks = acks;
        }
    }

    /// What was sent to all, and to that receiver, unless another has its place.
    pub(super) fn sent_to(&mut self, receiver: usize) -> impl Iterator<Item = &mut Figures> {
        let own = self.receivers.get_mut(&receiver);
        iter::once(&mut self.sent).chain(own.map(|receiver| &mut receiver.sent))
    }

    /// A picture with so many receivers is going to another one; `false`, and it is not, where `limit` of them are
    /// under way.
    pub(super) fn take(&mut self, to: usize, picture: &Encoded, limit: Option<u64>) -> bool {
        let is_first = picture.receivers.load(Ordering::Relaxed) == 0;
        if is_first && limit.is_some_and(|limit| self.sent.frames >= limit) {
            return false;
        }
        picture.receivers.fetch_add(1, Ordering::Relaxed);
        for sent in self.sent_to(to).skip(usize::from(!is_first)) {
            sent.frames += 1;
        }
        true
    }

    /// It did not get there.
    pub(super) fn give_back(&mut self, to: usize, receivers: &AtomicU32) {
        let is_last = receivers.fetch_sub(1, Ordering::Relaxed) == 1;
        for sent in self.sent_to(to).skip(usize::from(!is_last)) {
            sent.frames -= 1;
        }
        self.since = self.since.filter(|_| self.sent.frames > 0);
    }

    /// It did, in so many bytes.
    pub(super) fn add(&mut self, to: usize, picture: &Encoded, bytes: usize) {
        self.since.get_or_insert_with(Instant::now);
        for sent in self.sent_to(to) {
            sent.bytes += bytes as u64;
            sent.quality = picture.quality;
        }
    }
}

/// One report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What pi-send is doing.
    pub state: State,
    /// Of all receivers.
    #[serde(flatten)]
    pub all: Figures,
    /// How many receivers have a connection.
    pub receivers: usize,
    /// Each of them.
    pub per_receiver: Vec<Figures>,
    /// Whether the connection is encrypted, with a key.
    pub key: bool,
    /// Pictures a second from the source.
    pub fps_camera: f64,
    /// Pictures captured and not sent so far.
    pub skipped: u64,
    /// What the camera says of its last picture.
    #[serde(flatten)]
    pub shot: Shot,
    /// Whether this is the last report.
    #[serde(rename = "final")]
    pub last: bool,
}

/// Makes reports out of counters: each is of the time since the last one, the first of that since now.
pub fn reports(
    counters: Arc<Mutex<Counters>>,
    feed: Arc<Feed>,
    key: bool,
) -> impl FnMut(Instant, bool) -> Report {
    let start = Instant::now();
    let (mut captures, mut rates) = (Rates::new(start), Rates::new(start));
    move |now, last| {
        let (counters, captured) = (&mut *lock(&counters), feed.captured());
        let [fps_camera] = captures.look([captured], now);
        let all = counters.sent.report(&mut rates, None, now);
        let receivers = counters.receivers.values_mut();
        let receivers = receivers.map(|to| to.sent.report(&mut to.rates, to.acks.as_deref(), now));
        let per_receiver: Vec<Figures> = receivers.filter(|live| live.peer.is_some()).collect();
        let qualities = per_receiver.iter().filter_map(|live| live.quality);
        let latencies = per_receiver.iter().filter_map(|live| live.latency_ms);
        Report {
            state: match per_receiver.len() {
                _ if feed.is_lost.load(Ordering::Relaxed) => State::CameraLost,
                0 => State::Connecting,
                _ => State::Sending,
            },
            all: Figures {
                peer: per_receiver.first().and_then(|first| first.peer),
                quality: qualities.max().or(all.quality),
                latency_ms: latencies.reduce(f64::max),
                ..all
            },
            receivers: per_receiver.len(),
            key,
            fps_camera: round(fps_camera, 2),
            skipped: captured.saturating_sub(all.frames),
            per_receiver,
            shot: feed.shot().unwrap_or_default(),
            last,
        }
    }
}

/// One line for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, captured) = (&self.all, self.fps_camera);
        let (fps, mbit_s) = (all.fps_sent, all.mbit_s);
        match self.state {
            State::Connecting => f.write_str("connecting")?,
            State::CameraLost => f.write_str("camera lost")?,
            State::Sending => write!(f, "{fps:.1} fps of {captured:.1}, {mbit_s:.1} Mbit/s")?,
        }
        if self.receivers > 1 {
            write!(f, ", {} receivers", self.receivers)?;
        }
        f.write_str(&stream_in_words(self.key, all.quality, all.latency_ms))?;
        write!(f, ", {} frames, {} skipped", all.frames, self.skipped)
    }
}
