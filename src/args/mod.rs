//! The command lines of both programs.
//!
//! ```text
//! units   times, amounts, sizes, rotations: one way for every option
//! send    pi-send's options, checked        camera   the camera's part of them
//! view    view-recv's options, checked      rpicam   rpicam-vid's that are something else here, answered
//! ```
//!
//! clap parses; the result is the plain configurations of the rooms below, or a usage error (exit status 2) that names
//! the value, what was expected and what to do. No I/O.

#[cfg(feature = "send")]
pub mod camera;
#[cfg(feature = "send")]
mod rpicam;
#[cfg(feature = "send")]
pub mod send;
mod units;
#[cfg(feature = "view")]
pub mod view;

use std::path::PathBuf;

use clap::Args;

use crate::report::Stats;

/// Who can take part.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct KeyArgs {
    /// Encrypt, with the key in this file; the other side needs the same file
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Make a key: write it to this new file, say what to type next, and exit
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub new_key: Option<PathBuf>,
}

/// Whether a listener can be found.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct AnnounceArgs {
    /// Announce this listener on the local network, so that others find it [default: pi-send --listen, and view-recv with
    /// a key]
    #[arg(long)]
    announce: bool,

    /// Do not announce it
    #[arg(long, conflicts_with = "announce")]
    no_announce: bool,
}

impl AnnounceArgs {
    /// Whether a listener is announced, which is so by default, or not.
    pub fn wants(&self, by_default: bool) -> bool {
        self.announce || by_default && !self.no_announce
    }

    /// Says what is wrong with it where nobody `listens`.
    fn check(&self, listens: bool, listen: &str) -> Result<(), String> {
        match self.announce && !listens {
            true => Err(format!(
                "--announce is for who listens, and others dial: add {listen}, or leave it out"
            )),
            false => Ok(()),
        }
    }
}

/// What a program reports while it runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Statistics")]
pub struct StatisticsArgs {
    /// off, line (on stderr) or json (one object a second, on stdout, or on stderr where stdout carries frames) [default: line on a terminal]
    #[arg(long, value_name = "off|line|json", hide_possible_values = true)]
    pub stats: Option<Stats>,

    /// Report errors only; statistics only where --stats asks for them
    #[arg(long)]
    pub quiet: bool,
}
