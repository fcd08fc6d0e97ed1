//! The recorder: every frame that arrives, kept in files.
//!
//! ```text
//! Recorder ─▶ queue ─▶ thread ─┬─ timeline   when a frame is shown, when the next file starts
//! on and off  of one           ├─ ring       what the files are called, which ones go, what stays free
//! config      what is asked    └─ segment    writes and completes the open one
//!             for                   └─ matroska   its form
//! ```
//!
//! One thread takes from its queue and blocks on the disk; the reader only puts. A file holds frames
//! of one sender and one size whose time runs forward, over as many connections as it takes; anything
//! else starts the next file. Each frame is handed to the kernel whole as it comes, and asked onto
//! stable storage every [`SYNC_EVERY`]: a killed program loses the frames still in the queue, a power
//! cut five seconds. A disk that fails, or is full, is tried again every [`RETRY_EVERY`].

mod config;
mod matroska;
mod recorder;
mod ring;
mod segment;
mod timeline;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::config::{Claim, advised, is_full};
pub use self::config::{Config, Container};
pub use self::recorder::Recorder;
use self::ring::Ring;
use self::segment::Segment;
use self::timeline::{Next, Timeline};
use super::{SLOW_EVERY, Tell};
use crate::handoff::{Queue, lock};
use crate::protocol::stamp;
use crate::recv::Received;
use crate::report::{RateLimit, Severity};

/// How long written frames may wait for stable storage.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How long after a failure the disk is tried again, if the next segment does not come sooner; by the
/// frames' arrivals.
const RETRY_EVERY: Duration = Duration::from_secs(30);

/// How far a recording is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether it goes on as far as the user knows: also when the program's end stops it.
    pub is_wanted: bool,
    /// Frames in the recording's files.
    pub recorded: u64,
    /// Frames that arrived and are in none: the disk was too slow, or full, or failed.
    pub record_dropped: u64,
    /// The file that is being written, or was last.
    pub path: Option<PathBuf>,
    /// When the first frame arrived.
    pub since: Option<Instant>,
    /// Whether its thread has not ended: something may still be written.
    pub running: bool,
    /// Whether what is taken is lost: the disk failed, and has not come back. At the end: whether the
    /// last file could not be completed.
    pub failed: bool,
}

/// The recorder's thread.
struct Run {
    status: Arc<Mutex<Status>>,
    tell: Tell,
    timeline: Timeline,
    ring: Ring,
    /// The file that is open.
    segment: Option<Segment>,
    /// When to sync next, while something waits for it.
    sync_due: Option<Instant>,
    /// Why the disk does not take what comes, if it does not; a frame that arrives from then on is tried.
    failure: Option<(io::Error, Instant)>,
    /// The name is ours until the last file is complete.
    _claim: Option<Claim>,
}

impl Run {
    fn new(config: Config, claim: Option<Claim>, status: Arc<Mutex<Status>>, tell: Tell) -> Self {
        Run {
            status,
            tell,
            timeline: Timeline::new(config.segment),
            ring: Ring::new(config),
            segment: None,
            sync_due: None,
            failure: None,
            _claim: claim,
        }
    }

    fn run(mut self, queue: &Queue<Arc<Received>>) {
        self.record_all(queue);
        let unfinished = self.close().err();
        let failure = unfinished.or_else(|| self.failure.take().map(|(why, _)| why));
        lock(&self.status).failed = failure.is_some();
        if let Some(why) = failure {
            return (self.tell)(Severity::Error, self.stopped(&why));
        }
        let status = lock(&self.status).clone();
        let line = status.path.map(|path| {
            let recorded = format!("recorded {} frames, {}", status.recorded, path.display());
            match status.record_dropped + queue.dropped() {
                0 => recorded,
                lost => format!("{recorded} ({lost} were dropped: the disk was too slow, or full)"),
            }
        });
        let nothing = || "nothing was recorded: no frame came".into();
        (self.tell)(Severity::Info, line.unwrap_or_else(nothing));
    }

    fn record_all(&mut self, queue: &Queue<Arc<Received>>) {
        let mut slow = RateLimit::new(1, SLOW_EVERY);
        loop {
            match queue.next(self.sync_due) {
                Some(frame) => self.take(&frame),
                None if queue.is_over() => return,
                None => {}
            }
            let now = Instant::now();
            let is_due = self.sync_due.take_if(|due| now >= *due).is_some();
            let segment = self.segment.as_ref().filter(|_| is_due);
            if let Some(Err(error)) = segment.map(|segment| segment.file.sync_data()) {
                self.fail(error, now);
            }
            if let Some(dropped) = slow.report(queue.dropped(), now) {
                let line = format!(
                    "the disk is too slow: {dropped} frames are not in the recording (told at most \
                     every {} s); a faster disk, a smaller picture or fewer frames a second help",
                    SLOW_EVERY.as_secs()
                );
                (self.tell)(Severity::Error, line);
            }
        }
    }

    /// Records a frame, or counts it as dropped.
    fn take(&mut self, frame: &Arc<Received>) {
        let waits = matches!(&self.failure, Some((_, until)) if frame.arrived < *until);
        if !waits {
            match self.record(frame) {
                Ok(()) => return,
                Err(error) => self.fail(error, frame.arrived),
            }
        }
        lock(&self.status).record_dropped += 1;
    }

    /// Records a frame; where there is no space for it, a ring's oldest files make room.
    fn record(&mut self, frame: &Arc<Received>) -> io::Result<()> {
        let (at, next) = self.timeline.step(frame);
        if next.is_some() {
            // Where the last file's index found no room, it will be seen whether the next one does.
            let closed = self.close();
            closed.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })?;
            if let Err(error) = self.ring.advance(frame) {
                let error = advised("--keep: an old file stays", &error);
                (self.tell)(Severity::Error, error.to_string());
            }
        }
        while let Err(error) = self.write(frame, at, next) {
            let ring = Some(&mut self.ring).filter(|_| is_full(&error));
            let path = ring.and_then(Ring::give_up_oldest).ok_or(error)?;
            let path = path.display();
            let line = format!("the disk is full: deleted the oldest file, {path}");
            (self.tell)(Severity::Routine, line);
        }
        self.failure = None;
        let due = || Instant::now() + SYNC_EVERY;
        self.sync_due.get_or_insert_with(due);
        let mut status = lock(&self.status);
        status.recorded += 1;
        status.since.get_or_insert(frame.arrived);
        status.failed = false;
        Ok(())
    }

    /// Writes a frame, in a new file where none is open.
    fn write(&mut self, frame: &Received, at: Duration, next: Option<Next>) -> io::Result<()> {
        if let (None, Some(why)) = (&self.segment, next) {
            self.segment = Some(self.open(frame, why)?);
        }
        self.ring.take_room(frame.jpeg.len() as u64)?;
        let (head, stamp, tail) = stamp::without_ack(&frame.jpeg);
        let segment = self.segment.as_mut();
        let segment = segment.expect("the first frame opens a file");
        segment.write(at, [head, &stamp, tail])
    }

    fn open(&mut self, first: &Received, why: Next) -> io::Result<Segment> {
        let (path, file) = self.ring.create(first)?;
        let segment = Segment::create(&path, file, first).inspect_err(|_| {
            // A file without a frame is none; where it cannot be deleted it does no harm.
            let _ = fs::remove_file(&path);
        })?;
        let line = format!("recording to {}", path.display());
        lock(&self.status).path = Some(path);
        // No more of them than the timeline allows, whatever a sender does.
        let (severity, why) = match why {
            _ if self.failure.is_some() => (Severity::Info, " (the recording goes on)"),
            Next::First => (Severity::Info, ""),
            Next::Segment => (Severity::Routine, ""),
            Next::Sender => (Severity::Info, " (another sender)"),
            Next::Size => (Severity::Info, " (another picture size)"),
            Next::Clock => (Severity::Info, " (the sender's clock was set)"),
        };
        (self.tell)(severity, line + why);
        Ok(segment)
    }

    /// Completes the file that is open, if there is one, and waits until it is on stable storage.
    fn close(&mut self) -> io::Result<()> {
        self.segment.take().map_or(Ok(()), Segment::finish)
    }

    /// The disk does not take what comes. That is reported once, until it does again.
    fn fail(&mut self, error: io::Error, now: Instant) {
        // What can be completed is; the first error is the one to report.
        let _ = self.close();
        let next_segment = self.timeline.leave().filter(|at| *at > now);
        let retry_at = now + RETRY_EVERY;
        let retry_at = next_segment.map_or(retry_at, |at| at.min(retry_at));
        lock(&self.status).failed = true;
        let stopped = self.stopped(&error);
        if self.failure.replace((error, retry_at)).is_none() {
            let again = RETRY_EVERY.as_secs();
            let line = format!("{stopped}; trying again every {again} s");
            (self.tell)(Severity::Error, line);
        }
    }

    fn stopped(&self, why: &io::Error) -> String {
        let why = advised(self.ring.config.dir().display(), why);
        let status = lock(&self.status);
        let frames = status.recorded;
        let line = format!("the recording stopped after {frames} frames: {why}");
        match &status.path {
            Some(path) => format!("{line}; what is there plays: {}", path.display()),
            None => line,
        }
    }
}

#[cfg(test)]
mod tests;
