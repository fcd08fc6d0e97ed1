//! The recorder: every frame that arrives, kept in files.
//!
//! ```text
//! Recordings ─▶ Recorder ─▶ queue ─▶ thread ─┬─ timeline   when a frame is shown, when the next file starts
//! on and off    one of them                  └─ segments   opens, writes and completes the files
//! config        what is asked for                ├─ ring      what they are called, and which ones go
//!                                                └─ growing ◀ matroska   bytes on the disk, and their form
//! ```
//!
//! One thread takes from its queue and blocks on the disk; the reader only puts. A file holds frames
//! of one sender and one size whose time runs forward, over as many connections as it takes; anything
//! else starts the next file. Each frame is handed to the kernel whole as it comes, and asked onto
//! stable storage every [`SYNC_EVERY`]: a killed program loses the frames still in the queue, a power
//! cut five seconds. A disk that fails, or is full, is tried again every [`RETRY_EVERY`].

pub mod config;
mod error;
mod growing;
mod matroska;
mod recordings;
mod ring;
mod segments;
mod timeline;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::config::{Claim, Config};
pub use self::error::RecordError;
pub(crate) use self::recordings::Recordings;
use self::segments::{OpenFile, Segments};
use self::timeline::{Next, Step, Timeline};
use super::{Event, SLOW_EVERY, Tell};
use crate::handoff::lock::lock;
use crate::handoff::queue::{Limits, Queue};
use crate::handoff::worker::Worker;
use crate::protocol::stamp;
use crate::recv::frame::Received;
use crate::report::limit::RateLimit;

/// How long written frames may wait for stable storage.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How long after a failure the disk is tried again, if the next segment does not come sooner; by the
/// frames' arrivals.
const RETRY_EVERY: Duration = Duration::from_secs(30);

/// How far a recording is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames in the recording's files.
    pub recorded: u64,
    /// Frames that arrived and are in none: the disk was too slow, or full, or failed.
    pub record_dropped: u64,
    /// The file that is being written, or was last.
    pub path: Option<PathBuf>,
    /// When the first frame arrived.
    pub since: Option<Instant>,
    /// Whether frames are still taken.
    pub running: bool,
    /// Whether what is taken is lost: the disk failed, and has not come back. At the end: whether the
    /// last file could not be completed.
    pub failed: bool,
}

/// A recording that goes on. Dropping it ends it, and waits for nothing.
#[derive(Debug)]
pub struct Recorder {
    worker: Worker<Arc<Received>>,
    status: Arc<Mutex<Status>>,
}

impl Recorder {
    /// Starts the thread, on which `tell` is called. The first file is made with the first frame; whether it
    /// can be is known before by [`Config::claim`], which is given back with the last file.
    pub fn start(
        config: Config,
        claim: Option<Claim>,
        tell: Tell,
    ) -> Result<Recorder, RecordError> {
        let status = Arc::new(Mutex::new(Status {
            running: true,
            ..Status::default()
        }));
        let recording = Run {
            status: Arc::clone(&status),
            tell,
            slow: RateLimit::new(1, SLOW_EVERY),
            lines: RateLimit::default(),
            timeline: Timeline::new(config.segment),
            segments: Segments::new(config, claim),
            file: None,
            sync_due: None,
            failure: None,
        };
        let run = move |queue: &Queue<_>| recording.run(queue);
        let worker = Worker::start("recorder", Limits::FRAMES, run)
            .map_err(RecordError::io(|| "no thread for the recording".into()))?;
        Ok(Recorder { worker, status })
    }

    /// Takes a frame; never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        super::put(&self.worker, frame);
    }

    /// How far it is.
    pub fn status(&self) -> Status {
        let mut status = lock(&self.status).clone();
        status.record_dropped += self.worker.queue.dropped();
        status
    }

    /// Ends the recording without waiting for it: what was put is still written, and a line says when it
    /// is.
    pub fn stop(&self) {
        self.worker.queue.close();
    }

    /// Ends the recording and waits for it, `until` then at the latest; what a slow disk has not taken
    /// is counted as dropped. A file that could not be completed plays as far as it goes.
    pub fn finish(&self, until: Instant) -> Status {
        self.worker.finish(until);
        self.status()
    }
}

/// The recorder's thread.
struct Run {
    status: Arc<Mutex<Status>>,
    tell: Tell,
    slow: RateLimit,
    /// For the lines that a sender, or a disk, can cause at will.
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
    /// A frame that arrives from then on is tried.
    retry_at: Instant,
    why: String,
}

impl Run {
    fn run(mut self, queue: &Queue<Arc<Received>>) {
        self.record_all(queue);
        let unfinished = self.close().err().map(|error| error.to_string());
        let failure = unfinished.or(self.failure.map(|failure| failure.why));
        let status = {
            let mut status = lock(&self.status);
            status.running = false;
            status.failed = failure.is_some();
            status.clone()
        };
        let frames = status.recorded;
        (self.tell)(match (failure, &status.path) {
            (Some(why), _) => Event::Error(stopped(&status, &why)),
            (None, None) => Event::Info("nothing was recorded: no frame came".into()),
            (None, Some(path)) => {
                let recorded = format!("recorded {frames} frames, {}", path.display());
                Event::Info(match status.record_dropped + queue.dropped() {
                    0 => recorded,
                    dropped => format!(
                        "{recorded} ({dropped} were dropped: the disk was too slow, or full)"
                    ),
                })
            }
        });
    }

    fn record_all(&mut self, queue: &Queue<Arc<Received>>) {
        loop {
            match queue.take(self.sync_due) {
                Ok(frame) => self.take(&frame),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            if self.sync_due.is_some_and(|due| now >= due) {
                self.sync_due = None;
                if let Some(Err(error)) = self.file.as_mut().map(OpenFile::sync) {
                    self.fail(&error, now);
                }
            }
            if let Some(dropped) = self.slow.report(queue.dropped(), now) {
                (self.tell)(Event::Error(format!(
                    "the disk is too slow: {dropped} frames are not in the recording (told at most \
                     every {} s); a faster disk, a smaller picture or fewer frames a second help",
                    SLOW_EVERY.as_secs()
                )));
            }
        }
    }

    /// Records a frame, or counts it as dropped.
    fn take(&mut self, frame: &Received) {
        let waits = |failure: &Failure| frame.arrived < failure.retry_at;
        let mut recorded = !self.failure.as_ref().is_some_and(waits);
        if recorded {
            if let Err(error) = self.record(frame) {
                self.fail(&error, frame.arrived);
                recorded = false;
            }
        }
        let mut status = lock(&self.status);
        if recorded {
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
        let path = file.path.clone();
        let line = format!("recording to {}", path.display());
        self.file = Some(file);
        lock(&self.status).path = Some(path);
        let is_routine = why == Next::Segment && self.failure.is_none();
        let why = match why {
            _ if self.failure.is_some() => " (the recording goes on)",
            Next::First | Next::Segment => "",
            Next::Sender => " (another sender)",
            Next::Size => " (another picture size)",
            Next::Clock => " (the sender's clock was set)",
        };
        if is_routine {
            (self.tell)(Event::Routine(line));
        } else {
            self.tell_at(frame.arrived, Event::Info(line + why));
        }
        if let Err(error) = advanced {
            (self.tell)(Event::Error(format!("--keep: {error}")));
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
            let Some(path) = self.segments.give_up_oldest() else {
                return Err(error);
            };
            let path = path.display();
            let line = format!("the disk is full: deleted the oldest file, {path}");
            self.tell_at(now, Event::Routine(line));
        }
    }

    /// The disk does not take what comes. That is reported once, until it does again.
    fn fail(&mut self, error: &RecordError, now: Instant) {
        // What can be completed is; the first error is the one to report.
        let _ = self.close();
        let next_segment = self.timeline.leave().filter(|at| *at > now);
        let retry_at = now + RETRY_EVERY;
        let failure = Failure {
            retry_at: next_segment.map_or(retry_at, |at| at.min(retry_at)),
            why: error.to_string(),
        };
        let stopped = {
            let mut status = lock(&self.status);
            status.failed = true;
            stopped(&status, &failure.why)
        };
        if self.failure.replace(failure).is_none() {
            let again = RETRY_EVERY.as_secs();
            let line = format!("{stopped}; trying again every {again} s");
            self.tell_at(now, Event::Error(line));
        }
    }

    /// Reports what a sender, or a disk, can cause at will: within the rate limit.
    fn tell_at(&mut self, now: Instant, event: Event) {
        let Some(left_out) = self.lines.allow(now) else {
            return;
        };
        if left_out > 0 {
            let line = format!("{left_out} lines about the recording were left out");
            (self.tell)(Event::Info(line));
        }
        (self.tell)(event);
    }

    /// Completes the file that is open, if there is one.
    fn close(&mut self) -> Result<(), RecordError> {
        self.sync_due = None;
        self.file.take().map_or(Ok(()), OpenFile::finish)
    }
}

fn stopped(status: &Status, why: &str) -> String {
    let frames = status.recorded;
    let line = format!("the recording stopped after {frames} frames: {why}");
    match &status.path {
        Some(path) => format!("{line}; what is there plays: {}", path.display()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
