//! Why a stream ends with no more pictures than it gave: values, positions and what to do.
//!
//! Positions count bytes from the start of the stream. What the system said is the error's source, not
//! its text. Whoever knows the stream's name adds it; nothing here prints.

use std::fmt;
use std::io;

use super::mjpeg::MAX_FRAME_BYTES;
use super::y4m::MAX_LINE;

/// Why a stream cannot be read on.
#[derive(Debug)]
pub enum StreamError {
    /// The file could not be opened.
    Open(io::Error),
    /// Reading failed.
    Read {
        /// After this many bytes.
        at: u64,
        /// What the system said.
        source: io::Error,
    },
    /// No whole frame came before the end, or for so long that more will hardly help.
    NoFrame {
        /// In so many bytes.
        bytes: u64,
        /// Where they begin.
        after: u64,
    },
    /// The header of YUV4MPEG2 describes what is not read.
    Header {
        /// What it says.
        found: String,
        /// What it may say.
        expected: String,
    },
    /// No line of YUV4MPEG2 stands where a frame has to begin, or one that does not end.
    Line {
        /// Where it begins.
        at: u64,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use StreamError as E;
        match self {
            E::Open(_) => f.write_str("it cannot be opened"),
            E::Read { at, .. } => write!(f, "reading failed at byte {at}"),
            E::NoFrame { bytes, after } => write!(
                f,
                "no whole frame in {bytes} bytes after byte {after}; MJPEG of at most {MAX_FRAME_BYTES} bytes a frame, \
                 or YUV4MPEG2, was expected (ffmpeg makes both of any video: \
                 ffmpeg -i VIDEO -f mjpeg -q:v 3 - | pi-send --source - …)"
            ),
            E::Header { found, expected } => write!(
                f,
                "the YUV4MPEG2 header says {found:?}, and {expected} are read"
            ),
            E::Line { at } => write!(
                f,
                "\"FRAME\", in a line of at most {MAX_LINE} bytes, was expected at byte {at} of the YUV4MPEG2 stream"
            ),
        }
    }
}

impl std::error::Error for StreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StreamError::Open(source) | StreamError::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
