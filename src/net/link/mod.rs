//! A link: one connection between a sender and a viewer, dialled or accepted; nobody above can tell.
//!
//! It has two halves. The half that reads belongs to one thread: [`Frames`](receiving::Frames) where frames
//! come in, [`Acks`](sending::Acks) where they go out. The half that writes stands behind a lock in here, for
//! whichever thread has something to write. What concerns the connection as a whole (what is in flight, cutting)
//! is for any thread, at any time. A cut wakes whoever blocks on either half.

pub(crate) mod receiving;
pub(crate) mod sending;

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::path::{self, Path};

/// After this long in silence an idle connection is probed, and from then on this often: a peer
/// that lost its power is noticed in seconds, not in TCP's two hours.
const KEEPALIVE: Duration = Duration::from_secs(3);

/// How many probes go unanswered before the connection is given up.
#[cfg(not(windows))]
const KEEPALIVE_PROBES: u32 = 3;

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    socket: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Held by whoever writes: the tail of an ack of which only the head did fit.
    unwritten: Mutex<Vec<u8>>,
}

impl Link {
    /// Of an established connection.
    pub(super) fn new(socket: TcpStream, peer: SocketAddr) -> Arc<Link> {
        Arc::new(Link {
            socket,
            peer,
            unwritten: Mutex::default(),
        })
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

    /// What both sides need: no waiting for more to send, and a dead peer noticed.
    fn tune(&self) -> io::Result<()> {
        self.socket.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE);
        #[cfg(not(windows))]
        let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
        SockRef::from(&self.socket).set_tcp_keepalive(&keepalive)
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
