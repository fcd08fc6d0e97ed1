//! Outlets: one a receiver. Several of one stage have a thread each: none waits for another's link.
//!
//! ```text
//! outlet       one receiver, over as many connections as that takes; one that dials has one
//! connection   one of them; failover (a thread): its acks, and the next connection where it falls silent
//! ```
//!
//! [`run`] starts them, and waits for the last one's end. A receiver that dials is a candidate, on a thread of its own,
//! until it has a place and an outlet there. The places are [`Counters`]'.

mod connection;
mod failover;
mod outlet;

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use self::outlet::Outlet;
use crate::handoff::Stop;
use crate::net::admission::{self, Admission, Permit};
use crate::net::link::handshake::PATIENCE;
use crate::net::{Dialer, Finder, Link, Target};
use crate::protocol::{Role, Status};
use crate::send::{Config, Counters, Event, Joined, LOOK, Receivers, SendError, Stage};

/// How many connections may wait to be looked at.
const BACKLOG: usize = 16;

/// How long to wait when there is no descriptor for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What all of them share.
pub(super) struct Shared<'a> {
    pub(super) config: Config,
    pub(super) stage: Arc<Stage>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<Stop>,
    pub(super) report: &'a (dyn Fn(Event) + Sync),
}

impl Shared<'_> {
    fn dial(&self, host: &Target) -> Arc<Dialer> {
        let key = self.config.key.clone();
        Arc::new(Dialer::new(host.clone(), Role::Sends, key, &self.stop))
    }

    /// When sending ends by itself, as far as is known.
    fn deadline(&self) -> Option<Instant> {
        let duration = self.config.duration?;
        self.counters.since()?.checked_add(duration)
    }

    /// Whether no (more) pictures are wanted.
    fn is_over(&self) -> bool {
        let is_past = |deadline: Instant| Instant::now() >= deadline;
        let is_enough = |frames: u64| self.counters.frames() >= frames;
        self.stop.is_asked()
            || self.config.frames.is_some_and(is_enough)
            || self.deadline().is_some_and(is_past)
    }
}

/// What the listening threads and the outlets say.
enum News {
    Link(io::Result<Arc<Link>>),
    /// Of the receiver of that number.
    Ended(usize, Result<(), SendError>),
}

/// Sends to all of those, until the last one is over; where receivers dial or are found, until nothing more is wanted.
pub(super) fn run(shared: &Shared<'_>, to: &Receivers) -> Result<(), SendError> {
    if let [only] = &to.hosts[..] {
        let only = Some(shared.dial(only));
        return Outlet::new(shared, shared.counters.join(), only, None).run();
    }
    let (tell, news) = mpsc::sync_channel(BACKLOG);
    let result = thread::scope(|scope| {
        let outlets = Arc::new(Outlets {
            shared,
            to,
            scope,
            admission: Arc::new(Admission::new(0)),
            tell: tell.clone(),
        });
        let listened = admission::listen(&to.acceptors, move |taken| {
            let failed = taken.is_err();
            let told = tell.send(News::Link(taken));
            if failed {
                thread::sleep(PAUSE);
            }
            told.is_ok()
        });
        let mut hosts = to.hosts.iter();
        let started = listened.and_then(|()| hosts.try_for_each(|host| outlets.dial(host)));
        let started = started.map_err(SendError::Thread);
        let result = started.and_then(|()| outlets.run(&news));
        if result.is_err() {
            // Also of those that go on: pictures that cannot be encoded end it for all.
            shared.stage.feed.end();
        }
        outlets.admission.close();
        // Lets go whoever has something to tell.
        drop(news);
        result
    });
    for acceptor in &to.acceptors {
        acceptor.wake();
    }
    result
}

struct Outlets<'scope, 'env> {
    shared: &'env Shared<'env>,
    to: &'env Receivers,
    scope: &'scope Scope<'scope, 'env>,
    admission: Arc<Admission>,
    tell: mpsc::SyncSender<News>,
}

impl Outlets<'_, '_> {
    /// Runs that on a thread of its own.
    fn spawn(self: &Arc<Self>, run: impl FnOnce(&Self) + Send + 'static) -> io::Result<()> {
        let outlets = Arc::clone(self);
        let thread = thread::Builder::new().name("outlet".into());
        let thread = thread.spawn_scoped(self.scope, move || run(&outlets));
        thread.map(drop)
    }

    fn dial(self: &Arc<Self>, host: &Target) -> io::Result<()> {
        let (receiver, dialer) = (self.shared.counters.join(), self.shared.dial(host));
        self.spawn(move |outlets| outlets.send(receiver, Some(dialer), None))
    }

    /// Sends to a receiver, until that is over.
    fn send(&self, receiver: Joined, dialer: Option<Arc<Dialer>>, link: Option<Arc<Link>>) {
        let number = receiver.0;
        let ended = Outlet::new(self.shared, receiver, dialer, link).run();
        // Nobody listens any more where it is over.
        let _ = self.tell.send(News::Ended(number, ended));
    }

    fn run(self: &Arc<Self>, news: &mpsc::Receiver<News>) -> Result<(), SendError> {
        let (counters, report) = (&self.shared.counters, self.shared.report);
        // Whether others may come yet.
        let is_open = self.to.hosts.is_empty();
        loop {
            let taken = match news.recv_timeout(LOOK) {
                Ok(News::Link(taken)) => taken.and_then(|link| self.take(link)),
                Ok(News::Ended(_, Err(error @ SendError::Unencodable(_)))) => return Err(error),
                Ok(News::Ended(receiver, ended)) => {
                    counters.leave(receiver);
                    // Without retries: the last one that is lost.
                    if (ended.is_err() || !is_open) && counters.close() {
                        return ended;
                    }
                    if let Err(error) = ended {
                        report(Event::Lost(error, "; it is not dialled again (--no-retry)"));
                    }
                    Ok(())
                }
                Err(_) => Ok(()),
            };
            let found = self.to.finder.as_ref();
            let found = found.and_then(Finder::newcomer);
            let dialled = found.map_or(Ok(()), |host| self.dial(&host));
            for error in [taken, dialled].into_iter().filter_map(Result::err) {
                report(Event::Exhausted(error));
            }
            // The source is over once its last picture is taken, too.
            let is_closed = || self.shared.stage.feed.slot.is_over();
            if is_open && (self.shared.is_over() || is_closed()) && counters.close() {
                return Ok(());
            }
        }
    }

    /// Takes a connection, if it may be here.
    fn take(self: &Arc<Self>, link: Arc<Link>) -> io::Result<()> {
        let ip = link.peer.ip();
        if let Some(why) = self.to.allowed.refusal(ip) {
            (self.shared.report)(Event::TurnedAway(ip, why));
            return Ok(());
        }
        let permit = self.admission.admit(&link, PATIENCE);
        self.spawn(move |outlets| outlets.receiver(link, permit))
    }

    fn receiver(&self, link: Arc<Link>, permit: Permit) {
        let (ip, counters) = (link.peer.ip(), &self.shared.counters);
        let entered = self.prove(&link, permit.candidate.since + PATIENCE);
        let entered = entered.and_then(|()| counters.enter(ip));
        drop(permit);
        match entered {
            Ok(receiver) => self.send(receiver, None, Some(link)),
            Err(Some(status)) => {
                let why = format!("it {}", status.reason(Role::Sends, false));
                (self.shared.report)(Event::TurnedAway(ip, why));
            }
            // Nothing is sent any more, or it was somebody who only looked.
            Err(None) => {}
        }
    }

    /// Has whoever dialled prove the key, where there is one, until then; else there may be a reason to tell.
    fn prove(&self, link: &Link, until: Instant) -> Result<(), Option<Status>> {
        let Some(key) = &self.shared.config.key else {
            return Ok(());
        };
        let is_busy = || self.shared.counters.is_busy_for(link.peer.ip());
        let proven = link.accept(key, Role::Sends, until, is_busy);
        if proven == Err(None) && Instant::now() >= until {
            // One that waits for pictures.
            let until = Instant::now() + PATIENCE;
            return Err(Some(link.turn_away(Status::KeyWanted, until)));
        }
        proven
    }
}
