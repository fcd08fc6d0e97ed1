//! What both ways to a camera share, libcamera and `rpicam-vid`: what a camera is asked for, how one is named, and why
//! there are no pictures from it.
//!
//! Plain types, which exist in every build, with or without libcamera; nothing here touches a device.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::picture::Turn;

/// What a camera is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CameraConfig {
    /// Number, id or a part of the model; `None`: the first.
    pub(crate) camera: Option<String>,
    /// Width and height in pixels, before any turn.
    pub(crate) size: (u32, u32),
    /// Pictures a second.
    pub(crate) fps: f64,
    /// What the sensor takes at most in bright light, no less than that; without end: whatever it can.
    pub(crate) sensor_fps: f64,
    pub(crate) turn: Turn,
    /// Of the JPEGs that `rpicam-vid` makes; of those that are made here, the link decides.
    pub(crate) quality: u8,
    /// The sensor mode, `W:H` or `W:H:BITS`; `None`: chosen for field of view and rate.
    pub(crate) mode: Option<String>,
    /// A sensor's tuning file: a path, or a name among libcamera's own.
    pub tuning_file: Option<PathBuf>,
    /// Where a control is named twice, the last one counts.
    pub(crate) settings: Vec<Setting>,
}

impl CameraConfig {
    /// The exposure that was asked for, in microseconds.
    pub fn exposure_us(&self) -> Option<f64> {
        let mut settings = self.settings.iter();
        let exposure = settings.rfind(|setting| setting.control == "ExposureTime")?;
        exposure.value.parse().ok()
    }

    /// The part of the turn that a camera can do. Quarter turns are left to software, which then does all of the turn
    /// in one pass.
    pub fn turn_of_camera(&self) -> Turn {
        match self.turn.swaps_sides() {
            true => Turn::NONE,
            false => self.turn,
        }
    }
}

/// A control to set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The option as it was typed: a camera that does not take it is wrong usage. `None`: a companion of another
    /// option, or a default of rpicam-vid's, left out where the camera does not take it.
    pub(crate) asked: Option<String>,
    /// libcamera's name.
    pub(crate) control: String,
    /// Numbers, switches or names of choices, with commas between them, or `default`; an area may be a share of the
    /// sensor's field.
    pub(crate) value: String,
}

/// libcamera's number of HDR in one exposure (control_ids_core.yaml).
pub(crate) const HDR_SINGLE: &str = "3";

impl Setting {
    pub fn new(asked: Option<String>, control: &str, value: impl Into<String>) -> Setting {
        Setting {
            asked,
            control: control.into(),
            value: value.into(),
        }
    }

    /// Left out where the camera does not take it.
    pub fn optional(control: &str, value: impl Into<String>) -> Setting {
        Setting::new(None, control, value)
    }
}

/// A camera's number and names; `Display` shows them all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Names {
    /// As `--camera` counts.
    pub(crate) index: usize,
    /// libcamera's id: the device's path in the machine.
    pub(crate) id: String,
    /// The sensor's or the product's name.
    pub(crate) model: String,
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.index, self.model, self.id)
    }
}

/// A way to read out the sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SensorMode {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Per sample.
    pub(crate) bits: u32,
    /// The highest rate; `None` where the camera does not say.
    pub(crate) fps: Option<f64>,
    /// The part of the sensor that it shows: x, y, width, height, in the sensor's pixels.
    pub(crate) crop: [u32; 4],
}

/// As `--mode` takes it.
impl fmt::Display for SensorMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.width, self.height, self.bits)
    }
}

/// Why there are no pictures from the camera. The variants differ in what is done about it; each line is written where
/// the reason is known.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The command line asks for what does not exist: the line names the option and the choices.
    #[error("{0}")]
    Usage(String),
    /// There is no camera, or the one that was in use is gone.
    #[error("{0}")]
    Absent(String),
    /// Another program has the camera.
    #[error("{0}")]
    Busy(String),
    /// The camera gives no frames, or none that can be sent.
    #[error("{0}")]
    Failed(String),
    /// libcamera, or the kernel below it, refused: what was attempted, as a verb ("start the camera"), and why.
    #[error("libcamera failed to {0}: {1}; LIBCAMERA_LOG_LEVELS='*:INFO' shows what it says")]
    Library(&'static str, #[source] io::Error),
}

/// What the functions of both ways to a camera return.
pub(crate) type Result<T, E = CameraError> = std::result::Result<T, E>;

impl CameraError {
    /// Whether the command line is at fault (exit status 2) rather than the camera.
    pub fn is_usage(&self) -> bool {
        matches!(self, CameraError::Usage(_))
    }

    /// The camera that was found is not there any more.
    pub fn unplugged() -> CameraError {
        CameraError::Absent("the camera was unplugged".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// The lines of all sources below `folder` that hold `words`.
    fn lines_with(folder: &Path, words: &str) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
                true => lines_with(&entry.path(), words),
                false => {
                    let text = fs::read_to_string(entry.path()).unwrap();
                    let found = text.lines().filter(|line| line.contains(words));
                    found.map(String::from).collect()
                }
            })
            .collect()
    }

    #[test]
    fn a_build_with_the_camera_for_another_system_than_linux_has_what_all_others_have() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let asking = lines_with(&sources, concat!("feature = ", "\"camera\""));
        assert_eq!(asking.len(), 1, "{asking:#?}");
        assert!(asking[0].contains("target_os = \"linux\""), "{asking:#?}");
    }

    #[test]
    fn a_camera_turns_all_or_nothing_and_no_sides_are_swapped_by_it() {
        for turn in Turn::all() {
            let config = CameraConfig {
                turn,
                ..CameraConfig::default()
            };
            let expected = if turn.swaps_sides() { Turn::NONE } else { turn };
            assert_eq!(config.turn_of_camera(), expected);
        }
    }
}
