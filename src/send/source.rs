//! Which source pi-send runs: the camera, or one of [`crate::source`].

use std::path::PathBuf;

use crate::camera::{self, CameraConfig, CameraError};
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

/// Runs a source on this thread until it ends or the feed says stop. Lines for the user go to `report`, from any
/// thread.
pub fn run(
    source: &Source,
    feed: &Feed,
    report: &(dyn Fn(Severity, String) + Sync),
) -> Result<(), Failure> {
    match source {
        Source::Camera(config) => camera::run(config, feed, report).map_err(Failure::Camera)?,
        Source::Test(options) => test_picture::run(*options, feed),
        Source::Stream(options) => {
            let failed = |error| Failure::Stream(options.file.clone(), error);
            let skipped = stream::run(options, feed).map_err(failed)?;
            if skipped.bytes > 0 {
                let line = format!(
                    "{} bytes of the input were skipped, {} torn frames among them",
                    skipped.bytes, skipped.torn
                );
                report(Severity::Warning, line);
            }
        }
    }
    Ok(())
}

/// Why there are no (more) pictures.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or (`None`) standard input, and what is wrong with it.
    #[error("--source {file}: {1}", file = .0.as_deref().unwrap_or("-".as_ref()).display())]
    Stream(Option<PathBuf>, #[source] StreamError),
    /// The camera, or that this program was built without it.
    #[error(transparent)]
    Camera(CameraError),
}

impl Failure {
    /// Whether it is the command line that was wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Failure::Camera(error) if error.is_usage())
    }
}
