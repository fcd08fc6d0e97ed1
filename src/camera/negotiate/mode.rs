//! Sensor modes: which there are, and which one shows most of what the lens sees.
//!
//! For a small picture, libcamera itself chooses, on some sensors, a mode that reads out the middle only. Here it
//! is the mode that shows the whole field and reaches the wanted rate. Finding out what a mode shows means
//! configuring the camera for it (tens of milliseconds each on a Pi), so this is done once per start. Cameras
//! without a raw stream (webcams, the virtual camera) have no modes.

use libcamera::camera::{ActiveCamera, SensorConfiguration};
use libcamera::geometry::Size;
use libcamera::properties;
use libcamera::stream::StreamRole;

use super::rate::{fps, frame_durations};
use super::{offered, set_stream};
use crate::camera::{CameraError, Result, listed};
use crate::source::camera::{CameraConfig, SensorMode};

/// The mode that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Choice {
    pub(crate) mode: SensorMode,
    /// How much of the widest possible field each side shows, 0 to 1.
    pub(crate) share: f64,
}

/// A smaller share of the field than this is worth a remark.
pub(super) const WHOLE: f64 = 0.985;
/// Rates are given in whole microseconds: 30 fps comes as 29.9996.
const ABOUT: f64 = 1.005;

/// The sensor's modes. Leaves the camera configured for one of them.
pub(crate) fn modes(camera: &mut ActiveCamera<'_>) -> Vec<SensorMode> {
    let Some(mut config) = camera.generate_configuration(&[StreamRole::Raw]) else {
        return Vec::new();
    };
    let mut modes = Vec::new();
    for (fourcc, sizes, _) in offered(&config) {
        let Some(bits) = bits_of(&fourcc.to_string()) else {
            continue;
        };
        for size in sizes {
            let Size { width, height } = size;
            config.set_sensor_configuration(configuration(size, bits));
            let is_taken = set_stream(&mut config, fourcc, size).is_some();
            if is_taken && camera.configure(&mut config).is_ok() {
                modes.push(SensorMode {
                    width,
                    height,
                    bits,
                    fps: frame_durations(camera).map(|(shortest, _)| fps(shortest)),
                    crop: field(camera).unwrap_or([0, 0, width, height]),
                });
            }
        }
    }
    modes
}

/// What makes libcamera take the mode of this size, with so many bits a sample.
pub(super) fn configuration(size: Size, bits: u32) -> SensorConfiguration {
    let mut sensor = SensorConfiguration::new();
    sensor.set_output_size(size.width, size.height);
    sensor.set_bit_depth(bits);
    sensor
}

/// The part of the sensor that the configured mode shows.
///
/// Not by the limits of the control ScalerCrop: while a raw stream alone is configured, a Pi 5's libcamera has none.
fn field(camera: &ActiveCamera<'_>) -> Option<[u32; 4]> {
    let maximum = camera.properties().get::<properties::ScalerCropMaximum>();
    let area = maximum.ok()?.0;
    let (x, y) = (area.x.unsigned_abs(), area.y.unsigned_abs());
    Some([x, y, area.width, area.height])
}

/// Bits per sample, by the raw format's name: "SRGGB10_CSI2P" has 10.
fn bits_of(format: &str) -> Option<u32> {
    let not_digit = |c: char| !c.is_ascii_digit();
    let digits = format.trim_start_matches(not_digit).split(not_digit).next();
    let bits = digits?.parse().ok();
    bits.filter(|bits| (8..=16).contains(bits))
}

/// The best mode for what is wanted; `Ok(None)` where the camera has no modes.
pub(crate) fn choose(modes: &[SensorMode], wanted: &CameraConfig) -> Result<Option<Choice>> {
    let asked = wanted.mode.as_deref();
    let seen = |mode| seen(mode, wanted.size);
    let widest = modes.iter().map(seen).fold(0.0, f64::max);
    let choices = modes.iter().map(|mode| Choice {
        mode: *mode,
        share: seen(mode) / widest,
    });
    // Whatever was not asked for, the bits too, is chosen.
    let is_asked = |Choice { mode, .. }: &Choice| {
        asked.is_none_or(|asked| format!("{mode}:").starts_with(&format!("{asked}:")))
    };
    let chosen = choices.filter(is_asked);
    let chosen = chosen.max_by_key(|choice| rank(choice, wanted));
    if let (None, Some(asked)) = (chosen, asked) {
        let modes = listed(modes);
        let line = format!("--mode {asked}: the sensor has no such mode; it has {modes}");
        return Err(CameraError::Usage(line));
    }
    Ok(chosen)
}

/// The width, in the sensor's pixels, that a picture of this shape shows in this mode.
fn seen(mode: &SensorMode, size: (u32, u32)) -> f64 {
    let (width, height) = (f64::from(mode.crop[2]), f64::from(mode.crop[3]));
    width.min(height * f64::from(size.0) / f64::from(size.1))
}

/// Higher is better: first the rate (the fastest, where none reaches it), then the field, then the sensor's rate, then
/// enough pixels, then the fewest of those that are enough (faster to read out, with less power), then the most bits.
fn rank(Choice { mode, share }: &Choice, wanted: &CameraConfig) -> impl Ord + use<> {
    let rate = mode.fps.unwrap_or(f64::INFINITY) * ABOUT;
    // In thousandths: rates come in hundredths.
    let [sent, taken] = [wanted.fps, wanted.sensor_fps].map(|fps| (rate.min(fps) * 1e3) as u64);
    let enough = mode.width >= wanted.size.0 && mode.height >= wanted.size.1;
    let pixels = i64::from(mode.width) * i64::from(mode.height);
    (
        sent,
        // Fields that differ by a hundredth are the same field.
        (share * 100.0).round() as u32,
        taken,
        enough,
        if enough { -pixels } else { pixels },
        mode.bits,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mode(width: u32, height: u32, bits: u32, fps: f64, crop: [u32; 4]) -> SensorMode {
        SensorMode {
            width,
            height,
            bits,
            fps: Some(fps),
            crop,
        }
    }

    /// Camera Module 2.
    const IMX219: [SensorMode; 8] = [
        mode(640, 480, 10, 206.65, [1000, 752, 1280, 960]),
        mode(1640, 1232, 10, 41.85, [0, 0, 3280, 2464]),
        mode(1920, 1080, 10, 47.57, [680, 692, 1920, 1080]),
        mode(3280, 2464, 10, 21.19, [0, 0, 3280, 2464]),
        mode(640, 480, 8, 206.65, [1000, 752, 1280, 960]),
        mode(1640, 1232, 8, 83.70, [0, 0, 3280, 2464]),
        mode(1920, 1080, 8, 47.57, [680, 692, 1920, 1080]),
        mode(3280, 2464, 8, 21.19, [0, 0, 3280, 2464]),
    ];

    fn chosen(size: (u32, u32), fps: f64) -> (u32, u32, u32, bool) {
        chosen_for(size, [fps; 2])
    }

    fn wanted(mode: Option<&str>, size: (u32, u32), [fps, sensor_fps]: [f64; 2]) -> CameraConfig {
        CameraConfig {
            mode: mode.map(String::from),
            size,
            fps,
            sensor_fps,
            ..CameraConfig::default()
        }
    }

    fn chosen_for(size: (u32, u32), fps: [f64; 2]) -> (u32, u32, u32, bool) {
        let choice = choose(&IMX219, &wanted(None, size, fps)).unwrap().unwrap();
        (
            choice.mode.width,
            choice.mode.height,
            choice.mode.bits,
            choice.share < WHOLE,
        )
    }

    #[test]
    fn a_small_picture_shows_the_whole_field() {
        assert_eq!(chosen((640, 480), 30.0), (1640, 1232, 10, false));
        assert_eq!(chosen((1280, 720), 30.0), (1640, 1232, 10, false));
    }

    #[test]
    fn the_rate_comes_first_and_a_crop_is_known_as_one() {
        assert_eq!(chosen((640, 480), 60.0), (1640, 1232, 8, false));
        assert_eq!(chosen((640, 480), 200.0), (640, 480, 10, true));
        assert_eq!(chosen((640, 480), 500.0), (640, 480, 10, true));
    }

    #[test]
    fn a_large_picture_gets_as_many_pixels_as_the_rate_allows() {
        assert_eq!(chosen((3280, 2464), 15.0), (3280, 2464, 10, false));
        assert_eq!(chosen((1920, 1080), 20.0), (3280, 2464, 10, false));
        assert_eq!(chosen((1920, 1080), 30.0), (1640, 1232, 10, false));
    }

    #[test]
    fn a_faster_sensor_costs_nothing_of_the_field() {
        let fastest = chosen_for((640, 480), [30.0, f64::INFINITY]);
        assert_eq!(fastest, (1640, 1232, 8, false));
        let slow = chosen_for((3280, 2464), [60.0, 120.0]);
        assert_eq!(slow, (1640, 1232, 8, false));
    }

    #[test]
    fn a_mode_that_was_asked_for_is_taken_or_refused_with_the_others() {
        let choose = |mode| choose(&IMX219, &wanted(Some(mode), (640, 480), [30.0; 2]));
        let choice = choose("1920:1080").unwrap().unwrap();
        assert_eq!((choice.mode.width, choice.mode.bits), (1920, 10));
        assert!(choice.share < WHOLE);
        let choice = choose("1920:1080:8").unwrap().unwrap();
        assert_eq!(choice.mode.bits, 8);
        let error = choose("1920:1080:12").unwrap_err();
        assert!(error.is_usage());
        assert!(error.to_string().contains("1640:1232:10"), "{error}");
    }

    #[test]
    fn a_camera_without_modes_refuses_only_a_mode() {
        let choose = |mode| choose(&[], &wanted(mode, (640, 480), [30.0; 2]));
        assert_eq!(choose(None).unwrap(), None);
        assert!(choose(Some("1:1")).is_err());
    }

    #[test]
    fn a_raw_formats_name_tells_its_bits() {
        assert_eq!(bits_of("SRGGB10_CSI2P"), Some(10));
        assert_eq!(bits_of("R8"), Some(8));
        assert_eq!(bits_of("SBGGR16"), Some(16));
        assert_eq!(bits_of("BGGR_PISP_COMP1"), None);
    }
}
