//! Outlets: one a receiver. Several of one stage have a thread each: none waits for another's link.
//!
//! ```text
//! outlet       one receiver, over as many connections as that takes
//! connection   one of them; failover (a thread): its acks, and the next connection where it falls silent
//! links        where the next connection comes from: dialled, or the receiver dials
//! listening    receivers that dial: each gets a place and an outlet
//! ```

mod connection;
mod failover;
pub(super) mod links;
pub(super) mod listening;
mod outlet;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};

use self::links::Links;
pub(super) use self::outlet::Outlet;
use crate::handoff::stop::Stop;
use crate::send::Config;
use crate::send::event::{Event, SendError};
use crate::send::stage::Stage;
use crate::send::stats::Counters;

/// What all of them share.
pub(super) struct Shared<'a> {
    pub(super) config: Config,
    pub(super) stage: Arc<Stage>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<Stop>,
    pub(super) report: &'a (dyn Fn(Event) + Sync),
}

impl Shared<'_> {
    /// How sending came to its end, as the last outlet's did; pictures that cannot be encoded end it for all.
    pub(super) fn ended(&self, result: Result<(), SendError>) -> Result<(), SendError> {
        if let Err(SendError::Unencodable(_) | SendError::Thread(_)) = result {
            self.stage.feed.end();
        }
        result
    }
}

/// Starts a thread for an outlet.
pub(super) fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: impl FnOnce() + Send + 'scope,
) -> Result<(), SendError> {
    let thread = thread::Builder::new().name("outlet".into());
    let spawned = thread.spawn_scoped(scope, run);
    spawned.map(drop).map_err(SendError::Thread)
}

/// Sends over all of those links, until the last one is over.
pub(super) fn run(shared: &Shared<'_>, links: Vec<Links>) -> Result<(), SendError> {
    thread::scope(|scope| {
        let mut left = links.len();
        let (tell, ended): (Sender<_>, Receiver<_>) = mpsc::channel();
        for links in links {
            let tell = tell.clone();
            let run = move || drop(tell.send(Outlet::new(shared, links).run()));
            spawn(scope, run).or_else(|error| shared.ended(Err(error)))?;
        }
        drop(tell);
        let (mut last, mut fatal) = (Ok(()), None);
        for result in ended {
            left -= 1;
            match shared.ended(result) {
                Err(error @ (SendError::Unencodable(_) | SendError::Thread(_))) => {
                    fatal = Some(error)
                }
                Err(error) if left > 0 => (shared.report)(Event::GivenUp(error)),
                result => last = result,
            }
        }
        fatal.map_or(last, Err)
    })
}
