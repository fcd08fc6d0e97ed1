//! The camera of a build without libcamera: the same interface, and one error. On Linux, `--source rpicam` stands in for
//! it.

use std::path::Path;

use crate::report::ListFormat;
use crate::source::Feed;
use crate::source::camera::{CameraConfig, CameraError, Result};

/// Whether libcamera is built in.
pub const IS_BUILT_IN: bool = false;

const MISSING: &str = "cameras are reached through libcamera, which exists on Linux only: take --source test, a FILE or -";

/// Fails.
pub fn run(_: &CameraConfig, _: &Feed) -> Result<()> {
    Err(CameraError::Failed(MISSING.into()))
}

/// Fails.
pub fn list(_: ListFormat) -> Result<String> {
    Err(CameraError::Failed(MISSING.into()))
}

/// Does nothing: [`run`] says what is missing.
pub fn use_tuning_file(_: &Path) -> Result<()> {
    Ok(())
}
