//! The camera of a build without libcamera: the same interface, and one error. On Linux, `--source rpicam` stands in for
//! it.

mod config;

use std::path::Path;

pub use self::config::CameraConfig;
pub(crate) use self::config::Setting;
pub use crate::report::ListFormat;
use crate::source::{Feed, Report};

/// Whether libcamera is built in.
pub const IS_BUILT_IN: bool = false;

#[derive(Debug, thiserror::Error)]
#[error(
    "cameras are reached through libcamera, which exists on Linux only: take --source test, a FILE or -"
)]
pub struct CameraError;

impl CameraError {
    pub fn is_usage(&self) -> bool {
        false
    }
}

/// Fails, and closes the feed.
pub fn run(_: &CameraConfig, feed: &Feed, _: Report<'_>) -> Result<(), CameraError> {
    feed.slot.close();
    Err(CameraError)
}

/// Fails.
pub fn list(_: ListFormat) -> Result<String, CameraError> {
    Err(CameraError)
}

/// Does nothing: [`run`] says what is missing.
pub fn use_tuning_file(_: &Path) -> Result<(), CameraError> {
    Ok(())
}
