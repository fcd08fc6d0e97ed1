//! The sending side: sources make pictures, one thread encodes the newest and writes it.

pub mod acks;
#[cfg(all(feature = "camera", target_os = "linux"))]
pub mod camera;
pub mod camera_options;
pub mod gate;
pub mod quality;
pub mod source;
pub mod windowed;
