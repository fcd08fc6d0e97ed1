//! Where lines for people go: stderr, with a status line below them on a terminal.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::panic;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Severity;
use super::writer::{Item, Writer};

/// How long the end waits for a terminal or a pipe to take what is left.
pub(super) const PATIENCE: Duration = Duration::from_millis(150);

/// Tells lines; none of its methods blocks but [`Console::finish`].
#[derive(Debug)]
pub struct Console {
    program: &'static str,
    least: Severity,
    is_terminal: bool,
    is_journal: bool,
    writer: Writer,
}

impl Console {
    /// A console whose lines begin with the program's name; `quiet` is for errors only. Starts its thread.
    pub fn start(program: &'static str, quiet: bool) -> io::Result<Self> {
        let (out, is_journal) = own_stderr()?;
        let lost = move |lines| {
            let priority = priority(is_journal, Severity::Warning);
            let were = if lines == 1 { "line was" } else { "lines were" };
            format!("{priority}{program}: {lines} {were} lost because nobody read them\n")
        };
        // Whether stderr can be written to is no reason to stop a stream.
        let failed = |_| ControlFlow::Continue(());
        Ok(Console {
            program,
            least: if quiet {
                Severity::Error
            } else {
                Severity::Info
            },
            is_terminal: io::stderr().is_terminal(),
            is_journal,
            writer: Writer::start("console", out, Box::new(lost), failed)?,
        })
    }

    /// Says one line. Control characters, whoever sent them, do not reach the terminal.
    pub fn say(&self, severity: Severity, line: &str) {
        if severity <= self.least {
            self.writer.line(self.line(severity, line));
        }
    }

    /// Tells figures: the status line, or an ordinary line where stderr is no terminal. The `last` ones stay.
    pub(super) fn figures(&self, line: &str, last: bool) {
        if !self.is_terminal {
            self.figures_object(self.line(Severity::Info, line));
        } else if last {
            self.clear_status();
            self.writer.line(self.line(Severity::Info, line));
        } else {
            self.writer.newest(Item::Status(printable(line)));
        }
    }

    /// Tells figures for programs: a whole line as it is.
    pub(super) fn figures_object(&self, line: String) {
        self.writer.newest(Item::Line(line));
    }

    /// Takes the status line away, for the end.
    pub fn clear_status(&self) {
        if self.is_terminal {
            self.writer.newest(Item::Status(String::new()));
        }
    }

    /// Lets panics, of any thread, be told here and as one line: the standard library would write by
    /// itself, and keep a thread from its end before a terminal that has stopped. Backtraces come as before, with
    /// RUST_BACKTRACE.
    pub fn tell_panics(self: &Arc<Self>) {
        let console = Arc::clone(self);
        panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let name = thread.name().unwrap_or("without a name");
            let words = panic.to_string().replace('\n', " ");
            console.say(Severity::Error, &format!("thread {name} {words}"));
            let trace = std::backtrace::Backtrace::capture();
            if trace.status() == std::backtrace::BacktraceStatus::Captured {
                for line in trace.to_string().lines() {
                    console.say(Severity::Error, line);
                }
            }
            // The program ends with its main thread.
            if name == "main" {
                console.finish();
            }
        }));
    }

    /// Says no more, and waits a moment for what was said to be written.
    pub fn finish(&self) {
        self.writer.finish(PATIENCE);
    }

    fn line(&self, severity: Severity, line: &str) -> String {
        let priority = priority(self.is_journal, severity);
        format!("{priority}{}: {}\n", self.program, printable(line))
    }
}

/// What journald takes for a line's priority, and does not show.
fn priority(is_journal: bool, severity: Severity) -> String {
    if is_journal {
        format!("<{}>", severity.priority())
    } else {
        String::new()
    }
}

/// A way to stderr that shares no lock with others who print there, and whether it is journald's.
#[cfg(unix)]
fn own_stderr() -> io::Result<(impl Write + Send + 'static, bool)> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let stderr = std::fs::File::from(io::stderr().as_fd().try_clone_to_owned()?);
    // systemd says which stream is the journal's: a program's stderr may lead elsewhere all the same.
    let is_journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| {
        stderr
            .metadata()
            .is_ok_and(|own| stream == format!("{}:{}", own.dev(), own.ino()))
    });
    Ok((stderr, is_journal))
}

/// The standard library's stderr: it knows how to write to a console.
#[cfg(not(unix))]
fn own_stderr() -> io::Result<(impl Write + Send + 'static, bool)> {
    Ok((io::stderr(), false))
}

fn printable(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}d"), "a?[31mb?c?d");
    }
}
