//! Which of a host's addresses to dial, and when: pure, clocks passed in.
//!
//! A host has several addresses, a viewer may be reachable by only one of them (`--allow`, a firewall), and an
//! address may have become somebody else's. So the race has an order: first where pictures were taken before,
//! then the name's other addresses, each with a small head start before the next; where pictures were not taken,
//! only once all others have failed. The first connection that is established wins.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::DialError;

/// How long an address is tried alone before the next joins in, as RFC 8305 has it: a host that answers sees
/// one connection, not one for each of its addresses.
pub(super) const HEAD_START: Duration = Duration::from_millis(250);

/// How many addresses of one name are tried at most: enough for hosts with many interfaces, and a
/// bound for a name server that lists hundreds.
pub(super) const MAX_ADDRESSES: usize = 8;

/// What is remembered of a host's addresses from one connection to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Where pictures were taken last.
    pub(super) known: Option<SocketAddr>,
    /// Where a connection came to nothing, the latest last.
    fruitless: Vec<SocketAddr>,
    /// What the name said last.
    pub(super) answer: Vec<SocketAddr>,
}

impl Memory {
    /// Pictures were taken there.
    pub(super) fn took(&mut self, address: SocketAddr) {
        self.fruitless.retain(|other| *other != address);
        self.known = Some(address);
    }

    /// A connection there came to nothing.
    pub(super) fn took_none(&mut self, address: SocketAddr) {
        self.known = self.known.filter(|known| *known != address);
        self.fruitless.retain(|other| *other != address);
        self.fruitless.push(address);
        if self.fruitless.len() > MAX_ADDRESSES {
            self.fruitless.remove(0);
        }
    }

    fn rank(&self, address: SocketAddr, is_named: bool) -> Rank {
        let fruitless = self.fruitless.iter().position(|other| *other == address);
        match fruitless {
            Some(age) => Rank::Fruitless(age),
            None if !is_named => Rank::Former,
            None if Some(address) == self.known => Rank::Known,
            None => Rank::Untried,
        }
    }
}

/// The order of the race.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Known,
    Untried,
    /// The name does not say so any more.
    Former,
    /// The one that was tried longest ago comes first.
    Fruitless(usize),
}

/// What an address of the race has come to.
#[derive(Debug)]
enum State {
    /// Its turn is still to come.
    Waiting,
    Dialled,
    /// At least once, however often it is dialled again; with the error until that is reported.
    Failed(Option<DialError>),
}

#[derive(Debug)]
struct Entry {
    address: SocketAddr,
    rank: Rank,
    state: State,
}

impl Entry {
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }
}

/// The addresses of one search.
#[derive(Debug, Default)]
pub(super) struct Race {
    entries: Vec<Entry>,
    last_opened: Option<Instant>,
}

impl Race {
    /// Takes the name's addresses. Those of an earlier answer are dropped but for the known one, which may
    /// be right where the name server is not.
    pub(super) fn enter(&mut self, named: &[SocketAddr], memory: &Memory) {
        let mut addresses = named.to_vec();
        addresses.extend(memory.known.filter(|known| !named.contains(known)));
        self.entries
            .retain(|entry| addresses.contains(&entry.address));
        for address in addresses {
            let rank = memory.rank(address, named.contains(&address));
            match self.entries.iter_mut().find(|e| e.address == address) {
                Some(entry) => entry.rank = rank,
                None => self.entries.push(Entry {
                    address,
                    rank,
                    state: State::Waiting,
                }),
            }
        }
    }

    /// Opens the next address, if it is its turn.
    pub(super) fn open(&mut self, now: Instant) -> Option<SocketAddr> {
        let is_due = self.next_due().is_some_and(|due| now >= due);
        let is_dialled = |entry: &Entry| matches!(entry.state, State::Dialled);
        if !is_due && self.entries.iter().any(is_dialled) {
            return None;
        }
        let waiting = self.entries.iter_mut().filter(|entry| entry.is_waiting());
        let next = waiting.min_by_key(|entry| entry.rank)?;
        next.state = State::Dialled;
        self.last_opened = Some(now);
        Some(next.address)
    }

    /// When the next address joins in though the others have not failed yet, if it does.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let joins = |entry: &Entry| entry.is_waiting() && entry.rank <= Rank::Untried;
        let joins = self.entries.iter().any(joins);
        self.last_opened.filter(|_| joins).map(|at| at + HEAD_START)
    }

    /// The addresses that have been dialled.
    pub(super) fn opened(&self) -> Vec<SocketAddr> {
        let opened = self.entries.iter().filter(|entry| !entry.is_waiting());
        opened.map(|entry| entry.address).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a connection to that address is wanted.
    pub(super) fn includes(&self, address: SocketAddr) -> bool {
        self.entries.iter().any(|entry| entry.address == address)
    }

    /// An attempt failed.
    pub(super) fn fail(&mut self, address: SocketAddr, error: DialError) {
        let mut opened = self.entries.iter_mut().filter(|entry| !entry.is_waiting());
        if let Some(entry) = opened.find(|entry| entry.address == address) {
            entry.state = State::Failed(Some(error));
        }
    }

    /// Once every address has failed since the last time, the error that tells most.
    pub(super) fn take_failure(&mut self) -> Option<DialError> {
        let has_failed = |entry: &Entry| matches!(entry.state, State::Failed(Some(_)));
        if !self.entries.iter().all(has_failed) {
            return None;
        }
        let take = |entry: &mut Entry| match &mut entry.state {
            State::Failed(error) => error.take(),
            _ => None,
        };
        let errors = self.entries.iter_mut().filter_map(take);
        errors.max_by_key(DialError::weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        ([10, 0, 0, last], 8000).into()
    }

    fn race(named: &[u8], memory: &Memory) -> Race {
        let mut race = Race::default();
        let named: Vec<SocketAddr> = named.iter().map(|last| address(*last)).collect();
        race.enter(&named, memory);
        race
    }

    /// The order in which addresses are opened when each fails at once.
    fn order(race: &mut Race, now: Instant) -> Vec<SocketAddr> {
        std::iter::from_fn(|| {
            let opened = race.open(now)?;
            race.fail(opened, DialError::NoAnswer(opened));
            Some(opened)
        })
        .collect()
    }

    #[test]
    fn the_next_address_joins_in_after_a_head_start_or_when_the_first_has_failed() {
        let (memory, start) = (Memory::default(), Instant::now());
        let mut slow = race(&[1, 2], &memory);
        assert_eq!(slow.open(start), Some(address(1)));
        assert_eq!(slow.open(start), None);
        assert_eq!(slow.next_due(), Some(start + HEAD_START));
        assert_eq!(slow.open(start + HEAD_START), Some(address(2)));

        let mut failing = race(&[1, 2], &memory);
        failing.open(start);
        failing.fail(address(1), DialError::Refused(address(1)));
        assert_eq!(failing.open(start), Some(address(2)));
    }

    #[test]
    fn where_pictures_were_not_taken_is_dialled_only_after_all_others_have_failed() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        memory.took_none(address(1));
        let mut race = race(&[1, 2], &memory);
        assert_eq!(race.open(start), Some(address(2)));
        assert_eq!(race.open(start + 10 * HEAD_START), None);
        race.fail(address(2), DialError::Refused(address(2)));
        assert_eq!(race.open(start), Some(address(1)));
    }

    #[test]
    fn of_several_where_pictures_were_not_taken_each_has_its_turn() {
        let mut memory = Memory::default();
        let now = Instant::now();
        for _ in 0..3 {
            let first = race(&[1, 2], &memory).open(now).unwrap();
            memory.took_none(first);
        }
        assert_eq!(memory.fruitless, [address(2), address(1)]);
        memory.took(address(1));
        assert_eq!(memory.fruitless, [address(2)]);
    }

    #[test]
    fn a_known_address_comes_first_as_long_as_the_name_says_so_and_last_else() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.took(address(2));
        let one_two = [address(2), address(1)];
        assert_eq!(order(&mut race(&[1, 2], &memory), now), one_two);
        assert_eq!(
            order(&mut race(&[1, 3], &memory), now),
            [address(1), address(3), address(2)]
        );
        memory.took_none(address(2));
        assert_eq!(order(&mut race(&[1], &memory), now), [address(1)]);
    }

    #[test]
    fn an_answer_that_comes_late_takes_the_place_of_what_was_known() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.took(address(1));
        let mut race = race(&[1], &memory);
        assert_eq!(race.open(now), Some(address(1)));
        race.enter(&[address(2)], &memory);
        assert_eq!(race.open(now + HEAD_START), Some(address(2)));
        assert_eq!(race.opened(), [address(1), address(2)]);
        memory.took_none(address(1));
        race.enter(&[address(2)], &memory);
        assert!(!race.includes(address(1)));
    }

    #[test]
    fn the_error_that_tells_most_is_reported_once_all_addresses_have_failed() {
        let now = Instant::now();
        let mut race = race(&[1, 2], &Memory::default());
        race.open(now);
        race.fail(address(1), DialError::Refused(address(1)));
        assert!(race.take_failure().is_none());
        race.open(now);
        race.fail(address(2), DialError::NoAnswer(address(2)));
        assert!(matches!(race.take_failure(), Some(DialError::Refused(_))));
        assert!(race.take_failure().is_none());
    }
}
