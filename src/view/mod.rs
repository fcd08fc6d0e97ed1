//! The receiving side: one session at a time is read, decoded, shown, recorded.

mod admission;
pub mod allow;
pub mod decoder;
pub mod desk;
pub mod event;
pub mod files;
#[cfg(test)]
mod fixture;
mod freshness;
pub mod host;
pub mod hub;
pub mod listener;
pub mod options;
pub mod output;
mod paint;
pub mod picture_options;
pub mod pulse;
pub mod queue;
mod reader;
pub mod received;
pub mod receiver;
pub mod record;
pub mod seat;
pub mod sinks;
pub mod snapshot;
pub mod stats;
pub mod talk;
pub mod window;
pub mod window_options;
mod worker;
