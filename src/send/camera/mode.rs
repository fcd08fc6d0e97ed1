//! Sensor modes: which there are, and which one shows most of what the lens sees.
//!
//! libcamera's own choice for a small picture is, on some sensors, a mode that reads out the middle only.
//! Here the mode is taken that shows the whole field and reaches the wanted rate. Finding out what a mode
//! shows means configuring the camera for it (tens of milliseconds each on a Pi), so this is done once a
//! start. Cameras without a raw stream (webcams, the virtual camera) have no modes. Choosing is pure.

use libcamera::camera::{ActiveCamera, SensorConfiguration};
use libcamera::control_value::ControlValue;
use libcamera::controls::ControlId;
use libcamera::geometry::{Rectangle, Size};
use libcamera::properties;
use libcamera::stream::StreamRole;
use serde::Serialize;

use super::error::CameraError;
use crate::send::camera_options;

/// A way to read out the sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct SensorMode {
    /// In pixels, as they leave the sensor.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
    /// Bits a sample.
    pub(super) bits: u32,
    /// The fastest rate; `None` where the camera does not say.
    pub(super) fps: Option<f64>,
    /// Which part of the sensor it shows: x, y, width, height, in the sensor's pixels.
    pub(super) crop: [u32; 4],
}

/// What was chosen, and what there is to say about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) mode: SensorMode,
    /// How much of the widest possible field it shows, 0 to 1, a side.
    pub(super) share: f64,
}

/// Less than this of the field, a side, is worth a word.
const WHOLE: f64 = 0.985;
/// Rates are given in whole microseconds: 30 fps comes as 29.9996.
const ABOUT: f64 = 1.005;

/// The sensor's modes. Leaves the camera configured for one of them.
pub(super) fn modes(camera: &mut ActiveCamera<'_>) -> Vec<SensorMode> {
    let Some(mut config) = camera.generate_configuration(&[StreamRole::Raw]) else {
        return Vec::new();
    };
    let mut offered = Vec::new();
    if let Some(stream) = config.get(0) {
        for format in &*stream.formats().pixel_formats() {
            let Some(bits) = bits_of(&format.to_string()) else {
                continue;
            };
            for size in stream.formats().sizes(format) {
                offered.push((format, bits, size));
            }
        }
    }
    let mut modes = Vec::with_capacity(offered.len());
    for (format, bits, size) in offered {
        if let Some(mut stream) = config.get_mut(0) {
            stream.set_pixel_format(format);
            stream.set_size(size);
        }
        config.set_sensor_configuration(sensor_configuration(size, bits));
        if config.validate().is_invalid() || camera.configure(&mut config).is_err() {
            continue;
        }
        modes.push(SensorMode {
            width: size.width,
            height: size.height,
            bits,
            fps: frame_durations(camera).map(|(shortest, _)| rate(shortest)),
            crop: field(camera, size),
        });
    }
    modes
}

/// What to give libcamera to get the mode.
pub(super) fn sensor_configuration(size: Size, bits: u32) -> SensorConfiguration {
    let mut sensor = SensorConfiguration::new();
    sensor.set_output_size(size.width, size.height);
    sensor.set_bit_depth(bits);
    sensor
}

/// The shortest and the longest frame, in microseconds, as the camera is configured now.
pub(super) fn frame_durations(camera: &ActiveCamera<'_>) -> Option<(i64, i64)> {
    let limits = camera
        .controls()
        .find(ControlId::FrameDurationLimits.id())
        .ok()?;
    let first = |value| match value {
        ControlValue::Int64(values) => values.first().copied().filter(|us| *us > 0),
        _ => None,
    };
    Some((first(limits.min())?, first(limits.max())?))
}

/// A frame's duration in microseconds as frames a second, to a hundredth: the microseconds are rounded, too.
pub(super) fn rate(duration_us: i64) -> f64 {
    (1e8 / duration_us as f64).round() / 100.0
}

/// What the mode shows: the largest crop that the scaler could take from it.
fn field(camera: &ActiveCamera<'_>, size: Size) -> [u32; 4] {
    let crop = camera
        .controls()
        .find(ControlId::ScalerCrop.id())
        .ok()
        .map(|info| info.max());
    let crop = match crop {
        Some(ControlValue::Rectangle(areas)) => areas.first().copied(),
        _ => None,
    };
    let maximum = || {
        camera
            .properties()
            .get::<properties::ScalerCropMaximum>()
            .ok()
    };
    let Rectangle {
        x,
        y,
        width,
        height,
    } = crop
        .or_else(|| maximum().map(|crop| crop.0))
        .unwrap_or(Rectangle {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        });
    [x.unsigned_abs(), y.unsigned_abs(), width, height]
}

/// The bits a sample that a raw format's name tells: "SRGGB10_CSI2P" has 10.
fn bits_of(format: &str) -> Option<u32> {
    let digits = format.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end]
        .parse()
        .ok()
        .filter(|bits| (8..=16).contains(bits))
}

/// The mode for a picture of this size and rate; `Ok(None)` where the camera has no modes.
pub(super) fn choose(
    modes: &[SensorMode],
    asked: Option<camera_options::Mode>,
    size: (u32, u32),
    fps: f64,
) -> Result<Option<Choice>, CameraError> {
    let Some(best) = modes.iter().map(|mode| seen(mode, size)).max_by(area_order) else {
        return match asked {
            None => Ok(None),
            Some(asked) => Err(no_such_mode(asked, modes)),
        };
    };
    let share = |mode: &SensorMode| {
        let (width, height) = seen(mode, size);
        (width / best.0).min(height / best.1)
    };
    let chosen = match asked {
        Some(asked) => modes
            .iter()
            .filter(|mode| (mode.width, mode.height) == (asked.width, asked.height))
            .filter(|mode| asked.bits.is_none_or(|bits| bits == mode.bits))
            .max_by_key(|mode| mode.bits)
            .ok_or_else(|| no_such_mode(asked, modes))?,
        None => modes
            .iter()
            .max_by(|a, b| rank(a, share(a), size, fps).total_cmp(&rank(b, share(b), size, fps)))
            .expect("there is a best mode, so there is a mode"),
    };
    Ok(Some(Choice {
        mode: *chosen,
        share: share(chosen),
    }))
}

impl Choice {
    /// Whether a part of the field is left out that another mode would show.
    pub(super) fn is_cropped(&self) -> bool {
        self.share < WHOLE
    }
}

/// What of the sensor a picture of that shape shows in that mode: width and height, in the sensor's pixels.
fn seen(mode: &SensorMode, size: (u32, u32)) -> (f64, f64) {
    let (width, height) = (f64::from(mode.crop[2]), f64::from(mode.crop[3]));
    let shape = f64::from(size.0) / f64::from(size.1);
    (width.min(height * shape), height.min(width / shape))
}

fn area_order(a: &(f64, f64), b: &(f64, f64)) -> std::cmp::Ordering {
    (a.0 * a.1).total_cmp(&(b.0 * b.1))
}

/// Higher is better: first the rate, then the field, then enough pixels, then the fewest that are enough
/// (they are read out faster and with less power), then the most bits.
fn rank(mode: &SensorMode, share: f64, size: (u32, u32), fps: f64) -> Rank {
    let rate = mode.fps.unwrap_or(f64::INFINITY) * ABOUT;
    let reaches = rate >= fps;
    let enough = mode.width >= size.0 && mode.height >= size.1;
    let pixels = f64::from(mode.width) * f64::from(mode.height);
    Rank([
        f64::from(u8::from(reaches)),
        // Where none reaches the rate, the fastest.
        if reaches { 0.0 } else { rate },
        // Fields that differ by a hundredth are the same field.
        (share * 100.0).round(),
        f64::from(u8::from(enough)),
        if enough { -pixels } else { pixels },
        f64::from(mode.bits),
    ])
}

struct Rank([f64; 6]);

impl Rank {
    fn total_cmp(&self, other: &Rank) -> std::cmp::Ordering {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .map(|(a, b)| a.total_cmp(b))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    }
}

fn no_such_mode(asked: camera_options::Mode, modes: &[SensorMode]) -> CameraError {
    let bits = asked
        .bits
        .map(|bits| format!(":{bits}"))
        .unwrap_or_default();
    CameraError::Mode {
        asked: format!("{}:{}{bits}", asked.width, asked.height),
        modes: modes
            .iter()
            .map(|mode| format!("{}:{}:{}", mode.width, mode.height, mode.bits))
            .collect(),
    }
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
        let choice = choose(&IMX219, None, size, fps).unwrap().unwrap();
        (
            choice.mode.width,
            choice.mode.height,
            choice.mode.bits,
            choice.is_cropped(),
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
    fn a_mode_that_was_asked_for_is_taken_or_refused_with_the_others() {
        let asked = |bits| camera_options::Mode {
            width: 1920,
            height: 1080,
            bits,
        };
        let choice = choose(&IMX219, Some(asked(None)), (640, 480), 30.0)
            .unwrap()
            .unwrap();
        assert_eq!((choice.mode.width, choice.mode.bits), (1920, 10));
        assert!(choice.is_cropped());
        let choice = choose(&IMX219, Some(asked(Some(8))), (640, 480), 30.0)
            .unwrap()
            .unwrap();
        assert_eq!(choice.mode.bits, 8);
        let error = choose(&IMX219, Some(asked(Some(12))), (640, 480), 30.0).unwrap_err();
        assert!(error.is_usage());
        assert!(error.to_string().contains("1640:1232:10"), "{error}");
    }

    #[test]
    fn a_camera_without_modes_refuses_only_a_mode() {
        assert_eq!(choose(&[], None, (640, 480), 30.0).unwrap(), None);
        let asked = camera_options::Mode {
            width: 1,
            height: 1,
            bits: None,
        };
        assert!(choose(&[], Some(asked), (640, 480), 30.0).is_err());
    }

    #[test]
    fn a_raw_formats_name_tells_its_bits() {
        assert_eq!(bits_of("SRGGB10_CSI2P"), Some(10));
        assert_eq!(bits_of("R8"), Some(8));
        assert_eq!(bits_of("SBGGR16"), Some(16));
        assert_eq!(bits_of("BGGR_PISP_COMP1"), None);
    }
}
