//! The queue: how a sink that must have every frame takes them from the reader.
//!
//! Bounded by a count and by bytes. Putting never blocks: what does not fit is dropped and counted,
//! so that a slow disk or a stalled pipe costs its own frames and never the live picture. One taker
//! blocks on a condition variable; a put, a close or its deadline wakes it. The queue knows nothing
//! of what it carries. (std's channels bound the count only, and cannot drop what waits in them.)

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use crate::handoff::lock::{lock, wait_until};

/// How much a queue holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub items: usize,
    /// The sum of the items' sizes. An empty queue takes any one item.
    pub bytes: usize,
}

impl Limits {
    /// For frames on their way to a disk or a pipe. An SD card's hiccup lasts a few seconds: 64 MiB
    /// are 50 s of 640x480 and 7 s of 1080p at 30 fps; the count bounds what small frames cost
    /// beside their bytes.
    pub const FRAMES: Limits = Limits {
        items: 4096,
        bytes: 64 << 20,
    };
}

/// A bounded first-in, first-out hand-over between threads.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limits: Limits,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    dropped: u64,
    closed: bool,
}

impl<T> Queue<T> {
    pub fn new(limits: Limits) -> Self {
        Queue {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                dropped: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            limits,
        }
    }

    /// Puts an item of `bytes`, and never blocks; returns whether it is in. One that does not fit is
    /// dropped and counted; one that comes after the end is only dropped.
    pub fn put(&self, item: T, bytes: usize) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        let full = state.items.len() >= self.limits.items
            || state.bytes.saturating_add(bytes) > self.limits.bytes;
        if full && !state.items.is_empty() {
            state.dropped += 1;
            return false;
        }
        state.items.push_back((item, bytes));
        state.bytes = state.bytes.saturating_add(bytes);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Takes the oldest item, and waits for one until the deadline (`None`: for as long as it takes). A
    /// closed queue still hands out what is in it, and is then `Disconnected`.
    pub fn take(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let mut state = lock(&self.state);
        loop {
            if let Some((item, bytes)) = state.items.pop_front() {
                state.bytes = state.bytes.saturating_sub(bytes);
                return Ok(item);
            }
            if state.closed {
                return Err(RecvTimeoutError::Disconnected);
            }
            let Some(changed) = wait_until(&self.changed, state, deadline) else {
                return Err(RecvTimeoutError::Timeout);
            };
            state = changed;
        }
    }

    /// Nothing more can be put; what is in it can still be taken.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Closes, and drops and counts what is still in it.
    pub fn abandon(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let left = std::mem::take(&mut state.items);
        state.bytes = 0;
        state.dropped += left.len() as u64;
        drop(state);
        self.changed.notify_all();
    }

    /// How many items did not fit, or were left when the queue was abandoned.
    pub fn dropped(&self) -> u64 {
        lock(&self.state).dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    impl<T> Queue<T> {
        pub(crate) fn is_empty(&self) -> bool {
            lock(&self.state).items.is_empty()
        }
    }

    const SMALL: Limits = Limits {
        items: 3,
        bytes: 100,
    };

    #[test]
    fn every_item_comes_out_in_order() {
        let queue = Arc::new(Queue::new(Limits::FRAMES));
        let taker = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let mut got = Vec::new();
                while let Ok(item) = queue.take(None) {
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
        assert_eq!(queue.take(None), Ok(0));
        queue.put(9, 1);
        queue.close();
        let rest: Vec<_> = std::iter::from_fn(|| queue.take(None).ok()).collect();
        assert_eq!(rest, [1, 2, 9]);
    }

    #[test]
    fn bytes_are_bounded_but_one_item_always_fits() {
        let queue = Queue::new(SMALL);
        queue.put('a', 500);
        queue.put('b', 1);
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.take(None), Ok('a'));
        queue.put('c', 60);
        queue.put('d', 60);
        queue.put('e', 40);
        assert_eq!(queue.dropped(), 2);
        assert_eq!(queue.take(None), Ok('c'));
        assert_eq!(queue.take(None), Ok('e'));
        assert_eq!(
            queue.take(Some(Instant::now())),
            Err(RecvTimeoutError::Timeout)
        );
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
        assert_eq!(queue.take(None), Err(RecvTimeoutError::Disconnected));
    }
}
