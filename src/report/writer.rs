//! A descriptor's own thread, and what waits to be written there.
//!
//! Putting never blocks. The thread blocks on its queue and on the descriptor, for as long as nobody reads; it
//! is left behind at the end, after a limit.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::handoff::lock::{lock, wait};

/// Lines that wait: what happens in a bad minute, 30 kB or so.
const MAX_LINES: usize = 256;

/// How often a descriptor is tried that another program has made non-blocking.
const RETRY: Duration = Duration::from_millis(20);

/// To the start of the line, and erase it.
const CLEAR: &str = "\r\x1b[K";

/// Something to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A whole line, with its end.
    Line(String),
    /// What stands below all lines, on a terminal; empty: nothing.
    Status(String),
}

/// A thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    // Nothing is ever sent: the thread's end drops the sender.
    ended: Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<String>,
    /// Lines that did not fit since the last that did.
    lost: u64,
    newest: Option<Item>,
    closed: bool,
}

impl Writer {
    /// Starts the thread. `lost` makes a whole line of how many were lost; `failed` hears of each write that fails,
    /// and says whether others are to be tried.
    pub(super) fn start(
        name: &str,
        out: impl Write + Send + 'static,
        lost: impl Fn(u64) -> String + Send + 'static,
        failed: impl FnMut(io::Error) -> ControlFlow<()> + Send + 'static,
    ) -> io::Result<Writer> {
        let shared = Arc::<Shared>::default();
        let (alive, ended) = mpsc::channel();
        thread::Builder::new().name(name.into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let _alive: mpsc::Sender<()> = alive;
                write_items(out, || shared.take(&lost), failed);
            }
        })?;
        let ended = Mutex::new(ended);
        Ok(Writer { shared, ended })
    }

    /// Puts a line; it is lost and counted where too many wait.
    pub(super) fn line(&self, line: String) {
        let mut waiting = lock(&self.shared.waiting);
        if waiting.lines.len() >= MAX_LINES {
            waiting.lost += 1;
        } else {
            waiting.lines.push_back(line);
        }
        drop(waiting);
        self.shared.changed.notify_all();
    }

    /// Puts what takes the place of the last such item, if that still waits.
    pub(super) fn newest(&self, item: Item) {
        lock(&self.shared.waiting).newest = Some(item);
        self.shared.changed.notify_all();
    }

    /// Takes no more, and waits for so long at most until all is written; says whether it is.
    pub(super) fn finish(&self, patience: Duration) -> bool {
        lock(&self.shared.waiting).closed = true;
        self.shared.changed.notify_all();
        lock(&self.ended).recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Shared {
    /// Waits for the next item; `None` once it is closed and all is taken.
    fn take(&self, lost: impl Fn(u64) -> String) -> Option<Item> {
        let mut waiting = lock(&self.waiting);
        while waiting.lines.is_empty() && waiting.newest.is_none() && !waiting.closed {
            waiting = wait(&self.changed, waiting);
        }
        let Some(line) = waiting.lines.pop_front() else {
            return waiting.newest.take();
        };
        // There is room again, just where the lost ones are missing.
        if waiting.lost > 0 {
            let lines = std::mem::take(&mut waiting.lost);
            waiting.lines.push_back(lost(lines));
        }
        Some(Item::Line(line))
    }
}

fn write_items(
    mut out: impl Write,
    take: impl Fn() -> Option<Item>,
    mut failed: impl FnMut(io::Error) -> ControlFlow<()>,
) {
    let mut status = String::new();
    // Whether the last line was cut by a failure: the next one begins on its own.
    let mut torn = false;
    while let Some(item) = take() {
        let mut text = match item {
            Item::Line(line) if status.is_empty() => line,
            Item::Line(line) => format!("{CLEAR}{line}{status}"),
            Item::Status(new) if new == status => continue,
            Item::Status(new) => {
                status = new;
                format!("{CLEAR}{status}")
            }
        };
        if torn {
            text.insert(0, '\n');
        }
        let mut rest = text.as_bytes();
        match write_whole(&mut out, &mut rest) {
            Ok(()) => torn = false,
            Err(error) => {
                torn |= rest.len() < text.len();
                if failed(error).is_break() {
                    return;
                }
            }
        }
    }
}

/// Writes it all; what is not written is left in `rest`.
fn write_whole(out: &mut impl Write, rest: &mut &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => *rest = &rest[written..],
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => thread::sleep(RETRY),
                _ => return Err(error),
            },
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
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

    fn start() -> (Writer, mpsc::Receiver<String>) {
        let (pipe, read) = mpsc::sync_channel(0);
        let lost = |lines| format!("{lines} lost\n");
        let failed = |_| ControlFlow::Break(());
        (
            Writer::start("writer", Pipe(pipe), lost, failed).unwrap(),
            read,
        )
    }

    /// Waits until the thread blocks in a write.
    fn wait_until_taken(writer: &Writer) {
        while !lock(&writer.shared.waiting).lines.is_empty() {
            thread::yield_now();
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_counted_and_told_in_their_place() {
        let (writer, read) = start();
        writer.line("first\n".into());
        wait_until_taken(&writer);
        for i in 0..MAX_LINES + 7 {
            writer.line(format!("{i}\n"));
        }
        assert_eq!(read.recv().unwrap(), "first\n");
        assert_eq!(read.recv().unwrap(), "0\n");
        writer.line("later\n".into());
        let rest: Vec<String> = read.iter().take(MAX_LINES + 1).collect();
        assert_eq!(rest[MAX_LINES - 2], format!("{}\n", MAX_LINES - 1));
        assert_eq!(rest[MAX_LINES - 1], "7 lost\n");
        assert_eq!(rest[MAX_LINES], "later\n");
    }

    #[test]
    fn of_figures_the_newest_waits_for_a_reader_who_comes_back() {
        let (writer, read) = start();
        writer.line("first\n".into());
        wait_until_taken(&writer);
        for i in 0..10 {
            writer.newest(Item::Line(format!("{i} frames\n")));
        }
        assert_eq!(read.recv().unwrap(), "first\n");
        assert_eq!(read.recv().unwrap(), "9 frames\n");
        let ended = thread::spawn(move || writer.finish(SOON));
        assert!(read.recv().is_err(), "it was told twice");
        ended.join().unwrap();
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_who_has_stopped() {
        let (writer, read) = start();
        for _ in 0..3 {
            writer.line("unread\n".into());
        }
        // Comes back, or the test does not end.
        assert!(!writer.finish(Duration::from_millis(20)));
        drop(read);
        assert!(writer.finish(SOON));
    }

    #[test]
    fn the_status_stays_below_the_lines_until_it_is_taken_away() {
        let (writer, read) = start();
        let next = || read.recv().unwrap().replace(CLEAR, "|");
        writer.newest(Item::Status("1 fps".into()));
        assert_eq!(next(), "|1 fps");
        writer.line("news\n".into());
        assert_eq!(next(), "|news\n1 fps");
        writer.newest(Item::Status(String::new()));
        assert_eq!(next(), "|");
        writer.line("the end\n".into());
        assert_eq!(next(), "the end\n");
    }

    #[test]
    fn a_line_that_a_full_disk_has_cut_does_not_spoil_the_next_one() {
        struct Disk(Arc<Mutex<Vec<u8>>>, usize);
        impl Write for Disk {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.1 == 0 {
                    self.1 = usize::MAX;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let taken = bytes.len().min(self.1);
                self.1 -= taken;
                self.0.lock().unwrap().extend(&bytes[..taken]);
                Ok(taken)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let file = Arc::new(Mutex::new(Vec::new()));
        let disk = Disk(Arc::clone(&file), 3);
        let failed = |_| ControlFlow::Continue(());
        let writer = Writer::start("writer", disk, |_| String::new(), failed).unwrap();
        writer.line("first\n".into());
        writer.line("second\n".into());
        writer.finish(SOON);
        assert_eq!(*file.lock().unwrap(), b"fir\nsecond\n");
    }
}
