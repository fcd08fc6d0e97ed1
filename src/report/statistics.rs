//! Where figures go, and in which form: `--stats`.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::console::PATIENCE;
use super::writer::{Item, Writer};
use super::{Console, Severity};
use crate::handoff::stop::{Reason, Stop};

/// What `--stats` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Stats {
    /// Nothing.
    Off,
    /// One line that is kept up to date, on stderr.
    Line,
    /// One JSON object a line, once a second and once at the end.
    Json,
}

impl Stats {
    /// What holds where nobody says: a line for a person, nothing for a script or where `quiet` is asked for.
    pub fn or_default(asked: Option<Stats>, quiet: bool) -> Stats {
        asked.unwrap_or(if io::stderr().is_terminal() && !quiet {
            Stats::Line
        } else {
            Stats::Off
        })
    }
}

/// Tells figures; never blocks but in [`Statistics::finish`].
#[derive(Debug)]
pub struct Statistics {
    stats: Stats,
    console: Arc<Console>,
    stdout: Option<Writer>,
}

impl Statistics {
    /// Figures in that form. Objects go to `stdout`, or to stderr where stdout is taken by something else.
    ///
    /// A reader of stdout who goes away asks `stop` for [`Reason::Done`], a normal end. Any other failure is told
    /// once, and the next figures are tried all the same: a full disk may have room again.
    pub fn start(
        stats: Stats,
        console: &Arc<Console>,
        stdout: Option<File>,
        stop: &Arc<Stop>,
    ) -> io::Result<Self> {
        let stdout = stdout.filter(|_| stats == Stats::Json);
        let failed = {
            let (console, stop) = (Arc::clone(console), Arc::clone(stop));
            let mut told = false;
            move |error: io::Error| {
                if error.kind() == io::ErrorKind::BrokenPipe {
                    stop.ask(Reason::Done);
                    return ControlFlow::Break(());
                }
                if !std::mem::replace(&mut told, true) {
                    let line = format!("--stats json: standard output: {error}");
                    console.say(Severity::Error, &line);
                }
                ControlFlow::Continue(())
            }
        };
        // No lines go there, and of figures the newest is never lost.
        let lost = Box::new(|_| String::new());
        Ok(Statistics {
            stats,
            console: Arc::clone(console),
            stdout: stdout
                .map(|stdout| Writer::start("figures out", stdout, lost, failed))
                .transpose()?,
        })
    }

    /// Tells figures, which also come as a `line`; `last` says that no more will come.
    pub fn tell(&self, figures: &impl Serialize, line: &str, last: bool) {
        match self.stats {
            Stats::Off => {}
            Stats::Line => self.console.figures(line, last),
            Stats::Json => {
                let object = serde_json::to_string(figures).expect("plain fields") + "\n";
                match &self.stdout {
                    Some(stdout) => stdout.newest(Item::Line(object)),
                    None => self.console.figures_object(object),
                }
            }
        }
    }

    /// Waits a moment for the last figures to be written.
    pub fn finish(&self) {
        if let Some(stdout) = &self.stdout {
            stdout.finish(PATIENCE);
        }
    }
}
