//! Listening: whoever connects is a candidate, and read on a thread of its own.
//!
//! The listening threads take connections for as long as the program runs, whatever comes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::cameras::Cameras;
use super::event::{Event, Kind};
use super::reader;
use crate::net::admission;
pub(super) use crate::net::admission::{Admission, PATIENCE, Permit};
use crate::net::link::Link;
use crate::net::listen::Acceptor;
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
            cameras.tell(exhausted(&error));
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
    Event::new(Kind::Exhausted, Severity::Warning, line)
}

fn take(admission: &Arc<Admission>, link: &Arc<Link>, cameras: &Arc<Cameras>) -> io::Result<()> {
    let (ip, allowed) = (link.peer.ip(), &cameras.config.allowed);
    if !allowed.includes(ip) {
        let line = format!("turned away {ip}: {}", allowed.remedy(ip));
        cameras.tell(Event::new(Kind::NotAllowed, Severity::Warning, line));
        return Ok(());
    }
    let permit = admission.admit(link, PATIENCE);
    let (link, cameras) = (Arc::clone(link), Arc::clone(cameras));
    reader::start(move || reader::run(&cameras, &link, permit)).map(drop)
}
