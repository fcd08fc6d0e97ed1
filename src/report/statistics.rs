//! Where figures go, in which form, and when: `--stats`.

use std::fmt::Display;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::writer::Writer;
use super::{Program, Severity};
use crate::handoff::{Queue, Reason, Wake, Worker};

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

/// How often there are figures.
const EVERY: Duration = Duration::from_secs(1);

impl Program {
    /// Asks for a `report` once a second and, with `true`, at the end: an object for programs, whose `Display` is for
    /// people. Objects go to stdout, or to stderr where stdout is taken by something else.
    ///
    /// A reader of stdout who goes away asks the program for [`Reason::Done`], a normal end. Any other failure is
    /// reported once, and the next figures are tried all the same: a full disk may have room again.
    pub fn report<R: Serialize + Display>(
        &mut self,
        mut report: impl FnMut(Instant, bool) -> R + Send + 'static,
    ) -> io::Result<()> {
        let stats = self.stats;
        let (console, stop) = (Arc::clone(&self.console), Arc::clone(&self.stop));
        let mut stdout = self.stdout.take().map(Writer::new);
        self.figures = Some(Worker::start("figures", move |end: &Queue<_>| {
            let mut due = Instant::now() + EVERY;
            let (mut last, mut has_failed) = (false, false);
            while !last {
                last = end.wait(Some(due)) == Wake::Closed;
                let now = Instant::now();
                due = next_due(due, now);
                let report = report(now, last);
                let object = || serde_json::to_string(&report).expect("plain fields") + "\n";
                match (stats, &mut stdout) {
                    (Stats::Off, _) => {}
                    (Stats::Line, _) => console.figures(&report.to_string(), last),
                    (Stats::Json, None) => console.put_newest(object()),
                    (Stats::Json, Some(stdout)) => match stdout.write(object()) {
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                            stop.ask(Reason::Done);
                        }
                        Err(error) if !mem::replace(&mut has_failed, true) => {
                            let line = format!("--stats json: standard output: {error}");
                            console.say(Severity::Error, &line);
                        }
                        _ => {}
                    },
                }
            }
        })?);
        Ok(())
    }
}

/// What the lines of both programs say of a stream.
pub(crate) fn stream_in_words(key: bool, quality: Option<u8>, latency_ms: Option<f64>) -> String {
    let lock = key.then(|| ", encrypted".to_owned());
    let quality = quality.map(|quality| format!(", quality {quality}"));
    let latency = latency_ms.map(|ms| format!(", camera to screen {ms:.0} ms"));
    [lock, quality, latency].into_iter().flatten().collect()
}

/// When figures are due again that were due and came `now`. A program that was stopped for a while reports once, and
/// not once for each second that it missed.
fn next_due(due: Instant, now: Instant) -> Instant {
    let next = due + EVERY;
    if next <= now { now + EVERY } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_stopped_for_ten_seconds_tells_once_and_not_ten_times() {
        let due = Instant::now();
        let back = due + 10 * EVERY + EVERY / 2;
        assert_eq!(next_due(due, back), back + EVERY);
    }

    #[test]
    fn a_thread_that_wakes_late_does_not_make_the_seconds_longer() {
        let due = Instant::now();
        assert_eq!(next_due(due, due + EVERY / 10), due + EVERY);
    }
}
