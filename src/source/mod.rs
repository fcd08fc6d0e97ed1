//! Where pictures come from when there is no camera, and the way that every source's pictures take.
//!
//! ```text
//! test_picture ─┐ draws                         ┌─ stream::reader   which format? where in the stream?
//! stream ───────┼─▶ Feed: a Slot ─▶ sender      ├─ stream::mjpeg    JPEGs as they are
//! rpicam ───────┤   newest wins, or every one   └─ stream::y4m      raw pictures
//! (camera) ─────┘
//! ```
//!
//! What both ways to a camera need stands here too: `camera` (what is asked for, and why there are no pictures),
//! `keep` (lost and tried again), `clock` (when a stamp was), `log` (what its software says), `thinner` (which pictures
//! are due), `tuning` (where a sensor's tuning file is).
//!
//! Each source runs on a thread of its own, blocks on its camera, its clock (`pace`) or its file, and
//! puts its pictures into a [`Feed`], by which it also reports. It never waits for the network, except where every
//! frame counts ([`Delivery::EveryFrame`]). It ends when the feed says so, or when it has no more; who runs it closes
//! the feed then.
//! This room knows no libcamera, no encoder and no socket; pi-send chooses a source.

pub mod camera;
#[cfg(target_os = "linux")]
pub(crate) mod clock;
mod feed;
#[cfg(target_os = "linux")]
pub(crate) mod keep;
#[cfg(target_os = "linux")]
pub(crate) mod log;
mod pace;
#[cfg(target_os = "linux")]
pub mod rpicam;
pub mod stream;
pub mod test_picture;
#[cfg(target_os = "linux")]
pub(crate) mod thinner;
#[cfg(target_os = "linux")]
pub(crate) mod tuning;

pub use self::feed::{CloseAtEnd, Delivery, Feed, Report, Shot};
pub(crate) use self::pace::DEFAULT_FPS;

/// Pictures that a source has under way at once: one being made, one in the slot, one being encoded or sent.
pub(crate) const UNDER_WAY: usize = 3;
