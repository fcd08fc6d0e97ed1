//! examples/python: `pi_stream.py` against pi-send and view-recv, and the scripts beside it, run as their first lines say.
//!
//! Needs a Python with Pillow and numpy (`PI_STREAM_PYTHON`, default /usr/bin/python3), cryptography where a key is used, and,
//! for the scripts that show something, one with OpenCV (`PI_STREAM_OPENCV`; scripts/test says where it is).
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "python/dialling.rs"]
mod dialling;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::figures::Figures;
use common::key::Key;
use common::pictures::{self, near};
use common::screen::Screen;
use common::{Running, free_port, pi_send, python, until, view_recv};

/// What every script here begins with; lines that a test waits for go to stderr.
const PRELUDE: &str = "
import sys, time
from pi_stream import Receiver, Sender
def say(*words): print(*words, file=sys.stderr, flush=True)
def listening(receiver): say('listening on', f'127.0.0.1:{receiver.port}'); return receiver
";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python")
}

/// That Python, which finds pi_stream.
fn with_pi_stream(mut python: Command) -> Command {
    python
        .env("PYTHONPATH", examples())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// A script of these lines.
fn script(lines: &str) -> Command {
    let mut command = with_pi_stream(python());
    command.arg("-c").arg(format!("{PRELUDE}{lines}"));
    command
}

fn plain_and_with_a_key() -> [Option<Key>; 2] {
    [None, Some(Key::new())]
}

/// The options of our programs for that.
fn options(key: Option<&Key>) -> Vec<&str> {
    key.map_or(Vec::new(), |key| key.args().to_vec())
}

/// The same in Python.
fn value(key: Option<&Key>) -> String {
    key.map_or("None".to_owned(), |key| format!("{:?}", key.file))
}

/// One of the scripts in examples/python.
fn example(python: Command, name: &str) -> Command {
    let mut command = with_pi_stream(python);
    command.arg(examples().join(name));
    command
}

/// A Python that has OpenCV, too.
fn opencv() -> Option<Command> {
    let Some(python) = std::env::var_os("PI_STREAM_OPENCV") else {
        eprintln!(
            "SKIPPED: PI_STREAM_OPENCV is not set (scripts/test does), what shows pictures by OpenCV is not tested"
        );
        return None;
    };
    let mut command = Command::new(python);
    command.stdin(Stdio::null());
    Some(command)
}

/// The moving test picture, for whoever listens there, or will.
fn test_pictures(host: &str, args: &[&str]) -> Command {
    let mut command = pi_send(&["--host", host, "--source", "test"]);
    command.args(args);
    command
}

/// The words of the next line that begins with this one.
fn words(running: &mut Running, first: &str) -> Vec<String> {
    running.wait_line(first, |line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next()? == first).then(|| words.collect())
    })
}

fn number(word: &str) -> f64 {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} is no number"))
}

#[test]
fn the_file_keeps_what_it_promises_by_itself() {
    let opencv = std::env::var_os("PI_STREAM_OPENCV").map(Command::new);
    for python in [Some(python()), opencv].into_iter().flatten() {
        let mut tests = with_pi_stream(python);
        tests.args(["-m", "unittest", "tests/python/test_pi_stream.py"]);
        let tests = tests.current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = tests.output().expect("Python starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tests:?}: {said}");
        eprintln!("{said}");
    }
}

#[test]
fn frames_come_with_name_size_pixels_and_age_and_the_sender_knows_the_latency() {
    for key in &plain_and_with_a_key() {
        frames_come(key.as_ref());
    }
}

fn frames_come(key: Option<&Key>) {
    let mut receiving = Running::start(&mut script(&format!(
        "
with listening(Receiver('127.0.0.1:0', key={})) as receiver:
    for frame in receiver:
        pixels = frame.rgb()
        age, truth = frame.age, time.time() - frame.stamp.captured_unix_us / 1e6
        say('frame', frame.stamp.seq, frame.camera, *frame.size, *pixels.shape, age, truth)
",
        value(key)
    )));
    let host = receiving.listening_on().to_string();
    let mut sending = test_pictures(&host, &["--name", "garden", "--stats", "json"]);
    let (_sender, figures) = Figures::start(sending.args(options(key)));
    let mut off = Vec::new();
    let mut last = 0.0;
    while off.len() < 60 {
        let frame = words(&mut receiving, "frame");
        assert_eq!(
            frame[1..7].join(" "),
            "garden 640 480 480 640 3",
            "{frame:?}"
        );
        assert!(number(&frame[0]) > last, "{frame:?}");
        last = number(&frame[0]);
        off.push((number(&frame[7]) - number(&frame[8])).abs());
    }
    // One computer, one clock: what is worked out of acks is what the stamp says. At first it is when it arrived.
    off.drain(..20);
    off.sort_by(f64::total_cmp);
    assert!(off[off.len() / 2] < 0.02, "{off:?}");
    let latency = figures.wait_for("latency", |figures| figures["latency_ms"].as_f64());
    assert!(latency < 1000.0, "{latency}");
}

#[test]
fn a_script_that_takes_200_ms_for_a_picture_gets_none_that_is_old() {
    let mut receiving = Running::start(&mut script(
        "
with listening(Receiver('127.0.0.1:0')) as receiver:
    for frame in receiver:
        say('age', time.time() - frame.stamp.captured_unix_us / 1e6)
        time.sleep(0.2)
",
    ));
    let host = receiving.listening_on().to_string();
    let _sender = Running::start(&mut test_pictures(&host, &["--fps", "30"]));
    let ages = (0..25).map(|_| number(&words(&mut receiving, "age")[0]));
    let mut ages: Vec<f64> = ages.skip(2).collect();
    ages.sort_by(f64::total_cmp);
    // One and a half intervals, of nearly all: a busy machine may be late for one.
    assert!(ages[ages.len() * 4 / 5] < 1.5 / 30.0, "{ages:?}");
}

#[test]
fn full_hd_at_30_a_second_is_kept_up_with() {
    let mut receiving = Running::start(&mut script(
        "
with listening(Receiver('127.0.0.1:0')) as receiver:
    for frame in receiver:
        frame.rgb()
        say('frame', frame.stamp.seq, *frame.size, time.time() - frame.stamp.captured_unix_us / 1e6)
",
    ));
    let host = receiving.listening_on().to_string();
    // JPEGs that are there already: the test picture is slow to draw for a program that is built to be debugged.
    let picture = |x, y| image::Rgb([(x / 8) as u8, (y / 5) as u8, (x * y % 31) as u8]);
    let jpeg = pictures::encode(&image::RgbImage::from_fn(1920, 1080, picture));
    let file = pictures::file("python-full-hd.mjpeg", &jpeg);
    let file = file.display().to_string();
    let args = ["--host", &host, "--source", &file, "--loop", "--fps", "30"];
    let _sender = Running::start(&mut pi_send(&args));
    let mut age = |frames: usize| {
        let mut ages: Vec<f64> = (0..frames)
            .map(|_| {
                let frame = words(&mut receiving, "frame");
                assert_eq!(frame[1..3].join("x"), "1920x1080");
                number(&frame[3])
            })
            .collect();
        ages.sort_by(f64::total_cmp);
        ages[ages.len() / 2]
    };
    age(20);
    let first = age(20);
    age(120);
    let last = age(20);
    // Decoded, too. Whoever kept what there is no time for, of three pictures one, would be two seconds late by now.
    assert!(last < first + 1.0, "{first} s, later {last} s");
}

#[test]
fn a_receiver_goes_on_when_a_sender_is_killed_and_started_again() {
    for key in &plain_and_with_a_key() {
        let key = key.as_ref();
        let mut receiving = Running::start(&mut script(&format!(
            "
with listening(Receiver('127.0.0.1:0', key={})) as receiver:
    for frame in receiver:
        say('frame', frame.camera, frame.size[0], frame.stamp.seq)
",
            value(key)
        )));
        let host = receiving.listening_on().to_string();
        // Each of another size, so that one is told from the next.
        for width in ["320", "640", "480"] {
            let args = ["--name", "garden", "--res", &format!("{width}x240")];
            let mut sender = Running::start(test_pictures(&host, &args).args(options(key)));
            receiving.wait_line("later frame", |line| {
                let (before, seq) = line.rsplit_once(' ')?;
                let is_its_own = before == format!("frame garden {width}");
                (is_its_own && number(seq) > 10.0).then_some(())
            });
            sender.kill();
        }
    }
}

#[test]
fn pi_send_goes_on_when_a_receiver_is_killed_and_started_again() {
    for key in &plain_and_with_a_key() {
        let key = key.as_ref();
        let host = format!("127.0.0.1:{}", free_port());
        let lines = format!(
            "
for frame in listening(Receiver('{host}', key={})):
    say('frame', frame.stamp.seq)
",
            value(key)
        );
        let _sender = Running::start(test_pictures(&host, &[]).args(options(key)));
        for _ in 0..3 {
            let mut receiving = Running::start(&mut script(&lines));
            for _ in 0..10 {
                words(&mut receiving, "frame");
            }
            receiving.kill();
        }
    }
}

/// A sender of flat colours, red first, in a script of its own.
fn stripes(host: &str) -> Command {
    script(&format!(
        "
import numpy
stripes = numpy.zeros((320, 480, 3), 'uint8')
stripes[:, :160], stripes[:, 160:320], stripes[:, 320:] = (200, 30, 40), (30, 160, 60), (40, 50, 180)
with Sender('{host}', name='stripes') as sender:
    while True:
        sender.send(stripes)
        time.sleep(1 / 30)
"
    ))
}

const STRIPES: [[u8; 3]; 3] = [[200, 30, 40], [30, 160, 60], [40, 50, 180]];

fn shows_stripes(screen: &image::RgbImage) -> bool {
    let at = |x: u32, y: u32| screen.get_pixel_checked(x, y).map(|pixel| pixel.0);
    let is = |x: u32, y: u32, i: usize| at(x, y).is_some_and(|seen| near(seen, STRIPES[i], 8));
    let mut rows = (0..screen.height()).step_by(8);
    rows.any(|y| {
        let mut columns = (0..screen.width()).step_by(8);
        columns.any(|x| is(x, y, 0) && is(x + 160, y, 1) && is(x + 320, y, 2))
    })
}

#[test]
fn view_recv_shows_what_a_script_sends_in_its_colours_and_says_how_old_it_is() {
    let screen = Screen::start(800, 600);
    let mut command = view_recv(&["--bind", "127.0.0.1:0", "--stats", "json"]);
    let (mut viewer, figures) = Figures::start(command.env("DISPLAY", screen.display()));
    let host = viewer.listening_on().to_string();
    let _sender = Running::start(&mut stripes(&host));
    screen.wait("stripes", shows_stripes);
    let latency = figures.wait_for("latency", |figures| {
        (figures["name"] == "stripes").then(|| figures["latency_ms"].as_f64())?
    });
    assert!(latency < 1000.0, "{latency}");
}

#[test]
fn a_sender_goes_on_when_view_recv_is_killed_and_started_again_and_ends_its_stream() {
    let jpeg = pictures::stripes(160, 120, &STRIPES);
    let jpeg = pictures::file("python-sends.jpg", &jpeg);
    for key in &plain_and_with_a_key() {
        let (key, host) = (key.as_ref(), format!("127.0.0.1:{}", free_port()));
        let mut sending = Running::start(&mut script(&format!(
            "
import signal
going = True
def end(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, end)
jpeg = open({jpeg:?}, 'rb').read()
with Sender('{host}', key={}) as sender:
    while going:
        sender.send(jpeg)
        time.sleep(1 / 30)
",
            value(key)
        )));
        let args = ["--bind", &host, "--headless", "--once", "--stats", "json"];
        let start = || Figures::start(view_recv(&args).args(options(key)));
        for _ in 0..3 {
            let (mut viewer, figures) = start();
            figures.wait_for("frames", |figures| {
                (figures["frames"].as_u64() > Some(3)).then_some(())
            });
            viewer.kill();
        }
        let (mut viewer, figures) = start();
        figures.wait_for_state("receiving");
        sending.signal("TERM");
        assert!(sending.wait().success());
        // 0: the stream was ended, and not lost.
        assert_eq!(viewer.wait().code(), Some(0));
    }
}

#[test]
fn whoever_has_no_key_or_another_one_is_told_on_both_sides() {
    let (ours, theirs) = (Key::new(), Key::new());
    let (ours, theirs) = (Some(&ours), Some(&theirs));
    for (in_script, of_pi_send, said_here, said_there) in [
        (ours, None, "uses no key", "with a key only"),
        (None, ours, "asks for a key", "it has none"),
        (ours, theirs, "has another key", "has another key"),
    ] {
        let mut receiving = Running::start(&mut script(&format!(
            "
for frame in listening(Receiver('127.0.0.1:0', key={})): raise SystemExit('a frame')
",
            value(in_script)
        )));
        let host = receiving.listening_on().to_string();
        let mut sender = Running::start(test_pictures(&host, &[]).args(options(of_pi_send)));
        let has = |words| move |line: &str| line.contains(words).then_some(());
        receiving.wait_line(said_here, has(said_here));
        sender.wait_line(said_there, has(said_there));
    }
}

#[test]
fn the_motion_script_saves_pictures_by_camera_and_time() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-motion");
    // Of the last run.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let port = free_port();
    let mut motion = example(python(), "motion.py");
    let _motion = Running::start(motion.arg(port.to_string()).arg(&folder));
    let host = format!("127.0.0.1:{port}");
    let _sender = Running::start(&mut test_pictures(&host, &["--name", "garden"]));
    let saved = until("a picture that moved", || {
        let mut files = fs::read_dir(&folder).unwrap().flatten();
        let path = files.next()?.path();
        // It may be there and not be written yet.
        image::open(&path).ok().map(|picture| (path, picture))
    });
    let name = saved.0.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("garden_2"), "{name}");
    assert_eq!((saved.1.width(), saved.1.height()), (640, 480));
}

#[test]
fn the_picamera2_script_asks_of_it_what_is_documented_and_sends_its_colours_and_times() {
    let args = [
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--once",
        "--output",
        "-",
    ];
    let (mut viewer, output) = Running::start_collecting(&mut view_recv(&args));
    let host = viewer.listening_on().to_string();
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let path = std::env::join_paths([examples(), stand_in]).unwrap();
    let mut command = example(python(), "from_picamera2.py");
    let mut sending = Running::start(command.arg(&host).env("PYTHONPATH", path));
    // The stand-in ends after some pictures, as Ctrl-C would.
    let (_, lines) = sending.end();
    assert!(
        lines.iter().any(|line| line == "KeyboardInterrupt"),
        "{lines:#?}"
    );
    assert_eq!(viewer.wait().code(), Some(0));
    let frames = pictures::cut(&output.join().unwrap());
    let picture = image::load_from_memory(&frames[0]).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (1280, 720));
    assert!(near(picture.get_pixel(640, 360).0, [220, 120, 20], 4));
    // Captured half a second before it was sent.
    let stamp = pi_stream::protocol::stamp::Stamp::find(frames.last().unwrap()).unwrap();
    let latency = stamp.latency_us.expect("view-recv acknowledges");
    assert!((500_000..5_000_000).contains(&latency), "{latency}");
}

#[test]
fn the_show_script_shows_the_camera() {
    let Some(python) = opencv() else { return };
    let screen = Screen::start(800, 600);
    let port = free_port();
    let mut show = example(python, "show.py");
    let show = show.arg(port.to_string()).env("DISPLAY", screen.display());
    let _show = Running::start(show);
    let _sender = Running::start(&mut stripes(&format!("127.0.0.1:{port}")));
    screen.wait("stripes", shows_stripes);
}

#[test]
fn the_script_for_two_cameras_shows_them_side_by_side() {
    let Some(python) = opencv() else { return };
    let screen = Screen::start(1400, 600);
    let port = free_port();
    let mut both = example(python, "side_by_side.py");
    let both = both.args(["left", "right", &port.to_string()]);
    let _both = Running::start(both.env("DISPLAY", screen.display()));
    let colours = [[200, 30, 40], [40, 50, 180]];
    let _cameras = [("left", colours[0]), ("right", colours[1])].map(|(name, colour)| {
        let picture = pictures::stripes(640, 480, &[colour]);
        let file = pictures::file(&format!("python-{name}.mjpeg"), &picture);
        let (host, file) = (format!("127.0.0.1:{port}"), file.display().to_string());
        let args = [
            "--host", &host, "--name", name, "--source", &file, "--loop", "--fps", "30",
        ];
        Running::start(&mut pi_send(&args))
    });
    screen.wait("both colours, one beside the other", |screen| {
        let is = |x: u32, y: u32, i: usize| {
            let pixel = screen.get_pixel_checked(x, y);
            pixel.is_some_and(|pixel| near(pixel.0, colours[i], 8))
        };
        let mut rows = (0..screen.height()).step_by(16);
        rows.any(|y| {
            (0..1400)
                .step_by(16)
                .any(|x| is(x, y, 0) && is(x + 640, y, 1))
        })
    });
}
