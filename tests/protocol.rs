//! docs/protocol.md is true: its Python is taken out of the document and run against our programs,
//! both ways.
//!
//! Needs a Python with Pillow and numpy (`PI_STREAM_PYTHON`, default /usr/bin/python3) and Xvfb.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::path::PathBuf;
use std::process::Command;

use common::pictures::{self, near};
use common::screen::Screen;
use common::{Running, free_port, pi_send, python, view_recv};
use pi_stream::protocol::stamp::{Stamp, places};

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
    pictures::file(&format!("{test}-{name}.py"), code.as_bytes())
}

fn run(name: &str) -> Command {
    let mut command = python();
    command.arg(program(name));
    command
}

/// The lines that a Python receiver printed for `pi-send --source test --frames 100`.
fn received_by(name: &str) -> Vec<String> {
    let port = free_port();
    let (mut receiver, output) = Running::start_collecting(run(name).arg(port.to_string()));
    // It may not listen yet: pi-send tries again.
    let host = format!("127.0.0.1:{port}");
    let mut sender = Running::start(&mut pi_send(&[
        "--host", &host, "--source", "test", "--frames", "100", "--fps", "60",
    ]));
    let (status, lines) = sender.end();
    assert!(status.success(), "{lines:#?}");
    let (status, lines) = receiver.end();
    assert!(status.success(), "{lines:#?}");
    let output = output.join().expect("collecting does not panic");
    let output = String::from_utf8(output).expect("Python prints UTF-8");
    output.lines().map(str::to_owned).collect()
}

#[test]
fn the_python_receiver_gets_every_frame_and_the_end_marker() {
    let lines = received_by("receive");
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
    assert_eq!(received_by("plain_receive"), ["pictures: 100"]);
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
fn sent_by(name: &str, files: &[PathBuf]) -> Vec<Vec<u8>> {
    let (mut viewer, output) = Running::start_collecting(&mut view_recv(&[
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--once",
        "--output",
        "-",
    ]));
    let port = viewer.listening_on().port().to_string();
    let mut sender = Running::start(run(name).args(["127.0.0.1", &port]).args(files));
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
    let came = sent_by("send", &files);
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
    let came = sent_by("plain_send", &files);
    assert!(came == jpegs, "{} frames came", came.len());
}

#[test]
fn the_python_sender_shows_on_the_screen() {
    let screen = Screen::start(800, 600);
    let mut command = view_recv(&["--bind", "127.0.0.1:0"]);
    let mut viewer = Running::start(command.env("DISPLAY", screen.display()));
    let port = viewer.listening_on().port().to_string();
    let colours = [[200, 30, 40], [30, 160, 60], [40, 50, 180]];
    let file = pictures::file("shown.jpg", &pictures::stripes(480, 320, &colours));
    // Twenty seconds of the same picture; dropped when it was seen.
    let _sender = Running::start(
        run("send")
            .args(["127.0.0.1", &port])
            .args(std::iter::repeat_n(&file, 600)),
    );
    screen.wait_for("picture with its colours from left to right", |screen| {
        let at = |x: u32, y: u32| screen.get_pixel_checked(x, y).map(|pixel| pixel.0);
        let is = |x: u32, y: u32, i: usize| at(x, y).is_some_and(|seen| near(seen, colours[i], 6));
        let rows = (0..screen.height()).step_by(8);
        rows.flat_map(|y| (0..screen.width()).step_by(8).map(move |x| (x, y)))
            .find(|&(x, y)| is(x, y, 0) && is(x + 160, y, 1) && is(x + 320, y, 2))
    });
}
