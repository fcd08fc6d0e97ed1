//! Listening, on one address or on all, and which networks may connect.
//!
//! IPv6 and IPv4 get sockets of their own, which works the same everywhere. Only `Acceptor::accept` blocks, for
//! as long as nobody connects; `Acceptor::wake` wakes it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};

use super::link::Link;

/// How many connections may wait for `accept`; the kernel's own bound is usually lower.
const BACKLOG: i32 = 128;

/// How long waking a thread may take; loopback answers at once.
const WAKE: Duration = Duration::from_millis(100);

/// Where to listen: `--bind`.
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
#[derive(Debug, thiserror::Error)]
#[error("{}", self.line())]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl ListenError {
    fn line(&self) -> String {
        let (address, port) = (self.address, self.address.port());
        match self.source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{address} is in use: is another view-recv running? End it, or take another port (--bind :{})",
                port.wrapping_add(1).max(1024)
            ),
            io::ErrorKind::AddrNotAvailable => format!(
                "{address} is not an address of this machine: take one of its own, or all of them (--bind :{port})"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "listening on {address} is not permitted: take a port from 1024 up (--bind :8000)"
            ),
            _ => format!("cannot listen on {address}: {}", self.source),
        }
    }
}

/// Everybody, or those of some networks: `--allow`.
#[derive(Debug, Clone, Default)]
pub struct Allowed(pub Vec<IpNet>);

impl Allowed {
    /// Whether this address may connect; with no network given, any may.
    pub(crate) fn includes(&self, ip: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&ip))
    }
}

/// `ADDRESS` or `ADDRESS/BITS`; an error says what was expected.
pub(crate) fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(
        |_| "expected ADDRESS or ADDRESS/BITS, as in 192.168.1.20, 192.168.1.0/24 or fd00::/8",
    )
}

/// A listening socket.
#[derive(Debug)]
pub struct Acceptor {
    socket: TcpListener,
    /// The address listened on, with the port that the system chose where 0 was asked for.
    pub address: SocketAddr,
}

impl Acceptor {
    pub(crate) fn accept(&self) -> io::Result<Arc<Link>> {
        let (stream, peer) = self.socket.accept()?;
        // An IPv4 address that came through an IPv6 socket, as itself.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Ok(Link::new(stream, peer))
    }

    /// Wakes a thread that blocks in `accept`: nothing but a connection does that everywhere.
    pub(crate) fn wake(&self) {
        let mut address = self.address;
        // A wildcard is no address to dial, but on some systems.
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
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
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
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
        let address = first[0].address;
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
            .map(|acceptor| acceptor.address.port())
            .collect();
        assert!(
            ports.iter().all(|port| *port == ports[0] && *port != 0),
            "{ports:?}"
        );
    }

    #[test]
    fn networks_include_their_addresses_and_no_others() {
        let allowed = |networks: &[&str], ip: &str| {
            let networks = networks.iter().map(|text| network(text).unwrap()).collect();
            Allowed(networks).includes(ip.parse().unwrap())
        };
        assert!(allowed(&[], "1.2.3.4"));
        assert!(allowed(&["192.168.1.0/24"], "192.168.1.77"));
        assert!(!allowed(&["192.168.1.0/24"], "192.168.2.77"));
        assert!(allowed(&["10.0.0.1", "fd00::/8"], "fd12::1"));
        assert!(!allowed(&["10.0.0.1"], "10.0.0.2"));
        assert!(allowed(&["0.0.0.0/0"], "9.9.9.9"));
        assert!(!allowed(&["0.0.0.0/0"], "::1"));
        for bad in ["", "10.0.0", "10.0.0.1/33", "::/129", "10.0.0.1/", "host"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
