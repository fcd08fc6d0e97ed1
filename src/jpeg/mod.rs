//! JPEG: pictures into bytes and bytes into pictures.
//!
//! Encoding is turbojpeg's, from planes as the source laid them out; decoding is `image`'s, within
//! limits, for what strangers send.

pub mod markers;
pub mod orientation;
