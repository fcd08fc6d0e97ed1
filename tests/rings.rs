//! Recordings of the real viewer that go on for days: rings under reconnects, disks that fill up, names that are taken,
//! clocks that are wrong.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::disk::SmallDisk;
use common::figures::Figures;
use common::{PATIENCE, Running, pi_send, pictures, until, view_recv};
use pi_stream::protocol::{Stamp, stamp};

/// A viewer that records into `file`: the program, its figures, where it listens.
fn recording(file: &Path, args: &[&str]) -> (Running, Figures, String) {
    let mut command = view_recv(&["--bind", "127.0.0.1:0", "--headless", "--stats", "json"]);
    let (mut viewer, figures) = Figures::start(command.arg("--record").arg(file).args(args));
    let host = viewer.listening_on().to_string();
    (viewer, figures, host)
}

fn sender(host: &str, args: &[&str]) -> Running {
    Running::start(pi_send(&["--host", host, "--source", "test"]).args(args))
}

/// The names in a folder, hidden ones aside.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// A connection that brings this JPEG and ends properly; comes back when the viewer has closed it.
fn bring(host: &str, jpeg: &[u8]) {
    let mut stream = TcpStream::connect(host).unwrap();
    let length = u32::try_from(jpeg.len()).unwrap();
    let parts = [&length.to_le_bytes(), jpeg, &[0; 4]].concat();
    stream.write_all(&parts).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn sixty_connections_of_one_frame_wipe_no_ring() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("garden.mkv");
    // Made by an earlier version: a day but for the hour that is recorded now.
    for hour in 1..24 {
        fs::write(dir.path().join(format!("garden_{hour:06}.mkv")), "an hour").unwrap();
    }
    let (viewer, figures, host) = recording(&file, &["--segment", "3600", "--keep", "24"]);
    for count in 1..=60 {
        // Of another size each time: nothing forces a new file more.
        let jpeg = pictures::stripes(64 + 8 * (count % 2), 64, &[[9, 9, 9]]);
        bring(&host, &jpeg);
    }
    figures.wait_for("frames", |figures| {
        (figures["recorded"] == 60).then_some(())
    });
    drop(viewer);
    let left = names(dir.path());
    let hours = left.iter().filter(|name| name.starts_with("garden_0"));
    assert_eq!(hours.count(), 23, "{left:#?}");
}

#[test]
fn a_sender_that_reconnects_goes_on_in_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut viewer, figures, host) = recording(&dir.path().join("garden.mkv"), &["--keep", "4"]);
    for count in 1..=5 {
        assert_eq!(sender(&host, &["--frames", "3"]).wait().code(), Some(0));
        figures.wait_for("frames", |figures| {
            (figures["recorded"] == 3 * count).then_some(())
        });
    }
    viewer.signal("TERM");
    assert_eq!(viewer.wait().code(), Some(0));
    let left = names(dir.path());
    assert_eq!(left.len(), 1, "{left:#?}");
    // It says when it began, in local time.
    assert!(left[0].starts_with("garden_20"), "{left:#?}");
}

#[test]
fn a_recording_goes_on_when_a_full_disk_has_room_again() {
    let Some(disk) = SmallDisk::mount(1024) else {
        return;
    };
    let filler = disk.path().join("filler");
    fs::write(&filler, vec![0; 700 << 10]).unwrap();
    let file = disk.path().join("garden.mjpeg");
    let (mut viewer, figures, host) = recording(&file, &["--segment", "1"]);
    let _sender = sender(&host, &["--res", "320x240"]);
    let is_recording = |wanted: bool| {
        move |figures: &serde_json::Value| {
            (figures["recording"] == wanted).then(|| figures["recorded"].as_u64().unwrap())
        }
    };
    figures.wait_for("recording", is_recording(true));
    let before = figures.wait_for("failure", is_recording(false));
    fs::remove_file(&filler).unwrap();
    figures.wait_for("recording", is_recording(true));
    figures.wait_for("more frames", |figures| {
        (figures["recorded"].as_u64() > Some(before)).then_some(())
    });
    viewer.signal("TERM");
    let (_, said) = viewer.end();
    let stops = said
        .iter()
        .filter(|line| line.contains("recording stopped"));
    assert!(stops.count() >= 1, "{said:#?}");
}

#[test]
fn a_recording_that_failed_and_never_came_back_ends_with_1() {
    let Some(disk) = SmallDisk::mount(300) else {
        return;
    };
    let file = disk.path().join("garden.mkv");
    let (mut viewer, figures, host) = recording(&file, &[]);
    let _sender = sender(&host, &[]);
    figures.wait_for("failure", |figures| {
        (figures["recording"] == false).then_some(())
    });
    viewer.signal("TERM");
    let (status, said) = viewer.end();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    assert_eq!(figures.closing()["recording"], false);
}

#[test]
fn a_ring_on_a_full_disk_frees_its_oldest_file_and_keeps_a_reserve() {
    let Some(disk) = SmallDisk::mount(4096) else {
        return;
    };
    let file = disk.path().join("garden.mjpeg");
    for number in 1..=6 {
        let old = disk.path().join(format!("garden_{number:06}.mjpeg"));
        fs::write(old, vec![0; 512 << 10]).unwrap();
    }
    let args = ["--segment", "1", "--keep", "1000", "--keep-free", "1M"];
    let (mut viewer, figures, host) = recording(&file, &args);
    let _sender = sender(&host, &["--res", "320x240"]);
    let oldest = disk.path().join("garden_000001.mjpeg");
    until("room", || (!oldest.exists()).then_some(()));
    let figures = figures.wait_for("frames", |figures| {
        (figures["recorded"].as_u64() > Some(60)).then(|| figures.clone())
    });
    assert_eq!(figures["recording"], true);
    let df = std::process::Command::new("df")
        .args(["-B1", "--output=avail"])
        .arg(disk.path())
        .output()
        .unwrap();
    let free = String::from_utf8(df.stdout).unwrap();
    let free: u64 = free.lines().last().unwrap().trim().parse().unwrap();
    assert!(free >= 900_000, "{free} bytes are free");
    viewer.signal("TERM");
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
fn a_second_viewer_with_the_same_name_says_so_and_exits() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("garden.mkv");
    let (first, ..) = recording(&file, &["--keep", "3"]);
    let mut second =
        Running::start(view_recv(&["--bind", "127.0.0.1:0", "--headless", "--record"]).arg(&file));
    let (status, said) = second.end();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    let said = said.join("\n");
    assert!(
        said.contains("garden.mkv") && said.contains("another"),
        "{said}"
    );
    // Beside it is free, and so is the same once the first has gone, however.
    recording(&dir.path().join("porch.mkv"), &["--keep", "3"]);
    first.signal("KILL");
    let (mut third, ..) = recording(&file, &["--keep", "3"]);
    third.signal("TERM");
    assert_eq!(third.wait().code(), Some(0));
}

#[test]
fn a_sender_whose_clock_is_hours_behind_is_recorded_by_our_clock() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("garden.mkv");
    let (mut viewer, figures, host) = recording(&file, &["--segment", "3600"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let behind = Stamp {
        captured_unix_us: (now - Duration::from_secs(5 * 3600)).as_micros() as u64,
        ..Stamp::default()
    };
    let jpeg = pictures::stripes(64, 64, &[[9, 9, 9]]);
    bring(&host, &stamp::stamped(&jpeg, &behind));
    figures.wait_for("frame", |figures| (figures["recorded"] == 1).then_some(()));
    viewer.signal("TERM");
    assert_eq!(viewer.wait().code(), Some(0));
    let [name] = &names(dir.path())[..] else {
        panic!("{:?}", names(dir.path()));
    };
    let date = |args: &[&str]| {
        let out = std::process::Command::new("date")
            .args(args)
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    // The hour may have passed since.
    let hours = ["now", "1 hour ago"].map(|at| date(&["-d", at, "+garden_%Y-%m-%d_%H"]));
    assert!(
        hours.iter().any(|hour| name.starts_with(hour)),
        "{name} of {hours:?}"
    );
}

#[test]
fn a_recordings_folder_is_made_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("not/yet/there.mjpg");
    let (mut viewer, figures, host) = recording(&file, &[]);
    assert_eq!(sender(&host, &["--frames", "3"]).wait().code(), Some(0));
    figures.wait_for("frames", |figures| (figures["recorded"] == 3).then_some(()));
    viewer.signal("TERM");
    assert_eq!(viewer.wait().code(), Some(0));
    let jpegs = pictures::cut(&fs::read(&file).unwrap());
    assert_eq!(jpegs.len(), 3);
}
