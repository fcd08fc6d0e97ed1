//! Where every frame goes, whatever the window does: recording, snapshots, standard output.
//!
//! Each sink has a bounded queue and a thread of its own; putting never blocks. A recording can start
//! and stop while frames come.

pub mod files;
pub mod output;
pub mod record;
pub mod snapshot;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::picture::Turn;
use crate::protocol::stamp::Name;
use crate::recv::received::Received;
use crate::sinks::output::Output;
use crate::sinks::record::config::Config;
use crate::sinks::record::{RecordError, Recorder, Recordings};
use crate::sinks::snapshot::Snapshots;

/// How long the end waits for disks and pipes: a signal ends the program within 1.5 s.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a sink that is too slow for its frames says so at most.
const SLOW_EVERY: Duration = Duration::from_secs(10);

/// What recorders say, to whom it may concern.
pub type Notices = Arc<dyn Fn(record::Notice) + Send + Sync>;

/// All sinks.
pub struct Sinks {
    recordings: Recordings,
    snapshots: Option<Snapshots>,
    output: Option<Output>,
    turn: Turn,
    notices: Notices,
}

impl Sinks {
    /// Puts the sinks together; `turn` is what time lapse's snapshots are turned by.
    pub fn new(
        recorder: Option<Recorder>,
        snapshots: Snapshots,
        output: Option<Output>,
        turn: Turn,
        notices: Notices,
    ) -> Self {
        Sinks {
            recordings: Recordings::new(recorder),
            snapshots: Some(snapshots),
            output,
            turn,
            notices,
        }
    }

    /// No sink at all: frames go to whoever takes them from the hub.
    pub fn none() -> Self {
        Sinks {
            recordings: Recordings::new(None),
            snapshots: None,
            output: None,
            turn: Turn::NONE,
            notices: Arc::new(|_| ()),
        }
    }

    /// Gives a frame to all of them; never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        self.recordings.put(frame);
        if let Some(snapshots) = &self.snapshots {
            snapshots.put(frame, self.turn);
        }
        if let Some(output) = &self.output {
            output.put(frame);
        }
    }

    /// Keeps this frame.
    pub fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        if let Some(snapshots) = &self.snapshots {
            snapshots.snapshot(frame, turn);
        }
    }

    /// Starts a recording, or ends the one that runs; does not wait for the disk, whose news are
    /// notices.
    pub fn toggle_recording(&self, name: Option<&Name>) -> Result<(), RecordError> {
        if self.recordings.status().running {
            self.recordings.stop();
            return Ok(());
        }
        let config = Config::in_videos(name, SystemTime::now());
        let notices = Arc::clone(&self.notices);
        self.recordings.start(config, move |notice| notices(notice))
    }

    /// When the recording began that runs.
    pub(crate) fn recording_since(&self) -> Option<Instant> {
        let status = self.recordings.status();
        (status.running && !status.failed).then(|| status.since.unwrap_or_else(Instant::now))
    }

    /// Whether what is asked to be recorded is; `None` where nothing is asked. After [`Sinks::finish`]:
    /// whether it was to the end.
    pub fn is_recording(&self) -> Option<bool> {
        self.recordings.is_recording()
    }

    /// Frames recorded, and frames that a disk was too slow for.
    pub fn recorded(&self) -> (u64, u64) {
        let status = self.recordings.status();
        (status.recorded, status.record_dropped)
    }

    /// Ends them all within `PATIENCE`: files are completed, the pipe gets what is there.
    pub fn finish(&self) {
        let until = Instant::now() + PATIENCE;
        // All of them end at the same time, and one that hangs costs the others nothing.
        self.recordings.close();
        if let Some(snapshots) = &self.snapshots {
            snapshots.stop();
        }
        if let Some(output) = &self.output {
            output.stop();
            output.finish(until);
        }
        self.recordings.finish(until);
        if let Some(snapshots) = &self.snapshots {
            snapshots.finish(until);
        }
    }
}
