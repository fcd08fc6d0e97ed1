//! The way from a source to the sending thread: a slot for pictures, and what both say to each other and to the user.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

use super::camera::CameraError;
use crate::handoff::{Reason, Slot, Stop, lock};
use crate::picture::{Captured, Content, Turn};
use crate::report::Severity;

/// Where lines for the user go.
pub type Report<'a> = &'a (dyn Fn(Severity, String) + Sync);

/// What happens to a picture for which the link has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// The next picture takes its place.
    #[default]
    NewestWins,
    /// The source waits.
    EveryFrame,
}

/// What a camera says of the last picture that it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Shot {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_us: Option<u32>,
    /// Analogue gain, as a factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f32>,
    /// Lens position in dioptres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens_position: Option<f32>,
    /// Frames that the camera took and had no buffer for, since it started, by its own count.
    #[serde(skip)]
    pub missed: u64,
}

/// The way from a source to the sending thread. Shared between the two by `Arc`.
#[derive(Default)]
pub struct Feed {
    /// Where the sending thread takes from. It is closed when the source has no more.
    pub slot: Slot<Captured>,
    delivery: Delivery,
    /// Where the source's lines for the user go; `None`: nowhere.
    pub report: Option<Box<dyn Fn(Severity, String) + Send + Sync>>,
    captured: AtomicU64,
    shot: Mutex<Option<Shot>>,
    /// Whether the camera is lost.
    pub is_lost: AtomicBool,
    has_link: AtomicBool,
    waiting_for_link: AtomicBool,
    /// The source's own stop flag, and what it sleeps by.
    pub stop: Stop,
}

impl Feed {
    /// An open feed.
    pub fn new(delivery: Delivery) -> Self {
        Feed {
            delivery,
            ..Feed::default()
        }
    }

    /// Tells the user.
    pub fn report(&self, severity: Severity, line: String) {
        if let Some(report) = &self.report {
            report(severity, line);
        }
    }

    /// Puts a picture in; `false` once the source is to end.
    pub(crate) fn put(&self, captured: Captured) -> bool {
        self.captured.fetch_add(1, Ordering::Relaxed);
        if self.delivery == Delivery::EveryFrame {
            self.slot.wait_until_empty();
        }
        // What was displaced is dropped here, on the source's thread and outside the lock.
        drop(self.slot.put(captured));
        !self.stop.is_asked()
    }

    /// Puts in a picture that was made just now; `false` once the source is to end.
    pub(crate) fn put_new(&self, turn: Turn, content: Content) -> bool {
        let at = Instant::now();
        self.put(Captured { at, turn, content })
    }

    /// Puts a camera's picture in, with what the camera says of it. One that was lost is back then.
    pub fn put_shot(&self, captured: Captured, shot: Shot) {
        *lock(&self.shot) = Some(shot);
        if self.is_lost.swap(false, Ordering::Relaxed) {
            self.report(Severity::Info, "the camera is back".into());
        }
        self.put(captured);
    }

    /// Says that the camera is lost, once until it is back.
    pub fn lose(&self, why: &CameraError) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            self.report(Severity::Error, format!("{why}; trying again"));
        }
    }

    /// Says that there is a first connection.
    pub fn link_stands(&self) {
        self.has_link.store(true, Ordering::Relaxed);
        self.stop.nudge();
    }

    /// Waits for the first connection: a recording does not play to nobody. `false` where the source is to end.
    pub(crate) fn wait_for_link(&self) -> bool {
        self.waiting_for_link.store(true, Ordering::Relaxed);
        let stands = || self.has_link.load(Ordering::Relaxed).then_some(());
        self.stop.sleep_or(None, stands).is_some()
    }

    /// Whether the source gives its first picture only to a connection. (Once there was one, it gives them anyway.)
    pub(crate) fn is_waiting_for_link(&self) -> bool {
        self.waiting_for_link.load(Ordering::Relaxed) && !self.has_link.load(Ordering::Relaxed)
    }

    /// Ends the source from the sending side.
    pub fn end(&self) {
        self.stop.ask(Reason::Done);
        self.slot.close();
        drop(self.slot.take());
    }

    /// What the camera reported last; `None` without a camera.
    pub fn shot(&self) -> Option<Shot> {
        *lock(&self.shot)
    }

    /// How many pictures the source has made so far.
    pub(crate) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }
}

/// Closes the slot when it is dropped, even where the source panics: the sending thread must not wait for a source
/// that has ended.
pub struct CloseAtEnd<'a>(pub &'a Feed);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.slot.close();
    }
}
