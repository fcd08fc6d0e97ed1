//! pi-send's command line: what can be said, and what it means once checked.
//!
//! clap parses into [`Options`]; [`Options::check`] makes plain types of it or says, with clap's usage
//! error (exit status 2), which value was wrong, what was expected and what to do.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::camera::CameraArgs;
use crate::args::rpicam::RpicamArgs;
use crate::args::units;
use crate::net::DEFAULT_PORT;
use crate::net::dial::Target;
use crate::picture::Turn;
use crate::protocol::stamp::Name;
use crate::report::Stats;
use crate::send::source::Source;
use crate::send::{self, Config};
use crate::source::{Delivery, stream, test_picture};

/// The longest side of a picture: JPEG's own limit in libjpeg-turbo.
const MAX_SIDE: u32 = 65_500;

/// Bounds of `--fps`: a picture every hundred seconds, and more than any sensor gives.
const FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// Send a camera's pictures to view-recv on another machine, live.
#[derive(Debug, Parser)]
#[command(name = "pi-send", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Options {
    /// Where view-recv listens: a name or an address.
    #[arg(
        long,
        alias = "connect",
        value_name = "HOST[:PORT]",
        help = "Where view-recv listens: a name, an IPv4 address or [IPv6], with :PORT if you like",
        help_heading = "Where"
    )]
    pub host: Option<String>,

    /// The TCP port [default: 8000]
    #[arg(long, allow_negative_numbers = true, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Where")]
    pub port: Option<u16>,

    /// Exit with status 1 when the host cannot be reached or the connection is lost
    #[arg(long, help_heading = "Where")]
    pub no_retry: bool,

    /// What this sender is called: letters, digits, '.', '_', '-' [default: the host's name]
    #[arg(long, help_heading = "Where")]
    pub name: Option<Name>,

    /// camera; test (a moving test picture); FILE or - (standard input): MJPEG or YUV4MPEG2
    #[arg(
        long,
        value_name = "camera|test|FILE|-",
        default_value = "camera",
        help_heading = "What"
    )]
    pub source: String,

    /// Repeat a FILE from its start
    #[arg(long = "loop", help_heading = "What")]
    pub repeat: bool,

    /// With FILE or -: wait for the link instead of dropping pictures, at a fixed quality
    #[arg(long, help_heading = "What")]
    pub every_frame: bool,

    /// The picture's size in pixels: WIDTHxHEIGHT, vga, 720p or 1080p [default: 640x480]
    #[arg(long, alias = "resolution", value_name = "WxH", value_parser = size, help_heading = "Picture")]
    pub res: Option<(u32, u32)>,

    /// The picture's width in pixels, together with --height
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", requires = "height", conflicts_with = "res", value_parser = side, help_heading = "Picture")]
    pub width: Option<u32>,

    /// The picture's height in pixels, together with --width
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", requires = "width", conflicts_with = "res", value_parser = side, help_heading = "Picture")]
    pub height: Option<u32>,

    /// Pictures a second, 0.01 to 1000 [default: 30, for a YUV4MPEG2 FILE what it says]
    #[arg(long, allow_negative_numbers = true, alias = "framerate", value_name = "N", value_parser = fps, help_heading = "Picture")]
    pub fps: Option<f64>,

    /// Mirror left to right
    #[arg(long, help_heading = "Picture")]
    pub hflip: bool,

    /// Mirror top to bottom
    #[arg(long, help_heading = "Picture")]
    pub vflip: bool,

    /// Rotate clockwise, after any flip: 0, 90, 180 or 270 degrees
    #[arg(long, allow_negative_numbers = true, value_name = "DEGREES", default_value = "0", value_parser = quarters, help_heading = "Picture")]
    pub rotation: u8,

    /// The JPEG quality, 1 to 100
    #[arg(long, allow_negative_numbers = true, default_value_t = send::DEFAULT_QUALITY, value_parser = clap::value_parser!(u8).range(1..=100), help_heading = "Picture")]
    pub quality: u8,

    /// Lowest JPEG quality allowed on a slow link, 1 to --quality (equal: fixed) [default: 30]
    #[arg(long, allow_negative_numbers = true, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(1..=100), help_heading = "Picture")]
    pub min_quality: Option<u8>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// Exit this time after the first picture was sent (to a viewer that takes it): seconds, or with a unit (500ms, 10min, 1h); 0: never
    #[arg(long, value_name = "TIME", default_value = "0", allow_negative_numbers = true, value_parser = units::seconds(Duration::ZERO..=units::LONGEST), help_heading = "End")]
    pub duration: Duration,

    /// Exit after this many pictures (what a viewer busy with another camera did not take is not counted)
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "End")]
    pub frames: Option<u64>,

    #[command(flatten)]
    rpicam: RpicamArgs,

    /// Figures: off, line (on stderr), json (an object a second, on stdout) [default: line on a terminal]
    #[arg(
        long,
        value_enum,
        value_name = "off|line|json",
        hide_possible_values = true,
        help_heading = "Figures"
    )]
    pub stats: Option<Stats>,

    /// Report errors only; figures where --stats asks for them
    #[arg(long, help_heading = "Figures")]
    pub quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  pi-send --host 192.168.1.159 --res 640x480 --vflip    the camera, upside down
  pi-send --host desktop:9000 --source test             a test picture, no camera needed
  ffmpeg -re -i film.mp4 -f yuv4mpegpipe - | pi-send --host 192.168.1.159 --source -

Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.";

/// What pi-send shall do, checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where pictures come from.
    pub source: Source,
    /// What happens to those for which the link has no room.
    pub delivery: Delivery,
    /// Where they go.
    pub target: Target,
    /// How to send them.
    pub sending: Config,
}

impl Options {
    /// Makes a plan of what was said, or a usage error.
    pub fn check(&self) -> Result<Plan, clap::Error> {
        if let Some(answer) = self.rpicam.answer() {
            return Err(usage(answer));
        }
        let target = self.target()?;
        if self.min_quality.is_some_and(|min| min > self.quality) {
            return Err(usage(format!(
                "--min-quality {} is above --quality {}: give at most {} (equal keeps the quality fixed)",
                self.min_quality.unwrap_or_default(),
                self.quality,
                self.quality
            )));
        }
        let source = self.source()?;
        if let (false, Some(option)) = (self.source == "camera", self.camera.first_given()) {
            return Err(usage(format!(
                "{option} is for the camera, and the source is '{}': leave one of them out",
                self.source
            )));
        }
        let is_stream = matches!(source, Source::Stream(..));
        if !is_stream && (self.every_frame || self.repeat) {
            let option = if self.repeat {
                "--loop"
            } else {
                "--every-frame"
            };
            return Err(usage(format!(
                "{option} is for --source FILE{}, and the source is '{}'",
                if self.repeat { "" } else { " or -" },
                self.source
            )));
        }
        Ok(Plan {
            source,
            delivery: if self.every_frame {
                Delivery::EveryFrame
            } else {
                Delivery::NewestWins
            },
            target,
            sending: self.sending(),
        })
    }

    fn sending(&self) -> Config {
        let defaults = Config::default();
        Config {
            retry: !self.no_retry,
            name: self.name.clone().unwrap_or(defaults.name),
            fps: self.fps.unwrap_or(defaults.fps),
            quality: self.quality,
            min_quality: self
                .min_quality
                .unwrap_or(defaults.min_quality)
                .min(self.quality),
            duration: (!self.duration.is_zero()).then_some(self.duration),
            frames: self.frames,
        }
    }

    fn target(&self) -> Result<Target, clap::Error> {
        let Some(text) = &self.host else {
            return Err(usage(
                "--host is missing: give the address that view-recv prints, as in --host 192.168.1.159"
                    .into(),
            ));
        };
        let (host, port) = Target::split(text).ok_or_else(|| {
            usage(format!(
                "--host {text:?} was not understood: give HOST, HOST:PORT or [IPv6]:PORT"
            ))
        })?;
        if matches!(host.parse(), Ok(ip) if IpAddr::is_unspecified(&ip)) {
            return Err(usage(format!(
                "--host {text} is where a viewer listens, and no machine's own address: give the one that view-recv prints, as in --host 192.168.1.159"
            )));
        }
        match (port, self.port) {
            (Some(in_host), Some(port)) => Err(usage(format!(
                "--port {port} beside --host {text}, which names port {in_host}: give the port once"
            ))),
            (given, port) => Ok(Target {
                host,
                port: given.or(port).unwrap_or(DEFAULT_PORT),
            }),
        }
    }

    fn source(&self) -> Result<Source, clap::Error> {
        let turn = Turn::from_flips(self.rotation, self.hflip, self.vflip);
        let asked = self.res.or(self.width.zip(self.height));
        let (width, height) = asked.unwrap_or((640, 480));
        let fps = self.fps.unwrap_or(send::DEFAULT_FPS);
        let test = test_picture::Options {
            width,
            height,
            fps,
            turn,
        };
        let file = match self.source.as_str() {
            "camera" => {
                let config = self.camera.config(width, height, fps, turn);
                return Ok(Source::Camera(Box::new(config)));
            }
            "test" if width.max(height) > test_picture::MAX_SIDE => {
                return Err(usage(format!(
                    "a test picture of {width}x{height} was asked for; each side can have 1 to {} pixels",
                    test_picture::MAX_SIDE
                )));
            }
            "test" => return Ok(Source::Test(test)),
            "" => {
                return Err(usage(
                    "--source is empty: give camera, test, a file's name, or - for standard input"
                        .into(),
                ));
            }
            "-" => None,
            path => Some(PathBuf::from(path)),
        };
        if asked.is_some() {
            return Err(usage(format!(
                "a size was given (--res), and --source {} brings its own: leave the size out",
                self.source
            )));
        }
        if self.repeat && file.is_none() {
            return Err(usage(
                "--loop is for --source FILE, and standard input cannot be read twice".into(),
            ));
        }
        Ok(Source::Stream(stream::Options {
            file,
            fps: self.fps,
            repeat: self.repeat,
            turn,
        }))
    }
}

/// A usage error in clap's words: exit status 2.
fn usage(message: String) -> clap::Error {
    Options::command().error(ErrorKind::ValueValidation, message)
}

fn side(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(side) if (1..=MAX_SIDE).contains(&side) => Ok(side),
        _ => Err(format!("expected 1 to {MAX_SIDE} pixels")),
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let expected =
        || format!("expected WIDTHxHEIGHT (1 to {MAX_SIDE} pixels each), vga, 720p or 1080p");
    match text {
        "vga" => Ok((640, 480)),
        "720p" => Ok((1280, 720)),
        "1080p" => Ok((1920, 1080)),
        _ => {
            let (width, height) = text.split_once('x').ok_or_else(expected)?;
            let side = |text| side(text).map_err(|_| expected());
            Ok((side(width)?, side(height)?))
        }
    }
}

fn fps(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fps) if FPS.contains(&fps) => Ok(fps),
        _ => Err(format!(
            "expected {} to {} pictures a second",
            FPS.start(),
            FPS.end()
        )),
    }
}

fn quarters(text: &str) -> Result<u8, String> {
    match text {
        "0" => Ok(0),
        "90" => Ok(1),
        "180" => Ok(2),
        "270" => Ok(3),
        _ => Err("expected 0, 90, 180 or 270 degrees".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, clap::Error> {
        Options::try_parse_from(["pi-send"].into_iter().chain(line.split_whitespace()))?.check()
    }

    #[test]
    fn the_command_tree_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn wrong_usage_names_the_value_and_what_was_expected() {
        for (line, words) in [
            ("--source test", "--host"),
            ("--host a:1 --port 2", "--port 2"),
            ("--host a --port 0", "--port"),
            ("--host a --res 640", "WIDTHxHEIGHT"),
            ("--host a --res 0x480", "WIDTHxHEIGHT"),
            ("--host a --width 640", "--height"),
            ("--host a --source test --res 16385x1", "16384"),
            ("--host a --fps 0", "0.01"),
            ("--host a --fps nan", "0.01"),
            ("--host a --rotation 45", "90"),
            ("--host a --quality 101", "100"),
            ("--host a --quality 50 --min-quality 60", "--min-quality 60"),
            ("--host a --duration -1", "seconds"),
            ("--host a --frames 0", "--frames"),
            ("--timeout 5000", "--duration 5000ms"),
            ("--host 0.0.0.0:8000", "the one that view-recv prints"),
            ("--connect [::]", "the one that view-recv prints"),
            ("--host a --source - --res vga", "--res"),
            ("--host a --source f.mjpeg --width 3 --height 3", "--res"),
            ("--host a --source - --loop", "--loop"),
            ("--host a --source test --every-frame", "--every-frame"),
            ("--host a --name ../x", "letters"),
            ("--host a --stats xml", "--stats"),
            ("--host a --source test --gain 2", "--gain 2"),
        ] {
            let error = plan(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_line_for_rpicam_vid_is_answered_option_by_option() {
        let error = plan("-t 0 -n --codec mjpeg -b 4000000 -o -").unwrap_err();
        let answer = error.to_string();
        for words in [
            "--timeout 0: pi-send goes on until it is stopped",
            "(-n): there is no preview on the Pi",
            "--codec mjpeg: each picture is a JPEG",
            "--bitrate 4000000: the quality follows the link",
            "(-o) -: pictures go to view-recv, by --host",
        ] {
            assert!(answer.contains(words), "{words} is not in {answer}");
        }
        let answer = plan("--timeout 10s").unwrap_err().to_string();
        assert!(answer.contains("--duration 10s"), "{answer}");
    }

    #[test]
    fn names_that_other_tools_use_are_understood() {
        let plan = plan("--connect a:9000 --resolution 720p").unwrap();
        assert_eq!(plan.target.port, 9000);
        let Source::Camera(config) = plan.source else {
            panic!()
        };
        assert_eq!(config.size, (1280, 720));
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let plan = plan("--host a").unwrap();
        assert_eq!(
            plan.target,
            Target {
                host: "a".into(),
                port: 8000
            }
        );
        assert_eq!((plan.sending.quality, plan.sending.min_quality), (80, 30));
        assert!(plan.sending.retry && plan.sending.duration.is_none());
        let Source::Camera(config) = plan.source else {
            panic!()
        };
        assert_eq!((config.size, config.fps), ((640, 480), 30.0));
    }

    #[test]
    fn a_low_quality_lowers_the_least_one() {
        assert_eq!(
            plan("--host a --quality 20").unwrap().sending.min_quality,
            20
        );
    }
}
