//! A sink's thread, and how it ends: by a deadline, whatever its disk or its pipe does.
//!
//! Knows the sink's [`Queue`] by its closing and nothing of what the thread does. Waiting blocks the
//! one who waits, with a bound.

use std::io;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::queue::Queue;

/// A thread that can be waited for with a bound.
///
/// A thread that hangs in a dead disk or a full pipe cannot be joined; it is left behind, and ends
/// with the program.
#[derive(Debug)]
pub struct Worker {
    // Nothing is ever sent: the thread's end drops the sender. The lock makes the worker shareable.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Worker {
    /// Starts the thread, which bears its stage's name.
    pub fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Worker> {
        let (alive, ended) = mpsc::channel();
        thread::Builder::new().name(name.into()).spawn(move || {
            let _alive: mpsc::Sender<()> = alive;
            run();
        })?;
        Ok(Worker {
            ended: Mutex::new(ended),
        })
    }

    /// Waits for the thread's end; says whether it came in time.
    pub fn wait(&self, at_most: Duration) -> bool {
        let ended = self
            .ended
            .lock()
            .expect("nothing panics while it waits for a worker");
        ended.recv_timeout(at_most) == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    /// The end of a sink, `until` then at the latest: the queue is closed, what it holds is taken for
    /// a while, and given up then. Says whether the thread has ended.
    pub fn finish<T>(&self, queue: &Queue<T>, until: Instant) -> bool {
        queue.close();
        let left = || until.saturating_duration_since(Instant::now());
        // The last third is for closing what is open.
        if self.wait(left() * 2 / 3) {
            return true;
        }
        queue.abandon();
        self.wait(left())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::queue::Limits;

    #[test]
    fn a_worker_that_hangs_is_left_behind() {
        let (release, held) = mpsc::channel::<()>();
        let queue = Queue::<()>::new(Limits::FRAMES);
        let worker = Worker::start("hangs", move || {
            let _ = held.recv();
        })
        .unwrap();
        assert!(!worker.finish(&queue, Instant::now() + Duration::from_millis(30)));
        drop(release);
        assert!(worker.wait(Duration::from_secs(10)));
    }
}
