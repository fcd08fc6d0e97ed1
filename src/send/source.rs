//! Which source pi-send runs: the camera, or one of [`crate::source`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::camera::{self, CameraConfig, CameraError, ListFormat};
use crate::handoff::{ends_within, spawn};
use crate::report::Severity;
#[cfg(target_os = "linux")]
use crate::source::rpicam::{self, RpicamError};
use crate::source::stream::{self, StreamError};
use crate::source::{Feed, test_picture};

/// Where pictures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The camera.
    Camera(Box<CameraConfig>),
    /// The camera, through `rpicam-vid`.
    #[cfg(target_os = "linux")]
    Rpicam(Box<rpicam::Options>),
    /// The test picture.
    Test(test_picture::Options),
    /// A file or standard input.
    Stream(stream::Options),
}

/// How long the source has to end: a camera is released in it; standard input may never come back.
const PATIENCE: Duration = Duration::from_millis(400);

/// A source on a thread of its own.
#[derive(Debug)]
pub struct Running(JoinHandle<Result<(), Failure>>);

impl Running {
    /// Waits for the end of a source whose feed has ended, and returns what it failed of; one that does not come back
    /// is left behind.
    pub fn finish(self) -> Result<(), Failure> {
        if ends_within(&self.0, PATIENCE) {
            self.0.join().map_err(|_| Failure::Panicked)??;
        }
        Ok(())
    }
}

/// Starts a source. When it ends it closes the feed, and sending ends. Lines for the user go to `report`, from any
/// thread.
pub fn start(
    source: Source,
    feed: &Arc<Feed>,
    report: impl Fn(Severity, String) + Send + Sync + 'static,
) -> io::Result<Running> {
    let feed = Arc::clone(feed);
    let thread = spawn("source", move || run(&source, &feed, &report))?;
    Ok(Running(thread))
}

/// The cameras that a source has, which is `rpicam` or, whatever else it is, libcamera's.
pub fn list(source: &str, format: ListFormat) -> Result<String, Failure> {
    match source {
        #[cfg(target_os = "linux")]
        _ if source == "rpicam" || !camera::IS_BUILT_IN => {
            rpicam::list(format == ListFormat::Json).map_err(Failure::Rpicam)
        }
        _ => camera::list(format).map_err(Failure::Camera),
    }
}

fn run(
    source: &Source,
    feed: &Feed,
    report: &(dyn Fn(Severity, String) + Sync),
) -> Result<(), Failure> {
    match source {
        Source::Camera(config) => camera::run(config, feed, report).map_err(Failure::Camera)?,
        #[cfg(target_os = "linux")]
        Source::Rpicam(options) => {
            let without = match camera::IS_BUILT_IN {
                true => "",
                false => " (this pi-send was built without libcamera)",
            };
            let line = format!("the camera's pictures come from rpicam-vid{without}");
            report(Severity::Info, line);
            rpicam::run(options, feed, report).map_err(Failure::Rpicam)?;
        }
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
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Rpicam(RpicamError),
    /// It panicked. What it was, the panic hook has said.
    #[error("the source ended by a fault of pi-send itself, told above")]
    Panicked,
}

impl Failure {
    /// Whether it is the command line that was wrong.
    pub fn is_usage(&self) -> bool {
        match self {
            Failure::Camera(error) => error.is_usage(),
            #[cfg(target_os = "linux")]
            Failure::Rpicam(error) => matches!(error, RpicamError::Usage(_)),
            Failure::Stream(..) | Failure::Panicked => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_source_that_panics_makes_pi_send_fail() {
        let source = thread::spawn(|| -> Result<(), Failure> { panic!("for the test") });
        while !source.is_finished() {
            thread::yield_now();
        }
        let ended = Running(source).finish();
        assert!(ended.is_err(), "a service would not be started again");
    }

    #[test]
    fn a_source_that_hangs_is_left_behind() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let source = thread::spawn(move || {
            let _ = held.recv();
            Ok(())
        });
        let ended = Running(source).finish();
        assert!(ended.is_ok());
        drop(release);
    }
}
