//! Snapshots: single frames kept as JPEG files, by the S key and by `--snapshot-every`.
//!
//! A snapshot is the JPEG as it was sent (its stamp asks for no ack); a turned picture bears the turn
//! in its Exif orientation, so that nothing is encoded twice. Files are written on a thread of its
//! own, which blocks on its queue and the disk; the window and the reader only put.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{SLOW_EVERY, Tell, files};
use crate::handoff::{Limits, Queue, Worker, lock};
use crate::jpeg::orientation;
use crate::picture::Turn;
use crate::protocol::stamp;
use crate::recv::Received;
use crate::report::{RateLimit, Severity};

/// Few snapshots wait at a time: each is a wish of a person or of a clock.
const LIMITS: Limits = (64, 32 << 20);

/// Why one that finds the queue full is not taken.
const SLOW: &str = "no snapshot: the disk is too slow";

/// Where snapshots go, and how often one is taken by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory; created with its parents when the first snapshot is taken.
    pub dir: PathBuf,
    /// Time lapse: the time from one snapshot to the next, by arrival.
    pub every: Option<Duration>,
}

/// The thread that writes snapshots.
pub struct Snapshots {
    pub(super) worker: Worker<Job>,
    every: Option<Duration>,
    /// Of a time lapse: when the first frame arrived, and the step of the last one.
    last: Mutex<Option<(Instant, u128)>>,
    tell: Tell,
}

/// A snapshot to be written.
pub(super) struct Job {
    frame: Arc<Received>,
    turn: Turn,
    /// By a person, who wants to know what became of it.
    asked: bool,
}

impl Snapshots {
    /// Starts the thread. `tell` is called on it, and where a snapshot finds no room on the thread that
    /// asks for it.
    pub fn start(config: Config, tell: Tell) -> io::Result<Snapshots> {
        let (every, told) = (config.every, Arc::clone(&tell));
        let run = move |queue: &Queue<_>| write_all(&config, queue, &told);
        let worker = Worker::start("snapshots", run)?;
        Ok(Snapshots {
            worker,
            every,
            last: Mutex::default(),
            tell,
        })
    }

    /// Takes every frame that arrives, and keeps those that time lapse asks for; never blocks.
    pub fn put(&self, frame: &Arc<Received>, turn: Turn) {
        let is_due = |every| is_due(every, &mut lock(&self.last), frame.arrived);
        if self.every.is_some_and(is_due) {
            self.keep(frame, turn, false);
        }
    }

    /// Keeps this frame; never blocks.
    pub fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        if !self.keep(frame, turn, true) {
            (self.tell)(Severity::Error, SLOW.into());
        }
    }

    /// Returns whether it was put; the queue counts those that were not.
    fn keep(&self, frame: &Arc<Received>, turn: Turn, asked: bool) -> bool {
        let (frame, memory) = (Arc::clone(frame), frame.memory());
        let job = Job { frame, turn, asked };
        self.worker.queue.put_beside(job, memory, LIMITS)
    }
}

/// Writes the snapshots of the queue, and says what became of them: of each that was asked for, and of those
/// that a time lapse misses now and then.
fn write_all(config: &Config, queue: &Queue<Job>, tell: &Tell) {
    let (mut told, mut failed) = (RateLimit::new(1, SLOW_EVERY), 0);
    while let Some(job) = queue.next(None) {
        let saved = save(&config.dir, &job.frame, job.turn).map_err(|e| {
            let dir = config.dir.display();
            format!("no snapshot in {dir}: {e}; choose another place with --snapshot-dir")
        });
        let mut why = SLOW.to_owned();
        match saved {
            Ok(path) if job.asked => tell(Severity::Info, format!("saved {}", path.display())),
            Err(error) if job.asked => tell(Severity::Error, error),
            Ok(_) => {}
            Err(error) => (failed, why) = (failed + 1, error),
        }
        // Without time lapse, each that was missed has been told.
        let missed = config.every.map_or(0, |_| failed + queue.dropped());
        if let Some(missed) = told.report(missed, job.frame.arrived) {
            let seconds = SLOW_EVERY.as_secs();
            let often = format!("(told at most every {seconds} s)");
            let line = format!("time lapse: {missed} missed {often}: {why}");
            tell(Severity::Error, line);
        }
    }
}

/// Writes the frame into `dir`; blocks on the disk. Returns the file's path.
fn save(dir: &Path, frame: &Received, turn: Turn) -> io::Result<PathBuf> {
    let (head, stamp, tail) = stamp::without_ack(&frame.jpeg);
    let mut jpeg = [head, &stamp, tail].concat();
    if turn != Turn::NONE {
        jpeg = orientation::turned(&jpeg, turn);
    }
    fs::create_dir_all(dir)?;
    let name = files::stem_at(frame.name(), frame.captured_at()) + ".jpg";
    // A name in this directory is told bare.
    let dir = dir.strip_prefix(".").unwrap_or(dir);
    let (path, mut file) = files::create(&dir.join(name), false, "")?;
    let written = file.write_all(&jpeg);
    drop(file);
    if written.is_err() {
        // Half a picture is none. What stands in the way of deleting it is in the error, too.
        let _ = fs::remove_file(&path);
    }
    written.map(|()| path)
}

/// Whether a time lapse keeps the frame that arrived then. Steps stay on the first frame's grid, so that a
/// day has as many pictures as it should; those without a frame are left out.
fn is_due(every: Duration, last: &mut Option<(Instant, u128)>, arrived: Instant) -> bool {
    let first = last.map_or(arrived, |(first, _)| first);
    let since = arrived.saturating_duration_since(first);
    let step = since.as_nanos() / every.as_nanos().max(1);
    last.replace((first, step)) < Some((first, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Stamp;
    use crate::recv::frame::fixture::Frame;
    use std::sync::mpsc;

    #[test]
    fn a_snapshot_is_the_jpeg_as_it_was_sent() {
        let dir = tempfile::tempdir().unwrap();
        let within = dir.path().join("made/on/the/way");
        let frame = Frame::default().name("garden").build();
        let path = save(&within, &frame, Turn::NONE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), **frame.jpeg);
        assert_eq!(path.extension().unwrap(), "jpg");
        let again = save(&within, &frame, Turn::NONE).unwrap();
        assert_ne!(path, again);
    }

    #[test]
    fn a_snapshot_asks_for_no_ack() {
        let dir = tempfile::tempdir().unwrap();
        let mut frame = Frame::default();
        frame.stamp.as_mut().unwrap().ack = true;
        let path = save(dir.path(), &frame.build(), Turn::NONE).unwrap();
        let kept = Stamp::find(&fs::read(path).unwrap()).unwrap();
        assert_eq!((kept.ack, kept.seq), (false, 0));
    }

    #[test]
    fn a_directory_that_cannot_be_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let (snapshots, told) = start(config(&file.join("dir"), None));
        snapshots.snapshot(&Frame::default().build(), Turn::NONE);
        let (_, line) = told.recv().unwrap();
        assert!(line.contains("--snapshot-dir"), "{line}");
    }

    #[test]
    fn time_lapse_takes_one_a_step_and_leaves_empty_steps_out() {
        let (every, mut last) = (Duration::from_secs(10), None);
        let start = Instant::now();
        let taken: Vec<u64> = [0, 1, 9, 10, 12, 21, 29, 55, 59, 60, 69, 70]
            .into_iter()
            .filter(|s| is_due(every, &mut last, start + Duration::from_secs(*s)))
            .collect();
        assert_eq!(taken, [0, 10, 21, 55, 60, 70]);
    }

    fn config(dir: &Path, every: Option<Duration>) -> Config {
        Config {
            dir: dir.to_owned(),
            every,
        }
    }

    fn start(config: Config) -> (Snapshots, mpsc::Receiver<(Severity, String)>) {
        let (tell, told) = mpsc::channel();
        let tell = Arc::new(move |severity, line| drop(tell.send((severity, line))));
        (Snapshots::start(config, tell).unwrap(), told)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn asked_and_lapsed_snapshots_are_written_and_the_asked_ones_told() {
        let dir = tempfile::tempdir().unwrap();
        let (snapshots, told) = start(config(dir.path(), Some(Duration::from_secs(1))));
        let mut frame = Frame::default();
        for _ in 0..30 {
            snapshots.put(&frame.build(), Turn::NONE);
            frame = frame.after(Duration::from_millis(100));
        }
        snapshots.snapshot(&frame.build(), Turn::from_flips(1, false, false));
        snapshots.worker.finish(soon());
        drop(snapshots);
        let [saved] = &told.iter().collect::<Vec<_>>()[..] else {
            panic!("not one saved");
        };
        let path = saved.1.strip_prefix("saved ").unwrap();
        assert!(Path::new(path).is_file());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_snapshot_that_finds_the_queue_full_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let (tell, told) = mpsc::channel();
        // The thread stands in its first report, as it would in a write.
        let tell = move |severity, line: String| {
            if line.starts_with("saved") {
                let _ = held.lock().unwrap().recv();
            }
            drop(tell.send((severity, line)));
        };
        let snapshots = Snapshots::start(config(dir.path(), None), Arc::new(tell)).unwrap();
        let frame = Frame::default().build();
        let asked = LIMITS.0 + 10;
        for _ in 0..asked {
            snapshots.snapshot(&frame, Turn::NONE);
        }
        drop(release);
        snapshots.worker.finish(soon());
        drop(snapshots);
        let told: Vec<_> = told.iter().collect();
        assert_eq!(told.len(), asked);
        let full = told
            .iter()
            .filter(|event| event.0 == Severity::Error)
            .count();
        // One may have been taken already.
        assert!((9..=10).contains(&full), "{full}");
    }

    #[test]
    fn a_time_lapse_that_fails_tells_a_line_now_and_then_with_a_count() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let every = Some(Duration::from_millis(500));
        let (snapshots, told) = start(config(&file.join("dir"), every));
        let mut frame = Frame::default();
        for _ in 0..60 {
            snapshots.put(&frame.build(), Turn::NONE);
            frame = frame.after(Duration::from_millis(500));
        }
        snapshots.worker.finish(soon());
        drop(snapshots);
        let counts: Vec<u32> = told
            .iter()
            .map(|event| {
                let missed = event.1.strip_prefix("time lapse: ").unwrap();
                missed.split(' ').next().unwrap().parse().unwrap()
            })
            .collect();
        assert_eq!(counts, [1, 20, 20]);
    }
}
