//! Somebody who is announced, as far as it is believed: names and addresses that are harmless. And how it is shown.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use serde::Serialize;

use crate::protocol::{Name, Role};

/// How many addresses of one are announced, and kept.
pub(super) const MAX_ADDRESSES: usize = 8;

/// Somebody who is announced. It may be anybody: who it is, only a key proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    #[serde(skip)]
    pub role: Role,
    /// Not unique: others may bear it, too.
    pub name: Name,
    /// Where to dial, the most likely first; there is at least one.
    pub addresses: Vec<SocketAddr>,
    /// The id of the key that it says it holds.
    pub key: Option<String>,
    /// Of its program.
    pub version: Option<String>,
    /// What tells it from all others: as it came, but in lower case, and so not to be shown.
    #[serde(skip)]
    pub(super) instance: String,
}

/// Those that another machine can have, likeliest first: IPv4, IPv6 of more than a link, IPv6 of this interface's link.
/// `None` where there are none.
pub(super) fn addresses(
    ips: impl Iterator<Item = IpAddr>,
    port: u16,
    interface: u32,
) -> Option<Vec<SocketAddr>> {
    let ranked = ips.filter_map(|ip| match ip {
        _ if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V4(ip) if ip.is_broadcast() => None,
        IpAddr::V4(v4) => Some((u8::from(v4.is_link_local()), SocketAddr::new(ip, port))),
        // An IPv4 address in disguise: if it is true, it comes as one, too.
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => None,
        IpAddr::V6(ip) => {
            let is_local = ip.is_unicast_link_local();
            let scope = if is_local { interface } else { 0 };
            let address = SocketAddrV6::new(ip, port, 0, scope);
            Some((2 + u8::from(is_local), address.into()))
        }
    });
    let ranked = ranked.collect::<BTreeSet<(u8, SocketAddr)>>().into_iter();
    let sorted = ranked.map(|(_, address)| address).take(MAX_ADDRESSES);
    Some(sorted.collect()).filter(|sorted: &Vec<_>| !sorted.is_empty())
}

/// A line each, in columns; nothing where nobody was found.
pub(super) fn table(found: &[Found]) -> String {
    let lines = found.iter().map(|found| {
        let (name, address) = (found.name.as_str(), found.addresses[0]);
        let key = found.key.as_deref().unwrap_or("-");
        let version = found.version.as_deref().unwrap_or("-");
        format!("{name:<16}  {address:<22}  {key:<8}  {version}\n")
    });
    let head = "NAME              ADDRESS                 KEY       VERSION\n";
    let head = (!found.is_empty()).then(|| head.to_owned());
    head.into_iter().chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ListFormat;

    fn sorted(texts: &[&str]) -> Vec<String> {
        let ips = texts.iter().map(|ip| ip.parse().unwrap());
        let sorted = addresses(ips, 8000, 7).unwrap_or_default();
        sorted.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_likeliest_address_comes_first_and_those_of_nobody_else_never() {
        let some = [
            "fe80::1",
            "2001:db8::1",
            "169.254.1.1",
            "192.0.2.9",
            "192.0.2.1",
        ];
        let expected = [
            "192.0.2.1:8000",
            "192.0.2.9:8000",
            "169.254.1.1:8000",
            "[2001:db8::1]:8000",
            "[fe80::1%7]:8000",
        ];
        assert_eq!(sorted(&some), expected);
        for nobodys in ["127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
            assert_eq!(sorted(&[nobodys]), Vec::<String>::new());
        }
        assert!(sorted(&["255.255.255.255", "::ffff:127.0.0.1"]).is_empty());
        let many: Vec<String> = (0..100).map(|n| format!("192.0.2.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(sorted(&many).len(), MAX_ADDRESSES);
    }

    #[test]
    fn what_was_found_is_shown_to_people_and_programs() {
        let found = Found {
            role: Role::Sends,
            name: "garden".parse().unwrap(),
            addresses: vec!["192.0.2.1:8000".parse().unwrap()],
            key: Some("00abcd01".into()),
            version: None,
            instance: "garden-1._pi-stream._tcp.local".into(),
        };
        let listed: serde_json::Value =
            serde_json::from_str(&ListFormat::Json.list(std::slice::from_ref(&found), String::new))
                .unwrap();
        let expected = serde_json::json!([{
            "name": "garden",
            "addresses": ["192.0.2.1:8000"],
            "key": "00abcd01",
            "version": null,
        }]);
        assert_eq!(listed, expected);
        let lines = table(&[found]);
        let [head, line] = Vec::from_iter(lines.lines())[..] else {
            panic!("{lines}")
        };
        assert_eq!(
            Vec::from_iter(head.split_whitespace()),
            ["NAME", "ADDRESS", "KEY", "VERSION"]
        );
        assert_eq!(
            Vec::from_iter(line.split_whitespace()),
            ["garden", "192.0.2.1:8000", "00abcd01", "-"]
        );
        let listed = |format: ListFormat| format.list::<Found>(&[], || table(&[]));
        assert_eq!(listed(ListFormat::Json), "[]\n");
        assert_eq!(listed(ListFormat::Table), "");
    }
}
