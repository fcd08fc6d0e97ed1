//! The camera of a build that has none: the same interface, and the one error that says what would help.

use std::fmt;
use std::path::Path;

use crate::report::Severity;
use crate::send::camera_options::{CameraConfig, ListFormat};
use crate::source::Feed;

/// This program was built without the camera.
#[derive(Debug)]
pub struct CameraError;

/// What a camera has to say; here nothing.
#[derive(Debug)]
pub enum Notice {}

impl CameraError {
    /// Whether the command line is at fault (exit status 2).
    pub fn is_usage(&self) -> bool {
        false
    }
}

impl fmt::Display for CameraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if cfg!(target_os = "linux") {
            "this pi-send was built without the camera: build it with 'cargo build --release --features camera' \
             (needs Rust 1.87, libcamera-dev and libclang-dev), or take --source test, a FILE or -"
        } else {
            "cameras are reached through libcamera, which is there on Linux only: take --source test, a FILE or -"
        })
    }
}

impl std::error::Error for CameraError {}

impl Notice {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match *self {}
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Fails, and closes the feed.
pub fn run(_: &CameraConfig, feed: &Feed, _: &(dyn Fn(Notice) + Sync)) -> Result<(), CameraError> {
    feed.slot().close();
    Err(CameraError)
}

/// Fails.
pub fn list(_: ListFormat) -> Result<String, CameraError> {
    Err(CameraError)
}

/// Nothing: [`run`] says what is missing.
pub fn use_tuning_file(_: &Path) -> Result<(), CameraError> {
    Ok(())
}
