//! What both programs share towards the shell: signals, lines on stderr, figures on stdout, the end.
//!
//! Only the binaries use it. Standard output carries data alone: its first descriptor is duplicated and
//! then pointed at stderr (Unix), because a window library may print there.

use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::stop::{Reason, Stop};

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
    /// What holds where nobody says: a line for a person, nothing for a script.
    pub fn or_default(asked: Option<Stats>) -> Stats {
        asked.unwrap_or(if io::stderr().is_terminal() {
            Stats::Line
        } else {
            Stats::Off
        })
    }
}

/// Makes SIGINT and SIGTERM ask `stop` to end. A second signal ends the program at once.
pub fn heed_signals(stop: Arc<Stop>) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    #[cfg(unix)]
    {
        use signal_hook::{iterator::Signals, low_level};
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    if stop.is_asked() {
                        let _ = low_level::emulate_default_handler(signal);
                    }
                    stop.ask(match signal {
                        SIGINT => Reason::Interrupted,
                        _ => Reason::Terminated,
                    });
                }
            })?;
    }
    #[cfg(not(unix))]
    {
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::time::Duration;
        // Without signal threads a flag is looked at a few times a second.
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGINT, Arc::clone(&flag))?;
        signal_hook::flag::register(SIGTERM, Arc::clone(&flag))?;
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                while !stop.sleep(Duration::from_millis(100)) {
                    if flag.load(Ordering::Relaxed) {
                        stop.ask(Reason::Interrupted);
                    }
                }
            })?;
    }
    Ok(())
}

/// Ends the program as its end was asked for: of SIGINT itself where that was it, so that a shell loop
/// ends too, else with 0.
pub fn exit(reason: Option<Reason>) -> ! {
    if reason == Some(Reason::Interrupted) {
        #[cfg(unix)]
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
        end(130);
    }
    end(0);
}

/// Ends the program with this status, and nothing else: no destructors of libraries. A thread may still
/// hang in one of them (a camera that does not come back), and would crash over what they take down.
/// Whatever must be written has been written by now; nothing is buffered here.
#[allow(unsafe_code)]
pub fn end(status: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: it only ends the process; no code of ours runs after it.
    unsafe {
        libc::_exit(status)
    }
    #[cfg(not(unix))]
    std::process::exit(status);
}

/// A private duplicate of stdout; what others print there goes to stderr from now on.
pub fn take_stdout() -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let own = io::stdout().as_fd().try_clone_to_owned()?;
        point_stdout_at_stderr()?;
        Ok(File::from(own))
    }
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle;
        Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
    }
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn point_stdout_at_stderr() -> io::Result<()> {
    // SAFETY: both descriptors are numbers that the process was given by its parent; dup2 touches no
    // memory, and the standard library's stdout owns no state that depends on where descriptor 1 leads.
    match unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Where lines for people go: stderr, with a status line below them on a terminal.
#[derive(Debug, Default)]
pub struct Console {
    program: &'static str,
    status: Mutex<String>,
}

impl Console {
    /// A console whose lines begin with the program's name.
    pub fn new(program: &'static str) -> Self {
        Console {
            program,
            status: Mutex::default(),
        }
    }

    /// Says one line. Control characters, whoever sent them, do not reach the terminal.
    pub fn say(&self, line: &str) {
        let status = self.status.lock().expect(POISON);
        let clear = if status.is_empty() { "" } else { CLEAR };
        let line = printable(line);
        // A closed stderr is no reason to stop a stream.
        let _ = write!(io::stderr(), "{clear}{}: {line}\n{status}", self.program);
    }

    /// Replaces the status line; an ordinary line where stderr is no terminal.
    pub fn status(&self, line: &str) {
        if !io::stderr().is_terminal() {
            return self.say(line);
        }
        let mut status = self.status.lock().expect(POISON);
        *status = printable(line);
        let _ = write!(io::stderr(), "{CLEAR}{status}");
    }

    /// Takes the status line away, for the end.
    pub fn clear_status(&self) {
        let mut status = self.status.lock().expect(POISON);
        if !std::mem::take(&mut *status).is_empty() {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
    }
}

/// Where figures go, and in which form.
pub struct Teller {
    /// The form.
    pub stats: Stats,
    /// Where lines go.
    pub console: Arc<Console>,
    /// Where JSON goes.
    pub json: Box<dyn Write + Send>,
}

impl Teller {
    /// Tells figures, which are also to be had as a line; `last` says that no more will come. Fails when whoever
    /// reads them has gone.
    pub fn tell(&mut self, figures: &impl Serialize, line: &str, last: bool) -> io::Result<()> {
        match self.stats {
            Stats::Off => Ok(()),
            Stats::Line if last => {
                self.console.clear_status();
                self.console.say(line);
                Ok(())
            }
            Stats::Line => {
                self.console.status(line);
                Ok(())
            }
            Stats::Json => {
                let object = serde_json::to_string(figures).expect("plain fields") + "\n";
                self.json.write_all(object.as_bytes())
            }
        }
    }
}

/// An error and its causes in one line; a cause whose words are there already is not said again.
pub fn in_a_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
        cause = error.source();
    }
    line
}

/// To the start of the line, and erase it.
const CLEAR: &str = "\r\x1b[K";

fn printable(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

const POISON: &str = "nothing panics while it holds the status line";

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

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}d"), "a?[31mb?c?d");
    }
}
