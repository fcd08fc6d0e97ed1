//! The listener: takes connections, as long as the program runs, whatever comes.
//!
//! One thread for each address; it blocks on accepting and never on anybody who connected.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::admission::Admission;
use super::event::Event;
use super::hub::Hub;
use super::reader;
use crate::net::link::Link;
use crate::net::listen::{Acceptor, Allowed};

/// How long to wait when there is no descriptor or thread for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of stack for a reader: it decodes one frame on it, and what `image` puts there is small.
const READER_STACK: usize = 512 * 1024;

/// Takes connections there, and reads frames of at most `max_frame_bytes` from those that are `allowed`, until the
/// hub is to stop.
pub fn start(
    acceptors: &[Arc<Acceptor>],
    hub: &Arc<Hub>,
    allowed: &Allowed,
    max_frame_bytes: u32,
) -> io::Result<()> {
    let admission = Arc::new(Admission::new(max_frame_bytes));
    for acceptor in acceptors {
        let listener = Listener {
            acceptor: Arc::clone(acceptor),
            hub: Arc::clone(hub),
            admission: Arc::clone(&admission),
            allowed: allowed.clone(),
            max_frame_bytes,
        };
        let thread = thread::Builder::new().name("listener".into());
        thread.spawn(move || listener.run())?;
    }
    Ok(())
}

struct Listener {
    acceptor: Arc<Acceptor>,
    hub: Arc<Hub>,
    admission: Arc<Admission>,
    allowed: Allowed,
    max_frame_bytes: u32,
}

impl Listener {
    fn run(&self) {
        while !self.hub.stop.is_asked() {
            let taken = self.acceptor.accept().and_then(|link| self.take(&link));
            let Err(error) = taken else { continue };
            // A connection that was gone before it was taken is nobody's business; no descriptors, or no
            // threads, is the user's. Either way the next one may have more luck, a little later.
            let gone = matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::NotConnected
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Interrupted
            );
            if !gone {
                self.hub.tell(Event::Exhausted(error.to_string()));
                // Those that wait must not keep a sender out by what they take up.
                self.admission.make_place();
                self.hub.stop.sleep(PAUSE);
            }
        }
    }

    fn take(&self, link: &Arc<Link>) -> io::Result<()> {
        let ip = link.peer().ip();
        if !self.allowed.includes(ip) {
            self.hub.tell(Event::NotAllowed(ip));
            return Ok(());
        }
        let frames = link.frames(self.max_frame_bytes, reader::LOOK)?;
        let permit = self.admission.admit(link);
        let hub = Arc::clone(&self.hub);
        thread::Builder::new()
            .name("reader".into())
            .stack_size(READER_STACK)
            .spawn(move || reader::run(&hub, frames, permit))?;
        Ok(())
    }
}
