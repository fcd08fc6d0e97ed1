//! Recording on and off at run time: the V key's side of the recorder.
//!
//! At most one recording goes on; the counts are those of all since the program started. The reader
//! puts, the window starts and stops; nobody waits for the disk but [`Recordings::finish`].

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::config::Config;
use super::{Notice, RecordError, Recorder, Status};
use crate::recv::received::Received;

/// How many stopped recordings may still be writing: one that hangs in a dead disk keeps its thread and
/// what is in its queue.
const MAX_UNFINISHED: usize = 3;

/// All recordings of a program, one after the other.
#[derive(Debug)]
pub struct Recordings {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Recorder>,
    /// Whether the user has a recording going on, as far as they know; the program's end does not count.
    asked: bool,
    /// Stopped, and perhaps still writing what was put before.
    ended: Vec<Recorder>,
    /// What is in neither of the two any more.
    recorded: u64,
    record_dropped: u64,
}

impl Recordings {
    /// Begins with this recording (`--record`), or with none.
    pub fn new(first: Option<Recorder>) -> Self {
        Recordings {
            state: Mutex::new(State {
                asked: first.is_some(),
                current: first,
                ..State::default()
            }),
        }
    }

    /// Starts a recording; one that goes on is stopped. Does not wait for the disk; fails where the disk
    /// has not taken those before.
    pub fn start(
        &self,
        config: Config,
        notice: impl Fn(Notice) + Send + 'static,
    ) -> Result<(), RecordError> {
        let mut state = self.lock();
        state.stop();
        let unfinished = state.ended.iter().filter(|ended| ended.status().running);
        if unfinished.count() >= MAX_UNFINISHED {
            return Err(RecordError::Unfinished);
        }
        state.current = Some(Recorder::start(config, None, notice)?);
        state.asked = true;
        Ok(())
    }

    /// Stops the recording that goes on, without waiting for the disk: [`Notice::Finished`] says
    /// when its file is complete.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stop();
        state.asked = false;
    }

    /// The program ends: as [`Recordings::stop`], but nobody has asked for it.
    pub fn close(&self) {
        self.lock().stop();
    }

    /// Whether what is asked to be recorded is; `None` where nothing is asked. At the end: whether the
    /// last recording came to a good one.
    pub fn is_recording(&self) -> Option<bool> {
        let asked = self.lock().asked;
        asked.then(|| !self.status().failed)
    }

    /// Takes a frame; never waits for the disk.
    pub fn put(&self, frame: &Arc<Received>) {
        if let Some(recorder) = &self.lock().current {
            recorder.put(frame);
        }
    }

    /// The recording that goes on (or the last one, with `running` false), its counts those of all.
    pub fn status(&self) -> Status {
        let state = self.lock();
        let mut all = state
            .current
            .as_ref()
            .or(state.ended.last())
            .map(Recorder::status)
            .unwrap_or_default();
        all.running &= state.current.is_some();
        let each = state
            .ended
            .iter()
            .chain(&state.current)
            .map(Recorder::status);
        (all.recorded, all.record_dropped) = each.fold(
            (state.recorded, state.record_dropped),
            |(recorded, dropped), one| (recorded + one.recorded, dropped + one.record_dropped),
        );
        all
    }

    /// Ends all and waits for the disk, `until` then at the latest.
    pub fn finish(&self, until: Instant) -> Status {
        let ended = {
            let mut state = self.lock();
            state.stop();
            std::mem::take(&mut state.ended)
        };
        // Outside the lock: the reader may still put.
        for recorder in &ended {
            recorder.finish(until);
        }
        self.lock().ended.splice(0..0, ended);
        self.status()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it switches a recording")
    }
}

impl State {
    fn stop(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        current.stop();
        // Those that have ended are numbers only, but for the last, whose path is still asked for.
        for ended in std::mem::take(&mut self.ended) {
            let status = ended.status();
            if status.running {
                self.ended.push(ended);
            } else {
                self.recorded += status.recorded;
                self.record_dropped += status.record_dropped;
            }
        }
        self.ended.push(current);
    }
}
