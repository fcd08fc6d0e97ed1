//! How both programs behave towards a shell: signals, standard output, the exit status, errors in a line.
//!
//! Standard output carries data alone: its descriptor is duplicated and then pointed at stderr (Unix), because a
//! window library may print there.

use std::error::Error;
use std::fs::File;
use std::io;
use std::iter;
use std::sync::Arc;

use crate::handoff::stop::{Reason, Stop};

/// Makes SIGINT, SIGTERM and SIGHUP ask `stop` to end; SIGHUP not where it is ignored already, as by nohup. A
/// second SIGINT or SIGTERM ends the program at once.
pub(super) fn install_signal_handlers(stop: Arc<Stop>) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    #[cfg(unix)]
    let listen = {
        use signal_hook::{consts::SIGHUP, iterator::Signals, low_level};
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        if !is_ignored(SIGHUP) {
            signals.add_signal(SIGHUP)?;
        }
        move || {
            // A terminal that is closed sends SIGHUP twice, by its shell and by the kernel, and systemd
            // may send it together with SIGTERM, in either order: that is no impatience.
            let mut hung_up = false;
            for signal in signals.forever() {
                if signal == SIGHUP {
                    hung_up = true;
                } else if stop.is_asked() && !std::mem::take(&mut hung_up) {
                    let _ = low_level::emulate_default_handler(signal);
                }
                stop.ask(match signal {
                    SIGINT => Reason::Interrupted,
                    _ => Reason::Terminated,
                });
            }
        }
    };
    #[cfg(not(unix))]
    let listen = {
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::time::Duration;
        // There is no iterator over signals here: a flag is checked a few times a second.
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGINT, Arc::clone(&flag))?;
        signal_hook::flag::register(SIGTERM, Arc::clone(&flag))?;
        move || {
            while !stop.sleep(Duration::from_millis(100)) {
                if flag.load(Ordering::Relaxed) {
                    stop.ask(Reason::Interrupted);
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(listen).map(drop)
}

/// Whether the program was started with this signal ignored.
#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: it changes nothing, and fills in the whole of `action` where it succeeds.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ends the program with this status, and nothing else: no destructors of libraries. A thread may still
/// hang in one of them (a camera that does not come back), and would crash over what they take down.
/// Whatever must be written has been written by now; nothing is buffered here.
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
#[cfg(unix)]
pub(super) fn take_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    let own = io::stdout().as_fd().try_clone_to_owned()?;
    // SAFETY: both descriptors are numbers that the process was given by its parent; dup2 touches no
    // memory, and the standard library's stdout owns no state that depends on where descriptor 1 leads.
    match unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(File::from(own)),
    }
}

/// A private duplicate of stdout.
#[cfg(windows)]
pub(super) fn take_stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
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
