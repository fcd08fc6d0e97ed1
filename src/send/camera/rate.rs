//! `--fps` as the camera understands it, and what is to be said where the camera gives something else.
//!
//! Pure: what was asked and what the camera can do in, a setting and lines for the user out.

use std::time::Duration;

use super::mode;
use super::negotiate::Agreed;
use super::notice::Notice;
use crate::send::camera_options::{CameraConfig, Need, Setting, Value};

/// What is to be done for `--fps`.
pub(super) struct Rate {
    pub(super) setting: Option<Setting>,
    /// The longest that a frame may take.
    pub(super) longest: Duration,
    /// Frames a second that the camera can do, slowest and fastest, where it says so.
    pub(super) possible: Option<(f64, f64)>,
}

/// `--fps` as limits of a frame's duration. A longer exposure stretches the frame: it was asked for, too.
pub(super) fn rate(config: &CameraConfig, durations: Option<(i64, i64)>) -> Rate {
    let wanted = 1e6 / config.fps;
    // The sensor reads out a few rows longer than it exposes.
    let exposed = config.shutter_us.unwrap_or(0.0) * 1.01 + 1000.0;
    let longest = if exposed > wanted { exposed } else { wanted };
    let within = |us: f64| match durations {
        Some((shortest, longest)) => us.clamp(shortest as f64, longest.max(shortest) as f64),
        None => us,
    };
    Rate {
        setting: durations.map(|_| Setting {
            asked: format!("--fps {}", config.fps),
            control: "FrameDurationLimits".into(),
            value: Value::Numbers(vec![within(wanted).round(), within(longest).round()]),
            need: Need::IfThere,
        }),
        longest: Duration::from_secs_f64(within(longest) / 1e6),
        possible: durations.map(|(shortest, longest)| (mode::rate(longest), mode::rate(shortest))),
    }
}

/// What differs from what was asked, a line each.
pub(super) fn remarks(
    config: &CameraConfig,
    agreed: &Agreed,
    choice: Option<mode::Choice>,
    possible: Option<(f64, f64)>,
) -> Vec<Notice> {
    let mut remarks = Vec::new();
    let (asked, given) = ((config.width, config.height), (agreed.width, agreed.height));
    if asked != given {
        remarks.push(Notice::Size { asked, given });
    }
    if let Some(choice) = choice.filter(mode::Choice::is_cropped) {
        remarks.push(Notice::Cropped {
            mode: choice.mode,
            share: choice.share,
        });
    }
    if let Some((slowest, fastest)) = possible {
        // Slower than the camera can is done by leaving pictures out.
        if config.fps > fastest * 1.005 {
            remarks.push(Notice::Rate {
                asked: config.fps,
                slowest,
                fastest,
            });
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Turn;

    /// What a sensor mode of 10 to 60 frames a second does: the limits in microseconds.
    fn limits(fps: f64, shutter_us: Option<f64>) -> Vec<f64> {
        let config = CameraConfig {
            camera: None,
            width: 640,
            height: 480,
            fps,
            turn: Turn::NONE,
            mode: None,
            tuning_file: None,
            shutter_us,
            settings: Vec::new(),
        };
        let rate = rate(&config, Some((16_667, 100_000)));
        match rate.setting.unwrap().value {
            Value::Numbers(numbers) => {
                assert_eq!(rate.longest.as_micros() as f64, numbers[1].round());
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
