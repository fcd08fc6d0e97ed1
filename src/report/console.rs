//! Lines for people: stderr, with a status line below them on a terminal.
//!
//! Putting never blocks. The console's thread blocks until something is put, and on the descriptor for as long as
//! nobody reads; it is left behind at the end, after a limit.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::Severity;
use super::writer::Writer;
use crate::handoff::{Queue, Reason, Stop, spawn};

/// How long the end waits for a terminal or a pipe to take what is left.
pub(super) const PATIENCE: Duration = Duration::from_millis(150);

/// Lines that wait, however long they are: what happens in a bad minute, 30 kB or so.
const MAX_LINES: usize = 256;

/// The source of figures, of which the newest wins; lines have none, and the size 0.
const FIGURES: usize = 1;

/// To the start of the line, and erase it.
const CLEAR: &str = "\r\x1b[K";

/// Writes lines for people; none of its methods blocks but [`Console::finish`].
#[derive(Debug)]
pub struct Console {
    program: &'static str,
    quiet: bool,
    is_terminal: bool,
    is_journal: bool,
    /// Whole lines, with their ends, one beside the other; and the newest figures: a line, or without a line's end what
    /// stands below all lines on a terminal (empty: nothing).
    lines: Queue<String>,
    /// How many lines found no room, since that was last told.
    lost: AtomicU64,
    /// Asked when all is written.
    written: Stop,
}

impl Console {
    /// A console whose lines begin with the program's name; `quiet` is for errors only. Starts its thread.
    pub(super) fn start(
        program: &'static str,
        quiet: bool,
        is_terminal: bool,
        (out, is_journal): (impl Write + Send + 'static, bool),
    ) -> io::Result<Arc<Self>> {
        let console = Arc::new(Console {
            program,
            quiet,
            is_terminal,
            is_journal,
            lines: Queue::default(),
            lost: AtomicU64::default(),
            written: Stop::default(),
        });
        spawn("console", {
            let console = Arc::clone(&console);
            move || console.write_to(Writer::new(out))
        })?;
        Ok(console)
    }

    /// Says one line. Control characters, whoever sent them, do not reach the terminal.
    pub fn say(&self, severity: Severity, line: &str) {
        if !self.quiet || severity == Severity::Error {
            self.put(self.line(severity, line));
        }
    }

    /// Writes figures: the status line, or an ordinary line where stderr is no terminal. The `last` ones stay.
    pub(super) fn figures(&self, figures: &str, last: bool) {
        let line = self.line(Severity::Info, figures);
        if !self.is_terminal {
            self.put_newest(line);
        } else if last {
            self.put_newest(String::new());
            self.put(line);
        } else {
            self.put_newest(printable(figures));
        }
    }

    /// Puts figures in the place of the last ones, if those still wait.
    pub(super) fn put_newest(&self, figures: String) {
        self.lines.put_from(FIGURES, figures);
    }

    /// Puts a line, where there is room for it.
    fn put(&self, line: String) {
        let is_in = self.lines.put_beside(line, 0, (MAX_LINES, usize::MAX));
        self.lost.fetch_add(u64::from(!is_in), Ordering::Relaxed);
    }

    /// Reports panics of any thread here, each in one line: the standard library would write by itself, and keep
    /// a thread from its end before a terminal that has stopped. Backtraces come as before, with RUST_BACKTRACE.
    pub(super) fn report_panics(self: &Arc<Self>) {
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
                console.finish(PATIENCE);
            }
        }));
    }

    /// Says no more, and waits for so long at most until all is written; returns whether it is.
    pub(super) fn finish(&self, patience: Duration) -> bool {
        self.lines.close();
        self.written.sleep(patience)
    }

    /// The console's thread.
    fn write_to(&self, mut out: Writer<impl Write>) {
        let mut status = String::new();
        while let Some(item) = self.lines.next(None) {
            // There is room again, just where the lost ones are missing.
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let were = if lost == 1 { "line was" } else { "lines were" };
                let text = format!("{lost} {were} lost because nobody read them");
                self.put(self.line(Severity::Warning, &text));
            }
            let text = if item.ends_with('\n') {
                let clear = if status.is_empty() { "" } else { CLEAR };
                format!("{clear}{item}{status}")
            } else if item == status {
                continue;
            } else {
                status = item;
                format!("{CLEAR}{status}")
            };
            // Whether stderr can be written to is no reason to stop a stream.
            let _ = out.write(text);
        }
        self.written.ask(Reason::Done);
    }

    /// A whole line.
    fn line(&self, severity: Severity, text: &str) -> String {
        let line = format!("{}: {}\n", self.program, printable(text));
        if self.is_journal {
            // What journald takes for the line's priority, and does not show.
            format!("<{}>{line}", severity.min(Severity::Info) as u8)
        } else {
            line
        }
    }
}

fn printable(line: &str) -> String {
    line.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Hands each write over, and waits until it is taken: a reader that can stop.
    struct Pipe(mpsc::SyncSender<String>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let gone = |_| io::ErrorKind::BrokenPipe.into();
            self.0.send(text).map(|()| bytes.len()).map_err(gone)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn start(is_terminal: bool) -> (Arc<Console>, mpsc::Receiver<String>) {
        let (pipe, read) = mpsc::sync_channel(0);
        let console = Console::start("pi", false, is_terminal, (Pipe(pipe), false));
        (console.unwrap(), read)
    }

    fn say(console: &Console, line: &str) {
        console.say(Severity::Info, line);
    }

    /// Waits until the thread blocks in a write.
    fn wait_until_taken(console: &Console) {
        while !console.lines.is_empty() {
            thread::yield_now();
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}d"), "a?[31mb?c?d");
    }

    #[test]
    fn lines_that_nobody_reads_are_counted_and_told_in_their_place() {
        let (console, read) = start(false);
        say(&console, "first");
        wait_until_taken(&console);
        for i in 0..MAX_LINES + 7 {
            say(&console, &i.to_string());
        }
        assert_eq!(read.recv().unwrap(), "pi: first\n");
        assert_eq!(read.recv().unwrap(), "pi: 0\n");
        say(&console, "later");
        let rest: Vec<String> = read.iter().take(MAX_LINES + 1).collect();
        assert_eq!(rest[MAX_LINES - 2], format!("pi: {}\n", MAX_LINES - 1));
        let lost = "pi: 7 lines were lost because nobody read them\n";
        assert_eq!(rest[MAX_LINES - 1], lost);
        assert_eq!(rest[MAX_LINES], "pi: later\n");
    }

    #[test]
    fn of_figures_the_newest_waits_for_a_reader_who_comes_back() {
        let (console, read) = start(false);
        say(&console, "first");
        wait_until_taken(&console);
        for i in 0..10 {
            console.figures(&format!("{i} frames"), false);
        }
        assert_eq!(read.recv().unwrap(), "pi: first\n");
        assert_eq!(read.recv().unwrap(), "pi: 9 frames\n");
        let ended = thread::spawn(move || console.finish(SOON));
        assert!(read.recv().is_err(), "it was told twice");
        assert!(ended.join().unwrap());
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_who_has_stopped() {
        let (console, read) = start(false);
        for _ in 0..3 {
            say(&console, "unread");
        }
        // Comes back, or the test does not end.
        assert!(!console.finish(Duration::from_millis(20)));
        drop(read);
        assert!(console.finish(SOON));
    }

    #[test]
    fn the_status_stays_below_the_lines_until_it_is_taken_away() {
        let (console, read) = start(true);
        let next = || read.recv().unwrap().replace(CLEAR, "|");
        console.figures("1 fps", false);
        assert_eq!(next(), "|1 fps");
        say(&console, "news");
        assert_eq!(next(), "|pi: news\n1 fps");
        console.put_newest(String::new());
        assert_eq!(next(), "|");
        say(&console, "the end");
        assert_eq!(next(), "pi: the end\n");
    }
}
