//! The session: connects, pulls the newest picture when the link can take it, encodes, stamps, writes.
//!
//! One thread, the program's main one, does all of it, and comes back when the stream is over. It blocks
//! on the source's slot, on the gate and on writing; acks, the failover and a wish to stop wake it. It
//! knows no camera and no format: pictures come from a [`Feed`]. Nor does it know how a link is made.

mod backoff;
mod outcome;
mod tally;

use std::fmt;
use std::mem::{self, discriminant};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::backoff::Backoff;
use self::tally::Tally;
use super::connection::Connection;
use super::event::{Event, Loss};
use super::gate::{self, Verdict};
use super::interval::Interval;
use super::press::Press;
use super::quality::{Carried, Quality};
use super::stats::Counters;
use crate::handoff::slot::Wake;
use crate::handoff::stop::Stop;
use crate::net::dial::{DialError, Dialer, Target};
use crate::net::link::Link;
use crate::net::links::Links;
use crate::picture::Captured;
use crate::protocol::stamp::{Name, Stamp};
use crate::source::{Delivery, Feed};

/// How long a wait lasts at most before the wish to stop is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long the receiver has, after the end marker, to read what is on its way and close.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The same when somebody is waiting for the program to end.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(700);

/// So many pictures in a row that cannot be encoded are no accident.
const MAX_UNENCODABLE: u32 = 100;

/// The JPEG quality at best where nobody says otherwise.
pub const DEFAULT_QUALITY: u8 = 80;

/// Pictures a second that are expected where nobody says otherwise.
pub const DEFAULT_FPS: f64 = 30.0;

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

impl Config {
    /// pi-send's defaults: retries, this host's name, no end.
    pub fn new(target: Target) -> Self {
        let host = gethostname::gethostname();
        Config {
            target,
            retry: true,
            name: Name::reduced(&host.to_string_lossy())
                .unwrap_or_else(|| "pi".parse().expect("a valid name")),
            fps: DEFAULT_FPS,
            quality: DEFAULT_QUALITY,
            min_quality: 30,
            duration: None,
            frames: None,
        }
    }
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
        }
    }
}

impl std::error::Error for SendError {}

/// What comes after a connection.
enum Next {
    Over,
    Redial,
    MoveTo(Arc<Link>),
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
    links: Arc<dyn Links>,
    backoff: Backoff,
    tally: Tally,
    unencodable: u32,
    /// Whether a receiver has acknowledged a frame: one that does not is another then.
    expects_acks: bool,
    /// Whether it was said that no pictures are taken, since they last were.
    said_no_picture: bool,
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
            press: Press::new(),
            quality: Quality::new(min_quality, config.quality),
            interval: Interval::new(config.fps),
            links: Dialer::new(config.target.clone()),
            config,
            feed,
            counters,
            stop,
            tell,
            backoff: Backoff::default(),
            tally: Tally::default(),
            unencodable: 0,
            expects_acks: false,
            said_no_picture: false,
        })
    }

    /// Sends until the source ends, enough is sent, or somebody stops it.
    pub fn run(&mut self) -> Result<(), SendError> {
        let mut standing = None;
        let mut connections = 0u64;
        while let Some(link) = match standing.take() {
            Some(link) => Some(link),
            None => self.connect()?,
        } {
            connections += 1;
            self.counters
                .reconnects
                .store(connections - 1, Ordering::Relaxed);
            self.feed.link_stands();
            match self.stream(link)? {
                Next::Over => break,
                Next::Redial => {}
                Next::MoveTo(link) => standing = Some(link),
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let enough = |frames| self.tally.frames() >= frames;
        self.stop.is_asked()
            || self.config.frames.is_some_and(enough)
            || self
                .deadline()
                .is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn deadline(&self) -> Option<Instant> {
        self.tally.since()?.checked_add(self.config.duration?)
    }

    /// Tries until a link stands; `None` when it is over before that.
    fn connect(&mut self) -> Result<Option<Arc<Link>>, SendError> {
        let mut search = Arc::clone(&self.links).search();
        let mut told = None;
        let mut next = Instant::now() + self.backoff.delay_first();
        loop {
            let now = Instant::now();
            let source = self.feed.slot().wait(Some(now));
            if self.is_over() || source == Wake::Closed {
                return Ok(None);
            }
            // view-recv gives a connection a few seconds to bring a picture: one that has none yet, of a
            // camera that exposes for longer or is lost, would come and go.
            if source != Wake::Full && search.is_idle() && !self.feed.is_waiting_for_link() {
                self.feed.slot().wait(Some(now + LOOK));
                continue;
            }
            if now >= next && (self.config.retry || search.is_idle()) {
                search.attempt(now);
                next = now + self.backoff.pause();
            }
            match search.wait(next.clamp(now + LOOK / 10, now + LOOK)) {
                None => {}
                Some(Ok(link)) => return Ok(Some(link)),
                Some(Err(error)) if !self.config.retry => {
                    return Err(SendError::Unreachable(self.config.target.clone(), error));
                }
                Some(Err(error)) => {
                    let kind = Some(discriminant(&error));
                    if mem::replace(&mut told, kind) != kind {
                        (self.tell)(Event::Unreachable(self.config.target.clone(), error));
                    }
                }
            }
        }
    }

    /// Sends on one connection until it, or everything, is over.
    fn stream(&mut self, link: Arc<Link>) -> Result<Next, SendError> {
        let peer = link.peer();
        let opened = Connection::open(link, &self.links, &self.feed, &self.stop);
        let mut connection = match opened {
            Ok(connection) => connection,
            // No descriptor, or no thread, just now: as passing as any loss.
            Err(error) => {
                let tell = !self.backoff.is_doubtful();
                self.backoff.did_not_last();
                return self.redial(peer, Loss::Failed(error), tell);
            }
        };
        connection.failover.end_at(self.deadline());
        // After one that did not last the next is told once it lasts: a viewer that shows another camera
        // would be connected to, and lost, every few seconds.
        if !self.backoff.is_doubtful() {
            self.show_link(&connection);
            self.announce(&mut connection);
        }
        let outcome = self.pump(&mut connection);
        self.judge(&mut connection);
        self.counters.set_link(None);
        let is_over = self.is_over();
        match outcome {
            Ok(()) => self.end(connection),
            Err(Broken::Unencodable(why)) => {
                connection.finish(PATIENCE_AT_END, false, &self.stop);
                Err(SendError::Unencodable(why))
            }
            Err(Broken::Lost(loss)) => self.lost(connection, loss, is_over),
        }
    }

    /// Pulls, encodes, writes; `Ok` when nothing more is to be sent.
    fn pump(&mut self, connection: &mut Connection) -> Result<(), Broken> {
        loop {
            let patience = Instant::now() + LOOK;
            match self.feed.slot().wait(Some(patience)) {
                Wake::Full => {}
                Wake::Closed => return Ok(()),
                Wake::Nudged | Wake::TimedOut => {
                    // In this order: once enough was sent, a receiver may close.
                    if self.is_over() {
                        return Ok(());
                    }
                    self.check(connection)?;
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
            if self.is_over() {
                return Ok(false);
            }
            self.check(connection)?;
            let (path, now) = (connection.link.path(), Instant::now());
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
            interval: Some(self.interval.to_declare()),
            ack: true,
            name: Some(self.config.name.clone()),
        };
        let bytes = connection.write(&pressed.jpeg, &stamp, at)?;
        self.tally.frame(Instant::now());
        self.counters.frames.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        self.counters
            .quality
            .store(pressed.quality.unwrap_or(0), Ordering::Relaxed);
        connection.failover.end_at(self.deadline());
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::handoff::stop::Reason;
    use crate::net::links::Search;
    use crate::picture::{Content, Turn};
    use std::sync::Mutex;

    const PEER: ([u8; 4], u16) = ([10, 0, 0, 1], 8000);

    /// Links that cannot be used, and when each was asked for; it is the end once there are enough of them.
    struct Unusable {
        asked: Mutex<Vec<Instant>>,
        stop: Arc<Stop>,
    }

    impl Links for Unusable {
        fn search(self: Arc<Self>) -> Box<dyn Search> {
            Box::new(Attempts(self, false))
        }

        fn took(&self, _: SocketAddr) {}

        fn took_none(&self, _: SocketAddr) {}

        fn has_another(&self, _: SocketAddr) -> bool {
            false
        }
    }

    struct Attempts(Arc<Unusable>, bool);

    impl Search for Attempts {
        fn attempt(&mut self, now: Instant) {
            let mut asked = self.0.asked.lock().unwrap();
            asked.push(now);
            if asked.len() == 4 {
                self.0.stop.ask(Reason::Done);
            }
            self.1 = true;
        }

        fn is_idle(&self) -> bool {
            !self.1
        }

        fn wait(&mut self, until: Instant) -> Option<Result<Arc<Link>, DialError>> {
            if self.1 {
                return Some(Ok(Link::unusable(PEER.into())));
            }
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            None
        }
    }

    #[test]
    fn before_the_next_link_after_one_that_could_not_be_used_it_pauses_ever_longer_and_says_so_once()
     {
        let (feed, stop) = (Arc::new(Feed::new(Delivery::NewestWins)), Arc::default());
        feed.put(Captured {
            at: Instant::now(),
            turn: Turn::NONE,
            content: Content::Jpeg(Vec::new().into()),
        });
        let config = Config {
            target: Target {
                host: "viewer".to_owned(),
                port: 1,
            },
            retry: true,
            name: "garden".parse().unwrap(),
            fps: 30.0,
            quality: 80,
            min_quality: 30,
            duration: None,
            frames: None,
        };
        let told = Mutex::new(Vec::new());
        let tell = |event: Event| told.lock().unwrap().push(event.to_string());
        let counters = Arc::default();
        let mut session = Session::new(config, feed, counters, Arc::clone(&stop), &tell).unwrap();
        let links = Arc::new(Unusable {
            asked: Mutex::default(),
            stop,
        });
        session.links = Arc::clone(&links) as Arc<dyn Links>;
        session.run().unwrap();
        let asked = links.asked.lock().unwrap();
        let pauses: Vec<Duration> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        for (pause, least) in pauses.iter().zip([160, 320, 640]) {
            assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
        }
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
