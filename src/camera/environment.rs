//! What libcamera takes from the environment: where it writes its log, and the sensor's tuning file.
//!
//! **The log.** By itself libcamera writes to the terminal, in colours. Here its lines go through a pipe to a thread
//! that reads each as it comes, and so never keeps libcamera waiting.
//!
//! **The tuning file.** libcamera takes it from an environment variable only, which a program can set safely while it
//! has a single thread: so that is done first of all.

use std::collections::HashSet;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::thread;

use libcamera::logging::{self, LoggingTarget};
use rustix::pipe::PipeFlags;

use super::error::CameraError;
use crate::report::Severity;

/// The variables by which a user says what libcamera logs, and where.
const LOG_LEVELS: &str = "LIBCAMERA_LOG_LEVELS";
const LOG_FILE: &str = "LIBCAMERA_LOG_FILE";

/// At most this many of libcamera's lines are reported in a run; what follows is more of the same.
const MAX_LOGGED: usize = 100;

/// Does the work while libcamera's messages are reported among ours. Without a pipe or a thread for them libcamera is
/// silent, as it is afterwards.
pub(super) fn with_log<T>(
    report: &(dyn Fn(Severity, String) + Sync),
    pictures_come: &(dyn Fn() -> bool + Sync),
    work: impl FnOnce() -> T,
) -> T {
    if env::var_os(LOG_FILE).is_some() {
        return work();
    }
    thread::scope(|scope| {
        // Closes libcamera's end, with which the thread ends, even after a panic.
        let _silence = Silence;
        let reader = thread::Builder::new().name("camera log".into());
        let reading = log_into_pipe().and_then(|lines| {
            reader.spawn_scoped(scope, || report_log(lines, report, pictures_come))
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
fn log_into_pipe() -> io::Result<BufReader<File>> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    logging::log_set_file(&format!("/proc/self/fd/{}", write.as_raw_fd()), false)?;
    Ok(BufReader::new(File::from(read)))
}

/// Reports what libcamera warns of while pictures come, each line once. (While a camera is opened it warns of much
/// that we only try.) Reports all of it to who has asked for levels.
fn report_log(
    lines: impl BufRead,
    report: &dyn Fn(Severity, String),
    pictures_come: &dyn Fn() -> bool,
) {
    let all = env::var_os(LOG_LEVELS).is_some();
    let mut reported = HashSet::new();
    for line in lines.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let (severity, line) = logged(&line);
        let is_news = severity < Severity::Info
            && pictures_come()
            && reported.len() < MAX_LOGGED
            && reported.insert(line.to_owned());
        if all || is_news {
            report(severity, format!("libcamera: {line}"));
        }
    }
}

/// Parses `[0:00:01.234567890] [4711] ERROR V4L2 v4l2_device.cpp:390 Unable to set controls`; returns the line without
/// the time and the thread. libcamera's errors are warnings here: what they lead to is reported as our own.
fn logged(line: &str) -> (Severity, &str) {
    let mut rest = line.trim();
    while let Some((_, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        rest = behind.trim_start();
    }
    match rest.split(' ').next() {
        Some("WARN" | "ERROR" | "FATAL") => (Severity::Warning, rest),
        _ => (Severity::Info, rest),
    }
}

/// Silences libcamera's own messages unless the user wants them: errors come as [`CameraError`]s, in one line, and a
/// level cannot be set for all of its categories at once.
pub(super) fn silence_unless_asked() {
    if env::var_os(LOG_LEVELS).is_none() && env::var_os(LOG_FILE).is_none() {
        drop(Silence);
    }
}

/// Read by libcamera's pipelines for the Raspberry Pi.
const TUNING_FILE: &str = "LIBCAMERA_RPI_TUNING_FILE";

/// libcamera's own tuning files: packaged, or built by hand.
const FOLDERS: [&str; 2] = [
    "/usr/share/libcamera/ipa/rpi",
    "/usr/local/share/libcamera/ipa/rpi",
];

/// Makes libcamera use the tuning file, by setting the variable that it reads. A bare name that is no file here is
/// looked for among libcamera's own.
///
/// To be called before the program starts a thread; panics later.
pub fn use_tuning_file(asked: &Path) -> Result<(), CameraError> {
    let (typed, [packaged, _]) = (asked.display(), FOLDERS);
    let path = find(asked, &FOLDERS, pipeline()).map_err(|source| {
        let expected = format!("expected a JSON file, as in {packaged}");
        CameraError::Usage(format!("--tuning-file {typed}: {source}; {expected}"))
    })?;
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

/// The file's absolute path.
fn find(asked: &Path, folders: &[&str], pipeline: &str) -> io::Result<PathBuf> {
    let bare = asked.components().count() == 1 && !asked.exists();
    let folders = folders.iter().filter(|_| bare);
    let mut among = folders.map(|folder| Path::new(folder).join(pipeline).join(asked));
    let path = among.find(|path| path.exists()).unwrap_or(asked.into());
    // Opened to learn now what is wrong with it: libcamera would only say that it has no camera.
    if File::open(&path)?.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    fs::canonicalize(path)
}

/// This Raspberry Pi's pipeline, as libcamera's folders name it: the Pi 5's, or that of the Pis before it.
fn pipeline() -> &'static str {
    let compatible = fs::read("/sys/firmware/devicetree/base/compatible").unwrap_or_default();
    let is_pi_5 = String::from_utf8_lossy(&compatible).contains("bcm2712");
    if is_pi_5 { "pisp" } else { "vc4" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_of_libcameras_is_told_once_however_often_it_comes() {
        let log = "[0:00:01.1] [7]  WARN V4L2 a.cpp:1 no flash\n\
                   [0:00:01.2] [7]  INFO Camera b.cpp:2 libcamera v0.7\n\
                   [0:00:09.9] [8]  WARN V4L2 a.cpp:1 no flash\n\
                   [0:00:09.9] [8] ERROR V4L2 a.cpp:9 Device or resource busy\n";
        let reported = |pictures_come: bool| {
            let lines = std::cell::RefCell::new(Vec::new());
            let report = |_: Severity, line: String| lines.borrow_mut().push(line);
            report_log(log.as_bytes(), &report, &|| pictures_come);
            lines.into_inner()
        };
        assert_eq!(reported(false), [""; 0]);
        assert_eq!(
            reported(true),
            [
                "libcamera: WARN V4L2 a.cpp:1 no flash",
                "libcamera: ERROR V4L2 a.cpp:9 Device or resource busy"
            ]
        );
    }

    #[test]
    fn a_bare_name_is_one_of_libcameras_own_files() {
        let base = env::temp_dir().join(format!("pi-stream-tuning-{}", std::process::id()));
        fs::create_dir_all(base.join("vc4")).unwrap();
        fs::write(base.join("vc4/imx219_noir.json"), "{}").unwrap();
        let folders = ["/nonexistent", base.to_str().unwrap()];
        let found = find(Path::new("imx219_noir.json"), &folders, "vc4").unwrap();
        assert!(found.ends_with("vc4/imx219_noir.json"), "{found:?}");
        let named = find(&base.join("vc4/imx219_noir.json"), &[], "vc4").unwrap();
        assert_eq!(found, named);
        assert!(find(Path::new("imx219_noir.json"), &folders, "pisp").is_err());
        assert!(find(Path::new("vc4/imx219_noir.json"), &folders, "vc4").is_err());
        assert!(find(&base, &[], "vc4").is_err());
        fs::remove_dir_all(base).unwrap();
    }
}
