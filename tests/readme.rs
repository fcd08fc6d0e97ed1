//! README.md is true: its script and its pipes are taken out of it and run, with the real programs.
//!
//! What is changed in them: where view-recv listens, that it ends with the first sender, and addresses and devices
//! of others. For a server there is a listening ffmpeg; for v4l2loopback, a kernel module, a file takes the pictures.
#![cfg(all(feature = "send", feature = "view", target_os = "linux"))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{Running, free_port, pi_send, python, until, view_recv};

const README: &str = include_str!("../README.md");

/// How many pictures go through each pipe.
const FRAMES: usize = 45;

/// The block of README.md that contains these words.
fn block(words: &str) -> &'static str {
    let blocks = README.split("\n```").skip(1).step_by(2);
    let mut found = blocks.filter(|block| block.contains(words));
    let block = found
        .next()
        .unwrap_or_else(|| panic!("README.md has no {words}"));
    block.split_once('\n').unwrap().1
}

/// The line of README.md that contains these words.
fn line(words: &str) -> &'static str {
    let mut lines = README.lines().filter(|line| line.starts_with("view-recv"));
    let found = lines.find(|line| line.contains(words));
    found.unwrap_or_else(|| panic!("README.md has no line with {words}"))
}

/// A script in a folder, where the first thing called view-recv is ours, with these options more.
fn script(folder: &Path, text: &str, options: &str, arguments: &[&str]) -> Command {
    let ours = folder.join("bin/view-recv");
    fs::create_dir_all(ours.parent().unwrap()).unwrap();
    let program = env!("CARGO_BIN_EXE_view-recv");
    fs::write(
        &ours,
        format!("#!/bin/sh\nexec '{program}' {options} \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-e", "-o", "pipefail", "-c", text, "script"])
        .args(arguments)
        .env(
            "PATH",
            format!("{}:{path}", ours.parent().unwrap().display()),
        )
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Runs one of README.md's lines with [`FRAMES`] pictures of the test picture; its stdout.
fn with_pictures(folder: &Path, line: &str) -> String {
    with_pictures_at(folder, line, "30")
}

/// The same, at that many pictures a second.
fn with_pictures_at(folder: &Path, line: &str, fps: &str) -> String {
    let port = free_port();
    let options = format!("--bind 127.0.0.1:{port} --once");
    let (mut pipe, stdout) = Running::start_collecting(&mut script(folder, line, &options, &[]));
    let address = pipe.listening_on().to_string();
    let frames = FRAMES.to_string();
    let arguments = ["--host", &address, "--source", "test", "--frames", &frames];
    let mut sender = Running::start(pi_send(&arguments).args(["--fps", fps]));
    let (sent, said) = sender.end();
    assert!(sent.success(), "{said:#?}");
    let (status, said) = pipe.end();
    assert!(status.success(), "{line}: {said:#?}");
    String::from_utf8(stdout.join().unwrap()).unwrap()
}

/// How many pictures ffmpeg finds in a file.
fn pictures_in(file: &Path) -> usize {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            "stream=nb_read_frames",
        ])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .trim_end_matches(',')
        .parse()
        .unwrap_or_else(|_| panic!("{output:?}"))
}

/// How long ffmpeg says that a file lasts, in seconds.
fn seconds_in(file: &Path) -> f64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format=duration"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

/// Whether something listens on this port, asked without connecting: that would be a client.
fn listens(port: u16) -> Option<()> {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let mine = format!(":{port:04X} ");
    let is_it = |line: &str| line.contains(&mine) && line.contains(" 0A ");
    sockets.lines().any(is_it).then_some(())
}

/// Runs a publisher's line against an ffmpeg that listens at `url` and keeps what comes.
fn published(folder: &Path, line: &str, port: u16, listen: &[&str], url: &str) -> usize {
    let kept = folder.join("kept.mkv");
    let mut server = Command::new("ffmpeg");
    server
        .args(["-v", "error"])
        .args(listen)
        .args(["-i", url, "-c", "copy"]);
    let mut server = Running::start(server.arg(&kept).stdin(Stdio::null()));
    until("a server that listens", || listens(port));
    with_pictures(folder, line);
    server.end();
    pictures_in(&kept)
}

#[test]
fn the_pipe_into_a_file_keeps_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    with_pictures(folder.path(), line("-c copy garden.mkv"));
    assert_eq!(pictures_in(&folder.path().join("garden.mkv")), FRAMES);
}

#[test]
fn the_pipe_in_the_help_is_the_readmes_and_keeps_the_time() {
    let help = view_recv(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let from = help.find("view-recv --headless --output -").unwrap();
    // A pipe goes on in the next line, in the help as in a shell.
    let pipe: Vec<&str> = help[from..].lines().take(2).map(str::trim).collect();
    let pipe = match pipe[0].ends_with('|') {
        true => pipe.join(" "),
        false => pipe[0].to_owned(),
    };
    assert_eq!(pipe, line("-c copy garden.mkv"));
    let folder = tempfile::tempdir().unwrap();
    with_pictures_at(folder.path(), &pipe, "5");
    // Without their times they are 25 a second to ffmpeg, and over in a fifth of the time. What ffmpeg
    // misses while it starts is all that may be missing.
    let shown = seconds_in(&folder.path().join("garden.mkv"));
    assert!(shown > 1.5 * FRAMES as f64 / 25.0, "{shown} s");
}

#[test]
fn the_pipe_into_a_small_file_keeps_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    with_pictures(folder.path(), line("garden.mp4"));
    assert_eq!(pictures_in(&folder.path().join("garden.mp4")), FRAMES);
}

#[test]
fn the_pipe_to_an_rtsp_server_publishes_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let line = line("rtsp://").replace("127.0.0.1:8554", &format!("127.0.0.1:{port}"));
    let listen = ["-rtsp_flags", "listen", "-rtsp_transport", "tcp"];
    let url = format!("rtsp://127.0.0.1:{port}/garden");
    assert_eq!(published(folder.path(), &line, port, &listen, &url), FRAMES);
}

#[test]
fn the_pipe_to_an_rtmp_server_publishes_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let line = line("rtmp://").replace("//127.0.0.1/", &format!("//127.0.0.1:{port}/"));
    let url = format!("rtmp://127.0.0.1:{port}/live/garden");
    assert_eq!(
        published(folder.path(), &line, port, &["-listen", "1"], &url),
        FRAMES
    );
}

#[test]
fn the_pipe_to_a_webcam_writes_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    let line = line("-f v4l2").replace("-f v4l2 /dev/video10", "-f rawvideo device");
    with_pictures(folder.path(), &line);
    let written = fs::metadata(folder.path().join("device")).unwrap().len();
    // 4:2:0 has one and a half bytes a pixel.
    assert_eq!(written, (640 * 480 * 3 / 2 * FRAMES) as u64);
}

#[test]
fn the_line_for_jq_prints_rate_and_latency() {
    let folder = tempfile::tempdir().unwrap();
    let printed = with_pictures(folder.path(), line("jq "));
    let rates = printed.lines().filter_map(|line| line.split_once(" fps  "));
    let rates: Vec<f64> = rates.map(|(rate, _)| rate.parse().unwrap()).collect();
    assert!(rates.iter().any(|rate| *rate > 0.0), "{printed:?}");
    assert!(printed.trim_end().ends_with(" ms"), "{printed:?}");
}

#[test]
fn the_lines_with_a_key_make_it_copy_it_and_show_what_is_sent_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let pi = folder.path().join("pi");
    fs::create_dir(&pi).unwrap();
    let lines: Vec<&str> = block("scp garden.key").lines().collect();
    let [make, copy, view] = lines[..] else {
        panic!("{lines:?}");
    };
    let made = script(folder.path(), make, "", &[]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    // What it says to type next are the lines that stand here.
    let says = String::from_utf8_lossy(&made.stdout);
    assert!(
        says.contains("scp garden.key ") && says.contains(view),
        "{says}"
    );
    assert!(copy.starts_with("scp garden.key "), "{copy}");
    fs::copy(folder.path().join("garden.key"), pi.join("garden.key")).unwrap();
    let options = format!("--bind 127.0.0.1:{} --headless --once", free_port());
    let mut viewer = Running::start(&mut script(folder.path(), view, &options, &[]));
    let address = viewer.listening_on().to_string();
    let send = block("pi-send --host 192.168.1.159 --key garden.key");
    let send = send.trim().replace("192.168.1.159", &address);
    let send = send.strip_prefix("pi-send ").unwrap().split(' ');
    let mut sender = pi_send(&["--source", "test", "--frames", "10"]);
    let sent = sender.args(send).current_dir(&pi).output().unwrap();
    assert!(sent.status.success(), "{sent:?}");
    let (status, said) = viewer.end();
    assert!(status.success(), "{said:#?}");
}

#[test]
fn four_lines_make_a_time_lapse() {
    let folder = tempfile::tempdir().unwrap();
    let text = block("lapse.sh [EVERY [TIME]]");
    assert_eq!(text.trim_end().lines().count(), 4, "{text}");
    let options = format!("--bind 127.0.0.1:{}", free_port());
    let mut lapse = Running::start(&mut script(folder.path(), text, &options, &["0.1", "3"]));
    let address = lapse.listening_on().to_string();
    let _sender = Running::start(&mut pi_send(&["--host", &address, "--source", "test"]));
    let (status, said) = lapse.end();
    assert!(status.success(), "{said:#?}");
    let saved = fs::read_dir(folder.path().join("lapse")).unwrap().count();
    assert!(saved > 1, "{saved} pictures");
    assert_eq!(pictures_in(&folder.path().join("lapse.mp4")), saved);
}

/// Runs this line of Python in the stopwatch of scripts/bench.
fn stopwatch(line: &str) -> Output {
    let benches = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
    let line = format!("import sys; from stopwatch import pictures; {line}");
    let mut python = python();
    python.args(["-c", &line]).env("PYTHONPATH", benches);
    python.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap()
}

#[test]
fn the_rows_of_jpegs_with_restart_markers_are_measured_with_such_jpegs() {
    assert!(README.contains("viewer, 1920x1080@30, restart rows"));
    for (wanted, markers) in [("False", 0), ("True", 240 / 16 - 1)] {
        let first = format!("pictures.jpegs((320, 240), {wanted})[0]");
        let made = stopwatch(&format!("sys.stdout.buffer.write({first})"));
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{told}");
        let scan = memchr::memmem::rfind(&made.stdout, b"\xff\xda").expect(&told);
        let is_marker = |pair: &&[u8]| pair[0] == 0xff && (0xd0..=0xd7).contains(&pair[1]);
        let found = made.stdout[scan..].windows(2).filter(is_marker).count();
        assert_eq!(found, markers, "restart rows: {wanted}");
        // And the stopwatch does not measure with others.
        let other = if wanted == "True" { "False" } else { "True" };
        let check = format!("pictures.check_restarts({first}, (320, 240), {other})");
        let told = String::from_utf8(stopwatch(&check).stderr).unwrap();
        assert!(told.contains("restart markers, not"), "{told}");
    }
}
