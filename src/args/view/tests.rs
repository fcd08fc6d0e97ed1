//! view-recv's command line.

use super::*;
use crate::sinks::record::Container;

fn parse(line: &str) -> Result<Options, clap::Error> {
    let options =
        Options::try_parse_from(["view-recv"].into_iter().chain(line.split_whitespace()))?;
    options.check().map(|()| options)
}

#[test]
fn the_command_tree_is_sound() {
    Options::command().debug_assert();
}

#[test]
fn times_and_sizes_have_units_and_the_default_is_the_protocols() {
    let options = parse("--duration 1h --idle-timeout 2.5s").unwrap();
    assert_eq!(options.duration, Duration::from_secs(3600));
    let idle = Some(Duration::from_millis(2500));
    assert_eq!(options.idle_timeout, idle);
    assert_eq!(
        options.max_frame_bytes,
        crate::protocol::wire::DEFAULT_MAX_FRAME_BYTES
    );
    let options = parse("--max-frame-bytes 500k").unwrap();
    assert_eq!(options.max_frame_bytes, 500_000);
    let options = parse("--listen :9000").unwrap();
    assert_eq!(options.bind, Some(Bind::All(9000)));
}

#[test]
fn addresses_to_listen_on_are_understood() {
    assert_eq!(bind(":9000"), Ok(Bind::All(9000)));
    assert_eq!(
        bind("0.0.0.0:8000"),
        Ok(Bind::One(([0, 0, 0, 0], 8000).into()))
    );
    assert_eq!(bind("[::]:1"), Ok(Bind::One(([0; 8], 1).into())));
    assert_eq!(
        bind("127.0.0.1"),
        Ok(Bind::One(([127, 0, 0, 1], 8000).into()))
    );
}

#[test]
fn wrong_usage_names_the_value_and_what_was_expected() {
    for (line, words) in [
        ("--bind 8000x", "[IPv6]:PORT"),
        ("--bind 1.2.3.4:99999", "[IPv6]:PORT"),
        ("--allow 10.0.0.0/40", "ADDRESS/BITS"),
        ("--idle-timeout soon", "seconds"),
        ("--max-frame-bytes 10", "1024"),
        ("--max-pixels 10", "1024"),
        ("--max-pixels 1x", "64M"),
        ("--frames 0", "--frames"),
        ("--duration -1", "seconds"),
        ("--stats xml", "--stats"),
        ("--headless --fullscreen", "--fullscreen"),
        ("--window 10x10", "--window"),
        ("--rotation 45", "--rotation"),
        ("--record film.avi", ".mkv"),
        ("--output file", "'-'"),
        ("--keep 3", "--record"),
        ("--snapshot-every 0", "--snapshot-every"),
        ("--connect a --announce", "--bind"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(words), "{line}: {error}");
    }
}

fn window(line: &str) -> WindowArgs {
    parse(line).unwrap().window
}

#[test]
fn nothing_typed_is_the_pictures_own_size_unturned() {
    assert_eq!(window(""), WindowArgs::default());
}

#[test]
fn every_option_of_the_window_reaches_its_configuration() {
    let typed = "--window 1280x720 --fullscreen --on-top --title door --rotation 90 --hflip";
    let config = window(typed);
    assert_eq!(config.size, Some((1280, 720)));
    assert!(config.fullscreen && config.on_top);
    assert_eq!(config.title.as_deref(), Some("door"));
    assert_eq!(config.turn(), Turn::from_flips(1, true, false));
}

#[test]
fn a_wrong_size_or_rotation_says_what_was_expected() {
    for wrong in [
        "640",
        "640x",
        "x480",
        "319x240",
        "640x480x1",
        "640x-1",
        "99999x99999",
    ] {
        let error = parse(&format!("--window {wrong}")).unwrap_err().to_string();
        assert!(error.contains("320x240 to 16384x16384"), "{error}");
    }
    let error = parse("--rotation 45").unwrap_err().to_string();
    assert!(error.contains("0, 90, 180 or 270"), "{error}");
}

fn recording(line: &str) -> RecordingArgs {
    parse(line).unwrap().recording
}

#[test]
fn a_ring_of_recordings_is_three_options() {
    let options = recording("--record dir/cam.MKV --segment 10min --keep 10");
    let config = Config {
        segment: Some(Duration::from_secs(600)),
        keep: Some(10),
        ..Config::new("dir/cam.MKV".into()).unwrap()
    };
    assert_eq!(options.recording(), Some(config));
    let options = recording("--record a.mjpg --keep-free 2GB");
    let recording = options.recording().unwrap();
    assert_eq!(Container::of(&recording.path), Some(Container::Mjpeg));
    assert_eq!(recording.keep_free, Some(2_000_000_000));
}

#[test]
fn nothing_is_recorded_unasked_and_snapshots_have_a_place() {
    let options = recording("");
    assert_eq!(options.recording(), None);
    assert!(options.output.is_none());
    assert_eq!(options.snapshots().dir, files::folder(dirs::picture_dir()));
    let options = recording("--snapshot-dir lapse --snapshot-every 0.5 --output -");
    let expected = snapshot::Config {
        dir: "lapse".into(),
        every: Some(Duration::from_millis(500)),
    };
    assert_eq!(options.snapshots(), expected);
    assert!(options.output.is_some());
}

#[test]
fn a_wrong_recording_is_answered_with_the_value_and_what_was_expected() {
    for (line, parts) in [
        (
            "--record cam.avi",
            &["cam.avi", "--record", ".mkv", ".mjpeg"][..],
        ),
        ("--record cam", &["'cam'", ".mkv"]),
        ("--record .mkv", &["'.mkv'", "ends in"]),
        ("--segment 60", &["--record"]),
        ("--keep 3", &["--record"]),
        ("--keep-free 1G", &["--record"]),
        ("--record a.mkv --keep-free some", &["some", "bytes"]),
        (
            "--record a.mkv --segment 0",
            &["'0'", "--segment", "from 1s to 366d: seconds"],
        ),
        ("--record a.mkv --segment NaN", &["NaN", "seconds"]),
        ("--record a.mkv --keep 0", &["--keep", "0", "1.."]),
        ("--record a.mkv --keep -1", &["-1"]),
        (
            "--snapshot-every fast",
            &["fast", "from 100ms to 366d: seconds"],
        ),
        ("--snapshot-every 1e300", &["1e300", "seconds"]),
        ("--output out.mjpeg", &["out.mjpeg", "'-'", "--record"]),
    ] {
        let message = parse(line).unwrap_err().to_string();
        for part in parts {
            assert!(
                message.contains(part),
                "{line}: {part:?} is not in {message}"
            );
        }
    }
}
