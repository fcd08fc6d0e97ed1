//! How the other side reaches this one: the addresses to type, and what may keep it out.
//!
//! Asks the system once for its addresses and its firewall; no sockets, no waiting.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::DEFAULT_PORT;
use super::find::is_bridge;
use crate::protocol::{Name, Role};

/// This computer's name, as far as names can have it.
pub fn host_name() -> Name {
    let host = gethostname::gethostname();
    let name = Name::reduced(&host.to_string_lossy());
    name.unwrap_or_else(|| "pi".parse().expect("a valid name"))
}

/// What to tell somebody who wants to connect here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// What to say at the start: where it listens and, where an address is known, what to type.
    pub lines: Vec<String>,
    /// What to type, the likeliest line first.
    pub typed: Vec<String>,
    /// Whether only this machine can connect, so that it is to be typed here.
    pub is_local: bool,
    /// What to try while nobody connects.
    pub hint: Hint,
}

/// Something to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What to do, without a full stop.
    pub what: String,
    /// The command that does it.
    pub command: Option<String>,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "{}: {command}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Reach {
    /// For listeners of who does that, that are bound to these addresses, all of them on one port, and have the key of
    /// that file.
    pub fn of(role: Role, bound: &[SocketAddr], key: Option<&Path>) -> Reach {
        let key = key.and_then(Path::file_name);
        let key = key.map_or(String::new(), |name| {
            format!(" --key {}", name.to_string_lossy())
        });
        let port = bound.first().map_or(DEFAULT_PORT, SocketAddr::port);
        let ips = bound.iter().flat_map(|address| reachable(address.ip()));
        let typed = Vec::from_iter(ips.map(|ip| command(role, ip, port) + &key));
        let local = bound.first().filter(|address| address.ip().is_loopback());
        let hint = match local {
            Some(address) => from_elsewhere(role, *address),
            None => firewall(port, |path| Path::new(path).exists()),
        };
        let (all, where_to) = (typed.join("   or: "), role.pick("to watch", "on the Pi"));
        let invitation = match local {
            _ if typed.is_empty() => None,
            Some(_) => Some(format!("only this machine can reach it: {all}   {hint}")),
            None => Some(format!("{where_to}, type: {all}")),
        };
        let listening = bound.iter().map(|at| format!("listening on {at}"));
        Reach {
            lines: listening.chain(invitation).collect(),
            typed,
            is_local: local.is_some(),
            hint,
        }
    }
}

fn command(role: Role, ip: IpAddr, port: u16) -> String {
    let program = role.pick("view-recv --connect", "pi-send --host");
    match (port, ip) {
        (DEFAULT_PORT, ip) => format!("{program} {ip}"),
        (port, ip) => format!("{program} {}", SocketAddr::new(ip, port)),
    }
}

/// How another machine reaches a program that listens on loopback.
fn from_elsewhere(role: Role, bound: SocketAddr) -> Hint {
    let port = bound.port();
    let for_pi = "For a Raspberry Pi, listen with --bind";
    let what = role.pick("For another computer, --listen", for_pi);
    Hint {
        what: format!("{what} 0.0.0.0:{port}, or have it open an SSH tunnel"),
        command: Some(format!("ssh -N -L {port}:{bound} USER@THIS-MACHINE")),
    }
}

/// What to do about this system's firewall; `is_there` says whether a file is.
fn firewall(port: u16, is_there: impl Fn(&str) -> bool) -> Hint {
    let mut what = format!("Allow TCP port {port} in this computer's firewall");
    let command = if cfg!(target_os = "macos") {
        // It knows programs, and no ports.
        what = "Allow view-recv in System Settings, Network, Firewall".into();
        None
    } else if cfg!(windows) {
        Some(format!(
            "netsh advfirewall firewall add rule name=view-recv dir=in action=allow protocol=TCP localport={port}"
        ))
    } else if is_there("/usr/bin/firewall-cmd") {
        // Before ufw, which many systems have without using it.
        Some(format!("sudo firewall-cmd --add-port={port}/tcp"))
    } else {
        is_there("/usr/sbin/ufw").then(|| format!("sudo ufw allow {port}/tcp"))
    };
    Hint { what, command }
}

/// The addresses at which another machine can reach a listener, the likeliest first: those of the
/// local network before public ones, none of containers' and virtual machines' bridges. Where the listener is
/// bound to one address, that one. (One that is bound to all of IPv6 takes no IPv4.)
fn reachable(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let found: BTreeSet<(u8, IpAddr)> = interfaces
        .iter()
        .filter(|interface| !is_bridge(&interface.name))
        .map(|interface| interface.ip())
        .filter(|ip| ip.is_ipv4() == bound.is_ipv4())
        .filter_map(|ip| Some((rank(ip)?, ip)))
        .collect();
    found.into_iter().map(|(_, ip)| ip).collect()
}

/// How likely another machine reaches this address, likeliest lowest; `None` where it cannot, or only
/// with more than the address (link-local IPv6).
fn rank(ip: IpAddr) -> Option<u8> {
    match ip {
        _ if ip.is_loopback() || ip.is_unspecified() => None,
        IpAddr::V4(ip) if ip.is_private() => Some(0),
        IpAddr::V4(ip) if ip.is_link_local() => Some(2),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => None,
        IpAddr::V6(ip) if ip.is_unique_local() => Some(0),
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_on_loopback_does_not_tell_the_pi_to_send_to_itself() {
        let bound = ["127.0.0.1:8000".parse().unwrap()];
        let reach = Reach::of(Role::Receives, &bound, None);
        let [_, line] = &reach.lines[..] else {
            panic!()
        };
        assert!(!line.contains("on the Pi"), "{line}");
        for line in [line, &reach.hint.to_string()] {
            for words in ["--bind 0.0.0.0:8000", "ssh -N -L 8000:127.0.0.1:8000"] {
                assert!(line.contains(words), "{words} is not in {line}");
            }
            assert!(!line.contains("firewall"), "{line}");
        }
    }

    #[test]
    fn an_address_of_the_network_is_for_the_pi_to_type() {
        let bound = ["192.0.2.7:9000".parse().unwrap()];
        let reach = Reach::of(Role::Receives, &bound, None);
        assert_eq!(
            reach.lines,
            [
                "listening on 192.0.2.7:9000",
                "on the Pi, type: pi-send --host 192.0.2.7:9000"
            ]
        );
        let six = command(Role::Receives, "2001:db8::7".parse().unwrap(), 9000);
        assert_eq!(six, "pi-send --host [2001:db8::7]:9000");
        assert_eq!(
            command(Role::Receives, "2001:db8::7".parse().unwrap(), 8000),
            "pi-send --host 2001:db8::7"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_linux_desktop_is_told_of_its_own_firewall_alone() {
        let hint = |tools: &[&str]| firewall(8000, |path| tools.contains(&path)).to_string();
        let (ufw, firewalld) = ("/usr/sbin/ufw", "/usr/bin/firewall-cmd");
        let allow = "Allow TCP port 8000 in this computer's firewall";
        assert_eq!(hint(&[ufw]), format!("{allow}: sudo ufw allow 8000/tcp"));
        let by_firewalld = format!("{allow}: sudo firewall-cmd --add-port=8000/tcp");
        assert_eq!(hint(&[firewalld]), by_firewalld);
        assert_eq!(hint(&[ufw, firewalld]), by_firewalld);
        assert_eq!(hint(&[]), allow);
    }

    #[test]
    fn the_local_network_comes_first_and_loopback_never() {
        assert!(rank([192, 168, 1, 2].into()) < rank([8, 8, 8, 8].into()));
        assert_eq!(rank([127, 0, 0, 1].into()), None);
        assert_eq!(rank("fe80::1".parse().unwrap()), None);
        assert!(is_bridge("docker0") && is_bridge("vEthernet (WSL)") && !is_bridge("eth0"));
        let bound = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(reachable(bound), [bound]);
    }
}
