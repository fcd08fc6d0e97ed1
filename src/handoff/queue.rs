//! The queue: how a sink that must have every frame takes them from the reader.
//!
//! Bounded by a count and by bytes. Putting never blocks: what does not fit is dropped and counted,
//! so that a slow disk or a stalled pipe costs its own frames and never the live picture. Beneath, it is a slot
//! that displaces nothing: taking and waiting are the same. (std's channels bound the count only, and cannot drop
//! what waits in them.)

use std::iter;
use std::time::Instant;

use super::{Slot, Wake};
use crate::handoff::lock;

/// How much a queue holds at most: so many items, and so many bytes in all. An empty queue takes any one item.
pub type Limits = (usize, usize);

/// For frames on their way to a disk or a pipe. An SD card's hiccup lasts a few seconds: 64 MiB
/// are 50 s of 640x480 and 7 s of 1080p at 30 fps; the count bounds what small frames cost
/// beside their bytes.
pub const FRAMES: Limits = (4096, 64 << 20);

/// A bounded first-in, first-out hand-over between threads.
#[derive(Debug)]
pub struct Queue<T> {
    /// Which displaces nothing: each item is put beside the others.
    slot: Slot<T>,
    limits: Limits,
}

impl<T> Queue<T> {
    pub fn new(limits: Limits) -> Self {
        let slot = Slot::default();
        Queue { slot, limits }
    }

    /// Puts an item of `bytes`, and never blocks; returns whether it is in. One that does not fit is
    /// dropped and counted; one that comes after the end is only dropped.
    pub fn put(&self, item: T, bytes: usize) -> bool {
        let mut state = lock(&self.slot.state);
        if state.closed {
            return false;
        }
        let held: usize = state.items.iter().map(|(bytes, _)| bytes).sum();
        let (most_items, most_bytes) = self.limits;
        let is_full = state.items.len() >= most_items || held.saturating_add(bytes) > most_bytes;
        if is_full && !state.items.is_empty() {
            state.dropped += 1;
            return false;
        }
        state.items.push_back((bytes, item));
        drop(state);
        self.slot.changed.notify_all();
        true
    }

    /// Takes the oldest item, and waits for one until the deadline (`None`: for as long as it takes). A
    /// closed queue still hands out what is in it, and is then over.
    pub fn take(&self, deadline: Option<Instant>) -> Option<T> {
        self.slot.next(deadline)
    }

    /// Whether nothing will come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.slot.wait(Some(Instant::now())) == Wake::Closed
    }

    /// Nothing more can be put; what is in it can still be taken.
    pub fn close(&self) {
        self.slot.close();
    }

    /// Closes, and drops and counts what is still in it.
    pub fn abandon(&self) {
        self.close();
        let left = iter::from_fn(|| self.slot.take()).count();
        lock(&self.slot.state).dropped += left as u64;
    }

    /// How many items did not fit, or were left when the queue was abandoned.
    pub fn dropped(&self) -> u64 {
        self.slot.dropped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    impl<T> Queue<T> {
        pub(crate) fn is_empty(&self) -> bool {
            lock(&self.slot.state).items.is_empty()
        }
    }

    const SMALL: Limits = (3, 100);

    #[test]
    fn every_item_comes_out_in_order() {
        let queue = Arc::new(Queue::new(FRAMES));
        let taker = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let mut got = Vec::new();
                while let Some(item) = queue.take(None) {
                    got.push(item);
                }
                got
            }
        });
        for i in 0..1000 {
            queue.put(i, 1);
        }
        queue.close();
        assert_eq!(taker.join().unwrap(), (0..1000).collect::<Vec<_>>());
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn what_does_not_fit_by_count_is_dropped_and_counted() {
        let queue = Queue::new(SMALL);
        for i in 0..5 {
            queue.put(i, 1);
        }
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.take(None), Some(0));
        queue.put(9, 1);
        queue.close();
        let rest: Vec<_> = std::iter::from_fn(|| queue.take(None)).collect();
        assert_eq!(rest, [1, 2, 9]);
    }

    #[test]
    fn bytes_are_bounded_but_one_item_always_fits() {
        let queue = Queue::new(SMALL);
        queue.put('a', 500);
        queue.put('b', 1);
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.take(None), Some('a'));
        queue.put('c', 60);
        queue.put('d', 60);
        queue.put('e', 40);
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.take(None), Some('c'));
        assert_eq!(queue.take(None), Some('e'));
        assert_eq!(queue.take(Some(Instant::now())), None);
        assert!(!queue.is_over());
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_an_abandoned_one_counts_what_it_held() {
        let queue = Queue::new(SMALL);
        queue.put(1, 1);
        queue.put(2, 1);
        queue.close();
        queue.put(3, 1);
        assert_eq!(queue.dropped(), 0);
        queue.abandon();
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.take(None), None);
        assert!(queue.is_over());
    }
}
