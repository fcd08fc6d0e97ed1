//! The receiving side: one session at a time is read, decoded, shown, recorded.

pub mod files;
#[cfg(test)]
mod fixture;
pub mod output;
pub mod picture_options;
pub mod queue;
pub mod received;
pub mod record;
pub mod snapshot;
