//! `--fps` in the camera's terms, and the remarks where the camera gives something else than was asked for.

use std::time::Duration;

use libcamera::camera::ActiveCamera;
use libcamera::control_value::ControlValue;
use libcamera::controls::ControlId;

use super::super::Agreed;
use super::mode::{Choice, WHOLE};
use crate::camera::{CameraConfig, Setting};
use crate::report::Severity;
use crate::source::Feed;

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

/// The limits of a frame's duration that `--fps` and `--sensor-fps` set, and the longest that a frame may take. A longer exposure
/// stretches the frame: it was asked for, too.
pub(crate) fn rate(config: &CameraConfig, durations: Option<(i64, i64)>) -> (Setting, Duration) {
    let (wanted, fastest) = (1e6 / config.fps, 1e6 / config.sensor_fps);
    // The sensor reads out a few rows longer than it exposes.
    let longest = wanted.max(config.exposure_us().unwrap_or(0.0) * 1.01 + 1000.0);
    let (shortest_us, longest_us) = durations.unwrap_or((1, i64::MAX));
    let within = |us: f64| us.clamp(shortest_us as f64, longest_us.max(shortest_us) as f64);
    let limits = format!("{},{}", within(fastest).round(), within(longest).round());
    let setting = Setting::optional("FrameDurationLimits", limits);
    (setting, Duration::from_secs_f64(within(longest) / 1e6))
}

/// Reports each difference from what was asked for.
pub(crate) fn remark(config: &CameraConfig, agreed: &Agreed, feed: &Feed) {
    let warn = |line: String| feed.report(Severity::Warning, line);
    let (asked_fps, (width, height)) = (config.fps, config.size);
    let (given_width, given_height) = agreed.size;
    if config.size != agreed.size {
        warn(format!(
            "the camera gives {given_width}x{given_height} where {width}x{height} was asked for \
             (--list-cameras shows its sizes)"
        ));
    }
    if let Some(Choice { mode, share }) = agreed.choice.filter(|choice| choice.share < WHOLE) {
        warn(format!(
            "the picture shows the middle {:.0} % of the field, a side, in sensor mode {mode}; a lower \
             --fps or another --mode shows more (--list-cameras shows them)",
            share * 100.0
        ));
    }
    let possible = agreed
        .durations
        .map(|(shortest, longest)| (fps(longest), fps(shortest)));
    // Lower rates than the camera has are reached by leaving pictures out.
    if let Some((slowest, fastest)) = possible.filter(|(_, fastest)| asked_fps > fastest * 1.005) {
        warn(format!(
            "the camera gives {slowest:.1} to {fastest:.1} frames a second in this mode where --fps \
             {asked_fps} was asked for"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sensor mode of 10 to 60 frames a second does: the limits in microseconds.
    fn limits(fps: f64, sensor_fps: Option<f64>, shutter_us: Option<f64>) -> Vec<f64> {
        let config = CameraConfig {
            fps,
            sensor_fps: sensor_fps.unwrap_or(fps),
            settings: shutter_us
                .map(|us| Setting::optional("ExposureTime", us.to_string()))
                .into_iter()
                .collect(),
            ..CameraConfig::default()
        };
        let (setting, longest) = rate(&config, Some((16_667, 100_000)));
        let numbers = setting.value.split(',').map(|us| us.parse().unwrap());
        let numbers: Vec<f64> = numbers.collect();
        assert_eq!(longest.as_micros() as f64, numbers[1].round());
        numbers
    }

    #[test]
    fn the_rate_is_fixed_within_what_the_camera_can_do() {
        assert_eq!(limits(40.0, None, None), [25_000.0, 25_000.0]);
        assert_eq!(limits(40.0, None, Some(5_000.0)), [25_000.0, 25_000.0]);
        assert_eq!(limits(500.0, None, None), [16_667.0, 16_667.0]);
        assert_eq!(limits(1.0, None, None), [100_000.0, 100_000.0]);
    }

    #[test]
    fn a_faster_sensor_may_slow_down_to_the_wanted_rate_where_it_is_dark() {
        assert_eq!(limits(20.0, Some(40.0), None), [25_000.0, 50_000.0]);
        assert_eq!(
            limits(20.0, Some(f64::INFINITY), None),
            [16_667.0, 50_000.0]
        );
    }

    #[test]
    fn a_long_exposure_stretches_the_frame() {
        assert_eq!(limits(40.0, None, Some(50_000.0)), [25_000.0, 51_500.0]);
    }
}
