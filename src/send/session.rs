//! The session: connects, pulls the newest picture when the link can take it, encodes, stamps, writes.
//!
//! One thread, the program's main one, does all of it, and comes back when the stream is over. It blocks
//! on the source's slot, on the gate and on writing; acks, the lifeline and a wish to stop wake it. It
//! knows no camera and no format: pictures come from a [`Feed`].

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::connection::Connection;
use super::event::{Event, Loss};
use super::gate::{self, Verdict};
use super::interval::Interval;
use super::press::Press;
use super::quality::{Carried, Quality};
use super::source::{Delivery, Feed};
use super::stats::Counters;
use crate::frame::Captured;
use crate::link::dial::{DialError, Dialer, Target};
use crate::link::{self, path};
use crate::slot::Wake;
use crate::stamp::{Name, Stamp};
use crate::stop::Stop;

/// How long a wait lasts at most before the wish to stop is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long the receiver has, after the end marker, to read what is on its way and close.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The same when somebody is waiting for the program to end.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(700);

/// Attempts to connect that may be without an answer at the same time.
const MAX_ATTEMPTS: usize = 4;

/// So many pictures in a row that cannot be encoded are no accident.
const MAX_UNENCODABLE: u32 = 100;

/// What to send, where and for how long.
#[derive(Debug, Clone)]
pub struct Config {
    /// The receiver.
    pub target: Target,
    /// Whether a lost connection is made anew.
    pub retry: bool,
    /// The name that the stamps bear.
    pub name: Name,
    /// Pictures a second that the source is expected to give.
    pub fps: f64,
    /// The JPEG quality at best, 1 to 100.
    pub quality: u8,
    /// The JPEG quality at worst.
    pub min_quality: u8,
    /// Ends so long after the first frame sent.
    pub duration: Option<Duration>,
    /// Ends after so many frames.
    pub frames: Option<u64>,
}

/// Why sending failed for good.
#[derive(Debug)]
pub enum SendError {
    /// The host could not be reached, and no retry was wanted.
    Unreachable(Target, DialError),
    /// The connection was lost, and no retry was wanted.
    Lost(SocketAddr, Loss),
    /// The source's pictures cannot be encoded.
    Unencodable(String),
    /// A thread or an encoder could not be had.
    Resources(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Unreachable(target, error) => f.write_str(&error.told_of(target)),
            SendError::Lost(peer, loss) => write!(f, "lost {peer}: {loss}"),
            SendError::Unencodable(why) => {
                write!(
                    f,
                    "{MAX_UNENCODABLE} pictures in a row could not be encoded: {why}"
                )
            }
            SendError::Resources(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SendError {}

/// What comes after a connection.
enum Next {
    Over,
    Redial,
    MoveTo(TcpStream),
}

/// Sends a feed's pictures to one receiver, over as many connections as that takes.
pub struct Session<'a> {
    config: Config,
    feed: Arc<Feed>,
    counters: Arc<Counters>,
    stop: Arc<Stop>,
    tell: &'a (dyn Fn(Event) + Sync),
    press: Press,
    quality: Quality,
    interval: Interval,
    backoff: Backoff,
    sent: u64,
    deadline: Option<Instant>,
    unencodable: u32,
    /// Where the receiver was found last.
    known: Option<SocketAddr>,
}

impl<'a> Session<'a> {
    /// Prepares to send; nothing is dialled yet.
    pub fn new(
        config: Config,
        feed: Arc<Feed>,
        counters: Arc<Counters>,
        stop: Arc<Stop>,
        tell: &'a (dyn Fn(Event) + Sync),
    ) -> Result<Self, SendError> {
        // A source of which every frame counts gets every frame at its best.
        let min_quality = match feed.delivery() {
            Delivery::NewestWins => config.min_quality,
            Delivery::EveryFrame => config.quality,
        };
        Ok(Session {
            press: Press::new().map_err(|error| SendError::Resources(error.to_string()))?,
            quality: Quality::new(min_quality, config.quality),
            interval: Interval::new(config.fps),
            config,
            feed,
            counters,
            stop,
            tell,
            backoff: Backoff::default(),
            sent: 0,
            deadline: None,
            unencodable: 0,
            known: None,
        })
    }

    /// Sends until the source ends, enough is sent, or somebody stops it.
    pub fn run(&mut self) -> Result<(), SendError> {
        let mut standing = None;
        let mut connections = 0u64;
        while let Some(stream) = match standing.take() {
            Some(stream) => Some(stream),
            None => self.connect()?,
        } {
            connections += 1;
            self.counters
                .reconnects
                .store(connections - 1, Ordering::Relaxed);
            self.feed.link_stands();
            match self.stream(stream)? {
                Next::Over => break,
                Next::Redial => {}
                Next::MoveTo(stream) => standing = Some(stream),
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stop.is_asked()
            || self.config.frames.is_some_and(|frames| self.sent >= frames)
            || self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Dials until a connection stands; `None` when it is over before that.
    fn connect(&mut self) -> Result<Option<TcpStream>, SendError> {
        let dialer = Dialer::new(self.config.target.clone(), self.known);
        let mut told: Option<DialError> = None;
        let mut next = Instant::now() + self.backoff.delay_first();
        let mut under_way = 0;
        loop {
            let now = Instant::now();
            let source = self.feed.slot().wait(Some(now));
            if self.is_over() || source == Wake::Closed {
                return Ok(None);
            }
            // view-recv gives a connection a few seconds to bring a picture: one that has none yet, of a
            // camera that exposes for longer or is lost, would come and go.
            if source != Wake::Full && under_way == 0 && !self.feed.is_waiting_for_link() {
                self.feed.slot().wait(Some(now + LOOK));
                continue;
            }
            if now >= next && under_way < MAX_ATTEMPTS && (self.config.retry || under_way == 0) {
                dialer.attempt();
                under_way += 1;
                next = now + self.backoff.pause();
            }
            match dialer.wait(next.clamp(now + LOOK / 10, now + LOOK)) {
                None => {}
                Some(Ok(stream)) => return Ok(Some(stream)),
                Some(Err(error)) if !self.config.retry => {
                    return Err(SendError::Unreachable(self.config.target.clone(), error));
                }
                Some(Err(error)) => {
                    under_way -= 1;
                    if !told.as_ref().is_some_and(|told| told.is_like(&error)) {
                        told = Some(copy_of(&error));
                        (self.tell)(Event::Unreachable(self.config.target.clone(), error));
                    }
                }
            }
        }
    }

    /// Sends on one connection until it, or everything, is over.
    fn stream(&mut self, stream: TcpStream) -> Result<Next, SendError> {
        let Ok(peer) = stream.peer_addr() else {
            // It was gone before we looked.
            self.backoff.fruitless();
            return Ok(Next::Redial);
        };
        self.known = Some(peer);
        let opened = Connection::open(stream, &self.config.target, &self.feed, &self.stop);
        let mut connection = match opened {
            Ok(connection) => connection,
            // No descriptor, or no thread, just now: as passing as any loss.
            Err(error) => return self.redial(peer, Loss::Failed(error), true),
        };
        connection.lifeline.end_at(self.deadline);
        // After one that came to nothing the next is told once it comes to something: a viewer that is
        // busy with another sender would be connected to, and lost, every few seconds.
        if !self.backoff.is_fruitless() {
            connection.announced = true;
            (self.tell)(Event::Connected(peer));
        }
        self.counters
            .set_link(Some((peer, Arc::clone(&connection.acks))));
        let outcome = self.pump(&mut connection);
        self.counters.set_link(None);
        if connection.is_fruitful() {
            self.announce(&mut connection);
            self.backoff.fruitful();
        } else {
            self.backoff.fruitless();
        }
        match outcome {
            Ok(()) => {
                connection.finish(if self.stop.is_asked() {
                    PATIENCE_WHEN_STOPPED
                } else {
                    PATIENCE_AT_END
                });
                Ok(Next::Over)
            }
            Err(Broken::Unencodable(why)) => {
                connection.finish(PATIENCE_AT_END);
                Err(SendError::Unencodable(why))
            }
            Err(Broken::Lost(loss)) => self.lost(connection, peer, loss),
        }
    }

    /// Tells of a connection that came about without a word.
    fn announce(&self, connection: &mut Connection) {
        if !std::mem::replace(&mut connection.announced, true) {
            (self.tell)(Event::Connected(connection.peer));
        }
    }

    fn lost(
        &mut self,
        connection: Connection,
        peer: SocketAddr,
        loss: Loss,
    ) -> Result<Next, SendError> {
        let second = connection.lifeline.take_second();
        let announced = connection.announced;
        link::abort(&connection.stream);
        drop(connection);
        match second {
            Some(stream) => {
                (self.tell)(Event::Moved(peer));
                Ok(Next::MoveTo(stream))
            }
            None => self.redial(peer, loss, announced),
        }
    }

    fn redial(&self, peer: SocketAddr, loss: Loss, tell: bool) -> Result<Next, SendError> {
        if self.is_over() {
            return Ok(Next::Over);
        }
        if !self.config.retry {
            return Err(SendError::Lost(peer, loss));
        }
        if tell {
            (self.tell)(Event::Lost(peer, loss));
        }
        Ok(Next::Redial)
    }

    /// Pulls, encodes, writes; `Ok` when nothing more is to be sent.
    fn pump(&mut self, connection: &mut Connection) -> Result<(), Broken> {
        loop {
            if !connection.announced && connection.is_fruitful() {
                self.announce(connection);
            }
            let patience = Instant::now() + LOOK;
            match self.feed.slot().wait(Some(patience)) {
                Wake::Full => {}
                Wake::Closed => return Ok(()),
                Wake::Nudged | Wake::TimedOut => {
                    connection.check()?;
                    if self.is_over() {
                        return Ok(());
                    }
                    continue;
                }
            }
            if !self.pass_gate(connection)? {
                return Ok(());
            }
            let Some(captured) = self.feed.slot().take() else {
                continue;
            };
            self.interval.learn(captured.at, self.feed.captured());
            self.send(connection, captured)?;
        }
    }

    /// Waits until the connection can take a frame; `false` when it is over before that.
    fn pass_gate(&mut self, connection: &mut Connection) -> Result<bool, Broken> {
        let came = Instant::now();
        let mut acks = connection.acks.account();
        let mut frames_out_at = None;
        let mut frames_out = Duration::ZERO;
        let opened = loop {
            connection.check()?;
            if self.is_over() {
                return Ok(false);
            }
            let (path, now) = (path::look(&connection.stream), Instant::now());
            frames_out += frames_out_at.map_or(Duration::ZERO, |at| now.duration_since(at));
            let verdict = connection.gate.look(path, acks, self.interval.get(), now);
            if verdict == Verdict::Open {
                break now;
            }
            frames_out_at = (verdict == Verdict::FramesAreOut).then_some(now);
            acks = connection.acks.wait(gate::LOOK);
        };
        if let Some((started, bytes)) = connection.last_frame.take() {
            // A receiver that is slow to decode is no narrow link, and smaller pictures are no help to it.
            let held = frames_out.min(acks.held);
            let carried = Carried {
                bytes,
                took: opened.duration_since(started).saturating_sub(held),
                waited: opened.duration_since(came).saturating_sub(held),
            };
            if connection.has_settled(&acks) {
                self.quality.learn(carried, self.interval.get(), opened);
            }
        }
        Ok(true)
    }

    fn send(&mut self, connection: &mut Connection, captured: Captured) -> Result<(), Broken> {
        let at = captured.at;
        let pressed = match self.press.press(captured, self.quality.get()) {
            Ok(pressed) => pressed,
            Err(error) => return self.skip(error.to_string()),
        };
        self.unencodable = 0;
        let stamp = Stamp {
            seq: connection.next_seq(),
            captured_unix_us: connection.clock.unix_us(at),
            latency_us: connection.acks.last_latency().map(|l| l.as_micros() as u64),
            quality: pressed.quality,
            ack: true,
            name: Some(self.config.name.clone()),
        };
        let bytes = connection.write(&pressed.jpeg, &stamp, at)?;
        self.sent += 1;
        self.counters.frames.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        self.counters
            .quality
            .store(pressed.quality.unwrap_or(0), Ordering::Relaxed);
        if let (None, Some(duration)) = (self.deadline, self.config.duration) {
            self.deadline = Some(Instant::now() + duration);
            connection.lifeline.end_at(self.deadline);
        }
        Ok(())
    }

    fn skip(&mut self, why: String) -> Result<(), Broken> {
        self.unencodable += 1;
        if self.unencodable >= MAX_UNENCODABLE {
            return Err(Broken::Unencodable(why));
        }
        if self.unencodable == 1 {
            (self.tell)(Event::Unencodable(why));
        }
        Ok(())
    }
}

/// Why pumping ended early.
enum Broken {
    Lost(Loss),
    Unencodable(String),
}

impl From<Loss> for Broken {
    fn from(loss: Loss) -> Self {
        Broken::Lost(loss)
    }
}

/// An error that can be remembered beside the one that is told.
fn copy_of(error: &DialError) -> DialError {
    match error {
        DialError::Unresolved(e) => DialError::Unresolved(e.kind().into()),
        DialError::Refused(address) => DialError::Refused(*address),
        DialError::NoAnswer(address) => DialError::NoAnswer(*address),
        DialError::Failed(address, e) => DialError::Failed(*address, e.kind().into()),
    }
}
