//! Proof: with a key, a candidate proves it before its first frame is read.
//!
//! On the candidate's own thread, and bounded like all that candidates do: in number, in time, in what they hold.
//! Whoever does not prove it is turned away with the reason, and told to the user as one kind of event, however many
//! there are.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::admission::Permit;
use super::cameras::Cameras;
use super::event::{Event, Kind};
use super::reader::{busy, sent_nothing};
use crate::net::link::Link;
use crate::net::link::handshake::PATIENCE;
use crate::protocol::encrypted::handshake::{Role, Status};
use crate::report::Severity;

/// Has the candidate prove the key, where there is one; else there may be something to tell.
pub(super) fn ask(
    cameras: &Cameras,
    link: &Arc<Link>,
    permit: &Permit,
) -> Result<(), Option<Event>> {
    let Some(key) = &cameras.config.key else {
        return Ok(());
    };
    let (ip, until) = (link.peer.ip(), permit.candidate.since + PATIENCE);
    let is_busy = || cameras.is_busy_for(ip, Instant::now());
    let refused = link.accept(key, Role::Receives, until, is_busy);
    refused.map_err(|why| match why {
        Some(Status::Busy) => busy(cameras, link, None),
        Some(status) => Some(turned_away(ip, status)),
        // Somebody who only looked, or whose other connection was sooner.
        None if Instant::now() < until && !permit.is_evicted() => None,
        None => Some(sent_nothing(ip)),
    })
}

/// That a peer was turned away for its key, and what helps.
pub(super) fn turned_away(ip: IpAddr, status: Status) -> Event {
    let why = status.reason(Role::Receives, false);
    let line = format!("turned away {ip}: it {why}");
    Event::new(Kind::Key, Severity::Warning, line)
}
