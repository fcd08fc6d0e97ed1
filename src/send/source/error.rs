//! Why a source ends with no more pictures than it gave: values, positions and what to do.
//!
//! Positions count bytes from the start of the stream. What the system said is the error's source, not
//! its text. Whoever knows the source's name adds it; nothing here prints.

use std::fmt;
use std::io;

use super::mjpeg::MjpegError;
use super::test::MAX_SIDE;
use super::y4m::Y4mError;

/// Why a source failed.
#[derive(Debug)]
pub enum SourceError {
    /// A test picture of this size cannot be made.
    Size {
        /// In pixels, as asked.
        width: u32,
        /// In pixels, as asked.
        height: u32,
    },
    /// The file could not be opened.
    Open(io::Error),
    /// Reading failed.
    Read {
        /// After this many bytes.
        at: u64,
        /// What the system said.
        source: io::Error,
    },
    /// There was not one whole frame in it.
    NoFrame {
        /// How many bytes were read.
        bytes: u64,
    },
    /// It is no MJPEG any more.
    Mjpeg(MjpegError),
    /// It begins as YUV4MPEG2 and does not go on so.
    Y4m(Y4mError),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Size { width, height } => write!(
                f,
                "a test picture of {width}x{height} was asked for; each side can have 1 to {MAX_SIDE} pixels"
            ),
            SourceError::Open(_) => f.write_str("it cannot be opened"),
            SourceError::Read { at, .. } => write!(f, "reading failed at byte {at}"),
            SourceError::NoFrame { bytes } => write!(
                f,
                "no whole frame in {bytes} bytes; MJPEG or YUV4MPEG2 was expected \
                 (ffmpeg makes both of any video: ffmpeg -i VIDEO -f mjpeg -q:v 3 - | pi-send --source - …)"
            ),
            SourceError::Mjpeg(e) => e.fmt(f),
            SourceError::Y4m(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SourceError::Open(source) | SourceError::Read { source, .. } => Some(source),
            // What the readers say is told whole, and nothing is behind it.
            SourceError::Mjpeg(_) | SourceError::Y4m(_) => None,
            SourceError::Size { .. } | SourceError::NoFrame { .. } => None,
        }
    }
}

impl From<MjpegError> for SourceError {
    fn from(e: MjpegError) -> Self {
        SourceError::Mjpeg(e)
    }
}

impl From<Y4mError> for SourceError {
    fn from(e: Y4mError) -> Self {
        SourceError::Y4m(e)
    }
}
