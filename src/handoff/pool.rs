//! A pool of threads that share the strips of one picture, to be encoded, decoded or scaled.
//!
//! The caller of [`WorkerPool::for_each`] works on the strips too, and returns when all are done; between pictures
//! the workers sleep. They start with the first work that is shared. Knows nothing of pictures.
//!
//! Why not `std::thread::scope`: it starts threads for each picture (60 µs each here). Why not rayon:
//! its idle workers spin before they sleep, which at 30 pictures a second costs more than it gains,
//! and it brings five crates for what is one lock. The price is the one `unsafe` here:
//! the others are lent a closure that lives only as long as the call.

use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::handoff::{lock, spawn};

/// What each thread does once: works until no item is left.
type Work = &'static (dyn Fn() + Sync);

/// The caller's thread, and workers that wait for work. They end with it.
pub(crate) struct WorkerPool {
    threads: NonZeroUsize,
    /// What there is to do; read by each worker for as long as it does it.
    work: Arc<RwLock<Option<Work>>>,
    /// What wakes each worker.
    workers: Vec<SyncSender<()>>,
}

impl WorkerPool {
    /// A pool of `threads`, the caller's included.
    pub(crate) fn new(threads: NonZeroUsize) -> Self {
        WorkerPool {
            threads,
            work: Arc::default(),
            workers: Vec::new(),
        }
    }

    /// Does `work` with every item, on all threads, and returns when all are done.
    ///
    /// # Panics
    /// If `work` did, once every item is done with.
    pub(crate) fn for_each<T: Send>(&mut self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        if items.len() < 2 || self.threads.get() < 2 {
            return items.iter_mut().for_each(work);
        }
        if self.workers.is_empty() {
            // Where not all threads can be started, those that were do the work.
            let numbers = 1..self.threads.get();
            self.workers = numbers.map_while(|number| self.start(number)).collect();
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
        // SAFETY: only the lifetime changes. A worker calls it only while it holds the lock for reading, and
        // below, where nothing panics, the lock is taken for writing, and the work taken back, before it ends.
        let lent = unsafe { std::mem::transmute::<&(dyn Fn() + Sync), Work>(&share) };
        let set = |work| *self.work.write().unwrap_or_else(PoisonError::into_inner) = work;
        set(Some(lent));
        for worker in &self.workers {
            // One that was woken before and has not come yet finds this work, too.
            let _ = worker.try_send(());
        }
        share();
        set(None);
        if panicked.into_inner() {
            panic!("the work on a strip panicked; its own message is above");
        }
    }

    /// Starts a worker.
    fn start(&self, number: usize) -> Option<SyncSender<()>> {
        let (wake, woken) = sync_channel(1);
        let shared = Arc::clone(&self.work);
        let work = move || {
            for () in woken {
                // One that comes late finds the work taken back.
                if let Ok(work) = shared.read() {
                    work.inspect(|work| work());
                }
            }
        };
        let started = spawn(&format!("strip-{number}"), work);
        started.is_ok().then_some(wake)
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
