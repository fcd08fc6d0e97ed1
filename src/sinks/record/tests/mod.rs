//! The recorder as a whole: what its files are called, when it drops, how it ends. What is in the
//! files is looked at in [`playing`], by ffprobe and ffmpeg.

mod playing;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use super::*;
use crate::handoff::FRAMES;
use crate::recv::frame::fixture::Frame;
use crate::sinks::files::tests::names;

/// What a bare `Config` is in these tests.
fn to(path: impl Into<PathBuf>) -> Config {
    Config::new(path.into()).unwrap()
}

/// A line, and how much it matters.
type Told = (Severity, String);

fn start(config: Config) -> (Recorder, Receiver<Told>) {
    let (tell, told) = mpsc::channel();
    let tell = Arc::new(move |severity, line| drop(tell.send((severity, line))));
    (recorder(config, None, tell), told)
}

fn recorder(config: Config, claim: Option<Claim>, tell: Tell) -> Recorder {
    let recorder = Recorder::new(tell);
    recorder.record(config, claim).unwrap();
    recorder
}

/// The reported lines, in their order, are as many as these, and begin like them.
#[track_caller]
fn assert_lines(told: &[Told], begins: &[&str]) {
    let lines: Vec<_> = told.iter().map(|(_, line)| &line[..]).collect();
    let alike = |(line, begin): (&&str, &&str)| line.starts_with(begin);
    assert!(
        lines.len() == begins.len() && lines.iter().zip(begins).all(alike),
        "{lines:#?}"
    );
}

/// Records all of them, and waits for the disk as long as it takes.
fn record(config: Config, frames: &[Frame]) -> (Status, Vec<Told>) {
    let (recorder, told) = start(config);
    for frame in frames {
        recorder.put(&frame.build());
    }
    recorder.stop();
    let status = recorder.finish(soon());
    (status, told.try_iter().collect())
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

#[test]
fn a_recording_of_nothing_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (status, told) = record(to(dir.path().join("a.mkv")), &[]);
    assert_eq!((status.recorded, status.path), (0, None));
    assert_lines(&told, &["nothing was recorded"]);
    assert_eq!(names(dir.path()), [""; 0]);
}

/// `STEM_DATE.EXTENSION`, by the start of this frame.
fn dated(stem: &str, first: &Frame, extension: &str) -> String {
    let date = crate::sinks::files::date(first.arrived_at);
    format!("{stem}_{date}.{extension}")
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    fs::write(&path, "precious").unwrap();
    for _ in 0..2 {
        let frames = frames(2, Duration::from_millis(33));
        let (status, _) = record(to(&path), &frames);
        let stem = dated("a", &frames[0], "mkv").replace(".mkv", "");
        let made = status.path.unwrap();
        assert!(made.to_str().unwrap().contains(&stem), "{made:?}");
    }
    assert_eq!(names(dir.path()).len(), 3);
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
    let seven_seconds = frames(70, Duration::from_millis(100));
    let (status, told) = record(config.clone(), &seven_seconds[..50]);
    assert_eq!(status.recorded, 50);
    let started = told.iter().filter(|e| e.1.starts_with("recording to"));
    assert_eq!(started.count(), 5);
    assert!(told[1..5].iter().all(|event| event.0 == Severity::Routine));
    record(config, &seven_seconds[50..]);
    let last = [40, 50, 60].map(|first| dated("ring", &seven_seconds[first], "mjpeg"));
    assert_eq!(names(dir.path())[0], "ring.mjpeg");
    assert_eq!(names(dir.path())[1..], last);
}

#[test]
fn a_new_session_goes_on_in_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut frames = frames(4, Duration::from_secs(20));
    frames[2].session = 2;
    frames[3].session = 3;
    let (status, told) = record(to(dir.path().join("a.mkv")), &frames);
    assert_eq!(status.recorded, 4);
    assert_eq!(names(dir.path()), ["a.mkv"]);
    assert_lines(&told, &["recording to", "recorded 4 frames"]);
}

#[test]
fn lines_about_a_sender_that_changes_all_the_time_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut frames = frames(60, Duration::from_secs(1));
    for (width, frame) in (8..).zip(&mut frames) {
        frame.width = width;
    }
    let (status, told) = record(to(dir.path().join("a.mjpeg")), &frames);
    assert_eq!(status.recorded, 60);
    assert!(names(dir.path()).len() <= 23, "{:?}", names(dir.path()));
    assert!(told.len() <= 25, "{told:?}");
}

#[test]
fn a_failed_recording_is_tried_again_every_thirty_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("unplugged");
    fs::create_dir(&folder).unwrap();
    let (recorder, told) = start(to(folder.join("a.mjpeg")));
    let mut frame = Frame::default();
    let put = |frame: &Frame, recorded, dropped| {
        recorder.put(&frame.build());
        // However long the disk takes.
        while recorder.status().recorded + recorder.status().record_dropped < recorded + dropped {
            std::thread::yield_now();
        }
        let status = recorder.status();
        assert_eq!(
            (status.recorded, status.record_dropped),
            (recorded, dropped)
        );
        status.failed
    };
    fs::remove_dir(&folder).unwrap();
    assert!(put(&frame, 0, 1));
    frame = frame.after(RETRY_EVERY - Duration::from_secs(1));
    fs::create_dir(&folder).unwrap();
    assert!(put(&frame, 0, 2), "too early");
    frame = frame.after(Duration::from_secs(1));
    assert!(!put(&frame, 1, 2));
    frame = frame.after(Duration::from_secs(1));
    assert!(!put(&frame, 2, 2));
    recorder.finish(soon());
    let told: Vec<_> = told.try_iter().collect();
    assert_lines(
        &told,
        &["the recording stopped", "recording to", "recorded 2 frames"],
    );
    assert!(told[0].1.ends_with("trying again every 30 s"));
    assert!(told[1].1.ends_with("(the recording goes on)"));
}

#[test]
fn a_failed_recording_is_tried_again_at_the_next_segment() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Config {
        segment: Some(Duration::from_secs(5)),
        ..to(dir.path().join("missing/a.mjpeg"))
    };
    let (recorder, told) = start(missing);
    let frame = Frame::default();
    recorder.put(&frame.build());
    while !recorder.status().failed {
        std::thread::yield_now();
    }
    fs::create_dir(dir.path().join("missing")).unwrap();
    recorder.put(&frame.clone().after(Duration::from_secs(4)).build());
    recorder.put(&frame.after(Duration::from_secs(5)).build());
    let status = recorder.finish(soon());
    let last = told.try_iter().last().unwrap();
    assert!(last.1.starts_with("recorded 1 frames"), "{last:?}");
    assert_eq!((status.recorded, status.record_dropped), (1, 2));
}

#[test]
fn a_recording_that_never_comes_back_says_so_once_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let hour = frames(120, RETRY_EVERY);
    let (status, told) = record(to(dir.path().join("missing/a.mkv")), &hour);
    assert!(status.failed);
    assert_eq!((status.recorded, status.record_dropped), (0, 120));
    assert_lines(&told, &["the recording stopped"; 2]);
    let tries = told.iter().map(|event| event.1.contains("trying again"));
    assert_eq!(tries.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_disk_that_stands_still_is_counted_told_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    // The recorder's thread stands in its first report, as it would in a write.
    let held = Mutex::new(held);
    let tell = Arc::new(move |severity, line: String| {
        if line.starts_with("recording to") {
            let _ = held.lock().unwrap().recv();
        }
        drop(tell.send((severity, line)));
    });
    let recorder = recorder(to(dir.path().join("a.mjpeg")), None, tell);
    let frame = Frame::default().build();
    let count = FRAMES.0 as u64 + 100;
    for _ in 0..count {
        recorder.put(&frame);
    }
    let dropped = recorder.status().record_dropped;
    // One frame may have been taken already.
    assert!((99..=100).contains(&dropped), "{dropped}");
    drop(release);
    let status = recorder.finish(soon());
    let slow = told.try_iter().filter(|e| e.1.contains("too slow:"));
    assert_eq!(slow.count(), 1);
    assert_eq!(status.recorded + status.record_dropped, count);
    assert_eq!(status.record_dropped, dropped);
}

#[test]
fn the_end_does_not_wait_for_a_disk_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let tell = Arc::new(move |_, _| {
        let _ = held.lock().unwrap().recv();
    });
    let recorder = recorder(to(dir.path().join("a.mkv")), None, tell);
    recorder.put(&Frame::default().build());
    // Comes back while the thread still hangs: nothing releases it before.
    let status = recorder.finish(Instant::now() + Duration::from_millis(30));
    assert!(status.running);
    drop(release);
}

#[test]
fn the_folder_is_made_and_a_place_that_takes_no_files_is_found_before() {
    let dir = tempfile::tempdir().unwrap();
    drop(
        to(dir.path().join("made/on/the/way/a.mkv"))
            .claim()
            .unwrap(),
    );
    assert_eq!(names(&dir.path().join("made/on/the/way")), [""; 0]);
    fs::write(dir.path().join("file"), "").unwrap();
    let error = to(dir.path().join("file/a.mkv")).claim().unwrap_err();
    assert!(error.to_string().contains("no recording in"), "{error}");
}

#[test]
fn a_name_is_one_recordings_until_it_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let config = to(dir.path().join("a.mkv"));
    let claim = config.claim().unwrap();
    let error = config.claim().unwrap_err().to_string();
    assert!(error.contains("a.mkv: another"), "{error}");
    to(dir.path().join("b.mkv")).claim().unwrap();
    let recorder = recorder(config.clone(), Some(claim), Arc::new(|_, _| ()));
    recorder.put(&Frame::default().build());
    assert!(config.claim().is_err());
    recorder.finish(soon());
    config.claim().unwrap();
    assert_eq!(names(dir.path()), ["a.mkv"]);
}

#[test]
fn a_disk_that_hangs_is_not_given_recording_after_recording() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    // Each stands in its first report, as it would in a write.
    let recorder = Recorder::new(Arc::new(move |_, _| {
        let _ = held.lock().unwrap().recv();
    }));
    let frame = Frame::default().build();
    let start = |take: u32| {
        let config = to(dir.path().join(format!("{take}.mkv")));
        let started = recorder.record(config, None);
        recorder.put(&frame);
        recorder.stop();
        started
    };
    let started = (0..10).filter(|take| start(*take).is_ok()).count();
    assert_eq!(started, 3);
    assert_eq!(recorder.recorded().recording, None);
    drop(release);
    recorder.finish(soon());
    assert!(start(10).is_ok(), "the disk is back");
}

#[test]
fn recordings_go_on_and_off_and_count_together() {
    let dir = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let recorder = Recorder::new(Arc::new(move |severity, line| {
        drop(tell.send((severity, line)))
    }));
    let frame = Frame::default().build();
    recorder.put(&frame);
    for take in 1..=3 {
        let config = to(dir.path().join(format!("{take}.mkv")));
        recorder.record(config, None).unwrap();
        for _ in 0..10 {
            recorder.put(&frame);
        }
        assert_eq!(recorder.recorded().recording, Some(true));
        recorder.stop();
        assert_eq!(recorder.recorded().recording, None);
    }
    recorder.finish(soon());
    let finished = told.try_iter().filter(|e| e.1.starts_with("recorded 10"));
    assert_eq!(finished.count(), 3);
    let status = recorder.status();
    assert_eq!((status.recorded, status.record_dropped), (30, 0));
    assert_eq!(status.path, Some(dir.path().join("3.mkv")));
}
