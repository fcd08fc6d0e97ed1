//! The camera's part of the command line, with rpicam-vid's names and units, checked into plain types.
//!
//! Pure: text in, a [`CameraConfig`] out. It is compiled without libcamera too, so that the options exist
//! everywhere and a build without the camera can say what to rebuild with. What a certain camera has and
//! takes it cannot know: each wish becomes a [`Setting`], which names libcamera's control and is checked
//! against the camera's own table before the camera starts.

mod parse;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::frame::Turn;
use parse::{factor, gains, lens, micros, mode, named, plain, window};

/// The camera's options.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Camera")]
pub struct CameraArgs {
    /// Which camera: its number, its id, or a part of its model [default: 0]
    #[arg(long, value_name = "INDEX|ID")]
    pub camera: Option<String>,

    /// List the cameras with their modes, formats and controls, and end: table, for people, or json
    #[arg(long, value_name = "table|json", num_args = 0..=1, require_equals = true,
          default_missing_value = "table", value_enum, hide_possible_values = true)]
    pub list_cameras: Option<ListFormat>,

    /// Sensor mode, in pixels, from --list-cameras [default: the one that shows most and reaches --fps]
    #[arg(long, value_name = "W:H[:BITS]", value_parser = mode)]
    pub mode: Option<Mode>,

    /// Tuning file for the sensor (a Raspberry Pi's), for instance imx219_noir.json
    #[arg(long, value_name = "FILE")]
    pub tuning_file: Option<PathBuf>,

    /// Exposure time: microseconds, or with a unit (10ms, 2s) [default: automatic]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = micros)]
    pub shutter: Option<f64>,

    /// Gain of the sensor, as a factor [default: automatic]
    #[arg(long, visible_alias = "analoggain", value_name = "FACTOR", allow_negative_numbers = true, value_parser = factor)]
    pub gain: Option<f64>,

    /// Exposure compensation, in stops, -8 to 8
    #[arg(long, value_name = "STOPS", allow_negative_numbers = true, value_parser = plain)]
    pub ev: Option<f64>,

    /// White balance: auto, incandescent, tungsten, fluorescent, indoor, daylight, cloudy, custom
    #[arg(long, value_name = "MODE", value_parser = named(parse::AWB))]
    pub awb: Option<f64>,

    /// Fixed white balance: gains of red and blue
    #[arg(long, value_name = "RED,BLUE", value_parser = gains)]
    pub awbgains: Option<Gains>,

    /// Brightness, -1 to 1, where 0 is normal
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, value_parser = plain)]
    pub brightness: Option<f64>,

    /// Contrast, where 1 is normal
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = plain)]
    pub contrast: Option<f64>,

    /// Saturation, where 1 is normal and 0 is grey
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = plain)]
    pub saturation: Option<f64>,

    /// Sharpness, where 1 is normal
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = plain)]
    pub sharpness: Option<f64>,

    /// Noise reduction: auto, off, cdn_off, cdn_fast, cdn_hq [default: auto, which is cdn_fast]
    #[arg(long, value_name = "MODE", value_parser = named(parse::DENOISE))]
    pub denoise: Option<f64>,

    /// Where exposure is measured: centre, spot, average, custom
    #[arg(long, value_name = "MODE", value_parser = named(parse::METERING))]
    pub metering: Option<f64>,

    /// Exposure profile: normal, sport, long, custom
    #[arg(long, value_name = "PROFILE", value_parser = named(parse::EXPOSURE))]
    pub exposure: Option<f64>,

    /// Autofocus: manual, auto (once, at the start), continuous [default: continuous, where there is a lens to move]
    #[arg(long, value_name = "MODE", value_parser = named(parse::AF_MODE))]
    pub autofocus_mode: Option<f64>,

    /// Distances that autofocus tries: normal, macro, full
    #[arg(long, value_name = "RANGE", value_parser = named(parse::AF_RANGE))]
    pub autofocus_range: Option<f64>,

    /// Speed of autofocus: normal, fast
    #[arg(long, value_name = "SPEED", value_parser = named(parse::AF_SPEED))]
    pub autofocus_speed: Option<f64>,

    /// What autofocus looks at, as shares of the picture, for instance 0.25,0.25,0.5,0.5
    #[arg(long, value_name = "X,Y,W,H", value_parser = window)]
    pub autofocus_window: Option<Window>,

    /// Fixed focus, in dioptres (1 / metres; 0 is infinity), or "default"
    #[arg(long, value_name = "DIOPTRES", allow_negative_numbers = true, value_parser = lens)]
    pub lens_position: Option<Lens>,

    /// Digital zoom: the part that is shown, as shares of the whole, for instance 0.25,0.25,0.5,0.5
    #[arg(long, value_name = "X,Y,W,H", value_parser = window)]
    pub roi: Option<Window>,

    /// High dynamic range: off, auto, single-exp (a Raspberry Pi 5's)
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true,
          default_missing_value = "auto", value_parser = parse::hdr)]
    pub hdr: Option<Hdr>,

    /// Period of the lamps' flicker: microseconds, or with a unit (10ms for 50 Hz, 8333us for 60 Hz)
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = micros)]
    pub flicker_period: Option<f64>,

    /// Any other control, by libcamera's name, from --list-cameras; repeatable
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true, value_parser = parse::control)]
    pub control: Vec<Control>,
}

/// How `--list-cameras` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// A sensor mode, as `--mode` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Bits a sample; `None`: the most that there are.
    pub bits: Option<u32>,
}

/// Gains of red and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gains(pub f64, pub f64);

/// A part of the picture: x, y, width, height, as shares of the whole, all within 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window(pub [f64; 4]);

/// Where the lens shall stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lens {
    /// Where the camera's maker puts it: the hyperfocal distance.
    Default,
    /// In dioptres.
    Dioptres(f64),
}

/// What `--hdr` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hdr {
    /// None.
    Off,
    /// Where the camera has it.
    Auto,
    /// From single exposures, or not at all.
    SingleExposure,
}

/// A control by libcamera's name, with its value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// libcamera's name.
    pub name: String,
    /// As it was typed; its meaning depends on the control.
    pub value: String,
}

/// What the camera is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraConfig {
    /// Number, id or part of the model; `None`: the first.
    pub camera: Option<String>,
    /// In pixels, of the picture as the camera gives it (before a quarter turn).
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Pictures a second.
    pub fps: f64,
    /// How the picture shall be turned.
    pub turn: Turn,
    /// The sensor mode; `None`: chosen for field of view and rate.
    pub mode: Option<Mode>,
    /// The sensor's tuning file.
    pub tuning_file: Option<PathBuf>,
    /// A fixed exposure time, in microseconds: frames may have to take that long.
    pub shutter_us: Option<f64>,
    /// The controls, in the order in which they are to be set.
    pub settings: Vec<Setting>,
}

/// One control that the camera shall be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// As it was typed, for messages.
    pub asked: String,
    /// libcamera's name of the control.
    pub control: String,
    /// The value.
    pub value: Value,
    /// What to do where the camera does not have it.
    pub need: Need,
}

/// A control's value, before it is known what the camera takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One or more numbers; a switch is 0 or 1, a named choice its number.
    Numbers(Vec<f64>),
    /// A part of the sensor's field.
    Window(Window),
    /// The camera's own default.
    Default,
    /// Text, to be read as the control's type asks.
    Text(String),
}

/// What to do where the camera does not have a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It was asked for: wrong usage.
    Required,
    /// It only goes with another one, or is rpicam-vid's default: leave it out.
    IfThere,
}

impl CameraArgs {
    /// The first of these options that was given and that only a camera knows, as it was typed.
    pub fn first_given(&self) -> Option<String> {
        let named = [
            self.camera
                .as_ref()
                .map(|camera| format!("--camera {camera}")),
            self.mode
                .map(|mode| format!("--mode {}:{}", mode.width, mode.height)),
            self.tuning_file
                .as_ref()
                .map(|file| format!("--tuning-file {}", file.display())),
        ];
        let asked = self
            .settings()
            .into_iter()
            .find(|setting| setting.need == Need::Required);
        named
            .into_iter()
            .flatten()
            .next()
            .or(asked.map(|setting| setting.asked))
    }

    /// The camera's configuration for a picture of this size, rate and turn.
    pub fn config(&self, width: u32, height: u32, fps: f64, turn: Turn) -> CameraConfig {
        CameraConfig {
            camera: self.camera.clone(),
            width,
            height,
            fps,
            turn,
            mode: self.mode,
            tuning_file: self.tuning_file.clone(),
            shutter_us: self.shutter,
            settings: self.settings(),
        }
    }

    fn settings(&self) -> Vec<Setting> {
        let mut list = Settings::default();
        self.exposure_settings(&mut list);
        self.colour_settings(&mut list);
        self.focus_settings(&mut list);
        if let Some(window) = self.roi {
            list.window("--roi", "ScalerCrop", window);
        }
        for control in &self.control {
            list.0.push(Setting {
                asked: format!("--control {}={}", control.name, control.value),
                control: control.name.clone(),
                value: Value::Text(control.value.clone()),
                need: Need::Required,
            });
        }
        list.0
    }

    fn exposure_settings(&self, list: &mut Settings) {
        // libcamera before 0.5 knows no modes of time and gain: there the value alone makes them fixed.
        if let Some(time) = self.shutter {
            list.with("ExposureTimeMode", 1.0);
            list.number("--shutter", "ExposureTime", time);
        }
        if let Some(gain) = self.gain {
            list.with("AnalogueGainMode", 1.0);
            list.number("--gain", "AnalogueGain", gain);
        }
        list.wish("--metering", "AeMeteringMode", self.metering);
        list.wish("--exposure", "AeExposureMode", self.exposure);
        list.wish("--ev", "ExposureValue", self.ev);
        if let Some(period) = self.flicker_period {
            list.number("--flicker-period", "AeFlickerPeriod", period);
            list.with("AeFlickerMode", 1.0);
        }
        match self.hdr {
            Some(Hdr::SingleExposure) => list.number("--hdr=single-exp", "HdrMode", HDR_SINGLE),
            Some(Hdr::Auto) => list.with("HdrMode", HDR_SINGLE),
            Some(Hdr::Off) => list.with("HdrMode", 0.0),
            None => {}
        }
    }

    fn colour_settings(&self, list: &mut Settings) {
        list.wish("--awb", "AwbMode", self.awb);
        if let Some(Gains(red, blue)) = self.awbgains {
            list.push("--awbgains", "ColourGains", Value::Numbers(vec![red, blue]));
        }
        list.wish("--brightness", "Brightness", self.brightness);
        list.wish("--contrast", "Contrast", self.contrast);
        list.wish("--saturation", "Saturation", self.saturation);
        list.wish("--sharpness", "Sharpness", self.sharpness);
        match self.denoise {
            Some(mode) => list.number("--denoise", "NoiseReductionMode", mode),
            None => list.with("NoiseReductionMode", DENOISE_FAST),
        }
    }

    fn focus_settings(&self, list: &mut Settings) {
        // As rpicam-vid: a lens that can be moved follows the scene unless it was told where to stand.
        match (self.autofocus_mode, self.lens_position) {
            (Some(mode), _) => list.number("--autofocus-mode", "AfMode", mode),
            (None, Some(_)) => list.with("AfMode", AF_MANUAL),
            (None, None) => list.with("AfMode", AF_CONTINUOUS),
        }
        list.wish("--autofocus-range", "AfRange", self.autofocus_range);
        list.wish("--autofocus-speed", "AfSpeed", self.autofocus_speed);
        if let Some(window) = self.autofocus_window {
            list.with("AfMetering", 1.0);
            list.window("--autofocus-window", "AfWindows", window);
        }
        if self.autofocus_mode == Some(AF_AUTO) {
            list.with("AfTrigger", 0.0);
        }
        match self.lens_position {
            Some(Lens::Dioptres(dioptres)) => {
                list.number("--lens-position", "LensPosition", dioptres);
            }
            Some(Lens::Default) => {
                list.push("--lens-position default", "LensPosition", Value::Default);
            }
            None => {}
        }
    }
}

/// libcamera's numbers of the choices that are made here (control_ids_core.yaml, control_ids_draft.yaml).
const HDR_SINGLE: f64 = 3.0;
const DENOISE_FAST: f64 = 1.0;
const AF_MANUAL: f64 = 0.0;
const AF_AUTO: f64 = 1.0;
const AF_CONTINUOUS: f64 = 2.0;

#[derive(Default)]
struct Settings(Vec<Setting>);

impl Settings {
    fn push(&mut self, asked: &str, control: &str, value: Value) {
        self.0.push(Setting {
            asked: asked.into(),
            control: control.into(),
            value,
            need: Need::Required,
        });
    }

    fn number(&mut self, flag: &str, control: &str, number: f64) {
        let asked = if flag.contains('=') {
            flag.into()
        } else {
            format!("{flag} {number}")
        };
        self.push(&asked, control, Value::Numbers(vec![number]));
    }

    fn wish(&mut self, flag: &str, control: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.number(flag, control, number);
        }
    }

    fn window(&mut self, flag: &str, control: &str, window: Window) {
        let Window([x, y, w, h]) = window;
        self.push(
            &format!("{flag} {x},{y},{w},{h}"),
            control,
            Value::Window(window),
        );
    }

    /// What goes with another option, or is the default where the camera has it.
    fn with(&mut self, control: &str, number: f64) {
        self.0.push(Setting {
            asked: control.into(),
            control: control.into(),
            value: Value::Numbers(vec![number]),
            need: Need::IfThere,
        });
    }
}

#[cfg(test)]
mod tests;
