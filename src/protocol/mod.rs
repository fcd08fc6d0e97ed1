//! What goes over the wire (`docs/protocol.md`): [`wire`] frames and acks, [`stamp`] the comment that a frame bears.
//!
//! Bytes in, values out, and back; no socket, no clock, no thread.

pub mod stamp;
pub mod wire;
