//! Lines for people: stderr, with a status line below them on a terminal.

use std::backtrace::{Backtrace, BacktraceStatus};
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

/// Writes lines for people; none of its methods blocks but [`Console::finish`].
#[derive(Debug)]
pub struct Console {
    prefix: Prefix,
    quiet: bool,
    is_terminal: bool,
    pub(super) writer: Writer,
}

impl Console {
    /// A console whose lines begin with the program's name; `quiet` is for errors only. Starts its thread.
    pub fn start(program: &'static str, quiet: bool) -> io::Result<Self> {
        let (out, is_journal) = own_stderr()?;
        let prefix = Prefix {
            program,
            is_journal,
        };
        let lost = move |lines| {
            let were = if lines == 1 { "line was" } else { "lines were" };
            let text = format!("{lines} {were} lost because nobody read them");
            prefix.line(Severity::Warning, &text)
        };
        // Whether stderr can be written to is no reason to stop a stream.
        let failed = |_| ControlFlow::Continue(());
        Ok(Console {
            prefix,
            quiet,
            is_terminal: io::stderr().is_terminal(),
            writer: Writer::start("console", out, lost, failed)?,
        })
    }

    /// Says one line. Control characters, whoever sent them, do not reach the terminal.
    pub fn say(&self, severity: Severity, line: &str) {
        if !self.quiet || severity == Severity::Error {
            self.writer.line(self.prefix.line(severity, line));
        }
    }

    /// Writes figures: the status line, or an ordinary line where stderr is no terminal. The `last` ones stay.
    pub(super) fn figures(&self, line: &str, last: bool) {
        let whole = self.prefix.line(Severity::Info, line);
        if !self.is_terminal {
            self.writer.newest(Item::Line(whole));
        } else if last {
            self.clear_status();
            self.writer.line(whole);
        } else {
            self.writer.newest(Item::Status(printable(line)));
        }
    }

    /// Takes the status line away, for the end.
    pub fn clear_status(&self) {
        if self.is_terminal {
            self.writer.newest(Item::Status(String::new()));
        }
    }

    /// Reports panics of any thread here, each in one line: the standard library would write by itself, and keep
    /// a thread from its end before a terminal that has stopped. Backtraces come as before, with RUST_BACKTRACE.
    pub fn report_panics(self: &Arc<Self>) {
        let console = Arc::clone(self);
        panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let name = thread.name().unwrap_or("without a name");
            let words = panic.to_string().replace('\n', " ");
            console.say(Severity::Error, &format!("thread {name} {words}"));
            let trace = Backtrace::capture();
            if trace.status() == BacktraceStatus::Captured {
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
}

/// What every line begins with.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    program: &'static str,
    is_journal: bool,
}

impl Prefix {
    fn line(self, severity: Severity, text: &str) -> String {
        let line = format!("{}: {}\n", self.program, printable(text));
        if self.is_journal {
            // What journald takes for the line's priority, and does not show.
            format!("<{}>{line}", severity as u8)
        } else {
            line
        }
    }
}

/// A way to stderr that shares no lock with others who print there, and whether it is journald's.
#[cfg(unix)]
fn own_stderr() -> io::Result<(impl Write + Send + 'static, bool)> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let stderr = std::fs::File::from(io::stderr().as_fd().try_clone_to_owned()?);
    // systemd says which stream is the journal's: a program's stderr may lead elsewhere all the same.
    let own = stderr.metadata()?;
    let own = format!("{}:{}", own.dev(), own.ino());
    let is_journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == own);
    Ok((stderr, is_journal))
}

/// The standard library's stderr: it knows how to write to a console.
#[cfg(not(unix))]
fn own_stderr() -> io::Result<(impl Write + Send + 'static, bool)> {
    Ok((io::stderr(), false))
}

fn printable(line: &str) -> String {
    line.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}d"), "a?[31mb?c?d");
    }
}
