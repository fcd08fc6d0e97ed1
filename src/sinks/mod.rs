//! Where every frame goes, whatever the window does: recording, snapshots, standard output.
//!
//! ```text
//!           ┌▶ queue ─▶ thread "recorder"   record/   Matroska or JPEGs, in one file or a ring of files
//! put ──────┼▶ queue ─▶ thread "snapshots"  snapshot  single JPEGs, by key or as time lapse
//! (reader)  └▶ queue ─▶ thread "output"     output    all JPEGs into a pipe
//!                                           files     directories and names, for the first two
//! ```
//!
//! Putting never blocks: a disk or a pipe that is too slow costs its own frames, which are counted and
//! reported. A recording can start and stop while frames come.

pub(crate) mod files;
mod output;
pub mod record;
pub mod snapshot;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handoff::{FRAMES, Stop, Worker};
use crate::picture::Turn;
use crate::recv::Received;
use crate::report::Severity;
use crate::sinks::record::{Config, Recorder};
use crate::sinks::snapshot::Snapshots;

/// How long the end waits for disks and pipes: a signal ends the program within 1.5 s.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a sink that is too slow for its frames says so at most.
const SLOW_EVERY: Duration = Duration::from_secs(10);

/// What sinks report to, in a line for a person. Called on their threads, and on the one that puts.
pub type Tell = Arc<dyn Fn(Severity, String) + Send + Sync>;

/// All sinks.
pub struct Sinks {
    pub recorder: Recorder,
    pub(crate) snapshots: Snapshots,
    output: Option<Worker<Arc<Received>>>,
    turn: Turn,
}

impl Sinks {
    /// Starts the sinks that are asked for. Time lapse's snapshots are turned by `turn`; a reader of the `pipe` who
    /// goes away asks its `Stop` for the end.
    pub fn start(
        recording: Option<Config>,
        snapshots: snapshot::Config,
        pipe: Option<(File, Arc<Stop>)>,
        turn: Turn,
        tell: Tell,
    ) -> io::Result<Self> {
        let recorder = Recorder::new(Arc::clone(&tell));
        if let Some(config) = recording {
            let claim = config.claim()?;
            recorder.record(config, Some(claim))?;
        }
        let start_output = |(pipe, stop)| output::start(pipe, stop, Arc::clone(&tell));
        let output = pipe.map(start_output).transpose()?;
        Ok(Sinks {
            recorder,
            snapshots: Snapshots::start(snapshots, tell)?,
            output,
            turn,
        })
    }

    /// Takes a frame. Never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        self.recorder.put(frame);
        self.snapshots.put(frame, self.turn);
        if let Some(output) = &self.output {
            put(output, frame);
        }
    }

    /// Ends them all within `PATIENCE`: files are completed, the pipe gets what is there.
    pub fn finish(&self) {
        let until = Instant::now() + PATIENCE;
        // All of them end at the same time, and one that hangs costs the others nothing.
        if let Some(output) = &self.output {
            output.queue.close();
        }
        self.snapshots.worker.queue.close();
        // The recorder is waited for first: it has a file to complete, for which it gets the last third of the time.
        self.recorder.finish(until);
        if let Some(output) = &self.output {
            output.finish(until);
        }
        self.snapshots.worker.finish(until);
    }
}

/// Puts a frame into a worker's queue; never blocks.
fn put(worker: &Worker<Arc<Received>>, frame: &Arc<Received>) {
    let (frame, bytes) = (Arc::clone(frame), frame.memory());
    worker.queue.put_beside(frame, bytes, FRAMES);
}
