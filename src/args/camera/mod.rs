//! The camera's part of the command line, with rpicam-vid's names and units, checked into plain types.
//!
//! Text in, a [`CameraConfig`] out, without I/O. It is compiled without libcamera too, so that the options exist
//! everywhere and a build without the camera can say what to rebuild with. It cannot know what a certain camera
//! takes: each option becomes a `Setting` of a libcamera control, which is checked against the camera's own
//! table before the camera starts. [`parse`] has the parsers of the values.

mod parse;

use std::path::PathBuf;

use clap::Args;

use crate::picture::Turn;
use crate::report::ListFormat;
use crate::source::camera::{CameraConfig, Setting};
use parse::{factor, gains, lens, micros, mode, named, number, sets, window};

/// The camera's options.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Camera")]
pub struct CameraArgs {
    /// Camera to use: its number, its id, or a part of its model [default: 0]
    #[arg(long, value_name = "INDEX|ID")]
    camera: Option<String>,

    /// List the cameras with their modes, formats and controls, then exit: as a table or as json
    #[arg(long, value_name = "table|json", num_args = 0..=1, require_equals = true,
          default_missing_value = "table", value_enum, hide_possible_values = true)]
    pub list_cameras: Option<ListFormat>,

    /// Sensor mode, from --list-cameras [default: the widest view that reaches --fps]
    #[arg(long, value_name = "W:H[:BITS]", value_parser = mode)]
    mode: Option<String>,

    /// Let the sensor take up to N pictures a second, or as many as it can (max), and send the newest at --fps: less delay,
    /// where there is light [default: as --fps]
    #[arg(long, allow_negative_numbers = true, value_name = "N|max", value_parser = parse::sensor_fps)]
    pub(crate) sensor_fps: Option<f64>,

    /// Tuning file of a Raspberry Pi's sensor, for instance imx219_noir.json
    #[arg(long, value_name = "FILE")]
    tuning_file: Option<PathBuf>,

    /// Exposure time: microseconds, or with a unit (10ms, 2s) [default: automatic]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = sets("--shutter", "ExposureTime", micros))]
    shutter: Option<Setting>,

    /// Sensor gain, as a factor [default: automatic]
    #[arg(long, visible_alias = "analoggain", value_name = "FACTOR", allow_negative_numbers = true, value_parser = sets("--gain", "AnalogueGain", factor))]
    gain: Option<Setting>,

    /// Exposure compensation, in stops, -8 to 8
    #[arg(long, value_name = "STOPS", allow_negative_numbers = true, value_parser = sets("--ev", "ExposureValue", number))]
    ev: Option<Setting>,

    /// White balance: auto, incandescent, tungsten, fluorescent, indoor, daylight, cloudy, custom
    #[arg(long, value_name = "MODE", value_parser = sets("--awb", "AwbMode", named(parse::AWB)))]
    awb: Option<Setting>,

    /// Fixed white balance: red and blue gain
    #[arg(long, value_name = "RED,BLUE", value_parser = sets("--awbgains", "ColourGains", gains))]
    awbgains: Option<Setting>,

    /// Brightness, -1 to 1, where 0 is normal
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, value_parser = sets("--brightness", "Brightness", number))]
    brightness: Option<Setting>,

    /// Contrast, where 1 is normal
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = sets("--contrast", "Contrast", number))]
    contrast: Option<Setting>,

    /// Saturation, where 1 is normal and 0 is grey
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = sets("--saturation", "Saturation", number))]
    saturation: Option<Setting>,

    /// Sharpness, where 1 is normal
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true, value_parser = sets("--sharpness", "Sharpness", number))]
    sharpness: Option<Setting>,

    /// Noise reduction: auto, off, cdn_off, cdn_fast, cdn_hq [default: auto, which is cdn_fast]
    #[arg(long, value_name = "MODE", value_parser = sets("--denoise", "NoiseReductionMode", named(parse::DENOISE)))]
    denoise: Option<Setting>,

    /// Where exposure is measured: centre, spot, average, custom
    #[arg(long, value_name = "MODE", value_parser = sets("--metering", "AeMeteringMode", named(parse::METERING)))]
    metering: Option<Setting>,

    /// Exposure profile: normal, sport, long, custom
    #[arg(long, value_name = "PROFILE", value_parser = sets("--exposure", "AeExposureMode", named(parse::EXPOSURE)))]
    exposure: Option<Setting>,

    /// Autofocus: manual, auto (once, at the start), continuous [default: continuous, if the lens can move]
    #[arg(long, value_name = "MODE", value_parser = sets("--autofocus-mode", "AfMode", named(parse::AF_MODE)))]
    autofocus_mode: Option<Setting>,

    /// Autofocus distances: normal, macro, full
    #[arg(long, value_name = "RANGE", value_parser = sets("--autofocus-range", "AfRange", named(parse::AF_RANGE)))]
    autofocus_range: Option<Setting>,

    /// Autofocus speed: normal, fast
    #[arg(long, value_name = "SPEED", value_parser = sets("--autofocus-speed", "AfSpeed", named(parse::AF_SPEED)))]
    autofocus_speed: Option<Setting>,

    /// Area to focus on, as fractions of the picture, for instance 0.25,0.25,0.5,0.5
    #[arg(long, value_name = "X,Y,W,H", value_parser = sets("--autofocus-window", "AfWindows", window))]
    autofocus_window: Option<Setting>,

    /// Fixed focus, in dioptres (1 / metres; 0 is infinity), or "default"
    #[arg(long, value_name = "DIOPTRES", allow_negative_numbers = true, value_parser = sets("--lens-position", "LensPosition", lens))]
    lens_position: Option<Setting>,

    /// Digital zoom: the area to show, as fractions of the whole, for instance 0.25,0.25,0.5,0.5
    #[arg(long, value_name = "X,Y,W,H", value_parser = sets("--roi", "ScalerCrop", window))]
    roi: Option<Setting>,

    /// High dynamic range: off, auto, single-exp (Raspberry Pi 5)
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true,
          default_missing_value = "auto", value_parser = parse::hdr)]
    hdr: Option<Setting>,

    /// Flicker period of the lights: microseconds, or with a unit (10ms for 50 Hz, 8333us for 60 Hz)
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = sets("--flicker-period", "AeFlickerPeriod", micros))]
    flicker_period: Option<Setting>,

    /// Set any control by its libcamera name, from --list-cameras; repeatable
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true, value_parser = parse::control)]
    control: Vec<Setting>,
}

impl CameraArgs {
    /// The first given option that makes sense for a camera only, as it was typed.
    pub(crate) fn first_given(&self) -> Option<String> {
        let camera = self.camera.as_ref();
        let camera = camera.map(|camera| format!("--camera {camera}"));
        let mode = self.mode.as_ref().map(|mode| format!("--mode {mode}"));
        let file = self.tuning_file.as_ref();
        let file = file.map(|file| format!("--tuning-file {}", file.display()));
        let settings = self.settings().into_iter().map(|setting| setting.asked);
        let sensor = self.sensor_fps.map(|fps| match fps.is_finite() {
            true => format!("--sensor-fps {fps}"),
            false => "--sensor-fps max".to_owned(),
        });
        let options = [camera, mode, sensor, file].into_iter().chain(settings);
        options.flatten().next()
    }

    /// The camera's configuration for a picture of this size in pixels, rate, turn and JPEG quality.
    pub fn config(&self, size: (u32, u32), fps: f64, turn: Turn, quality: u8) -> CameraConfig {
        CameraConfig {
            camera: self.camera.clone(),
            size,
            fps,
            sensor_fps: self.sensor_fps.unwrap_or(fps),
            turn,
            quality,
            mode: self.mode.clone(),
            tuning_file: self.tuning_file.clone(),
            settings: self.settings(),
        }
    }

    fn settings(&self) -> Vec<Setting> {
        let given = [
            &self.shutter,
            &self.gain,
            &self.metering,
            &self.exposure,
            &self.ev,
            &self.flicker_period,
            &self.hdr,
            &self.awb,
            &self.awbgains,
            &self.brightness,
            &self.contrast,
            &self.saturation,
            &self.sharpness,
            &self.denoise,
            &self.autofocus_mode,
            &self.autofocus_range,
            &self.autofocus_speed,
            &self.autofocus_window,
            &self.lens_position,
            &self.roi,
        ];
        let given = given.into_iter().flatten().chain(&self.control).cloned();
        self.companions().chain(given).collect()
    }

    /// What the given options need besides, and rpicam-vid's defaults for those that were not given.
    fn companions(&self) -> impl Iterator<Item = Setting> {
        let focus = self.autofocus_mode.as_ref().map(|mode| &mode.value[..]);
        let [manual, auto, continuous] = ["0", "1", "2"];
        // A lens that can move follows the scene unless it was given a position.
        let resting = self.lens_position.as_ref().map_or(continuous, |_| manual);
        let companions = [
            // libcamera before 0.5 has no modes of time and gain: there the value alone fixes them.
            (self.shutter.is_some(), "ExposureTimeMode", "1"),
            (self.gain.is_some(), "AnalogueGainMode", "1"),
            (self.flicker_period.is_some(), "AeFlickerMode", "1"),
            // cdn_fast
            (self.denoise.is_none(), "NoiseReductionMode", "1"),
            (focus.is_none(), "AfMode", resting),
            (focus == Some(auto), "AfTrigger", "0"),
            (self.autofocus_window.is_some(), "AfMetering", "1"),
        ];
        let needed = companions.into_iter().filter(|(needed, ..)| *needed);
        needed.map(|(_, control, value)| Setting::optional(control, value))
    }
}

#[cfg(test)]
mod tests;
