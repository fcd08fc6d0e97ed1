//! A day of recording at 30 frames a second, through the real recorder and to a real disk, in a
//! process of its own whose memory is looked at.
//!
//! Time is in the frames (their stamps and arrivals), so that the day takes as long as the disk
//! needs for it. Once as one file, whose index grows, and once as a ring of files.

#![cfg(all(feature = "view", target_os = "linux"))]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pi_stream::protocol::{Stamp, stamp};
use pi_stream::recv::Received;
use pi_stream::sinks::record::{Config, Recorder};

const FPS: u64 = 30;
const HOUR: u64 = 3600 * FPS;
const DAY: u64 = 24 * HOUR;

/// Resident memory of this process, in KiB.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.unwrap().split_whitespace().nth(1);
    words.unwrap().parse().unwrap()
}

/// The smallest thing that a recorder takes for a JPEG: the day is about frames, not about pixels.
fn frame(start: Instant, number: u64) -> Arc<Received> {
    let stamp = Stamp {
        seq: number,
        captured_unix_us: 1_800_000_000_000_000 + number * 1_000_000 / FPS,
        ..Stamp::default()
    };
    let jpeg = [0xFF, 0xD8, 0xFF, 0xDA, 0x00, 0x02, 0xFF, 0xD9];
    Arc::new(Received {
        jpeg: stamp::stamped(&jpeg, &stamp).into(),
        stamp: Some(stamp),
        arrived: start + Duration::from_micros(number * 1_000_000 / FPS),
        arrived_at: SystemTime::now(),
        session: 1,
        width: 640,
        height: 480,
    })
}

/// Records a day; returns by how many KiB the memory grew after its first hour.
fn record_a_day(config: Config) -> u64 {
    let recorder = Recorder::new(Arc::new(|_, line| println!("{line}")));
    recorder.record(config, None).unwrap();
    let start = Instant::now();
    let mut after_an_hour = 0;
    for number in 0..DAY {
        recorder.put(&frame(start, number));
        if number % 1000 == 0 {
            // The disk is given the time that it would have.
            while recorder.status().recorded < number {
                assert!(recorder.status().running);
                std::thread::yield_now();
            }
        }
        if number == HOUR {
            after_an_hour = resident_kib();
        }
    }
    let growth = resident_kib().saturating_sub(after_an_hour);
    recorder.stop();
    while recorder.status().running {
        std::thread::yield_now();
    }
    let status = recorder.finish(Instant::now());
    assert_eq!((status.recorded, status.record_dropped), (DAY, 0));
    growth
}

fn one_file(dir: &Path) -> Config {
    Config::new(dir.join("day.mkv")).unwrap()
}

#[test]
fn a_day_in_one_file_and_in_a_ring_takes_no_more_memory_than_an_hour() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Config {
        segment: Some(Duration::from_secs(600)),
        keep: Some(6),
        ..one_file(dir.path())
    };
    for config in [one_file(dir.path()), ring] {
        let growth = record_a_day(config);
        println!("memory grew by {growth} KiB after the first hour");
        assert!(growth < 4096, "{growth} KiB");
    }
    // The one file and the ring's six.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 7);
}
