//! Where every frame goes, whatever the window does: recording, snapshots, standard output.
//!
//! Each sink has a bounded queue and a thread of its own; putting never blocks. A recording can start
//! and stop while frames come.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::files;
use super::host::Recording;
use super::output::Output;
use super::received::Received;
use super::record::config::{Config, Container};
use super::record::{self, Recorder};
use super::snapshot::Snapshots;
use crate::frame::Turn;

/// What recorders say, to whom it may concern.
pub type Notices = Arc<dyn Fn(record::Notice) + Send + Sync>;

/// All sinks.
pub struct Sinks {
    recorder: Mutex<Option<Recorder>>,
    /// Frames recorded and dropped by recordings that have ended.
    past: Mutex<(u64, u64)>,
    snapshots: Snapshots,
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
            recorder: Mutex::new(recorder),
            past: Mutex::default(),
            snapshots,
            output,
            turn,
            notices,
        }
    }

    /// Gives a frame to all of them; never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.put(frame);
        }
        self.snapshots.put(frame, self.turn);
        if let Some(output) = &self.output {
            output.put(frame);
        }
    }

    /// Keeps this frame.
    pub fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        self.snapshots.snapshot(frame, turn);
    }

    /// Starts a recording, or ends the one that runs; one line that says which.
    pub fn toggle_recording(&self, name: Option<&crate::stamp::Name>) -> Result<String, String> {
        let mut recorder = lock(&self.recorder);
        if let Some(running) = recorder.take_if(|recorder| recorder.status().running) {
            self.remember(&running);
            running.stop();
            return Ok(match running.status().path {
                Some(path) => format!("recorded {}", path.display()),
                None => "recording ended before there was a frame".into(),
            });
        }
        if let Some(ended) = recorder.take() {
            self.remember(&ended);
        }
        let stem = files::stem_at(name, std::time::SystemTime::now());
        let path = files::videos_dir().join(format!("{stem}.mkv"));
        let config = Config {
            container: Container::Matroska,
            segment: None,
            keep: None,
            path: path.clone(),
        };
        std::fs::create_dir_all(files::parent(&path)).map_err(|error| error.to_string())?;
        let notices = Arc::clone(&self.notices);
        let started = Recorder::start(config, move |notice| notices(notice));
        *recorder = Some(started.map_err(|error| error.to_string())?);
        Ok(format!("recording to {}", path.display()))
    }

    /// The recording that runs.
    pub fn recording(&self) -> Option<Recording> {
        let status = lock(&self.recorder).as_ref()?.status();
        status.running.then(|| Recording {
            since: status.since.unwrap_or_else(Instant::now),
            path: status.path.unwrap_or_else(PathBuf::new),
        })
    }

    /// Frames recorded, and frames that a disk was too slow for.
    pub fn recorded(&self) -> (u64, u64) {
        let past = *lock(&self.past);
        let now = lock(&self.recorder).as_ref().map(Recorder::status);
        now.map_or(past, |now| {
            (past.0 + now.recorded, past.1 + now.record_dropped)
        })
    }

    /// Ends them all, in bounded time: files are completed, the pipe gets what is there.
    pub fn finish(&self) {
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.finish();
        }
        self.snapshots.finish();
        if let Some(output) = &self.output {
            output.finish();
        }
    }

    fn remember(&self, recorder: &Recorder) {
        let status = recorder.status();
        let mut past = lock(&self.past);
        past.0 += status.recorded;
        past.1 += status.record_dropped;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds a sink")
}
