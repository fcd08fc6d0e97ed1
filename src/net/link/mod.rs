//! A link: one connection between a sender and a viewer, dialled or accepted; nobody above can tell.
//!
//! It has two halves. The half that reads belongs to one thread: [`Frames`](receiving::Frames) where frames
//! come in, [`Acks`](sending::Acks) where they go out. The half that writes stands behind a lock in here, for
//! whichever thread has something to write. What concerns the connection as a whole (what is in flight, cutting)
//! is for any thread, at any time. A cut wakes whoever blocks on either half.
//!
//! With a key, a [`handshake`] comes before everything else; from then on what is written is sealed and what is read
//! is opened in here.

pub(crate) mod handshake;
pub(crate) mod receiving;
pub(crate) mod sending;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::system::{self, Socket};
use super::{Path, path};
use crate::protocol::encrypted::records::{Opener, Sealer};

/// After this long in silence an idle connection is probed, and from then on this often: a peer
/// that lost its power is noticed in seconds, not in TCP's two hours.
const KEEPALIVE: Duration = Duration::from_secs(3);

/// How many probes go unanswered before the connection is given up.
#[cfg(not(windows))]
const KEEPALIVE_PROBES: u32 = 3;

/// One connection.
pub(crate) struct Link {
    socket: Socket,
    pub(crate) peer: SocketAddr,
    /// Held by whoever writes.
    writing: Mutex<Writing>,
    /// For whoever is going to read.
    opener: Mutex<Option<Opener>>,
}

/// What writing has to know.
#[derive(Default)]
struct Writing {
    /// What there was no room for of an ack that has begun, or is sealed.
    unwritten: Vec<u8>,
    /// With a key: what seals.
    sealer: Option<Sealer>,
}

impl Link {
    /// Of an established connection.
    pub(super) fn new(socket: TcpStream, peer: SocketAddr) -> Arc<Link> {
        Arc::new(Link {
            socket: system::connection(socket),
            peer,
            writing: Mutex::default(),
            opener: Mutex::default(),
        })
    }

    /// Reads what has come, with the opener that this half has where there is a key.
    fn read(&self, opener: &mut Option<Opener>, to: &mut [u8]) -> io::Result<usize> {
        match opener {
            None => (&self.socket).read(to),
            Some(opener) => opener.read(&mut &self.socket, to),
        }
    }

    pub(crate) fn local_port(&self) -> Option<u16> {
        self.socket.local_addr().ok().map(|here| here.port())
    }

    /// What the kernel knows of the path; `None` where it does not say.
    pub(crate) fn path(&self) -> Option<Path> {
        path::look(&self.socket)
    }

    /// Ends it both ways. What was written before still goes out.
    pub(crate) fn cut(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Cuts it and discards what is unsent, so that nothing old arrives later.
    pub(crate) fn abort(&self) {
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
        self.cut();
    }

    /// What both sides need: no waiting for more to send, a dead peer noticed, and reads that look up so often.
    fn tune(&self, look: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(look))?;
        self.socket.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE);
        #[cfg(not(windows))]
        let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
        SockRef::from(&self.socket).set_tcp_keepalive(&keepalive)
    }
}

/// Writes bytes as they are or, with a key, sealed.
fn write(sealer: &mut Option<Sealer>, to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match sealer {
        None => to.write_all(bytes),
        Some(sealer) => sealer.write(to, [bytes]),
    }
}

/// What is read like this.
struct ReadBy<F>(F);

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for ReadBy<F> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        (self.0)(to)
    }
}

/// What tests hold of a link's other end.
#[cfg(test)]
pub(crate) type FarEnd = TcpStream;

#[cfg(test)]
impl Link {
    /// A link whose peer is said to be at that address, and the far end of it.
    pub(crate) fn pair(peer: SocketAddr) -> (Arc<Link>, FarEnd) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Link::new(near, peer), listener.accept().unwrap().0)
    }

    /// A link that can be prepared neither for sending nor for receiving.
    #[cfg(unix)]
    pub(crate) fn unusable(peer: SocketAddr) -> Arc<Link> {
        let (near, _) = std::os::unix::net::UnixStream::pair().unwrap();
        Link::new(std::os::fd::OwnedFd::from(near).into(), peer)
    }
}
