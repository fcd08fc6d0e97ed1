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

pub use self::encrypted::handshake::{Role, Status};
pub use self::encrypted::key::Key;
pub use self::stamp::{Name, Stamp};
pub use self::wire::{Ack, DEFAULT_MAX_FRAME_BYTES, FrameReader, ReadError};
