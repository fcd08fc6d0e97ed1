//! How both programs behave towards a Unix's shell: signals, standard output, the exit status.
//!
//! Standard output carries data alone: its descriptor is duplicated and then pointed at stderr, because a window
//! library may print there.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{self, emulate_default_handler};

use crate::handoff::{Reason, Stop, spawn};

/// Makes SIGINT, SIGTERM and SIGHUP ask `stop` to end; SIGHUP not where it is ignored already, as by nohup. A
/// second SIGINT or SIGTERM ends the program at once.
pub(super) fn install_signal_handlers(stop: Arc<Stop>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    let listen = move || {
        // A terminal that is closed sends SIGHUP twice, by its shell and by the kernel, and systemd
        // may send it together with SIGTERM, in either order: that is no impatience.
        let mut hung_up = false;
        for signal in signals.forever() {
            if signal == SIGHUP {
                hung_up = true;
            } else if stop.is_asked() && !mem::take(&mut hung_up) {
                let _ = emulate_default_handler(signal);
            }
            stop.ask(match signal {
                SIGINT => Reason::Interrupted,
                _ => Reason::Terminated,
            });
        }
    };
    spawn("signals", listen).map(drop)
}

/// Whether the program was started with this signal ignored. (To set it, which tells it too, would lose one that comes
/// just then.)
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = mem::MaybeUninit::<libc::sigaction>::uninit();
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
    low_level::exit(status)
}

/// Ends the program of SIGINT itself, so that a shell loop ends too.
pub(super) fn end_interrupted() -> ! {
    let _ = emulate_default_handler(SIGINT);
    end(130)
}

/// Where there is nowhere else to say it: a Unix always has its stderr.
pub(super) fn show_error(_: &str) {}

/// A private duplicate of stdout; what others print there goes to stderr from now on.
pub(super) fn take_stdout() -> io::Result<File> {
    let own = io::stdout().as_fd().try_clone_to_owned()?;
    // The standard library's stdout owns no state that depends on where descriptor 1 leads.
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(own))
}

/// A way to stderr that shares no lock with others who print there, and whether it is journald's.
pub(super) fn own_stderr() -> io::Result<(impl Write + Send + 'static, bool)> {
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    // systemd says which stream is the journal's: a program's stderr may lead elsewhere all the same.
    let own = stderr.metadata()?;
    let own = format!("{}:{}", own.dev(), own.ino());
    let is_journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == own);
    Ok((stderr, is_journal))
}
