//! `--output -`: the JPEGs as they came, one behind the other, for a pipe.
//!
//! Runs on a thread of its own, which blocks on its queue and on the pipe; a reader of the pipe that
//! stalls costs frames of this stream and nothing else. Frames are written whole. The pipe's other
//! end closing is a normal end of the program. Which descriptor it writes to, the caller decides.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use super::{SLOW_EVERY, Tell};
use crate::handoff::{Reason, Stop, Worker};
use crate::recv::Received;
use crate::report::{RateLimit, Severity};

/// Starts the thread that writes frames to a pipe. A broken pipe asks `stop` for [`Reason::Done`].
pub(super) fn start(
    mut pipe: impl Write + Send + 'static,
    stop: Arc<Stop>,
    tell: Tell,
) -> io::Result<Worker<Arc<Received>>> {
    Worker::<Arc<Received>>::start("output", move |queue| {
        let mut slow = RateLimit::new(1, SLOW_EVERY);
        while let Some(frame) = queue.next(None) {
            match pipe.write_all(&frame.jpeg).and_then(|()| pipe.flush()) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return stop.ask(Reason::Done),
                Err(e) => {
                    let line = format!("--output - ended: standard output: {e}");
                    return tell(Severity::Error, line);
                }
            }
            if let Some(dropped) = slow.report(queue.dropped(), Instant::now()) {
                let line = format!(
                    "standard output is read too slowly: {dropped} frames were left out of --output -; \
                     a smaller picture or fewer frames a second help"
                );
                tell(Severity::Error, line);
            }
        }
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::handoff::FRAMES;
    use crate::recv::frame::fixture::Frame;
    use crate::sinks::put;
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
    ) -> (Worker<Arc<Received>>, mpsc::Receiver<(Severity, String)>) {
        let (tell, told) = mpsc::channel();
        let tell = Arc::new(move |severity, line| drop(tell.send((severity, line))));
        (super::start(pipe, Arc::clone(stop), tell).unwrap(), told)
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
            put(&output, &frame);
        }
        output.finish(soon());
        assert_eq!(output.queue.dropped(), 0);
        assert_eq!(reader.join().unwrap().unwrap(), expected);
    }

    #[test]
    fn a_broken_pipe_is_a_normal_end() {
        let (read, write) = UnixStream::pair().unwrap();
        drop(read);
        let stop = Arc::default();
        let (output, told) = start(write, &stop);
        put(&output, &Frame::default().build());
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
        put(&output, &Frame::default().build());
        assert!(told.recv().unwrap().1.contains("--output - ended"));
        output.finish(soon());
        assert_eq!(stop.reason(), None);
    }

    #[test]
    fn a_stalled_pipe_blocks_neither_the_reader_nor_the_end() {
        struct Stalled(mpsc::Receiver<()>);
        impl Write for Stalled {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, held) = mpsc::channel();
        let (output, _told) = start(Stalled(held), &Arc::default());
        let frame = Frame::default().picture(64, 64, 0).build();
        let count = 2 * FRAMES.0 as u64;
        for _ in 0..count {
            put(&output, &frame);
        }
        output.finish(Instant::now() + Duration::from_millis(300));
        // One frame is in the writer's hands, neither written nor dropped.
        assert_eq!(output.queue.dropped(), count - 1);
        drop(release);
    }
}
