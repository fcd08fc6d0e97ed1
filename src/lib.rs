//! pi-stream: a Raspberry Pi's camera, live on the desktop.
//!
//! ```text
//! camera ─▶ Slot ─▶ encode ─▶ gate ─▶ write ══ TCP ══ read ─▶ Slot ─▶ decode ─▶ Slot ─▶ window
//!  thread   newest    one sending thread              thread    │      thread   newest   main thread
//!           wins      pulls                                     └▶ recorder, stdout, … (every frame)
//! ```
//!
//! [`wire`] and [`stamp`] are the protocol, [`slot`] is how threads hand over, [`frame`] is what they
//! hand over.

pub mod frame;
pub mod jpeg;
pub mod link;
#[cfg(feature = "send")]
pub mod send;
pub mod shell;
pub mod slot;
pub mod stamp;
pub mod stop;
#[cfg(feature = "view")]
pub mod view;
pub mod wire;
