//! The files of a recording: which one comes next, in which container, and which ones go.
//!
//! Runs on the recorder's thread and blocks on the disk. When a file ends it is told.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{Config, Container};
use super::growing::Growing;
use super::matroska::{Head, Matroska};
use super::mjpeg::Mjpeg;
use super::notice::RecordError;
use crate::view::files::{self, Numbered};
use crate::view::received::Received;

/// The files that a recording makes.
#[derive(Debug)]
pub struct Segments {
    config: Config,
    numbered: Numbered,
    /// Whether the path as it was given may still be made.
    plain: bool,
}

impl Segments {
    /// None yet.
    pub fn new(config: Config) -> Segments {
        Segments {
            numbered: Numbered::of(&config.path),
            plain: config.segment.is_none() && config.keep.is_none(),
            config,
        }
    }

    /// The longest time that one file shows.
    pub fn limit(&self) -> Option<Duration> {
        self.config.segment
    }

    /// Makes the file that starts with this frame. The old ones that `keep` leaves no room for go
    /// first; if one of them stays, that comes back beside the file.
    pub fn open(
        &mut self,
        first: &Received,
    ) -> Result<(OpenFile, Result<(), RecordError>), RecordError> {
        let dir = files::parent(&self.config.path).to_owned();
        let kept = self.config.keep.map_or(Ok(()), |keep| {
            let result = self.numbered.keep_last(keep.saturating_sub(1));
            result.map_err(|source| RecordError::Delete {
                dir: dir.clone(),
                source,
            })
        });
        let (path, file) = self
            .create()
            .map_err(|source| RecordError::Place { dir, source })?;
        match open(self.config.container, file, first) {
            Ok(body) => Ok((OpenFile { path, body }, kept)),
            Err(source) => {
                // A file without a frame is none; where it cannot be deleted it does no harm.
                let _ = fs::remove_file(&path);
                Err(RecordError::Write { path, source })
            }
        }
    }

    fn create(&mut self) -> io::Result<(PathBuf, File)> {
        if self.config.make_dir {
            fs::create_dir_all(files::parent(&self.config.path))?;
        }
        if std::mem::take(&mut self.plain) {
            match files::create_new(&self.config.path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map(|file| (self.config.path.clone(), file)),
            }
        }
        self.numbered.create_next()
    }
}

fn open(container: Container, file: File, first: &Received) -> io::Result<Body> {
    let file = Growing::new(file);
    match container {
        Container::Mjpeg => Ok(Body::Mjpeg(Mjpeg::create(file))),
        Container::Matroska => {
            let name = first.stamp.as_ref().and_then(|stamp| stamp.name.as_ref());
            let head = Head {
                title: name.map(|name| name.as_str()),
                date: files::captured_at(first),
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
