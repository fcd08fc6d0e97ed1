//! pi-send's command line, parsed and checked.
//!
//! clap parses into [`Options`]; [`Options::check`] turns them into plain types, or says, with clap's usage error (exit
//! status 2), which value was wrong, what was expected and what to do.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use ipnet::IpNet;

use crate::args::camera::CameraArgs;
use crate::args::rpicam::RpicamArgs;
use crate::args::{AnnounceArgs, KeyArgs, StatisticsArgs, units};
use crate::camera;
use crate::jpeg::markers::MAX_SIDE;
use crate::net::listen::{bind, network};
use crate::net::{Allowed, Bind, DEFAULT_PORT, Target};
use crate::picture::Turn;
use crate::protocol::Name;
use crate::protocol::stamp::FPS;
use crate::report::ListFormat;
use crate::send::{self, Config};
use crate::source::camera::CameraConfig;
use crate::source::{DEFAULT_FPS, Delivery, stream, test_picture};

/// Bounds of `--width` and `--height`.
const SIDE: RangeInclusive<u32> = 1..=MAX_SIDE;

/// Send a camera's pictures, live, to view-recv on another computer.
#[derive(Debug, Parser)]
#[command(name = "pi-send", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(next_help_heading = "Connection")]
pub struct Options {
    /// Where view-recv listens: a name, an IPv4 address or [IPv6], with :PORT where it is not 8000; repeatable, for
    /// several receivers; auto: the only one that is announced on the local network [default with --key: all there that
    /// have the same key]
    #[arg(long, alias = "connect", value_name = "HOST[:PORT]")]
    #[allow(rustdoc::broken_intra_doc_links, reason = "an address, not a link")]
    pub host: Vec<String>,

    /// Let viewers dial this side (view-recv --connect), 8 at a time, instead of dialling [default: every address,
    /// port 8000]
    #[arg(long, value_name = "[ADDRESS]:PORT", num_args = 0..=1, default_missing_value = ":8000",
          value_parser = bind, conflicts_with = "host")]
    pub listen: Option<Bind>,

    /// With --listen: accept viewers from these addresses only; repeatable [default: with a key any, without one those
    /// of the networks that this machine is in]
    #[arg(long, value_name = "ADDRESS[/BITS]", value_parser = network)]
    pub allow: Vec<IpNet>,

    /// TCP port [default: 8000]
    #[arg(long, allow_negative_numbers = true, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    #[command(flatten)]
    pub announce: AnnounceArgs,

    /// List the viewers that are announced on the local network, then exit: as a table or as json
    #[arg(long, value_name = "table|json", num_args = 0..=1, require_equals = true,
          default_missing_value = "table", value_enum, hide_possible_values = true)]
    pub list_viewers: Option<ListFormat>,

    #[command(flatten)]
    pub key: KeyArgs,

    /// Exit with status 1 when the host cannot be reached or the connection is lost
    #[arg(long)]
    pub no_retry: bool,

    /// Name of this sender: letters, digits, '.', '_', '-' [default: the computer's name]
    #[arg(long)]
    pub name: Option<Name>,

    /// camera; rpicam (the camera through rpicam-vid); test (a moving test picture); FILE or - (standard input): MJPEG or YUV4MPEG2
    #[arg(
        long,
        value_name = "camera|rpicam|test|FILE|-",
        default_value = "camera",
        help_heading = "Source"
    )]
    pub source: String,

    /// Play a FILE again and again
    #[arg(long = "loop", help_heading = "Source")]
    pub repeat: bool,

    /// With FILE or -: wait for the link instead of dropping pictures, at a fixed quality
    #[arg(long, help_heading = "Source")]
    pub every_frame: bool,

    /// Picture size: WIDTHxHEIGHT in pixels, vga, 720p or 1080p [default: 640x480]
    #[arg(long, alias = "resolution", value_name = "WxH", value_parser = units::size(SIDE, SIDE), help_heading = "Picture")]
    pub res: Option<(u32, u32)>,

    /// Picture width in pixels, together with --height
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", requires = "height", conflicts_with = "res", value_parser = units::number(SIDE, "pixels"), help_heading = "Picture")]
    pub width: Option<u32>,

    /// Picture height in pixels, together with --width
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", requires = "width", conflicts_with = "res", value_parser = units::number(SIDE, "pixels"), help_heading = "Picture")]
    pub height: Option<u32>,

    /// Pictures a second, 0.01 to 1000 [default: 30, or what a YUV4MPEG2 FILE says]
    #[arg(long, allow_negative_numbers = true, alias = "framerate", value_name = "N", value_parser = units::number(FPS, "pictures a second"), help_heading = "Picture")]
    pub fps: Option<f64>,

    /// Mirror left to right
    #[arg(long, help_heading = "Picture")]
    pub hflip: bool,

    /// Mirror top to bottom
    #[arg(long, help_heading = "Picture")]
    pub vflip: bool,

    /// Rotate clockwise, after any flip: 0, 90, 180 or 270 degrees
    #[arg(long, allow_negative_numbers = true, value_name = "DEGREES", default_value = "0", value_parser = units::quarters, help_heading = "Picture")]
    pub rotation: u8,

    /// JPEG quality, 1 to 100
    #[arg(long, allow_negative_numbers = true, default_value_t = send::DEFAULT_QUALITY, value_parser = clap::value_parser!(u8).range(1..=100), help_heading = "Picture")]
    pub quality: u8,

    /// Lowest JPEG quality allowed on a slow link, 1 to --quality (equal: fixed) [default: 30]
    #[arg(long, allow_negative_numbers = true, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(1..=100), help_heading = "Picture")]
    pub min_quality: Option<u8>,

    #[command(flatten)]
    pub camera: CameraArgs,

    /// Exit this long after the first picture was sent (to a viewer that takes it): seconds, or with a unit (500ms, 10min, 1h); 0: never
    #[arg(long, value_name = "TIME", default_value = "0", allow_negative_numbers = true, value_parser = units::time_or_never(), help_heading = "Stopping")]
    pub duration: Duration,

    /// Exit after this many pictures (those that a viewer busy with another camera did not take are not counted)
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Stopping")]
    pub frames: Option<u64>,

    #[command(flatten)]
    rpicam: RpicamArgs,

    #[command(flatten)]
    pub statistics: StatisticsArgs,
}

const EXAMPLES: &str = "\
Examples:
  pi-send --host 192.168.1.159 --res 640x480 --vflip    the camera, upside down
  pi-send --host desktop:9000 --source test             a test picture, no camera needed
  pi-send --listen                                      for viewers that dial: view-recv --connect
  pi-send --key garden.key                              to the viewers on the local network that have this key
  ffmpeg -re -i film.mp4 -f yuv4mpegpipe - | pi-send --host 192.168.1.159 --source -

Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.";

/// What pi-send is to do.
pub struct Plan {
    pub source: Source,
    pub delivery: Delivery,
    /// The program reads the key's file, and listens or looks for viewers, where it names no host.
    pub sending: Config,
}

/// Where pictures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The camera.
    Camera(Box<CameraConfig>),
    /// The camera, through `rpicam-vid`.
    #[cfg(target_os = "linux")]
    Rpicam(Box<CameraConfig>),
    /// The test picture: a camera of which the size, the rate and the turn count.
    Test(Box<CameraConfig>),
    /// A file or standard input.
    Stream(stream::Options),
}

impl Options {
    /// The plan, or a usage error (exit status 2).
    pub fn check(&self) -> Result<Plan, clap::Error> {
        let usage = |line| Options::command().error(ErrorKind::ValueValidation, line);
        self.plan().map_err(usage)
    }

    fn plan(&self) -> Result<Plan, String> {
        self.rpicam.check()?;
        let hosts = self.hosts()?;
        let (quality, defaults) = (self.quality, Config::with_key(None));
        let lowest = defaults.min_quality.min(quality);
        let min_quality = self.min_quality.unwrap_or(lowest);
        if min_quality > quality {
            return Err(format!(
                "--min-quality {min_quality} is above --quality {quality}: give at most {quality} (equal keeps \
                 the quality fixed)"
            ));
        }
        let (delivery, min_quality) = match self.every_frame {
            // It gets every frame at its best.
            true => (Delivery::EveryFrame, quality),
            false => (Delivery::NewestWins, min_quality),
        };
        Ok(Plan {
            source: self.source()?,
            delivery,
            sending: Config {
                hosts,
                allowed: Allowed::Networks(self.allow.clone()),
                retry: !self.no_retry,
                name: self.name.clone().unwrap_or(defaults.name),
                fps: self.fps.unwrap_or(defaults.fps),
                quality,
                min_quality,
                duration: self.duration,
                frames: self.frames,
                ..defaults
            },
        })
    }

    fn hosts(&self) -> Result<Vec<Target>, String> {
        if let (Some(network), None) = (self.allow.first(), self.listen) {
            return Err(format!(
                "--allow {network} is for viewers that dial: give it with --listen, or leave it out"
            ));
        }
        let is_auto = self.host.iter().any(|host| host == "auto");
        let several = match (self.listen, &self.host[..]) {
            (Some(_), _) if self.port.is_some() => {
                Err("--port is for --host: give it with --listen, as in --listen :9000")
            }
            (Some(_), _) => Ok(Some("--listen")),
            (None, []) if self.no_retry => {
                Err("--no-retry is for who is named: give --host, or leave it out")
            }
            (None, []) => Ok(Some("no --host")),
            (None, [_]) => Ok(None),
            (None, _) if is_auto => Err("--host auto is for the only viewer: leave the others out"),
            (None, _) => Ok(Some("several --host")),
        }?;
        if let (Some(several), true) = (several, self.every_frame) {
            return Err(format!(
                "--every-frame waits for one receiver's link, and {several} can have several: leave one of them out"
            ));
        }
        self.announce.check(self.listen.is_some(), "--listen")?;
        let named = self.host.iter().filter(|_| !is_auto);
        let targets = named.map(|host| self.target(host));
        let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
        let (mut seen, mut all) = (HashSet::new(), targets.iter());
        match all.find(|target| !seen.insert(target.to_string())) {
            Some(target) => Err(format!("--host {target} was given twice: give it once")),
            None => Ok(targets),
        }
    }

    fn target(&self, text: &str) -> Result<Target, String> {
        let (host, in_host) = Target::split(text).ok_or_else(|| {
            format!("--host {text:?} was not understood: give HOST, HOST:PORT or [IPv6]:PORT")
        })?;
        if matches!(host.parse(), Ok(ip) if IpAddr::is_unspecified(&ip)) {
            return Err(format!(
                "--host {text} is where a viewer listens, and no machine's own address: give the one that \
                 view-recv prints, as in --host 192.168.1.159; to let viewers dial, use --listen"
            ));
        }
        if let Some((in_host, port)) = in_host.zip(self.port) {
            return Err(format!(
                "--port {port} beside --host {text}, which names port {in_host}: give the port once"
            ));
        }
        let port = in_host.or(self.port).unwrap_or(DEFAULT_PORT);
        Ok(Target::new(host, port))
    }

    fn source(&self) -> Result<Source, String> {
        let source = &self.source;
        let foreign = self.camera.first_given();
        if let Some(option) = foreign.filter(|_| !matches!(&source[..], "camera" | "rpicam")) {
            return Err(format!(
                "{option} is for the camera, and the source is '{source}': leave one of them out"
            ));
        }
        let turn = Turn::from_flips(self.rotation, self.hflip, self.vflip);
        let fps = self.fps.unwrap_or(DEFAULT_FPS);
        if let Some(sensor) = self.camera.sensor_fps.filter(|sensor| *sensor < fps) {
            return Err(format!(
                "--sensor-fps {sensor}: expected at least --fps ({fps})"
            ));
        }
        let asked = self.res.or(self.width.zip(self.height));
        let size @ (width, height) = asked.unwrap_or((640, 480));
        let config = Box::new(self.camera.config(size, fps, turn, self.quality));
        match &source[..] {
            "camera" | "rpicam" | "test" if self.repeat => Err(format!(
                "--loop is for --source FILE, and the source is '{source}'"
            )),
            "camera" | "rpicam" | "test" if self.every_frame => Err(format!(
                "--every-frame is for --source FILE or -, and the source is '{source}'"
            )),
            "camera" if camera::IS_BUILT_IN || !cfg!(target_os = "linux") => {
                Ok(Source::Camera(config))
            }
            #[cfg(target_os = "linux")]
            "camera" | "rpicam" => {
                crate::source::rpicam::check(&config)?;
                Ok(Source::Rpicam(config))
            }
            #[cfg(not(target_os = "linux"))]
            "rpicam" => Err("--source rpicam: rpicam-vid exists on the Raspberry Pi only".into()),
            "test" if width.max(height) > test_picture::MAX_SIDE => Err(format!(
                "a test picture of {width}x{height} was asked for; each side can have 1 to {} pixels",
                test_picture::MAX_SIDE
            )),
            "test" => Ok(Source::Test(config)),
            "" => Err(
                "--source is empty: give camera, test, a file's name, or - for standard input"
                    .into(),
            ),
            _ if asked.is_some() => Err(format!(
                "a size was given (--res), and --source {source} brings its own: leave the size out"
            )),
            "-" if self.repeat => {
                Err("--loop is for --source FILE, and standard input cannot be read twice".into())
            }
            path => Ok(Source::Stream(stream::Options {
                file: (path != "-").then(|| path.into()),
                fps: self.fps,
                repeat: self.repeat,
                turn,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, clap::Error> {
        Options::try_parse_from(["pi-send"].into_iter().chain(line.split_whitespace()))?.check()
    }

    /// What is asked of the camera, with libcamera or without.
    fn camera(source: Source) -> Box<CameraConfig> {
        match source {
            Source::Camera(config) => config,
            #[cfg(target_os = "linux")]
            Source::Rpicam(config) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_tree_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn wrong_usage_names_the_value_and_what_was_expected() {
        for (line, words) in [
            ("--host a --announce", "--listen"),
            ("--host auto --host a", "--host auto"),
            ("--no-retry", "--host"),
            ("--source - --every-frame", "--every-frame"),
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
            ("--connect [::]", "to let viewers dial, use --listen"),
            ("--host a --listen", "--listen"),
            ("--listen x", "expected ADDRESS:PORT"),
            ("--listen --port 9000", "--listen :9000"),
            ("--host a --allow 10.0.0.1", "--listen"),
            ("--listen --source - --every-frame", "--every-frame"),
            (
                "--host a --host b --source - --every-frame",
                "--every-frame",
            ),
            ("--host a --host a:8000", "--host a:8000 was given twice"),
            ("--host a --source - --res vga", "--res"),
            ("--host a --source f.mjpeg --width 3 --height 3", "--res"),
            ("--host a --source - --loop", "--loop"),
            ("--host a --source test --every-frame", "--every-frame"),
            ("--host a --name ../x", "letters"),
            ("--host a --stats xml", "--stats"),
            ("--host a --source test --gain 2", "--gain 2"),
        ] {
            let error = plan(line).err().expect(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_line_for_rpicam_vid_is_answered_option_by_option() {
        let error = plan("-t 0 -n --codec mjpeg -b 4000000 -o -").err().unwrap();
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
        let answer = plan("--timeout 10s").err().unwrap().to_string();
        assert!(answer.contains("--duration 10s"), "{answer}");
    }

    #[test]
    fn names_that_other_tools_use_are_understood() {
        let plan = plan("--connect a:9000 --resolution 720p").unwrap();
        assert_eq!(plan.sending.hosts[0].port, 9000);
        let config = camera(plan.source);
        assert_eq!(config.size, (1280, 720));
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let plan = plan("--host a").unwrap();
        assert_eq!(plan.sending.hosts[0].to_string(), "a:8000");
        assert_eq!((plan.sending.quality, plan.sending.min_quality), (80, 30));
        assert!(plan.sending.retry && plan.sending.duration == Duration::MAX);
        let config = camera(plan.source);
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
