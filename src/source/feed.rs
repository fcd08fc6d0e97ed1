//! The way from a source to the sending thread: a slot for pictures, and what both say to each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::handoff::lock::lock;
use crate::handoff::slot::Slot;
use crate::handoff::stop::{Reason, Stop};
use crate::picture::Captured;

/// How often a source that waits for the link looks at its stop flag.
const LOOK: Duration = Duration::from_millis(50);

/// What happens to a picture for which the link has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The next picture takes its place.
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
pub struct Feed {
    slot: Slot<Captured>,
    delivery: Delivery,
    captured: AtomicU64,
    shot: Mutex<Option<Shot>>,
    lost: Mutex<Option<String>>,
    link: Stop,
    waiting_for_link: AtomicBool,
    stop: Stop,
}

impl Feed {
    /// An open feed.
    pub fn new(delivery: Delivery) -> Self {
        Feed {
            slot: Slot::new(),
            delivery,
            captured: AtomicU64::new(0),
            shot: Mutex::default(),
            lost: Mutex::default(),
            link: Stop::new(),
            waiting_for_link: AtomicBool::new(false),
            stop: Stop::new(),
        }
    }

    /// Puts a picture in; `false` once the source is to end.
    pub(crate) fn put(&self, captured: Captured) -> bool {
        self.captured.fetch_add(1, Ordering::Relaxed);
        match self.delivery {
            // What was displaced is dropped here, on the source's thread and outside the lock.
            Delivery::NewestWins => drop(self.slot.put(captured)),
            Delivery::EveryFrame => drop(self.slot.put_when_empty(captured)),
        }
        !self.stop.is_asked()
    }

    pub(crate) fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Says that there is a first connection.
    pub(crate) fn link_stands(&self) {
        self.link.ask(Reason::Done);
    }

    /// Waits for the first connection: a recording does not play to nobody. `false` where the source is to end.
    pub(crate) fn wait_for_link(&self) -> bool {
        self.waiting_for_link.store(true, Ordering::Relaxed);
        while !self.link.sleep(LOOK) {
            if self.stop.is_asked() {
                return false;
            }
        }
        true
    }

    /// Whether the source gives its first picture only to a connection. (Once there was one, it gives them anyway.)
    pub(crate) fn is_waiting_for_link(&self) -> bool {
        self.waiting_for_link.load(Ordering::Relaxed) && !self.link.is_asked()
    }

    /// The source's own stop flag, and what it sleeps by.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Ends the source from the sending side.
    pub fn end(&self) {
        self.stop.ask(Reason::Done);
        self.slot.close();
        drop(self.slot.take());
    }

    /// Says what the camera reports of its last picture.
    pub fn report_shot(&self, shot: Shot) {
        *lock(&self.shot) = Some(shot);
    }

    /// What the camera reported last; `None` without a camera.
    pub fn shot(&self) -> Option<Shot> {
        *lock(&self.shot)
    }

    /// Says that the camera is lost and why, or (`None`) that it is back.
    pub fn report_lost(&self, why: Option<String>) {
        *lock(&self.lost) = why;
    }

    /// Why the camera is lost, while it is.
    pub fn lost(&self) -> Option<String> {
        lock(&self.lost).clone()
    }

    /// A guard that closes the slot when it is dropped, even where the source panics: the sending thread must
    /// not wait for a source that has ended.
    pub(crate) fn close_at_end(&self) -> CloseAtEnd<'_> {
        CloseAtEnd(self)
    }

    /// How many pictures the source has made so far.
    pub(crate) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }

    /// Where the sending thread takes from. The source closes it when it has no more.
    pub fn slot(&self) -> &Slot<Captured> {
        &self.slot
    }
}

pub(crate) struct CloseAtEnd<'a>(&'a Feed);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.slot.close();
    }
}
