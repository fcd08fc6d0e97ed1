//! The files of a recording: which one comes next, in which container, and which ones go.
//!
//! Runs on the recorder's thread and blocks on the disk. When a file ends it is told.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::config::{Claim, Config, Container};
use super::growing::Growing;
use super::matroska::{Head, Matroska};
use super::mjpeg::Mjpeg;
use super::notice::RecordError;
use super::ring::Ring;
use crate::recv::received::Received;
use crate::sinks::files;

/// What stays free unless somebody says so: this much, or …
const RESERVE: u64 = 100_000_000;

/// … this part of a small file system.
const RESERVE_PART: u64 = 100;

/// How often it is looked for room, by the frames' arrivals: others write, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The files that a recording makes.
#[derive(Debug)]
pub struct Segments {
    config: Config,
    ring: Ring,
    /// Whether the path as it was given may still be made.
    plain: bool,
    /// Until when, and how many bytes, can be written before it is looked for room again.
    room: Option<(Instant, u64)>,
    /// The name is ours as long as this is there.
    _claim: Option<Claim>,
}

impl Segments {
    /// None yet.
    pub fn new(config: Config, claim: Option<Claim>) -> Segments {
        Segments {
            ring: Ring::new(config.path.clone(), config.keep, config.segment),
            plain: config.segment.is_none() && config.keep.is_none(),
            config,
            room: None,
            _claim: claim,
        }
    }

    /// The longest time that one file shows.
    pub fn limit(&self) -> Option<Duration> {
        self.config.segment
    }

    /// Deletes the files of a ring that leave no room for the one that starts with this frame.
    pub fn advance(&mut self, first: &Received) -> Result<(), RecordError> {
        self.ring
            .advance(first)
            .map_err(|source| RecordError::Delete {
                dir: self.dir().to_owned(),
                source,
            })
    }

    /// Makes the file that starts with this frame.
    pub fn open(&mut self, first: &Received) -> Result<OpenFile, RecordError> {
        // A quarter more than must stay free: there is to be more in it than a frame.
        self.room_for(self.reserve() / 4, first.arrived)?;
        let created = self.create(first);
        let (path, file) = created.map_err(|source| RecordError::Place {
            dir: self.dir().to_owned(),
            source,
        })?;
        match open(self.config.container, file, first) {
            Ok(body) => Ok(OpenFile { path, body }),
            Err(source) => {
                // A file without a frame is none; where it cannot be deleted it does no harm.
                let _ = fs::remove_file(&path);
                Err(RecordError::Write { path, source })
            }
        }
    }

    fn create(&mut self, first: &Received) -> io::Result<(PathBuf, File)> {
        // Once: a disk that was unplugged later must not be replaced by a folder of its name.
        if std::mem::take(&mut self.config.make_dir) {
            fs::create_dir_all(self.dir())?;
        }
        if std::mem::take(&mut self.plain) {
            match files::create_new(&self.config.path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map(|file| (self.config.path.clone(), file)),
            }
        }
        self.ring.create(first)
    }

    /// Whether so many bytes can be written at `now` and leave free what is to stay free.
    pub fn room_for(&mut self, bytes: u64, now: Instant) -> Result<(), RecordError> {
        if let Some((until, left)) = &mut self.room {
            if now < *until && bytes <= *left {
                *left -= bytes;
                return Ok(());
            }
        }
        self.room = None;
        let reserve = self.reserve();
        // Where the system does not say, writing will.
        let free = fs4::available_space(self.dir()).unwrap_or(u64::MAX);
        let Some(rest) = free.checked_sub(reserve.saturating_add(bytes)) else {
            return Err(RecordError::NoRoom {
                dir: self.dir().to_owned(),
                free,
                reserve,
            });
        };
        self.room = Some((now + LOOK_EVERY, rest / 2));
        Ok(())
    }

    /// Makes room at the cost of a ring's oldest file. Returns it; `None` where there is none to give
    /// up, or where doing so brought nothing: another must not go the same way.
    pub fn give_up_oldest(&mut self) -> Option<PathBuf> {
        let before = fs4::available_space(self.dir()).ok()?;
        let gone = self.ring.give_up_oldest().ok()??;
        let after = fs4::available_space(self.dir()).ok()?;
        (after > before).then_some(gone)
    }

    fn reserve(&self) -> u64 {
        self.config.keep_free.unwrap_or_else(|| {
            fs4::total_space(self.dir()).map_or(0, |total| RESERVE.min(total / RESERVE_PART))
        })
    }

    fn dir(&self) -> &Path {
        files::parent(&self.config.path)
    }
}

fn open(container: Container, file: File, first: &Received) -> io::Result<Body> {
    let file = Growing::new(file);
    match container {
        Container::Mjpeg => Ok(Body::Mjpeg(Mjpeg::create(file))),
        Container::Matroska => {
            let head = Head {
                title: first.name().map(|name| name.as_str()),
                date: first.captured_at(),
                width: first.width,
                height: first.height,
            };
            Matroska::create(file, &head).map(Body::Matroska)
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct OpenFile {
    path: PathBuf,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Matroska(Matroska),
    Mjpeg(Mjpeg),
}

impl OpenFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a frame that is shown `at` after the first. After an error the frames before it are
    /// whole.
    pub fn write(&mut self, at: Duration, jpeg: &[u8]) -> Result<(), RecordError> {
        let result = match &mut self.body {
            Body::Matroska(file) => file.write(at, jpeg),
            Body::Mjpeg(file) => file.write(jpeg),
        };
        self.told(result)
    }

    /// Waits until what was written is on stable storage.
    pub fn sync(&mut self) -> Result<(), RecordError> {
        let result = match &mut self.body {
            Body::Matroska(file) => file.sync(),
            Body::Mjpeg(file) => file.sync(),
        };
        self.told(result)
    }

    /// Completes the file and waits until it is on stable storage.
    pub fn finish(mut self) -> Result<(), RecordError> {
        let finished = match &mut self.body {
            Body::Matroska(file) => file.finish(),
            Body::Mjpeg(_) => Ok(()),
        };
        let finished = self.told(finished);
        finished.and(self.sync())
    }

    fn told(&self, result: io::Result<()>) -> Result<(), RecordError> {
        result.map_err(|source| RecordError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
