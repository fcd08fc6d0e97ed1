//! The reader: one connection from its first byte to its end, on a thread of its own.
//!
//! At first it waits at the door; its first whole frame that decodes wins it the seat, if that is open to it.
//! From then on it reads frames, says of each whether a newer one is there already, and gives it to the
//! hub. It blocks on the socket, for [`LOOK`] at most, and knows nothing of what becomes of frames.

use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::acker::Acker;
use super::door::{Metered, PATIENCE, Pass};
use super::event::{End, Event, Refusal};
use super::freshness::Freshness;
use super::hub::Hub;
use super::received::Received;
use super::seat::{HICCUP, Identity, Sitter};
use crate::frame::{Bitmap, Pool, Pooled};
use crate::jpeg::{self, Decoder};
use crate::link;
use crate::stamp::Stamp;
use crate::wire::{FrameReader, ReadError};

/// How long a read lasts at most before the wish to stop and the clock are looked at.
pub const LOOK: Duration = Duration::from_millis(100);

/// How long a frame may take from its first byte to its last, as long as bytes come: a large one over a
/// slow link. Longer is somebody who wants to hold the seat.
const FRAME_PATIENCE: Duration = Duration::from_secs(60);

/// So many frames in a row that do not decode are no accident.
const MAX_BAD_FRAMES: u32 = 100;

/// Buffers of frames that are kept: in the reader, at the decoder, in the window, one to spare.
const SPARE_FRAMES: usize = 4;

/// What a connection needs besides the hub.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest frame, in bytes.
    pub max_frame_bytes: u32,
}

/// Runs one connection until it is closed.
pub fn run(hub: &Hub, stream: TcpStream, peer: SocketAddr, pass: Pass, limits: Limits) {
    let mut reader = Reader {
        hub,
        peer,
        frames: FrameReader::new(
            Metered {
                stream,
                pass: Some(pass),
                has_prospects: false,
                most: limits.max_frame_bytes as usize,
                look_up_at: Instant::now(),
            },
            limits.max_frame_bytes,
        ),
        pool: Pool::new(SPARE_FRAMES),
    };
    match reader.wait_at_the_door() {
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
    frames: FrameReader<Metered>,
    pool: Pool<Vec<u8>>,
}

/// What a read came to.
enum Step {
    Frame,
    Marker,
    Nothing,
    Failed(ReadError),
}

impl Reader<'_> {
    /// Reads the first frame and takes the seat with it; else there may be something to tell.
    fn wait_at_the_door(&mut self) -> Result<(Arc<Sitter>, Received), Option<Event>> {
        let since = self.frames.get_ref().pass.as_ref().ok_or(None)?.since();
        let mut first = self.pool.get();
        let mut moved = since;
        loop {
            let now = Instant::now();
            if self.hub.stop.is_asked() {
                return Err(None);
            }
            let is_open = self.hub.seat.is_open_to_address(self.peer.ip(), now);
            self.frames.get_mut().has_prospects = is_open;
            let was_at = self.frames.position();
            match self.step(&mut first) {
                Step::Frame => break,
                Step::Nothing => {}
                Step::Marker => return Err(Some(Event::NoPicture(self.peer.ip()))),
                Step::Failed(error) => return Err(self.broke_off(error)),
            }
            let now = Instant::now();
            if self.frames.position() > was_at {
                moved = now;
            }
            // Looked at behind the reading: what came while this thread was held up counts.
            let waited = now.saturating_duration_since(since);
            let pauses = now.saturating_duration_since(moved) >= HICCUP;
            if waited >= PATIENCE && (pauses || !is_open || !self.is_in_time(waited)) {
                return Err(self.gave_up(&first, waited, pauses));
            }
        }
        self.wait_for_the_seat(first, since + PATIENCE)
    }

    /// Whether the first frame will be there in time, if its bytes go on to come as they did.
    fn is_in_time(&self, waited: Duration) -> bool {
        let (got, of) = self.first_frame();
        let expected = waited.mul_f64(of as f64 / got.max(1) as f64);
        got > 0 && expected <= FRAME_PATIENCE
    }

    /// How many bytes have come of the first frame, and how many it has.
    fn first_frame(&self) -> (u64, u64) {
        let got = self.frames.position().saturating_sub(4);
        (got, got + self.frames.missing() as u64)
    }

    /// What there is to tell of a first frame that did not come.
    fn gave_up(&self, first: &[u8], waited: Duration, pauses: bool) -> Option<Event> {
        let ip = self.peer.ip();
        let (got, of) = self.first_frame();
        let Metered {
            pass,
            has_prospects,
            ..
        } = self.frames.get_ref();
        let is_held_back = pass.as_ref().is_some_and(Pass::has_its_share);
        if !has_prospects && (is_held_back || got > 0 && !pauses) {
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
    fn broke_off(&self, error: ReadError) -> Option<Event> {
        let ip = self.peer.ip();
        match error {
            ReadError::TooLong { length, max, .. } => Some(Event::Refused {
                ip,
                why: Refusal::TooLong { length, max },
            }),
            // Whoever dials two addresses at once closes one of the connections; so do tools that look
            // whether somebody listens.
            _ if self.frames.position() == 0 && !self.is_shown_out() => None,
            _ => Some(Event::NoPicture(ip)),
        }
    }

    /// That another camera is shown; nothing, where that one has just gone.
    fn busy(&self, stamp: Option<&Stamp>) -> Option<Event> {
        let here = self.frames.get_ref().stream.local_addr().ok()?;
        Some(Event::Busy {
            who: Identity::new(self.peer, stamp),
            shown: self.hub.seat.sitter()?.identity.clone(),
            port: here.port(),
        })
    }

    fn wait_for_the_seat(
        &mut self,
        first: Pooled<Vec<u8>>,
        until: Instant,
    ) -> Result<(Arc<Sitter>, Received), Option<Event>> {
        let stamp = Stamp::find(&first);
        loop {
            let taken = self.take_seat(&first, stamp.as_ref()).map_err(Some)?;
            if let Some((sitter, header)) = taken {
                self.frames.get_mut().pass = None;
                let first = self.received(first, stamp, &sitter, header);
                return Ok((sitter, first));
            }
            if self.hub.stop.is_asked() || self.is_shown_out() || Instant::now() >= until {
                return Err(self.busy(stamp.as_ref()));
            }
            self.hub.seat.wait(LOOK);
        }
    }

    fn is_shown_out(&self) -> bool {
        let pass = self.frames.get_ref().pass.as_ref();
        pass.is_none_or(Pass::is_shown_out)
    }

    /// Takes the seat if it is open to it and the frame decodes; decodes nothing for a stranger while a
    /// session runs.
    fn take_seat(
        &mut self,
        first: &[u8],
        stamp: Option<&Stamp>,
    ) -> Result<Option<(Arc<Sitter>, jpeg::Header)>, Event> {
        let refused = |error| Event::Refused {
            ip: self.peer.ip(),
            why: Refusal::Picture(error),
        };
        let header = jpeg::inspect_within(first, self.hub.max_pixels).map_err(refused)?;
        let identity = Identity::new(self.peer, stamp);
        if !self.hub.seat.is_open_to(&identity, Instant::now()) {
            return Ok(None);
        }
        let Metered { stream, pass, .. } = self.frames.get_ref();
        let pixels = u64::from(header.width) * u64::from(header.height);
        let trial = || {
            let mut decoder = Decoder::within(NonZeroUsize::MIN, self.hub.max_pixels);
            decoder.decode(first, &mut Bitmap::default())
        };
        match pass {
            Some(pass) => pass.in_turn(pixels, trial),
            None => trial(),
        }
        .map_err(refused)?;
        let way_back = stream.try_clone();
        let way_back = way_back.map_err(|error| Event::Exhausted(error.to_string()))?;
        let now = Instant::now();
        let taken = self
            .hub
            .seat
            .take(self.peer, stamp, Acker::new(way_back), now);
        Ok(taken.ok().map(|sitter| (sitter, header)))
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
        let is_newest = !self.newer_is_here();
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
            let step = self.step(&mut frame);
            freshness.after_reading(before, LOOK);
            match step {
                Step::Frame => {
                    let jpeg = std::mem::replace(&mut frame, self.pool.get());
                    if !self.take_frame(sitter, jpeg, &mut freshness) {
                        return End::Stopped;
                    }
                    if sitter.bad_in_a_row() >= MAX_BAD_FRAMES {
                        return End::Garbage(MAX_BAD_FRAMES);
                    }
                }
                Step::Marker => return End::Marker,
                Step::Failed(error) => return End::Broken(error),
                Step::Nothing => {}
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
        &self,
        sitter: &Arc<Sitter>,
        jpeg: Pooled<Vec<u8>>,
        freshness: &mut Freshness,
    ) -> bool {
        let stamp = Stamp::find(&jpeg);
        sitter.frame(stamp.as_ref(), Instant::now());
        let Ok(header) = jpeg::inspect_within(&jpeg, self.hub.max_pixels) else {
            self.hub.corrupt(sitter);
            if let Some(stamp) = stamp.filter(|stamp| stamp.ack) {
                let ack = crate::wire::Ack {
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
        let is_newest = is_current && !self.newer_is_here();
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

    /// Whether the kernel already holds the whole next frame: then this one is not worth decoding.
    fn newer_is_here(&self) -> bool {
        let stream = &self.frames.get_ref().stream;
        let mut prefix = [0; 4];
        match link::readable(stream) {
            Some(readable) if readable > prefix.len() => {
                let peeked = stream.peek(&mut prefix);
                let length = u32::from_le_bytes(prefix) as usize;
                matches!(peeked, Ok(4)) && length > 0 && readable - prefix.len() >= length
            }
            _ => false,
        }
    }

    fn step(&mut self, frame: &mut Vec<u8>) -> Step {
        self.frames.get_mut().look_up_at = Instant::now() + LOOK;
        match self.frames.read(frame) {
            Ok(true) => Step::Frame,
            Ok(false) => Step::Marker,
            Err(error) if error.is_timeout() => Step::Nothing,
            Err(error) => Step::Failed(error),
        }
    }
}
