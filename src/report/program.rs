//! How both programs start and end, and what they say of an error that ends them.

use std::convert::Infallible;
use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::iter;
use std::sync::Arc;
use std::time::Instant;

use super::console::PATIENCE;
use super::{Console, Severity, Stats, shell};
use crate::handoff::{Reason, Stop, Worker};

/// A program that runs: what it says, and what it is told.
#[derive(Debug)]
pub struct Program {
    pub console: Arc<Console>,
    /// Asked by signals.
    pub stop: Arc<Stop>,
    /// For whoever has data for it; what others print on stdout goes to stderr. [Figures](Program::report) take it, where
    /// nobody has before.
    pub stdout: Option<File>,
    pub(super) stats: Stats,
    /// The thread that reports figures, once there are some. It alone writes to stdout, and blocks there for as long as
    /// nobody reads. Its queue carries nothing but its end.
    pub(super) figures: Option<Worker<Infallible>>,
}

impl Program {
    /// Starts what reports, and what listens to signals. Where `stats` says nothing, figures are a line for a person
    /// who wants to be told, and none for a script.
    pub fn start(name: &'static str, quiet: bool, stats: Option<Stats>) -> Self {
        Program::try_start(name, quiet, stats).unwrap_or_else(|error| {
            eprintln!("{name}: cannot start: {error}");
            shell::end(1)
        })
    }

    fn try_start(name: &'static str, quiet: bool, stats: Option<Stats>) -> io::Result<Self> {
        let is_terminal = io::stderr().is_terminal();
        let console = Console::start(name, quiet, is_terminal, shell::own_stderr()?)?;
        console.report_panics();
        let stop = Arc::<Stop>::default();
        shell::install_signal_handlers(Arc::clone(&stop))?;
        let default = match is_terminal && !quiet {
            true => Stats::Line,
            false => Stats::Off,
        };
        Ok(Program {
            console,
            stop,
            stdout: Some(shell::take_stdout()?),
            stats: stats.unwrap_or(default),
            figures: None,
        })
    }

    /// Prints what was asked for on standard output.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.take().expect("nobody has taken it before");
        stdout.write_all(text.as_bytes())
    }

    /// Ends with this status, after the last figures and what failed; with 0 by SIGINT, where that is what asked for the
    /// end.
    pub fn exit(mut self, status: i32, failure: Option<&(dyn Error + 'static)>) -> ! {
        if let Some(figures) = self.figures.take() {
            figures.finish(Instant::now() + PATIENCE);
        }
        if let Some(error) = failure {
            let line = in_a_line(error);
            self.console.say(Severity::Error, &line);
            shell::show_error(&line);
        }
        self.console.finish(PATIENCE);
        if status == 0 && self.stop.reason() == Some(Reason::Interrupted) {
            shell::end_interrupted();
        }
        shell::end(status)
    }
}

/// An error and its causes in one line; a cause whose words are there already is not said again.
pub(crate) fn in_a_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        let words = cause.to_string();
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_named_already_is_not_said_twice() {
        #[derive(Debug)]
        struct Outer(&'static str, io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.1)
            }
        }
        let error = |text| Outer(text, io::Error::other("disk full"));
        assert_eq!(in_a_line(&error("no file")), "no file: disk full");
        assert_eq!(in_a_line(&error("disk full: delete")), "disk full: delete");
    }
}
