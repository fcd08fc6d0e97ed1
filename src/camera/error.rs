//! Why there are no pictures from the camera: each line says what was expected and what to do.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;

/// Why there are no pictures from the camera. The lines are written where the reason is known; the kinds are
/// what is done about it.
#[derive(Debug)]
pub enum CameraError {
    /// The command line asks for what there is not: the line names the option and what there is.
    Usage(String),
    /// No camera is there, or the one that was in use is not.
    Absent(String),
    /// Another program has the camera.
    Busy(String),
    /// The camera gives no frame, or none that can be sent.
    Failed(String),
    /// libcamera, or the kernel below it, refused.
    Library {
        /// What was to be done.
        doing: &'static str,
        source: io::Error,
    },
}

impl CameraError {
    /// Whether the command line is at fault (exit status 2) rather than the camera.
    pub fn is_usage(&self) -> bool {
        matches!(self, CameraError::Usage(_))
    }

    /// The camera that was there is no more.
    pub(super) fn unplugged() -> CameraError {
        CameraError::Absent("the camera was unplugged".into())
    }
}

impl fmt::Display for CameraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CameraError::Usage(line)
            | CameraError::Absent(line)
            | CameraError::Busy(line)
            | CameraError::Failed(line) => f.write_str(line),
            CameraError::Library { doing, source } => write!(
                f,
                "libcamera failed to {doing}: {source}; LIBCAMERA_LOG_LEVELS='*:INFO' shows what it says"
            ),
        }
    }
}

impl std::error::Error for CameraError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CameraError::Library { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Wraps what libcamera answered.
pub(super) fn library(doing: &'static str) -> impl Fn(io::Error) -> CameraError {
    move |source| CameraError::Library { doing, source }
}

/// That libcamera finds no camera; looks at `/dev/media*` to tell a missing camera from a missing right.
pub(super) fn no_camera() -> CameraError {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut media: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().starts_with("/dev/media"))
        .collect();
    media.sort();
    let may_not = media.iter().find(|path| {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    });
    let cable = "check the cable with the power off, then try `rpicam-hello --list-cameras`";
    CameraError::Absent(match may_not {
        Some(path) => format!(
            "no camera found: {} may not be opened; cameras belong to the group video: \
             `sudo usermod -aG video $USER`, then log in again",
            path.display()
        ),
        None if media.is_empty() => format!(
            "no camera found: there is no /dev/media*, so the kernel sees none either; {cable}"
        ),
        None => {
            format!("no camera found: the devices can be opened, but no camera answers; {cable}")
        }
    })
}

/// The items of a list in a line.
pub(super) fn listed(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.is_empty() {
        true => "none".into(),
        false => items.join(", "),
    }
}
