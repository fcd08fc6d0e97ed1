//! What goes over the wire, as `docs/protocol.md` tells it.
//!
//! ```text
//! frame = length, JPEG ◀── wire ──▶ ack        wire    frames, acks, the end marker
//!                 └ comment = stamp            stamp   sequence number, time, quality, name
//! the same, sealed with a key: encrypted
//! ```
//!
//! Bytes in, values out, and back; no socket, no clock, no thread.

pub mod encrypted;
pub mod stamp;
pub mod wire;
