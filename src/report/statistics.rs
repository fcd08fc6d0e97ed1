//! Where figures go, in which form, and when: `--stats`.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// Writes figures; never blocks but in [`Statistics::finish`].
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
        let (console, stop) = (Arc::clone(console), Arc::clone(stop));
        let failed = {
            let (console, mut told) = (Arc::clone(&console), false);
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
        let lost = |_| String::new();
        let start = |stdout| Writer::start("figures out", stdout, lost, failed);
        let stdout = stdout.filter(|_| stats == Stats::Json);
        Ok(Statistics {
            stats,
            console,
            stdout: stdout.map(start).transpose()?,
        })
    }

    /// Writes figures, which also come as a `line`; `last` says that no more will come.
    pub fn tell(&self, figures: &impl Serialize, line: &str, last: bool) {
        match self.stats {
            Stats::Off => {}
            Stats::Line => self.console.figures(line, last),
            Stats::Json => {
                let object = serde_json::to_string(figures).expect("plain fields") + "\n";
                let out = self.stdout.as_ref().unwrap_or(&self.console.writer);
                out.newest(Item::Line(object));
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

/// How often there are figures.
const EVERY: Duration = Duration::from_secs(1);

/// When figures are due: once a second, from the start on. The clock is passed in.
#[derive(Debug)]
pub struct Schedule {
    next: Instant,
}

impl Schedule {
    /// The first figures are due a second after `now`.
    pub fn new(now: Instant) -> Self {
        Schedule { next: now + EVERY }
    }

    /// When figures are due next.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Whether figures are due at `now`; then the next are due later. A program that was stopped for a
    /// while tells once, and not once for each second that it missed.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next += EVERY;
        if self.next <= now {
            self.next = now + EVERY;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_stopped_for_ten_seconds_tells_once_and_not_ten_times() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        assert!(!schedule.is_due(start));
        assert!(schedule.is_due(start + EVERY));
        let back = start + 11 * EVERY + EVERY / 2;
        assert!(schedule.is_due(back));
        assert!(!schedule.is_due(back + EVERY / 2));
        assert!(schedule.is_due(back + EVERY));
    }

    #[test]
    fn a_thread_that_wakes_late_does_not_make_the_seconds_longer() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        for second in 1..100 {
            assert!(schedule.is_due(start + EVERY * second + EVERY / 10));
            assert_eq!(schedule.next(), start + EVERY * (second + 1));
        }
    }
}
