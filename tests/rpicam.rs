//! `--source rpicam`: pictures from rpicam-vid, for which a program stands in that does what is known of the real one
//! (tests/rpicam/stand_in.py says what). A Raspberry Pi's own was never here.
//!
//! Needs Python with Pillow.
#![cfg(all(target_os = "linux", feature = "send"))]

mod common;

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use common::receiver::{Frame, Listening, Session};
use common::rpicam::{self, System};
use common::{Running, pi_send, until};
use serde_json::Value;

/// pi-send with rpicam-vid as its camera.
fn pi_send_on(system: &System, args: &[&str]) -> Command {
    let mut command = pi_send(&["--source", "rpicam"]);
    system.offer(command.args(args));
    command
}

/// Starts pi-send, to its first connection.
fn sending(system: &System, args: &[&str]) -> (Running, Session) {
    let listening = Listening::start();
    let host = listening.address();
    let sender = Running::start(pi_send_on(system, &["--host", &host]).args(args));
    (sender, listening.accept())
}

/// What pi-send says where it cannot start, with that exit status.
fn fails(system: &System, args: &[&str], status: i32) -> String {
    let mut sender = Running::start(pi_send_on(system, &["--host", "127.0.0.1:9"]).args(args));
    let (ended, lines) = sender.end();
    assert_eq!(ended.code(), Some(status), "{lines:#?}");
    lines.join("\n")
}

fn number(frame: &Frame) -> u8 {
    rpicam::number(&frame.jpeg)
}

/// The stand-in's own output at 640x480, of which `read` reads something before SIGINT ends it.
fn raw_output(system: &System, flush: &[&str], read: impl FnOnce(&mut dyn Read)) -> Vec<u8> {
    let mut command = Command::new(system.path("rpicam-vid"));
    let args = [
        "--codec=yuv420",
        "--width=640",
        "--height=480",
        "--framerate=30",
    ];
    system.offer(command.args(args).args(flush));
    let mut running = Running::start_with(&mut command, Stdio::piped());
    let mut stdout = running.take_stdout().expect("it is piped");
    read(&mut stdout);
    running.signal("INT");
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("a pipe can be read");
    rest
}

#[test]
fn the_stand_in_has_the_traps_of_the_real_one() {
    const LUMA: usize = 640 * 480;
    const PICTURE: usize = LUMA * 3 / 2;
    let system = System::new("traps");
    let mut torn = 0;
    raw_output(&system, &["--flush"], |output| {
        let mut picture = vec![0; PICTURE];
        for _ in 0..4 {
            for part in picture.chunks_mut(PICTURE / 10) {
                output.read_exact(part).expect("pictures come");
                std::thread::sleep(Duration::from_millis(60));
            }
            torn += usize::from(
                picture[..LUMA]
                    .iter()
                    .step_by(640)
                    .any(|grey| *grey != picture[0]),
            );
        }
    });
    assert!(torn > 0, "a reader that falls behind gets whole pictures");
    let mut first = vec![0; PICTURE / 2];
    let rest = raw_output(&system, &[], |output| {
        output.read_exact(&mut first).expect("pictures come");
    });
    let written = first.len() + rest.len();
    assert!(
        written % PICTURE != 0,
        "without --flush nothing stays in the buffer"
    );
}

#[test]
fn pictures_come_whole_and_in_their_colours() {
    let system = System::new("whole");
    let (mut sender, mut session) = sending(&system, &["--res", "640x480", "--frames", "40"]);
    let frames = session.frames();
    assert_eq!(frames.len(), 40);
    let numbers = Vec::from_iter(frames.iter().map(number));
    let steps = numbers
        .windows(2)
        .filter(|pair| pair[0].abs_diff(pair[1]) > 5);
    assert!(steps.count() < 4, "{numbers:?}");
    assert_eq!(sender.end().0.code(), Some(0));
    let line = system.starts()[0].join(" ");
    assert!(line.contains("--codec=yuv420"), "{line}");
    assert!(system.has_ended_in_order(), "{:?}", system.log());
}

#[test]
fn a_width_whose_padding_nobody_knows_is_taken_as_jpegs() {
    let system = System::new("jpegs");
    let args = ["--res", "500x300", "--quality", "90", "--frames", "20"];
    let (_sender, mut session) = sending(&system, &args);
    let frames = session.frames();
    assert_eq!(frames.len(), 20);
    for frame in &frames {
        assert_eq!(frame.decode().dimensions(), (500, 300));
        number(frame);
    }
    let line = system.starts()[0].join(" ");
    assert!(line.contains("--codec=mjpeg --quality=90"), "{line}");
}

#[test]
fn a_frame_is_stamped_with_the_time_that_the_sensor_says() {
    let system = System::new("stamp");
    let (_sender, mut session) = sending(&system, &["--fps", "10", "--frames", "10"]);
    let stamps = session
        .frames()
        .into_iter()
        .map(|frame| frame.stamp.expect("pi-send's bear one"));
    let captured = Vec::from_iter(stamps.map(|stamp| stamp.captured_unix_us));
    let gaps = captured.windows(2).map(|pair| pair[1] - pair[0]);
    // Read off the camera's clock, they are even, however unevenly the pictures came.
    let even = gaps.filter(|gap| gap.abs_diff(100_000) < 30_000).count();
    assert!(even >= 7, "{captured:?}");
}

#[test]
fn the_newest_picture_is_sent_while_a_slow_link_holds_the_sender() {
    let system = System::new("newest");
    let (_sender, mut session) = sending(&system, &["--fps", "5", "--res", "1280x720"]);
    let next = |session: &mut Session| {
        let frame = session.frame().expect("it sends on");
        number(&frame);
        let stamp = frame.stamp.expect("pi-send's bear one");
        let captured = Duration::from_micros(stamp.captured_unix_us);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let age = now.expect("it is after 1970").saturating_sub(captured);
        (stamp.seq, age)
    };
    // So that it knows that frames are acknowledged here.
    let mut out = std::collections::VecDeque::new();
    for _ in 0..5 {
        let (seq, _) = next(&mut session);
        session.acknowledge(seq, Duration::ZERO);
    }
    // What it has out then: what a round trip holds, and one more.
    out.extend([next(&mut session).0, next(&mut session).0]);
    let mut ages = Vec::new();
    for _ in 0..8 {
        // The link takes three pictures' time for each. What is sent, is sent at an ack.
        std::thread::sleep(Duration::from_millis(600));
        let oldest = out.pop_front().expect("one is always out");
        session.acknowledge(oldest, Duration::ZERO);
        let (seq, age) = next(&mut session);
        out.push_back(seq);
        ages.push(age);
    }
    // The first one may have been sent before the link was slow.
    let interval = Duration::from_millis(200);
    assert!(
        ages[1..].iter().all(|age| *age < interval * 3 / 2),
        "{ages:?}"
    );
}

/// Each of our options, and what rpicam-vid is given for it, as many in a run as go together.
const MAPPED: &[&[(&str, &str)]] = &[
    &[
        ("--res 1280x720", "--width=1280 --height=720"),
        ("--fps 25", "--framerate=25"),
        ("--camera 1", "--camera=1"),
        ("--hflip", "--hflip"),
        ("--mode 1640:1232:10", "--mode=1640:1232:10"),
        ("--shutter 10ms", "--shutter=10000"),
        ("--gain 4", "--gain=4"),
        ("--ev -1", "--ev=-1"),
        ("--awb daylight", "--awb=daylight"),
        ("--awbgains 1.5,1.2", "--awbgains=1.5,1.2"),
        ("--brightness -0.1", "--brightness=-0.1"),
        ("--contrast 1.1", "--contrast=1.1"),
        ("--saturation 0", "--saturation=0"),
        ("--sharpness 2", "--sharpness=2"),
        ("--denoise cdn_hq", "--denoise=cdn_hq"),
        ("--metering spot", "--metering=spot"),
        ("--exposure sport", "--exposure=sport"),
        ("--autofocus-mode auto", "--autofocus-mode=auto"),
        ("--autofocus-range macro", "--autofocus-range=macro"),
        ("--autofocus-speed fast", "--autofocus-speed=fast"),
        (
            "--autofocus-window 0.25,0.25,0.5,0.5",
            "--autofocus-window=0.25,0.25,0.5,0.5",
        ),
        ("--lens-position default", "--lens-position=default"),
        ("--roi 0.25,0.25,0.5,0.5", "--roi=0.25,0.25,0.5,0.5"),
        ("--hdr", "--hdr=auto"),
        ("--flicker-period 10ms", "--flicker-period=10000"),
    ],
    &[
        ("--camera imx708", "--camera=1"),
        ("--sensor-fps 60", "--framerate=60"),
        ("--vflip", "--vflip"),
        ("--mode 1640:1232", "--mode=1640:1232"),
        ("--hdr=single-exp", "--hdr=single-exp"),
    ],
    &[
        ("--camera /base/soc/i2c0mux/i2c@1/imx219@10", "--camera=0"),
        ("--rotation 180", "--hflip --vflip"),
    ],
];

#[test]
fn every_option_of_the_camera_has_its_place_on_the_command_line() {
    let system = System::new("options");
    system.say("mine.json", "{}");
    let tuning = system.path("mine.json");
    for group in MAPPED {
        let (mut sender, mut session) = {
            let ours = group.iter().flat_map(|(ours, _)| ours.split(' '));
            let tuning = ["--tuning-file", tuning.to_str().expect("a path of text")];
            sending(
                &system,
                &Vec::from_iter(ours.chain(tuning).chain(["--frames", "1"])),
            )
        };
        assert_eq!(session.frames().len(), 1, "{group:?}");
        assert_eq!(sender.end().0.code(), Some(0), "{group:?}");
        let line = system.starts().pop().expect("it was started").join(" ") + " ";
        let tuning = format!("--tuning-file={}", tuning.display());
        for theirs in group.iter().map(|(_, theirs)| *theirs).chain([&tuning[..]]) {
            assert!(
                line.contains(&format!("{theirs} ")),
                "{theirs:?} is not in {line}"
            );
        }
        let fixed = "--timeout=0 --nopreview --output=- --flush --metadata=/dev/stdin --metadata-format=txt ";
        assert!(line.starts_with(fixed), "{line}");
    }
}

#[test]
fn a_quarter_turn_is_made_here() {
    let system = System::new("quarter");
    let (_sender, mut session) = sending(&system, &["--rotation", "90", "--frames", "2"]);
    let frames = session.frames();
    assert_eq!(frames[0].decode().dimensions(), (480, 640));
    let line = system.starts()[0].join(" ");
    assert!(
        line.contains("--width=640 --height=480 ") && !line.contains("flip"),
        "{line}"
    );
}

#[test]
fn an_option_that_this_version_does_not_know_is_refused_by_its_name() {
    let system = System::new("unknown");
    system.say("unknown", "flicker-period");
    let said = fails(&system, &["--flicker-period", "10ms"], 2);
    assert!(said.contains("--flicker-period: "), "{said}");
    let said = fails(&system, &["--control", "Sharpness=2"], 2);
    assert!(said.contains("--control Sharpness=2"), "{said}");
    let said = fails(&system, &["--camera", "imx999"], 2);
    assert!(
        said.contains("imx999") && said.contains("1: imx708_wide"),
        "{said}"
    );
}

#[test]
fn a_camera_that_dies_in_the_midst_of_a_picture_comes_back() {
    let system = System::new("dies");
    system.say("dies_after", "10");
    let (mut sender, mut session) = sending(&system, &["--res", "640x480"]);
    for _ in 0..30 {
        number(&session.frame().expect("it sends on"));
    }
    let contains = |words: &'static str| move |line: &str| line.contains(words).then_some(());
    sender.wait_line("line of its loss", contains("trying again"));
    sender.wait_line("line of its return", contains("the camera is back"));
    assert_eq!(system.starts().len(), 2);
}

#[test]
fn nothing_is_left_behind_by_a_pi_send_that_is_killed() {
    for signal in ["KILL", "TERM", "INT"] {
        let system = System::new(&format!("left-{signal}"));
        let (mut sender, mut session) = sending(&system, &[]);
        number(&session.frame().expect("it sends"));
        assert!(system.is_left());
        sender.signal(signal);
        sender.wait();
        until("rpicam-vid's end", || (!system.is_left()).then_some(()));
        assert_eq!(system.has_ended_in_order(), signal != "KILL", "{signal}");
    }
}

#[test]
fn what_is_wrong_with_the_camera_is_said_in_words_that_help() {
    let system = System::new("wrong");
    let (_sender, mut session) = sending(&system, &[]);
    number(&session.frame().expect("it sends"));
    let said = fails(&system, &[], 1);
    assert!(said.contains("another program uses the camera"), "{said}");
    let system = System::new("absent");
    system.say("absent", "1");
    let said = fails(&system, &[], 1);
    assert!(said.contains("no camera found"), "{said}");
    let mut without = pi_send(&["--source", "rpicam", "--host", "127.0.0.1:9"]);
    let (status, lines) = Running::start(without.env("PATH", "/nonexistent")).end();
    assert_eq!(status.code(), Some(1));
    let said = lines.join("\n");
    assert!(said.contains("sudo apt install rpicam-apps-lite"), "{said}");
}

#[test]
fn the_name_that_rpicam_vid_had_before_works_too() {
    let system = System::new("before");
    for (old, program) in [
        ("libcamera-vid", "rpicam-vid"),
        ("libcamera-hello", "rpicam-hello"),
    ] {
        fs::remove_file(system.path(program)).expect("it is there");
        system.install(old, program);
    }
    let (_sender, mut session) = sending(&system, &["--camera", "imx219", "--frames", "3"]);
    assert_eq!(session.frames().len(), 3);
}

#[test]
fn its_cameras_are_listed() {
    let system = System::new("list");
    let table = pi_send_on(&system, &["--list-cameras"])
        .output()
        .expect("it runs");
    let table = String::from_utf8_lossy(&table.stdout);
    assert!(table.contains("1640x1232 [41.85 fps"), "{table}");
    let json = pi_send_on(&system, &["--list-cameras=json"])
        .output()
        .expect("it runs");
    let cameras: Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    assert_eq!(cameras[1]["model"], "imx708_wide");
    assert_eq!(cameras[0]["modes"][1]["width"], 1640);
}
