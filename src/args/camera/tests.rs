//! The camera's command line.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    camera: CameraArgs,
}

fn parse(args: &[&str]) -> Result<CameraArgs, String> {
    Line::try_parse_from(["pi-send"].iter().chain(args))
        .map(|line| line.camera)
        .map_err(|error| error.to_string())
}

fn settings(args: &[&str]) -> Vec<Setting> {
    parse(args).unwrap().settings()
}

/// The numbers that a control is given, and whether the camera must take them.
fn given(args: &[&str], control: &str) -> Option<(Vec<f64>, bool)> {
    let setting = settings(args)
        .into_iter()
        .find(|setting| setting.control == control)?;
    let numbers = setting.value.split(',').map(|number| number.parse());
    let numbers = numbers.collect::<Result<_, _>>();
    Some((numbers.expect(&setting.value), setting.asked.is_some()))
}

#[test]
fn the_command_line_is_sound() {
    use clap::CommandFactory;
    Line::command().debug_assert();
}

#[test]
fn a_sensors_rate_is_a_number_or_as_many_as_it_can() {
    let sensor = |text| parse(&["--sensor-fps", text]);
    let fast = sensor("60").unwrap();
    let config = fast.config((640, 480), 30.0, Turn::NONE, 80);
    assert_eq!(config.sensor_fps, 60.0);
    assert_eq!(sensor("max").unwrap().sensor_fps, Some(f64::INFINITY));
    for text in ["0", "-1", "nan", "inf", "fast"] {
        assert!(sensor(text).unwrap_err().contains("max"), "{text}");
    }
}

#[test]
fn names_and_units_are_those_of_rpicam_vid() {
    let expected = [
        (["--shutter", "20000"], "ExposureTime", 20_000.0),
        (["--shutter", "20ms"], "ExposureTime", 20_000.0),
        (["--shutter", "6s"], "ExposureTime", 6_000_000.0),
        (["--shutter", "1sec"], "ExposureTime", 1_000_000.0),
        (["--gain", "2.5"], "AnalogueGain", 2.5),
        (["--analoggain", "2.5"], "AnalogueGain", 2.5),
        (["--ev", "-0.5"], "ExposureValue", -0.5),
        (["--awb", "daylight"], "AwbMode", 5.0),
        (["--brightness", "-0.2"], "Brightness", -0.2),
        (["--denoise", "cdn_hq"], "NoiseReductionMode", 2.0),
        (["--metering", "average"], "AeMeteringMode", 2.0),
        (["--exposure", "sport"], "AeExposureMode", 1.0),
        (["--autofocus-range", "macro"], "AfRange", 1.0),
        (["--autofocus-speed", "fast"], "AfSpeed", 1.0),
        (["--lens-position", "2"], "LensPosition", 2.0),
        (["--flicker-period", "10000"], "AeFlickerPeriod", 10_000.0),
    ];
    for (args, control, number) in expected {
        let found = given(&args, control);
        assert_eq!(found, Some((vec![number], true)), "{args:?}");
    }
    assert_eq!(
        given(&["--awbgains", "1.5,1.2"], "ColourGains").unwrap().0,
        [1.5, 1.2]
    );
    assert_eq!(given(&["--hdr=single-exp"], "HdrMode").unwrap().0, [3.0]);
    assert_eq!(given(&["--hdr"], "HdrMode"), Some((vec![3.0], false)));
}

#[test]
fn a_fixed_value_comes_with_the_mode_that_makes_it_fixed() {
    let names = |args: &[&str]| {
        settings(args)
            .into_iter()
            .map(|s| s.control)
            .collect::<Vec<_>>()
    };
    assert!(names(&["--shutter", "1ms"]).contains(&"ExposureTimeMode".to_string()));
    assert!(names(&["--gain", "2"]).contains(&"AnalogueGainMode".to_string()));
    assert_eq!(
        given(&["--lens-position", "default"], "AfMode").unwrap().0,
        [0.0]
    );
    assert_eq!(
        given(&["--autofocus-mode", "auto"], "AfTrigger").unwrap().0,
        [0.0]
    );
}

#[test]
fn a_lens_that_can_move_follows_the_scene_unless_it_is_told_where_to_stand() {
    assert_eq!(given(&[], "AfMode"), Some((vec![2.0], false)));
    assert_eq!(
        given(&["--lens-position", "1"], "AfMode"),
        Some((vec![0.0], false))
    );
}

#[test]
fn nothing_is_asked_of_a_camera_that_nobody_asked_for() {
    assert!(settings(&[]).iter().all(|setting| setting.asked.is_none()));
    assert_eq!(parse(&[]).unwrap().first_given(), None);
    for given in [
        ["--gain", "2"],
        ["--camera", "1"],
        ["--sensor-fps", "90"],
        ["--sensor-fps", "max"],
    ] {
        let first = parse(&given).unwrap().first_given();
        assert_eq!(first, Some(given.join(" ")));
    }
}

#[test]
fn any_control_goes_through_by_name() {
    let last = settings(&[
        "--control",
        "AeEnable=false",
        "--control",
        "ExposureValue=-1",
    ])
    .pop();
    let last = last.unwrap();
    assert_eq!(last.control, "ExposureValue");
    assert_eq!(last.value, "-1");
    assert_eq!(last.asked.as_deref(), Some("--control ExposureValue=-1"));
}

#[test]
fn a_mode_is_a_size_with_or_without_bits() {
    let mode = |text| parse(&["--mode", text]).unwrap().mode.unwrap();
    assert_eq!(mode("1640:1232"), "1640:1232");
    assert_eq!(mode("1640:1232:10:P"), "1640:1232:10");
    for wrong in [
        "1640",
        "1640:0",
        "1640:1232:x",
        "1640:1232:10:P:P",
        "1640:1232:",
    ] {
        assert!(parse(&["--mode", wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn wrong_values_are_answered_with_what_was_expected() {
    let wrong = [
        (["--shutter", "soon"], "microseconds"),
        (["--shutter", "0"], "from 1us"),
        (["--gain", "-1"], "above 0"),
        (["--ev", "NaN"], "number"),
        (["--awb", "sunny"], "daylight"),
        (["--awbgains", "1"], "two numbers"),
        (["--roi", "0.5,0,0.6,1"], "within 0 to 1"),
        (["--lens-position", "-1"], "dioptres"),
        (["--mode", "1640x1232"], "W:H"),
        (["--hdr=sensor", "--hdr=sensor"], "wide_dynamic_range"),
        (["--control", "Sharpness"], "NAME=VALUE"),
    ];
    for (args, expected) in wrong {
        let message = parse(&args).unwrap_err();
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}

#[test]
fn cameras_are_listed_as_a_table_or_as_json() {
    let listed = |args: &[&str]| parse(args).unwrap().list_cameras;
    assert_eq!(listed(&["--list-cameras"]), Some(ListFormat::Table));
    assert_eq!(listed(&["--list-cameras=json"]), Some(ListFormat::Json));
    assert_eq!(listed(&[]), None);
}
