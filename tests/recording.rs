//! Recordings of the real programs against what really went over the wire between them: a tap in the middle keeps
//! every byte, and ffprobe and ffmpeg read the files back.
//!
//! Ten seconds; a minute with `--ignored` (scripts/soak).
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "recording/tap.rs"]
mod tap;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::figures::Figures;
use common::{Running, pi_send, until, view_recv};
use pi_stream::protocol::{Stamp, stamp};
use tap::Tap;

const FPS: u64 = 30;

/// How far a frame's time in a recording may be from its stamp's.
const TIMES_APART: Duration = Duration::from_millis(2);

/// How much of a recording a kill -9 may cost.
const LOST: Duration = Duration::from_secs(1);

/// A viewer that records, and the tap through which its sender comes.
struct Recording {
    viewer: Running,
    figures: Figures,
    tap: Tap,
}

impl Recording {
    fn start(file: &Path) -> Recording {
        let args = [
            "--bind",
            "127.0.0.1:0",
            "--headless",
            "--once",
            "--stats",
            "json",
            "--record",
        ];
        let (mut viewer, figures) = Figures::start(view_recv(&args).arg(file));
        let tap = Tap::start(viewer.listening_on());
        Recording {
            viewer,
            figures,
            tap,
        }
    }

    fn sender(&self, args: &[&str]) -> Running {
        let host = self.tap.address().to_string();
        let mut command = pi_send(&["--host", &host, "--source", "test"]);
        command.args(["--fps", &FPS.to_string()]);
        Running::start(command.args(args))
    }
}

fn read(tool: &str, args: &[&str], path: &Path, after: &[&str]) -> Vec<u8> {
    let out = Command::new(tool)
        .args(["-v", "error"])
        .args(args)
        .arg(path)
        .args(after)
        .output()
        .unwrap_or_else(|e| panic!("{tool}: {e} (Debian: apt install ffmpeg)"));
    assert!(out.stderr.is_empty(), "{}", out.stderr.escape_ascii());
    out.stdout
}

/// When each frame of a file is shown, in microseconds, as ffprobe reads it.
fn times(path: &Path) -> Vec<i64> {
    let args = ["-show_entries", "packet=pts_time", "-of", "csv=p=0"];
    String::from_utf8(read("ffprobe", &args, path, &[]))
        .unwrap()
        .lines()
        .map(|line| line.trim_end_matches(',').parse::<f64>().unwrap())
        .map(|seconds| (seconds * 1e6).round() as i64)
        .collect()
}

/// When a frame was captured, in microseconds since the epoch.
fn captured(jpeg: &[u8]) -> i64 {
    let stamp = Stamp::find(jpeg).expect("pi-send stamps");
    stamp.captured_unix_us as i64
}

/// Checks that a file holds these frames in this order, byte for byte but for the wish for an ack, each at its time.
fn assert_holds(path: &Path, sent: &[Vec<u8>]) {
    let times = times(path);
    assert_eq!(times.len(), sent.len());
    for (time, jpeg) in times.iter().zip(sent) {
        let expected = captured(jpeg) - captured(&sent[0]);
        let apart = Duration::from_micros((time - expected).unsigned_abs());
        assert!(apart <= TIMES_APART, "{time} µs for {expected} µs");
    }
    let kept: Vec<u8> = sent
        .iter()
        .flat_map(|jpeg| {
            let (head, stamp, tail) = stamp::without_ack(jpeg);
            [head, &stamp, tail].concat()
        })
        .collect();
    assert!(read("ffmpeg", &["-i"], path, &["-c", "copy", "-f", "mjpeg", "-"]) == kept);
}

fn every_frame_is_kept(seconds: u64) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("garden.mkv");
    let mut recording = Recording::start(&file);
    let frames = seconds * FPS;
    let mut sender = recording.sender(&["--frames", &frames.to_string()]);
    // However long that takes: figures come once a second.
    assert_eq!(recording.figures.closing()["recorded"], frames);
    assert_eq!(sender.wait().code(), Some(0));
    assert_eq!(recording.viewer.wait().code(), Some(0));
    let sent = recording.tap.frames();
    assert_eq!(sent.len() as u64, frames);
    assert_holds(&file, &sent);
}

#[test]
fn ten_seconds_are_kept_frame_by_frame_and_byte_by_byte() {
    every_frame_is_kept(10);
}

#[test]
#[ignore = "takes a minute"]
fn a_minute_is_kept_frame_by_frame_and_byte_by_byte() {
    every_frame_is_kept(60);
}

#[test]
fn a_viewer_killed_in_the_middle_leaves_all_but_the_last_second() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("garden.mkv");
    let mut recording = Recording::start(&file);
    let _sender = recording.sender(&["--no-retry"]);
    until("four seconds of frames", || {
        (recording.tap.frames().len() as u64 >= 4 * FPS).then_some(())
    });
    let sent = recording.tap.frames();
    recording.viewer.signal("KILL");
    recording.viewer.wait();
    let kept = times(&file).len();
    let all = recording.tap.frames();
    assert_holds(&file, &all[..kept]);
    let last_sent = captured(sent.last().unwrap());
    let lost = last_sent - captured(&all[kept - 1]);
    assert!(lost <= LOST.as_micros() as i64, "{lost} µs");
    // It plays: every picture decodes.
    read("ffmpeg", &["-i"], &file, &["-f", "null", "-"]);
}

#[test]
fn a_killed_ffmpeg_at_the_end_of_the_pipe_ends_the_viewer_with_0() {
    let args = ["--bind", "127.0.0.1:0", "--headless", "--output", "-"];
    let mut viewer = Running::start_with(&mut view_recv(&args), Stdio::piped());
    let host = viewer.listening_on().to_string();
    let mut ffmpeg = Running::start(
        Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "mjpeg",
                "-i",
                "-",
                "-f",
                "null",
                "-progress",
                "/dev/stderr",
                "-",
            ])
            .stdin(viewer.take_stdout().unwrap()),
    );
    let _sender = Running::start(&mut pi_send(&["--host", &host, "--source", "test"]));
    ffmpeg.wait_line("frames in ffmpeg", |line| {
        let count: u32 = line.strip_prefix("frame=")?.trim().parse().ok()?;
        (count > 10).then_some(())
    });
    ffmpeg.signal("KILL");
    let (status, said) = viewer.end();
    assert_eq!(status.code(), Some(0), "{said:#?}");
}
