//! A standing crew of threads that share the strips of one picture.
//!
//! Whoever has strips calls [`Crew::for_each`], works on them too, and comes back when all are done;
//! between pictures the helpers sleep on a condition variable. It knows nothing of JPEG.
//!
//! Why not `std::thread::scope`: it starts threads for each picture (60 µs each here). Why not rayon:
//! its idle workers spin before they sleep, which at 30 pictures a second costs more than it gains,
//! and it brings five crates for what is one condition variable. The price is the one `unsafe` here:
//! the helpers are lent a closure that lives only as long as the call.

use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// The caller's thread and helpers that wait for work.
#[derive(Debug)]
pub(super) struct Crew {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is work, or the end.
    wake: Condvar,
    /// The last item is finished.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    work: Option<Work>,
    /// The next item that nobody has taken.
    next: usize,
    /// How many items there are.
    count: usize,
    unfinished: usize,
    panicked: bool,
    ending: bool,
}

/// What is to be done with the item of a number; valid until `unfinished` is 0.
#[derive(Debug, Clone, Copy)]
struct Work(*const (dyn Fn(usize) + Sync));

// SAFETY: the closure behind it is Sync, and `for_each` keeps it alive while anybody may call it.
unsafe impl Send for Work {}

/// A pointer to the first item, for threads that each use other items.
struct Items<T>(*mut T);

// SAFETY: each item is given to one thread only, and `T: Send` is asked of the caller.
unsafe impl<T: Send> Sync for Items<T> {}

impl<T> Items<T> {
    /// # Safety
    /// `index` is within the slice, and nobody else uses that item.
    #[allow(clippy::mut_from_ref, reason = "each index is handed out once")]
    unsafe fn item(&self, index: usize) -> &mut T {
        // SAFETY: as the caller promises.
        unsafe { &mut *self.0.add(index) }
    }
}

impl Crew {
    /// A crew of `threads`, the caller's included. Where the system gives no more threads, those that
    /// it gave do the work.
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        let shared = Arc::new(Shared::default());
        let helpers = (1..threads.get())
            .map_while(|number| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name(format!("strip-{number}"))
                    .spawn(move || shared.help())
                    .ok()
            })
            .collect();
        Crew { shared, helpers }
    }

    /// How many threads work, the caller's included.
    pub(super) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does `work` with every item, on all threads, and returns when all are done.
    ///
    /// # Panics
    /// If `work` did, once every item is done with.
    pub(super) fn for_each<T: Send>(&mut self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        if items.len() < 2 || self.helpers.is_empty() {
            return items.iter_mut().for_each(work);
        }
        let count = items.len();
        let items = Items(items.as_mut_ptr());
        let by_number = |index: usize| {
            // SAFETY: `take` gives each number below `count` to one thread, once.
            work(unsafe { items.item(index) });
        };
        let lent: *const (dyn Fn(usize) + Sync + '_) = &by_number;
        // SAFETY: only the lifetime changes; nobody calls it after `finish` below has seen that all
        // items are done with, and `finish` is always reached: `Shared::work` does not unwind.
        let work = Work(unsafe {
            std::mem::transmute::<
                *const (dyn Fn(usize) + Sync + '_),
                *const (dyn Fn(usize) + Sync + 'static),
            >(lent)
        });
        self.shared.publish(work, count);
        self.shared.work();
        if self.shared.finish() {
            panic!("the work on a strip panicked; its own message is above");
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.wake.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches what its work throws, so there is nothing to pass on.
            let _ = helper.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the crew's state")
    }

    fn publish(&self, work: Work, count: usize) {
        let mut state = self.lock();
        *state = State {
            work: Some(work),
            count,
            unfinished: count,
            ..State::default()
        };
        drop(state);
        self.wake.notify_all();
    }

    /// A helper's life.
    fn help(&self) {
        loop {
            let mut state = self.lock();
            while state.work.is_none() || state.next == state.count {
                if state.ending {
                    return;
                }
                state = self.wake.wait(state).expect("as for lock");
            }
            drop(state);
            self.work();
        }
    }

    /// Works until every item is taken.
    fn work(&self) {
        while let Some((work, index)) = self.take() {
            // SAFETY: the item that was just taken is unfinished, so the closure is alive.
            let call = unsafe { &*work.0 };
            let calm = panic::catch_unwind(AssertUnwindSafe(|| call(index))).is_ok();
            let mut state = self.lock();
            state.panicked |= !calm;
            state.unfinished -= 1;
            if state.unfinished == 0 {
                self.done.notify_one();
            }
        }
    }

    /// An item that nobody else has, and what is to be done with it: both under one lock, so that a
    /// helper that comes late never does the last picture's work with this one's items.
    fn take(&self) -> Option<(Work, usize)> {
        let mut state = self.lock();
        let work = state.work.filter(|_| state.next < state.count)?;
        state.next += 1;
        Some((work, state.next - 1))
    }

    /// Waits for the last item and takes the work back; says whether any of it panicked.
    fn finish(&self) -> bool {
        let mut state = self.lock();
        while state.unfinished > 0 {
            state = self.done.wait(state).expect("as for lock");
        }
        state.work = None;
        state.panicked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew(threads: usize) -> Crew {
        Crew::new(NonZeroUsize::new(threads).unwrap())
    }

    #[test]
    fn every_item_is_worked_on_once() {
        let mut crew = crew(3);
        for count in 0..40 {
            let mut items = vec![0_u32; count];
            crew.for_each(&mut items, |item| *item += 1);
            assert_eq!(items, vec![1; count]);
        }
    }

    #[test]
    fn two_threads_work_at_the_same_time() {
        let meeting = std::sync::Barrier::new(2);
        crew(2).for_each(&mut [(), ()], |()| {
            meeting.wait();
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_after_the_others_are_done() {
        let mut crew = crew(2);
        let mut items = [0, 1, 2, 3];
        let thrown = panic::catch_unwind(AssertUnwindSafe(|| {
            crew.for_each(&mut items, |item| {
                assert!(*item != 1, "as planned");
                *item += 10;
            });
        }));
        assert!(thrown.is_err());
        assert_eq!(items, [10, 1, 12, 13]);
        crew.for_each(&mut items, |item| *item = 7);
        assert_eq!(items, [7; 4]);
    }
}
