//! What others find in a recording: ffprobe and ffmpeg read the files back. Both are needed; without
//! them these tests fail.

use std::process::{Command, Output};

use super::*;
use crate::sinks::record::Container;

const FRAME: Duration = Duration::from_micros(33_333);

fn run(tool: &str, args: &[&str], path: &Path, after: &[&str]) -> Output {
    Command::new(tool)
        .args(["-v", "error"])
        .args(args)
        .arg(path)
        .args(after)
        .output()
        .unwrap_or_else(|e| panic!("{tool}: {e}; install ffmpeg"))
}

fn probe(path: &Path, entries: &str) -> String {
    let args = ["-show_entries", entries, "-of", "csv=p=0"];
    let out = run("ffprobe", &args, path, &[]);
    String::from_utf8(out.stdout).unwrap()
}

/// When each frame is shown, in seconds, as ffprobe reads the file.
fn times(path: &Path) -> Vec<f64> {
    probe(path, "packet=pts_time")
        .lines()
        .map(|line| line.trim_end_matches(',').parse().unwrap())
        .collect()
}

/// All JPEGs of a file, as ffmpeg takes them out.
fn jpegs(path: &Path) -> Vec<u8> {
    let out = run("ffmpeg", &["-i"], path, &["-c", "copy", "-f", "mjpeg", "-"]);
    assert!(out.stderr.is_empty(), "{}", out.stderr.escape_ascii());
    out.stdout
}

/// Frames of a camera that is not quite even, each with a picture of its own, acks wanted.
fn uneven(count: usize) -> Vec<Frame> {
    let mut frame = Frame::default().name("garden");
    frame.stamp.as_mut().unwrap().ack = true;
    (0..count)
        .map(|i| {
            frame = frame.clone().picture(32, 24, (i * 7 % 256) as u8);
            let this = frame.clone();
            frame = frame
                .clone()
                .after(FRAME + Duration::from_micros(i as u64 * 7919 % 5000));
            this
        })
        .collect()
}

fn since_first(frames: &[Frame]) -> Vec<f64> {
    let unix_us = |frame: &Frame| frame.stamp.as_ref().unwrap().captured_unix_us;
    let first = unix_us(&frames[0]);
    let after = frames.iter().map(|frame| unix_us(frame) - first);
    after.map(|us| us as f64 / 1e6).collect()
}

fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 0.002, "{found} for {expected}");
    }
}

#[test]
fn every_frame_is_shown_at_its_stamps_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let frames = uneven(300);
    record(to(&path), &frames);
    let expected = since_first(&frames);
    assert_near(&times(&path), &expected);
    let duration: f64 = probe(&path, "format=duration").trim().parse().unwrap();
    let end = expected.last().unwrap() + 0.034;
    assert!((duration - end).abs() < 0.01, "{duration} for {end}");
    let track = probe(&path, "stream=codec_name,width,height");
    assert_eq!(track.trim(), "mjpeg,32,24");
    let tags = probe(&path, "format_tags=title,creation_time");
    assert!(tags.starts_with("garden,20"), "{tags}");
}

#[test]
fn without_stamps_frames_are_shown_as_they_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let frames = uneven(60);
    let expected = since_first(&frames);
    let unstamped: Vec<_> = frames.into_iter().map(Frame::unstamped).collect();
    record(to(&path), &unstamped);
    assert_near(&times(&path), &expected);
}

#[test]
fn the_jpegs_are_those_that_were_sent_but_for_the_ack() {
    let dir = tempfile::tempdir().unwrap();
    let frames = uneven(90);
    let sent: Vec<u8> = frames
        .iter()
        .flat_map(|frame| {
            let mut quiet = frame.clone();
            quiet.stamp.as_mut().unwrap().ack = false;
            quiet.build().jpeg.to_vec()
        })
        .collect();
    let mkv = dir.path().join("a.mkv");
    record(to(&mkv), &frames);
    assert!(jpegs(&mkv) == sent);
    let mjpeg = dir.path().join("a.mjpeg");
    record(to(&mjpeg), &frames);
    assert!(fs::read(&mjpeg).unwrap() == sent);
    assert_eq!(times(&mjpeg).len(), 90);
}

/// Each block's end and each cluster's start, found with no knowledge of how they were written.
fn frame_ends(file: &[u8], frames: &[Frame]) -> Vec<usize> {
    let mut from = 0;
    frames
        .iter()
        .map(|frame| {
            let mut quiet = frame.clone();
            quiet.stamp.as_mut().unwrap().ack = false;
            let jpeg = quiet.build().jpeg.to_vec();
            let found = file[from..].windows(jpeg.len()).position(|w| w == jpeg);
            from += found.expect("the frame is in the file") + jpeg.len();
            from
        })
        .collect()
}

#[test]
fn a_recording_that_was_killed_plays_up_to_its_last_whole_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let frames = uneven(100);
    let (recorder, _told) = start(to(&path));
    for frame in &frames {
        recorder.put(&frame.build());
    }
    while recorder.status().recorded < frames.len() as u64 {
        std::thread::yield_now();
    }
    // What a kill -9 leaves: nothing was closed.
    let left = fs::read(&path).unwrap();
    let ends = frame_ends(&left, &frames);
    let expected = since_first(&frames);
    let cuts = (1..40).map(|i| ends[0] + (left.len() - ends[0]) * i / 40);
    let at_ends = [ends[29], ends[30], ends[30] + 1, ends[31] - 1, left.len()];
    for cut in cuts.chain(at_ends) {
        let cut_path = dir.path().join("cut.mkv");
        fs::write(&cut_path, &left[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let found = times(&cut_path);
        // A block that was cut may be found, too; nothing else may.
        assert!((whole..=whole + 1).contains(&found.len()), "at {cut}");
        assert_near(&found[..whole], &expected[..whole]);
    }
    assert_eq!(recorder.finish(soon()).recorded, 100);
}

#[test]
fn players_jump_in_a_recording_whole_or_killed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    let frames = uneven(300);
    let (recorder, _told) = start(to(&path));
    for frame in &frames {
        recorder.put(&frame.build());
    }
    while recorder.status().recorded < frames.len() as u64 {
        std::thread::yield_now();
    }
    let killed = dir.path().join("killed.mkv");
    fs::copy(&path, &killed).unwrap();
    recorder.finish(soon());
    let at = since_first(&frames);
    let index = at.iter().position(|at| *at >= 7.0).unwrap();
    let mut expected = frames[index].clone();
    expected.stamp.as_mut().unwrap().ack = false;
    for path in [&path, &killed] {
        let seek = (at[index] - 0.01).to_string();
        let one = ["-frames:v", "1", "-c", "copy", "-f", "mjpeg", "-"];
        let out = run("ffmpeg", &["-ss", &seek, "-i"], path, &one);
        // A copy starts at the key frame before, which may be one earlier.
        let found = stamp::Stamp::find(&out.stdout).unwrap().seq;
        let wanted = expected.stamp.as_ref().unwrap().seq;
        assert!(
            found <= wanted && wanted - found <= 31,
            "{found} for {wanted}"
        );
    }
}

/// A file system with room for one megabyte, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount; root must be able to.
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "pi-stream"])
            .arg(dir.path())
            .output()
            .unwrap();
        if mount.status.success() {
            return Some(SmallDisk(dir));
        }
        let id = Command::new("id").arg("-u").output().unwrap();
        let told = String::from_utf8_lossy(&mount.stderr).into_owned();
        assert_ne!(id.stdout, b"0\n", "root may not mount a tmpfs: {told}");
        eprintln!("SKIPPED, since only root may mount: {told}");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_the_recording_and_the_file_plays() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    for container in [Container::Matroska, Container::Mjpeg] {
        let path = disk.0.path().join(match container {
            Container::Matroska => "a.mkv",
            Container::Mjpeg => "a.mjpeg",
        });
        // Without a reserve the disk itself says that it is full.
        for keep_free in [Some(0), None] {
            let (recorder, told) = start(Config {
                keep_free,
                ..to(&path)
            });
            let mut frame = Frame::default().picture(640, 480, 0);
            let mut put = 0;
            while !recorder.status().failed {
                recorder.put(&frame.build());
                frame = frame.after(Duration::from_millis(1));
                put += 1;
            }
            recorder.put(&frame.build());
            let status = recorder.finish(soon());
            let (_, why) = told.try_iter().last().unwrap();
            assert!(why.contains("free some space"), "{why}");
            assert!(status.failed);
            assert!(status.recorded > 0 && status.record_dropped > 0);
            assert!(status.recorded + status.record_dropped <= put + 1);
            assert_eq!(times(&path).len() as u64, status.recorded);
            // No half frame at the end.
            assert!(jpegs(&path).ends_with(&[0xFF, 0xD9]));
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_ring_on_a_full_disk_goes_on_at_the_cost_of_its_oldest_files() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    for keep_free in [0, 200_000] {
        let (recorder, told) = start(Config {
            segment: Some(Duration::from_secs(2)),
            keep: Some(1000),
            keep_free: Some(keep_free),
            ..to(disk.0.path().join("a.mkv"))
        });
        let mut frame = Frame::default().picture(640, 480, 0);
        for count in 1..=600 {
            recorder.put(&frame.build());
            frame = frame.after(FRAME);
            while recorder.status().recorded + recorder.status().record_dropped < count {
                std::thread::yield_now();
            }
        }
        let free = fs4::available_space(disk.0.path()).unwrap();
        assert!(free >= keep_free, "{free} bytes are free");
        let status = recorder.finish(soon());
        assert_eq!((status.recorded, status.record_dropped), (600, 0));
        let gave_up = told
            .try_iter()
            .filter(|event| event.1.starts_with("the disk is full"));
        assert!(gave_up.count() > 0);
        for name in names(disk.0.path()) {
            let path = disk.0.path().join(name);
            assert!(!times(&path).is_empty(), "{path:?} plays");
            fs::remove_file(path).unwrap();
        }
    }
}
