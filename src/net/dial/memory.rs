//! What is remembered of a host's addresses from one link to the next, and the order in which they are dialled: pure.
//!
//! A host has several addresses, a viewer may be reachable by only one of them (`--allow`, a firewall), and an
//! address may have become somebody else's. So there is an order: first where the last link led, then the name's
//! other addresses; where links came to nothing, only once all others have failed.

use std::net::SocketAddr;
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Where the last link led, unless it came to nothing.
    known: Option<SocketAddr>,
    /// Where links came to nothing since one did not, the latest last.
    fruitless: Vec<SocketAddr>,
    /// What the name said last.
    pub(super) answer: Vec<SocketAddr>,
    /// When the name server was asked, while its answer is awaited.
    pub(super) asked: Option<Instant>,
}

impl Memory {
    /// A link leads there.
    pub(super) fn reached(&mut self, address: SocketAddr) {
        self.fruitless.retain(|other| *other != address);
        self.known = Some(address);
    }

    /// It came to nothing.
    pub(super) fn took_none(&mut self, address: SocketAddr) {
        self.known = self.known.filter(|known| *known != address);
        // What the name does not say any more is forgotten, so that this does not grow.
        let answer = &self.answer;
        self.fruitless
            .retain(|other| *other != address && answer.contains(other));
        self.fruitless.push(address);
    }

    /// The addresses in the order in which a search's attempt of this number dials them. Each begins with another of
    /// those that may well be right: while one does not answer, the next joins in.
    pub(super) fn order(&self, attempt: u32) -> Vec<SocketAddr> {
        let is_named = |address: &&SocketAddr| self.answer.contains(address);
        let good = self.answer.iter().filter(|a| !self.fruitless.contains(a));
        let mut order: Vec<SocketAddr> = good.copied().collect();
        order.sort_by_key(|address| Some(*address) != self.known);
        let first = attempt as usize % order.len().max(1);
        order.rotate_left(first);
        // The name does not say so any more, but it may be right where the name server is not.
        order.extend(self.known.iter().filter(|known| !is_named(known)));
        // The one that was tried longest ago comes first.
        order.extend(self.fruitless.iter().filter(is_named));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        ([10, 0, 0, last], 8000).into()
    }

    /// The last numbers of the addresses, in the order in which they are dialled where the name says this.
    fn order(memory: &mut Memory, named: &[u8], attempt: u32) -> Vec<u8> {
        memory.answer = named.iter().map(|last| address(*last)).collect();
        let last = |address: SocketAddr| match address.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => unreachable!(),
        };
        memory.order(attempt).into_iter().map(last).collect()
    }

    #[test]
    fn while_one_address_does_not_answer_the_next_joins_in() {
        let mut memory = Memory::default();
        assert_eq!(order(&mut memory, &[1, 2, 3], 0), [1, 2, 3]);
        assert_eq!(order(&mut memory, &[1, 2, 3], 1), [2, 3, 1]);
        assert_eq!(order(&mut memory, &[1, 2, 3], 5), [3, 1, 2]);
        assert!(order(&mut memory, &[], 5).is_empty());
    }

    #[test]
    fn where_pictures_were_not_taken_is_dialled_only_after_all_others_have_failed() {
        let mut memory = Memory::default();
        memory.took_none(address(1));
        for attempt in 0..3 {
            assert_eq!(order(&mut memory, &[1, 2], attempt), [2, 1]);
        }
    }

    #[test]
    fn of_several_where_pictures_were_not_taken_each_has_its_turn() {
        let mut memory = Memory::default();
        for _ in 0..3 {
            let first = order(&mut memory, &[1, 2], 0)[0];
            memory.took_none(address(first));
        }
        assert_eq!(memory.fruitless, [address(2), address(1)]);
        memory.reached(address(1));
        assert_eq!(memory.fruitless, [address(2)]);
    }

    #[test]
    fn a_known_address_comes_first_as_long_as_the_name_says_so_and_last_else() {
        let mut memory = Memory::default();
        memory.reached(address(2));
        assert_eq!(order(&mut memory, &[1, 2], 0), [2, 1]);
        assert_eq!(order(&mut memory, &[1, 3], 0), [1, 3, 2]);
        memory.took_none(address(2));
        assert_eq!(order(&mut memory, &[1], 0), [1]);
    }
}
