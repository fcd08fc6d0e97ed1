//! The sockets of mDNS, one for each sensible interface and family, beside whoever else has its port.
//!
//! Each takes only what comes to the group on its own interface, so that an address of the link belongs to it, and
//! what is said on it is for this link alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Instant;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Type};

/// mDNS's.
const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0xFB);

/// The longest packet (RFC 6762, 17).
const MAX_PACKET: usize = 9000;

/// Interfaces of docker, podman, libvirt, LXC, Hyper-V and the like: no other machine sees their addresses.
const BRIDGES: [&str; 10] = [
    "docker", "br-", "veth", "virbr", "vmnet", "lxc", "lxd", "cni", "podman", "vEth",
];

/// Interfaces of VPNs that are not point-to-point, as most are: what is announced is for this network alone.
const VPNS: [&str; 5] = ["tun", "tap", "wg", "zt", "tailscale"];

/// One of them.
pub(super) struct Socket {
    pub(super) socket: UdpSocket,
    /// Of its interface.
    pub(super) index: u32,
    /// Of its interface, in both families.
    pub(super) addresses: BTreeSet<IpAddr>,
    group: SocketAddr,
    /// When to say something next, how often something was said, and before when nothing more is.
    pub(super) due: Option<Instant>,
    pub(super) said: u32,
    pub(super) not_before: Instant,
}

impl Socket {
    fn open(index: u32, addresses: &BTreeSet<IpAddr>, own: IpAddr) -> io::Result<Socket> {
        let domain = Domain::for_address((own, PORT).into());
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        // Avahi and the like have the port, too.
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        let (group, any): (SocketAddr, IpAddr) = if let IpAddr::V4(own) = own {
            socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(index))?;
            socket.set_multicast_if_v4(&own)?;
            socket.set_multicast_ttl_v4(255)?;
            // What others here have joined is not for us.
            #[cfg(target_os = "linux")]
            socket.set_multicast_all_v4(false)?;
            ((GROUP_V4, PORT).into(), [0; 4].into())
        } else {
            socket.set_only_v6(true)?;
            socket.join_multicast_v6(&GROUP_V6, index)?;
            socket.set_multicast_if_v6(index)?;
            socket.set_multicast_hops_v6(255)?;
            #[cfg(target_os = "linux")]
            socket.set_multicast_all_v6(false)?;
            let group = SocketAddrV6::new(GROUP_V6, PORT, 0, index);
            (group.into(), [0; 16].into())
        };
        // Bound to the group, it takes nothing that was sent to us alone, from wherever. (Windows binds to no group.)
        let at = match cfg!(unix) {
            true => group,
            false => SocketAddr::new(any, PORT),
        };
        socket.bind(&at.into())?;
        socket.set_nonblocking(true)?;
        Ok(Socket {
            socket: socket.into(),
            index,
            addresses: addresses.clone(),
            group,
            due: Some(Instant::now()),
            said: 0,
            not_before: Instant::now(),
        })
    }

    /// Sends it to all on this link; whether that went well. (An address that is new may not be ready for it.)
    pub(super) fn send(&self, packet: &[u8]) -> bool {
        self.socket.send_to(packet, self.group).is_ok()
    }

    /// The next packet, if there is one.
    pub(super) fn receive(&self) -> Option<Vec<u8>> {
        let mut packet = vec![0; MAX_PACKET];
        let (length, from) = self.socket.recv_from(&mut packet).ok()?;
        // Whoever sends from another port speaks another dialect (RFC 6762, 6.7 and 11).
        packet.truncate(if from.port() == PORT { length } else { 0 });
        Some(packet)
    }
}

/// Opens and closes them as interfaces and addresses come and go; to be called once a second. An error where there are
/// interfaces, and no socket could be had.
pub(super) fn update(sockets: &mut Vec<Socket>) -> io::Result<()> {
    let interfaces = interfaces();
    sockets.retain(|socket| interfaces.get(&socket.index) == Some(&socket.addresses));
    let mut outcome = Ok(());
    for ((index, addresses), is_v4) in interfaces.iter().flat_map(|i| [(i, true), (i, false)]) {
        let is_open = |socket: &Socket| socket.index == *index && socket.group.is_ipv4() == is_v4;
        let own = addresses.iter().find(|ip| ip.is_ipv4() == is_v4);
        let new = own.filter(|_| !sockets.iter().any(is_open));
        match new.map(|own| Socket::open(*index, addresses, *own)) {
            Some(Ok(socket)) => sockets.push(socket),
            Some(Err(error)) => outcome = Err(error),
            None => {}
        }
    }
    if sockets.is_empty() { outcome } else { Ok(()) }
}

/// The addresses of the interfaces behind which this network is, by index.
fn interfaces() -> BTreeMap<u32, BTreeSet<IpAddr>> {
    let mut interfaces = BTreeMap::<u32, BTreeSet<IpAddr>>::new();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        let is_vpn = VPNS.iter().any(|vpn| interface.name.starts_with(vpn));
        let is_foreign = interface.is_p2p() || is_vpn || is_bridge(&interface.name);
        let is_sensible = interface.is_oper_up() && !interface.is_loopback() && !is_foreign;
        if let Some(index) = interface.index.filter(|_| is_sensible) {
            interfaces.entry(index).or_default().insert(interface.ip());
        }
    }
    interfaces
}

/// Whether it is one of [`BRIDGES`].
pub(crate) fn is_bridge(name: &str) -> bool {
    BRIDGES.iter().any(|bridge| name.starts_with(bridge))
}
