//! pi-stream: a Raspberry Pi's camera, live on another machine.
//!
//! [`Receiver`] listens, and is an iterator of [`Frame`]s: the newest of each camera that sends. [`Sender`] sends the
//! pictures that a program has made. The other ends are the programs `pi-send` and `view-recv`, or anything that
//! follows the protocol of the picamera tutorial (`docs/protocol.md`).
//!
//! ```text
//! camera ─▶ Slot ─▶ encoder stage ─▶ outlet: gate ─▶ Link ══ TCP ══ Link ─▶ Slot ─▶ decoder ─▶ Slot ─▶ window
//!  thread   newest  encodes once     one a receiver        thread     │       thread  newest   main thread
//!           wins                                                      └▶ recorder, snapshots, stdout (every frame)
//! ```
//!
//! Features: `send` and `recv` are the two sides of the library, `view` and `camera` what the programs need beside
//! them.

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the rooms' documentation is for who reads the code"
)]
// A build of one program leaves unused what the other alone needs of their common rooms.
#![cfg_attr(
    not(all(feature = "send", feature = "view")),
    allow(dead_code, unused_imports, reason = "the other program's")
)]

// What the two programs are made of; to other programs it promises nothing. `docs/contributing.md` shows the way
// through it.
#[doc(hidden)]
pub mod args;
// libcamera is Linux's alone. This is the only place that asks: where it is missing, another module of the same
// interface says so.
#[cfg(feature = "send")]
#[cfg_attr(
    not(all(feature = "camera", target_os = "linux")),
    path = "camera/missing.rs"
)]
#[doc(hidden)]
pub mod camera;
#[doc(hidden)]
pub mod handoff;
#[doc(hidden)]
pub mod jpeg;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod picture;
#[doc(hidden)]
pub mod protocol;
#[cfg(feature = "recv")]
#[doc(hidden)]
pub mod recv;
#[doc(hidden)]
pub mod report;
#[cfg(feature = "send")]
#[doc(hidden)]
pub mod send;
#[cfg(feature = "view")]
#[doc(hidden)]
pub mod sinks;
#[cfg(feature = "send")]
#[doc(hidden)]
pub mod source;
#[cfg(feature = "view")]
#[doc(hidden)]
pub mod window;

#[cfg(feature = "recv")]
pub use self::{
    jpeg::DecodeError,
    protocol::stamp::{Name, Stamp},
    recv::frame::{ClockOff, Frame, Received},
    recv::receiver::{Receiver, ReceiverOptions},
};
pub use self::{
    net::{ListenError, StartError, key_file::KeyFileError},
    protocol::encrypted::key::Key,
};
#[cfg(feature = "send")]
pub use self::{
    picture::{Picture, PixelFormat, Pixels, Plane},
    send::Sender,
};
