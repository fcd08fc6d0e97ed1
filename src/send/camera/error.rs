//! What can go wrong with a camera, each with what was expected and what to do.
//!
//! Plain values and their text; whether a group is missing or a cable is looked up where the error arises.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there are no pictures from the camera.
#[derive(Debug)]
pub enum CameraError {
    /// libcamera finds no camera; what the devices say of it.
    NoCamera(Devices),
    /// `--camera` names none of the cameras that are there.
    Unknown {
        /// What was asked for.
        asked: String,
        /// A line for each camera.
        choices: Vec<String>,
    },
    /// `--camera` names more than one.
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// A line for each camera that it may mean.
        choices: Vec<String>,
    },
    /// Another program has the camera.
    Busy {
        /// The camera's id.
        id: String,
    },
    /// The camera went away.
    Unplugged,
    /// No frame came for that long.
    Stalled(Duration),
    /// The camera gives up what it was asked for, without a word.
    Cancelled,
    /// None of the camera's formats can be made into a JPEG.
    Formats {
        /// The camera's id.
        id: String,
        /// What it offers.
        offered: Vec<String>,
    },
    /// `--mode` is none of the sensor's modes.
    Mode {
        /// What was asked for.
        asked: String,
        /// The sensor's modes.
        modes: Vec<String>,
    },
    /// A control that the camera does not have, or does not take that way.
    Control {
        /// What was asked for, as it was typed.
        asked: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// `--tuning-file` cannot be read.
    TuningFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// libcamera, or the kernel below it, refused.
    Library {
        /// What was to be done.
        doing: &'static str,
        /// The answer.
        source: io::Error,
    },
}

/// What the devices say where libcamera finds no camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Devices {
    /// There is no `/dev/media*` at all.
    Missing,
    /// This one may not be opened.
    Forbidden(PathBuf),
    /// They can be opened: no camera is behind them.
    Open,
}

impl CameraError {
    /// Whether the command line is at fault (exit status 2) rather than the camera.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            CameraError::Unknown { .. }
                | CameraError::Ambiguous { .. }
                | CameraError::Mode { .. }
                | CameraError::Control { .. }
                | CameraError::TuningFile { .. }
        )
    }
}

impl fmt::Display for CameraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CameraError::NoCamera(devices) => write!(f, "no camera found: {devices}"),
            CameraError::Unknown { asked, choices } => write!(
                f,
                "--camera {asked}: no such camera; there are {}",
                choices.join(", ")
            ),
            CameraError::Ambiguous { asked, choices } => write!(
                f,
                "--camera {asked}: more than one camera is meant: {}; give the number or the whole id",
                choices.join(", ")
            ),
            CameraError::Busy { id } => write!(
                f,
                "the camera {id} is busy: another program uses it; end that one (another pi-send, \
                 rpicam-*, picamera2), or choose another camera (--list-cameras)"
            ),
            CameraError::Unplugged => write!(f, "the camera was unplugged"),
            CameraError::Stalled(time) => write!(
                f,
                "the camera sent no frame for {:.1} s: check its cable",
                time.as_secs_f32()
            ),
            CameraError::Cancelled => write!(f, "the camera stopped: check its cable and power"),
            CameraError::Formats { id, offered } => write!(
                f,
                "the camera {id} offers no format that can be sent: it has {}; expected MJPEG, YUV or RGB",
                list(offered)
            ),
            CameraError::Mode { asked, modes } => write!(
                f,
                "--mode {asked}: the sensor has no such mode; it has {}",
                list(modes)
            ),
            CameraError::Control { asked, why } => write!(f, "{asked}: {why}"),
            CameraError::TuningFile { path, source } => write!(
                f,
                "--tuning-file {}: {source}; expected a JSON file, as in /usr/share/libcamera/ipa/rpi",
                path.display()
            ),
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
            CameraError::TuningFile { source, .. } | CameraError::Library { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Devices::Missing => write!(
                f,
                "there is no /dev/media*, so the kernel sees none either; check the cable with the power \
                 off, then try `rpicam-hello --list-cameras`"
            ),
            Devices::Forbidden(path) => write!(
                f,
                "{} may not be opened; cameras belong to the group video: `sudo usermod -aG video $USER`, \
                 then log in again",
                path.display()
            ),
            Devices::Open => write!(
                f,
                "the devices can be opened, but no camera answers; check the cable with the power off, \
                 then try `rpicam-hello --list-cameras`"
            ),
        }
    }
}

/// Looks at `/dev/media*` to tell a missing camera from a missing right.
pub(super) fn look_at_devices() -> Devices {
    let mut media: Vec<PathBuf> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().starts_with("/dev/media"))
        .collect();
    media.sort();
    if media.is_empty() {
        return Devices::Missing;
    }
    let forbidden = media.into_iter().find(|path| {
        let opened = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path);
        opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    });
    forbidden.map_or(Devices::Open, Devices::Forbidden)
}

/// Wraps what libcamera answered.
pub(super) fn library(doing: &'static str) -> impl Fn(io::Error) -> CameraError {
    move |source| CameraError::Library { doing, source }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return "none".into();
    }
    items.join(", ")
}
