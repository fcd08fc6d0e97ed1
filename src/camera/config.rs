//! What a camera is asked for, in plain types, which exist in every build, with or without libcamera.

use std::path::PathBuf;

use crate::picture::Turn;

#[derive(Debug, Clone, PartialEq)]
pub struct CameraConfig {
    /// Number, id or a part of the model; `None`: the first.
    pub(crate) camera: Option<String>,
    /// Width and height in pixels, before any turn.
    pub(crate) size: (u32, u32),
    pub(crate) fps: f64,
    pub(crate) turn: Turn,
    /// `None`: chosen for field of view and rate.
    pub(crate) mode: Option<Mode>,
    /// See [`use_tuning_file`](super::use_tuning_file).
    pub tuning_file: Option<PathBuf>,
    /// Where a control is named twice, the last one counts.
    pub(crate) settings: Vec<Setting>,
}

/// A sensor mode, as `--mode` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits per sample; `None`: the most that the sensor has.
    pub(crate) bits: Option<u32>,
}

/// A control to set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// The option as it was typed: a camera that does not take it is wrong usage. `None`: a companion of another
    /// option, or a default of rpicam-vid's, left out where the camera does not take it.
    pub(crate) asked: Option<String>,
    /// libcamera's name.
    pub(crate) control: String,
    pub(crate) value: Value,
}

/// A control's value, before it is known what the camera takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// One or more; a switch is 0 or 1, a named choice its number.
    Numbers(Vec<f64>),
    /// A part of the sensor's field: x, y, width and height, as fractions of the whole.
    Window([f64; 4]),
    /// The camera's own default.
    Default,
    /// Parsed as the control's type requires.
    Text(String),
}

/// How cameras are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// For people.
    Table,
    /// For programs: an array of objects.
    Json,
}

impl Setting {
    pub(crate) fn asked(typed: String, control: &str, value: Value) -> Setting {
        Setting {
            asked: Some(typed),
            control: control.into(),
            value,
        }
    }

    /// Left out where the camera does not take it.
    pub(crate) fn optional(control: &str, numbers: &[f64]) -> Setting {
        Setting {
            asked: None,
            control: control.into(),
            value: Value::Numbers(numbers.into()),
        }
    }

    /// The first number; `None` for values of another kind.
    pub(crate) fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Numbers(numbers) => numbers.first().copied(),
            _ => None,
        }
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
