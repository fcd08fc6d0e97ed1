//! Which source pi-send runs: the camera, or one of [`crate::source`].

use std::fmt;
use std::path::PathBuf;

use crate::camera::{self, CameraConfig, CameraError, ListFormat};
use crate::report::Severity;
use crate::source::stream::{self, StreamError};
use crate::source::{Feed, test_picture};

/// Where pictures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The camera.
    Camera(Box<CameraConfig>),
    /// The test picture.
    Test(test_picture::Options),
    /// A file or standard input.
    Stream(stream::Options),
}

/// What tells the user a line, from any thread of the source's.
pub type Tell<'a> = &'a (dyn Fn(Severity, String) + Sync);

/// Runs a source on this thread until it ends or the feed says stop; it tells what a user wants to know
/// line by line.
pub fn run(source: &Source, feed: &Feed, tell: Tell) -> Result<(), Failure> {
    match source {
        Source::Camera(config) => camera::run(config, feed, tell).map_err(Failure::Camera)?,
        Source::Test(options) => test_picture::run(*options, feed),
        Source::Stream(options) => {
            let failed = |error| Failure::Stream(options.file.clone(), error);
            let skipped = stream::run(options, feed).map_err(failed)?;
            if skipped.bytes > 0 {
                let line = format!(
                    "{} bytes of the input were skipped, {} torn frames among them",
                    skipped.bytes, skipped.torn
                );
                tell(Severity::Warning, line);
            }
        }
    }
    Ok(())
}

/// The cameras of this machine, as text.
pub fn list_cameras(format: ListFormat) -> Result<String, Failure> {
    camera::list(format).map_err(Failure::Camera)
}

/// Why there are no (more) pictures.
#[derive(Debug)]
pub enum Failure {
    /// A file or (`None`) standard input, and what is wrong with it.
    Stream(Option<PathBuf>, StreamError),
    /// The camera, or that this program was built without it.
    Camera(CameraError),
}

impl Failure {
    /// Whether it is the command line that was wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Failure::Camera(error) if error.is_usage())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Stream(file, error) => {
                let name = file.as_deref().unwrap_or("-".as_ref());
                write!(f, "--source {}: {error}", name.display())
            }
            Failure::Camera(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The error itself is told already; what is behind it is not.
            Failure::Stream(_, error) => error.source(),
            Failure::Camera(error) => error.source(),
        }
    }
}
