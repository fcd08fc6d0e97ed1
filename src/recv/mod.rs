//! The receiving side: who may send, and what comes.
//!
//! ```text
//! listener ─▶ admission ─▶ reader ─▶ cameras ─┬▶ Slot (newest of each) ─▶ decoder ─▶ window
//! a thread    candidates   a thread   places,  │                        └▶ or a program: receiver
//! an address               a link     sessions └▶ sink (every frame)
//! ```
//!
//! With a key, a candidate proves it before anything of it is read. A sender that listens is dialled, and its link read
//! like those of senders that dial: `dialling`. A `session` is one sender's connection, in one of the places
//! of `cameras`; `camera` has the figures of a place; a `frame` answers its sender by what becomes of it. It knows neither windows nor files.

pub mod admission;
pub mod camera;
pub mod cameras;
pub mod decoder;
pub mod dialling;
pub mod event;
pub mod frame;
mod reader;
pub mod receiver;
pub mod session;
pub mod stall;

pub(crate) use self::camera::{Counts, Recorded};
pub use self::cameras::{Cameras, Config};
use self::event::{End, Event, Kind};
pub use self::frame::{ClockOff, Decoded, Frame, Received};
pub(crate) use self::session::{Identity, Session};
use self::stall::StallDetector;
