//! Listening, on one address or on all, and which networks may connect.
//!
//! IPv6 and IPv4 get sockets of their own, which works the same everywhere. Only `Acceptor::accept` blocks, for
//! as long as nobody connects; `Acceptor::wake` wakes it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "send")]
use if_addrs::IfAddr;
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};

use super::{DEFAULT_PORT, Link, system};
use crate::protocol::Role;

/// How many connections may wait for `accept`; the kernel's own bound is usually lower.
const BACKLOG: i32 = 128;

/// How long waking a thread may take; loopback answers at once.
const WAKE: Duration = Duration::from_millis(100);

/// Where to listen: `--bind`, and pi-send's `--listen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Every address of this machine, IPv4 and IPv6, with this TCP port; 0 takes any that is free.
    All(u16),
    /// This address alone.
    One(SocketAddr),
}

/// Why nobody can connect here.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.line())]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// Who asked.
    pub role: Role,
    /// What the system said.
    pub source: io::Error,
}

impl ListenError {
    fn line(&self) -> String {
        let (address, port) = (self.address, self.address.port());
        let (program, option) = self
            .role
            .pick(("pi-send", "--listen"), ("view-recv", "--bind"));
        match self.source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{address} is in use: is another {program} running? End it, or take another port ({option} :{})",
                port.wrapping_add(1).max(1024)
            ),
            io::ErrorKind::AddrNotAvailable => format!(
                "{address} is not an address of this machine: take one of its own, or all of them ({option} :{port})"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "listening on {address} is not permitted: take another port, from 1024 up ({option} :8000)"
            ),
            _ => format!("cannot listen on {address}: {}", self.source),
        }
    }
}

/// Who may connect: `--allow`.
#[derive(Debug, Clone)]
pub enum Allowed {
    /// Those of these networks; with none given, everybody.
    Networks(Vec<IpNet>),
    /// Those of the networks that this machine is in, as they are when somebody connects.
    #[cfg(feature = "send")]
    Attached,
}

impl Allowed {
    /// What to tell of an address that may not connect: why, and what lets it in; `None` where it may.
    pub(crate) fn refusal(&self, ip: IpAddr) -> Option<String> {
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&ip));
        match self {
            Allowed::Networks(networks) if networks.is_empty() || is_in(networks) => None,
            Allowed::Networks(_) => Some(format!(
                "turned away {ip}: --allow does not include it; to let it in: --allow {ip}"
            )),
            #[cfg(feature = "send")]
            Allowed::Attached => (!is_in(&attached())).then(|| format!(
                "turned away {ip}: it is in none of this machine's networks; to let it in: --allow {ip}, better with a key (--key)"
            )),
        }
    }
}

/// The networks that this machine is in.
#[cfg(feature = "send")]
fn attached() -> Vec<IpNet> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let networks = interfaces.iter().map(|interface| match &interface.addr {
        IfAddr::V4(own) => IpNet::with_netmask(own.ip.into(), own.netmask.into()),
        IfAddr::V6(own) => IpNet::with_netmask(own.ip.into(), own.netmask.into()),
    });
    networks.filter_map(Result::ok).collect()
}

/// `:PORT`, `ADDRESS:PORT` or `ADDRESS`; an error says what was expected.
pub(crate) fn bind(text: &str) -> Result<Bind, &'static str> {
    let any = text.strip_prefix(':').and_then(|port| port.parse().ok());
    let with_port = |ip: IpAddr| SocketAddr::new(ip, DEFAULT_PORT);
    let one = text.parse().or_else(|_| text.parse().map(with_port));
    any.map(Bind::All).or(one.map(Bind::One).ok()).ok_or(
        "expected ADDRESS:PORT, [IPv6]:PORT or :PORT, as in 0.0.0.0:8000, [::]:8000 or :9000",
    )
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
    /// The next connection; one that is gone before it is taken is nobody's business.
    pub(crate) fn accept(&self) -> io::Result<Arc<Link>> {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
        let is_gone = |kind| {
            matches!(
                kind,
                ConnectionAborted | ConnectionReset | NotConnected | InvalidInput
            )
        };
        let (stream, peer) = loop {
            match self.socket.accept() {
                Err(error) if is_gone(error.kind()) => {}
                taken => break taken?,
            }
        };
        // An IPv4 address that came through an IPv6 socket, as itself.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Ok(Link::new(stream, peer))
    }

    /// Wakes a thread that blocks in `accept`: nothing but a connection does that everywhere.
    pub(crate) fn wake(&self) {
        let mut address = self.address;
        address.set_ip(match address.ip() {
            // A wildcard is no address to dial, but on some systems.
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            own => own,
        });
        let _ = TcpStream::connect_timeout(&address, WAKE);
    }
}

/// Opens the listening sockets: one, or one for IPv4 and one for IPv6 where the machine has it.
pub fn listen(bind: Bind, role: Role) -> Result<Vec<Arc<Acceptor>>, ListenError> {
    match bind {
        Bind::One(address) => Ok(vec![open(address, role)?]),
        Bind::All(port) => {
            let four = open((Ipv4Addr::UNSPECIFIED, port).into(), role)?;
            match open((Ipv6Addr::UNSPECIFIED, four.address.port()).into(), role) {
                Ok(six) => Ok(vec![four, six]),
                Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => Err(error),
                // A machine without IPv6.
                Err(_) => Ok(vec![four]),
            }
        }
    }
}

fn open(address: SocketAddr, role: Role) -> Result<Arc<Acceptor>, ListenError> {
    let open = || {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        system::own_port(&socket)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        Ok(Arc::new(Acceptor { socket, address }))
    };
    open().map_err(|source| ListenError {
        address,
        role,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_says_what_to_do() {
        let first = listen(Bind::One(([127, 0, 0, 1], 0).into()), Role::Receives).unwrap();
        let address = first[0].address;
        let error = listen(Bind::One(address), Role::Receives).unwrap_err();
        let line = error.to_string();
        assert!(
            line.contains(&address.to_string()) && line.contains("--bind"),
            "{line}"
        );
    }

    #[test]
    fn every_address_means_both_families_on_one_port() {
        let acceptors = listen(Bind::All(0), Role::Receives).unwrap();
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
            let networks = networks.iter().map(|text| network(text).unwrap());
            let refusal = Allowed::Networks(networks.collect()).refusal(ip.parse().unwrap());
            refusal.is_none()
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
