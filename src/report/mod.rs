//! Reporting: what both programs tell people on stderr and programs on stdout, and that it never holds them up.
//!
//! ```text
//! any thread ──say──▶ bounded lines ──┐
//!                                     ├▶ thread "console" ──▶ stderr
//! figures ───tell──▶ newest wins ─────┘
//!               └──▶ newest wins ──────▶ thread "figures out" ──▶ stdout (--stats json)
//! ```
//!
//! `limit` is the one rate limit: how many lines others can make us say.
//!
//! Whoever reads us may stop: Ctrl-S, a pager, a pipe that nobody empties. So each descriptor has one thread that
//! writes to it and may block for ever; all others only put, and the end waits for a moment at most. Lines that
//! do not fit are counted, and their number is said in their place; of figures the newest is kept, since they
//! count from the start. Only the binaries report; the rooms below them hand out events.

mod console;
#[cfg(feature = "view")]
pub(crate) mod limit;
mod schedule;
pub mod shell;
mod statistics;
mod writer;

pub use console::Console;
pub use schedule::Schedule;
pub use statistics::{Statistics, Stats};

/// How much an event matters, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was asked for does not happen.
    Error,
    /// Something that the user may want to look at; the program deals with it.
    Warning,
    /// The course of things.
    Info,
}

impl Severity {
    /// syslog's number for it, which journald reads.
    fn priority(self) -> u8 {
        match self {
            Severity::Error => 3,
            Severity::Warning => 4,
            Severity::Info => 6,
        }
    }
}
