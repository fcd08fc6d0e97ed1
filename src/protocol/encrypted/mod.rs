//! The encrypted layer: what a key adds, as `docs/protocol.md` tells it ("Encrypted").
//!
//! ```text
//! key ──▶ handshake ──▶ records: Sealer, Opener        key         32 bytes that both sides have
//!         hello ─▶ ◀─ answer                           handshake   who speaks to whom; Noise's two messages
//!         message ─▶ ◀─ message                        records     the stream's bytes, sealed piece by piece
//! ```
//!
//! Bytes in, bytes out: whoever has a socket moves them. Nothing is decrypted that does not verify.

pub mod handshake;
pub mod key;
pub mod records;
