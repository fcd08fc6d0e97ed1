//! view-recv's command line: what can be said, and what it means once checked.
//!
//! clap parses into [`Options`]; [`Options::check`] makes plain types of it, or a usage error (exit
//! status 2).

use std::net::SocketAddr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use ipnet::IpNet;

use super::picture_options::PictureOptions;
use super::window_options::WindowArgs;
use crate::args::units;
use crate::net::DEFAULT_PORT;
use crate::net::listen::{Bind, network};
use crate::recv::seat::IdleTimeout;
use crate::report::Stats;

/// Bounds of `--max-frame-bytes`: a frame of less is hardly a JPEG, and one of more is none that decodes.
const FRAME_BYTES: std::ops::RangeInclusive<u64> = 1024..=(1 << 30);

/// Bounds of `--max-pixels`: a picture takes seven bytes a pixel on its way into the window.
const PIXELS: std::ops::RangeInclusive<u64> = 1024..=500_000_000;

/// Show a Raspberry Pi's camera that pi-send (or the Python recipe) sends, live.
#[derive(Debug, Parser)]
#[command(name = "view-recv", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Options {
    /// Where to listen: ADDRESS:PORT (IPv6 in brackets) or :PORT [default: every address, port 8000]
    #[arg(long, alias = "listen", value_name = "ADDRESS:PORT", value_parser = bind, help_heading = "Where")]
    pub bind: Option<Bind>,

    /// Who may send; can be given several times [default: everybody]
    #[arg(long, value_name = "ADDRESS[/BITS]", value_parser = network, help_heading = "Where")]
    pub allow: Vec<IpNet>,

    /// Drop a sender after this time without a frame; 0: never [default: three times its frame
    /// interval, at least 5s]
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", value_parser = idle, help_heading = "Where")]
    pub idle_timeout: Option<IdleTimeout>,

    /// The longest frame that is accepted
    #[arg(long, allow_negative_numbers = true, value_name = "SIZE", default_value = "16MiB", value_parser = frame_bytes, help_heading = "Where")]
    pub max_frame_bytes: u32,

    /// The largest picture that is accepted, in pixels
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", default_value = "64M", value_parser = units::count(PIXELS), help_heading = "Where")]
    pub max_pixels: u64,

    /// Exit when the first sender stops: 0 if it ended normally, 1 if the connection was lost
    #[arg(long, help_heading = "Where")]
    pub once: bool,

    /// No window: decode, record, pass on, report
    #[arg(long, help_heading = "Window")]
    pub headless: bool,

    #[command(flatten)]
    pub window: WindowArgs,

    #[command(flatten)]
    pub pictures: PictureOptions,

    /// Exit after this many frames
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "End")]
    pub frames: Option<u64>,

    /// Exit after this time; 0: never
    #[arg(long, value_name = "TIME", default_value = "0", allow_negative_numbers = true, value_parser = units::seconds(Duration::ZERO..=units::LONGEST), help_heading = "End")]
    pub duration: Duration,

    /// Figures: off, line (on stderr), json (an object a second, on stdout, or on stderr where stdout
    /// carries frames) [default: line on a terminal]
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
  view-recv                                  show what comes to port 8000 of any address
  view-recv --bind :9000 --allow 192.168.1.0/24
  view-recv --headless --record garden.mkv --segment 1h --keep 24
  view-recv --headless --output - |
    ffmpeg -use_wallclock_as_timestamps 1 -f mjpeg -i - -c copy garden.mkv

Units:
  TIME is a number of seconds, or has a unit: 500ms, 2s, 10min, 1h.
  SIZE is a number of bytes, or has a unit: 500k, 64M, 2G, 16MiB.

Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.";

impl Options {
    /// What of the options cannot go together, as a usage error.
    pub fn check(&self) -> Result<(), clap::Error> {
        let window = [
            ("--window", self.window.window.is_some()),
            ("--fullscreen", self.window.fullscreen),
            ("--on-top", self.window.on_top),
            ("--title", self.window.title.is_some()),
        ];
        match window.iter().find(|(_, given)| self.headless && *given) {
            Some((option, _)) => Err(Options::command().error(
                ErrorKind::ArgumentConflict,
                format!(
                    "{option} is for the window, and --headless opens none: leave one of them out"
                ),
            )),
            None => Ok(()),
        }
    }
}

fn bind(text: &str) -> Result<Bind, String> {
    let expected =
        "expected ADDRESS:PORT, [IPv6]:PORT or :PORT, as in 0.0.0.0:8000, [::]:8000 or :9000";
    if let Some(port) = text.strip_prefix(':') {
        if let Ok(port) = port.parse() {
            return Ok(Bind::All { port });
        }
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Bind::One(address));
    }
    if let Ok(ip) = text.parse::<std::net::IpAddr>() {
        return Ok(Bind::One((ip, DEFAULT_PORT).into()));
    }
    Err(expected.into())
}

fn idle(text: &str) -> Result<IdleTimeout, String> {
    let duration = units::seconds(Duration::ZERO..=units::LONGEST)(text)?;
    Ok(if duration.is_zero() {
        IdleTimeout::Never
    } else {
        IdleTimeout::After(duration)
    })
}

fn frame_bytes(text: &str) -> Result<u32, String> {
    let bytes = units::bytes(FRAME_BYTES)(text)?;
    Ok(u32::try_from(bytes).expect("the bounds are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        let options = Options::try_parse_from(["view-recv"].into_iter().chain(line.split(' ')))?;
        options.check().map(|()| options)
    }

    #[test]
    fn the_command_tree_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn times_and_sizes_have_units_and_the_default_is_the_protocols() {
        let options = parse("--duration 1h --idle-timeout 2.5s").unwrap();
        assert_eq!(options.duration, Duration::from_secs(3600));
        let idle = Some(IdleTimeout::After(Duration::from_millis(2500)));
        assert_eq!(options.idle_timeout, idle);
        assert_eq!(
            options.max_frame_bytes,
            crate::protocol::wire::DEFAULT_MAX_FRAME_BYTES
        );
        let options = parse("--max-frame-bytes 500k").unwrap();
        assert_eq!(options.max_frame_bytes, 500_000);
        let options = parse("--listen :9000").unwrap();
        assert_eq!(options.bind, Some(Bind::All { port: 9000 }));
    }

    #[test]
    fn addresses_to_listen_on_are_understood() {
        assert_eq!(bind(":9000"), Ok(Bind::All { port: 9000 }));
        assert_eq!(
            bind("0.0.0.0:8000"),
            Ok(Bind::One(([0, 0, 0, 0], 8000).into()))
        );
        assert_eq!(bind("[::]:1"), Ok(Bind::One(([0; 8], 1).into())));
        assert_eq!(
            bind("127.0.0.1"),
            Ok(Bind::One(([127, 0, 0, 1], 8000).into()))
        );
    }

    #[test]
    fn wrong_usage_names_the_value_and_what_was_expected() {
        for (line, words) in [
            ("--bind 8000x", "[IPv6]:PORT"),
            ("--bind 1.2.3.4:99999", "[IPv6]:PORT"),
            ("--allow 10.0.0.0/40", "ADDRESS/BITS"),
            ("--idle-timeout soon", "seconds"),
            ("--max-frame-bytes 10", "1024"),
            ("--max-pixels 10", "1024"),
            ("--max-pixels 1x", "64M"),
            ("--frames 0", "--frames"),
            ("--duration -1", "seconds"),
            ("--stats xml", "--stats"),
            ("--headless --fullscreen", "--fullscreen"),
            ("--window 10x10", "--window"),
            ("--rotation 45", "--rotation"),
            ("--record film.avi", ".mkv"),
            ("--output file", "'-'"),
            ("--keep 3", "--record"),
            ("--snapshot-every 0", "--snapshot-every"),
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
    }
}
