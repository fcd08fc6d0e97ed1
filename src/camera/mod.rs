//! The camera as a source, through libcamera: opened, served, lost and found again.
//!
//! ```text
//! libcamera's thread ──▶ channel ──▶ camera's thread ──▶ Feed ──▶ sending thread
//!                           ▲       parks the request           reads, drops
//!                           └────────── buffers that come home ──────┘
//!
//! config       what is asked for              session   one life of a camera, its requests and pictures
//! select       which camera                   buffers   lent pictures, and their memory
//! negotiate    mode, format, rate, turn
//! controls     checked before they are set    list      --list-cameras
//! environment  libcamera's log, tuning file   error     why there are no pictures
//!                                             missing   stands in where there is no libcamera
//! ```
//!
//! Runs on the source's own thread, which owns all that is libcamera's (its manager and cameras cannot change
//! threads), and puts each picture into the [`Feed`] without copying it. A camera that fails at the first start
//! is an error. One that is lost later is reported once, released, and tried again until it is back: that very one,
//! by its id, for another might look at what nobody is to see. Knows no socket and no JPEG; blocks on the camera, at
//! most 100 ms at a time, and never on the network.

mod buffers;
mod config;
mod controls;
mod environment;
mod error;
mod list;
mod negotiate;
mod select;
mod session;

use std::sync::atomic::Ordering;
use std::time::Duration;

use self::buffers::{Buffer, Lent, Queued};
pub use self::config::CameraConfig;
pub(crate) use self::config::Setting;
use self::controls::{Entry, Given, Table};
pub use self::environment::use_tuning_file;
pub use self::error::CameraError;
use self::error::{library, listed};
pub use self::list::list;
use self::negotiate::Agreed;
use self::select::Names;
use self::session::Session;
pub use crate::report::ListFormat;
use crate::report::Severity;
use crate::source::{CloseAtEnd, Feed, Report};

/// Whether libcamera is built in.
pub const IS_BUILT_IN: bool = true;

/// The shortest and the longest pause between attempts to get a lost camera back. A camera on USB needs about a
/// second to come up, and each attempt scans the devices.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// Puts the camera's pictures into the feed until its [`stop`](Feed::stop) is asked, then closes the feed.
///
/// Lines for the user go to `report`. Returns an error where the camera cannot be opened and started the first time;
/// [`CameraError::is_usage`] tells whether the command line is at fault. Only one camera may be in use in a process
/// at any time, listing included: libcamera ends the process otherwise.
pub fn run(config: &CameraConfig, feed: &Feed, report: Report<'_>) -> Result<(), CameraError> {
    let _closed = CloseAtEnd(feed);
    // While the camera is opened, we report what fails, in one line.
    environment::with_log(feed, report, || keep(config, feed, report))
}

fn keep(config: &CameraConfig, feed: &Feed, report: Report<'_>) -> Result<(), CameraError> {
    let mut heaps = true;
    let mut known: Option<Names> = None;
    let (mut pause, mut waiting) = (PAUSES.0, false);
    loop {
        match (Session::open(config, &mut known, heaps, report), &known) {
            (Ok(mut session), _) => {
                (pause, waiting) = (PAUSES.0, false);
                let Err(why) = session.serve(feed, report) else {
                    return Ok(());
                };
                // A camera that fails again before its first picture has been reported already.
                if !feed.is_lost.swap(true, Ordering::Relaxed) {
                    report(Severity::Error, format!("{why}; trying again"));
                }
                // Some devices take a heap's buffers and fail to fill them.
                heaps &= feed.captured() > 0;
                // Only now is the camera let go: a device that hangs may keep this thread in the kernel for good.
            }
            // It may not take buffers from a heap.
            (Err(CameraError::Library(..)), None) if heaps => heaps = false,
            (Err(error), None) => return Err(error),
            (Err(CameraError::Absent(_)), Some(Names { model, id, .. })) if !waiting => {
                waiting = true;
                let line = format!(
                    "waiting for the camera {model} ({id}) to be back in its socket; no other is taken in its place"
                );
                report(Severity::Error, line);
            }
            // Still absent, busy, or not all there yet.
            (Err(_), Some(_)) => {}
        }
        // Each attempt starts libcamera anew, which makes it look for devices again. A camera keeps its id in the same
        // socket.
        if feed.stop.sleep(pause) {
            return Ok(());
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}
