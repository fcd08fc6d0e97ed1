//! `--output -`: the JPEGs as they came, one behind the other, for a pipe.
//!
//! Runs on a thread of its own, which blocks on its queue and on the pipe; a reader of the pipe that
//! stalls costs frames of this stream and nothing else. Frames are written whole. The pipe's other
//! end closing is a normal end of the program. Which descriptor it writes to, the caller decides.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::handoff::queue::{Limits, Queue, Taken};
use crate::handoff::stop::{Reason, Stop};
use crate::handoff::worker::Worker;
use crate::recv::received::Received;
use crate::report::limit::RateLimit;
use crate::sinks::SLOW_EVERY;

/// What the output has to say; each is a line.
#[derive(Debug)]
pub enum Notice {
    /// The reader of the pipe is slower than the frames come; so many were left out since the last
    /// such notice.
    Slow(u64),
    /// Nothing more is written, and the program goes on.
    Failed(io::Error),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Slow(dropped) => write!(
                f,
                "standard output is read too slowly: {dropped} frames were left out of --output -; \
                 a smaller picture or fewer frames a second help"
            ),
            Notice::Failed(e) => write!(f, "--output - ended: standard output: {e}"),
        }
    }
}

/// How far the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Frames written.
    pub written: u64,
    /// Frames left out, since the pipe's reader was too slow.
    pub dropped: u64,
}

/// The thread that writes frames to a pipe.
#[derive(Debug)]
pub struct Output {
    queue: Arc<Queue<Arc<Received>>>,
    written: Arc<AtomicU64>,
    worker: Worker,
}

impl Output {
    /// Starts the thread. A broken pipe asks `stop` for [`Reason::Done`]; `notice` is called on the
    /// output's thread.
    pub fn start(
        pipe: impl Write + Send + 'static,
        stop: Arc<Stop>,
        notice: impl Fn(Notice) + Send + 'static,
    ) -> io::Result<Output> {
        let queue = Arc::new(Queue::new(Limits::FRAMES));
        let written = Arc::new(AtomicU64::new(0));
        let worker = Worker::start("output", {
            let (queue, written) = (Arc::clone(&queue), Arc::clone(&written));
            move || {
                let end = write_frames(pipe, &queue, &written, &notice);
                // Nobody takes any more: the reader's frames must not pile up.
                queue.abandon();
                match end {
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => stop.ask(Reason::Done),
                    Err(e) => notice(Notice::Failed(e)),
                    Ok(()) => {}
                }
            }
        })?;
        Ok(Output {
            queue,
            written,
            worker,
        })
    }

    /// Takes a frame; never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        self.queue.put(Arc::clone(frame), frame.memory());
    }

    /// How far it is.
    pub fn status(&self) -> Status {
        Status {
            written: self.written.load(Ordering::Relaxed),
            dropped: self.queue.dropped(),
        }
    }

    /// Takes no more, and does not wait for what was put to be written.
    pub fn stop(&self) {
        self.queue.close();
    }

    /// Takes no more, and waits `until` then at the latest for what was put to be written; what a
    /// stalled pipe has not taken is counted as dropped.
    pub fn finish(&self, until: Instant) -> Status {
        self.worker.finish(&self.queue, until);
        self.status()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.stop();
    }
}

fn write_frames(
    mut pipe: impl Write,
    queue: &Queue<Arc<Received>>,
    written: &AtomicU64,
    notice: &impl Fn(Notice),
) -> io::Result<()> {
    let mut slow = RateLimit::new(1, SLOW_EVERY);
    while let Taken::Item(frame) = queue.take(None) {
        pipe.write_all(&frame.jpeg)?;
        pipe.flush()?;
        written.fetch_add(1, Ordering::Relaxed);
        if let Some(dropped) = slow.report(queue.dropped(), Instant::now()) {
            notice(Notice::Slow(dropped));
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::recv::fixture::Frame;
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn start(
        pipe: impl Write + Send + 'static,
        stop: &Arc<Stop>,
    ) -> (Output, mpsc::Receiver<Notice>) {
        let (tell, told) = mpsc::channel();
        let tell = move |notice| drop(tell.send(notice));
        (Output::start(pipe, Arc::clone(stop), tell).unwrap(), told)
    }

    #[test]
    fn the_frames_come_out_as_they_came() {
        let (mut read, write) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            read.read_to_end(&mut all).map(|_| all)
        });
        let (output, _told) = start(write, &Arc::default());
        let mut expected = Vec::new();
        for shade in 0..100 {
            let frame = Frame::default().picture(16, 8, shade).build();
            expected.extend_from_slice(&frame.jpeg);
            output.put(&frame);
        }
        let status = output.finish(soon());
        assert_eq!((status.written, status.dropped), (100, 0));
        assert_eq!(reader.join().unwrap().unwrap(), expected);
    }

    #[test]
    fn a_broken_pipe_is_a_normal_end() {
        let (read, write) = UnixStream::pair().unwrap();
        drop(read);
        let stop = Arc::default();
        let (output, told) = start(write, &stop);
        output.put(&Frame::default().build());
        output.finish(soon());
        assert_eq!(stop.reason(), Some(Reason::Done));
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn a_pipe_that_fails_is_told_and_the_program_goes_on() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let stop = Arc::default();
        let (output, told) = start(Broken, &stop);
        output.put(&Frame::default().build());
        assert!(matches!(told.recv(), Ok(Notice::Failed(_))));
        assert_eq!(output.finish(soon()).written, 0);
        assert_eq!(stop.reason(), None);
    }

    #[test]
    fn a_stalled_pipe_blocks_neither_the_reader_nor_the_end() {
        let (read, write) = UnixStream::pair().unwrap();
        let (output, _told) = start(write, &Arc::default());
        let frame = Frame::default().picture(64, 64, 0).build();
        let count = 2 * Limits::FRAMES.items as u64;
        for _ in 0..count {
            output.put(&frame);
        }
        let status = output.finish(Instant::now() + Duration::from_millis(300));
        // One frame is in the writer's hands, neither written nor dropped.
        assert!(status.dropped > 0);
        assert_eq!(status.written + status.dropped, count - 1);
        drop(read);
    }
}
