//! The slot: a hand-over between two threads that holds the newest item of each source and nothing else.
//!
//! Every hand-over on the live way is one of these. Putting into a full slot returns the older item
//! to the putter, who drops it, and counts it: a slow taker loses frames, never memory and never
//! time. Where several sources put (cameras, by their numbers), each has room for one item, and they are taken
//! in turn: none starves another. The taker blocks on a condition variable; a put, a nudge or a close wakes
//! it. The slot knows nothing of what it carries.
//!
//! A queue is a slot in which each item is put beside the others: how a sink that must have every frame takes them from
//! the reader. Bounded by a count and by bytes: what does not fit is dropped and counted, so that a slow disk or a
//! stalled pipe costs its own frames and never the live picture. (std's channels bound the count only, and cannot drop
//! what waits in them.)

use std::collections::VecDeque;
use std::iter;
use std::mem;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use crate::handoff::{lock, wait_while};

/// How much a queue holds at most: so many items, and so many bytes in all. An empty queue takes any one item.
pub type Limits = (usize, usize);

/// For frames on their way to a disk or a pipe. An SD card's hiccup lasts a few seconds: 64 MiB
/// are 50 s of 640x480 and 7 s of 1080p at 30 fps; the count bounds what small frames cost
/// beside their bytes.
pub(crate) const FRAMES: Limits = (4096, 64 << 20);

/// Holds at most one item of each source; the newest wins.
#[derive(Debug)]
pub struct Slot<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// A slot that holds every item that is [put beside](Slot::put_beside) the others, within [`Limits`].
pub type Queue<T> = Slot<T>;

#[derive(Debug)]
struct State<T> {
    /// By source; the one that has waited longest first. (A queue's are by their sizes.)
    items: VecDeque<(usize, T)>,
    dropped: u64,
    nudged: bool,
    closed: bool,
}

/// Why [`Slot::wait`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// An item is there.
    Full,
    /// The slot is empty and closed: nothing will come any more.
    Closed,
    /// Somebody asked the taker to look up ([`Slot::nudge`]).
    Nudged,
    /// The deadline passed.
    TimedOut,
}

impl<T> Default for Slot<T> {
    /// An empty, open slot.
    fn default() -> Self {
        Slot {
            state: Mutex::new(State {
                items: VecDeque::new(),
                dropped: 0,
                nudged: false,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Slot<T> {
    /// Puts an item, never blocks. Gives back what it displaced, or the item itself where the slot
    /// is closed, so that the caller drops it outside the lock.
    pub fn put(&self, item: T) -> Option<T> {
        self.put_from(0, item)
    }

    /// The same for one of several sources: it displaces none but its own.
    pub fn put_from(&self, source: usize, item: T) -> Option<T> {
        self.change(|state| {
            if state.closed {
                return Some(item);
            }
            let own = state.items.iter_mut().find(|(from, _)| *from == source);
            let Some((_, older)) = own else {
                state.items.push_back((source, item));
                return None;
            };
            state.dropped += 1;
            Some(mem::replace(older, item))
        })
    }

    /// Waits until the slot is empty or closed: a source that must not lose any item, and is the only one, then puts its
    /// next.
    pub fn wait_until_empty(&self) {
        let is_waiting = |state: &mut State<T>| !state.items.is_empty() && !state.closed;
        let state = lock(&self.state);
        drop(wait_while(&self.changed, state, None, is_waiting));
    }

    /// Puts an item of `bytes` beside those that are there, and never blocks; returns whether it is in. One that exceeds
    /// the limits is dropped and counted; one that comes after the end is only dropped.
    pub(crate) fn put_beside(&self, item: T, bytes: usize, limits: Limits) -> bool {
        let (most_items, most_bytes) = limits;
        self.change(|state| {
            if state.closed {
                return false;
            }
            let held: usize = state.items.iter().map(|(bytes, _)| bytes).sum();
            let is_full =
                state.items.len() >= most_items || held.saturating_add(bytes) > most_bytes;
            if is_full && !state.items.is_empty() {
                state.dropped += 1;
                return false;
            }
            state.items.push_back((bytes, item));
            true
        })
    }

    /// Takes the item, if there is one; never blocks. A closed slot still gives its last item.
    pub fn take(&self) -> Option<T> {
        let (_, item) = lock(&self.state).items.pop_front()?;
        self.changed.notify_all();
        Some(item)
    }

    /// Waits for the next item and takes it, nudged or not; `None` once the slot is closed and empty, or the
    /// deadline has passed.
    pub fn next(&self, deadline: Option<Instant>) -> Option<T> {
        while matches!(self.wait(deadline), Wake::Full | Wake::Nudged) {
            // A nudge alone brings none.
            if let Some(item) = self.take() {
                return Some(item);
            }
        }
        None
    }

    /// Waits until an item is there, and leaves it there. `None` waits without a deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> Wake {
        self.wait_or(deadline, || false)
    }

    /// The same, or until something `is_ready` that is as good as an item; a nudge has it looked at again. It is called
    /// with the slot locked.
    pub(crate) fn wait_or(&self, deadline: Option<Instant>, is_ready: impl Fn() -> bool) -> Wake {
        let mut wake = Wake::TimedOut;
        let is_waiting = |state: &mut State<T>| {
            if !state.items.is_empty() || is_ready() {
                wake = Wake::Full;
            } else if state.closed {
                wake = Wake::Closed;
            } else if mem::take(&mut state.nudged) {
                wake = Wake::Nudged;
            }
            wake == Wake::TimedOut
        };
        let state = lock(&self.state);
        drop(wait_while(&self.changed, state, deadline, is_waiting));
        wake
    }

    /// Makes a waiting (or the next waiting) taker return with [`Wake::Nudged`].
    pub fn nudge(&self) {
        self.change(|state| state.nudged = true);
    }

    /// Nothing more can be put; what is there can still be taken.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Changes the state, and has whoever waits look at it.
    fn change<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let result = change(&mut lock(&self.state));
        self.changed.notify_all();
        result
    }

    /// Whether nothing will come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.wait(Some(Instant::now())) == Wake::Closed
    }

    /// Closes, and drops and counts what is still there.
    pub(crate) fn abandon(&self) {
        self.close();
        let left = iter::from_fn(|| self.take()).count();
        lock(&self.state).dropped += left as u64;
    }

    /// How many items were displaced by newer ones, did not fit, or were left when the queue was abandoned.
    pub fn dropped(&self) -> u64 {
        lock(&self.state).dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    impl<T> Slot<T> {
        pub(crate) fn is_empty(&self) -> bool {
            lock(&self.state).items.is_empty()
        }
    }

    #[test]
    fn the_newest_item_wins_and_the_older_is_counted() {
        let slot = Slot::default();
        assert_eq!(slot.put(1), None);
        assert_eq!(slot.put(2), Some(1));
        assert_eq!(slot.take(), Some(2));
        assert_eq!(slot.take(), None);
        assert_eq!(slot.dropped(), 1);
    }

    #[test]
    fn sources_displace_their_own_items_alone_and_are_taken_in_turn() {
        let slot = Slot::default();
        assert_eq!(slot.put_from(1, 'a'), None);
        assert_eq!(slot.put_from(2, 'x'), None);
        assert_eq!(slot.put_from(1, 'b'), Some('a'));
        assert_eq!(slot.take(), Some('b'));
        assert_eq!(slot.put_from(1, 'c'), None);
        assert_eq!(slot.take(), Some('x'));
        assert_eq!(slot.take(), Some('c'));
        assert_eq!(slot.dropped(), 1);
    }

    #[test]
    fn a_closed_slot_gives_its_last_item_and_refuses_more() {
        let slot = Slot::default();
        slot.put(1);
        slot.close();
        assert_eq!(slot.put(2), Some(2));
        slot.wait_until_empty();
        assert_eq!(slot.put(3), Some(3));
        assert_eq!(slot.wait(None), Wake::Full);
        assert_eq!(slot.take(), Some(1));
        assert_eq!(slot.wait(None), Wake::Closed);
    }

    #[test]
    fn a_nudge_wakes_the_taker_once() {
        let slot = Slot::<()>::default();
        slot.nudge();
        assert_eq!(slot.wait(None), Wake::Nudged);
        assert_eq!(slot.wait(Some(Instant::now())), Wake::TimedOut);
    }

    #[test]
    fn a_nudge_from_before_does_not_end_the_wait_for_the_last_item() {
        let slot = Arc::new(Slot::default());
        slot.nudge();
        let putter = thread::spawn({
            let slot = Arc::clone(&slot);
            move || {
                slot.put(1);
                slot.close();
            }
        });
        let until = Instant::now() + Duration::from_secs(10);
        assert_eq!(slot.next(Some(until)), Some(1));
        assert_eq!(slot.next(Some(until)), None);
        putter.join().expect("the putter does not panic");

        let empty = Slot::<()>::default();
        empty.nudge();
        assert_eq!(empty.next(Some(Instant::now())), None);
        assert_eq!(empty.wait(Some(Instant::now())), Wake::TimedOut);
    }

    #[test]
    fn a_patient_putter_loses_nothing() {
        let slot = Arc::new(Slot::default());
        let putter = thread::spawn({
            let slot = Arc::clone(&slot);
            move || {
                for i in 0..1000 {
                    slot.wait_until_empty();
                    assert_eq!(slot.put(i), None);
                }
                slot.close();
            }
        });
        let mut got = Vec::new();
        while slot.wait(Some(Instant::now() + Duration::from_secs(10))) == Wake::Full {
            got.extend(slot.take());
        }
        putter.join().expect("the putter does not panic");
        assert_eq!(got, (0..1000).collect::<Vec<_>>());
        assert_eq!(slot.dropped(), 0);
    }

    const SMALL: Limits = (3, 100);

    #[test]
    fn every_item_comes_out_in_order() {
        let queue = Arc::new(Slot::default());
        let taker = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let mut got = Vec::new();
                while let Some(item) = queue.next(None) {
                    got.push(item);
                }
                got
            }
        });
        for i in 0..1000 {
            queue.put_beside(i, 1, FRAMES);
        }
        queue.close();
        assert_eq!(taker.join().unwrap(), (0..1000).collect::<Vec<_>>());
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn what_does_not_fit_by_count_is_dropped_and_counted() {
        let queue = Slot::default();
        for i in 0..5 {
            queue.put_beside(i, 1, SMALL);
        }
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.next(None), Some(0));
        queue.put_beside(9, 1, SMALL);
        queue.close();
        let rest: Vec<_> = iter::from_fn(|| queue.next(None)).collect();
        assert_eq!(rest, [1, 2, 9]);
    }

    #[test]
    fn bytes_are_bounded_but_one_item_always_fits() {
        let queue = Slot::default();
        queue.put_beside('a', 500, SMALL);
        queue.put_beside('b', 1, SMALL);
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.next(None), Some('a'));
        queue.put_beside('c', 60, SMALL);
        queue.put_beside('d', 60, SMALL);
        queue.put_beside('e', 40, SMALL);
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.next(None), Some('c'));
        assert_eq!(queue.next(None), Some('e'));
        assert_eq!(queue.next(Some(Instant::now())), None);
        assert!(!queue.is_over());
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_an_abandoned_one_counts_what_it_held() {
        let queue = Slot::default();
        queue.put_beside(1, 1, SMALL);
        queue.put_beside(2, 1, SMALL);
        queue.close();
        queue.put_beside(3, 1, SMALL);
        assert_eq!(queue.dropped(), 0);
        queue.abandon();
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.next(None), None);
        assert!(queue.is_over());
    }
}
