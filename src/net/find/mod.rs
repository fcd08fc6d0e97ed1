//! Finding each other: who listens announces itself by mDNS (DNS-SD, `_pi-stream._tcp.local.`), who dials looks for it.
//!
//! ```text
//! announce ──┐                   ┌─ message  what is said, and what of it is believed
//!            ├─▶ watch, a thread ┤
//! Finder ◀───┘                   └─ sockets  one an interface and family: UDP 5353, beside avahi
//!   └ a list, bounded ─▶ Target: somebody to dial, wherever they are now
//! ```
//!
//! Nothing of this runs, and no UDP socket is open, unless somebody is announced or a [`Finder`] was started; both end when
//! they are dropped. Whatever comes from the network is bounded and cleaned before anybody sees it, and is a hint where to
//! dial, never a proof of who is there: anybody on the network can announce anything. So who says
//! that they are somebody else stands beside them: both are tried.
//!
//! Not by mdns-sd: it keeps every record that anybody sends, and as long as packets come it hears no command, not even to
//! end: a flood of 2 million records in 12 s had it grow by 313 MB (0.21.7).

mod message;
mod sockets;
mod watch;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use self::message::{Announcer, MAX_ADDRESSES};
use self::watch::Task;
use crate::handoff::lock;
use crate::net::Target;
use crate::protocol::{Key, Name, Role};
use crate::report::ListFormat;

pub use self::message::Found;
pub(crate) use self::sockets::is_bridge;
pub use self::watch::Running;

/// How long a look around takes: within it, whoever is announced on an interface that is up has answered.
pub const LOOK: Duration = Duration::from_millis(1500);

/// How many are dialled at a time.
const MAX_PEERS: usize = 8;

/// How many are known at a time; further ones are not, until one of these has gone.
const MAX_FOUND: usize = 64;

/// Which key it is, as it is announced: nothing of the key itself.
pub fn key_id(key: &Key) -> String {
    format!("{:08x}", u32::from_be_bytes(key.id()))
}

/// A number that nobody else has; where the system has none, one that nobody else here has.
fn random() -> u32 {
    getrandom::u32().unwrap_or_else(|_| std::process::id())
}

/// Announces who listens there, all on one port, on every sensible interface, for as long as what it returns lives; the
/// name need not be unique. Nothing where only this machine can reach it, or with a warning.
pub fn announce(
    role: Role,
    name: &Name,
    bound: Vec<SocketAddr>,
    key: Option<&Key>,
    warn: impl FnOnce(String),
) -> Option<Running> {
    if bound.iter().all(|at| at.ip().is_loopback()) {
        return None;
    }
    let task = Task::Announce(Announcer::new(role, name, bound, key));
    let started = Running::start("announce", task);
    let warn = |error| warn(format!("cannot be announced on this network: {error}"));
    started.map_err(warn).ok()
}

/// Looks around for [`LOOK`], and lists who is announced: for people, or for programs.
pub fn list(role: Role, format: ListFormat) -> io::Result<String> {
    let finder = Finder::start(move |found| found.role == role)?;
    thread::sleep(LOOK);
    let found = finder.found();
    Ok(format.list(&found, || table(&found)))
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

/// Looks for those who are announced, as long as it or one of its peers lives.
#[derive(Clone)]
pub struct Finder {
    /// Written by the thread that looks, read by anybody.
    list: Arc<Mutex<List>>,
    _running: Arc<Running>,
}

impl Finder {
    /// Starts to look for those who are wanted.
    pub fn start(is_wanted: impl Fn(&Found) -> bool + Send + Sync + 'static) -> io::Result<Finder> {
        let list = Arc::new(Mutex::new(List {
            is_wanted: Box::new(is_wanted),
            found: BTreeMap::new(),
            peers: Vec::new(),
        }));
        let _running = Arc::new(Running::start("find", Task::Find(Arc::clone(&list)))?);
        Ok(Finder { list, _running })
    }

    /// Who is there now, by name.
    pub fn found(&self) -> Vec<Found> {
        let list = lock(&self.list);
        let found = list.found.values();
        found.map(|(_, found)| found.clone()).collect()
    }

    /// Somebody who is there and no peer yet, where there is room for one.
    pub fn newcomer(&self) -> Option<Target> {
        let newcomer = lock(&self.list).newcomer()?.clone();
        Some(self.peer(&newcomer))
    }

    /// This one, to be dialled; once it is not announced any more, whoever is and is no peer.
    pub fn peer(&self, found: &Found) -> Target {
        let peers = &mut lock(&self.list).peers;
        let (finder, place) = (self.clone(), peers.len());
        peers.push(found.instance.clone());
        let addresses = move || lock(&finder.list).addresses(place);
        Target {
            host: found.name.to_string(),
            port: found.addresses[0].port(),
            found: Some(Arc::new(addresses)),
        }
    }
}

/// Who is there.
struct List {
    is_wanted: Box<dyn Fn(&Found) -> bool + Send>,
    /// By their instances, with the time until which they are believed to be there.
    found: BTreeMap<String, (Instant, Found)>,
    /// The instances of the peers.
    peers: Vec<String>,
}

impl List {
    /// Somebody says that they are there for so long, or, where that is nothing, that they have gone.
    fn put(&mut self, mut new: Found, lasting: Duration) {
        let found = &mut self.found;
        if lasting.is_zero() {
            found.remove(&new.instance);
        }
        if lasting.is_zero() || !(self.is_wanted)(&new) {
            return;
        }
        let before = found.remove(&new.instance);
        // One that ended without a word, and was started again.
        let is_same = |old: &Found| old.name == new.name && old.addresses[0] == new.addresses[0];
        found.retain(|_, (_, old)| !is_same(old));
        if let Some((_, mut old)) = before {
            // By another of its interfaces, or somebody else says that they are this one: both are tried.
            old.addresses.retain(|at| !new.addresses.contains(at));
            new.addresses.append(&mut old.addresses);
            new.addresses.truncate(MAX_ADDRESSES);
        } else if found.len() >= MAX_FOUND {
            return;
        }
        found.insert(new.instance.clone(), (Instant::now() + lasting, new));
    }

    /// Where a peer is now, most likely first; none while it is not announced.
    fn addresses(&mut self, place: usize) -> Vec<SocketAddr> {
        let (found, peers) = (&self.found, &mut self.peers);
        if !found.contains_key(&peers[place]) {
            let other = found.keys().find(|instance| !peers.contains(instance));
            if let Some(other) = other.cloned() {
                peers[place] = other;
            }
        }
        let found = found.get(&peers[place]);
        found.map_or_else(Vec::new, |(_, found)| found.addresses.clone())
    }

    /// Forgets who has not been heard of for longer than they said.
    fn forget(&mut self, now: Instant) {
        self.found.retain(|_, (until, _)| now < *until);
    }

    /// Somebody for a new place. Where one is free, because who had it has gone, they get that when it is looked for.
    fn newcomer(&self) -> Option<&Found> {
        let has_room = self.peers.len() < MAX_PEERS;
        let are_there = self.peers.iter().all(|p| self.found.contains_key(p));
        let mut all = self.found.iter().filter(|_| has_room && are_there);
        let new = all.find(|(instance, _)| !self.peers.contains(instance));
        new.map(|(_, (_, found))| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn found(name: &str, instance: &str, last: u8) -> Found {
        Found {
            role: Role::Sends,
            name: name.parse().unwrap(),
            addresses: vec![([192, 0, 2, last], 8000).into()],
            key: None,
            version: None,
            instance: instance.into(),
        }
    }

    fn list() -> List {
        List {
            is_wanted: Box::new(|found| found.key.is_none()),
            found: BTreeMap::new(),
            peers: Vec::new(),
        }
    }

    /// The last numbers of where everybody is, by instance.
    fn all(list: &List) -> Vec<Vec<u8>> {
        let last = |a: &SocketAddr| a.to_string().split(['.', ':']).nth(3)?.parse().ok();
        let found = list.found.values();
        found
            .map(|(_, f)| f.addresses.iter().filter_map(last).collect())
            .collect()
    }

    #[test]
    fn only_those_who_are_wanted_are_listed_until_they_have_gone() {
        let mut list = list();
        list.put(found("garden", "g", 1), LONG);
        list.put(
            Found {
                key: Some("00000001".into()),
                ..found("a", "a", 2)
            },
            LONG,
        );
        assert_eq!(all(&list), [[1]]);
        list.put(found("garden", "g", 1), Duration::ZERO);
        assert!(all(&list).is_empty());
    }

    #[test]
    fn where_one_was_and_who_says_that_they_are_the_same_one_are_tried_last() {
        let mut list = list();
        for last in [1, 2, 1, 3] {
            list.put(found("garden", "g", last), LONG);
        }
        assert_eq!(all(&list), [[3, 1, 2]]);
        for last in 0..100 {
            list.put(found("garden", "g", last), LONG);
        }
        assert_eq!(all(&list)[0].len(), MAX_ADDRESSES);
    }

    #[test]
    fn one_that_was_started_again_is_one() {
        let mut list = list();
        list.put(found("garden", "g-1", 1), LONG);
        list.put(found("porch", "p-1", 1), LONG);
        list.put(found("garden", "g-2", 1), LONG);
        list.put(found("garden", "g-3", 2), LONG);
        assert_eq!(all(&list), [[1], [2], [1]]);
    }

    #[test]
    fn a_list_is_short_and_who_is_not_heard_of_again_is_forgotten() {
        let (mut list, soon) = (list(), Duration::from_secs(1));
        for number in 0..1000 {
            list.put(found("garden", &number.to_string(), number as u8), soon);
            list.put(found("porch", &format!("p{number}"), number as u8), soon);
        }
        assert_eq!(all(&list).len(), MAX_FOUND);
        list.put(found("garden", "0", 0), LONG);
        list.forget(Instant::now() + soon);
        assert_eq!(all(&list), [[0]]);
    }

    #[test]
    fn a_place_of_one_that_has_gone_is_the_next_ones() {
        let mut list = list();
        list.put(found("garden", "a", 1), LONG);
        list.peers.push("a".into());
        let is_room = |list: &List| list.newcomer().is_some();
        assert!(!is_room(&list));
        list.put(found("porch", "b", 2), LONG);
        assert!(is_room(&list));
        list.peers.resize(MAX_PEERS, "a".into());
        assert!(!is_room(&list));
        list.peers.resize(1, "a".into());
        list.put(found("garden", "a", 1), Duration::ZERO);
        assert!(!is_room(&list));
        assert_eq!(list.addresses(0), found("porch", "b", 2).addresses);
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
