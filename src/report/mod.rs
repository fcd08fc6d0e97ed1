//! Reporting: what both programs write for people on stderr and for programs on stdout, without ever being held up.
//!
//! ```text
//! any thread ──say──▶ bounded lines ──┐
//!                                     ├▶ thread "console" ──▶ stderr
//!               ┌──▶ newest wins ─────┘
//! thread "figures", once a second ────▶ stdout (--stats json)
//!
//! program      how both programs start and end        shell    signals, standard output, the exit status
//! console      lines and figures for people           limit    how many lines others can make us say
//! statistics   figures, in the form asked for         rates    counters and samples made figures
//! writer       whole lines to a descriptor            unix, windows    what shell is
//! ```
//!
//! Whoever reads us may stop: Ctrl-S, a pager, a pipe that nobody empties. So each descriptor has one thread that
//! writes to it and may block for ever; all others only queue, and the end waits for a moment at most. Lines that
//! do not fit are counted, and their number stands in their place; of figures the newest is kept, since they
//! count from the start. Only the binaries report; the rooms below them hand lines up.

mod console;
mod limit;
mod program;
pub(crate) mod rates;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
pub mod shell;
mod statistics;
mod writer;

pub use console::Console;
pub(crate) use limit::RateLimit;
pub use program::Program;
pub(crate) use program::in_a_line;
pub(crate) use rates::{Latencies, round};
pub use statistics::Stats;
pub(crate) use statistics::stream_in_words;

use serde::Serialize;

/// How things are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// For people.
    Table,
    /// For programs: an array of objects.
    Json,
}

impl ListFormat {
    /// The items, in this form; the table is the caller's.
    pub(crate) fn list<T: Serialize>(self, items: &[T], table: impl FnOnce() -> String) -> String {
        if self == ListFormat::Table {
            return table();
        }
        let json = serde_json::to_string_pretty(items);
        json.expect("plain structures have no map keys that could fail") + "\n"
    }
}

/// How much an event matters, the gravest first; the numbers are syslog's, which journald reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was asked for does not happen.
    Error = 3,
    /// Something that the user may want to look at; the program deals with it.
    Warning = 4,
    /// The course of things.
    Info = 6,
    /// The same, again and again while all is well: for the log, not for the window.
    Routine,
}
