//! `--fps` in the camera's terms, and the remarks where the camera gives something else than was asked for.

use std::time::Duration;

use libcamera::camera::ActiveCamera;
use libcamera::control_value::ControlValue;
use libcamera::controls::ControlId;

use super::Agreed;
use super::mode::Choice;
use crate::camera::{CameraConfig, Setting};

/// The shortest and the longest frame duration, in microseconds, in the current configuration.
pub(crate) fn frame_durations(camera: &ActiveCamera<'_>) -> Option<(i64, i64)> {
    let limits = camera.controls();
    let limits = limits.find(ControlId::FrameDurationLimits.id()).ok()?;
    let first = |limit: ControlValue| {
        let values = Vec::<i64>::try_from(limit).ok()?;
        values.first().copied().filter(|us| *us > 0)
    };
    Some((first(limits.min())?, first(limits.max())?))
}

/// Frames a second, to a hundredth: the microseconds are rounded, too.
pub(crate) fn fps(duration_us: i64) -> f64 {
    (1e8 / duration_us as f64).round() / 100.0
}

/// The limits of a frame's duration that `--fps` sets, and the longest that a frame may take. A longer exposure
/// stretches the frame: it was asked for, too.
pub(crate) fn rate(
    config: &CameraConfig,
    durations: Option<(i64, i64)>,
) -> (Option<Setting>, Duration) {
    let shutter = |setting: &&Setting| setting.control == "ExposureTime";
    let shutter_us = config.settings.iter().find(shutter);
    let shutter_us = shutter_us.and_then(Setting::number).unwrap_or(0.0);
    let wanted = 1e6 / config.fps;
    // The sensor reads out a few rows longer than it exposes.
    let longest = wanted.max(shutter_us * 1.01 + 1000.0);
    let within = |us: f64| match durations {
        Some((shortest, longest)) => us.clamp(shortest as f64, longest.max(shortest) as f64),
        None => us,
    };
    let limits = [within(wanted).round(), within(longest).round()];
    let setting = durations.map(|_| Setting::optional("FrameDurationLimits", &limits));
    (setting, Duration::from_secs_f64(within(longest) / 1e6))
}

/// A line for each difference from what was asked for.
pub(crate) fn remarks(
    config: &CameraConfig,
    agreed: &Agreed,
    choice: Option<Choice>,
    durations: Option<(i64, i64)>,
) -> Vec<String> {
    let mut remarks = Vec::new();
    let (width, height) = config.size;
    if (width, height) != (agreed.width, agreed.height) {
        remarks.push(format!(
            "the camera gives {}x{} where {width}x{height} was asked for (--list-cameras shows its sizes)",
            agreed.width, agreed.height
        ));
    }
    if let Some(Choice { mode, share }) = choice.filter(Choice::is_cropped) {
        remarks.push(format!(
            "the picture shows the middle {:.0} % of the field, a side, in sensor mode {mode}; a lower \
             --fps or another --mode shows more (--list-cameras shows them)",
            share * 100.0
        ));
    }
    let possible = durations.map(|(shortest, longest)| (fps(longest), fps(shortest)));
    // Lower rates than the camera has are reached by leaving pictures out.
    if let Some((slowest, fastest)) = possible.filter(|(_, fastest)| config.fps > fastest * 1.005) {
        remarks.push(format!(
            "the camera gives {slowest:.1} to {fastest:.1} frames a second in this mode where --fps {} was \
             asked for",
            config.fps
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Value;
    use crate::picture::Turn;

    /// What a sensor mode of 10 to 60 frames a second does: the limits in microseconds.
    fn limits(fps: f64, shutter_us: Option<f64>) -> Vec<f64> {
        let config = CameraConfig {
            camera: None,
            size: (640, 480),
            fps,
            turn: Turn::NONE,
            mode: None,
            tuning_file: None,
            settings: shutter_us
                .map(|us| Setting::optional("ExposureTime", &[us]))
                .into_iter()
                .collect(),
        };
        let (setting, longest) = rate(&config, Some((16_667, 100_000)));
        match setting.unwrap().value {
            Value::Numbers(numbers) => {
                assert_eq!(longest.as_micros() as f64, numbers[1].round());
                numbers
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_rate_is_fixed_within_what_the_camera_can_do() {
        assert_eq!(limits(40.0, None), [25_000.0, 25_000.0]);
        assert_eq!(limits(40.0, Some(5_000.0)), [25_000.0, 25_000.0]);
        assert_eq!(limits(500.0, None), [16_667.0, 16_667.0]);
        assert_eq!(limits(1.0, None), [100_000.0, 100_000.0]);
    }

    #[test]
    fn a_long_exposure_stretches_the_frame() {
        assert_eq!(limits(40.0, Some(50_000.0)), [25_000.0, 51_500.0]);
    }
}
