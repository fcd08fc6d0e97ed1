//! What both programs' command lines share.
//!
//! [`units`] reads times and sizes, one way for every option; [`rpicam`] answers options of another tool.
//! The options themselves are with the side that they are for.

#[cfg(feature = "send")]
pub mod rpicam;
pub mod units;
