//! The receiving side: who may send, what comes, and where it goes.
//!
//! ```text
//! listener ─▶ admission ─▶ reader ─▶ hub ─┬▶ Slot ─▶ decoder ─▶ Slot ─▶ window
//! a thread    candidates   a thread       │          thread            (another room)
//! an address               a link         └▶ sinks (every frame)
//! ```

mod admission;
pub mod decoder;
pub mod event;
#[cfg(test)]
pub(crate) mod fixture;
mod freshness;
pub mod hub;
pub mod listener;
pub mod pulse;
mod reader;
pub mod received;
pub mod receiver;
pub mod seat;
pub mod stats;
