//! Recording on and off at run time: `--record` starts the first one, the V key stops it and starts others.
//!
//! At most one recording goes on; the counts are those of all since the program started. The reader
//! puts, the window starts and stops; nobody waits for the disk but [`Recorder::finish`].

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use super::{Claim, Config, Run, Status};
use crate::handoff::{Queue, Worker, lock};
use crate::protocol::Name;
use crate::recv::{Received, Recorded};
use crate::sinks::{self, Tell, files};

/// How many stopped recordings may still be writing: one that hangs in a dead disk keeps its thread and
/// what is in its queue.
const MAX_UNFINISHED: usize = 3;

/// All recordings of a program, one after the other. Dropping it ends them, and waits for nothing.
pub struct Recorder {
    tell: Tell,
    /// In the order of their start; the last one takes the frames, until it is stopped. One that has
    /// ended is some numbers and an empty queue, and cost a person a key press: all are kept.
    recordings: Mutex<Vec<Arc<Recording>>>,
}

/// One recording, and how far its thread is.
struct Recording {
    worker: Worker<Arc<Received>>,
    status: Arc<Mutex<Status>>,
}

impl Recorder {
    /// Without a recording yet. `tell` is called on the recordings' threads.
    pub fn new(tell: Tell) -> Recorder {
        let recordings = Mutex::default();
        Recorder { tell, recordings }
    }

    /// Starts a recording, whose first file is made with the first frame; one that goes on is stopped. Does not wait for
    /// the disk; fails where the disk has not taken those before. Whether files can be made is known before by
    /// [`Config::claim`].
    pub fn record(&self, config: Config, claim: Option<Claim>) -> io::Result<()> {
        self.stop();
        let mut recordings = lock(&self.recordings);
        let running = |one: &&Arc<Recording>| one.worker.is_running();
        if recordings.iter().filter(running).count() >= MAX_UNFINISHED {
            let line = "no new recording: the disk does not take the ones before";
            return Err(io::Error::other(line));
        }
        let status = Arc::<Mutex<Status>>::default();
        lock(&status).is_wanted = true;
        let run = Run::new(config, claim, Arc::clone(&status), Arc::clone(&self.tell));
        let worker = Worker::start("recorder", |queue: &Queue<_>| run.run(queue))?;
        recordings.push(Arc::new(Recording { worker, status }));
        Ok(())
    }

    /// Stops the recording that goes on, without waiting for the disk: what was put is still written, and a
    /// line says when its file is complete. Returns whether one went on.
    pub fn stop(&self) -> bool {
        let recordings = lock(&self.recordings);
        recordings.last().is_some_and(|last| {
            last.worker.queue.close();
            std::mem::take(&mut lock(&last.status).is_wanted)
        })
    }

    /// Stops the recording that goes on, or starts one into the user's videos folder, `NAME_TIME.mkv`: the V key.
    pub(crate) fn toggle(&self, name: Option<&Name>) -> io::Result<()> {
        if self.stop() {
            return Ok(());
        }
        let file = files::stem_at(name, SystemTime::now()) + ".mkv";
        let config = Config {
            path: files::folder(dirs::video_dir()).join(file),
            make_dir: true,
            ..Config::default()
        };
        self.record(config, None)
    }

    /// What came of all of them. `recording` is whether what is asked to be recorded is; at the end, whether the last
    /// recording came to a good one.
    pub fn recorded(&self) -> Recorded {
        let status = self.status();
        Recorded {
            recording: status.is_wanted.then_some(!status.failed),
            recorded: status.recorded,
            record_dropped: status.record_dropped,
        }
    }

    /// When the recording began that goes on; `None` also while its disk has failed.
    pub(crate) fn since(&self) -> Option<Instant> {
        let status = self.status();
        let goes_on = status.is_wanted && !status.failed;
        goes_on.then(|| status.since.unwrap_or_else(Instant::now))
    }

    /// Takes a frame; never blocks.
    pub fn put(&self, frame: &Arc<Received>) {
        // One that was stopped takes none.
        if let Some(last) = lock(&self.recordings).last() {
            sinks::put(&last.worker, frame);
        }
    }

    /// How far the last recording is, its counts those of all.
    pub fn status(&self) -> Status {
        let mut all = Status::default();
        for one in &*lock(&self.recordings) {
            let (recorded, dropped) = (all.recorded, all.record_dropped);
            all = lock(&one.status).clone();
            all.recorded += recorded;
            all.record_dropped += dropped + one.worker.queue.dropped();
            all.running = one.worker.is_running();
        }
        all
    }

    /// Ends all and waits for the disk, `until` then at the latest; what a slow disk has not taken
    /// is counted as dropped. A file that could not be completed plays as far as it goes.
    pub fn finish(&self, until: Instant) -> Status {
        let recordings = lock(&self.recordings).clone();
        // The others have been stopped, and come to their ends meanwhile.
        for recording in recordings.iter().rev() {
            recording.worker.finish(until);
        }
        self.status()
    }
}
