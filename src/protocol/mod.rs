//! What goes over the wire, as `docs/protocol.md` tells it.
//!
//! ```text
//! frame = length, JPEG ◀── wire ──▶ ack        wire    frames, acks, the end marker
//!                 └ comment = stamp            stamp   sequence number, time, quality, name
//! ```
//!
//! Bytes in, values out, and back; no socket, no clock, no thread.

pub mod stamp;
pub mod wire;
