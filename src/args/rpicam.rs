//! Options of rpicam-vid that are something else here, accepted so that each can be answered.
//!
//! People who come from rpicam-vid paste a line. The nearest name that clap would suggest for these leads astray
//! (`--mode` for `--codec`), so all of them are accepted, and answered together.

use clap::Args;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RpicamArgs {
    #[arg(short = 't', long, hide = true, allow_hyphen_values = true)]
    timeout: Option<String>,
    #[arg(short = 'n', long, hide = true, num_args = 0..=1, default_missing_value = "(-n)")]
    nopreview: Option<String>,
    #[arg(short = 'o', long, hide = true, allow_hyphen_values = true)]
    output: Option<String>,
    #[arg(long, hide = true)]
    codec: Option<String>,
    #[arg(short = 'b', long, hide = true)]
    bitrate: Option<String>,
}

impl RpicamArgs {
    /// Says what to type here instead of each that was given, one line after the other.
    pub(crate) fn check(&self) -> Result<(), String> {
        let time = self.timeout.as_deref().unwrap_or_default();
        let timeout = match time.parse::<u64>() {
            Ok(0) => "pi-send goes on until it is stopped: leave it out".into(),
            // rpicam-vid's number is in milliseconds.
            Ok(_) => format!("here it is --duration {time}ms"),
            Err(_) => format!("here it is --duration {time}"),
        };
        let preview = "there is no preview on the Pi, view-recv shows the picture: leave it out";
        let output = "pictures go to view-recv, by --host; its own --record FILE.mkv and --output - \
                      write them to a file and a pipe";
        let codec = "each picture is a JPEG here, as good as --quality says: leave it out";
        let bitrate =
            "the quality follows the link, between --min-quality and --quality: leave it out";
        let answers = [
            ("--timeout", &self.timeout, &timeout[..]),
            ("--nopreview", &self.nopreview, preview),
            ("--output (-o)", &self.output, output),
            ("--codec", &self.codec, codec),
            ("--bitrate", &self.bitrate, bitrate),
        ];
        let answers = answers.iter().filter_map(|(option, value, answer)| {
            Some(format!("{option} {}: {answer}", value.as_ref()?))
        });
        let answer = answers.reduce(|all, next| all + "\n       " + &next);
        answer.map_or(Ok(()), Err)
    }
}
