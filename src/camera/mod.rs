//! The camera as a source, through libcamera: opened, served, lost and found again.
//!
//! ```text
//! libcamera's thread ──▶ channel ──▶ camera's thread ──▶ Feed ──▶ sending thread
//!                           ▲       parks the request           reads, drops
//!                           └────────── buffers that come home ──────┘
//!
//! select       which camera                   session   one life of a camera, its requests and pictures
//! negotiate    mode, format, rate, turn       buffers   lent pictures, and their memory
//! controls     checked before they are set    list      --list-cameras
//! environment  libcamera's log, tuning file   missing   stands in where there is no libcamera
//! ```
//!
//! Runs on the source's own thread, which owns all that is libcamera's (its manager and cameras cannot change
//! threads), and puts each picture into the [`Feed`] without copying it. A camera that fails at the first start
//! is an error. One that is lost later is reported once, released, and tried again until it is back: that very one,
//! by its id, for another might look at what nobody is to see. Knows no socket and no JPEG; blocks on the camera, at
//! most 100 ms at a time, and never on the network.

mod buffers;
mod controls;
mod environment;
mod list;
mod negotiate;
mod select;
mod session;

use std::cell::OnceCell;
use std::fmt::Display;
use std::{io, mem};

use self::buffers::{Buffer, Lent, Queued};
use self::controls::{Entry, Table};
pub use self::environment::use_tuning_file;
pub use self::list::list;
use self::negotiate::Agreed;
use self::session::Session;
use crate::report::Severity;
use crate::source::Feed;
use crate::source::camera::{CameraConfig, CameraError, Names, Result, Setting};
use crate::source::keep::keep;

/// Whether libcamera is built in.
pub const IS_BUILT_IN: bool = true;

/// Puts the camera's pictures into the feed until its [`stop`](Feed::stop) is asked.
///
/// Returns an error where the camera cannot be opened and started the first time; [`CameraError::is_usage`] tells
/// whether the command line is at fault. Only one camera may be in use in a process at any time, listing included:
/// libcamera ends the process otherwise.
pub fn run(config: &CameraConfig, feed: &Feed) -> Result<()> {
    let known = OnceCell::new();
    let (mut heaps, mut waiting) = (true, false);
    // Each attempt starts libcamera anew, which makes it look for devices again. A camera keeps its id in the same
    // socket.
    let serve = || {
        let mut opened = Session::open(config, &known, heaps, feed);
        if heaps && known.get().is_none() && matches!(opened, Err(CameraError::Library(..))) {
            // It may not take buffers from a heap.
            heaps = false;
            opened = Session::open(config, &known, heaps, feed);
        }
        if let (Err(CameraError::Absent(_)), Some(Names { model, id, .. })) = (&opened, known.get())
        {
            if !mem::replace(&mut waiting, true) {
                let line = format!(
                    "waiting for the camera {model} ({id}) to be back in its socket; no other is taken in its place"
                );
                feed.report(Severity::Error, line);
            }
        }
        let mut session = opened?;
        waiting = false;
        session.serve(feed).inspect_err(|why| {
            feed.lose(why);
            // Some devices take a heap's buffers and fail to fill them.
            heaps &= feed.captured() > 0;
            // Only now is the camera let go: a device that hangs may keep this thread in the kernel for good.
        })
    };
    // While the camera is opened, we report what fails, in one line.
    environment::with_log(feed, || keep(feed, || known.get().is_some(), serve))
}

/// Adds what was attempted, as a verb, to libcamera's error.
fn library(doing: &'static str) -> impl Fn(io::Error) -> CameraError {
    move |source| CameraError::Library(doing, source)
}

/// The items in a line; "none" without any.
fn listed(items: impl IntoIterator<Item = impl Display>) -> String {
    let items = items.into_iter().map(|item| item.to_string());
    let items = Vec::from_iter(items).join(", ");
    let listed = Some(items).filter(|items| !items.is_empty());
    listed.unwrap_or("none".into())
}
