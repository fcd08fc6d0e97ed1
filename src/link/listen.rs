//! Listening: on one address or on all, and what to type on the Pi to reach us.
//!
//! IPv6 and IPv4 get sockets of their own, which works the same everywhere. Nothing here blocks but
//! [`TcpListener::accept`], which is the caller's.

use std::fmt;
use std::io;
#[cfg(feature = "view")]
use std::net::IpAddr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// How many connections may wait for `accept`; the kernel's own bound is usually lower.
const BACKLOG: i32 = 128;

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

/// Opens the listening sockets: one, or one for IPv4 and one for IPv6 where the machine has it.
pub fn listen(bind: Bind) -> Result<Vec<TcpListener>, ListenError> {
    match bind {
        Bind::One(address) => Ok(vec![open(address)?]),
        Bind::All { port } => {
            let four = open((Ipv4Addr::UNSPECIFIED, port).into())?;
            let port = four.local_addr().map_or(port, |address| address.port());
            match open((Ipv6Addr::UNSPECIFIED, port).into()) {
                Ok(six) => Ok(vec![four, six]),
                Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => Err(error),
                // A machine without IPv6.
                Err(_) => Ok(vec![four]),
            }
        }
    }
}

fn open(address: SocketAddr) -> Result<TcpListener, ListenError> {
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
        Ok(socket.into())
    };
    open().map_err(|source| ListenError { address, source })
}

/// The addresses at which another machine can reach a listener, the likeliest first: those of the
/// local network before public ones, IPv4 before IPv6, none of containers' and virtual machines'
/// bridges. Loopback alone where the listener is bound to it.
#[cfg(feature = "view")]
pub fn reachable(bound: SocketAddr) -> Vec<IpAddr> {
    if !bound.ip().is_unspecified() {
        return vec![bound.ip()];
    }
    let mut found: Vec<(u8, IpAddr)> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !is_bridge(&interface.name))
        .filter_map(|interface| Some((rank(interface.ip())?, interface.ip())))
        .filter(|(_, ip)| ip.is_ipv4() || bound.is_ipv6())
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, ip)| ip).collect()
}

/// Interfaces of docker, podman, libvirt, LXC and the like: no other machine sees their addresses.
#[cfg(feature = "view")]
fn is_bridge(name: &str) -> bool {
    [
        "docker",
        "br-",
        "veth",
        "virbr",
        "vmnet",
        "lxc",
        "lxd",
        "cni",
        "podman",
        "vEthernet",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// How likely another machine reaches this address, likeliest lowest; `None` where it cannot, or only
/// with more than the address (link-local IPv6).
#[cfg(feature = "view")]
fn rank(ip: IpAddr) -> Option<u8> {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => None,
        IpAddr::V4(ip) if ip.is_private() => Some(0),
        IpAddr::V4(ip) if ip.is_link_local() => Some(2),
        IpAddr::V4(_) => Some(1),
        IpAddr::V6(ip) if ip.is_loopback() || ip.is_unicast_link_local() => None,
        IpAddr::V6(ip) if ip.is_unique_local() => Some(3),
        IpAddr::V6(_) => Some(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_says_what_to_do() {
        let first = listen(Bind::One(([127, 0, 0, 1], 0).into())).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = listen(Bind::One(address)).unwrap_err();
        let line = error.to_string();
        assert!(
            line.contains(&address.to_string()) && line.contains("--bind"),
            "{line}"
        );
    }

    #[test]
    fn every_address_means_both_families_on_one_port() {
        let listeners = listen(Bind::All { port: 0 }).unwrap();
        let ports: Vec<u16> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert!(
            ports.iter().all(|port| *port == ports[0] && *port != 0),
            "{ports:?}"
        );
    }

    #[cfg(feature = "view")]
    #[test]
    fn the_local_network_comes_first_and_loopback_never() {
        assert!(rank([192, 168, 1, 2].into()) < rank([8, 8, 8, 8].into()));
        assert_eq!(rank([127, 0, 0, 1].into()), None);
        assert_eq!(rank("fe80::1".parse().unwrap()), None);
        assert!(is_bridge("docker0") && !is_bridge("eth0"));
        let bound = "127.0.0.1:8000".parse().unwrap();
        assert_eq!(reachable(bound), [IpAddr::from([127, 0, 0, 1])]);
    }
}
