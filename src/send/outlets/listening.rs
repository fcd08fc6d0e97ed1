//! Receivers that dial: each is a candidate, on a thread of its own, until it has a place and an outlet there.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::Outlets;
use crate::net::admission::Permit;
use crate::net::link::Link;
use crate::net::link::handshake::PATIENCE;
use crate::protocol::encrypted::handshake::{Role, Status};
use crate::send::event::Event;

impl Outlets<'_, '_> {
    /// Takes a connection, if it may be here.
    pub(super) fn take(self: &Arc<Self>, link: Arc<Link>) -> io::Result<()> {
        let ip = link.peer.ip();
        if !self.allowed.includes(ip) {
            let event = Event::TurnedAway(ip, self.allowed.remedy(ip));
            (self.shared.report)(event);
            return Ok(());
        }
        let permit = self.admission.admit(&link, PATIENCE);
        self.spawn(move |outlets| outlets.receiver(link, permit))
    }

    fn receiver(&self, link: Arc<Link>, permit: Permit) {
        let (ip, counters) = (link.peer.ip(), &self.shared.counters);
        let entered = self.prove(&link, permit.candidate.since + PATIENCE);
        let entered = entered.and_then(|()| counters.enter(ip).map_err(Some));
        drop(permit);
        match entered {
            Ok(Some(receiver)) => self.send(receiver, None, Some(link)),
            Err(Some(status)) => {
                let why = format!("it {}", status.reason(Role::Sends, false));
                (self.shared.report)(Event::TurnedAway(ip, why));
            }
            // Nothing is sent any more, or it was somebody who only looked.
            Ok(None) | Err(None) => {}
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
