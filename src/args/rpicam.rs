//! Options of rpicam-vid that are something else here: understood, so that each can be answered.
//!
//! Who moves from rpicam-vid pastes a line. The nearest name that a parser would offer for these leads
//! astray (`--mode` for `--codec`), so all of them are taken, and answered together.

use clap::Args;

/// What was given of them.
#[derive(Debug, Clone, Default, Args)]
pub struct RpicamArgs {
    #[arg(short = 't', long, hide = true, allow_hyphen_values = true)]
    timeout: Option<String>,
    #[arg(short = 'n', long, hide = true)]
    nopreview: bool,
    #[arg(short = 'o', long, hide = true, allow_hyphen_values = true)]
    output: Option<String>,
    #[arg(long, hide = true)]
    codec: Option<String>,
    #[arg(short = 'b', long, hide = true)]
    bitrate: Option<String>,
}

impl RpicamArgs {
    /// What each of those that were given is here, one line after the other.
    pub fn answer(&self) -> Option<String> {
        let timeout = self.timeout.as_ref().map(|time| {
            let milliseconds: Result<u64, _> = time.parse();
            match milliseconds {
                Ok(0) => "--timeout 0: pi-send goes on until it is stopped: leave it out".into(),
                Ok(_) => format!("--timeout {time}: here it is --duration {time}ms"),
                Err(_) => format!("--timeout {time}: here it is --duration {time}"),
            }
        });
        let preview = self.nopreview.then(|| {
            "--nopreview (-n): there is no preview on the Pi, view-recv shows the picture: leave it out"
                .into()
        });
        let output = self.output.as_ref().map(|to| {
            format!(
                "--output (-o) {to}: pictures go to view-recv, by --host; its own --record FILE.mkv and \
                 --output - write them to a file and a pipe"
            )
        });
        let codec = self.codec.as_ref().map(|codec| {
            format!("--codec {codec}: each picture is a JPEG here, as good as --quality says: leave it out")
        });
        let bitrate = self.bitrate.as_ref().map(|rate| {
            format!(
                "--bitrate {rate}: the quality follows the link, between --min-quality and --quality: \
                 leave it out"
            )
        });
        let answers: Vec<String> = [timeout, preview, output, codec, bitrate]
            .into_iter()
            .flatten()
            .collect();
        (!answers.is_empty()).then(|| answers.join("\n       "))
    }
}
