//! Where an outlet's links come from: it dials its receiver, or its receiver dials, and the listener puts the link here.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::handoff::lock::lock;
use crate::handoff::slot::{Slot, Wake};
use crate::net::dial::Dialer;
use crate::net::link::Link;
use crate::send::acks::{Acks, SILENCE};

/// An outlet's way to its next link.
#[derive(Clone)]
pub(in crate::send) enum Links {
    Dialled(Arc<Dialer>),
    Accepted(Arc<Place>),
}

impl Links {
    /// A link that the receiver made by itself.
    pub(in crate::send) fn given(&self) -> Option<Arc<Link>> {
        match self {
            Links::Dialled(_) => None,
            Links::Accepted(place) => place.next.take(),
        }
    }

    /// A connection is made of one of them.
    pub(in crate::send) fn stands(&self, link: &Arc<Link>, acks: &Arc<Acks>) {
        if let Links::Accepted(place) = self {
            *lock(&place.stands) = Some((Arc::clone(link), Arc::clone(acks)));
        }
    }

    /// A link to that address came to nothing.
    pub(in crate::send) fn took_none(&self, peer: SocketAddr) {
        if let Links::Dialled(dialer) = self {
            dialer.took_none(peer);
        }
    }

    /// Whether the receiver can be reached at another address.
    pub(in crate::send) fn has_another(&self, peer: SocketAddr) -> bool {
        match self {
            Links::Dialled(dialer) => dialer.has_another(peer),
            Links::Accepted(_) => false,
        }
    }
}

/// A receiver's place at a sender that listens: the listener puts links in, and the outlet takes them.
pub(in crate::send) struct Place {
    pub(in crate::send) ip: IpAddr,
    next: Slot<Arc<Link>>,
    stands: Mutex<Option<(Arc<Link>, Arc<Acks>)>>,
}

impl Place {
    /// The place of whoever made that link.
    pub(in crate::send) fn new(link: &Arc<Link>) -> Arc<Place> {
        let place = Place {
            ip: link.peer.ip(),
            next: Slot::new(),
            stands: Mutex::new(None),
        };
        drop(place.next.put(Arc::clone(link)));
        Arc::new(place)
    }

    /// The outlet moves over to that link, at once.
    pub(in crate::send) fn hand_over(&self, link: &Arc<Link>) {
        drop(self.next.put(Arc::clone(link)));
        self.cut();
    }

    /// Cuts the link that stands, which wakes the outlet.
    pub(in crate::send) fn cut(&self) {
        if let Some((link, _)) = &*lock(&self.stands) {
            link.cut();
        }
    }

    /// Whether a link is there that the outlet has not taken.
    pub(in crate::send) fn has_next(&self) -> bool {
        self.next.wait(Some(Instant::now())) == Wake::Full
    }

    /// Whether the receiver's kernel acknowledges nothing any more.
    pub(in crate::send) fn is_silent(&self) -> bool {
        let stands = lock(&self.stands);
        stands
            .as_ref()
            .is_some_and(|(_, acks)| acks.state().is_silent)
    }

    /// Whether the receiver has acknowledged nothing for longer than failover's limit, one way or the other.
    pub(in crate::send) fn is_stuck(&self, now: Instant) -> bool {
        let stands = lock(&self.stands);
        let is_stuck = |acks: &Arc<Acks>| acks.is_stuck(SILENCE, now);
        stands.as_ref().is_some_and(|(_, acks)| is_stuck(acks))
    }
}
