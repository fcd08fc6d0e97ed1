//! The receiving side: one session at a time is read, decoded, shown, recorded.

pub mod received;
