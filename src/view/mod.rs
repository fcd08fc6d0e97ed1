//! The receiving side: one session at a time is read, decoded, shown, recorded.

mod acker;
pub mod event;
pub mod files;
#[cfg(test)]
mod fixture;
pub mod host;
pub mod output;
mod paint;
pub mod picture_options;
pub mod queue;
pub mod received;
pub mod record;
pub mod seat;
pub mod snapshot;
pub mod window;
pub mod window_options;
mod worker;
