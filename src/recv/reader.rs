//! The reader: one connection from its first byte to its end, on a thread of its own.
//!
//! At first it is a candidate; its first whole frame that decodes begins a session, if there is room for one.
//! From then on it reads frames, says of each whether a newer one is there already, and gives it to the
//! cameras. It blocks on its link, for [`LOOK`] at most, and knows nothing of what becomes of frames.

use std::io;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::event::{no_picture, too_long, turned_away};
use super::session::HICCUP;
use super::stall::Clocks;
use super::{Cameras, End, Event, Frame, Identity, Kind, Received, Session};
use crate::jpeg::{self, DecodeError, Decoder};
use crate::net::Link;
use crate::net::admission::{PATIENCE, Permit};
use crate::net::link::receiving::Frames;
use crate::picture::{Pool, Pooled};
use crate::protocol::encrypted::handshake::MAGIC;
use crate::protocol::{ReadError, Stamp, Status};
use crate::report::{RateLimit, Severity};

/// How long a read lasts at most before the wish to stop and the clock are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The same while a session is silent.
const QUIET_LOOK: Duration = Duration::from_secs(2);

/// How long a frame may take from its first byte to its last, as long as bytes come: a large one over a
/// slow link. Longer is somebody who wants to hold a place.
const FRAME_PATIENCE: Duration = Duration::from_secs(60);

/// Buffers of frames that are kept: in the reader, at the decoder, in the window, one to spare.
const SPARE_FRAMES: usize = 4;

/// How often a frame is decoded where nobody looks at the pixels, so that garbage is noticed.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Bytes of stack for a reader: it decodes one frame on it, and what `image` puts there is small.
const STACK: usize = 512 * 1024;

/// How far a connection got; where it ends before its session has begun, there may be something to tell.
pub(super) type Progress<T> = Result<T, Option<Event>>;

/// A frame's bytes.
type Jpeg = Pooled<Vec<u8>>;

/// Starts a thread that reads a connection.
pub(super) fn start<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let thread = thread::Builder::new().name("reader".into());
    thread.stack_size(STACK).spawn(read)
}

/// Reads a connection until it is over; notes its session when that has `begun`.
pub(super) fn read(
    cameras: &Cameras,
    link: &Arc<Link>,
    permit: Permit,
    begun: &OnceLock<Arc<Session>>,
) -> Progress<()> {
    // A connection that was gone before it was read is nobody's business.
    let frames = link.frames(cameras.config.max_frame_bytes, LOOK);
    let mut reader = Reader {
        cameras,
        frames: frames.map_err(|_| None)?,
        pool: Pool::new(SPARE_FRAMES),
        clocks: Clocks::default(),
        samples: RateLimit::new(1, SAMPLE_EVERY),
    };
    let (session, first) = reader.first_frame(permit)?;
    let _ = begun.set(Arc::clone(&session));
    let why = reader.read_session(&session, first);
    // Nothing more goes either way.
    link.cut();
    cameras.end(&session, why, Instant::now());
    Ok(())
}

pub(super) fn sent_nothing(ip: IpAddr) -> Event {
    let line = format!("{ip} connected but sent no picture");
    (Kind::NoPicture, line)
}

/// That another camera is shown; nothing, where that one has just gone.
pub(super) fn busy(cameras: &Cameras, link: &Link, stamp: Option<&Stamp>) -> Option<Event> {
    let who = Identity::new(link.peer, stamp);
    let shown = cameras.anybody()?;
    // Two of one name are told apart by their addresses.
    let name = shown.name.as_ref().filter(|_| shown.name != who.name);
    let shown = name.map_or_else(|| shown.to_string(), ToString::to_string);
    let next = link.local_port()?.wrapping_add(1).max(1024);
    let line = format!(
        "turned away {who}: already showing {shown}; second camera: view-recv --bind :{next}"
    );
    Some((Kind::Busy, line))
}

struct Reader<'a> {
    cameras: &'a Cameras,
    frames: Frames,
    pool: Pool<Vec<u8>>,
    clocks: Clocks,
    /// Where not all frames are decoded: when one is.
    samples: RateLimit,
}

impl Reader<'_> {
    /// Reads the first frame and begins a session with it.
    fn first_frame(&mut self, mut permit: Permit) -> Progress<(Arc<Session>, Jpeg)> {
        let mut first = self.pool.get();
        let mut moved = permit.candidate.since;
        while !self.cameras.stop.is_asked() && !permit.is_evicted() {
            let (now, ip) = (Instant::now(), self.ip());
            permit.has_prospects = self.cameras.has_room_for(|other| other.ip == ip, now);
            let was_at = self.frames.position();
            match permit.read(&mut self.frames, &mut first) {
                Ok(true) => return self.begin(&permit, first),
                Ok(false) => break,
                Err(error) if error.is_timeout() => {}
                Err(error) => return Err(self.broke_off(&permit, error)),
            }
            // Looked at behind the reading: what came while this thread was held up counts.
            if self.frames.position() > was_at {
                moved = Instant::now();
            }
            self.is_worth_waiting_for(&permit, &first, moved)?;
        }
        Err(Some(sent_nothing(self.ip())))
    }

    fn ip(&self) -> IpAddr {
        self.frames.link.peer.ip()
    }

    /// Whether a first frame of which bytes came last at `moved` has more time; else what there is to tell.
    fn is_worth_waiting_for(&self, permit: &Permit, first: &[u8], moved: Instant) -> Progress<()> {
        let waited = permit.candidate.since.elapsed();
        let got = self.frames.reader.position.saturating_sub(4);
        let of = got + self.frames.reader.missing() as u64;
        let comes = got > 0 && moved.elapsed() < HICCUP;
        // If its bytes go on to come as they did.
        let expected = waited.mul_f64(of as f64 / got.max(1) as f64);
        let is_in_time = comes && expected <= FRAME_PATIENCE;
        if waited < permit.candidate.patience || permit.has_prospects && is_in_time {
            return Ok(());
        }
        if !permit.has_prospects && (permit.has_its_share() || comes) {
            let stamp = Stamp::find(&first[..first.len().min(got as usize)]);
            return Err(busy(self.cameras, &self.frames.link, stamp.as_ref()));
        }
        if !comes {
            return Err(Some(sent_nothing(self.ip())));
        }
        let seconds = waited.as_secs_f64();
        Err(Some(self.refused(&format!(
            "its first frame came too slowly, {got} of {of} bytes in {seconds:.0} s; \
             smaller pictures or a lower quality get through"
        ))))
    }

    /// What there is to tell of a connection that ended before its first frame did.
    fn broke_off(&self, permit: &Permit, error: ReadError) -> Option<Event> {
        match error {
            ReadError::TooLong { length, .. } if length.to_le_bytes() == MAGIC => {
                let until = Instant::now() + PATIENCE;
                self.frames.link.turn_away(Status::NoKey, until);
                Some(turned_away(self.ip(), Status::NoKey))
            }
            ReadError::TooLong { length, max, .. } => Some(self.refused(&too_long(length, max))),
            // Whoever dials two addresses at once closes one of the connections; so do tools that look
            // whether somebody listens.
            _ if self.frames.position() == 0 && !permit.is_evicted() => None,
            _ => Some(sent_nothing(self.ip())),
        }
    }

    fn refused(&self, why: &str) -> Event {
        (Kind::Refused, format!("turned away {}: {why}", self.ip()))
    }

    /// Begins a session with the first frame, once there is room for it, if it decodes; decodes nothing while there
    /// is none.
    fn begin(&self, permit: &Permit, first: Jpeg) -> Progress<(Arc<Session>, Jpeg)> {
        let refused = |error: DecodeError| Some(self.refused(&no_picture(&error)));
        let max_pixels = self.cameras.config.max_pixels;
        let header = jpeg::inspect(&first, max_pixels).map_err(refused)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        let stamp = Stamp::find(&first);
        let link = &self.frames.link;
        let identity = Identity::new(link.peer, stamp.as_ref());
        loop {
            if self.cameras.wait_for_room(&identity, Instant::now() + LOOK) {
                let _turn = permit.turn(pixels);
                let mut decoder = Decoder::new(NonZeroUsize::MIN, max_pixels);
                decoder.try_out(&first).map_err(refused)?;
                let now = Instant::now();
                if let Some(session) = self.cameras.begin(link, stamp.as_ref(), now) {
                    let who = match &identity.name {
                        Some(name) => format!("{name} ({})", link.peer),
                        None => link.peer.to_string(),
                    };
                    let (width, height) = (header.width, header.height);
                    let line = format!("receiving {width}x{height} from {who}");
                    self.cameras.tell(Severity::Info, (Kind::Session, line));
                    return Ok((session, first));
                }
            }
            let is_over = permit.candidate.since.elapsed() >= PATIENCE;
            if is_over || self.cameras.stop.is_asked() || permit.is_evicted() {
                return Err(busy(self.cameras, link, stamp.as_ref()));
            }
        }
    }

    /// Reads frames until the session is over.
    fn read_session(&mut self, session: &Arc<Session>, first: Jpeg) -> End {
        let cameras = self.cameras;
        // The first frame has been decoded.
        self.samples.allow(Instant::now());
        // From here on this thread's questions are ticks.
        cameras.stall.held_up_since(Instant::now());
        let stamp = Stamp::find(&first);
        self.take_frame(session, first, stamp);
        let mut frame = self.pool.get();
        let mut began = Instant::now();
        while !(cameras.stop.is_asked() || cameras.has_enough() || session.is_over()) {
            let before = Instant::now();
            let was_at = self.frames.position();
            let read = self.frames.read(&mut frame, usize::MAX);
            if cameras.stall.held_up_since(before) {
                self.clocks.held_up(Instant::now());
            }
            match read {
                Ok(true) => {
                    let jpeg = std::mem::replace(&mut frame, self.pool.get());
                    let stamp = Stamp::find(&jpeg);
                    session.frame(stamp.as_ref(), Instant::now());
                    self.take_frame(session, jpeg, stamp);
                }
                Ok(false) => return End::Marker,
                Err(error) if error.is_timeout() => {}
                Err(error) => return End::Broken(error),
            }
            let (now, is_within) = (Instant::now(), self.frames.reader.got > 0);
            if !is_within {
                began = now;
            } else if began.elapsed() < FRAME_PATIENCE && self.frames.position() > was_at {
                // Bytes are a sign of life, as long as they come to a frame in the end.
                session.bytes(now);
            }
            if session.is_idle(cameras.config.idle_timeout, now) {
                return End::Idle(session.silent_for(now));
            }
            let is_quiet = session.is_quiet(now) && !is_within;
            let look = if is_quiet { QUIET_LOOK } else { LOOK };
            // Where that fails it looks as often as before.
            let _ = self.frames.look_every(look);
        }
        // Whoever has its place now, or found no pictures in its frames, said why.
        End::Stopped
    }

    /// Hands a frame on, if it could be a picture.
    fn take_frame(&mut self, session: &Arc<Session>, jpeg: Jpeg, stamp: Option<Stamp>) {
        let (cameras, arrived) = (self.cameras, Instant::now());
        let header = jpeg::inspect(&jpeg, cameras.config.max_pixels);
        let size = header.as_ref().map(|header| (header.width, header.height));
        let (width, height) = size.unwrap_or_default();
        let frame = Arc::new(Received {
            stamp,
            jpeg,
            arrived,
            arrived_at: SystemTime::now(),
            session: session.id,
            width,
            height,
        });
        if header.is_err() {
            Frame::new(frame, session).decoded(false);
            return;
        }
        // Both have to be asked: the one remembers, the other knows what the kernel holds.
        let way = frame.way_us();
        let is_current = way.is_none_or(|way| self.clocks.is_current(way, arrived));
        if let Some(off) = self.clocks.is_off(&frame) {
            let line = format!(
                "{}: its clock is {off}; names and dates of files are by this computer's",
                session.peer
            );
            cameras.tell(Severity::Warning, (Kind::Session, line));
        }
        let is_newest = match cameras.config.samples {
            true => self.samples.allow(arrived).is_some(),
            false => is_current && !self.frames.newer_is_here(),
        };
        cameras.frame(session, frame, is_newest);
    }
}
