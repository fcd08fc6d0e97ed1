//! The files of a recording: makes the next one, writes its container, keeps some of the disk free.
//!
//! Runs on the recorder's thread and blocks on the disk. Who calls decides when a file ends.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{Claim, Config, Container};
use super::growing::Growing;
use super::matroska::Matroska;
use super::ring::Ring;
use crate::recv::frame::Received;
use crate::sinks::files;

/// What stays free unless somebody says so: this much, or …
const RESERVE: u64 = 100_000_000;

/// … this part of a small file system.
const RESERVE_PART: u64 = 100;

/// After how many bytes the free space is asked for at the latest: others write, too.
const LOOK_EVERY: u64 = 4_000_000;

/// The files that a recording makes.
#[derive(Debug)]
pub(crate) struct Segments {
    pub(crate) ring: Ring,
    pub(crate) open: Option<OpenFile>,
    /// How many bytes can be written before the free space is asked for again.
    room: u64,
    /// The name is ours as long as this is there.
    _claim: Option<Claim>,
}

/// The file that is being written.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: Growing,
    /// `None`: JPEGs, one behind the other, whose stamps are the only times.
    matroska: Option<Matroska>,
}

impl Segments {
    /// None yet.
    pub(crate) fn new(config: Config, claim: Option<Claim>) -> Segments {
        Segments {
            ring: Ring::new(config),
            open: None,
            room: 0,
            _claim: claim,
        }
    }

    /// Makes the file that starts with this frame.
    pub(crate) fn open(&mut self, first: &Received) -> io::Result<PathBuf> {
        self.look(0)?;
        let (path, file) = self.ring.create(first)?;
        let mut file = Growing::new(file);
        let matroska = match Container::of(&path) {
            Some(Container::Matroska) => Matroska::create(&mut file, first).map(Some),
            _ => Ok(None),
        }
        .inspect_err(|_| {
            // A file without a frame is none; where it cannot be deleted it does no harm.
            let _ = fs::remove_file(&path);
        })?;
        self.open = Some(OpenFile { file, matroska });
        Ok(path)
    }

    /// Appends a frame that is shown `at` after the first. After an error the frames before it are
    /// whole.
    pub(crate) fn write(&mut self, at: Duration, jpeg: [&[u8]; 3]) -> io::Result<()> {
        let bytes = jpeg.iter().map(|piece| piece.len() as u64).sum();
        if self.room < bytes {
            self.look(bytes)?;
        }
        self.room = self.room.saturating_sub(bytes);
        let open = self.open.as_mut().expect("the first frame opens a file");
        match &mut open.matroska {
            Some(matroska) => matroska.write(&mut open.file, at, jpeg),
            None => open.file.append(&jpeg),
        }
    }

    /// Whether so many bytes can be written and leave free what is to stay free.
    fn look(&mut self, bytes: u64) -> io::Result<()> {
        // Where the system does not say, writing will.
        let Ok(disk) = fs4::statvfs(self.dir()) else {
            return Ok(());
        };
        let by_default = RESERVE.min(disk.total_space() / RESERVE_PART);
        let reserve = self.ring.config.keep_free.unwrap_or(by_default);
        // A quarter more before a file is made: there is to be more in it than a frame.
        let more = self.open.as_ref().map_or(reserve / 4, |_| bytes);
        let free = disk.available_space();
        let Some(rest) = free.checked_sub(reserve.saturating_add(more)) else {
            let (free, reserve) = (free / 1_000_000, reserve / 1_000_000);
            let line =
                format!("{free} MB are free, and {reserve} MB are to stay free (--keep-free)");
            return Err(io::Error::new(ErrorKind::StorageFull, line));
        };
        self.room = (rest / 2).min(LOOK_EVERY);
        Ok(())
    }

    /// Waits until what was written is on stable storage.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let open = self.open.as_mut();
        open.map_or(Ok(()), |open| open.file.sync())
    }

    /// Completes the file that is open, if there is one, and waits until it is on stable storage.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let finished = open
            .matroska
            .map_or(Ok(()), |mut matroska| matroska.finish(&mut open.file));
        finished.and(open.file.sync())
    }

    /// Where the files are.
    pub(crate) fn dir(&self) -> &Path {
        files::parent(&self.ring.config.path)
    }
}
