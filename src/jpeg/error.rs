//! Why a JPEG could not be decoded or made, in words for a log line.
//!
//! Numbers and a cause; the session that reports it adds the peer. None of them is worth a retry with the same
//! bytes; all of them leave decoder and encoder fit for the next picture.

use super::markers::MAX_SIDE;

/// Why a JPEG was not decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It does not start as a JPEG does.
    #[error("not a JPEG: it does not start with FF D8")]
    NotJpeg,
    /// It ends before its picture does.
    #[error("the JPEG ends before its picture does")]
    Truncated,
    /// Its parts contradict each other; says which.
    #[error("the JPEG is damaged: {0}")]
    Damaged(&'static str),
    /// It is coded in a way that is not decoded here; says which.
    #[error(
        "the JPEG has {0}; baseline and progressive JPEGs in YCbCr or gray with 8 bits are shown"
    )]
    Unsupported(&'static str),
    /// Its size in pixels, and the most pixels that a JPEG coded like this may have.
    #[error(
        "the JPEG is {width}x{height}; at most {MAX_SIDE} pixels a side and {limit} in all are decoded"
    )]
    TooLarge { width: u32, height: u32, limit: u64 },
    /// `image` gave up on it.
    #[error("the JPEG does not decode")]
    Image(#[from] image::ImageError),
    /// `image` panicked over it; caught.
    #[error("the JPEG does not decode: the decoder panicked")]
    Panicked,
}

/// Why a picture was not encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A side is 0 or more than a JPEG can have.
    #[error("a picture of {width}x{height} cannot be a JPEG; each side has 1 to {MAX_SIDE} pixels")]
    Size { width: u32, height: u32 },
    /// A plane, counted from 0, holds fewer bytes, or shorter rows, than the picture's size and format ask for.
    #[error("plane {plane} with {bytes} bytes in rows of {stride} is too small for its picture")]
    ShortPlane {
        plane: usize,
        bytes: usize,
        stride: usize,
    },
    /// A JPEG that is to be turned does not decode.
    #[error("the JPEG to be turned does not decode")]
    Jpeg(#[from] DecodeError),
    /// libjpeg-turbo gave up; its own words.
    #[error("libjpeg-turbo: {0}")]
    Turbo(String),
}
