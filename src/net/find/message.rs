//! The packets: the question who is there, what is announced, and what of others' announcements is believed: names
//! and addresses that are harmless. Pure.
//!
//! Whatever is asked for, all there is to say is said in one packet, small enough for any link. So nobody has to put an
//! answer together out of several.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use serde::Serialize;
use simple_dns::rdata::{A, AAAA, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, Name as DnsName, Packet, PacketFlag, Question, ResourceRecord, TYPE};

use super::{key_id, random};
use crate::protocol::{Key, Name, Role};

/// What everybody who is announced is an instance of.
const SERVICE: &str = "_pi-stream._tcp.local";

/// For how many seconds an announcement holds, at the most.
pub(super) const TTL: u32 = 120;

/// The longest name that leaves room in a label (63 bytes) for what makes it unique.
const MAX_NAME: usize = 54;

/// The longest version that is believed, in characters.
const MAX_VERSION: usize = 16;

/// The shortest entry of a packet, a question for the root, in bytes.
const MIN_ENTRY: usize = 5;

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

/// As it is announced.
fn word(role: Role) -> &'static str {
    role.pick("sender", "receiver")
}

/// Asks for all who are announced.
pub(super) fn query() -> Vec<u8> {
    let mut packet = Packet::new_query(0);
    let question = Question::new(name(SERVICE), TYPE::PTR.into(), CLASS::IN.into(), false);
    packet.questions.push(question);
    packet.build_bytes_vec().expect("memory takes it")
}

/// Who listens here, as it says so.
pub(super) struct Announcer {
    bound: Vec<SocketAddr>,
    text: TXT<'static>,
    /// Nobody else's, so that there is no need to ask, and to settle who has it.
    instance: DnsName<'static>,
    /// Of our own: this system's belongs to avahi, where that runs, with all of its addresses.
    host: DnsName<'static>,
}

impl Announcer {
    pub(super) fn new(
        role: Role,
        full: &Name,
        bound: Vec<SocketAddr>,
        key: Option<&Key>,
    ) -> Announcer {
        let (label, unique) = (full.as_str(), random());
        let label = label[..label.len().min(MAX_NAME)].replace('.', "\\.");
        let version = env!("CARGO_PKG_VERSION");
        let key = key.map_or(String::new(), |key| format!(" key={}", key_id(key)));
        let said = format!("role={} name={full} version={version}{key}", word(role));
        let mut said = said.split(' ');
        let text = said.try_fold(TXT::new(), |text, said| text.with_string(said));
        Announcer {
            instance: name(&format!("{label}-{unique:08x}.{SERVICE}")),
            host: name(&format!("pi-stream-{unique:08x}.local")),
            bound,
            text: text.expect("it is short").into_owned(),
        }
    }

    /// All there is to say where these are our addresses, for so many seconds; nothing where it listens on none of them.
    pub(super) fn packet(&self, addresses: &BTreeSet<IpAddr>, ttl: u32) -> Option<Vec<u8>> {
        let bound = &self.bound;
        let is_bound = |ip: &IpAddr| {
            let is_any = |at: IpAddr| at.is_unspecified() && at.is_ipv4() == ip.is_ipv4();
            bound.iter().any(|at| at.ip() == *ip || is_any(at.ip()))
        };
        let addresses = addresses.iter().filter(|ip| is_bound(ip)).map(|ip| {
            let data = match *ip {
                IpAddr::V4(ip) => RData::A(A { address: ip.into() }),
                IpAddr::V6(ip) => RData::AAAA(AAAA { address: ip.into() }),
            };
            (&self.host, true, data)
        });
        let addresses: Vec<_> = addresses.take(MAX_ADDRESSES).collect();
        let at = SRV {
            priority: 0,
            weight: 0,
            port: bound.first().filter(|_| !addresses.is_empty())?.port(),
            target: self.host.clone(),
        };
        let (instance, service) = (&self.instance, &name(SERVICE));
        let said = [
            (service, false, RData::PTR(PTR(instance.clone()))),
            (instance, true, RData::SRV(at)),
            (instance, true, RData::TXT(self.text.clone())),
        ];
        let mut packet = Packet::new_reply(0);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        let said = said.into_iter().chain(addresses);
        packet.answers = Vec::from_iter(said.map(|(name, is_ours, data)| {
            // What only we can say makes others forget what was said before.
            ResourceRecord::new(name.clone(), CLASS::IN, ttl, data).with_cache_flush(is_ours)
        }));
        let bytes = packet.build_bytes_vec_compressed();
        Some(bytes.expect("memory takes it"))
    }

    /// Whether somebody asks for what is announced.
    pub(super) fn is_asked_for(&self, packet: &Packet) -> bool {
        let ours = [&name(SERVICE), &self.instance, &self.host];
        let mut asked = packet.questions.iter().map(|question| &question.qname);
        !packet.has_flags(PacketFlag::RESPONSE) && asked.any(|name| ours.contains(&name))
    }
}

fn name(text: &str) -> DnsName<'static> {
    let name = DnsName::new(text).expect("our names, and their labels, are short");
    name.into_owned()
}

/// Reads a packet, unless it claims to hold more than it can: memory would be asked for.
pub(super) fn parse(packet: &[u8]) -> Option<Packet<'_>> {
    let counts = packet.get(4..12)?.chunks_exact(2);
    let entries = counts.map(|c| usize::from(c[0]) << 8 | usize::from(c[1]));
    let is_possible = entries.sum::<usize>() * MIN_ENTRY <= packet.len();
    is_possible.then(|| Packet::parse(packet).ok())?
}

/// What an answer says of those who are announced, to us on the link of this interface, and for how long that holds (zero:
/// it has gone).
pub(super) fn read(answer: &Packet, interface: u32) -> impl Iterator<Item = (Found, Duration)> {
    let (service, is_answer) = (name(SERVICE), answer.has_flags(PacketFlag::RESPONSE));
    let records = answer.answers.iter().filter(move |_| is_answer);
    records.filter_map(move |record| match &record.rdata {
        RData::PTR(PTR(instance)) if record.name == service => {
            let lasting = Duration::from_secs(record.ttl.min(TTL).into());
            Some((found(answer, instance, interface)?, lasting))
        }
        _ => None,
    })
}

/// `None` where it is none of ours, or hardly: without a name, a port or an address, with a key that is none. (Whoever does
/// not say all of it at once does when asked.)
fn found(answer: &Packet, instance: &DnsName, interface: u32) -> Option<Found> {
    let label = instance.without(&name(SERVICE))?.to_string();
    let all = || answer.answers.iter().chain(&answer.additional_records);
    let said = || all().filter(|record| record.name == *instance);
    let service = said().find_map(|record| match &record.rdata {
        RData::SRV(service) if service.port != 0 => Some(service),
        _ => None,
    })?;
    let text = said().find_map(|record| match &record.rdata {
        RData::TXT(text) => Some(text.attributes()),
        _ => None,
    })?;
    let text = |key| Some(text.get(key)?.as_deref().unwrap_or_default());
    let ips = all().filter(|record| record.name == service.target);
    let ips = ips.filter_map(|record| match &record.rdata {
        RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.address.to_be_bytes())),
        _ => None,
    });
    let mut roles = [Role::Sends, Role::Receives].into_iter();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    let is_version = |v: &&str| v.len() <= MAX_VERSION && v.chars().all(is_plain);
    let is_key = |key: &str| key.len() == 8 && key.bytes().all(|b| b.is_ascii_hexdigit());
    Some(Found {
        role: roles.find(|role| text("role") == Some(word(*role)))?,
        name: Name::reduced(text("name").unwrap_or(&label))?,
        addresses: addresses(ips, service.port, interface)?,
        key: match text("key") {
            Some(key) => Some(is_key(key).then(|| key.to_lowercase())?),
            None => None,
        },
        version: text("version").filter(is_version).map(str::to_owned),
        instance: instance.to_string().to_lowercase(),
    })
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
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => None,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some((3, SocketAddrV6::new(v6, port, 0, interface).into()))
        }
        IpAddr::V6(_) => Some((2, SocketAddr::new(ip, port))),
    });
    let ranked = ranked.collect::<BTreeSet<(u8, SocketAddr)>>().into_iter();
    let sorted = ranked.map(|(_, address)| address).take(MAX_ADDRESSES);
    Some(sorted.collect()).filter(|sorted: &Vec<_>| !sorted.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::{Label, QCLASS, QTYPE};
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    fn announcer(name: &str) -> Announcer {
        let bound = vec![([0, 0, 0, 0], 8000).into(), ([0; 8], 8000).into()];
        Announcer::new(Role::Receives, &name.parse().unwrap(), bound, Some(&key()))
    }

    fn key() -> Key {
        let text = "pi-stream-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        text.parse().unwrap()
    }

    fn ips(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    fn read(packet: &[u8]) -> Vec<(Found, Duration)> {
        super::read(&parse(packet).unwrap(), 7).collect()
    }

    #[test]
    fn what_is_announced_is_what_is_found_until_it_is_taken_back() {
        let (addresses, announcer) = (ips(&["192.0.2.1", "fe80::1"]), announcer("desk.1"));
        let [(found, lasting)] = &read(&announcer.packet(&addresses, 30).unwrap())[..] else {
            panic!("one is found");
        };
        assert_eq!(
            (found.role, found.name.as_str()),
            (Role::Receives, "desk.1")
        );
        assert_eq!(*lasting, Duration::from_secs(30));
        let expected = ["192.0.2.1:8000", "[fe80::1%7]:8000"];
        assert_eq!(found.addresses, expected.map(|a| a.parse().unwrap()));
        assert_eq!(found.key.as_deref(), Some("ceef1559"));
        assert_eq!(found.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        let (gone, lasting) = &read(&announcer.packet(&addresses, 0).unwrap())[0];
        assert_eq!((gone, *lasting), (found, Duration::ZERO));
    }

    #[test]
    fn only_where_it_listens_it_is_announced() {
        let mut announcer = announcer("desk");
        announcer.bound = vec!["192.0.2.1:8000".parse().unwrap()];
        let packet = announcer.packet(&ips(&["192.0.2.1", "192.0.2.2", "fe80::1"]), 30);
        assert_eq!(read(&packet.unwrap())[0].0.addresses.len(), 1);
        assert!(announcer.packet(&ips(&["192.0.2.2"]), 30).is_none());
    }

    #[test]
    fn it_answers_to_its_names_alone() {
        let announcer = announcer("desk");
        let asks = |asked: &str| {
            let mut query = Packet::new_query(0);
            let question = Question::new(name(asked), QTYPE::ANY, QCLASS::ANY, false);
            query.questions.push(question);
            announcer.is_asked_for(&query)
        };
        let own = announcer.instance.to_string();
        let host = announcer.host.to_string();
        for name in [
            "_pi-stream._tcp.local",
            "_PI-Stream._tcp.LOCAL",
            &own,
            &host,
        ] {
            assert!(asks(name), "{name}");
        }
        for name in [
            "_ipp._tcp.local",
            "desk._pi-stream._tcp.local",
            "local",
            ".",
        ] {
            assert!(!asks(name), "{name}");
        }
    }

    #[test]
    fn an_announcement_fits_any_link() {
        let many = (0..100).map(|last| IpAddr::from([0x2001, 0xDB8, 0, 0, 0, 0, 0, last]));
        let many = many.collect();
        let packet = announcer(&"x".repeat(64)).packet(&many, TTL).unwrap();
        assert!(packet.len() < 1232, "{}", packet.len());
        assert_eq!(read(&packet)[0].0.name.as_str().len(), 64);
    }

    /// What is made of an announcement with this name and these texts.
    fn read_one(label: &str, texts: &[&str]) -> Option<Found> {
        let labels = [label, "_PI-stream", "_tcp", "local"].map(str::as_bytes);
        let instance = DnsName::new_with_labels(&labels.map(Label::new_unchecked));
        let target = name("host.local");
        let text = texts
            .iter()
            .try_fold(TXT::new(), |text, said| text.with_string(said));
        let at = SRV {
            priority: 0,
            weight: 0,
            port: 8000,
            target: target.clone(),
        };
        let address = u32::from(std::net::Ipv4Addr::new(192, 0, 2, 1));
        let said = [
            (name(SERVICE), RData::PTR(PTR(instance.clone()))),
            (instance.clone(), RData::SRV(at)),
            (instance, RData::TXT(text.unwrap())),
            (target, RData::A(A { address })),
        ];
        let said = said.map(|(name, data)| ResourceRecord::new(name, CLASS::IN, 4500, data));
        let mut packet = Packet::new_reply(0);
        packet.answers = said.to_vec();
        let (found, lasting) = read(&packet.build_bytes_vec().unwrap()).pop()?;
        assert_eq!(lasting, Duration::from_secs(TTL.into()));
        Some(found)
    }

    #[test]
    fn what_is_none_of_ours_or_garbled_is_not_believed() {
        let role = "role=sender";
        assert!(read_one("garden", &[role]).is_some());
        for bad in [
            read_one("garden", &[]),
            read_one("garden", &["role"]),
            read_one("garden", &["role=printer"]),
            read_one("garden", &[role, "name=\u{7}"]),
            read_one("garden", &[role, "key=12345"]),
            read_one("garden", &[role, "key=+1234567"]),
            read_one("garden", &[role, "key"]),
            read_one("\u{1b}\u{7}", &[role]),
        ] {
            assert_eq!(bad, None);
        }
    }

    #[test]
    fn names_and_versions_are_harmless() {
        let texts = ["role=sender", "version=1\u{1b}[m", "KEY=00ABCD01"];
        let named = read_one("\u{1b}[31mmy garden (2)\r\n", &texts).unwrap();
        assert_eq!(named.name.as_str(), "31mmygarden2");
        assert_eq!(
            (named.version, named.key.as_deref()),
            (None, Some("00abcd01"))
        );
    }

    #[test]
    fn no_packet_does_harm() {
        let announcer = announcer("garden");
        let said = announcer
            .packet(&ips(&["192.0.2.1", "fe80::1"]), TTL)
            .unwrap();
        // The same in each run.
        let seed = BuildHasherDefault::<DefaultHasher>::default();
        for round in 0..100_000u32 {
            let mut packet = [query(), said.clone()][round as usize % 2].clone();
            for change in 0..1 + round % 4 {
                let chance = seed.hash_one((round, change)) as usize;
                let at = (chance >> 16) % packet.len();
                match chance % 5 {
                    0 => packet.truncate(at.max(1)),
                    // A pointer to somewhere.
                    1 => packet[at] = 0xC0,
                    2 => drop(packet.splice(at..at, [0xC0, at as u8])),
                    _ => packet[at] = (chance >> 8) as u8,
                }
            }
            let Some(packet) = parse(&packet) else {
                continue;
            };
            announcer.is_asked_for(&packet);
            for (found, lasting) in super::read(&packet, 1) {
                assert!(lasting <= Duration::from_secs(TTL.into()));
                assert!(found.addresses.len() <= MAX_ADDRESSES);
            }
        }
    }

    #[test]
    fn names_without_end_are_none() {
        let ends: [&[u8]; 5] = [
            &[0xC0, 12],
            &[0xC0, 14, 0xC0, 12],
            &[1, b'a', 0xC0, 12],
            &[0xFF; 2],
            &[63],
        ];
        for end in ends {
            let packet = [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0], end, &[0; 16]].concat();
            assert!(parse(&packet).is_none(), "{end:?}");
        }
    }

    #[test]
    fn what_claims_to_hold_more_than_it_can_is_not_read() {
        let mut packet = query();
        assert!(parse(&packet).is_some());
        packet[6..12].fill(0xFF);
        assert!(parse(&packet).is_none());
    }

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
}
