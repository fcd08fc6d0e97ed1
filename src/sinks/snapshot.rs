//! Snapshots: single frames kept as JPEG files, by the S key and by `--snapshot-every`.
//!
//! A snapshot is the JPEG as it was sent (its stamp asks for no ack); a turned picture bears the turn
//! in its Exif orientation, so that nothing is encoded twice. Files are written on a thread of its
//! own, which blocks on its queue and the disk; the window and the reader only put.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::files;
use crate::handoff::lock::lock;
use crate::handoff::queue::{Limits, Queue, Taken};
use crate::handoff::worker::Worker;
use crate::jpeg::orientation;
use crate::picture::Turn;
use crate::protocol::stamp;
use crate::recv::received::Received;
use crate::report::limit::RateLimit;
use crate::sinks::SLOW_EVERY;

/// Where snapshots go, and how often one is taken by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory; created with its parents when the first snapshot is taken.
    pub dir: PathBuf,
    /// Time lapse: the time from one snapshot to the next, by arrival.
    pub every: Option<Duration>,
}

/// Why a snapshot was not kept.
#[derive(Debug)]
pub struct SnapshotError {
    dir: PathBuf,
    source: io::Error,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no snapshot in {}: {}; choose another place with --snapshot-dir",
            self.dir.display(),
            self.source
        )
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// News of snapshots; each is a line.
#[derive(Debug)]
pub enum Notice {
    /// The file of a snapshot that somebody asked for.
    Saved(PathBuf),
    /// There is none.
    Failed(SnapshotError),
    /// There is none either: those asked for before are not written yet.
    Full,
    /// Time lapse misses pictures.
    Missed {
        /// How many since the last such notice.
        count: u64,
        /// What happened to the last of them; `None`: as [`Notice::Full`].
        why: Option<SnapshotError>,
    },
}

impl Notice {
    /// Whether something is not as it should be.
    pub fn is_bad(&self) -> bool {
        !matches!(self, Notice::Saved(_))
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SLOW: &str = "the disk is too slow";
        match self {
            Notice::Saved(path) => write!(f, "saved {}", path.display()),
            Notice::Failed(why) => why.fmt(f),
            Notice::Full => write!(f, "no snapshot: {SLOW}"),
            Notice::Missed { count, why } => {
                write!(f, "time lapse: {count} missed (told at most every ")?;
                write!(f, "{} s): ", SLOW_EVERY.as_secs())?;
                match why {
                    Some(why) => why.fmt(f),
                    None => f.write_str(SLOW),
                }
            }
        }
    }
}

/// Who hears of it, and how much of time lapse's misses.
struct Telling {
    notice: Box<dyn Fn(Notice) + Send + Sync>,
    missed: Mutex<RateLimit>,
}

impl Telling {
    fn missed(&self, why: Option<SnapshotError>, now: Instant) {
        let allowed = lock(&self.missed).allow(now);
        if let Some(left_out) = allowed {
            let count = left_out + 1;
            (self.notice)(Notice::Missed { count, why });
        }
    }
}

/// Writes the frame into `dir`; blocks on the disk. Returns the file's path.
fn save(dir: &Path, frame: &Received, turn: Turn) -> Result<PathBuf, SnapshotError> {
    let kept = stamp::without_ack(&frame.jpeg).map_or(Cow::Borrowed(&**frame.jpeg), Cow::Owned);
    let jpeg = if turn == Turn::NONE {
        kept
    } else {
        Cow::Owned(orientation::turned(&kept, turn))
    };
    write(dir, &files::stem(frame), &jpeg).map_err(|source| SnapshotError {
        dir: dir.to_owned(),
        source,
    })
}

fn write(dir: &Path, stem: &str, jpeg: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let (path, mut file) = files::create(dir, stem, "jpg")?;
    if let Err(e) = file.write_all(jpeg) {
        drop(file);
        // Half a picture is none. What stands in the way of deleting it is in `e`, too.
        let _ = fs::remove_file(&path);
        return Err(e);
    }
    Ok(path)
}

#[derive(Debug)]
struct Job {
    frame: Arc<Received>,
    turn: Turn,
    asked: bool,
}

/// The thread that writes snapshots.
pub struct Snapshots {
    queue: Arc<Queue<Job>>,
    lapse: Option<Mutex<Lapse>>,
    telling: Arc<Telling>,
    worker: Worker,
}

impl Snapshots {
    /// Few wait at a time: a snapshot is a wish of a person or of a clock.
    const LIMITS: Limits = Limits {
        items: 64,
        bytes: 32 << 20,
    };

    /// Starts the thread. `notice` is called on it, and where a snapshot finds no room on the thread that
    /// asks for it.
    pub fn start(
        config: Config,
        notice: impl Fn(Notice) + Send + Sync + 'static,
    ) -> io::Result<Snapshots> {
        let queue = Arc::new(Queue::<Job>::new(Self::LIMITS));
        let telling = Arc::new(Telling {
            notice: Box::new(notice),
            missed: Mutex::new(RateLimit::new(1, SLOW_EVERY)),
        });
        let worker = Worker::start("snapshots", {
            let (queue, telling) = (Arc::clone(&queue), Arc::clone(&telling));
            let dir = config.dir;
            move || {
                while let Taken::Item(job) = queue.take(None) {
                    match (save(&dir, &job.frame, job.turn), job.asked) {
                        (Ok(path), true) => (telling.notice)(Notice::Saved(path)),
                        (Ok(_), false) => {}
                        (Err(why), true) => (telling.notice)(Notice::Failed(why)),
                        (Err(why), false) => telling.missed(Some(why), job.frame.arrived),
                    }
                }
            }
        })?;
        Ok(Snapshots {
            queue,
            lapse: config.every.map(|every| Mutex::new(Lapse::new(every))),
            telling,
            worker,
        })
    }

    /// Takes every frame that arrives, and keeps those that time lapse asks for; never blocks.
    pub fn put(&self, frame: &Arc<Received>, turn: Turn) {
        let due = self.lapse.as_ref().is_some_and(|lapse| {
            let mut lapse = lapse.lock().expect("nothing panics while it reads a clock");
            lapse.due(frame.arrived)
        });
        if due && !self.enqueue(frame, turn, false) {
            self.telling.missed(None, frame.arrived);
        }
    }

    /// Keeps this frame; never blocks.
    pub fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        if !self.enqueue(frame, turn, true) {
            (self.telling.notice)(Notice::Full);
        }
    }

    fn enqueue(&self, frame: &Arc<Received>, turn: Turn, asked: bool) -> bool {
        let job = Job {
            frame: Arc::clone(frame),
            turn,
            asked,
        };
        self.queue.put(job, frame.memory())
    }

    /// Takes no more, and does not wait for what was put to be written.
    pub fn stop(&self) {
        self.queue.close();
    }

    /// Takes no more, and waits `until` then at the latest for what was put to be written.
    pub fn finish(&self, until: Instant) {
        self.worker.finish(&self.queue, until);
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.stop();
    }
}

/// When the next snapshot of a time lapse is due.
#[derive(Debug)]
struct Lapse {
    every: Duration,
    next: Option<Instant>,
}

impl Lapse {
    fn new(every: Duration) -> Self {
        Lapse { every, next: None }
    }

    /// Whether the frame that arrived then is to be kept. The steps stay on the first frame's grid,
    /// so that a day has as many pictures as it should; steps without a frame are left out.
    fn due(&mut self, arrived: Instant) -> bool {
        let next = *self.next.get_or_insert(arrived);
        let Some(late) = arrived.checked_duration_since(next) else {
            return false;
        };
        let into_step =
            Duration::from_nanos((late.as_nanos() % self.every.as_nanos().max(1)) as u64);
        self.next = (arrived - into_step).checked_add(self.every);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::stamp::Stamp;
    use crate::recv::fixture::Frame;
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
        let e = save(&file.join("dir"), &Frame::default().build(), Turn::NONE).unwrap_err();
        assert!(e.to_string().contains("--snapshot-dir"), "{e}");
    }

    #[test]
    fn time_lapse_takes_one_a_step_and_leaves_empty_steps_out() {
        let mut lapse = Lapse::new(Duration::from_secs(10));
        let start = Instant::now();
        let taken: Vec<u64> = [0, 1, 9, 10, 12, 21, 29, 55, 59, 60, 69, 70]
            .into_iter()
            .filter(|s| lapse.due(start + Duration::from_secs(*s)))
            .collect();
        assert_eq!(taken, [0, 10, 21, 55, 60, 70]);
    }

    fn config(dir: &Path, every: Option<Duration>) -> Config {
        Config {
            dir: dir.to_owned(),
            every,
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn asked_and_lapsed_snapshots_are_written_and_the_asked_ones_told() {
        let dir = tempfile::tempdir().unwrap();
        let (tell, told) = mpsc::channel();
        let config = config(dir.path(), Some(Duration::from_secs(1)));
        let snapshots = Snapshots::start(config, move |notice| drop(tell.send(notice))).unwrap();
        let mut frame = Frame::default();
        for _ in 0..30 {
            snapshots.put(&frame.build(), Turn::NONE);
            frame = frame.after(Duration::from_millis(100));
        }
        snapshots.snapshot(&frame.build(), Turn::from_flips(1, false, false));
        snapshots.finish(soon());
        drop(snapshots);
        let [Notice::Saved(path)] = &told.iter().collect::<Vec<_>>()[..] else {
            panic!("not one saved");
        };
        assert!(path.is_file());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_snapshot_that_finds_the_queue_full_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let (tell, told) = mpsc::channel();
        // The thread stands in its first notice, as it would in a write.
        let snapshots = Snapshots::start(config(dir.path(), None), move |notice| {
            if matches!(notice, Notice::Saved(_)) {
                let _ = held.lock().unwrap().recv();
            }
            drop(tell.send(notice));
        })
        .unwrap();
        let frame = Frame::default().build();
        let asked = Snapshots::LIMITS.items + 10;
        for _ in 0..asked {
            snapshots.snapshot(&frame, Turn::NONE);
        }
        drop(release);
        snapshots.finish(soon());
        drop(snapshots);
        let told: Vec<_> = told.iter().collect();
        assert_eq!(told.len(), asked);
        let full = told.iter().filter(|notice| notice.is_bad()).count();
        // One may have been taken already.
        assert!((9..=10).contains(&full), "{full}");
    }

    #[test]
    fn a_time_lapse_that_fails_tells_a_line_now_and_then_with_a_count() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let (tell, told) = mpsc::channel();
        let config = config(&file.join("dir"), Some(Duration::from_millis(500)));
        let snapshots = Snapshots::start(config, move |notice| drop(tell.send(notice))).unwrap();
        let mut frame = Frame::default();
        for _ in 0..60 {
            snapshots.put(&frame.build(), Turn::NONE);
            frame = frame.after(Duration::from_millis(500));
        }
        snapshots.finish(soon());
        drop(snapshots);
        let counts: Vec<_> = told
            .iter()
            .map(|notice| match notice {
                Notice::Missed {
                    count,
                    why: Some(_),
                } => count,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(counts, [1, 20, 20]);
    }
}
