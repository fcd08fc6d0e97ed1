//! The sending side: takes a source's pictures and sends the newest, as fast as its receiver and the link can take them.
//!
//! ```text
//! source ─▶ Feed ─▶ stage ─▶ Arc<Encoded> ─▶ outlet ─▶ gate ─▶ connection ═▶ receiver
//! (thread)          encodes, when pulled     │   quality         │  ▲
//!                                            │                   ▼  │ acks, failover (a thread)
//!                                            └── stats           the next connection
//!
//! sender   the library's Sender: this, on a thread of its own
//! outlets  one a receiver; several have a thread each; receivers that dial get places
//! ```
//!
//! An outlet is one receiver, over as many connections as that takes. It runs on one thread, and pulls: no picture is
//! encoded before a link can carry it.

mod acks;
mod error;
mod gate;
mod outlets;
mod quality;
mod sender;
mod stage;
pub mod stats;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::acks::{Account, Acks, End};
pub use self::error::SendError;
use self::outlets::Shared;
pub use self::sender::Sender;
use self::stage::{Encoded, Interval, Stage};
pub use self::stats::Counters;
use crate::handoff::{Stop, lock};
use crate::net::{Acceptor, Allowed, Finder, Target, reach};
use crate::protocol::{Key, Name};
use crate::report::{RateLimit, Severity};
use crate::source::{DEFAULT_FPS, Feed, Report};

/// How long a wait lasts at most before the wish to stop, or what else it waits for, is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The JPEG quality at best where nobody says otherwise.
pub(crate) const DEFAULT_QUALITY: u8 = 80;

/// How to send, to whom, and for how long.
pub struct Config {
    /// These are dialled; without any, whoever comes gets the pictures.
    pub hosts: Vec<Target>,
    /// Whoever it finds is dialled.
    pub finder: Option<Finder>,
    /// Where receivers dial.
    pub acceptors: Vec<Arc<Acceptor>>,
    /// From where.
    pub allowed: Allowed,
    /// What the receiver has to have, too.
    pub key: Option<Key>,
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
    /// Ends so long after the first frame sent; [`Duration::MAX`]: never.
    pub duration: Duration,
    /// Ends after so many frames.
    pub frames: Option<u64>,
}

impl Config {
    /// pi-send's defaults: retries, this host's name, no end; nobody to send to yet.
    pub(crate) fn with_key(key: Option<Key>) -> Self {
        Config {
            hosts: Vec::new(),
            finder: None,
            acceptors: Vec::new(),
            allowed: Allowed::Networks(Vec::new()),
            key,
            retry: true,
            name: reach::host_name(),
            fps: DEFAULT_FPS,
            quality: DEFAULT_QUALITY,
            min_quality: 30,
            duration: Duration::MAX,
            frames: None,
        }
    }
}

/// Sends a feed's pictures, on this thread, until the source ends, enough is sent, or `stop` is asked. Several receivers
/// have a thread each. Each change of state is a line for the user.
pub fn run(
    config: Config,
    feed: &Arc<Feed>,
    counters: Arc<Mutex<Counters>>,
    stop: &Arc<Stop>,
    report: Report<'_>,
) -> Result<(), SendError> {
    // Where others cause what is told.
    let limit = config.hosts.is_empty().then(Mutex::<RateLimit>::default);
    let allow = |limit: &Mutex<RateLimit>| lock(limit).allow(Instant::now());
    let report = |severity, line| {
        let Some(left_out) = limit.as_ref().map_or(Some(0), allow) else {
            return;
        };
        if left_out > 0 {
            let line = format!("({left_out} lines about receivers were left out)");
            report(Severity::Info, line);
        }
        report(severity, line);
    };
    let shared = Shared {
        stage: Stage::new(Arc::clone(feed), config.fps, config.hosts.len() != 1),
        config,
        counters,
        stop: Arc::clone(stop),
        report: &report,
    };
    outlets::run(&shared)
}
