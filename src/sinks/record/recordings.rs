//! Recording on and off at run time: the V key's side of the recorder.
//!
//! At most one recording goes on; the counts are those of all since the program started. The reader
//! puts, the window starts and stops; nobody waits for the disk but [`Recordings::finish`].

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::config::Config;
use super::{RecordError, Recorder, Status};
use crate::handoff::lock::lock;
use crate::recv::frame::Received;
use crate::sinks::Tell;

/// How many stopped recordings may still be writing: one that hangs in a dead disk keeps its thread and
/// what is in its queue.
const MAX_UNFINISHED: usize = 3;

/// All recordings of a program, one after the other.
#[derive(Debug)]
pub(crate) struct Recordings {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// In the order of their start; the last one takes the frames, until it is stopped. One that has
    /// ended is some numbers and an empty queue, and cost a person a key press: all are kept.
    recorders: Vec<Arc<Recorder>>,
    asked: Asked,
}

/// Whether the user has a recording going on, as far as they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    Yes,
    /// The program ended while it went on.
    ToTheEnd,
}

impl Recordings {
    /// Begins with this recording (`--record`), or with none.
    pub(crate) fn new(first: Option<Recorder>) -> Self {
        let asked = match first {
            Some(_) => Asked::Yes,
            None => Asked::No,
        };
        let recorders = first.into_iter().map(Arc::new).collect();
        Recordings {
            state: Mutex::new(State { recorders, asked }),
        }
    }

    /// Starts a recording; one that goes on is stopped. Does not wait for the disk; fails where the disk
    /// has not taken those before.
    pub(crate) fn start(&self, config: Config, tell: Tell) -> Result<(), RecordError> {
        let mut state = lock(&self.state);
        state.stop(Asked::No);
        let unfinished = state.recorders.iter().filter(|one| one.status().running);
        if unfinished.count() >= MAX_UNFINISHED {
            return Err(RecordError::Unfinished);
        }
        let recorder = Recorder::start(config, None, tell)?;
        state.recorders.push(Arc::new(recorder));
        state.asked = Asked::Yes;
        Ok(())
    }

    /// Stops the recording that goes on, without waiting for the disk: a line says when its file is
    /// complete.
    pub(crate) fn stop(&self) {
        lock(&self.state).stop(Asked::No);
    }

    /// The program ends: as [`Recordings::stop`], but nobody has asked for it.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        if state.asked == Asked::Yes {
            state.stop(Asked::ToTheEnd);
        }
    }

    /// Whether what is asked to be recorded is; `None` where nothing is asked. At the end: whether the
    /// last recording came to a good one.
    pub(crate) fn is_recording(&self) -> Option<bool> {
        let asked = lock(&self.state).asked;
        (asked != Asked::No).then(|| !self.status().failed)
    }

    /// Takes a frame; never waits for the disk.
    pub(crate) fn put(&self, frame: &Arc<Received>) {
        // One that was stopped takes none.
        if let Some(last) = lock(&self.state).recorders.last() {
            last.put(frame);
        }
    }

    /// The recording that goes on (or the last one, with `running` false), its counts those of all.
    pub(crate) fn status(&self) -> Status {
        let state = lock(&self.state);
        let mut all = Status::default();
        for one in state.recorders.iter().map(|recorder| recorder.status()) {
            all = Status {
                recorded: all.recorded + one.recorded,
                record_dropped: all.record_dropped + one.record_dropped,
                ..one
            };
        }
        all.running &= state.asked == Asked::Yes;
        all
    }

    /// Ends all and waits for the disk, `until` then at the latest.
    pub(crate) fn finish(&self, until: Instant) {
        self.close();
        let recorders = lock(&self.state).recorders.clone();
        for recorder in &recorders {
            recorder.finish(until);
        }
    }
}

impl State {
    fn stop(&mut self, asked: Asked) {
        self.asked = asked;
        if let Some(last) = self.recorders.last() {
            last.stop();
        }
    }
}
