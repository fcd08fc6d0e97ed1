//! The reader: one connection from its first byte to its end, on a thread of its own.
//!
//! At first it is a candidate; its first whole frame that decodes wins it the seat, if that is open to it.
//! From then on it reads frames, says of each whether a newer one is there already, and gives it to the
//! hub. It blocks on its link, for [`LOOK`] at most, and knows nothing of what becomes of frames.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::admission::{PATIENCE, Permit};
use super::event::{End, Event, Refusal};
use super::freshness::Freshness;
use super::hub::Hub;
use super::received::Received;
use super::seat::{HICCUP, Identity, Sitter};
use crate::jpeg::{self, Decoder};
use crate::net::link::receiving::{Arrival, Frames};
use crate::picture::{Bitmap, Pool, Pooled};
use crate::protocol::stamp::Stamp;
use crate::protocol::wire::{Ack, ReadError};

/// How long a read lasts at most before the wish to stop and the clock are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// How long a frame may take from its first byte to its last, as long as bytes come: a large one over a
/// slow link. Longer is somebody who wants to hold the seat.
const FRAME_PATIENCE: Duration = Duration::from_secs(60);

/// So many frames in a row that do not decode are no accident.
const MAX_BAD_FRAMES: u32 = 100;

/// Buffers of frames that are kept: in the reader, at the decoder, in the window, one to spare.
const SPARE_FRAMES: usize = 4;

/// Runs one connection until it is over.
pub(super) fn run(hub: &Hub, frames: Frames, permit: Permit) {
    let mut reader = Reader {
        hub,
        peer: frames.link().peer(),
        frames,
        pool: Pool::new(SPARE_FRAMES),
    };
    match reader.first_frame(permit) {
        Ok((sitter, first)) => {
            let why = reader.sit(&sitter, first);
            hub.over(&sitter, why);
        }
        Err(Some(event)) if !hub.stop.is_asked() => hub.tell(event),
        Err(_) => {}
    }
}

struct Reader<'a> {
    hub: &'a Hub,
    peer: SocketAddr,
    frames: Frames,
    pool: Pool<Vec<u8>>,
}

impl Reader<'_> {
    /// Reads the first frame and takes the seat with it; else there may be something to tell.
    fn first_frame(
        &mut self,
        mut permit: Permit,
    ) -> Result<(Arc<Sitter>, Received), Option<Event>> {
        let since = permit.since();
        let mut first = self.pool.get();
        let mut moved = since;
        loop {
            let now = Instant::now();
            if self.hub.stop.is_asked() {
                return Err(None);
            }
            let is_open = self.hub.seat.is_open_to_address(self.ip(), now);
            permit.has_prospects = is_open;
            let was_at = self.frames.position();
            match self.frames.read(&mut first, Some(&permit)) {
                Ok(Arrival::Frame) => break,
                Ok(Arrival::Nothing) => {}
                Ok(Arrival::End) => return Err(Some(Event::NoPicture(self.ip()))),
                Err(error) => return Err(self.broke_off(&permit, error)),
            }
            let now = Instant::now();
            if self.frames.position() > was_at {
                moved = now;
            }
            // Looked at behind the reading: what came while this thread was held up counts.
            let waited = now.saturating_duration_since(since);
            let pauses = now.saturating_duration_since(moved) >= HICCUP;
            if waited >= PATIENCE && (pauses || !is_open || !self.is_in_time(waited)) {
                return Err(self.gave_up(&permit, &first, waited, pauses));
            }
        }
        self.wait_for_the_seat(&permit, first)
    }

    fn ip(&self) -> IpAddr {
        self.peer.ip()
    }

    /// Whether the first frame will be there in time, if its bytes go on to come as they did.
    fn is_in_time(&self, waited: Duration) -> bool {
        let (got, of) = self.progress();
        let expected = waited.mul_f64(of as f64 / got.max(1) as f64);
        got > 0 && expected <= FRAME_PATIENCE
    }

    /// How many bytes have come of the first frame, and how many it has.
    fn progress(&self) -> (u64, u64) {
        let got = self.frames.position().saturating_sub(4);
        (got, got + self.frames.missing() as u64)
    }

    /// What there is to tell of a first frame that did not come.
    fn gave_up(
        &self,
        permit: &Permit,
        first: &[u8],
        waited: Duration,
        pauses: bool,
    ) -> Option<Event> {
        let ip = self.ip();
        let (got, of) = self.progress();
        if !permit.has_prospects && (permit.has_its_share() || got > 0 && !pauses) {
            let begun = &first[..first.len().min(got as usize)];
            return self.busy(Stamp::find(begun).as_ref());
        }
        if got == 0 || pauses {
            return Some(Event::NoPicture(ip));
        }
        let why = Refusal::TooSlow {
            got,
            of,
            within: waited,
        };
        Some(Event::Refused { ip, why })
    }

    /// What there is to tell of a connection that ended before its first frame did.
    fn broke_off(&self, permit: &Permit, error: ReadError) -> Option<Event> {
        let ip = self.ip();
        match error {
            ReadError::TooLong { length, max, .. } => Some(Event::Refused {
                ip,
                why: Refusal::TooLong { length, max },
            }),
            // Whoever dials two addresses at once closes one of the connections; so do tools that look
            // whether somebody listens.
            _ if self.frames.position() == 0 && !permit.is_evicted() => None,
            _ => Some(Event::NoPicture(ip)),
        }
    }

    /// That another camera is shown; nothing, where that one has just gone.
    fn busy(&self, stamp: Option<&Stamp>) -> Option<Event> {
        Some(Event::Busy {
            who: Identity::new(self.peer, stamp),
            shown: self.hub.seat.sitter()?.identity.clone(),
            port: self.frames.link().local_port()?,
        })
    }

    fn wait_for_the_seat(
        &self,
        permit: &Permit,
        first: Pooled<Vec<u8>>,
    ) -> Result<(Arc<Sitter>, Received), Option<Event>> {
        let (stamp, until) = (Stamp::find(&first), permit.since() + PATIENCE);
        loop {
            let taken = self.take_seat(permit, &first, stamp.as_ref());
            if let Some((sitter, header)) = taken.map_err(Some)? {
                let first = self.received(first, stamp, &sitter, header);
                return Ok((sitter, first));
            }
            if self.hub.stop.is_asked() || permit.is_evicted() || Instant::now() >= until {
                return Err(self.busy(stamp.as_ref()));
            }
            self.hub.seat.wait(LOOK);
        }
    }

    /// Takes the seat if it is open to it and the frame decodes; decodes nothing for a candidate while another's
    /// session runs.
    fn take_seat(
        &self,
        permit: &Permit,
        first: &[u8],
        stamp: Option<&Stamp>,
    ) -> Result<Option<(Arc<Sitter>, jpeg::Header)>, Event> {
        let refused = |error| Event::Refused {
            ip: self.ip(),
            why: Refusal::Picture(error),
        };
        let header = jpeg::inspect_within(first, self.hub.max_pixels).map_err(refused)?;
        let identity = Identity::new(self.peer, stamp);
        if !self.hub.seat.is_open_to(&identity, Instant::now()) {
            return Ok(None);
        }
        let pixels = u64::from(header.width) * u64::from(header.height);
        let trial = || {
            let mut decoder = Decoder::within(NonZeroUsize::MIN, self.hub.max_pixels);
            decoder.decode(first, &mut Bitmap::default())
        };
        permit.in_turn(pixels, trial).map_err(refused)?;
        let (link, now) = (self.frames.link(), Instant::now());
        let taken = self.hub.seat.take(link, stamp, now);
        Ok(taken.map(|sitter| (sitter, header)))
    }

    /// Reads frames until the session is over.
    fn sit(&mut self, sitter: &Arc<Sitter>, first: Received) -> End {
        self.hub.tell(Event::Session {
            peer: self.peer,
            name: first.stamp.as_ref().and_then(|stamp| stamp.name.clone()),
            size: (first.width, first.height),
        });
        let mut freshness = Freshness::default();
        freshness.is_current(&first);
        let is_newest = !self.frames.newer_is_here();
        if !self.hub.frame(Arc::new(first), is_newest) {
            return End::Stopped;
        }
        let mut frame = self.pool.get();
        let mut began = Instant::now();
        loop {
            if self.hub.stop.is_asked() {
                return End::Stopped;
            }
            if let Some(successor) = sitter.successor() {
                return match *successor == sitter.identity {
                    true => End::Reconnected,
                    false => End::TakenOver(successor.clone()),
                };
            }
            let before = freshness.before_reading();
            let was_at = self.frames.position();
            let read = self.frames.read(&mut frame, None);
            freshness.after_reading(before, LOOK);
            match read {
                Ok(Arrival::Frame) => {
                    let jpeg = std::mem::replace(&mut frame, self.pool.get());
                    if !self.take_frame(sitter, jpeg, &mut freshness) {
                        return End::Stopped;
                    }
                    if sitter.bad_in_a_row() >= MAX_BAD_FRAMES {
                        return End::Garbage(MAX_BAD_FRAMES);
                    }
                }
                Ok(Arrival::End) => return End::Marker,
                Ok(Arrival::Nothing) => {}
                Err(error) => return End::Broken(error),
            }
            let now = Instant::now();
            if !self.frames.is_within_frame() {
                began = now;
            }
            // Bytes are a sign of life, as long as they come to a frame in the end.
            let comes_to_it = now.saturating_duration_since(began) < FRAME_PATIENCE;
            if self.frames.is_within_frame() && self.frames.position() > was_at && comes_to_it {
                sitter.bytes(now);
            }
            if sitter.is_idle(self.hub.seat.idle_timeout(), now) {
                return End::Idle(sitter.silent_for(now));
            }
        }
    }

    /// Gives a frame to the hub, if it could be a picture; `false` once no more are wanted.
    fn take_frame(
        &mut self,
        sitter: &Arc<Sitter>,
        jpeg: Pooled<Vec<u8>>,
        freshness: &mut Freshness,
    ) -> bool {
        let stamp = Stamp::find(&jpeg);
        sitter.frame(stamp.as_ref(), Instant::now());
        let Ok(header) = jpeg::inspect_within(&jpeg, self.hub.max_pixels) else {
            self.hub.corrupt(sitter);
            if let Some(stamp) = stamp.filter(|stamp| stamp.ack) {
                let ack = Ack {
                    seq: stamp.seq as u32,
                    held_us: 0,
                };
                sitter.ack(ack, Instant::now());
            }
            return true;
        };
        let frame = self.received(jpeg, stamp, sitter, header);
        // Both have to be asked: the one remembers, the other knows what the kernel holds.
        let is_current = freshness.is_current(&frame);
        if let Some(off) = freshness.clock_is_off(&frame) {
            self.hub.tell(Event::ClockOff {
                peer: self.peer,
                off,
            });
        }
        let is_newest = is_current && !self.frames.newer_is_here();
        self.hub.frame(Arc::new(frame), is_newest)
    }

    fn received(
        &self,
        jpeg: Pooled<Vec<u8>>,
        stamp: Option<Stamp>,
        sitter: &Sitter,
        header: jpeg::Header,
    ) -> Received {
        Received {
            stamp,
            jpeg,
            arrived: Instant::now(),
            arrived_at: SystemTime::now(),
            session: sitter.id,
            width: header.width,
            height: header.height,
        }
    }
}
