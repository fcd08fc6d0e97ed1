//! The receiving side: one session at a time is read, decoded, shown, recorded.

pub mod host;
mod paint;
pub mod received;
pub mod window;
pub mod window_options;
