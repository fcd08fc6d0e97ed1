//! Dialling: a sender that listens is connected to, for as long as the program runs.
//!
//! ```text
//! "dialler", a thread a target ──▶ Search ──▶ link ──▶ "reader", a thread a link ──▶ cameras
//!        └── watches: is it over? is its session silent? then another one
//! ```
//!
//! The link's reader is that of links that were accepted; what its frames begin, and whom that takes the place of, the
//! cameras say by their own rules. A session that falls silent keeps its link, and a second one is made beside it: the
//! first of the two that brings a frame has the session. (A receiver has no unacknowledged data to watch. A sender may
//! have no pictures just now; that costs nothing but a second connection.) No more is dialled while another camera
//! has the only place. The thread blocks on its search.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::admission::{self, Admission};
use super::reader::{self, Progress};
use super::session::IDLE_AT_FIRST;
use super::{Cameras, Kind, Session};
use crate::handoff::{lock, spawn};
use crate::net::{Dialer, Link, Search, Target};
use crate::protocol::Role;
use crate::report::Severity;

/// How long a wait lasts at most before the wish to stop, and what has become of the links, is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A session that has finished no frame for this long, and for one and a half of its intervals, gets a second link.
const SILENCE: Duration = Duration::from_millis(700);

/// The longest pause between attempts to make that, and to make the first: a host that boots shall be found at once.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// A link that lasted for so long is no accident.
const LASTING: Duration = Duration::from_millis(500);

/// How many different failures are reported until there is a picture again.
const MAX_REPORTED: usize = 16;

/// A sender that is dialled, as others see it.
#[derive(Debug)]
pub struct Dialling {
    /// What was asked for.
    pub target: Target,
    /// Why there is no picture of it; `None` while there is, and before the first attempt has come to something.
    pub failure: Mutex<Option<String>>,
}

/// Dials a sender until the program ends.
pub fn start(target: Target, cameras: &Arc<Cameras>) -> io::Result<Arc<Dialling>> {
    let key = cameras.config.key.clone();
    let dialer = Dialer::new(target.clone(), Role::Receives, key, &cameras.stop);
    let shown = Arc::new(Dialling {
        target,
        failure: Mutex::default(),
    });
    let dialler = Dialler {
        cameras: Arc::clone(cameras),
        dialer: Arc::new(dialer),
        shown: Arc::clone(&shown),
        search: None,
        links: Vec::new(),
        known: None,
        failures: 0,
        reported: HashSet::new(),
    };
    spawn("dialler", move || dialler.run())?;
    Ok(shown)
}

/// A link that was dialled, and is read.
struct Dialled {
    peer: SocketAddr,
    since: Instant,
    session: Arc<OnceLock<Arc<Session>>>,
    reader: JoinHandle<Progress<()>>,
}

struct Dialler {
    cameras: Arc<Cameras>,
    dialer: Arc<Dialer>,
    shown: Arc<Dialling>,
    /// For the next link, while one is wanted.
    search: Option<Search>,
    /// The newest last: one, and for as long as that is silent a second.
    links: Vec<Dialled>,
    /// Where the sender was last.
    known: Option<IpAddr>,
    /// Links in a row that did not last.
    failures: u32,
    /// What was reported since there was a picture.
    reported: HashSet<String>,
}

impl Dialler {
    fn run(mut self) {
        while !self.cameras.stop.is_asked() {
            self.look_at_links();
            if !self.wants_a_link(Instant::now()) {
                self.search = None;
                self.cameras.stop.sleep(LOOK);
                continue;
            }
            let has_link = !self.links.is_empty();
            let (failures, longest, look) = match has_link {
                true => (0, PAUSES[0], LOOK),
                false => (self.failures, PAUSES[1], PAUSES[1]),
            };
            let search = || self.dialer.search(failures, longest);
            let search = self.search.get_or_insert_with(search);
            match search.wait(Instant::now() + look) {
                Some(Ok(link)) => self.start_reader(link),
                // While the link is silent it is tried again, and nothing said.
                Some(Err(error)) if !has_link => self.failed(error.to_string()),
                _ => {}
            }
        }
    }

    /// Whether a (second) link is to be made, and could have a place.
    fn wants_a_link(&mut self, now: Instant) -> bool {
        let is_silent = |session: &Arc<Session>| session.is_silent(SILENCE, now);
        match &self.links[..] {
            [] => {}
            [only] if only.session.get().is_some_and(is_silent) => {}
            _ => return false,
        }
        let known = self.known;
        let has_room = self.cameras.has_room_for(|own| Some(own.ip) == known, now);
        let shown = self.cameras.anybody().filter(|_| self.links.is_empty());
        if let (Some(shown), false) = (shown, has_room) {
            self.failed(format!("already showing {shown}"));
        }
        has_room
    }

    fn start_reader(&mut self, link: Arc<Link>) {
        self.search = None;
        // Something else may listen at one of several addresses. Of the only one, an exposure may take that long.
        let patience = match self.dialer.has_another(link.peer) {
            true => admission::PATIENCE,
            false => IDLE_AT_FIRST,
        };
        // It competes with nobody: of two links, the older has a session.
        let admission = Arc::new(Admission::new(self.cameras.config.max_frame_bytes));
        let (peer, permit) = (link.peer, admission.admit(&link, patience));
        let session = Arc::new(OnceLock::new());
        let (cameras, begun) = (Arc::clone(&self.cameras), Arc::clone(&session));
        match reader::start(move || reader::read(&cameras, &link, permit, &begun)) {
            Ok(reader) => self.links.push(Dialled {
                peer,
                since: Instant::now(),
                session,
                reader,
            }),
            Err(error) => {
                self.failures += 1;
                let event = admission::exhausted(&error);
                self.cameras.tell(Severity::Warning, event);
            }
        }
    }

    /// Takes in what has become of the links.
    fn look_at_links(&mut self) {
        for dialled in std::mem::take(&mut self.links) {
            let (peer, has_session) = (dialled.peer, dialled.session.get().is_some());
            if has_session {
                self.known = Some(peer.ip());
            }
            if dialled.reader.is_finished() {
                self.over(dialled);
                continue;
            }
            let is_slow = dialled.since.elapsed() >= admission::PATIENCE;
            self.links.push(dialled);
            if has_session {
                self.reported.clear();
                *lock(&self.shown.failure) = None;
            } else if is_slow && self.links.len() == 1 {
                self.failed(format!("{peer} is connected, and has sent no picture yet"));
            }
        }
    }

    /// A link is over.
    fn over(&mut self, dialled: Dialled) {
        self.search = None;
        let (peer, has_session) = (dialled.peer, dialled.session.get().is_some());
        let lasted = has_session && dialled.since.elapsed() >= LASTING;
        self.failures = if lasted { 0 } else { self.failures + 1 };
        // A panic was told when it happened.
        let told = dialled.reader.join().unwrap_or(Ok(())).err().flatten();
        if has_session {
            return;
        }
        self.dialer.took_none(peer);
        // Of a second link there is nothing to tell; of another camera, as long as that is shown.
        let is_busy = matches!(told, Some((Kind::Busy, _)));
        if self.links.is_empty() && !is_busy {
            let closed = "closed the connection: it may have as many viewers as it takes, or not allow this one (--allow)";
            let closed = || format!("{} {closed}", peer.ip());
            self.failed(told.map_or_else(closed, |(_, line)| line));
        }
    }

    /// There is no picture of it, for this reason.
    fn failed(&mut self, why: String) {
        if self.cameras.stop.is_asked() {
            return;
        }
        if self.reported.len() < MAX_REPORTED && self.reported.insert(why.clone()) {
            let again = ["", "; trying again"][usize::from(self.links.is_empty())];
            let line = format!("{}: {why}{again}", self.shown.target);
            self.cameras.tell(Severity::Warning, (Kind::Dialling, line));
        }
        *lock(&self.shown.failure) = Some(why);
    }
}
