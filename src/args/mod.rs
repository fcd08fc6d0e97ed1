//! What both programs' command lines share.
//!
//! [`units`] reads times and sizes, one way for every option; [`camera`] is the camera's
//! part, [`rpicam`] answers options of another tool. The other options are with the side that they are for.

#[cfg(feature = "send")]
pub mod camera;
#[cfg(feature = "send")]
pub mod rpicam;
#[cfg(feature = "send")]
pub mod send;
pub mod units;
#[cfg(feature = "view")]
pub mod view;
