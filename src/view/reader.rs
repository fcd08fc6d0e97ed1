//! The reader: one connection from its first byte to its end, on a thread of its own.
//!
//! At first it waits at the door; its first whole frame that decodes wins it the seat, if that is free.
//! From then on it reads frames, says of each whether a newer one is there already, and gives it to the
//! hub. It blocks on the socket, for [`LOOK`] at most, and knows nothing of what becomes of frames.

use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::acker::Acker;
use super::door::{Metered, Pass};
use super::event::{End, Event};
use super::freshness::Freshness;
use super::hub::Hub;
use super::received::Received;
use super::seat::Sitter;
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

/// For so long a link that carries a frame slowly may carry nothing: a radio that changes its channel.
const HICCUP: Duration = Duration::from_secs(2);

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

/// Runs one connection until it is closed; whether it ever brought a picture.
pub fn run(hub: &Hub, stream: TcpStream, peer: SocketAddr, pass: Pass, limits: Limits) -> bool {
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
    let Some((sitter, first)) = reader.wait_at_the_door() else {
        return hub.stop.is_asked();
    };
    let why = reader.sit(&sitter, first);
    hub.over(&sitter, why);
    true
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
    /// Reads the first frame and takes the seat with it.
    fn wait_at_the_door(&mut self) -> Option<(Arc<Sitter>, Received)> {
        let until = self.frames.get_ref().pass.as_ref()?.until();
        let mut first = self.pool.get();
        loop {
            let now = Instant::now();
            if self.hub.stop.is_asked() || now >= until {
                return None;
            }
            self.frames.get_mut().has_prospects = self.hub.seat.is_to_be_had(self.peer, now);
            match self.step(&mut first) {
                Step::Frame => break,
                Step::Nothing => {}
                Step::Marker | Step::Failed(_) => return None,
            }
        }
        let mut told = false;
        while !self.hub.stop.is_asked() && !self.is_shown_out() && Instant::now() < until {
            match self.take_seat(&first) {
                Ok(None) => {}
                Ok(Some((sitter, header))) => {
                    self.frames.get_mut().pass = None;
                    let first = self.received(first, &sitter, header);
                    return Some((sitter, first));
                }
                Err(_) => return None,
            }
            if !std::mem::replace(&mut told, true) && self.hub.seat.may_tell_busy(Instant::now()) {
                self.hub.tell(Event::Busy(self.peer));
            }
            self.hub.seat.wait(LOOK);
        }
        None
    }

    fn is_shown_out(&self) -> bool {
        let pass = self.frames.get_ref().pass.as_ref();
        pass.is_none_or(Pass::is_shown_out)
    }

    /// Takes the seat if it is to be had and the frame decodes; decodes nothing for a stranger while a
    /// session runs.
    fn take_seat(
        &mut self,
        first: &[u8],
    ) -> Result<Option<(Arc<Sitter>, jpeg::Header)>, jpeg::DecodeError> {
        let header = jpeg::inspect(first)?;
        if !self.hub.seat.is_to_be_had(self.peer, Instant::now()) {
            return Ok(None);
        }
        let Metered { stream, pass, .. } = self.frames.get_ref();
        let pixels = u64::from(header.width) * u64::from(header.height);
        let trial = || Decoder::new(NonZeroUsize::MIN).decode(first, &mut Bitmap::default());
        match pass {
            Some(pass) => pass.in_turn(pixels, trial)?,
            None => trial()?,
        }
        let Ok(way_back) = stream.try_clone() else {
            return Ok(None);
        };
        let now = Instant::now();
        let taken = self.hub.seat.take(self.peer, Acker::new(way_back), now);
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
        let mut moved = began;
        loop {
            if self.hub.stop.is_asked() {
                return End::Stopped;
            }
            if sitter.is_replaced() {
                return End::Replaced;
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
            if self.frames.position() > was_at {
                moved = now;
            }
            if let Some(idle) = self.idle(sitter, began, moved, now) {
                return End::Idle(idle);
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
        sitter.frame(Instant::now());
        let Ok(header) = jpeg::inspect(&jpeg) else {
            let stamp = Stamp::find(&jpeg);
            self.hub.corrupt(sitter);
            if let Some(stamp) = stamp.filter(|stamp| stamp.ack) {
                sitter.acker.ack(crate::wire::Ack {
                    seq: stamp.seq as u32,
                    held_us: 0,
                });
            }
            return true;
        };
        let frame = self.received(jpeg, sitter, header);
        // Both have to be asked: the one remembers, the other knows what the kernel holds.
        let is_current = freshness.is_current(&frame);
        let is_newest = is_current && !self.newer_is_here();
        self.hub.frame(Arc::new(frame), is_newest)
    }

    fn received(&self, jpeg: Pooled<Vec<u8>>, sitter: &Sitter, header: jpeg::Header) -> Received {
        Received {
            stamp: Stamp::find(&jpeg),
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

    /// For how long the session has been idle, if for too long. Bytes that come are a sign of life, as
    /// long as they come to a frame in the end.
    fn idle(
        &self,
        sitter: &Sitter,
        began: Instant,
        moved: Instant,
        now: Instant,
    ) -> Option<Duration> {
        let idle = sitter.idle_after(self.hub.seat.idle_timeout())?;
        let silent = sitter.silent_for(now);
        let is_slow = self.frames.is_within_frame()
            && now.saturating_duration_since(moved) < HICCUP
            && now.saturating_duration_since(began) < FRAME_PATIENCE;
        (silent >= idle && !is_slow).then_some(silent)
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
