//! JPEG: pictures into bytes and bytes into pictures.
//!
//! Encoding is turbojpeg's, from planes as the source laid them out; decoding is `image`'s, within
//! limits, for what strangers send. Both work in strips on several threads where the picture is worth
//! it: the encoder sets a restart marker after each row of units, and a JPEG that has such markers,
//! ours or another's, is decoded in strips.

mod crew;
mod decode;
#[cfg(feature = "send")]
mod encode;
mod error;
mod header;
pub mod markers;
pub mod orientation;
mod standard_tables;
#[cfg(all(test, feature = "send"))]
mod tests;
#[cfg(feature = "send")]
mod turbo;
#[cfg(feature = "send")]
mod turner;

pub use decode::{Decoder, decode_rgb, hush_caught_panics};
#[cfg(feature = "send")]
pub use encode::Encoder;
pub use error::DecodeError;
#[cfg(feature = "send")]
pub use error::{EncodeError, TurnError};
pub use header::{
    Coding, Header, MAX_PIXELS, MAX_PIXELS_IN_SCANS, MAX_SCANS, inspect, inspect_within,
};
#[cfg(feature = "send")]
pub use turner::Turner;

/// The most strips of one picture: beyond eight threads memory, not computing, is what it waits for.
const MAX_STRIPS: usize = 8;

/// The fewest pixels of a strip: below, waking a thread costs more than it saves.
const STRIP_PIXELS: usize = 120_000;
