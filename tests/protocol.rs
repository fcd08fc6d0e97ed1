//! docs/protocol.md is true: its Python is taken out of the document and run against our programs,
//! both ways.
//!
//! Needs a Python with Pillow and numpy (`PI_STREAM_PYTHON`, default /usr/bin/python3) and Xvfb; for what it says of keys
//! one with noiseprotocol (`PI_STREAM_OPENCV`, which scripts/test makes; without it, that is skipped, loudly).
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::figures::Figures;
use common::key::Key;
use common::pictures::{self, near};
use common::screen::Screen;
use common::{Running, free_port, pi_send, python, view_recv};
use pi_stream::protocol::Stamp;
use pi_stream::protocol::stamp::places;

const DOCUMENT: &str = include_str!("../docs/protocol.md");

/// The document's program of that name, as a file of its own.
fn program(name: &str) -> PathBuf {
    let start = format!("```python\n# {name}.py ");
    let code = DOCUMENT
        .split_once(&start)
        .and_then(|(_, behind)| behind.split_once("\n```\n"))
        .map(|(code, _)| format!("# {name}.py {code}\n"))
        .unwrap_or_else(|| panic!("docs/protocol.md has no {name}.py"));
    let test = std::thread::current();
    let test = test.name().unwrap_or("test").replace("::", "-");
    // A folder for each test: a program of the document may import another.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&folder).expect("cargo's folder can be written to");
    let file = folder.join(format!("{name}.py"));
    fs::write(&file, code).expect("cargo's folder can be written to");
    file
}

fn run(name: &str) -> Command {
    let mut command = python();
    command.arg(program(name));
    command
}

/// The same for a program with a key.
fn run_with(key: &Key, name: &str) -> Option<Command> {
    let Some(python) = std::env::var_os("PI_STREAM_OPENCV") else {
        eprintln!(
            "SKIPPED: PI_STREAM_OPENCV is not set (scripts/test does), Python with a key is not tested"
        );
        return None;
    };
    program("encrypted");
    let mut command = Command::new(python);
    command.arg(program(name)).arg(&key.file);
    command.stdin(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// The lines that a Python receiver printed for `pi-send --source test --frames 100`.
fn received_by(mut program: Command, with: &[&str], acknowledges: bool) -> Vec<String> {
    let port = free_port();
    let (mut receiver, output) = Running::start_collecting(program.arg(port.to_string()));
    // It may not listen yet: pi-send tries again.
    let host = format!("127.0.0.1:{port}");
    let mut command = pi_send(&[
        "--host", &host, "--source", "test", "--frames", "100", "--fps", "60",
    ]);
    let (mut sender, figures) = Figures::start(command.args(with).args(["--stats", "json"]));
    if acknowledges {
        figures.wait_for("latency, so acks", |figures| figures["latency_ms"].as_f64());
    }
    let (status, lines) = sender.end();
    assert!(status.success(), "{lines:#?}");
    let (status, lines) = receiver.end();
    assert!(status.success(), "{lines:#?}");
    let output = output.join().expect("collecting does not panic");
    let output = String::from_utf8(output).expect("Python prints UTF-8");
    assert_eq!(figures.closing()["frames"], 100);
    output.lines().map(str::to_owned).collect()
}

#[test]
fn the_python_receiver_gets_every_frame_and_the_end_marker() {
    let lines = received_by(run("receive"), &[], true);
    assert_eq!(lines.len(), 101, "{lines:#?}");
    assert_eq!(lines[100], "end");
    let seq = |line: &String| line.split(' ').next().and_then(|word| word.parse().ok());
    let first: u64 = seq(&lines[0]).expect("each frame bears its number");
    let mut last_time = 0;
    for (line, expected) in lines[..100].iter().zip(first..) {
        assert_eq!(seq(line), Some(expected), "{line}");
        assert!(line.contains("(480, 640, 3)"), "{line}");
        let time = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let time: u64 = time.expect("each frame bears its time");
        assert!(time > last_time, "{line}");
        last_time = time;
    }
}

#[test]
fn the_plain_recipes_receiver_gets_every_frame_and_the_end_marker() {
    assert_eq!(
        received_by(run("plain_receive"), &[], false),
        ["pictures: 100"]
    );
}

#[test]
fn the_python_receiver_finds_the_stamp_beside_other_comments() {
    let plain = pictures::stripes(160, 120, &[[200, 30, 40]]);
    let [head, _, tail] = places(&plain);
    let comment = b"\xFF\xFE\x00\x0CLavc59.37\0";
    let jpeg = [&plain[head], comment, &plain[tail]].concat();
    let file = pictures::file("commented.jpg", &jpeg);
    let port = free_port().to_string();
    let (mut receiver, output) = Running::start_collecting(run("receive").arg(&port));
    common::until("connection between the two", || {
        let mut sender = Running::start(run("send").args(["127.0.0.1", &port]).arg(&file));
        sender.wait().success().then_some(())
    });
    let (status, lines) = receiver.end();
    assert!(status.success(), "{lines:#?}");
    let output = output.join().expect("collecting does not panic");
    let output = String::from_utf8_lossy(&output);
    let words: Vec<&str> = output.split_whitespace().collect();
    assert_eq!(words[0], "0", "{output}");
    assert!(words[1].parse::<u64>().is_ok(), "{output}");
    // The mean of red, green and blue.
    let mean: f64 = words[5].parse().expect("the receiver prints it");
    assert!((mean - 90.0).abs() < 2.0, "{output}");
    assert_eq!(words[6..], ["end"], "{output}");
}

/// What `view-recv --output -` gives of files that a Python sender sends, cut into JPEGs.
fn sent_by(mut program: Command, with: &[&str], files: &[PathBuf]) -> Vec<Vec<u8>> {
    let mut command = view_recv(&["--bind", "127.0.0.1:0", "--headless", "--once"]);
    let (mut viewer, output) =
        Running::start_collecting(command.args(["--output", "-"]).args(with));
    let port = viewer.listening_on().port().to_string();
    let mut sender = Running::start(program.args(["127.0.0.1", &port]).args(files));
    let (status, lines) = sender.end();
    assert!(status.success(), "{lines:#?}");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let output = output.join().expect("collecting does not panic");
    pictures::cut(&output)
}

fn jpegs(test: &str) -> (Vec<Vec<u8>>, Vec<PathBuf>) {
    let jpegs: Vec<Vec<u8>> = (0..20)
        .map(|i| pictures::stripes(160, 120, &[[10 * i, 128, 255], [255, 10 * i, 0]]))
        .collect();
    let files = jpegs.iter().enumerate();
    let files = files.map(|(i, jpeg)| pictures::file(&format!("{test}-{i}.jpg"), jpeg));
    let files = files.collect();
    (jpegs, files)
}

#[test]
fn view_recv_gets_every_frame_of_the_python_sender() {
    let (jpegs, files) = jpegs("send");
    let came = sent_by(run("send"), &[], &files);
    let plain: Vec<Vec<u8>> = came
        .iter()
        .map(|jpeg| places(jpeg).map(|part| &jpeg[part]).concat())
        .collect();
    assert!(plain == jpegs, "{} frames came", came.len());
    for (i, jpeg) in came.iter().enumerate() {
        let stamp = Stamp::find(jpeg).expect("the Python sender stamps");
        assert_eq!(stamp.seq, i as u64);
        assert_eq!(
            stamp.name.as_ref().map(|name| name.as_str()),
            Some("python")
        );
    }
}

#[test]
fn view_recv_gets_every_frame_of_the_plain_recipes_sender() {
    let (jpegs, files) = jpegs("plain-send");
    let came = sent_by(run("plain_send"), &[], &files);
    assert!(came == jpegs, "{} frames came", came.len());
}

#[test]
fn the_encrypted_python_receiver_verifies_every_frame_and_its_acks_tell_the_latency() {
    let key = Key::new();
    let Some(receiver) = run_with(&key, "receive_encrypted") else {
        return;
    };
    let lines = received_by(receiver, &key.args(), true);
    assert_eq!(lines.len(), 101, "{lines:#?}");
    assert_eq!(lines[100], "end");
    for (i, line) in lines[..100].iter().enumerate() {
        let (seq, size) = line.split_once(' ').expect("number and size");
        assert_eq!(size, "(640, 480)");
        let first = lines[0].split(' ').next().and_then(|seq| seq.parse().ok());
        let first: usize = first.expect("each frame bears its number");
        assert_eq!(seq.parse(), Ok(first + i));
    }
}

#[test]
fn view_recv_gets_every_frame_of_the_encrypted_python_sender() {
    let key = Key::new();
    let Some(sender) = run_with(&key, "send_encrypted") else {
        return;
    };
    let (jpegs, files) = jpegs("send-encrypted");
    let came = sent_by(sender, &key.args(), &files);
    assert!(came == jpegs, "{} frames came", came.len());
}

#[test]
fn a_sender_with_a_key_says_that_the_plain_recipes_server_has_none() {
    let key = Key::new();
    let port = free_port().to_string();
    let mut server = Running::start(run("plain_receive").arg(&port));
    let host = format!("127.0.0.1:{port}");
    let mut sender = pi_send(&["--host", &host, "--source", "test"]);
    let mut sender = Running::start(sender.args(key.args()));
    let line = sender.wait_line("refusal", |line| {
        line.contains("gives no answer").then(|| line.to_owned())
    });
    assert!(line.contains("view-recv --key FILE"), "{line}");
    // It has taken the hello for a length, and no byte for a picture.
    assert!(!server.wait().success());
}

#[test]
fn view_recv_turns_away_an_encrypted_python_sender_with_another_key() {
    let (one, other) = (Key::new(), Key::new());
    let Some(mut sender) = run_with(&other, "send_encrypted") else {
        return;
    };
    let mut viewer = view_recv(&["--bind", "127.0.0.1:0", "--headless"]);
    let mut viewer = Running::start(viewer.args(one.args()));
    let port = viewer.listening_on().port().to_string();
    let (status, lines) = Running::start(sender.args(["127.0.0.1", &port])).end();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    assert!(lines.concat().contains("does not go on"), "{lines:#?}");
    viewer.wait_line("refusal", |line| line.contains("another key").then_some(()));
}

/// That a Python sender's picture is on the screen of view-recv.
fn shows(mut sender: Command, with: &[&str]) {
    let screen = Screen::start(800, 600);
    let mut command = view_recv(&["--bind", "127.0.0.1:0"]);
    let command = command.args(with).env("DISPLAY", screen.display());
    let mut viewer = Running::start(command);
    let port = viewer.listening_on().port().to_string();
    let colours = [[200, 30, 40], [30, 160, 60], [40, 50, 180]];
    let file = pictures::stripes(480, 320, &colours);
    let file = pictures::file(&format!("shown-{port}.jpg"), &file);
    // Twenty seconds of the same picture; dropped when it was seen.
    let files = std::iter::repeat_n(&file, 600);
    let _sender = Running::start(sender.args(["127.0.0.1", &port]).args(files));
    screen.wait_for("picture with its colours from left to right", |screen| {
        let at = |x: u32, y: u32| screen.get_pixel_checked(x, y).map(|pixel| pixel.0);
        let is = |x: u32, y: u32, i: usize| at(x, y).is_some_and(|seen| near(seen, colours[i], 6));
        let rows = (0..screen.height()).step_by(8);
        rows.flat_map(|y| (0..screen.width()).step_by(8).map(move |x| (x, y)))
            .find(|&(x, y)| is(x, y, 0) && is(x + 160, y, 1) && is(x + 320, y, 2))
    });
}

#[test]
fn the_python_sender_shows_on_the_screen() {
    shows(run("send"), &[]);
}

#[test]
fn the_encrypted_python_sender_shows_on_the_screen() {
    let key = Key::new();
    if let Some(sender) = run_with(&key, "send_encrypted") {
        shows(sender, &key.args());
    }
}
