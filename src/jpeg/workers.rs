//! A pool of threads that share the strips of one picture.
//!
//! The caller of [`WorkerPool::for_each`] works on the strips too, and returns when all are done; between pictures
//! the workers sleep on a condition variable. They are started when there is first work to share. Knows nothing
//! of JPEG.
//!
//! Why not `std::thread::scope`: it starts threads for each picture (60 µs each here). Why not rayon:
//! its idle workers spin before they sleep, which at 30 pictures a second costs more than it gains,
//! and it brings five crates for what is one condition variable. The price is the one `unsafe` here:
//! the others are lent a closure that lives only as long as the call.

use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use crate::handoff::lock::{lock, wait};

/// The caller's thread, and workers that wait for work.
pub(super) struct WorkerPool {
    threads: NonZeroUsize,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is work, or the end.
    wake: Condvar,
    /// The last worker has nothing more to do.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// What each thread does once: works until no item is left. Taken back before [`Shared::run`] returns.
    work: Option<&'static (dyn Fn() + Sync)>,
    /// Counts what was worked on, so that nobody does it twice.
    round: u64,
    /// Workers that are in it.
    running: usize,
    ending: bool,
}

impl WorkerPool {
    /// A pool of `threads`, the caller's included.
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        WorkerPool {
            threads,
            shared: Arc::default(),
            workers: Vec::new(),
        }
    }

    /// Does `work` with every item, on all threads, and returns when all are done.
    ///
    /// # Panics
    /// If `work` did, once every item is done with.
    pub(super) fn for_each<T: Send>(&mut self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        if items.len() < 2 || self.threads.get() < 2 {
            return items.iter_mut().for_each(work);
        }
        if self.workers.is_empty() {
            self.start();
        }
        let items = Mutex::new(items.iter_mut());
        let panicked = AtomicBool::new(false);
        let next = || lock(&items).next();
        let share = || {
            while let Some(item) = next() {
                if panic::catch_unwind(AssertUnwindSafe(|| work(item))).is_err() {
                    panicked.store(true, Ordering::Relaxed);
                }
            }
        };
        self.shared.run(&share);
        if panicked.into_inner() {
            panic!("the work on a strip panicked; its own message is above");
        }
    }

    /// Where not all threads can be started, those that were do the work.
    fn start(&mut self) {
        let start = |number| {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name(format!("strip-{number}"));
            builder.spawn(move || shared.work_on_all()).ok()
        };
        self.workers = (1..self.threads.get()).map_while(start).collect();
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        lock(&self.shared.state).ending = true;
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // What the work throws is caught, so there is nothing to pass on.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// Does the work, which does not panic, and has the others do it; returns when nobody is in it any more.
    fn run(&self, work: &(dyn Fn() + Sync)) {
        // SAFETY: only the lifetime changes; a worker calls it only while it counts as running, and below
        // the work is taken back and nobody is running before `work` ends.
        let lent =
            unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(work) };
        let mut state = lock(&self.state);
        state.work = Some(lent);
        state.round += 1;
        drop(state);
        self.wake.notify_all();
        work();
        let mut state = lock(&self.state);
        state.work = None;
        while state.running > 0 {
            state = wait(&self.done, state);
        }
    }

    /// A worker's life.
    fn work_on_all(&self) {
        let mut last = 0;
        let mut state = lock(&self.state);
        while !state.ending {
            let Some(work) = state.work.filter(|_| state.round != last) else {
                state = wait(&self.wake, state);
                continue;
            };
            last = state.round;
            state.running += 1;
            drop(state);
            work();
            state = lock(&self.state);
            state.running -= 1;
            self.done.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> WorkerPool {
        WorkerPool::new(NonZeroUsize::new(threads).unwrap())
    }

    #[test]
    fn every_item_is_worked_on_once() {
        let mut pool = pool(3);
        for count in 0..40 {
            let mut items = vec![0_u32; count];
            pool.for_each(&mut items, |item| *item += 1);
            assert_eq!(items, vec![1; count]);
        }
    }

    #[test]
    fn threads_are_started_with_the_first_work_that_is_shared() {
        let mut pool = pool(3);
        pool.for_each(&mut [()], |()| ());
        assert!(pool.workers.is_empty());
        pool.for_each(&mut [(), ()], |()| ());
        assert_eq!(pool.workers.len(), 2);
    }

    #[test]
    fn two_threads_work_at_the_same_time() {
        let meeting = std::sync::Barrier::new(2);
        pool(2).for_each(&mut [(), ()], |()| {
            meeting.wait();
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_after_the_others_are_done() {
        let mut pool = pool(2);
        let mut items = [0, 1, 2, 3];
        let thrown = panic::catch_unwind(AssertUnwindSafe(|| {
            pool.for_each(&mut items, |item| {
                assert!(*item != 1, "as planned");
                *item += 10;
            });
        }));
        assert!(thrown.is_err());
        assert_eq!(items, [10, 1, 12, 13]);
        pool.for_each(&mut items, |item| *item = 7);
        assert_eq!(items, [7; 4]);
    }
}
