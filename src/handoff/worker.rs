//! A thread with a queue of its own, and how it ends: by a deadline, whatever its disk or its pipe does.
//!
//! Putting never blocks; waiting for the end has a bound. Knows nothing of what the thread does.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::{Queue, ends_within, spawn};

/// A thread that works off a queue, and can be waited for with a bound.
///
/// A thread that hangs in a dead disk or a full pipe cannot be joined; it is left behind, and ends
/// with the program. Dropping a worker closes its queue and waits for nothing.
#[derive(Debug)]
pub struct Worker<T> {
    /// What the thread takes from; closed, it ends the thread once it is empty.
    pub queue: Arc<Queue<T>>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread, which bears its stage's name.
    pub fn start(name: &str, run: impl FnOnce(&Queue<T>) + Send + 'static) -> io::Result<Self> {
        let queue = Arc::<Queue<T>>::default();
        let taken = Arc::clone(&queue);
        let thread = spawn(name, move || {
            run(&taken);
            // Nobody takes any more: what is put must not pile up.
            taken.abandon();
        })?;
        Ok(Worker { queue, thread })
    }

    /// Whether the thread has not ended.
    pub(crate) fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Closes the queue and waits for the thread, `until` then at the latest. What it has not taken by
    /// then is counted as dropped.
    pub fn finish(&self, until: Instant) {
        self.queue.close();
        let left = || until.saturating_duration_since(Instant::now());
        // The last third is for closing what is open.
        if !ends_within(&self.thread, left() * 2 / 3) {
            self.queue.abandon();
            ends_within(&self.thread, left());
        }
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_worker_that_hangs_is_left_behind() {
        let (release, held) = mpsc::channel::<()>();
        let worker = Worker::<()>::start("hangs", move |_| {
            let _ = held.recv();
        })
        .unwrap();
        worker.finish(Instant::now() + Duration::from_millis(30));
        assert!(!ends_within(&worker.thread, Duration::ZERO));
        drop(release);
        assert!(ends_within(&worker.thread, Duration::from_secs(10)));
    }
}
