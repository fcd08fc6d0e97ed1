//! What a camera is asked for, in plain types, which exist in every build, with or without libcamera.

use std::path::PathBuf;

use crate::picture::Turn;

#[derive(Debug, Clone, PartialEq)]
pub struct CameraConfig {
    /// Number, id or a part of the model; `None`: the first.
    pub(crate) camera: Option<String>,
    /// Width and height in pixels, before any turn.
    pub(crate) size: (u32, u32),
    /// Pictures a second.
    pub(crate) fps: f64,
    /// What the sensor takes at most in bright light, where that is more; without end: whatever it can.
    pub(crate) sensor_fps: Option<f64>,
    pub(crate) turn: Turn,
    /// The sensor mode, `W:H` or `W:H:BITS`; `None`: chosen for field of view and rate.
    pub(crate) mode: Option<String>,
    /// See [`use_tuning_file`](super::use_tuning_file).
    pub tuning_file: Option<PathBuf>,
    /// Where a control is named twice, the last one counts.
    pub(crate) settings: Vec<Setting>,
}

/// A control to set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// The option as it was typed: a camera that does not take it is wrong usage. `None`: a companion of another
    /// option, or a default of rpicam-vid's, left out where the camera does not take it.
    pub(crate) asked: Option<String>,
    /// libcamera's name.
    pub(crate) control: String,
    /// Numbers, switches or names of choices, with commas between them, or `default`; an area may be a share of the
    /// sensor's field.
    pub(crate) value: String,
}

impl Setting {
    pub(crate) fn new(asked: Option<String>, control: &str, value: impl Into<String>) -> Setting {
        Setting {
            asked,
            control: control.into(),
            value: value.into(),
        }
    }

    /// Left out where the camera does not take it.
    pub(crate) fn optional(control: &str, value: impl Into<String>) -> Setting {
        Setting::new(None, control, value)
    }
}

#[cfg(test)]
mod tests {
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
}
