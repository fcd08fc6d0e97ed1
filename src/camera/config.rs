//! What a camera is asked for, in plain types; there in every build, with libcamera or without.

use std::path::PathBuf;

use crate::picture::Turn;

/// What a camera is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraConfig {
    /// Number, id or a part of the model; `None`: the first.
    pub(crate) camera: Option<String>,
    /// Width and height in pixels, before any turn.
    pub(crate) size: (u32, u32),
    /// Pictures a second.
    pub(crate) fps: f64,
    pub(crate) turn: Turn,
    /// `None`: chosen for field of view and rate.
    pub(crate) mode: Option<Mode>,
    /// See [`use_tuning_file`](super::use_tuning_file).
    pub tuning_file: Option<PathBuf>,
    /// The controls; where one is named twice, the last counts.
    pub(crate) settings: Vec<Setting>,
}

/// A sensor mode, as `--mode` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits a sample; `None`: the most that there are.
    pub(crate) bits: Option<u32>,
}

/// One control that the camera shall be given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// As it was typed, for messages.
    pub(crate) asked: String,
    /// libcamera's name of the control.
    pub(crate) control: String,
    pub(crate) value: Value,
    pub(crate) need: Need,
}

/// A control's value, before it is known what the camera takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// One or more; a switch is 0 or 1, a named choice its number.
    Numbers(Vec<f64>),
    /// A part of the sensor's field: x, y, width, height, as shares of the whole.
    Window([f64; 4]),
    /// The camera's own default.
    Default,
    /// To be read as the control's type asks.
    Text(String),
}

/// What to do where the camera does not take a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It was asked for: wrong usage.
    Required,
    /// It only goes with another one, or is rpicam-vid's default: leave it out.
    IfThere,
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
    pub(crate) fn new(asked: String, control: &str, value: Value, need: Need) -> Setting {
        Setting {
            asked,
            control: control.into(),
            value,
            need,
        }
    }

    /// What goes with another setting, or is the default where the camera has it.
    pub(crate) fn if_there(control: &str, number: f64) -> Setting {
        let value = Value::Numbers(vec![number]);
        Setting::new(control.into(), control, value, Need::IfThere)
    }

    /// The first of its numbers, where it is numbers.
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
