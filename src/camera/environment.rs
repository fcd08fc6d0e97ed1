//! What libcamera takes from the environment: where it writes its log, and the sensor's tuning file.
//!
//! **The log.** By itself libcamera writes to the terminal, in colours. Here its lines go through a pipe to a thread
//! that reads each as it comes, and so never keeps libcamera waiting.
//!
//! **The tuning file.** libcamera takes it from an environment variable only, which a program can set safely while it
//! has a single thread: so that is done first of all.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;

use libcamera::logging::{self, LoggingTarget};
use rustix::pipe::PipeFlags;

use super::Result;
use crate::source::log::report_log;
use crate::source::{Feed, tuning};

/// The variables by which a user says what libcamera logs, and where.
const LOG_LEVELS: &str = "LIBCAMERA_LOG_LEVELS";
const LOG_FILE: &str = "LIBCAMERA_LOG_FILE";

/// Does the work while libcamera's messages are reported among ours. Without a pipe or a thread for them libcamera is
/// silent, as it is afterwards.
pub(super) fn with_log<T>(feed: &Feed, work: impl FnOnce() -> T) -> T {
    if env::var_os(LOG_FILE).is_some() {
        return work();
    }
    thread::scope(|scope| {
        // Closes libcamera's end, with which the thread ends, even after a panic.
        let _silence = Silence;
        let reader = thread::Builder::new().name("camera log".into());
        let reading = log_into_pipe().and_then(|log| {
            reader.spawn_scoped(scope, || {
                // To who has asked for levels, all that they let through.
                let all = env::var_os(LOG_LEVELS).is_some();
                report_log(log, "libcamera", all, feed)
            })
        });
        if reading.is_err() {
            drop(Silence);
        }
        work()
    })
}

/// Silences libcamera when it is dropped.
struct Silence;

impl Drop for Silence {
    fn drop(&mut self) {
        // Refused only for targets that do not exist.
        let _ = logging::log_set_target(LoggingTarget::None);
    }
}

/// Makes libcamera write its messages into a pipe; returns the end to read them from.
fn log_into_pipe() -> io::Result<File> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    logging::log_set_file(&format!("/proc/self/fd/{}", write.as_raw_fd()), false)?;
    Ok(File::from(read))
}

/// Silences libcamera's own messages unless the user wants them: errors come as [`CameraError`](super::CameraError)s, in
/// one line, and a level cannot be set for all of its categories at once.
pub(super) fn silence_unless_asked() {
    if env::var_os(LOG_LEVELS).is_none() && env::var_os(LOG_FILE).is_none() {
        drop(Silence);
    }
}

/// Read by libcamera's pipelines for the Raspberry Pi.
const TUNING_FILE: &str = "LIBCAMERA_RPI_TUNING_FILE";

/// Makes libcamera use the tuning file, by setting the variable that it reads. A bare name that is no file here is
/// looked for among libcamera's own.
///
/// To be called before the program starts a thread; panics later.
pub fn use_tuning_file(asked: &Path) -> Result<()> {
    let path = tuning::find(asked)?;
    // Another thread might be reading the environment.
    let threads = fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    assert_eq!(
        threads, 1,
        "the tuning file is named before there are threads"
    );
    // SAFETY: no other thread reads the environment, for there is none.
    unsafe { env::set_var(TUNING_FILE, path) };
    Ok(())
}
