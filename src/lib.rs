//! pi-stream: a Raspberry Pi's camera, live on the desktop.
//!
//! ```text
//! camera ─▶ Slot ─▶ encode ─▶ gate ─▶ write ══ TCP ══ read ─▶ Slot ─▶ decode ─▶ Slot ─▶ window
//!  thread   newest    one sending thread              thread    │      thread   newest   main thread
//!           wins      pulls                                     └▶ recorder, stdout, … (every frame)
//! ```
//!
//! The programs are `pi-send` and `view-recv`. Other programs use [`Receiver`], frames as an iterator, and
//! [`Sender`], which sends pictures that a program has made. The rooms below are what all of them are built
//! of: [`protocol`] is the wire (`docs/protocol.md` tells it to strangers), [`handoff`] is how
//! threads hand over, [`picture`] is what they hand over, [`jpeg`] encodes and decodes, [`net`] knows sockets;
//! `source` makes pictures without a camera; [`send`] and [`recv`] are the two sides, and never meet.

pub mod args;
// libcamera is Linux's alone. This is the only place that asks: where it is missing, another module of the same
// interface says so.
#[cfg(feature = "send")]
#[cfg_attr(
    not(all(feature = "camera", target_os = "linux")),
    path = "camera/missing.rs"
)]
pub mod camera;
pub mod handoff;
pub mod jpeg;
// A build of one side leaves the other's half of a link unused.
#[cfg_attr(
    not(all(feature = "send", feature = "recv")),
    allow(dead_code, reason = "the other side's")
)]
pub mod net;
pub mod picture;
pub mod protocol;
#[cfg(feature = "recv")]
#[cfg_attr(
    not(feature = "view"),
    allow(dead_code, reason = "what sinks and the window ask")
)]
pub mod recv;
pub mod report;
#[cfg(feature = "send")]
pub mod send;
#[cfg(feature = "view")]
pub mod sinks;
#[cfg(feature = "send")]
pub mod source;
#[cfg(feature = "view")]
pub mod window;

#[cfg(feature = "recv")]
pub use recv::frame::Frame;
#[cfg(feature = "recv")]
pub use recv::receiver::Receiver;
#[cfg(feature = "send")]
pub use send::Sender;
