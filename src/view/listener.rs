//! The listener: takes connections, as long as the program runs, whatever comes.
//!
//! One thread for each listening socket; it blocks on `accept` and never on anybody who connected.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::allow::Allowed;
use super::door::Door;
use super::event::Event;
use super::hub::Hub;
use super::reader::{self, Limits};
use crate::link;

/// How long to wait when there is no descriptor or thread for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of stack for a reader: it decodes one frame on it, and what `image` puts there is small.
const READER_STACK: usize = 512 * 1024;

/// Takes connections for ever.
pub fn run(
    listener: &TcpListener,
    hub: &Arc<Hub>,
    door: &Arc<Door>,
    allowed: &Allowed,
    limits: Limits,
) {
    while !hub.stop.is_asked() {
        let taken = listener
            .accept()
            .and_then(|(stream, peer)| take(stream, plain(peer), hub, door, allowed, limits));
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
            hub.tell(Event::Exhausted(error.to_string()));
            // Those that wait must not keep a sender out by what they take up.
            door.make_place();
            hub.stop.sleep(PAUSE);
        }
    }
}

fn take(
    stream: TcpStream,
    peer: SocketAddr,
    hub: &Arc<Hub>,
    door: &Arc<Door>,
    allowed: &Allowed,
    limits: Limits,
) -> io::Result<()> {
    if !allowed.includes(peer.ip()) {
        hub.tell(Event::NotAllowed(peer.ip()));
        return Ok(());
    }
    link::tune_receiver(&stream, reader::LOOK)?;
    let pass = door.admit(&stream, peer)?;
    let hub = Arc::clone(hub);
    thread::Builder::new()
        .name("reader".into())
        .stack_size(READER_STACK)
        .spawn(move || reader::run(&hub, stream, peer, pass, limits))?;
    Ok(())
}

/// An IPv4 address that came through an IPv6 socket, as itself.
fn plain(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
