//! A thread with a queue of its own, and how it ends: by a deadline, whatever its disk or its pipe does.
//!
//! Putting never blocks; waiting for the end has a bound. Knows nothing of what the thread does.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::lock::lock;
use super::queue::{Limits, Queue};

/// A thread that works off a queue, and can be waited for with a bound.
///
/// A thread that hangs in a dead disk or a full pipe cannot be joined; it is left behind, and ends
/// with the program. Dropping a worker closes its queue and waits for nothing.
#[derive(Debug)]
pub struct Worker<T> {
    /// What the thread takes from; closed, it ends the thread once it is empty.
    pub queue: Arc<Queue<T>>,
    // The thread's end drops the sender. The lock makes the worker shareable.
    ended: Mutex<mpsc::Receiver<Infallible>>,
}

impl<T> Worker<T> {
    /// Starts the thread, which bears its stage's name.
    pub fn start(
        name: &str,
        limits: Limits,
        run: impl FnOnce(&Queue<T>) + Send + 'static,
    ) -> io::Result<Worker<T>>
    where
        T: Send + 'static,
    {
        let queue = Arc::new(Queue::new(limits));
        let (alive, ended) = mpsc::channel();
        thread::Builder::new().name(name.into()).spawn({
            let queue = Arc::clone(&queue);
            move || {
                let _alive = alive;
                run(&queue);
                // Nobody takes any more: what is put must not pile up.
                queue.abandon();
            }
        })?;
        Ok(Worker {
            queue,
            ended: Mutex::new(ended),
        })
    }

    /// Closes the queue and waits for the thread, `until` then at the latest. What it has not taken by
    /// then is counted as dropped.
    pub fn finish(&self, until: Instant) {
        self.queue.close();
        let left = || until.saturating_duration_since(Instant::now());
        // The last third is for closing what is open.
        if !self.wait(left() * 2 / 3) {
            self.queue.abandon();
            self.wait(left());
        }
    }

    /// Waits for the thread's end; returns whether it came in time.
    fn wait(&self, at_most: Duration) -> bool {
        let ended = lock(&self.ended).recv_timeout(at_most);
        ended == Err(mpsc::RecvTimeoutError::Disconnected)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_hangs_is_left_behind() {
        let (release, held) = mpsc::channel::<()>();
        let worker = Worker::<()>::start("hangs", Limits::FRAMES, move |_| {
            let _ = held.recv();
        })
        .unwrap();
        worker.finish(Instant::now() + Duration::from_millis(30));
        assert!(!worker.wait(Duration::ZERO));
        drop(release);
        assert!(worker.wait(Duration::from_secs(10)));
    }
}
