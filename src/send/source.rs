//! Which source pi-send runs: the camera, or one of [`crate::source`].

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::camera;
use crate::handoff::ends_within;
use crate::report::{ListFormat, Severity};
use crate::source::camera::{CameraConfig, CameraError};
#[cfg(target_os = "linux")]
use crate::source::rpicam;
use crate::source::stream::{self, StreamError};
use crate::source::{CloseAtEnd, Feed, Report, test_picture};

/// Where pictures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The camera.
    Camera(Box<CameraConfig>),
    /// The camera, through `rpicam-vid`.
    #[cfg(target_os = "linux")]
    Rpicam(Box<CameraConfig>),
    /// The test picture: a camera of which the size, the rate and the turn count.
    Test(Box<CameraConfig>),
    /// A file or standard input.
    Stream(stream::Options),
}

/// How long the source has to end: a camera is released in it; standard input may never come back.
const PATIENCE: Duration = Duration::from_millis(400);

/// Waits for the end of a source's thread, once its feed has ended, and returns what it failed of; one that does not
/// come back is left behind.
pub fn finish(source: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    match ends_within(&source, PATIENCE) {
        true => source.join().unwrap_or(Err(Failure::Panicked)),
        false => Ok(()),
    }
}

/// The cameras that a source has, which is `rpicam` or, whatever else it is, libcamera's.
pub fn list(source: &str, format: ListFormat) -> Result<String, Failure> {
    let listed = match source {
        #[cfg(target_os = "linux")]
        _ if source == "rpicam" || !camera::IS_BUILT_IN => rpicam::list(format),
        _ => camera::list(format),
    };
    listed.map_err(Failure::Camera)
}

/// Runs a source, for a thread of its own. When it ends it closes the feed, and sending ends. Lines for the user go to
/// `report`.
pub fn run(source: &Source, feed: &Feed, report: Report<'_>) -> Result<(), Failure> {
    let _closing = CloseAtEnd(feed);
    match source {
        Source::Camera(config) => camera::run(config, feed, report).map_err(Failure::Camera)?,
        #[cfg(target_os = "linux")]
        Source::Rpicam(config) => {
            let without = match camera::IS_BUILT_IN {
                true => "",
                false => " (this pi-send was built without libcamera)",
            };
            let line = format!("the camera's pictures come from rpicam-vid{without}");
            report(Severity::Info, line);
            rpicam::run(config, feed, report).map_err(Failure::Camera)?;
        }
        Source::Test(config) => test_picture::run(config, feed),
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
    /// It panicked. What it was, the panic hook has said.
    #[error("the source ended by a fault of pi-send itself, told above")]
    Panicked,
}

impl Failure {
    /// Whether it is the command line that was wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Failure::Camera(error) if error.is_usage())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::{Reason, Wake};
    use crate::picture::Turn;
    use crate::source::Delivery;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_source_that_panics_makes_pi_send_fail() {
        let source = thread::spawn(|| -> Result<(), Failure> { panic!("for the test") });
        while !source.is_finished() {
            thread::yield_now();
        }
        let ended = finish(source);
        assert!(ended.is_err(), "a service would not be started again");
    }

    #[test]
    fn the_feed_of_a_source_that_ends_or_fails_is_closed() {
        let turn = Turn::NONE;
        let test = CameraConfig {
            size: (64, 48),
            fps: 1000.0,
            ..CameraConfig::default()
        };
        let missing = stream::Options {
            file: Some("/nowhere/at.all".into()),
            fps: None,
            repeat: false,
            turn,
        };
        for (source, fails) in [
            (Source::Test(test.into()), false),
            (Source::Stream(missing), true),
        ] {
            let feed = Arc::new(Feed::new(Delivery::NewestWins));
            let fed = Arc::clone(&feed);
            let running = thread::spawn(move || run(&source, &fed, &|_, _| ()));
            feed.link_stands();
            feed.stop.ask(Reason::Done);
            while feed.slot.wait(None) != Wake::Closed {
                feed.slot.take();
            }
            assert_eq!(finish(running).is_err(), fails);
        }
    }

    #[test]
    fn a_source_that_hangs_is_left_behind() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let source = thread::spawn(move || {
            let _ = held.recv();
            Ok(())
        });
        let ended = finish(source);
        assert!(ended.is_ok());
        drop(release);
    }
}
