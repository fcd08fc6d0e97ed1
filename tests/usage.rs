//! Wrong usage ends with 2 and says what was expected; what fails at run time ends with 1 and one line.
//!
//! Every option that `--help` shows needs a row here: a new one without fails the tests.
#![cfg(all(unix, feature = "send", feature = "view"))]

mod common;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Command, Output};

use common::figures::Figures;
use common::{Running, free_port, pi_send, pictures, view_recv};
use serde_json::Value;

/// Arguments, of which the first is the option that is used wrongly, and what the message must say.
type Row = (&'static [&'static str], &'static str);

const PI_SEND: &[Row] = &[
    (&["--help=me"], "unexpected value 'me'"),
    (&["--version=2"], "unexpected value '2'"),
    (&["--host", "a:b:c"], "HOST:PORT or [IPv6]:PORT"),
    (&["--host", "pi:0"], "HOST:PORT or [IPv6]:PORT"),
    (&["--host", "[::1"], "HOST:PORT or [IPv6]:PORT"),
    (&["--host", ""], "HOST"),
    (&["--host", "0.0.0.0"], "the one that view-recv prints"),
    (&["--host", "0.0.0.0"], "to let viewers dial, use --listen"),
    (&["--host", "pi", "--host", "pi:8000"], "given twice"),
    (
        &[
            "--host",
            "a",
            "--host",
            "b",
            "--source",
            "-",
            "--every-frame",
        ],
        "leave one of them out",
    ),
    (&["--listen", "8000"], "ADDRESS:PORT"),
    (&["--listen"], "cannot be used with"),
    (&["--allow", "10.0.0.1"], "--listen"),
    (&["--announce"], "add --listen"),
    (&["--no-announce", "--announce"], "cannot be used with"),
    (&["--list-viewers=xml"], "table, json"),
    (&["--host", "auto", "--host", "pi"], "leave the others out"),
    (&["--port", "0"], "1..=65535"),
    (&["--port", "65536"], "1..=65535"),
    (&["--port", "9000", "--host", "pi:8000"], "--port 9000"),
    (&["--key", ""], "--key <FILE>"),
    (&["--new-key", "a.key"], "cannot be used with"),
    (&["--no-retry=yes"], "unexpected value 'yes'"),
    (&["--name", "der Garten"], "letters"),
    (&["--source", ""], "camera, test, a file's name, or -"),
    (&["--loop", "--source", "test"], "--source FILE"),
    (&["--loop", "--source", "-"], "cannot be read twice"),
    (&["--every-frame", "--source", "test"], "--source FILE or -"),
    (&["--res", "640"], "WIDTHxHEIGHT"),
    (&["--res", "0x480"], "WIDTHxHEIGHT"),
    (
        &["--res", "640x480", "--source", "film.mjpeg"],
        "leave the size out",
    ),
    (&["--res", "65500x1", "--source", "test"], "16384"),
    (&["--width", "640"], "--height"),
    (&["--width", "-1", "--height", "480"], "pixels"),
    (&["--height", "480"], "--width"),
    (&["--height", "65501", "--width", "1"], "1 to 65500 pixels"),
    (&["--fps", "0"], "0.01 to 1000"),
    (&["--fps", "fast"], "0.01 to 1000"),
    (&["--hflip=1"], "unexpected value '1'"),
    (&["--vflip=1"], "unexpected value '1'"),
    (&["--rotation", "45"], "0, 90, 180 or 270"),
    (&["--quality", "0"], "1..=100"),
    (&["--quality", "101"], "1..=100"),
    (&["--min-quality", "0"], "1..=100"),
    (&["--min-quality", "81"], "at most 80"),
    (&["--camera", "0", "--source", "test"], "is for the camera"),
    (&["--list-cameras=xml"], "table, json"),
    (&["--mode", "640x480"], "W:H"),
    (&["--sensor-fps", "fast"], "or max"),
    (&["--sensor-fps", "60", "--fps", "90"], "--fps (90)"),
    (
        &["--tuning-file", "a.json", "--source", "test"],
        "is for the camera",
    ),
    (&["--shutter", "0"], "microseconds"),
    (&["--gain", "-1"], "a number above 0"),
    (&["--ev", "bright"], "a number"),
    (&["--awb", "sunny"], "one of auto"),
    (&["--awbgains", "1.5"], "two numbers above 0"),
    (&["--brightness", "much"], "a number"),
    (&["--contrast", "nan"], "a number"),
    (&["--saturation", ""], "number"),
    (&["--sharpness", "inf"], "a number"),
    (&["--denoise", "yes"], "one of auto"),
    (&["--metering", "all"], "one of centre"),
    (&["--exposure", "short-long"], "one of normal"),
    (&["--autofocus-mode", "on"], "one of manual"),
    (&["--autofocus-range", "near"], "one of normal"),
    (&["--autofocus-speed", "slow"], "one of normal"),
    (
        &["--autofocus-window", "0,0,2,1"],
        "x,y,width,height within 0 to 1",
    ),
    (&["--lens-position", "-1"], "dioptres"),
    (
        &["--roi", "0.5,0.5,0.6,0.5"],
        "x,y,width,height within 0 to 1",
    ),
    (&["--hdr=on"], "off, auto or single-exp"),
    (&["--flicker-period", "50Hz"], "microseconds"),
    (&["--control", "Sharpness"], "NAME=VALUE"),
    (&["--duration", "-1"], "seconds"),
    (&["--frames", "0"], "1.."),
    (&["--timeout", "5000"], "--duration 5000ms"),
    (&["-t", "5000"], "--duration 5000ms"),
    (&["-n"], "leave it out"),
    (&["-o", "film.mjpeg"], "--record FILE.mkv"),
    (&["--codec", "h264"], "each picture is a JPEG"),
    (&["--bitrate", "2000000"], "--min-quality"),
    (&["--resolution", "640"], "WIDTHxHEIGHT"),
    (&["--stats", "xml"], "off, line, json"),
    (&["--quiet=yes"], "unexpected value 'yes'"),
    (&["--colour"], "unexpected argument '--colour'"),
    (&["film.mjpeg"], "unexpected argument 'film.mjpeg'"),
];

const VIEW_RECV: &[Row] = &[
    (&["--help=me"], "unexpected value 'me'"),
    (&["--version=2"], "unexpected value '2'"),
    (&["--bind", "8000"], "ADDRESS:PORT"),
    (&["--bind", "localhost:8000"], "ADDRESS:PORT"),
    (&["--bind", ":65536"], "ADDRESS:PORT"),
    (&["--connect", "pi:0"], "HOST:PORT or [IPv6]:PORT"),
    (&["--announce", "--connect", "pi"], "add --bind"),
    (&["--no-announce", "--announce"], "cannot be used with"),
    (&["--list-cameras=xml"], "table, json"),
    (&["--allow", "10.0.0.0/33"], "ADDRESS/BITS"),
    (&["--allow", "10.0.0.1", "--connect", "pi"], "add --bind"),
    (&["--allow", "garden"], "ADDRESS/BITS"),
    (&["--key", ""], "--key <FILE>"),
    (&["--new-key", "a.key", "--key", "b.key"], "cannot be used"),
    (&["--idle-timeout", "-1"], "seconds"),
    (&["--idle-timeout", "soon"], "seconds"),
    (&["--max-frame-bytes", "1023"], "1024 to 1073741824 bytes"),
    (&["--max-frame-bytes", "16Q"], "as in 500k, 64M"),
    (&["--max-pixels", "10"], "1024 to 500000000"),
    (&["--once=2"], "unexpected value '2'"),
    (&["--headless=no"], "unexpected value 'no'"),
    (&["--window", "319x240"], "320x240 to 16384x16384"),
    (
        &["--window", "640x480", "--headless"],
        "--headless opens none",
    ),
    (&["--fullscreen", "--headless"], "--headless opens none"),
    (&["--on-top", "--headless"], "--headless opens none"),
    (&["--title", "door", "--headless"], "--headless opens none"),
    (&["--rotation", "1"], "0, 90, 180 or 270"),
    (&["--hflip=1"], "unexpected value '1'"),
    (&["--vflip=1"], "unexpected value '1'"),
    (&["--record", "film.avi"], ".mkv (Matroska) or .mjpeg"),
    (&["--segment", "0", "--record", "a.mkv"], "from 1s to"),
    (&["--segment", "60"], "--record <FILE>"),
    (&["--keep", "0", "--record", "a.mkv"], "1.."),
    (
        &["--keep-free", "some", "--record", "a.mkv"],
        "as in 500k, 64M, 2GB",
    ),
    (&["--keep", "3"], "--record <FILE>"),
    (&["--snapshot-dir", ""], "--snapshot-dir <DIR>"),
    (&["--snapshot-every", "0"], "from 100ms to"),
    (&["--output", "film.mjpeg"], "--record FILE.mjpeg"),
    (&["--frames", "0"], "1.."),
    (&["--frames", "-1"], "--frames"),
    (&["--duration", "long"], "seconds"),
    (&["--stats", "xml"], "off, line, json"),
    (&["--quiet=yes"], "unexpected value 'yes'"),
    (&["film.mjpeg"], "unexpected argument 'film.mjpeg'"),
];

/// Runs it to its end, which must come.
fn output(command: &mut Command) -> Output {
    let (mut program, stdout) = Running::start_collecting(command);
    let (status, lines) = program.end();
    Output {
        status,
        stdout: stdout.join().expect("collecting does not panic"),
        stderr: lines.join("\n").into_bytes(),
    }
}

/// The long options that `--help` shows, aliases among them.
fn options_in_help(mut command: Command) -> BTreeSet<String> {
    let output = output(command.arg("--help"));
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("the help is UTF-8");
    let mut options = BTreeSet::new();
    for line in help.lines().map(str::trim_start) {
        let aliases = line.split_once("[alias").map_or("", |(_, aliases)| aliases);
        let own = line.strip_prefix("-h, ").or(line.strip_prefix("-V, "));
        let own = own.unwrap_or(line);
        let own = own
            .split_whitespace()
            .next()
            .filter(|_| own.starts_with("--"));
        let name_end = |c: char| !(c.is_ascii_lowercase() || c == '-');
        let aliases = aliases
            .split_whitespace()
            .filter(|word| word.starts_with("--"));
        options.extend(own.into_iter().chain(aliases).map(|word| {
            let end = word.find(name_end).unwrap_or(word.len());
            word[..end].to_owned()
        }));
    }
    assert!(options.len() > 10, "{options:?}");
    options
}

fn every_option_has_a_row(program: fn(&[&str]) -> Command, rows: &[Row]) {
    let name = |row: &Row| row.0[0].split('=').next().unwrap_or_default().to_owned();
    let known: BTreeSet<String> = rows.iter().map(name).collect();
    // Another name of an option is as wrong as the option.
    let aliases = BTreeSet::from(["--analoggain".to_owned()]);
    let missing: Vec<_> = options_in_help(program(&[]))
        .into_iter()
        .filter(|option| !known.contains(option) && !aliases.contains(option))
        .collect();
    assert_eq!(missing, [""; 0], "options without a row of wrong usage");
}

fn wrong_usage_says_what_was_expected(program: fn(&[&str]) -> Command, rows: &[Row], add: &[&str]) {
    for (args, words) in rows {
        let added = if args.contains(&"--host") { &[] } else { add };
        let output = output(program(args).args(added));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(said.contains(words), "{args:?}: {words:?} is not in {said}");
        let named = args.iter().any(|arg| {
            let name = arg.split('=').next().unwrap_or_default();
            !name.is_empty() && said.contains(name)
        });
        assert!(named, "{args:?}: no option is named in {said}");
    }
}

#[test]
fn every_option_that_help_shows_is_used_wrongly_below() {
    every_option_has_a_row(pi_send, PI_SEND);
    every_option_has_a_row(view_recv, VIEW_RECV);
}

#[test]
fn wrong_usage_of_pi_send_says_what_was_expected() {
    wrong_usage_says_what_was_expected(pi_send, PI_SEND, &["--host", "127.0.0.1"]);
    let output = output(&mut pi_send(&["--source", "test"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--host is missing"));
}

#[test]
fn wrong_usage_of_view_recv_says_what_was_expected() {
    wrong_usage_says_what_was_expected(view_recv, VIEW_RECV, &[]);
}

#[test]
fn times_and_sizes_are_written_one_way_for_every_option() {
    // What does not go together is said once each value was understood.
    let understood = |command: &mut Command, words: &str| {
        let output = output(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{command:?}: {said}");
    };
    let send = |args: &[&str]| {
        let mut command = pi_send(args);
        understood(command.args(["--host", "0.0.0.0"]), "--host 0.0.0.0");
    };
    let view = |args: &[&str]| {
        let mut command = view_recv(args);
        let command = command.args(["--headless", "--fullscreen"]);
        understood(command, "--headless opens none");
    };
    for time in ["2", "2.5", "2500ms", "2s", "2min", "1h"] {
        for option in ["--duration", "--shutter", "--flicker-period"] {
            send(&[option, time]);
        }
        for option in ["--duration", "--idle-timeout", "--snapshot-every"] {
            view(&[option, time]);
        }
        view(&["--record", "a.mkv", "--segment", time]);
    }
    for size in ["65536", "500k", "16M", "16MiB", "1GB"] {
        view(&["--max-frame-bytes", size]);
    }
}

#[test]
fn other_tools_options_are_answered_with_what_they_are_here() {
    let output = output(&mut pi_send(&[
        "-t", "0", "-n", "--codec", "h264", "-o", "-",
    ]));
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for words in [
        "--timeout 0: pi-send goes on",
        "(-n)",
        "--codec h264",
        "(-o) -",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    for misleading in ["--mode", "--rotation"] {
        assert!(!said.contains(misleading), "{said}");
    }
}

#[test]
fn bound_to_loopback_the_viewer_says_that_only_this_machine_can_reach_it() {
    let bind = ["--bind", "127.0.0.1:0", "--headless", "--duration", "0.001"];
    let output = output(&mut view_recv(&bind));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("only this machine can reach it"), "{said}");
    assert!(
        said.contains("--bind 0.0.0.0:") && said.contains("ssh -N -L"),
        "{said}"
    );
    assert!(!said.contains("on the Pi, type"), "{said}");
}

#[test]
fn versions_are_told() {
    for program in [pi_send, view_recv] {
        let output = output(&mut program(&["--version"]));
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.trim_end().ends_with(env!("CARGO_PKG_VERSION")),
            "{said}"
        );
    }
}

/// How things stand, which is said before it is known that they cannot go on.
const STATE: [&str; 6] = [
    "listening on",
    "on the Pi, type",
    "only this machine can reach it",
    "trying again",
    "sending to",
    "pictures come from rpicam-vid",
];

/// Runs what cannot work: status 1, nothing on stdout, one line that says so, with these words in it.
fn fails(command: &mut Command, words: &[&str]) {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
    assert!(output.stdout.is_empty(), "{command:?}");
    let is_state = |line: &&str| STATE.iter().any(|words| line.contains(words));
    let lines: Vec<&str> = said.lines().filter(|line| !is_state(line)).collect();
    assert_eq!(lines.len(), 1, "{command:?}: {said}");
    for word in words {
        assert!(lines[0].contains(word), "{command:?}: {word:?} in {said}");
    }
    // Neither an address nor what the system said is told twice.
    let once = |words: &str| lines[0].matches(words).count() <= 1;
    assert!(once("(os error") && once("127.0.0.1:"), "{said}");
}

/// pi-send with a test picture to that host, once.
fn to(host: &str) -> Command {
    pi_send(&["--host", host, "--source", "test", "--no-retry"])
}

#[test]
fn what_cannot_be_reached_is_said_in_one_line() {
    let refused = format!("127.0.0.1:{}", free_port());
    fails(&mut to(&refused), &[&refused, "is view-recv running there"]);
    let unknown = "nobody.invalid";
    fails(
        &mut to(unknown),
        &[unknown, "does not resolve", "IP address"],
    );
}

#[test]
fn a_connection_that_is_lost_is_said_in_one_line_more() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut sender = Running::start(&mut to(&address));
    drop(listener.accept().expect("it comes"));
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[1].contains(&format!("lost {address}")), "{lines:#?}");
}

#[test]
fn an_address_that_cannot_be_had_is_said_in_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let bind = |address: &str| view_recv(&["--headless", "--bind", address]);
    fails(&mut bind(&address), &[&address, "in use", "--bind :"]);
    // Kept for documentation: no machine has it.
    let foreign = "192.0.2.1:8000";
    fails(
        &mut bind(foreign),
        &[foreign, "not an address of this machine"],
    );
}

#[test]
fn sources_that_give_nothing_are_said_in_one_line() {
    let from = |source: &str| pi_send(&["--host", "127.0.0.1", "--source", source]);
    let missing = "/nowhere/at/all.mjpeg";
    fails(&mut from(missing), &[missing, "No such file"]);
    let text = pictures::file("usage-no-video.mp4", b"\0\0\0\x20ftypisom");
    let text = text.to_str().expect("cargo's folders have plain names");
    fails(&mut from(text), &[text, "YUV4MPEG2", "ffmpeg"]);
    let empty = pictures::file("usage-empty.mjpeg", b"");
    let empty = empty.to_str().expect("cargo's folders have plain names");
    fails(&mut from(empty), &[empty, "0 bytes"]);
    fails(&mut from("-"), &["-", "0 bytes"]);
}

#[cfg(all(target_os = "linux", not(feature = "camera")))]
#[test]
fn a_build_without_libcamera_says_where_it_would_have_pictures_from() {
    let words = ["sudo apt install rpicam-apps-lite", "--source test"];
    let elsewhere = |command: &mut Command| fails(command.env("PATH", "/nonexistent"), &words);
    elsewhere(&mut pi_send(&["--host", "127.0.0.1"]));
    elsewhere(&mut pi_send(&["--list-cameras"]));
}

#[cfg(all(target_os = "linux", feature = "camera"))]
#[test]
fn a_machine_without_a_camera_is_said_in_one_line() {
    if std::env::var_os("PI_STREAM_WITHOUT_CAMERA").is_some_and(|value| value == "1") {
        eprintln!("SKIPPED: PI_STREAM_WITHOUT_CAMERA=1, nothing is known about the camera");
        return;
    }
    let mut command = pi_send(&["--host", "127.0.0.1"]);
    fails(&mut command, &["no camera found"]);
}

#[test]
fn a_recording_that_cannot_be_there_is_said_in_one_line() {
    let mut command = view_recv(&["--bind", "127.0.0.1:0", "--headless"]);
    let record = ["--record", "/proc/nowhere/all.mkv"];
    fails(command.args(record), &["/proc/nowhere", "No such file"]);
}

#[test]
fn without_a_display_one_line_says_what_to_do() {
    let view = || view_recv(&["--bind", "127.0.0.1:0"]);
    fails(
        view().env_remove("DISPLAY"),
        &["DISPLAY is not set", "--headless"],
    );
    fails(
        view().env("DISPLAY", ":99999"),
        &["DISPLAY=:99999", "--headless"],
    );
}

/// The names of an object, in alphabetical order.
fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("figures are objects");
    object.keys().map(String::as_str).collect()
}

const OF_VIEW_RECV: [&str; 18] = [
    "corrupt",
    "dropped",
    "final",
    "fps",
    "frames",
    "height",
    "key",
    "latency_ms",
    "mbit_s",
    "name",
    "peer",
    "quality",
    "record_dropped",
    "recorded",
    "recording",
    "shown",
    "state",
    "width",
];

const OF_PI_SEND: [&str; 14] = [
    "final",
    "fps_camera",
    "fps_sent",
    "frames",
    "key",
    "latency_ms",
    "mbit_s",
    "peer",
    "per_receiver",
    "quality",
    "receivers",
    "reconnects",
    "skipped",
    "state",
];

#[test]
fn figures_have_the_names_that_scripts_rely_on() {
    let view = ["--bind", "127.0.0.1:0", "--headless", "--stats", "json"];
    let (mut viewer, of_viewer) = Figures::start(&mut view_recv(&view));
    let host = viewer.listening_on().to_string();
    let send = ["--host", &host, "--source", "test", "--stats", "json"];
    let (sender, of_sender) = Figures::start(&mut pi_send(&send));
    let live = |figures: &Figures, state| {
        figures.wait_for(state, |figures| {
            let known = figures["state"] == state && figures["latency_ms"].is_number();
            known.then(|| figures.clone())
        })
    };
    let (received, sent) = (live(&of_viewer, "receiving"), live(&of_sender, "sending"));
    assert_eq!(names(&received), OF_VIEW_RECV);
    assert_eq!(names(&sent), OF_PI_SEND);
    assert_eq!(received["final"], false);
    assert_eq!(sent["final"], false);
    assert_eq!(received["width"], 640);
    for (figures, name) in [(&received, "mbit_s"), (&sent, "mbit_s"), (&received, "fps")] {
        assert!(figures[name].as_f64() > Some(0.0), "{name}: {figures}");
    }
    sender.signal("TERM");
    assert_eq!(names(&of_sender.closing()), OF_PI_SEND);
    viewer.signal("TERM");
    assert_eq!(names(&of_viewer.closing()), OF_VIEW_RECV);
}

#[test]
fn frames_alone_go_to_stdout_where_they_are_asked_for_and_figures_to_stderr() {
    let (mut viewer, stdout) = Running::start_collecting(&mut view_recv(&[
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--once",
        "--output",
        "-",
        "--stats",
        "json",
    ]));
    let host = viewer.listening_on().to_string();
    let jpeg = pictures::stripes(64, 48, &[[200, 30, 40], [30, 160, 60]]);
    let file = pictures::file("usage-stdout.mjpeg", &jpeg);
    let file = file.to_str().expect("cargo's folders have plain names");
    let send = [
        "--host", &host, "--source", file, "--loop", "--frames", "20",
    ];
    let sent = output(pi_send(&send).args(["--fps", "50", "--stats", "line"]));
    assert_eq!(sent.status.code(), Some(0));
    assert!(sent.stdout.is_empty());
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let figures = lines.iter().filter(|line| line.starts_with('{'));
    let figures: Vec<Value> = figures
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect();
    let closing = figures.last().expect("there is a closing line");
    assert_eq!(names(closing), OF_VIEW_RECV);
    assert_eq!(closing["final"], true);
    let stdout = stdout.join().expect("collecting does not panic");
    let frames = pictures::cut(&stdout);
    for frame in &frames {
        // As it was, but for its stamp.
        let plain = pi_stream::protocol::stamp::places(frame).map(|part| &frame[part]);
        assert!(plain.concat() == jpeg && frame.len() > jpeg.len());
    }
    assert_eq!(closing["frames"], frames.len());
}
