//! The reader: one connection from its first byte to its end, on a thread of its own.
//!
//! At first it is a candidate; its first whole frame that decodes begins a session, if there is room for one.
//! From then on it reads frames, says of each whether a newer one is there already, and gives it to the
//! cameras. It blocks on its link, for [`LOOK`] at most, and knows nothing of what becomes of frames.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::admission::{PATIENCE, Permit};
use super::cameras::Cameras;
use super::event::{End, Event, Refusal};
use super::frame::Ticket;
use super::frame::{ClockOff, Received};
use super::session::{HICCUP, Identity, Session};
use super::stall::CatchUp;
use crate::jpeg::{self, Decoder};
use crate::net::link::receiving::{Arrival, Frames};
use crate::picture::{Bitmap, Pool, Pooled};
use crate::protocol::stamp::Stamp;
use crate::protocol::wire::ReadError;

/// How long a read lasts at most before the wish to stop and the clock are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// How long a frame may take from its first byte to its last, as long as bytes come: a large one over a
/// slow link. Longer is somebody who wants to hold a place.
const FRAME_PATIENCE: Duration = Duration::from_secs(60);

/// A sender's clock that is off is told once it has been for so long: until then it may be pictures that
/// were held up, on a link that was down.
const OFF_FOR: Duration = Duration::from_secs(10);

/// Buffers of frames that are kept: in the reader, at the decoder, in the window, one to spare.
const SPARE_FRAMES: usize = 4;

/// Runs one connection until it is over.
pub(super) fn run(cameras: &Cameras, frames: Frames, permit: Permit) {
    let mut reader = Reader {
        cameras,
        peer: frames.link.peer,
        frames,
        pool: Pool::new(SPARE_FRAMES),
    };
    match reader.first_frame(permit) {
        Ok((session, first)) => {
            let why = reader.read_session(&session, first);
            cameras.end(&session, why);
        }
        Err(Some(event)) if !cameras.stop.is_asked() => cameras.tell(event),
        Err(_) => {}
    }
}

/// What a session's frames say of time.
#[derive(Default)]
struct Clocks {
    catch_up: CatchUp,
    off_since: Option<Instant>,
    told_off: bool,
}

impl Clocks {
    /// How the sender's clock is off, once a session.
    fn is_off(&mut self, frame: &Received) -> Option<ClockOff> {
        let Some(off) = frame.clock_is_off() else {
            self.off_since = None;
            return None;
        };
        let since = *self.off_since.get_or_insert(frame.arrived);
        let lasts = frame.arrived.saturating_duration_since(since) >= OFF_FOR;
        (lasts && !std::mem::replace(&mut self.told_off, true)).then_some(off)
    }
}

struct Reader<'a> {
    cameras: &'a Cameras,
    peer: SocketAddr,
    frames: Frames,
    pool: Pool<Vec<u8>>,
}

impl Reader<'_> {
    /// Reads the first frame and begins a session with it; else there may be something to tell.
    fn first_frame(
        &mut self,
        mut permit: Permit,
    ) -> Result<(Arc<Session>, Received), Option<Event>> {
        let since = permit.since();
        let mut first = self.pool.get();
        let mut moved = since;
        loop {
            let now = Instant::now();
            if self.cameras.stop.is_asked() {
                return Err(None);
            }
            let is_open = self
                .cameras
                .has_room_for(|other| other.ip == self.ip(), now);
            permit.has_prospects = is_open;
            let was_at = self.frames.reader.position();
            match self.frames.read(&mut first, Some(&permit)) {
                Ok(Arrival::Frame) => break,
                Ok(Arrival::Nothing) => {}
                Ok(Arrival::End) => return Err(Some(Event::NoPicture(self.ip()))),
                Err(error) => return Err(self.broke_off(&permit, error)),
            }
            let now = Instant::now();
            if self.frames.reader.position() > was_at {
                moved = now;
            }
            // Looked at behind the reading: what came while this thread was held up counts.
            let waited = now.saturating_duration_since(since);
            let pauses = now.saturating_duration_since(moved) >= HICCUP;
            if waited >= PATIENCE && (pauses || !is_open || !self.is_in_time(waited)) {
                return Err(self.gave_up(&permit, &first, waited, pauses));
            }
        }
        self.wait_for_room(&permit, first)
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
        let got = self.frames.reader.position().saturating_sub(4);
        (got, got + self.frames.reader.missing() as u64)
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
            _ if self.frames.reader.position() == 0 && !permit.is_evicted() => None,
            _ => Some(Event::NoPicture(ip)),
        }
    }

    /// That another camera is shown; nothing, where that one has just gone.
    fn busy(&self, stamp: Option<&Stamp>) -> Option<Event> {
        Some(Event::Busy {
            who: Identity::new(self.peer, stamp),
            shown: self.cameras.anybody()?,
            port: self.frames.link.local_port()?,
        })
    }

    fn wait_for_room(
        &self,
        permit: &Permit,
        first: Pooled<Vec<u8>>,
    ) -> Result<(Arc<Session>, Received), Option<Event>> {
        let (stamp, deadline) = (Stamp::find(&first), permit.since() + PATIENCE);
        let identity = Identity::new(self.peer, stamp.as_ref());
        loop {
            let taken = self.begin_session(permit, &first, stamp.as_ref());
            if let Some((session, header)) = taken.map_err(Some)? {
                let first = self.received(first, stamp, &session, header);
                return Ok((session, first));
            }
            if self.cameras.stop.is_asked() || permit.is_evicted() || Instant::now() >= deadline {
                return Err(self.busy(stamp.as_ref()));
            }
            let until = Instant::now() + LOOK;
            self.cameras.wait_for_room(&identity, until);
        }
    }

    /// Begins a session if there is room for it and the frame decodes; decodes nothing for a candidate while there
    /// is none.
    fn begin_session(
        &self,
        permit: &Permit,
        first: &[u8],
        stamp: Option<&Stamp>,
    ) -> Result<Option<(Arc<Session>, jpeg::Header)>, Event> {
        let refused = |error| Event::Refused {
            ip: self.ip(),
            why: Refusal::Picture(error),
        };
        let header =
            jpeg::inspect_within(first, self.cameras.config.max_pixels).map_err(refused)?;
        let identity = Identity::new(self.peer, stamp);
        if !self
            .cameras
            .has_room_for(|other| *other == identity, Instant::now())
        {
            return Ok(None);
        }
        let pixels = u64::from(header.width) * u64::from(header.height);
        let trial = || {
            let mut decoder = Decoder::within(NonZeroUsize::MIN, self.cameras.config.max_pixels);
            decoder.decode(first, &mut Bitmap::default())
        };
        permit.in_turn(pixels, trial).map_err(refused)?;
        let (link, now) = (&self.frames.link, Instant::now());
        let taken = self.cameras.begin(link, stamp, now);
        Ok(taken.map(|session| (session, header)))
    }

    /// Reads frames until the session is over.
    fn read_session(&mut self, session: &Arc<Session>, first: Received) -> End {
        self.cameras.tell(Event::Session {
            peer: self.peer,
            name: first.stamp.as_ref().and_then(|stamp| stamp.name.clone()),
            size: (first.width, first.height),
        });
        let mut clocks = Clocks::default();
        clocks.catch_up.is_current(&first);
        // From here on this thread's questions are ticks.
        self.cameras.stall.held_up_since(Instant::now());
        let is_newest = !self.frames.newer_is_here();
        if !self.cameras.frame(session, Arc::new(first), is_newest) {
            return End::Stopped;
        }
        let mut frame = self.pool.get();
        let mut began = Instant::now();
        loop {
            if self.cameras.stop.is_asked() {
                return End::Stopped;
            }
            if let Some(successor) = session.successor() {
                return match *successor == session.identity {
                    true => End::Reconnected,
                    false => End::TakenOver(successor.clone()),
                };
            }
            let before = Instant::now();
            let was_at = self.frames.reader.position();
            let read = self.frames.read(&mut frame, None);
            if self.cameras.stall.held_up_since(before) {
                clocks.catch_up.begin(Instant::now());
            }
            match read {
                Ok(Arrival::Frame) => {
                    let jpeg = std::mem::replace(&mut frame, self.pool.get());
                    if !self.take_frame(session, jpeg, &mut clocks) {
                        return End::Stopped;
                    }
                    if let Some(frames) = session.garbage() {
                        return End::Garbage(frames);
                    }
                }
                Ok(Arrival::End) => return End::Marker,
                Ok(Arrival::Nothing) => {}
                Err(error) => return End::Broken(error),
            }
            let now = Instant::now();
            if !self.frames.reader.is_within_frame() {
                began = now;
            }
            // Bytes are a sign of life, as long as they come to a frame in the end.
            let comes_to_it = now.saturating_duration_since(began) < FRAME_PATIENCE;
            if self.frames.reader.is_within_frame()
                && self.frames.reader.position() > was_at
                && comes_to_it
            {
                session.bytes(now);
            }
            if session.is_idle(self.cameras.config.idle_timeout, now) {
                return End::Idle(session.silent_for(now));
            }
        }
    }

    /// Hands a frame on, if it could be a picture; `false` once no more are wanted.
    fn take_frame(
        &mut self,
        session: &Arc<Session>,
        jpeg: Pooled<Vec<u8>>,
        clocks: &mut Clocks,
    ) -> bool {
        let stamp = Stamp::find(&jpeg);
        session.frame(stamp.as_ref(), Instant::now());
        let Ok(header) = jpeg::inspect_within(&jpeg, self.cameras.config.max_pixels) else {
            Ticket::new(session, stamp.as_ref(), Instant::now()).decoded(false);
            return true;
        };
        let frame = self.received(jpeg, stamp, session, header);
        // Both have to be asked: the one remembers, the other knows what the kernel holds.
        let is_current = clocks.catch_up.is_current(&frame);
        if let Some(off) = clocks.is_off(&frame) {
            self.cameras.tell(Event::ClockOff {
                peer: self.peer,
                off,
            });
        }
        let is_newest = is_current && !self.frames.newer_is_here();
        self.cameras.frame(session, Arc::new(frame), is_newest)
    }

    fn received(
        &self,
        jpeg: Pooled<Vec<u8>>,
        stamp: Option<Stamp>,
        session: &Session,
        header: jpeg::Header,
    ) -> Received {
        Received {
            stamp,
            jpeg,
            arrived: Instant::now(),
            arrived_at: SystemTime::now(),
            session: session.id,
            width: header.width,
            height: header.height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::frame::fixture::Frame;

    #[test]
    fn a_clock_that_stays_off_is_told_once_and_a_link_that_was_down_is_none() {
        let mut clocks = Clocks::default();
        let second = Duration::from_secs(1);
        let right = Frame::default();
        let stamped = right.stamp.as_ref().unwrap().captured_unix_us;
        assert_eq!(clocks.is_off(&right.build()), None);
        // Eight seconds of pictures that come at once.
        for held_up in (0..80).rev() {
            let late = right.clone().unix_us(stamped - held_up * 100_000);
            assert_eq!(clocks.is_off(&late.build()), None);
        }
        let mut behind = right.unix_us(stamped - 3600 * 1_000_000);
        let mut told = Vec::new();
        for _ in 0..60 {
            told.extend(clocks.is_off(&behind.build()));
            behind = behind.after(second);
        }
        assert!(matches!(told[..], [ClockOff::Behind(_)]), "{told:?}");
    }
}
