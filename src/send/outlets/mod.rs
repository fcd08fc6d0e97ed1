//! Outlets: one a receiver. Several of one stage have a thread each: none waits for another's link.
//!
//! ```text
//! outlet       one receiver, over as many connections as that takes; one that dials has one
//! connection   one of them; a thread of its own hears its acks, and makes the next where it falls silent
//! ```
//!
//! [`run`] starts them, and waits for the last one's end. A receiver that dials is a candidate, on a thread of its own,
//! until it has a place and an outlet there. The places are [`Counters`]'.

mod connection;
mod outlet;

use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use self::outlet::Outlet;
use crate::handoff::{Stop, lock};
use crate::net::admission::{self, Admission, Permit};
use crate::net::link::handshake::PATIENCE;
use crate::net::{Dialer, Finder, Link, Target};
use crate::protocol::{Role, Status};
use crate::report::Severity;
use crate::send::error::Result;
use crate::send::{Config, Counters, LOOK, SendError, Stage};
use crate::source::Report;

/// How many connections may wait to be looked at.
const BACKLOG: usize = 16;

/// How long to wait when there is no descriptor for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What all of them share.
pub(super) struct Shared<'a> {
    pub(super) config: Config,
    pub(super) stage: Arc<Stage>,
    pub(super) counters: Arc<Mutex<Counters>>,
    pub(super) stop: Arc<Stop>,
    pub(super) report: Report<'a>,
}

impl Shared<'_> {
    fn dial(&self, host: &Target) -> Arc<Dialer> {
        let key = self.config.key.clone();
        Arc::new(Dialer::new(host.clone(), Role::Sends, key, &self.stop))
    }

    /// Something that the user may want to look at.
    fn warn(&self, line: String) {
        (self.report)(Severity::Warning, line);
    }

    /// When sending ends by itself, as far as is known.
    fn deadline(&self) -> Option<Instant> {
        let since = lock(&self.counters).since?;
        since.checked_add(self.config.duration)
    }

    /// Whether no (more) pictures are wanted.
    fn is_over(&self) -> bool {
        let is_past = |deadline: Instant| Instant::now() >= deadline;
        let is_enough = |frames: u64| lock(&self.counters).sent.frames >= frames;
        self.stop.is_asked()
            || self.config.frames.is_some_and(is_enough)
            || self.deadline().is_some_and(is_past)
    }
}

/// What the listening threads and the outlets say.
enum News {
    Link(io::Result<Arc<Link>>),
    /// Of the receiver of that number.
    Ended(usize, Result<()>),
}

/// Sends to all of those, until the last one is over; where receivers dial or are found, until nothing more is wanted.
pub(super) fn run(shared: &Shared<'_>) -> Result<()> {
    if let [only] = &shared.config.hosts[..] {
        let (receiver, dialer) = (lock(&shared.counters).join(), shared.dial(only));
        return Outlet::new(shared, receiver, Some(dialer)).run(None);
    }
    let (tell, news) = mpsc::sync_channel(BACKLOG);
    let outlets = Outlets {
        shared,
        admission: Arc::new(Admission::new(0)),
        tell,
    };
    let result = thread::scope(|scope| {
        // Its end lets go whoever has something to tell.
        let result = outlets.run(scope, news);
        if result.is_err() {
            // Also of those that go on: pictures that cannot be encoded end it for all.
            shared.stage.feed.end();
        }
        outlets.admission.close();
        result
    });
    for acceptor in &shared.config.acceptors {
        acceptor.wake();
    }
    result
}

struct Outlets<'a> {
    shared: &'a Shared<'a>,
    admission: Arc<Admission>,
    tell: mpsc::SyncSender<News>,
}

/// For the outlets' threads.
type Threads<'scope, 'env> = &'scope Scope<'scope, 'env>;

/// Runs that on a thread of its own.
fn spawn<'scope>(scope: Threads<'scope, '_>, run: impl FnOnce() + Send + 'scope) -> io::Result<()> {
    let thread = thread::Builder::new().name("outlet".into());
    thread.spawn_scoped(scope, run).map(drop)
}

impl Outlets<'_> {
    fn run<'scope>(
        &'scope self,
        scope: Threads<'scope, '_>,
        news: mpsc::Receiver<News>,
    ) -> Result<()> {
        let tell = self.tell.clone();
        let listened = admission::listen(&self.shared.config.acceptors, move |taken| {
            if taken.is_err() {
                thread::sleep(PAUSE);
            }
            tell.send(News::Link(taken)).is_ok()
        });
        let mut hosts = self.shared.config.hosts.iter();
        let started = listened.and_then(|()| hosts.try_for_each(|host| self.dial(scope, host)));
        started.map_err(SendError::Thread)?;
        let (shared, counters) = (self.shared, &self.shared.counters);
        // Whether others may come yet.
        let is_open = self.shared.config.hosts.is_empty();
        loop {
            let taken = match news.recv_timeout(LOOK) {
                Ok(News::Link(taken)) => taken.and_then(|link| self.take(scope, link)),
                Ok(News::Ended(_, Err(error @ SendError::Unencodable(_)))) => return Err(error),
                Ok(News::Ended(receiver, ended)) => {
                    lock(counters).leave(receiver);
                    // Without retries: the last one that is lost.
                    if (ended.is_err() || !is_open) && lock(counters).close() {
                        return ended;
                    }
                    if let Err(error) = ended {
                        shared.warn(format!("{error}; it is not dialled again (--no-retry)"));
                    }
                    Ok(())
                }
                Err(_) => Ok(()),
            };
            let found = shared.config.finder.as_ref().and_then(Finder::newcomer);
            let dialled = found.map_or(Ok(()), |host| self.dial(scope, &host));
            for error in [taken, dialled].into_iter().filter_map(Result::err) {
                shared.warn(format!("cannot take another receiver yet: {error}"));
            }
            // The source is over once its last picture is taken, too.
            let is_closed = || shared.stage.feed.slot.is_over();
            if is_open && (shared.is_over() || is_closed()) && lock(counters).close() {
                return Ok(());
            }
        }
    }

    fn dial<'scope>(&'scope self, scope: Threads<'scope, '_>, host: &Target) -> io::Result<()> {
        let (receiver, dialer) = (lock(&self.shared.counters).join(), self.shared.dial(host));
        spawn(scope, move || self.send(receiver, Some(dialer), None))
    }

    /// Sends to a receiver, until that is over.
    fn send(&self, receiver: usize, dialer: Option<Arc<Dialer>>, link: Option<Arc<Link>>) {
        let ended = Outlet::new(self.shared, receiver, dialer).run(link);
        // Nobody listens any more where it is over.
        let _ = self.tell.send(News::Ended(receiver, ended));
    }

    /// Takes a connection, if it may be here.
    fn take<'scope>(&'scope self, scope: Threads<'scope, '_>, link: Arc<Link>) -> io::Result<()> {
        if let Some(line) = self.shared.config.allowed.refusal(link.peer.ip()) {
            self.shared.warn(line);
            return Ok(());
        }
        // Without a key it waits for nothing, and must not be evicted while it gets its place.
        let key = self.shared.config.key.as_ref();
        let permit = key.map(|_| self.admission.admit(&link, PATIENCE));
        spawn(scope, move || self.receiver(link, permit))
    }

    /// Has whoever dialled prove the key, where there is one, and sends to it, once it has a place.
    fn receiver(&self, link: Arc<Link>, permit: Option<Permit>) {
        let (ip, counters) = (link.peer.ip(), &self.shared.counters);
        let (key, until) = (self.shared.config.key.as_ref(), Instant::now() + PATIENCE);
        let is_busy = || lock(counters).gives_way(ip, Instant::now()).is_err();
        let mut proven = link.accept(key, Role::Sends, until, is_busy);
        if proven == Err(None) && Instant::now() >= until {
            // One that waits for pictures.
            let until = Instant::now() + PATIENCE;
            proven = Err(Some(link.turn_away(Status::KeyWanted, until)));
        }
        let entered = proven.and_then(|()| lock(counters).enter(ip));
        drop(permit);
        match entered {
            Ok(receiver) => self.send(receiver, None, Some(link)),
            Err(Some(status)) => {
                let why = status.reason(Role::Sends, false);
                self.shared.warn(format!("turned away {ip}: it {why}"));
            }
            // Nothing is sent any more, or it was somebody who only looked.
            Err(None) => {}
        }
    }
}
