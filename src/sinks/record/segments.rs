//! The files of a recording: makes the next one, writes its container, keeps some of the disk free.
//!
//! Runs on the recorder's thread and blocks on the disk. Who calls decides when a file ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::config::{Claim, Config, Container};
use super::error::RecordError;
use super::growing::Growing;
use super::matroska::Matroska;
use super::ring::Ring;
use crate::recv::frame::Received;
use crate::sinks::files;

/// What stays free unless somebody says so: this much, or …
const RESERVE: u64 = 100_000_000;

/// … this part of a small file system.
const RESERVE_PART: u64 = 100;

/// How often the free space is asked for, by the frames' arrivals: others write, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The files that a recording makes.
#[derive(Debug)]
pub(crate) struct Segments {
    config: Config,
    ring: Ring,
    /// Whether the path as it was given may still be made.
    plain: bool,
    /// Until when, and how many bytes, can be written before the free space is asked for again.
    room: Option<(Instant, u64)>,
    /// The name is ours as long as this is there.
    _claim: Option<Claim>,
}

impl Segments {
    /// None yet.
    pub(crate) fn new(config: Config, claim: Option<Claim>) -> Segments {
        Segments {
            ring: Ring::new(&config),
            plain: config.segment.is_none() && config.keep.is_none(),
            config,
            room: None,
            _claim: claim,
        }
    }

    /// Deletes the files of a ring that leave no room for the one that starts with this frame.
    pub(crate) fn advance(&mut self, first: &Received) -> Result<(), RecordError> {
        let advanced = self.ring.advance(first);
        advanced.map_err(RecordError::io(|| {
            format!("an old file in {} stays", self.dir().display())
        }))
    }

    /// Makes the file that starts with this frame.
    pub(crate) fn open(&mut self, first: &Received) -> Result<OpenFile, RecordError> {
        // A quarter more than must stay free: there is to be more in it than a frame.
        self.room_for(self.reserve() / 4, first.arrived)?;
        let created = self.create(first);
        let (path, file) = created.map_err(RecordError::no_place(self.dir()))?;
        let mut file = Growing::new(file);
        let head = match self.config.container {
            Container::Mjpeg => Ok(None),
            Container::Matroska => Matroska::create(&mut file, first).map(Some),
        };
        match head {
            Ok(matroska) => Ok(OpenFile {
                path,
                file,
                matroska,
            }),
            Err(source) => {
                // A file without a frame is none; where it cannot be deleted it does no harm.
                let _ = fs::remove_file(&path);
                Err(cannot_write(&path)(source))
            }
        }
    }

    fn create(&mut self, first: &Received) -> io::Result<(PathBuf, File)> {
        // Once: a disk that was unplugged later must not be replaced by a folder of its name.
        if std::mem::take(&mut self.config.make_dir) {
            fs::create_dir_all(self.dir())?;
        }
        if std::mem::take(&mut self.plain) {
            match File::create_new(&self.config.path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map(|file| (self.config.path.clone(), file)),
            }
        }
        self.ring.create(first)
    }

    /// Whether so many bytes can be written at `now` and leave free what is to stay free.
    pub(crate) fn room_for(&mut self, bytes: u64, now: Instant) -> Result<(), RecordError> {
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
    pub(crate) fn give_up_oldest(&mut self) -> Option<PathBuf> {
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

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) path: PathBuf,
    file: Growing,
    /// `None`: JPEGs, one behind the other, whose stamps are the only times.
    matroska: Option<Matroska>,
}

impl OpenFile {
    /// Appends a frame that is shown `at` after the first. After an error the frames before it are
    /// whole.
    pub(crate) fn write(&mut self, at: Duration, jpeg: &[u8]) -> Result<(), RecordError> {
        let written = match &mut self.matroska {
            Some(matroska) => matroska.write(&mut self.file, at, jpeg),
            None => self.file.append(&[jpeg]),
        };
        written.map_err(cannot_write(&self.path))
    }

    /// Waits until what was written is on stable storage.
    pub(crate) fn sync(&mut self) -> Result<(), RecordError> {
        self.file.sync().map_err(cannot_write(&self.path))
    }

    /// Completes the file and waits until it is on stable storage.
    pub(crate) fn finish(mut self) -> Result<(), RecordError> {
        let finished = match &mut self.matroska {
            Some(matroska) => matroska.finish(&mut self.file),
            None => Ok(()),
        };
        let synced = self.sync();
        finished.map_err(cannot_write(&self.path)).and(synced)
    }
}

/// For `map_err`.
fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> RecordError {
    RecordError::io(|| path.display().to_string())
}
