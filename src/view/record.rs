//! The recorder: every frame that arrives, kept in files.
//!
//! One thread takes from its queue and blocks on the disk; the reader only puts. A file holds frames
//! of one session and one size whose time runs forward; anything else starts the next file. Each
//! frame is handed to the kernel whole as it comes, and asked onto stable storage every
//! [`SYNC_EVERY`]: a killed program loses the frames still in the queue, a power cut five seconds.
//! What a container looks like is known in `matroska` and `mjpeg`; when a file ends, in `timeline`;
//! what files are called, in [`files`](super::files).

pub mod config;
mod ebml;
mod growing;
mod index;
mod matroska;
mod mjpeg;
mod notice;
mod recordings;
mod segments;
mod timeline;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use self::config::Config;
pub use self::notice::{Next, Notice, RecordError};
pub use self::recordings::Recordings;
use self::segments::{OpenFile, Segments};
use self::timeline::{Step, Timeline};
use super::queue::{Limits, Queue, SlowTeller, Taken, weight};
use super::received::Received;
use super::worker::Worker;
use crate::stamp;

/// How long written frames may wait for stable storage.
pub const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How far a recording is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames in the recording's files.
    pub recorded: u64,
    /// Frames that arrived and are in none: the disk was too slow, or failed.
    pub record_dropped: u64,
    /// The file that is being written, or was last.
    pub path: Option<PathBuf>,
    /// When the first frame was recorded.
    pub since: Option<Instant>,
    /// Whether frames are still taken; `false` once the disk failed.
    pub running: bool,
}

/// A recording that goes on.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<Queue<Arc<Received>>>,
    status: Arc<Mutex<Status>>,
    worker: Worker,
}

impl Recorder {
    /// Starts the thread, on which `notice` is called. The first file is made with the first frame;
    /// whether it can be is known before by [`Config::check`].
    pub fn start(
        config: Config,
        notice: impl Fn(Notice) + Send + 'static,
    ) -> Result<Recorder, RecordError> {
        let segments = Segments::new(config);
        let queue = Arc::new(Queue::new(Limits::FRAMES));
        let status = Arc::new(Mutex::new(Status {
            running: true,
            ..Status::default()
        }));
        let run = Run {
            timeline: Timeline::new(segments.limit()),
            segments,
            queue: Arc::clone(&queue),
            status: Arc::clone(&status),
            notice,
            teller: SlowTeller::default(),
            file: None,
            sync_due: None,
        };
        let worker = Worker::start("recorder", move || run.run()).map_err(RecordError::Thread)?;
        Ok(Recorder {
            queue,
            status,
            worker,
        })
    }

    /// Takes a frame; never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        self.queue.put(Arc::clone(frame), weight(frame));
    }

    /// How far it is.
    pub fn status(&self) -> Status {
        let mut status = lock(&self.status).clone();
        status.record_dropped += self.queue.dropped();
        status
    }

    /// Ends the recording without waiting for it: what was put is still written, and
    /// [`Notice::Finished`] says when it is.
    pub fn stop(&self) {
        self.queue.close();
    }

    /// Ends the recording and waits for it, `until` then at the latest; what a slow disk has not taken
    /// is counted as dropped. A file that could not be completed plays as far as it goes.
    pub fn finish(&self, until: Instant) -> Status {
        self.worker.finish(&self.queue, until);
        self.status()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The recorder's thread.
struct Run<N> {
    queue: Arc<Queue<Arc<Received>>>,
    status: Arc<Mutex<Status>>,
    notice: N,
    teller: SlowTeller,
    segments: Segments,
    timeline: Timeline,
    file: Option<OpenFile>,
    /// When to sync next, while something waits for it.
    sync_due: Option<Instant>,
}

impl<N: Fn(Notice)> Run<N> {
    fn run(mut self) {
        let end = self.record_all();
        // After a failure nothing is taken any more; frames must not pile up.
        self.queue.abandon();
        let end = end.and(self.close());
        let status = {
            let mut status = lock(&self.status);
            status.running = false;
            status.clone()
        };
        let (frames, dropped) = (
            status.recorded,
            status.record_dropped + self.queue.dropped(),
        );
        let path = status.path;
        (self.notice)(match (end, path) {
            (Err(source), path) => Notice::Stopped {
                path,
                frames,
                source,
            },
            (Ok(()), Some(path)) => Notice::Finished {
                path,
                frames,
                dropped,
            },
            (Ok(()), None) => Notice::Empty,
        });
    }

    fn record_all(&mut self) -> Result<(), RecordError> {
        loop {
            match self.queue.take(self.sync_due) {
                Taken::Closed => return Ok(()),
                Taken::TimedOut => {}
                Taken::Item(frame) => self.record(&frame).inspect_err(|_| {
                    // This one is in no file either.
                    lock(&self.status).record_dropped += 1;
                })?,
            }
            let now = Instant::now();
            if self.sync_due.is_some_and(|due| now >= due) {
                self.sync()?;
            }
            if let Some(dropped) = self.teller.due(self.queue.dropped(), now) {
                (self.notice)(Notice::Slow { dropped });
            }
        }
    }

    fn record(&mut self, frame: &Received) -> Result<(), RecordError> {
        let at = match self.timeline.step(frame) {
            Step::Here(at) => at,
            Step::Next(why) => {
                self.open_next(frame, why)?;
                Duration::ZERO
            }
        };
        let file = self.file.as_mut().expect("the first frame opens a file");
        let jpeg = stamp::without_ack(&frame.jpeg).map_or(Cow::Borrowed(&**frame.jpeg), Cow::Owned);
        file.write(at, &jpeg)?;
        self.sync_due
            .get_or_insert_with(|| Instant::now() + SYNC_EVERY);
        let mut status = lock(&self.status);
        status.recorded += 1;
        status.since.get_or_insert(frame.arrived);
        Ok(())
    }

    fn open_next(&mut self, frame: &Received, why: Next) -> Result<(), RecordError> {
        self.close()?;
        let (file, kept) = self.segments.open(frame)?;
        let path = file.path().to_owned();
        self.file = Some(file);
        lock(&self.status).path = Some(path.clone());
        (self.notice)(Notice::Started { path, why });
        if let Err(source) = kept {
            (self.notice)(Notice::NotDeleted(source));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), RecordError> {
        self.sync_due = None;
        self.file.as_mut().map_or(Ok(()), OpenFile::sync)
    }

    /// Completes the file that is open, if there is one.
    fn close(&mut self) -> Result<(), RecordError> {
        self.sync_due = None;
        self.file.take().map_or(Ok(()), OpenFile::finish)
    }
}

fn lock(status: &Mutex<Status>) -> MutexGuard<'_, Status> {
    status.lock().expect("nothing panics under a status' lock")
}

#[cfg(test)]
mod tests;
