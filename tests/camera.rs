//! libcamera's virtual camera, driven as pi-send drives a camera.
//!
//! Each test starts this binary anew for the part that uses the camera (the test `scene`, which does nothing
//! by itself), with the shim preloaded into that process alone: see scripts/camera-lab, whose variables say
//! where libcamera and the shim are.
#![cfg(all(feature = "camera", target_os = "linux"))]

#[path = "camera/lab.rs"]
mod lab;
#[path = "camera/scenes.rs"]
mod scenes;

use lab::{Lab, bars, picture};

/// Runs the scene that the environment names; see [`lab`].
#[test]
#[ignore = "started by the other tests, in a process of its own"]
fn scene() {
    scenes::play();
}

#[test]
fn every_size_comes_at_its_rate_without_a_gap_while_others_load_the_machine() {
    let Some(lab) = Lab::find() else { return };
    let _load = lab::Load::start();
    for (width, height) in [(640, 480), (1280, 720), (1920, 1080)] {
        for fps in [30, 60] {
            let run = lab.virtual_camera(&bars()).fps(fps).play(
                "frames",
                &[
                    ("camera", "Virtual0"),
                    ("res", &format!("{width}x{height}")),
                    ("fps", &fps.to_string()),
                    ("count", "60"),
                ],
            );
            run.succeeded();
            assert_eq!(run.value("size"), format!("{width}x{height}"));
            assert_eq!(run.value("missed"), "0", "{width}x{height} at {fps}");
            assert_eq!(run.value("backwards"), "0");
            // 60 pictures; a machine that gives each of us half of its time is allowed for.
            let seconds: f64 = run.value("seconds").parse().unwrap();
            assert!(
                seconds < 2.0 * 60.0 / f64::from(fps),
                "{seconds} s at {fps}"
            );
            let oldest: u64 = run.value("oldest_ms").parse().unwrap();
            // The camera stamps a picture before it draws it: it cannot be of this very moment.
            assert!((1..10_000).contains(&oldest), "{oldest} ms old");
            println!("{width}x{height} at {fps}: {seconds:.2} s, {oldest} ms old at most");
        }
    }
}

#[test]
fn colours_are_right_in_test_patterns_and_in_pictures() {
    let Some(lab) = Lab::find() else { return };
    let run = lab.virtual_camera(&picture("colours")).play("colours", &[]);
    run.succeeded();
    assert_eq!(run.value("matrix"), "Bt601");
    for (corner, expected) in lab::CORNERS {
        run.has_colour(corner, expected);
    }
    let run = lab
        .virtual_camera(&bars())
        .play("colours", &[("camera", "Virtual0")]);
    run.succeeded();
    assert_eq!(run.value("range"), "Limited");
    for (name, expected) in [
        ("white", [255, 255, 255]),
        ("red", [255, 0, 0]),
        ("blue", [0, 0, 255]),
    ] {
        let lines: Vec<&str> = run.lines("bar").collect();
        let near = |line: &&str| lab::near(lab::numbers(line), expected);
        assert!(lines.iter().any(near), "no {name} bar in {lines:?}");
    }
}

#[test]
fn what_the_virtual_camera_only_claims_to_turn_is_left_to_software() {
    let Some(lab) = Lab::find() else { return };
    for (turn, left) in [
        ("none", "0 false"),
        ("hflip", "0 true"),
        ("vflip", "2 true"),
        ("180", "2 false"),
        ("90", "1 false"),
    ] {
        let run = lab
            .virtual_camera(&bars())
            .play("frames", &[("turn", turn), ("count", "2")]);
        run.succeeded();
        assert_eq!(run.value("turn"), left, "{turn}");
    }
}

#[test]
fn another_size_than_asked_is_said_in_one_line() {
    let Some(lab) = Lab::find() else { return };
    let run = lab.virtual_camera(&bars()).play(
        "frames",
        &[("camera", "Virtual0"), ("res", "500x480"), ("count", "2")],
    );
    run.succeeded();
    assert_eq!(run.value("size"), "1920x1080");
    let lines = run
        .lines("notice")
        .filter(|line| line.contains("500x480"))
        .count();
    assert_eq!(lines, 1, "{}", run.text);
}

#[test]
fn a_camera_that_is_faster_than_asked_is_thinned_out() {
    let Some(lab) = Lab::find() else { return };
    let run = lab
        .virtual_camera(&bars())
        .fps(60)
        .play("frames", &[("fps", "15"), ("count", "30")]);
    run.succeeded();
    // 30 pictures at 15 a second are two seconds, a second at 30 a second, half a one at 60.
    let seconds: f64 = run.value("seconds").parse().unwrap();
    assert!(seconds > 1.5, "{seconds}");
}

#[test]
fn a_faster_sensor_gives_as_many_pictures_and_fresher_ones() {
    let Some(lab) = Lab::find() else { return };
    // The simulated sensor takes what the lab says, stamps a picture first, and gives it an interval later.
    let taken = |sensor: u32, args: &str| {
        let what = [("fps", "30"), ("count", "60"), ("args", args)];
        let run = lab
            .virtual_camera(&bars())
            .fps(sensor)
            .play("frames", &what);
        run.succeeded();
        let figure = |name| run.value(name).parse::<f64>().unwrap();
        [figure("age_us"), figure("seconds")]
    };
    let [age, seconds] = taken(30, "--sensor-fps 30");
    let [age_at_60, seconds_at_60] = taken(60, "--sensor-fps 60");
    println!("{age} us old at 30 a second, {age_at_60} at 60");
    assert!(age_at_60 < 0.7 * age, "{age_at_60} of {age}");
    assert!(
        seconds_at_60 < 1.2 * seconds,
        "{seconds_at_60} for {seconds}"
    );
}

#[test]
fn a_camera_is_chosen_by_number_id_or_model_and_others_are_refused() {
    let Some(lab) = Lab::find() else { return };
    let choose = |camera| {
        lab.virtual_camera(&bars())
            .play("frames", &[("camera", camera), ("count", "1")])
    };
    for (camera, model) in [
        ("0", "Second Virtual Device"),
        ("1", "Virtual Video Device"),
        ("Virtual0", "Virtual Video Device"),
        ("second", "Second Virtual Device"),
    ] {
        let run = choose(camera);
        run.succeeded();
        assert!(
            run.lines("notice").any(|line| line.contains(model)),
            "{camera}: {}",
            run.text
        );
    }
    for (camera, expected) in [
        ("2", "no such camera"),
        ("virtual", "more than one"),
        ("moon", "0: Second"),
    ] {
        let run = choose(camera);
        assert_eq!(run.value("usage"), "true");
        assert!(run.value("error").contains(expected), "{}", run.text);
    }
}

#[test]
fn a_control_that_the_camera_does_not_have_is_refused_before_it_starts() {
    let Some(lab) = Lab::find() else { return };
    for args in [
        "--gain 2",
        "--shutter 10ms",
        "--roi 0,0,0.5,0.5",
        "--control NoSuchThing=1",
        "--mode 640:480",
    ] {
        let run = lab
            .virtual_camera(&bars())
            .play("frames", &[("args", args), ("count", "1")]);
        assert_eq!(run.value("usage"), "true", "{args}: {}", run.text);
        assert!(
            run.value("error").contains(args.split(' ').next().unwrap()),
            "{}",
            run.text
        );
    }
    let limits = [
        ("args", "--control FrameDurationLimits=16667,33333"),
        ("count", "1"),
    ];
    lab.virtual_camera(&bars())
        .play("frames", &limits)
        .succeeded();
    let limits = [
        ("args", "--control FrameDurationLimits=1,2"),
        ("count", "1"),
    ];
    let run = lab.virtual_camera(&bars()).play("frames", &limits);
    assert!(run.value("error").contains("33333"), "{}", run.text);
}

#[test]
fn cameras_are_listed_for_people_and_for_programs() {
    let Some(lab) = Lab::find() else { return };
    let table = lab
        .virtual_camera(&bars())
        .play("list", &[("format", "table")]);
    table.succeeded();
    assert!(
        table.text.contains("0: Second Virtual Device (Virtual1)"),
        "{}",
        table.text
    );
    assert!(
        table.text.contains("640x480 (30 to 60 fps)"),
        "{}",
        table.text
    );
    let json = lab
        .virtual_camera(&bars())
        .play("list", &[("format", "json")]);
    json.succeeded();
    let cameras: serde_json::Value = serde_json::from_str(&json.between("[", "]\n")).unwrap();
    let camera = &cameras[1];
    assert_eq!(camera["index"], 1);
    assert_eq!(camera["id"], "Virtual0");
    assert_eq!(camera["sensor_size"], serde_json::json!([1920, 1080]));
    assert_eq!(camera["formats"][0]["name"], "NV12");
    let sizes = camera["formats"][0]["sizes"].as_array().unwrap();
    assert!(
        sizes
            .iter()
            .any(|size| size["width"] == 1280 && size["height"] == 720),
        "{sizes:?}"
    );
    let controls = camera["controls"].as_array().unwrap();
    assert!(
        controls
            .iter()
            .any(|control| control["name"] == "FrameDurationLimits"),
        "{controls:?}"
    );
}

#[test]
fn without_a_camera_it_says_what_to_look_at() {
    let Some(lab) = Lab::find() else { return };
    let run = lab.no_camera().play("frames", &[("count", "1")]);
    assert_eq!(run.value("usage"), "false");
    let error = run.value("error");
    assert!(error.contains("no camera found"), "{error}");
    assert!(
        error.contains("rpicam-hello --list-cameras") || error.contains("group video"),
        "{error}"
    );
}

#[test]
fn buffers_come_from_the_first_heap_that_is_there_and_reading_is_bracketed() {
    let Some(lab) = Lab::find() else { return };
    let heaps = ["linux,cma:system", "vidbuf_cached:linux,cma:system"];
    for heap in heaps {
        let run = lab
            .virtual_camera(&picture("heaps"))
            .heaps(heap)
            .play("colours", &[]);
        run.succeeded();
        let first = heap.split(':').next().unwrap();
        assert!(run.shim_opened(first), "{}", run.text);
        let stats = run.shim_stats();
        assert!(stats.heap >= 4, "{stats:?}");
        assert!(stats.sync_start > 0, "{stats:?}");
        assert_eq!(stats.sync_start, stats.sync_end);
        let (corner, expected) = lab::CORNERS[0];
        run.has_colour(corner, expected);
    }
}

#[test]
fn a_picture_may_outlive_its_camera() {
    let Some(lab) = Lab::find() else { return };
    for heap in ["", "system"] {
        let run = lab.virtual_camera(&bars()).heaps(heap).play("held", &[]);
        run.succeeded();
        assert_eq!(run.value("unchanged"), "true");
    }
}

#[test]
fn a_stalled_camera_is_released_and_comes_back_by_itself() {
    let Some(lab) = Lab::find() else { return };
    // A frame every 2.2 s: the first one comes in time, the next one does not.
    let run = lab
        .virtual_camera(&bars())
        .shim_rate("0.45")
        .play("frames", &[("count", "2")]);
    run.succeeded();
    let notices: Vec<&str> = run.lines("notice").collect();
    let lost = notices
        .iter()
        .filter(|line| line.contains("sent no frame"))
        .count();
    let back = notices
        .iter()
        .filter(|line| line.contains("is back"))
        .count();
    assert_eq!((lost, back), (1, 1), "{notices:?}");
    assert_eq!(run.value("lost"), "reported");
}

#[test]
fn an_unplugged_camera_is_waited_for_and_no_other_is_taken_in_its_place() {
    let Some(lab) = Lab::find() else { return };
    let (webcam, other) = (("Virtual1", 640, 480), ("Virtual0", 1280, 720));
    for (left, returns) in [(&[other][..], 1), (&[], 0)] {
        // Number 0; it stalls once the first frame is there, as above.
        let machine = lab::machine(&[other, webcam]);
        let left = lab::machine(left);
        let left = left.to_str().expect("cargo's folders have plain names");
        let run = lab
            .virtual_camera(&machine)
            .shim_rate("0.45")
            .play("unplugged", &[("left", left)]);
        run.succeeded();
        let sizes: Vec<&str> = run.lines("size").collect();
        assert_eq!(sizes, vec!["640x480"; 1 + returns], "{}", run.text);
        let said = |words| {
            let lines = run.lines("notice");
            lines.filter(|line| line.contains(words)).count()
        };
        let waits = said("waiting for the camera Model of Virtual1");
        assert_eq!((waits, said("is back")), (1, returns), "{}", run.text);
    }
}

#[test]
fn a_camera_that_hangs_is_said_to_be_lost_before_it_is_let_go() {
    let Some(lab) = Lab::find() else { return };
    // A frame in a thousand seconds, and stopping waits for it.
    let run = lab
        .virtual_camera(&bars())
        .shim_rate("0.001")
        .play("hung", &[]);
    run.succeeded();
    assert!(
        run.lines("notice")
            .any(|line| line.contains("sent no frame")),
        "{}",
        run.text
    );
}

/// By how much memory may rise over the cycles: less than one small picture (640x480 in NV12 is 450 kB).
const LEVEL_KB: u64 = 256;

#[test]
fn cycles_leave_nothing_behind() {
    let Some(lab) = Lab::find() else { return };
    let count = std::env::var("PI_STREAM_CAMERA_CYCLES").unwrap_or_else(|_| "30".into());
    for heap in ["", "system"] {
        let run = lab
            .virtual_camera(&bars())
            .heaps(heap)
            .fps(600)
            .play("cycles", &[("count", &count)]);
        run.succeeded();
        let memory_kb: Vec<u64> = run
            .lines("memory_kb")
            .map(|kb| kb.parse().unwrap())
            .collect();
        println!("{heap}: {memory_kb:?} kB");
        let rise = memory_kb[memory_kb.len() - 1].saturating_sub(memory_kb[0]);
        assert!(rise <= LEVEL_KB, "{memory_kb:?}");
        assert_eq!(run.value("descriptors"), "level", "{}", run.text);
        assert_eq!(run.value("threads"), "level", "{}", run.text);
    }
}

#[test]
fn one_process_after_another_can_have_the_camera() {
    let Some(lab) = Lab::find() else { return };
    let count =
        std::env::var("PI_STREAM_CAMERA_PROCESSES").map_or(5, |count| count.parse().unwrap());
    for _ in 0..count {
        lab.virtual_camera(&bars())
            .play("frames", &[("count", "1")])
            .succeeded();
    }
}
