//! Where to dial, and how people write it.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;

use crate::net::DEFAULT_PORT;

/// Where to dial.
#[derive(Clone)]
pub struct Target {
    /// A name, an IPv4 or an IPv6 address (without brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Of somebody who was found: their addresses, as they are now. Those of others, the system's resolver knows.
    pub found: Option<Arc<dyn Fn() -> Vec<SocketAddr> + Send + Sync>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Target {
    /// A host whose name, or address, the system knows.
    pub(crate) fn new(host: String, port: u16) -> Target {
        let found = None;
        Target { host, port, found }
    }

    /// Whether it stands for whoever is found: `auto`.
    pub fn is_auto(&self) -> bool {
        self.host == "auto"
    }

    /// The same, with the default port where none is given; an error says what was expected.
    pub fn parse(text: &str) -> Result<Target, &'static str> {
        let (host, port) = Target::split(text).ok_or("expected HOST, HOST:PORT or [IPv6]:PORT")?;
        Ok(Target::new(host, port.unwrap_or(DEFAULT_PORT)))
    }

    /// `HOST`, `HOST:PORT`, `[IPv6]`, `[IPv6]:PORT`; a bare IPv6 address too.
    pub fn split(text: &str) -> Option<(String, Option<u16>)> {
        // The colons of an IPv6 address without brackets are its own.
        let (given, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
            _ => (text, None),
        };
        let host = match given.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None => given,
        };
        if host.len() < given.len() || host.contains(':') {
            // A zone (%eth0) may follow the address itself.
            host.split('%').next()?.parse::<Ipv6Addr>().ok()?;
        }
        let plain =
            !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
        let port = port.map(str::parse::<NonZeroU16>).transpose().ok()?;
        plain.then(|| (host.to_owned(), port.map(NonZeroU16::get)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_understood_with_and_without_ports() {
        let split = |text| Target::split(text).map(|(host, port)| format!("{host} {port:?}"));
        assert_eq!(split("pi").as_deref(), Some("pi None"));
        assert_eq!(
            split("10.0.0.1:9000").as_deref(),
            Some("10.0.0.1 Some(9000)")
        );
        assert_eq!(split("[::1]:9000").as_deref(), Some("::1 Some(9000)"));
        assert_eq!(split("fe80::1%eth0").as_deref(), Some("fe80::1%eth0 None"));
        for bad in [
            "", ":8000", "pi:0", "pi:x", "pi:", "[::1", "[::1]9", "[pi]", "[pi]:1", "a:b:c", "a b",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
