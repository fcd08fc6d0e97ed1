//! Why a JPEG could not be decoded or made, in words for a log line.
//!
//! Numbers and a cause; whoever reports it adds the peer. None of them is worth a retry with the same
//! bytes; all of them leave decoder and encoder fit for the next picture.

use std::fmt;

use super::markers::MAX_SIDE;

/// Why a JPEG was not decoded.
#[derive(Debug)]
pub enum DecodeError {
    /// It does not start as a JPEG does.
    NotJpeg,
    /// It ends before its picture does.
    Truncated,
    /// Its parts contradict each other; says which.
    Damaged(&'static str),
    /// It is coded in a way that is not decoded here; says which.
    Unsupported(&'static str),
    /// It is larger than what is decoded.
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The most pixels that a JPEG coded like this may have.
        limit: u64,
    },
    /// `image` gave up on it.
    Image(image::ImageError),
    /// `image` panicked over it; caught.
    Panicked,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::NotJpeg => f.write_str("not a JPEG: it does not start with FF D8"),
            DecodeError::Truncated => f.write_str("the JPEG ends before its picture does"),
            DecodeError::Damaged(how) => write!(f, "the JPEG is damaged: {how}"),
            DecodeError::Unsupported(what) => write!(
                f,
                "the JPEG has {what}; baseline and progressive JPEGs in YCbCr or gray with 8 bits are shown"
            ),
            DecodeError::TooLarge {
                width,
                height,
                limit,
            } => write!(
                f,
                "the JPEG is {width}x{height}; at most {MAX_SIDE} pixels a side and {limit} in all are decoded"
            ),
            DecodeError::Image(_) => f.write_str("the JPEG does not decode"),
            DecodeError::Panicked => f.write_str("the JPEG does not decode: the decoder panicked"),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DecodeError::Image(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a picture was not encoded.
#[cfg(feature = "send")]
#[derive(Debug)]
pub enum EncodeError {
    /// A side is 0 or more than a JPEG can have.
    Size {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A plane holds fewer bytes, or shorter rows, than the picture's size and format ask for.
    ShortPlane {
        /// Which plane, counted from 0.
        plane: usize,
        /// What it holds, in bytes.
        bytes: usize,
        /// Its stride, in bytes.
        stride: usize,
    },
    /// A quality that is not 1 to 100.
    Quality(u8),
    /// A JPEG that is to be turned does not decode.
    Jpeg(DecodeError),
    /// libjpeg-turbo gave up; its own words.
    Turbo(String),
}

#[cfg(feature = "send")]
impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Size { width, height } => write!(
                f,
                "a picture of {width}x{height} cannot be a JPEG; each side has 1 to {MAX_SIDE} pixels"
            ),
            EncodeError::ShortPlane {
                plane,
                bytes,
                stride,
            } => write!(
                f,
                "plane {plane} with {bytes} bytes in rows of {stride} is too small for its picture"
            ),
            EncodeError::Quality(quality) => {
                write!(f, "quality {quality}: a JPEG's quality is 1 to 100")
            }
            EncodeError::Jpeg(_) => f.write_str("the JPEG to be turned does not decode"),
            EncodeError::Turbo(words) => write!(f, "libjpeg-turbo: {words}"),
        }
    }
}

#[cfg(feature = "send")]
impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            EncodeError::Jpeg(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(feature = "send")]
impl From<DecodeError> for EncodeError {
    fn from(error: DecodeError) -> Self {
        EncodeError::Jpeg(error)
    }
}
