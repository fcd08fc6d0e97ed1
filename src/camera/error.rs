//! Why there are no pictures from the camera: each line says what was found and what to do.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io;

use crate::source::camera::CameraError;

/// What the room's functions return.
pub(super) type Result<T, E = CameraError> = std::result::Result<T, E>;

impl CameraError {
    pub(super) fn unplugged() -> CameraError {
        CameraError::Absent("the camera was unplugged".into())
    }
}

/// Adds what was attempted, as a verb, to libcamera's error.
pub(super) fn library(doing: &'static str) -> impl Fn(io::Error) -> CameraError {
    move |source| CameraError::Library(doing, source)
}

/// Why no camera was found: the kernel's `/dev/media*` tell a missing permission from a missing camera.
pub(super) fn no_camera() -> CameraError {
    let devices = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut devices = devices.map(|entry| entry.path().display().to_string());
    let is_forbidden = |path: &String| {
        let opened = || OpenOptions::new().read(true).write(true).open(path);
        let is_denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        path.starts_with("/dev/media") && opened().is_err_and(is_denied)
    };
    let reason = match devices.find(is_forbidden) {
        Some(path) => format!(
            "{path} may not be opened; cameras belong to the group video: \
             `sudo usermod -aG video $USER`, then log in again"
        ),
        None => "check the cable with the power off, then try `rpicam-hello --list-cameras`".into(),
    };
    CameraError::Absent(format!("no camera found: {reason}"))
}

/// The items in a line; "none" without any.
pub(super) fn listed(items: impl IntoIterator<Item = impl Display>) -> String {
    let items = items.into_iter().map(|item| item.to_string());
    let items = Vec::from_iter(items).join(", ");
    let listed = Some(items).filter(|items| !items.is_empty());
    listed.unwrap_or("none".into())
}
