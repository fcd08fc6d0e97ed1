//! view-recv's command line, parsed and checked.
//!
//! clap parses into [`Options`]; [`Options::check`] refuses what does not go together; [`RecordingArgs`] become the
//! configurations of the sinks.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{ArgPredicate, PathBufValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser};
use ipnet::IpNet;

use crate::args::{AnnounceArgs, KeyArgs, StatisticsArgs, units};
use crate::net::listen::{bind, network};
use crate::net::{Bind, Target};
use crate::picture::Turn;
use crate::report::ListFormat;
use crate::sinks::record::Config;
use crate::sinks::{files, snapshot};

/// Bounds of `--max-frame-bytes`: a frame of less is hardly a JPEG, and one of more is none that decodes.
const FRAME_BYTES: RangeInclusive<u64> = 1024..=(1 << 30);

/// Bounds of `--max-pixels`: a picture takes seven bytes a pixel on its way into the window.
const PIXELS: RangeInclusive<u64> = 1024..=500_000_000;

/// The smallest window: below it there is no room for words.
pub(crate) const SMALLEST: (u32, u32) = (320, 240);

/// The longest side of a window; X11's own limit is 32,767.
const LONGEST_SIDE: u32 = 16_384;

/// Bounds of `--segment`: a file that is younger is not worth its name.
const SEGMENT: RangeInclusive<&str> = "1s"..="366d";

/// Bounds of `--snapshot-every`: below, `--record FILE.mjpeg` serves better.
const SNAPSHOT_EVERY: RangeInclusive<&str> = "100ms"..="366d";

/// The largest `--keep-free`: a petabyte.
const MAX_FREE: u64 = 1_000_000_000_000_000;

/// Show a camera, live, that pi-send (or the Python recipe) sends from another computer.
#[derive(Debug, Parser)]
#[command(name = "view-recv", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(next_help_heading = "Connection")]
pub struct Options {
    /// Where to listen: ADDRESS:PORT (IPv6 in brackets) or :PORT [default: every address, port 8000]
    // One that dials does not listen by default.
    #[arg(long, alias = "listen", value_name = "ADDRESS:PORT", value_parser = bind, hide_default_value = true,
          default_value = ":8000", default_value_if("connect", ArgPredicate::IsPresent, None))]
    pub bind: Option<Bind>,

    /// Dial a sender that listens (pi-send --listen), instead of listening; repeatable; auto: all that are announced on
    /// the local network, and have the same key. With --bind it does both
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Target::parse)]
    pub connect: Vec<Target>,

    /// Accept senders from these addresses only; repeatable [default: from any address]
    #[arg(long, value_name = "ADDRESS[/BITS]", value_parser = network)]
    pub allow: Vec<IpNet>,

    #[command(flatten)]
    pub announce: AnnounceArgs,

    /// List the cameras that are announced on the local network, then exit: as a table or as json
    #[arg(long, value_name = "table|json", num_args = 0..=1, require_equals = true,
          default_missing_value = "table", value_enum, hide_possible_values = true)]
    pub list_cameras: Option<ListFormat>,

    #[command(flatten)]
    pub key: KeyArgs,

    /// Drop a sender after this time without a frame; 0: never [default: three times its frame
    /// interval, at least 5s]
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", value_parser = units::time_or_never())]
    pub idle_timeout: Option<Duration>,

    /// Longest frame to accept
    #[arg(long, allow_negative_numbers = true, value_name = "SIZE", default_value = "16MiB", value_parser = units::bytes(FRAME_BYTES).map(|bytes| bytes as u32))]
    pub max_frame_bytes: u32,

    /// Largest picture to accept, in pixels
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", default_value = "64M", value_parser = units::count(PIXELS))]
    pub max_pixels: u64,

    /// Open no window: record, pass on and report only. One frame a second is decoded, to notice garbage: in the
    /// statistics, 'corrupt' counts those, and 'shown' the frames that recording, snapshots and pipe have taken
    #[arg(long, help_heading = "Window")]
    pub headless: bool,

    #[command(flatten)]
    pub window: WindowArgs,

    #[command(flatten)]
    pub recording: RecordingArgs,

    /// Exit when the first sender stops: 0 if it ended normally, 1 if the connection was lost
    #[arg(long, help_heading = "Stopping")]
    pub once: bool,

    /// Exit after this many frames
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Stopping")]
    pub frames: Option<u64>,

    /// Exit after this time; 0: never
    #[arg(long, value_name = "TIME", default_value = "0", allow_negative_numbers = true, value_parser = units::time_or_never(), help_heading = "Stopping")]
    pub duration: Duration,

    #[command(flatten)]
    pub statistics: StatisticsArgs,
}

/// How the window begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Window")]
pub struct WindowArgs {
    /// Size of the window: WIDTHxHEIGHT in pixels, vga, 720p or 1080p [default: the picture's, at most what fits the screen]
    #[arg(long = "window", value_name = "WxH", value_parser = units::size(SMALLEST.0..=LONGEST_SIDE, SMALLEST.1..=LONGEST_SIDE))]
    pub(crate) size: Option<(u32, u32)>,

    /// Fill the screen (F or Esc leaves it)
    #[arg(long)]
    pub(crate) fullscreen: bool,

    /// Keep the window above the others, where the desktop allows it
    #[arg(long)]
    pub(crate) on_top: bool,

    /// What the window's title begins with [default: the sender's name]
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,

    /// Rotate clockwise, after any flip: 0, 90, 180 or 270 degrees
    #[arg(long, allow_negative_numbers = true, value_name = "DEGREES", value_parser = units::quarters, default_value = "0")]
    rotation: u8,

    /// Mirror left to right
    #[arg(long)]
    hflip: bool,

    /// Mirror top to bottom
    #[arg(long)]
    vflip: bool,
}

/// Where the pictures go besides the window, as typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recording")]
pub struct RecordingArgs {
    /// Record every frame: to FILE.mkv (Matroska, each at its time) or FILE.mjpeg, FILE.mjpg (plain JPEGs).
    /// Missing folders are created and nothing is overwritten: where FILE exists, and from the second file
    /// on, names say when a file starts. A crash loses at most the last second, a power cut the last five
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(Config::new))]
    record: Option<Config>,

    /// Start a new file (FILE_2026-11-24_14-00-00.mkv, local time) after this time, as in 10min or 1h
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", requires = "record", value_parser = units::time(SEGMENT, "seconds"))]
    segment: Option<Duration>,

    /// Keep the last N such files of this recording, earlier runs' included, and delete older ones; short
    /// ones count as the part of a segment that they are
    #[arg(long, allow_negative_numbers = true, value_name = "N", requires = "record", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Leave this much of the disk free, as in 500M or 2GB: a recording waits for space, and one with
    /// --keep deletes its oldest file [default: 100 MB, or 1% of a disk of less than 10 GB]
    #[arg(long, allow_negative_numbers = true, value_name = "SIZE", requires = "record", value_parser = units::bytes(0..=MAX_FREE))]
    keep_free: Option<u64>,

    /// Folder for snapshots (S key, --snapshot-every); created if missing [default: your pictures folder]
    #[arg(long, value_name = "DIR", default_value_os_t = files::folder(dirs::picture_dir()), hide_default_value = true)]
    snapshot_dir: PathBuf,

    /// Time lapse: save a frame as JPEG at this interval, as in 500ms or 10s
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", value_parser = units::time(SNAPSHOT_EVERY, "seconds"))]
    snapshot_every: Option<Duration>,

    /// "-": write the JPEGs to standard output as they came, an MJPEG stream for a pipe
    #[arg(long, value_name = "-", allow_hyphen_values = true, value_parser = stdout)]
    pub output: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  view-recv                                  show what comes to port 8000 of any address
  view-recv --connect auto                   show the camera that is announced on the local network
  view-recv --bind :9000 --allow 192.168.1.0/24
  view-recv --headless --record garden.mkv --segment 1h --keep 24
  view-recv --headless --output - |
    ffmpeg -use_wallclock_as_timestamps 1 -f mjpeg -i - -c copy garden.mkv

Units:
  TIME is a number of seconds, or has a unit: 500ms, 2s, 10min, 1h.
  SIZE is a number of bytes, or has a unit: 500k, 64M, 2G, 16MiB.

Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.";

impl Options {
    /// Refuses options that do not go together, as a usage error (exit status 2).
    pub fn check(&self) -> Result<(), clap::Error> {
        let window = [
            ("--window", self.window.size.is_some()),
            ("--fullscreen", self.window.fullscreen),
            ("--on-top", self.window.on_top),
            ("--title", self.window.title.is_some()),
        ];
        let conflict = |line| Err(Options::command().error(ErrorKind::ArgumentConflict, line));
        if let Some((option, _)) = window.iter().find(|(_, given)| self.headless && *given) {
            return conflict(format!(
                "{option} is for the window, and --headless opens none: leave one of them out"
            ));
        }
        if let (Some(network), None) = (self.allow.first(), self.bind) {
            return conflict(format!(
                "--allow {network} is for senders that dial, and --connect alone listens to none: add --bind, or leave it out"
            ));
        }
        let listens = self.bind.is_some();
        self.announce.check(listens, "--bind").or_else(conflict)
    }
}

impl WindowArgs {
    /// How the pictures are turned.
    pub fn turn(&self) -> Turn {
        Turn::from_flips(self.rotation, self.hflip, self.vflip)
    }
}

impl RecordingArgs {
    /// The recording that is asked for.
    pub fn recording(&self) -> Option<Config> {
        Some(Config {
            segment: self.segment,
            keep: self.keep,
            keep_free: self.keep_free,
            ..self.record.clone()?
        })
    }

    /// Where snapshots go, whether by key or by time.
    pub fn snapshots(&self) -> snapshot::Config {
        snapshot::Config {
            dir: self.snapshot_dir.clone(),
            every: self.snapshot_every,
        }
    }
}

fn stdout(text: &str) -> Result<String, &'static str> {
    let expected = "expected '-', standard output; for a file there is --record FILE.mjpeg";
    (text == "-").then(|| text.into()).ok_or(expected)
}

#[cfg(test)]
mod tests;
