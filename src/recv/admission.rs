//! Listening: whoever connects is a candidate, and read on a thread of its own; with a key, it proves that first.
//!
//! The listening threads take connections for as long as the program runs, whatever comes. The proof is bounded like all
//! that candidates do: in number, in time, in what they hold. Whoever fails is turned away with the reason, and told to
//! the user as one kind of event, however many there are.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::event::turned_away;
use super::reader::{self, Progress, busy, sent_nothing};
use super::{Cameras, Event, Kind};
pub(super) use crate::net::admission::{Admission, PATIENCE, Permit};
use crate::net::link::handshake;
use crate::net::{Acceptor, Link, admission};
use crate::protocol::{Role, Status};
use crate::report::Severity;

/// How long to wait when there is no descriptor or thread for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections there until the program ends.
pub fn start(acceptors: &[Arc<Acceptor>], cameras: &Arc<Cameras>) -> io::Result<()> {
    let admission = Arc::new(Admission::new(cameras.config.max_frame_bytes));
    let cameras = Arc::clone(cameras);
    admission::listen(acceptors, move |taken| {
        if let Err(error) = taken.and_then(|link| take(&admission, &link, &cameras)) {
            // A little later the next one may have more luck.
            cameras.tell(Severity::Warning, exhausted(&error));
            // Those that wait must not keep a sender out by what they take up.
            admission.make_place();
            cameras.stop.sleep(PAUSE);
        }
        !cameras.stop.is_asked()
    })
}

/// No descriptors, or no threads.
pub(super) fn exhausted(error: &io::Error) -> Event {
    let line = format!("cannot take another connection yet: {error}");
    (Kind::Exhausted, line)
}

fn take(admission: &Arc<Admission>, link: &Arc<Link>, cameras: &Arc<Cameras>) -> io::Result<()> {
    if let Some(line) = cameras.config.allowed.refusal(link.peer.ip()) {
        cameras.tell(Severity::Warning, (Kind::NotAllowed, line));
        return Ok(());
    }
    let permit = admission.admit(link, PATIENCE);
    let (link, cameras) = (Arc::clone(link), Arc::clone(cameras));
    let started = reader::start(move || {
        let proven = prove(&cameras, &link, &permit);
        let ended = proven.and_then(|()| reader::read(&cameras, &link, permit, &OnceLock::new()));
        if let (Err(Some(event)), false) = (ended, cameras.stop.is_asked()) {
            cameras.tell(Severity::Warning, event);
        }
    });
    started.map(drop)
}

/// Has the candidate prove the key, where there is one.
fn prove(cameras: &Cameras, link: &Link, permit: &Permit) -> Progress<()> {
    let (ip, until) = (link.peer.ip(), permit.candidate.since + handshake::PATIENCE);
    let (key, is_busy) = (cameras.config.key.as_ref(), || cameras.is_busy_for(ip));
    let proven = link.accept(key, Role::Receives, until, is_busy);
    proven.map_err(|why| match why {
        Some(Status::Busy) => busy(cameras, link, None),
        Some(status) => Some(turned_away(ip, status)),
        // Somebody who only looked, or whose other connection was sooner.
        None if Instant::now() < until && !permit.is_evicted() => None,
        None => Some(sent_nothing(ip)),
    })
}
