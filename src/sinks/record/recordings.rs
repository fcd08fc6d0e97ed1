//! Recording on and off at run time: the V key's side of the recorder.
//!
//! At most one recording goes on; the counts are those of all since the program started. The reader
//! puts, the window starts and stops; nobody waits for the disk but [`Recordings::finish`].

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::config::Config;
use super::{Recorder, Status};
use crate::handoff::lock::lock;
use crate::recv::camera::Recorded;
use crate::recv::frame::Received;
use crate::sinks::Tell;

/// How many stopped recordings may still be writing: one that hangs in a dead disk keeps its thread and
/// what is in its queue.
const MAX_UNFINISHED: usize = 3;

/// All recordings of a program, one after the other.
#[derive(Debug)]
pub(crate) struct Recordings(Mutex<State>);

#[derive(Debug)]
struct State {
    /// In the order of their start; the last one takes the frames, until it is stopped. One that has
    /// ended is some numbers and an empty queue, and cost a person a key press: all are kept.
    recorders: Vec<Arc<Recorder>>,
    /// Whether the user has a recording going on, as far as they know: also when the program's end stops it.
    is_wanted: bool,
}

impl Recordings {
    /// Begins with this recording (`--record`), or with none.
    pub(crate) fn new(first: Option<Recorder>) -> Self {
        Recordings(Mutex::new(State {
            is_wanted: first.is_some(),
            recorders: first.into_iter().map(Arc::new).collect(),
        }))
    }

    /// Starts a recording; one that goes on is stopped. Does not wait for the disk; fails where the disk
    /// has not taken those before.
    pub(crate) fn start(&self, config: Config, tell: Tell) -> io::Result<()> {
        self.stop();
        let mut state = lock(&self.0);
        let unfinished = state.recorders.iter().filter(|one| one.status().running);
        if unfinished.count() >= MAX_UNFINISHED {
            let line = "no new recording: the disk does not take the ones before";
            return Err(io::Error::other(line));
        }
        let recorder = Recorder::start(config, None, tell)?;
        state.recorders.push(Arc::new(recorder));
        state.is_wanted = true;
        Ok(())
    }

    /// Stops the recording that goes on, without waiting for the disk: a line says when its file is
    /// complete. Returns whether one went on.
    pub(crate) fn stop(&self) -> bool {
        self.close();
        std::mem::take(&mut lock(&self.0).is_wanted)
    }

    /// The program ends: as [`Recordings::stop`], but nobody has asked for it.
    pub(crate) fn close(&self) {
        if let Some(last) = lock(&self.0).recorders.last() {
            last.stop();
        }
    }

    /// What came of all of them. `recording` is whether what is asked to be recorded is; at the end, whether the last
    /// recording came to a good one.
    pub(crate) fn recorded(&self) -> Recorded {
        let status = self.status();
        Recorded {
            recording: lock(&self.0).is_wanted.then_some(!status.failed),
            recorded: status.recorded,
            record_dropped: status.record_dropped,
        }
    }

    /// Takes a frame; never waits for the disk.
    pub(crate) fn put(&self, frame: &Arc<Received>) {
        // One that was stopped takes none.
        if let Some(last) = lock(&self.0).recorders.last() {
            last.put(frame);
        }
    }

    /// The recording that goes on (or the last one, with `running` false), its counts those of all.
    pub(crate) fn status(&self) -> Status {
        let state = lock(&self.0);
        let mut all = Status::default();
        for one in state.recorders.iter().map(|recorder| recorder.status()) {
            all = Status {
                recorded: all.recorded + one.recorded,
                record_dropped: all.record_dropped + one.record_dropped,
                ..one
            };
        }
        all.running &= state.is_wanted;
        all
    }

    /// Ends all and waits for the disk, `until` then at the latest.
    pub(crate) fn finish(&self, until: Instant) {
        let recorders = lock(&self.0).recorders.clone();
        for recorder in &recorders {
            recorder.finish(until);
        }
    }
}
