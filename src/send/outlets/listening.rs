//! Listening: receivers dial, and each gets a place and an outlet of its own.
//!
//! ```text
//! listener ──link──▶ (with a key: proof) ──▶ place ──▶ outlet, on the same thread
//! a thread an address                          └ of a receiver whose connection fell silent: that moves over
//! ```
//!
//! There are [`PLACES`]. When all are taken, a newcomer gets that of a receiver which has acknowledged nothing for longer
//! than failover's limit, of its own address first; nobody else's. Whoever has not proven the key is bounded in number
//! and time. The listener blocks on accepting alone; what others can cause is told at a limited rate.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::links::{Links, Place};
use super::outlet::Outlet;
use super::{Shared, spawn};
use crate::handoff::lock::lock;
use crate::handoff::slot::Wake;
use crate::net::link::Link;
use crate::net::link::handshake::PATIENCE;
use crate::net::listen::{Acceptor, Allowed};
use crate::protocol::encrypted::handshake::{Role, Status};
use crate::protocol::encrypted::key::Key;
use crate::send::LOOK;
use crate::send::event::{Event, SendError};

/// How many receivers there can be.
pub(in crate::send) const PLACES: usize = 8;

/// How many may be about to prove the key at once, and how many of one address.
const MAX_UNPROVEN: (usize, usize) = (24, 6);

/// How many connections may wait to be looked at.
const BACKLOG: usize = 16;

/// How long to wait when there is no descriptor or thread for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What the listener's threads and the outlets say.
enum News {
    Link(io::Result<Arc<Link>>),
    Ended(Result<(), SendError>),
}

/// Takes receivers there until sending is over.
pub(in crate::send) fn run(
    shared: &Shared<'_>,
    acceptors: &[Arc<Acceptor>],
    allowed: &Allowed,
) -> Result<(), SendError> {
    let listener = Listener {
        shared,
        allowed,
        places: Mutex::default(),
        unproven: Mutex::default(),
    };
    let result = thread::scope(|scope| {
        let (tell, news) = mpsc::sync_channel(BACKLOG);
        for acceptor in acceptors {
            let (acceptor, tell) = (Arc::clone(acceptor), tell.clone());
            let thread = thread::Builder::new().name("listener".into());
            let thread = thread.spawn(move || accept(&acceptor, &tell));
            thread.map_err(SendError::Thread)?;
        }
        let result = listener.run(scope, &tell, &news);
        lock(&listener.places).is_closed = true;
        for link in &*lock(&listener.unproven) {
            link.cut();
        }
        // Dropping the news lets go whoever has some to tell.
        result
    });
    for acceptor in acceptors {
        acceptor.wake();
    }
    result
}

/// Takes connections for as long as somebody wants them; on a thread that nobody waits for, since nothing wakes it for
/// sure.
fn accept(acceptor: &Acceptor, tell: &SyncSender<News>) {
    loop {
        let taken = acceptor.accept();
        let pause = if taken.is_ok() { Duration::ZERO } else { PAUSE };
        if tell.send(News::Link(taken)).is_err() {
            return;
        }
        thread::sleep(pause);
    }
}

struct Listener<'a> {
    shared: &'a Shared<'a>,
    allowed: &'a Allowed,
    places: Mutex<Places>,
    unproven: Mutex<Vec<Arc<Link>>>,
}

#[derive(Default)]
struct Places {
    all: Vec<Arc<Place>>,
    /// Whether nobody gets one any more.
    is_closed: bool,
}

impl Listener<'_> {
    fn run<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        tell: &SyncSender<News>,
        news: &Receiver<News>,
    ) -> Result<(), SendError> {
        loop {
            match news.recv_timeout(LOOK) {
                Ok(News::Link(taken)) => self.take(scope, taken, tell),
                Ok(News::Ended(Err(error @ SendError::Unencodable(_)))) => {
                    return self.shared.ended(Err(error));
                }
                // Without retries: the last one that is lost.
                Ok(News::Ended(Err(error))) if self.close() => return Err(error),
                Ok(News::Ended(Err(error))) => (self.shared.report)(Event::Left(error)),
                _ => {}
            }
            if self.nothing_is_wanted() && self.close() {
                return Ok(());
            }
        }
    }

    /// Gives no more places, if none is taken; whether that is so.
    fn close(&self) -> bool {
        let mut places = lock(&self.places);
        places.is_closed |= places.all.is_empty();
        places.is_closed
    }

    /// Whether the source is over, and its last picture taken, or enough is sent.
    fn nothing_is_wanted(&self) -> bool {
        let Shared {
            stage,
            config,
            counters,
            stop,
            ..
        } = self.shared;
        let is_enough = config
            .frames
            .is_some_and(|frames| counters.frames() >= frames);
        let until = config.duration.zip(counters.since());
        let is_late = until.is_some_and(|(duration, since)| since.elapsed() >= duration);
        let is_closed = stage.feed.slot.wait(Some(Instant::now())) == Wake::Closed;
        stop.is_asked() || is_enough || is_late || is_closed
    }

    /// Takes a connection, if it may be here.
    fn take<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        taken: io::Result<Arc<Link>>,
        tell: &SyncSender<News>,
    ) {
        let taken = taken.map_err(SendError::Thread).and_then(|link| {
            let (ip, tell) = (link.peer.ip(), tell.clone());
            if !self.allowed.includes(ip) {
                self.turn_away(ip, self.allowed.remedy(ip));
                return Ok(());
            }
            spawn(scope, move || self.receiver(&link, &tell))
        });
        if let Err(SendError::Thread(error)) = taken {
            (self.shared.report)(Event::Exhausted(error));
        }
    }

    /// A receiver, from its first connection to its last.
    fn receiver(&self, link: &Arc<Link>, tell: &SyncSender<News>) {
        if let Some(key) = &self.shared.config.key {
            if !self.proves(link, key) {
                return;
            }
        }
        let place = match self.enter(link) {
            Ok(Some(place)) => place,
            Ok(None) => return,
            Err(status) => {
                let why = status.reason(Role::Sends);
                return self.turn_away(link.peer.ip(), why);
            }
        };
        let mut outlet = Outlet::new(self.shared, Links::Accepted(Arc::clone(&place)));
        let result = loop {
            let result = outlet.run();
            if self.leave(&place) {
                break result;
            }
        };
        drop(outlet);
        // Nobody listens any more where it is over.
        let _ = tell.send(News::Ended(result));
    }

    fn turn_away(&self, ip: IpAddr, why: String) {
        (self.shared.report)(Event::TurnedAway(ip, why));
    }

    /// Has whoever dialled prove the key.
    fn proves(&self, link: &Arc<Link>, key: &Key) -> bool {
        let (ip, until) = (link.peer.ip(), Instant::now() + PATIENCE);
        let mut unproven = lock(&self.unproven);
        let is_own = |other: &Arc<Link>| other.peer.ip() == ip;
        let first = match unproven.iter().filter(|other| is_own(other)).count() {
            own if own >= MAX_UNPROVEN.1 => unproven.iter().position(is_own),
            _ => (unproven.len() >= MAX_UNPROVEN.0).then_some(0),
        };
        if let Some(first) = first {
            unproven.remove(first).cut();
        }
        unproven.push(Arc::clone(link));
        drop(unproven);
        // Whoever comes to the list from now on is not cut any more.
        if lock(&self.places).is_closed {
            return false;
        }
        let is_busy = || !self.has_room(link);
        let proven = link.accept(key, Role::Sends, until, is_busy);
        let is_silent = matches!(proven, Err(None)) && Instant::now() >= until;
        if is_silent {
            // One that waits for pictures.
            link.turn_away(Status::KeyWanted, Instant::now() + PATIENCE);
        }
        lock(&self.unproven).retain(|other| !Arc::ptr_eq(other, link));
        let status = match proven {
            Ok(()) => return true,
            Err(Some(status)) => status,
            Err(None) if is_silent => Status::KeyWanted,
            // Somebody who only looked.
            Err(None) => return false,
        };
        self.turn_away(ip, status.reason(Role::Sends));
        false
    }

    fn has_room(&self, link: &Link) -> bool {
        let (places, now) = (lock(&self.places), Instant::now());
        let own = |place: &Arc<Place>| place.ip == link.peer.ip() && place.is_silent();
        let gives_way = |place| own(place) || place.is_stuck(now);
        places.all.len() < PLACES || places.all.iter().any(gives_way)
    }

    /// Gives a newcomer a place of its own, or says why not; `None` where the outlet of its earlier connection moves
    /// over, or nothing is sent any more.
    fn enter(&self, link: &Arc<Link>) -> Result<Option<Arc<Place>>, Status> {
        let Places {
            all: places,
            is_closed,
        } = &mut *lock(&self.places);
        if *is_closed {
            return Ok(None);
        }
        let (now, ip) = (Instant::now(), link.peer.ip());
        let own = |place: &&Arc<Place>| place.ip == ip && place.is_silent();
        if let Some(own) = places.iter().find(own) {
            own.hand_over(link);
            return Ok(None);
        }
        if places.len() >= PLACES {
            let stuck = (0..places.len()).filter(|index| places[*index].is_stuck(now));
            let Some(stuck) = stuck.min_by_key(|index| places[*index].ip != ip) else {
                return Err(Status::Busy);
            };
            places.remove(stuck).cut();
        }
        let place = Place::new(link);
        places.push(Arc::clone(&place));
        Ok(Some(place))
    }

    /// Whether a receiver whose links are over has left its place; not, where it has just come back.
    fn leave(&self, place: &Arc<Place>) -> bool {
        let places = &mut lock(&self.places).all;
        if place.has_next() && places.iter().any(|other| Arc::ptr_eq(other, place)) {
            return false;
        }
        places.retain(|other| !Arc::ptr_eq(other, place));
        true
    }
}
