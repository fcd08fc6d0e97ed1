//! Listening: on one address or on all.
//!
//! IPv6 and IPv4 get sockets of their own, which works the same everywhere. Nothing here blocks but
//! `Acceptor::accept`, for as long as nobody connects; `Acceptor::wake` wakes it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::link::Link;

/// How many connections may wait for `accept`; the kernel's own bound is usually lower.
const BACKLOG: i32 = 128;

/// How long waking a thread may take; loopback answers at once.
const WAKE: Duration = Duration::from_millis(100);

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Every address of this machine, IPv4 and IPv6.
    All {
        /// The TCP port; 0 takes any that is free.
        port: u16,
    },
    /// This address alone.
    One(SocketAddr),
}

/// Why nobody can connect here.
#[derive(Debug)]
pub struct ListenError {
    /// The address that could not be had.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "{address} is in use: is another view-recv running? End it, or take another port (--bind :{})",
                address.port().wrapping_add(1).max(1024)
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                f,
                "{address} is not an address of this machine: take one of its own, or all of them (--bind :{})",
                address.port()
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "listening on {address} is not permitted: take a port from 1024 up (--bind :8000)"
            ),
            _ => write!(f, "cannot listen on {address}: {}", self.source),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// One address that is listened on, until it is dropped.
#[derive(Debug)]
pub struct Acceptor {
    socket: TcpListener,
    address: SocketAddr,
}

impl Acceptor {
    /// Where; with the port that there is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for somebody to connect.
    pub(crate) fn accept(&self) -> io::Result<Arc<Link>> {
        let (stream, peer) = self.socket.accept()?;
        // An IPv4 address that came through an IPv6 socket, as itself.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Ok(Link::new(stream, peer))
    }

    /// Wakes a thread that waits for somebody: nothing but a connection does that everywhere.
    pub(crate) fn wake(&self) {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let _ = TcpStream::connect_timeout(&address, WAKE);
    }
}

/// Opens the listening sockets: one, or one for IPv4 and one for IPv6 where the machine has it.
pub fn listen(bind: Bind) -> Result<Vec<Arc<Acceptor>>, ListenError> {
    match bind {
        Bind::One(address) => Ok(vec![open(address)?]),
        Bind::All { port } => {
            let four = open((Ipv4Addr::UNSPECIFIED, port).into())?;
            match open((Ipv6Addr::UNSPECIFIED, four.address.port()).into()) {
                Ok(six) => Ok(vec![four, six]),
                Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => Err(error),
                // A machine without IPv6.
                Err(_) => Ok(vec![four]),
            }
        }
    }
}

fn open(address: SocketAddr) -> Result<Arc<Acceptor>, ListenError> {
    let open = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart must not wait for connections of the last run to time out. (On Windows the option
        // means something else, and is not needed.)
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        Ok(Arc::new(Acceptor { socket, address }))
    };
    open().map_err(|source| ListenError { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_says_what_to_do() {
        let first = listen(Bind::One(([127, 0, 0, 1], 0).into())).unwrap();
        let address = first[0].address();
        let error = listen(Bind::One(address)).unwrap_err();
        let line = error.to_string();
        assert!(
            line.contains(&address.to_string()) && line.contains("--bind"),
            "{line}"
        );
    }

    #[test]
    fn every_address_means_both_families_on_one_port() {
        let acceptors = listen(Bind::All { port: 0 }).unwrap();
        let ports: Vec<u16> = acceptors
            .iter()
            .map(|acceptor| acceptor.address().port())
            .collect();
        assert!(
            ports.iter().all(|port| *port == ports[0] && *port != 0),
            "{ports:?}"
        );
    }
}
