//! The sending side: sources make pictures, one thread encodes the newest and writes it.
//!
//! [`source`] is where pictures come from, [`session`] pulls them through the `press` and the
//! [`gate`] onto a `connection`, [`acks`] and `lifeline` watch what becomes of them, [`options`] is the
//! command line, [`stats`] the figures.

pub mod acks;
mod backoff;
#[cfg(all(feature = "camera", target_os = "linux"))]
pub mod camera;
pub mod camera_options;
mod connection;
pub mod event;
pub mod gate;
mod interval;
mod lifeline;
pub mod options;
mod press;
pub mod quality;
pub mod sender;
pub mod session;
pub mod source;
pub mod stats;
pub mod windowed;
