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
//! of: [`wire`] and [`stamp`] are the protocol (`docs/protocol.md` tells it to strangers), [`slot`] is how
//! threads hand over, [`picture`] is what they hand over, [`jpeg`] encodes and decodes, [`net`] knows sockets;
//! `source` makes pictures without a camera; [`send`] and [`view`] are the two sides, and never meet.

pub mod args;
// libcamera is Linux's alone. This is the only place that asks: where it is missing, another module of the same
// interface says so.
#[cfg(feature = "send")]
#[cfg_attr(
    not(all(feature = "camera", target_os = "linux")),
    path = "camera/missing.rs"
)]
pub mod camera;
pub mod jpeg;
mod lock;
// A build of one side leaves the other's half of a link unused.
#[cfg_attr(
    not(all(feature = "send", feature = "view")),
    allow(dead_code, reason = "the other side's")
)]
pub mod net;
pub mod picture;
pub mod report;
#[cfg(feature = "send")]
pub mod send;
pub mod shell;
pub mod slot;
#[cfg(feature = "send")]
pub mod source;
pub mod stamp;
pub mod stop;
#[cfg(feature = "view")]
pub mod view;
pub mod windowed;
pub mod wire;

#[cfg(feature = "send")]
pub use send::sender::Sender;
#[cfg(feature = "view")]
pub use view::receiver::{Frame, Receiver};
