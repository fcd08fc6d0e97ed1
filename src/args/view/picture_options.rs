//! view-recv's options on what becomes of the pictures: `--record`, `--segment`, `--keep`,
//! `--keep-free`, `--snapshot-dir`, `--snapshot-every`, `--output`.
//!
//! Parsed by clap, which says value and expectation where one does not fit (exit status 2), and
//! turned into the plain configurations of the sinks. No I/O.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser, ValueParser};

use crate::args::units;
use crate::sinks::files;
use crate::sinks::record::config::{Config, Container};
use crate::sinks::snapshot;

/// The shortest `--segment`: a file that is younger is not worth its name.
const MIN_SEGMENT: Duration = Duration::from_secs(1);
/// The shortest `--snapshot-every`: below, `--record FILE.mjpeg` serves better.
const MIN_EVERY: Duration = Duration::from_millis(100);
/// The longest of either: a year.
const YEAR: Duration = Duration::from_secs(366 * 86_400);

/// The largest `--keep-free`: a petabyte.
const MAX_FREE: u64 = 1_000_000_000_000_000;

/// What becomes of the pictures, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pictures")]
pub struct PictureOptions {
    /// Record every frame: Matroska (.mkv), each at its time, or plain JPEGs (.mjpeg, .mjpg). The folder is
    /// made where there is none, and nothing is overwritten: where FILE is there already, and from the
    /// second file on, names say when a file starts. A crash loses at most the last second, a power cut
    /// the last five
    #[arg(long, value_name = "FILE", value_parser = record_file())]
    pub record: Option<PathBuf>,

    /// Start a new file (FILE_2026-11-24_14-00-00.mkv, local time) after this time, as in 10min or 1h
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", requires = "record", value_parser = units::seconds(MIN_SEGMENT..=YEAR))]
    pub segment: Option<Duration>,

    /// Keep the last N such files of this recording, also of earlier runs, and delete older ones; short
    /// ones count as the part of a segment that they are
    #[arg(long, allow_negative_numbers = true, value_name = "N", requires = "record", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,

    /// Leave this much of the disk free, as in 500M or 2GB: there a recording waits for space, and one with
    /// --keep deletes its oldest file [default: 100 MB, or 1% of a disk of less than 10 GB]
    #[arg(long, allow_negative_numbers = true, value_name = "SIZE", requires = "record", value_parser = units::bytes(0..=MAX_FREE))]
    pub keep_free: Option<u64>,

    /// Where snapshots go (S key, --snapshot-every); created if it is not there [default: your
    /// pictures folder]
    #[arg(long, value_name = "DIR", value_parser = PathBufValueParser::new())]
    pub snapshot_dir: Option<PathBuf>,

    /// Time lapse: save a frame as JPEG at this interval, as in 500ms or 10s
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", value_parser = units::seconds(MIN_EVERY..=YEAR))]
    pub snapshot_every: Option<Duration>,

    /// "-": write the JPEGs as they came to standard output, an MJPEG stream for a pipe
    #[arg(long, value_name = "-", allow_hyphen_values = true, value_parser = output_target())]
    pub output: Option<Target>,
}

/// Where `--output` writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
}

impl PictureOptions {
    /// The recording that is asked for.
    pub fn recording(&self) -> Option<Config> {
        let path = self.record.clone()?;
        let container = Container::of(&path)?;
        Some(Config {
            path,
            container,
            segment: self.segment,
            keep: self.keep,
            keep_free: self.keep_free,
            make_dir: false,
        })
    }

    /// Where snapshots go, whether by key or by time.
    pub fn snapshots(&self) -> snapshot::Config {
        snapshot::Config {
            dir: self
                .snapshot_dir
                .clone()
                .unwrap_or_else(files::pictures_dir),
            every: self.snapshot_every,
        }
    }
}

fn record_file() -> ValueParser {
    PathBufValueParser::new()
        .try_map(|path| {
            if Container::of(&path).is_some() {
                Ok(path)
            } else {
                Err("expected a file name that ends in .mkv (Matroska) or .mjpeg, .mjpg (plain JPEGs)")
            }
        })
        .into()
}

fn output_target() -> ValueParser {
    OsStringValueParser::new()
        .try_map(|text| {
            if text == OsStr::new("-") {
                Ok(Target::Stdout)
            } else {
                Err("expected '-', standard output; for a file there is --record FILE.mjpeg")
            }
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        pictures: PictureOptions,
    }

    fn parse(line: &str) -> Result<PictureOptions, String> {
        let words = std::iter::once("view-recv").chain(line.split_whitespace());
        Cli::try_parse_from(words)
            .map(|cli| cli.pictures)
            .map_err(|e| {
                assert_eq!(e.exit_code(), 2);
                e.to_string()
            })
    }

    #[test]
    fn a_ring_of_recordings_is_three_options() {
        let options = parse("--record dir/cam.MKV --segment 10min --keep 10").unwrap();
        let config = Config {
            path: "dir/cam.MKV".into(),
            container: Container::Matroska,
            segment: Some(Duration::from_secs(600)),
            keep: Some(10),
            keep_free: None,
            make_dir: false,
        };
        assert_eq!(options.recording(), Some(config));
        let options = parse("--record a.mjpg --keep-free 2GB").unwrap();
        let recording = options.recording().unwrap();
        assert_eq!(recording.container, Container::Mjpeg);
        assert_eq!(recording.keep_free, Some(2_000_000_000));
    }

    #[test]
    fn nothing_is_recorded_unasked_and_snapshots_have_a_place() {
        let options = parse("").unwrap();
        assert_eq!(options.recording(), None);
        assert_eq!(options.output, None);
        assert_eq!(options.snapshots().dir, files::pictures_dir());
        let options = parse("--snapshot-dir lapse --snapshot-every 0.5 --output -").unwrap();
        let expected = snapshot::Config {
            dir: "lapse".into(),
            every: Some(Duration::from_millis(500)),
        };
        assert_eq!(options.snapshots(), expected);
        assert_eq!(options.output, Some(Target::Stdout));
    }

    #[test]
    fn wrong_usage_names_the_value_and_what_was_expected() {
        for (line, parts) in [
            (
                "--record cam.avi",
                &["cam.avi", "--record", ".mkv", ".mjpeg"][..],
            ),
            ("--record cam", &["'cam'", ".mkv"]),
            ("--record .mkv", &["'.mkv'", "ends in"]),
            ("--segment 60", &["--record"]),
            ("--keep 3", &["--record"]),
            ("--keep-free 1G", &["--record"]),
            ("--record a.mkv --keep-free some", &["some", "bytes"]),
            (
                "--record a.mkv --segment 0",
                &["'0'", "--segment", "from 1s to 366d: seconds"],
            ),
            ("--record a.mkv --segment NaN", &["NaN", "seconds"]),
            ("--record a.mkv --keep 0", &["--keep", "0", "1.."]),
            ("--record a.mkv --keep -1", &["-1"]),
            (
                "--snapshot-every fast",
                &["fast", "from 100ms to 366d: seconds"],
            ),
            ("--snapshot-every 1e300", &["1e300", "seconds"]),
            ("--output out.mjpeg", &["out.mjpeg", "'-'", "--record"]),
        ] {
            let message = parse(line).unwrap_err();
            for part in parts {
                assert!(
                    message.contains(part),
                    "{line}: {part:?} is not in {message}"
                );
            }
        }
    }
}
