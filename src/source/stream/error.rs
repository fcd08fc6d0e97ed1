//! Why a stream ends with no more pictures than it gave: values, positions and what to do.
//!
//! Positions count bytes from the start of the stream. What the system said is the error's source, not
//! its text. Whoever knows the stream's name adds it; nothing here prints.

use std::io;

use super::mjpeg::MAX_FRAME_BYTES;
use super::y4m::MAX_LINE;

/// Why a stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The file could not be opened.
    #[error("it cannot be opened")]
    Open(#[source] io::Error),
    /// Reading failed after so many bytes.
    #[error("reading failed at byte {at}")]
    Read { at: u64, source: io::Error },
    /// No whole frame came before the end, or for so long that more will hardly help.
    #[error(
        "no whole frame in {bytes} bytes after byte {after}; MJPEG of at most {MAX_FRAME_BYTES} bytes a frame, \
         or YUV4MPEG2, was expected (ffmpeg makes both of any video: \
         ffmpeg -i VIDEO -f mjpeg -q:v 3 - | pi-send --source - …)"
    )]
    NoFrame { bytes: u64, after: u64 },
    /// The header of YUV4MPEG2 describes what is not read.
    #[error("the YUV4MPEG2 header says {found:?}, and {expected} are read")]
    Header { found: String, expected: String },
    /// Where a frame should begin, there is no line of YUV4MPEG2, or one without an end.
    #[error(
        "\"FRAME\", in a line of at most {MAX_LINE} bytes, was expected at byte {at} of the YUV4MPEG2 stream"
    )]
    Line { at: u64 },
}
