//! JPEG: pictures into bytes and bytes into pictures.
//!
//! ```text
//! picture ─▶ encode ─▶ JPEG                 markers      the walk from marker to marker
//!              strips on workers            header       what an untrusted JPEG claims, checked
//! JPEG ─▶ header ─▶ decode ─▶ bitmap        orientation  Exif's: shown turned, not encoded again
//! JPEG ─▶ encode ─▶ JPEG, turned
//! ```
//!
//! Encoding is turbojpeg's, from planes as the source laid them out; decoding is `image`'s, within
//! limits, since its input is untrusted. Both work in strips on several threads where the picture is worth
//! it: the encoder sets a restart marker after each row of units, and a JPEG that has such markers,
//! ours or another's, is decoded in strips.

mod decode;
#[cfg(feature = "send")]
mod encode;
mod error;
mod header;
pub mod markers;
pub mod orientation;
#[cfg(all(test, feature = "send"))]
mod tests;

pub(crate) use decode::decode_rgb;
pub use decode::{Decoder, silence_caught_panics};
#[cfg(feature = "send")]
pub use encode::Encoder;
pub use error::{DecodeError, EncodeError};
pub(crate) use header::MAX_PIXELS_IN_SCANS;
pub use header::{Header, MAX_PIXELS, MAX_SCANS, inspect};

/// The most strips of one picture: beyond eight threads memory, not computing, is what it waits for.
const MAX_STRIPS: usize = 8;

/// The fewest pixels of a strip: below, waking a thread costs more than it saves.
const STRIP_PIXELS: usize = 120_000;
