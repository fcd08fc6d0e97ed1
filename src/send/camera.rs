//! The camera as a source, through libcamera: opened, kept, lost and found again.
//!
//! Runs on the source's own thread, which owns all that is libcamera's (its manager and cameras cannot change
//! threads), and puts each picture into the [`Feed`] without copying it. A camera that fails at the first start
//! is an error; one that is lost later is said once, released, and tried again until it is back: that very one, by
//! its id, for another may look at what nobody is to see. It knows no socket and no JPEG. It blocks on the
//! camera, at most 100 ms at a time, and never on the network.
//!
//! ```text
//! libcamera's thread ──▶ channel ──▶ camera's thread ──▶ Feed ──▶ sending thread
//!                           ▲        parks the request               reads, drops
//!                           └──────────── word that a buffer is home ──────┘
//! ```

mod buffers;
mod clock;
mod controls;
mod error;
mod list;
mod memory;
mod mode;
mod negotiate;
mod notice;
mod planes;
mod rate;
mod select;
mod session;
mod tuning;

use std::collections::HashSet;
use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use libcamera::logging::{self, LoggingTarget};
use rustix::pipe::PipeFlags;

pub use error::{CameraError, Devices};
pub use list::list;
pub use notice::{Logged, Notice};
pub use tuning::use_tuning_file;

use crate::report::Severity;
use crate::send::camera_options::CameraConfig;
use crate::source::Feed;
use session::{End, Memory, Session};

/// The shortest and the longest pause between attempts to get a lost camera back. A camera on USB needs
/// about a second to come up; asking more often costs a scan of the devices each.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// Puts the camera's pictures into the feed until the feed's [`stop`](Feed::stop) is asked, and closes the feed.
///
/// Lines for the user go to `notice`. Returns an error where the camera cannot be opened and started the
/// first time; [`CameraError::is_usage`] tells whether the command line is at fault. Only one camera may be
/// in use in a process at any time, listing included: libcamera ends the process otherwise.
pub fn run(
    config: &CameraConfig,
    feed: &Feed,
    notice: &(dyn Fn(Notice) + Sync),
) -> Result<(), CameraError> {
    let _closed = feed.close_at_end();
    // While it is opened, what fails is ours to say, in one line.
    let pictures_come = || feed.captured() > 0 && feed.lost().is_none();
    with_log(notice, &pictures_come, || keep(config, feed, notice))
}

fn keep(config: &CameraConfig, feed: &Feed, notice: &dyn Fn(Notice)) -> Result<(), CameraError> {
    let (mut session, mut memory) = open_first(config, notice)?;
    let names = session.names().clone();
    let (mut pictures, mut waiting) = (false, false);
    loop {
        let mut first = || {
            (pictures, waiting) = (true, false);
            if feed.lost().is_some() {
                feed.report_lost(None);
                notice(Notice::Back);
            }
        };
        let why = match session.serve(feed, &mut first) {
            End::Asked => return Ok(()),
            End::Lost(why) => why,
        };
        // A camera that fails again before its first picture has been reported already.
        if feed.lost().is_none() {
            feed.report_lost(Some(why.to_string()));
            notice(Notice::Lost(why));
        }
        // Only now: a device that hangs may keep this thread in the kernel for good.
        drop(session);
        if !pictures {
            // Some devices take a heap's buffers and fail to fill them.
            memory = Memory::Allocator;
        }
        let mut absent = || {
            if !std::mem::replace(&mut waiting, true) {
                let names = names.clone();
                notice(Notice::Waiting { names });
            }
        };
        session = match open_again(config, &names.id, memory, feed, &mut absent) {
            Some(session) => session,
            None => return Ok(()),
        };
    }
}

/// Opens the camera; where it does not take buffers from a heap, with its own.
fn open_first(
    config: &CameraConfig,
    notice: &dyn Fn(Notice),
) -> Result<(Session, Memory), CameraError> {
    match Session::open(config, None, Memory::Heaps, notice) {
        Ok(session) => Ok((session, Memory::Heaps)),
        Err(CameraError::Library { .. }) => {
            let session = Session::open(config, None, Memory::Allocator, &|_| {})?;
            Ok((session, Memory::Allocator))
        }
        Err(error) => Err(error),
    }
}

/// Tries to open the camera with that id until it is there; `None` once somebody asks to end.
///
/// A camera keeps its id where it keeps its socket. `absent` is called whenever it is not there. Each attempt
/// starts libcamera anew, so that it looks for devices again.
fn open_again(
    config: &CameraConfig,
    id: &str,
    memory: Memory,
    feed: &Feed,
    absent: &mut dyn FnMut(),
) -> Option<Session> {
    let (mut pause, longest) = PAUSES;
    loop {
        if feed.stop().sleep(pause) {
            return None;
        }
        pause = (pause * 2).min(longest);
        match Session::open(config, Some(id), memory, &|_| {}) {
            Ok(session) => return Some(session),
            Err(CameraError::Unplugged | CameraError::NoCamera(_)) => absent(),
            // Busy, or not all there yet.
            Err(_) => {}
        }
    }
}

/// How long to wait for a frame: three of them, and at least two seconds; longer for the first one, for
/// which the camera sets its exposure and drops what it does not like.
fn patience(frame_time: Duration, seen: bool) -> Duration {
    if seen {
        (frame_time * 3).max(Duration::from_secs(2))
    } else {
        (frame_time * 10).max(Duration::from_secs(5))
    }
}

/// The variables by which a user says what libcamera shall log, and where.
const LOG_LEVELS: &str = "LIBCAMERA_LOG_LEVELS";
const LOG_FILE: &str = "LIBCAMERA_LOG_FILE";

/// Does the work with libcamera's messages among our notices: through a pipe and a thread, which takes each line
/// as it comes and so never keeps libcamera waiting. By itself it would write to the terminal, in colours.
///
/// Without a pipe it is silenced.
fn with_log<T>(
    notice: &(dyn Fn(Notice) + Sync),
    pictures_come: &(dyn Fn() -> bool + Sync),
    work: impl FnOnce() -> T,
) -> T {
    if env::var_os(LOG_FILE).is_some() {
        return work();
    }
    let Ok(lines) = log_into_pipe() else {
        silence();
        return work();
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("camera log".into());
        let reading = reader.spawn_scoped(scope, || {
            tell_log(BufReader::new(lines), notice, pictures_come);
        });
        // Closes libcamera's end, with which the thread ends, even after a panic.
        let _silence = SilenceAtDrop;
        if reading.is_err() {
            silence();
        }
        work()
    })
}

struct SilenceAtDrop;

impl Drop for SilenceAtDrop {
    fn drop(&mut self) {
        silence();
    }
}

/// Lets libcamera write its messages into a pipe; the end to read them from.
fn log_into_pipe() -> io::Result<File> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    logging::log_set_file(&format!("/proc/self/fd/{}", write.as_raw_fd()), false)?;
    Ok(File::from(read))
}

/// Tells what libcamera warns of while pictures come, each line once. (When a camera is opened it warns of
/// much that we only try.) All of it for who has asked for levels.
fn tell_log(lines: impl BufRead, notice: &dyn Fn(Notice), pictures_come: &dyn Fn() -> bool) {
    let all = env::var_os(LOG_LEVELS).is_some();
    let mut told = HashSet::new();
    for line in lines.split(b'\n').map_while(Result::ok) {
        let logged = Logged::parse(&String::from_utf8_lossy(&line));
        let mut is_news = || {
            logged.severity < Severity::Info
                && pictures_come()
                && told.len() < MAX_LOGGED
                && told.insert(logged.line.clone())
        };
        if all || is_news() {
            notice(Notice::Library(logged));
        }
    }
}

/// Lines of libcamera's that are told in a run; what follows is more of the same.
const MAX_LOGGED: usize = 100;

/// Silences libcamera's own messages, unless the user wants them: errors come as [`CameraError`]s, in one
/// line, and a level cannot be set for all of its categories at once.
fn quieten() {
    if [LOG_LEVELS, LOG_FILE]
        .iter()
        .all(|name| env::var_os(name).is_none())
    {
        silence();
    }
}

fn silence() {
    // Refused only for targets that do not exist.
    let _ = logging::log_set_target(LoggingTarget::None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_three_frames_and_at_least_two_seconds() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(Duration::from_millis(33), true), seconds(2));
        assert_eq!(patience(seconds(6), true), seconds(18));
        assert!(patience(seconds(6), false) > patience(seconds(6), true));
    }

    #[test]
    fn a_warning_of_libcameras_is_told_once_however_often_it_comes() {
        let log = "[0:00:01.1] [7]  WARN V4L2 a.cpp:1 no flash\n\
                   [0:00:01.2] [7]  INFO Camera b.cpp:2 libcamera v0.7\n\
                   [0:00:09.9] [8]  WARN V4L2 a.cpp:1 no flash\n\
                   [0:00:09.9] [8] ERROR V4L2 a.cpp:9 Device or resource busy\n";
        let told = |pictures_come: bool| {
            let lines = std::cell::RefCell::new(Vec::new());
            let notice = |notice: Notice| lines.borrow_mut().push(notice.to_string());
            tell_log(log.as_bytes(), &notice, &|| pictures_come);
            lines.into_inner()
        };
        assert_eq!(told(false), [""; 0]);
        assert_eq!(
            told(true),
            [
                "libcamera: WARN V4L2 a.cpp:1 no flash",
                "libcamera: ERROR V4L2 a.cpp:9 Device or resource busy"
            ]
        );
    }
}
