//! The recorder: every frame that arrives, kept in files.
//!
//! One thread takes from its queue and blocks on the disk; the reader only puts. A file holds frames
//! of one sender and one size whose time runs forward, over as many connections as it takes; anything
//! else starts the next file. Each frame is handed to the kernel whole as it comes, and asked onto
//! stable storage every [`SYNC_EVERY`]: a killed program loses the frames still in the queue, a power
//! cut five seconds. A disk that fails, or is full, is tried again every [`RETRY_EVERY`].
//! What a container looks like is known in `matroska` and `mjpeg`; when a file ends, in `timeline`;
//! what files are called, and which ones of a ring go, in `ring`.

pub mod config;
mod ebml;
mod growing;
mod index;
mod matroska;
mod mjpeg;
mod notice;
mod recordings;
mod ring;
mod segments;
mod timeline;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use self::config::{Claim, Config};
pub use self::notice::{Next, Notice, RecordError};
pub use self::recordings::Recordings;
use self::segments::{OpenFile, Segments};
use self::timeline::{Step, Timeline};
use crate::handoff::queue::{Limits, Queue, Taken};
use crate::handoff::worker::Worker;
use crate::protocol::stamp;
use crate::recv::received::Received;
use crate::report::limit::RateLimit;
use crate::sinks::SLOW_EVERY;

/// How long written frames may wait for stable storage.
pub const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How long after a failure the disk is tried again, if the next segment does not come sooner; by the
/// frames' arrivals.
pub const RETRY_EVERY: Duration = Duration::from_secs(30);

/// How far a recording is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames in the recording's files.
    pub recorded: u64,
    /// Frames that arrived and are in none: the disk was too slow, or full, or failed.
    pub record_dropped: u64,
    /// The file that is being written, or was last.
    pub path: Option<PathBuf>,
    /// When the first frame was recorded.
    pub since: Option<Instant>,
    /// Whether frames are still taken.
    pub running: bool,
    /// Whether what is taken is lost: the disk failed, and has not come back. At the end: whether the
    /// last file could not be completed.
    pub failed: bool,
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
    /// whether it can be is known before by [`Config::claim`], which is given back with the last file.
    pub fn start(
        config: Config,
        claim: Option<Claim>,
        notice: impl Fn(Notice) + Send + 'static,
    ) -> Result<Recorder, RecordError> {
        let segments = Segments::new(config, claim);
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
            slow: RateLimit::new(1, SLOW_EVERY),
            lines: RateLimit::default(),
            file: None,
            sync_due: None,
            failure: None,
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
        self.queue.put(Arc::clone(frame), frame.memory());
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
    slow: RateLimit,
    lines: RateLimit,
    segments: Segments,
    timeline: Timeline,
    file: Option<OpenFile>,
    /// When to sync next, while something waits for it.
    sync_due: Option<Instant>,
    /// Set while the disk does not take what comes.
    failure: Option<Failure>,
}

/// A disk that failed.
struct Failure {
    /// When a frame that arrives is tried again.
    retry_at: Instant,
    why: String,
}

impl<N: Fn(Notice)> Run<N> {
    fn run(mut self) {
        self.record_all();
        if let Err(error) = self.close() {
            self.failure = Some(Failure {
                retry_at: Instant::now(),
                why: error.to_string(),
            });
        }
        let status = {
            let mut status = lock(&self.status);
            status.running = false;
            status.failed = self.failure.is_some();
            status.clone()
        };
        let (frames, dropped) = (
            status.recorded,
            status.record_dropped + self.queue.dropped(),
        );
        (self.notice)(match (self.failure.take(), status.path) {
            (Some(failure), path) => Notice::Stopped {
                path,
                frames,
                why: failure.why,
                again: None,
            },
            (None, Some(path)) => Notice::Finished {
                path,
                frames,
                dropped,
            },
            (None, None) => Notice::Empty,
        });
    }

    fn record_all(&mut self) {
        loop {
            match self.queue.take(self.sync_due) {
                Taken::Closed => return,
                Taken::TimedOut => {}
                Taken::Item(frame) => self.take(&frame),
            }
            let now = Instant::now();
            if self.sync_due.is_some_and(|due| now >= due) {
                self.sync_due = None;
                if let Some(Err(error)) = self.file.as_mut().map(OpenFile::sync) {
                    self.fail(&error, now);
                }
            }
            if let Some(dropped) = self.slow.report(self.queue.dropped(), now) {
                (self.notice)(Notice::Slow { dropped });
            }
        }
    }

    /// Records a frame, or counts it as dropped.
    fn take(&mut self, frame: &Received) {
        let waits = |failure: &Failure| frame.arrived < failure.retry_at;
        let recorded = if self.failure.as_ref().is_some_and(waits) {
            Ok(false)
        } else {
            self.record(frame).map(|()| true)
        };
        if let Err(error) = &recorded {
            self.fail(error, frame.arrived);
        }
        let mut status = lock(&self.status);
        if matches!(recorded, Ok(true)) {
            status.recorded += 1;
            status.since.get_or_insert(frame.arrived);
            status.failed = false;
            self.failure = None;
        } else {
            status.record_dropped += 1;
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
        let jpeg = stamp::without_ack(&frame.jpeg).map_or(Cow::Borrowed(&**frame.jpeg), Cow::Owned);
        self.with_room(frame.arrived, |run| {
            run.segments.room_for(jpeg.len() as u64, frame.arrived)?;
            let file = run.file.as_mut().expect("the first frame opens a file");
            file.write(at, &jpeg)
        })?;
        self.sync_due
            .get_or_insert_with(|| Instant::now() + SYNC_EVERY);
        Ok(())
    }

    fn open_next(&mut self, frame: &Received, why: Next) -> Result<(), RecordError> {
        // Where the last file's index found no room, it will be seen whether the next one does.
        self.close()
            .or_else(|error| if error.is_full() { Ok(()) } else { Err(error) })?;
        let advanced = self.segments.advance(frame);
        let file = self.with_room(frame.arrived, |run| run.segments.open(frame))?;
        let path = file.path().to_owned();
        self.file = Some(file);
        lock(&self.status).path = Some(path.clone());
        let why = if self.failure.is_some() {
            Next::Again
        } else {
            why
        };
        self.tell(Notice::Started { path, why }, frame.arrived);
        if let Err(error) = advanced {
            self.tell(Notice::NotDeleted(error), frame.arrived);
        }
        Ok(())
    }

    /// Does what takes space; where there is none, a ring's oldest files make room.
    fn with_room<T>(
        &mut self,
        now: Instant,
        mut write: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        loop {
            let error = match write(self) {
                Err(error) if error.is_full() => error,
                done => return done,
            };
            match self.segments.give_up_oldest() {
                Some(path) => self.tell(Notice::GaveUp(path), now),
                None => return Err(error),
            }
        }
    }

    /// The disk does not take what comes. That is told once, until it does again.
    fn fail(&mut self, error: &RecordError, now: Instant) {
        // What can be completed is; the first error is the one to tell.
        let _ = self.close();
        let next_segment = self.timeline.leave().filter(|at| *at > now);
        let retry_at = now + RETRY_EVERY;
        let failure = Failure {
            retry_at: next_segment.map_or(retry_at, |at| at.min(retry_at)),
            why: error.to_string(),
        };
        let (path, frames) = {
            let mut status = lock(&self.status);
            status.failed = true;
            (status.path.clone(), status.recorded)
        };
        let stopped = Notice::Stopped {
            path,
            frames,
            why: failure.why.clone(),
            again: Some(RETRY_EVERY),
        };
        if self.failure.replace(failure).is_none() {
            self.tell(stopped, now);
        }
    }

    /// Tells, if that is not too much of the same.
    fn tell(&mut self, notice: Notice, now: Instant) {
        if notice.is_limited() {
            match self.lines.allow(now) {
                None => return,
                Some(0) => {}
                Some(lines) => (self.notice)(Notice::LeftOut(lines)),
            }
        }
        (self.notice)(notice);
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
