//! The receivers, and the sending side's figures: counted where things happen, put together once a second.
//!
//! Whose place a receiver that dials gets is decided here, too, by what each has acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

use super::acks::SILENCE;
use super::{Acks, End};
use crate::handoff::lock;
use crate::net::Link;
use crate::protocol::Status;
use crate::report::rates::Rates;
use crate::report::{round, write_stream};
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

/// What was sent so far, to one receiver or to all, as far as it counts. What a receiver's kernel took is not what
/// the receiver took: a viewer that shows another camera leaves frames lying until it closes.
#[derive(Default)]
pub(super) struct Totals {
    /// Of all, those that at least one receiver got.
    pub(super) frames: u64,
    bytes: u64,
    /// Connections after each receiver's first.
    reconnects: u64,
    /// Of the last frame, if it was encoded here.
    quality: Option<u8>,
}

impl Totals {
    /// Its part in a report, with frames and bytes a second.
    fn figures(&self, peer: Option<SocketAddr>, [frames, bytes]: [f64; 2]) -> Figures {
        Figures {
            peer,
            fps_sent: round(frames, 2),
            mbit_s: round(bytes * 8e-6, 3),
            frames: self.frames,
            quality: self.quality,
            latency_ms: None,
            reconnects: self.reconnects,
        }
    }
}

/// A receiver, and what an outlet has sent it.
pub(super) struct Sent {
    pub(super) totals: Totals,
    /// The connection that stands, if any.
    pub(super) link: Option<(Arc<Link>, Arc<Acks>)>,
    rates: Rates<2>,
}

impl Sent {
    fn is_of(&self, ip: IpAddr) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|(link, _)| link.peer.ip() == ip)
    }

    fn is(&self, how: impl Fn(&Acks) -> bool) -> bool {
        self.link.as_ref().is_some_and(|(_, acks)| how(acks))
    }

    /// Its part in a report, where a connection stands.
    fn report(&mut self, now: Instant) -> Option<Figures> {
        let totals = &self.totals;
        let rates = self.rates.look([totals.frames, totals.bytes], now);
        let (link, acks) = self.link.as_ref()?;
        let mut state = acks.state();
        state.is_announced.then(|| Figures {
            latency_ms: state.latencies.take_median_ms(),
            ..totals.figures(Some(link.peer), rates)
        })
    }
}

/// A receiver's number, and what it was sent.
pub(super) type Joined = (usize, Arc<Mutex<Sent>>);

/// All receivers, and what was sent to them so far: outlets write, [`reports`] read.
#[derive(Default)]
pub struct Counters(Mutex<All>);

#[derive(Default)]
struct All {
    /// Those that are sent to, by number.
    receivers: BTreeMap<usize, Arc<Mutex<Sent>>>,
    /// How many there have been.
    joined: usize,
    /// Whether there will be no other one.
    is_closed: bool,
    totals: Totals,
    /// When the first picture was sent.
    since: Option<Instant>,
}

impl All {
    fn join(&mut self) -> Joined {
        self.joined += 1;
        let sent = Arc::new(Mutex::new(Sent {
            totals: Totals::default(),
            link: None,
            rates: Rates::new(Instant::now()),
        }));
        self.receivers.insert(self.joined, Arc::clone(&sent));
        (self.joined, sent)
    }

    /// Whose place somebody who dials from there would get, if anybody's; an error where there is none.
    fn gives_way(&self, ip: IpAddr, now: Instant) -> Result<Option<usize>, Status> {
        let receivers = || self.receivers.iter().map(|(id, sent)| (*id, lock(sent)));
        let is_own = |sent: &Sent| sent.is_of(ip) && sent.is(|acks| acks.state().is_silent);
        let own = receivers().find(|(_, sent)| is_own(sent));
        if own.is_some() || self.receivers.len() < PLACES {
            return Ok(own.map(|(id, _)| id));
        }
        let stuck = receivers().filter(|(_, sent)| sent.is(|acks| acks.is_stuck(SILENCE, now)));
        let stuck = stuck.min_by_key(|(_, sent)| !sent.is_of(ip));
        stuck.map(|(id, _)| Some(id)).ok_or(Status::Busy)
    }
}

impl Counters {
    /// A new receiver.
    pub(super) fn join(&self) -> Joined {
        lock(&self.0).join()
    }

    /// The same for one that dialled from there: it has a place of its own, or that of its own connection before, which
    /// fell silent. When all are taken, it gets that of one which has acknowledged nothing for longer than failover's
    /// limit; nobody else's. Else says why not; `None` where nothing is sent any more.
    pub(super) fn enter(&self, ip: IpAddr) -> Result<Joined, Option<Status>> {
        let all = &mut *lock(&self.0);
        if all.is_closed {
            return Err(None);
        }
        let evicted = all.gives_way(ip, Instant::now()).map_err(Some)?;
        let evicted = evicted.and_then(|id| all.receivers.remove(&id));
        if let Some((link, acks)) = evicted.and_then(|sent| lock(&sent).link.take()) {
            acks.close(End::Evicted);
            link.cut();
        }
        Ok(all.join())
    }

    /// Whether there is no place for somebody from there.
    pub(super) fn is_busy_for(&self, ip: IpAddr) -> bool {
        lock(&self.0).gives_way(ip, Instant::now()).is_err()
    }

    /// That receiver is gone.
    pub(super) fn leave(&self, receiver: usize) {
        lock(&self.0).receivers.remove(&receiver);
    }

    /// Takes no more receivers, if there is none; returns whether that is so.
    pub(super) fn close(&self) -> bool {
        let all = &mut *lock(&self.0);
        all.is_closed |= all.receivers.is_empty();
        all.is_closed
    }

    /// A picture with so many receivers is going to another one; `false`, and it is not, where `limit` of them are
    /// under way.
    pub(super) fn take(&self, receivers: &AtomicU32, limit: Option<u64>) -> bool {
        let all = &mut *lock(&self.0);
        if receivers.load(Ordering::Relaxed) == 0 {
            if limit.is_some_and(|limit| all.totals.frames >= limit) {
                return false;
            }
            all.totals.frames += 1;
        }
        receivers.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// It did not get there.
    pub(super) fn give_back(&self, receivers: &AtomicU32) {
        let all = &mut *lock(&self.0);
        if receivers.fetch_sub(1, Ordering::Relaxed) == 1 {
            all.totals.frames -= 1;
            all.since = all.since.filter(|_| all.totals.frames > 0);
        }
    }

    /// It did.
    pub(super) fn sent(&self, to: &Mutex<Sent>, bytes: u64, quality: Option<u8>) {
        let (all, sent) = (&mut *lock(&self.0), &mut *lock(to));
        all.since.get_or_insert_with(Instant::now);
        for totals in [&mut all.totals, &mut sent.totals] {
            totals.bytes += bytes;
            totals.quality = quality;
        }
        sent.totals.frames += 1;
    }

    /// That receiver has another connection.
    pub(super) fn reconnected(&self, to: &Mutex<Sent>) {
        lock(&self.0).totals.reconnects += 1;
        lock(to).totals.reconnects += 1;
    }

    /// Pictures that at least one receiver got.
    pub(super) fn frames(&self) -> u64 {
        lock(&self.0).totals.frames
    }

    /// When the first of them was sent.
    pub(super) fn since(&self) -> Option<Instant> {
        lock(&self.0).since
    }
}

/// What a report says of one receiver, or of all; the fields' names are the contract of `--stats json`.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The receiver's address; of several, the first one's.
    pub peer: Option<SocketAddr>,
    /// Pictures a second sent, to one receiver or several.
    pub fps_sent: f64,
    /// Megabits a second sent, to all receivers.
    pub mbit_s: f64,
    /// Pictures sent so far, to one receiver or several. Those of a connection that came to nothing are taken off again: a viewer that shows
    /// another camera takes none of what its kernel took.
    pub frames: u64,
    /// The JPEG quality, the best of several; null where the JPEGs are passed through.
    pub quality: Option<u8>,
    /// Capture to shown, the median since the last report, in milliseconds; null while unknown. Of several receivers,
    /// the longest.
    pub latency_ms: Option<f64>,
    /// Connections after the first of each receiver.
    pub reconnects: u64,
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

/// Makes reports out of counters: each is of the time since the last one, the first of that since `start`.
pub fn reports(
    counters: Arc<Counters>,
    feed: Arc<Feed>,
    key: bool,
    start: Instant,
) -> impl FnMut(Instant, bool) -> Report {
    let mut rates = Rates::new(start);
    move |now, last| {
        let (all, captured) = (lock(&counters.0), feed.captured());
        let totals = &all.totals;
        let [pictures, sent @ ..] = rates.look([captured, totals.frames, totals.bytes], now);
        let receivers = all.receivers.values();
        let receivers = receivers.filter_map(|sent| lock(sent).report(now));
        let per_receiver: Vec<Figures> = receivers.collect();
        let live = per_receiver.iter().filter_map(|live| live.quality);
        let latencies = per_receiver.iter().filter_map(|live| live.latency_ms);
        let first = per_receiver.first().and_then(|receiver| receiver.peer);
        Report {
            state: match per_receiver.len() {
                _ if feed.is_lost.load(Ordering::Relaxed) => State::CameraLost,
                0 => State::Connecting,
                _ => State::Sending,
            },
            all: Figures {
                quality: live.max().or(totals.quality),
                latency_ms: latencies.reduce(f64::max),
                ..totals.figures(first, sent)
            },
            receivers: per_receiver.len(),
            key,
            fps_camera: round(pictures, 2),
            skipped: captured.saturating_sub(totals.frames),
            per_receiver,
            shot: feed.shot().unwrap_or_default(),
            last,
        }
    }
}

/// One line for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = &self.all;
        match self.state {
            State::Connecting => f.write_str("connecting")?,
            State::CameraLost => f.write_str("camera lost")?,
            State::Sending => write!(
                f,
                "{:.1} fps of {:.1}, {:.1} Mbit/s",
                all.fps_sent, self.fps_camera, all.mbit_s
            )?,
        }
        if self.receivers > 1 {
            write!(f, ", {} receivers", self.receivers)?;
        }
        write_stream(f, self.key, all.quality, all.latency_ms)?;
        write!(f, ", {} frames, {} skipped", all.frames, self.skipped)
    }
}
