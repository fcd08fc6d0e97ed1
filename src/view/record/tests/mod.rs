//! The recorder as a whole: what its files are called, when it drops, how it ends. What is in the
//! files is looked at in [`playing`], by ffprobe and ffmpeg.

mod playing;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use super::*;
use crate::view::fixture::Frame;

/// What a bare `Config` is in these tests.
fn to(path: impl Into<PathBuf>) -> Config {
    let path = path.into();
    Config {
        container: config::Container::of(&path).unwrap(),
        path,
        segment: None,
        keep: None,
        make_dir: false,
    }
}

fn start(config: Config) -> (Recorder, Receiver<Notice>) {
    let (tell, told) = mpsc::channel();
    let recorder = Recorder::start(config, move |notice| drop(tell.send(notice))).unwrap();
    (recorder, told)
}

/// Records all of them, and waits for the disk as long as it takes.
fn record(config: Config, frames: &[Frame]) -> (Status, Vec<Notice>) {
    let (recorder, told) = start(config);
    for frame in frames {
        recorder.put(&frame.build());
    }
    recorder.stop();
    let told = told.iter().collect();
    (recorder.finish(soon()), told)
}

/// `count` frames, each later than the one before.
fn frames(count: usize, every: Duration) -> Vec<Frame> {
    std::iter::successors(Some(Frame::default()), |frame| {
        Some(frame.clone().after(every))
    })
    .take(count)
    .collect()
}

/// Later than any of these tests takes.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_recording_of_nothing_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (status, told) = record(to(dir.path().join("a.mkv")), &[]);
    assert_eq!((status.recorded, status.path), (0, None));
    assert!(matches!(told[..], [Notice::Empty]));
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    fs::write(&path, "precious").unwrap();
    for number in 1..3 {
        let (status, _) = record(to(&path), &frames(2, Duration::from_millis(33)));
        let expected = dir.path().join(format!("a_00000{number}.mkv"));
        assert_eq!(status.path, Some(expected));
    }
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_ring_keeps_its_last_files_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        segment: Some(Duration::from_secs(1)),
        keep: Some(3),
        ..to(dir.path().join("ring.mjpeg"))
    };
    fs::write(dir.path().join("ring.mjpeg"), "another's").unwrap();
    let five_seconds = frames(50, Duration::from_millis(100));
    let (status, told) = record(config.clone(), &five_seconds);
    assert_eq!(status.recorded, 50);
    let started = told.iter().filter(|n| matches!(n, Notice::Started { .. }));
    assert_eq!(started.count(), 5);
    record(config, &five_seconds[..15]);
    assert_eq!(
        names(dir.path()),
        [
            "ring.mjpeg",
            "ring_000005.mjpeg",
            "ring_000006.mjpeg",
            "ring_000007.mjpeg"
        ]
    );
}

#[test]
fn a_new_session_starts_a_new_numbered_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut frames = frames(4, Duration::from_millis(33));
    frames[2].session = 2;
    frames[3].session = 2;
    let (status, told) = record(to(dir.path().join("a.mkv")), &frames);
    assert_eq!(status.recorded, 4);
    assert_eq!(names(dir.path()), ["a.mkv", "a_000001.mkv"]);
    let why: Vec<_> = told
        .iter()
        .filter_map(|notice| match notice {
            Notice::Started { why, .. } => Some(*why),
            _ => None,
        })
        .collect();
    assert_eq!(why, [Next::First, Next::Session]);
}

#[test]
fn a_disk_that_stands_still_is_counted_told_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    // The recorder's thread stands in its first notice, as it would in a write.
    let recorder = Recorder::start(to(dir.path().join("a.mjpeg")), move |notice| {
        if matches!(notice, Notice::Started { .. }) {
            let _ = held.recv();
        }
        drop(tell.send(notice));
    })
    .unwrap();
    let frame = Frame::default().build();
    let count = Limits::FRAMES.items as u64 + 100;
    for _ in 0..count {
        recorder.put(&frame);
    }
    let dropped = recorder.status().record_dropped;
    // One frame may have been taken already.
    assert!((99..=100).contains(&dropped), "{dropped}");
    drop(release);
    recorder.stop();
    let told: Vec<_> = told.iter().collect();
    let slow = told.iter().filter(|n| matches!(n, Notice::Slow { .. }));
    assert_eq!(slow.count(), 1);
    let status = recorder.finish(soon());
    assert_eq!(status.recorded + status.record_dropped, count);
    assert_eq!(status.record_dropped, dropped);
}

#[test]
fn the_end_does_not_wait_for_a_disk_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let recorder = Recorder::start(to(dir.path().join("a.mkv")), move |_| {
        let _ = held.recv();
    })
    .unwrap();
    recorder.put(&Frame::default().build());
    // Comes back while the thread still hangs: nothing releases it before.
    let status = recorder.finish(Instant::now() + Duration::from_millis(30));
    assert!(status.running);
    drop(release);
}

#[test]
fn a_place_that_takes_no_files_is_found_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing/a.mkv");
    let error = to(missing).check().unwrap_err();
    assert!(
        error.to_string().contains("create the directory"),
        "{error}"
    );
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn recordings_go_on_and_off_and_count_together() {
    let dir = tempfile::tempdir().unwrap();
    let recordings = Recordings::new(None);
    let (tell, told) = mpsc::channel();
    let frame = Frame::default().build();
    recordings.put(&frame);
    for take in 1..=3 {
        let tell = tell.clone();
        let config = to(dir.path().join(format!("{take}.mkv")));
        recordings
            .start(config, move |notice| drop(tell.send(notice)))
            .unwrap();
        for _ in 0..10 {
            recordings.put(&frame);
        }
        assert!(recordings.status().running);
        recordings.stop();
        assert!(!recordings.status().running);
    }
    drop(tell);
    let finished = told.iter().filter(|n| matches!(n, Notice::Finished { .. }));
    assert_eq!(finished.count(), 3);
    let status = recordings.finish(soon());
    assert_eq!((status.recorded, status.record_dropped), (30, 0));
    assert_eq!(status.path, Some(dir.path().join("3.mkv")));
}
