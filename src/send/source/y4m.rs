//! YUV4MPEG2: a line that describes the stream, then for each frame a line and its planes.
//!
//! Eight bits a sample, 4:2:0 in all its sitings, 4:2:2, 4:4:4 and mono; anything else is refused by
//! name. The samples' range is limited unless the header says `XCOLORRANGE=FULL`, whatever the chroma
//! is called: `C420jpeg` tells where chroma sits, and ffmpeg writes it for limited pictures, too. The
//! format has no word for the matrix; BT.601 is what its tools assume. Pure: bytes in, planes out; no
//! I/O, and memory follows what arrives, never what a header announces.

use std::fmt;

use super::picture::Shape;
use crate::frame::{Matrix, PixelFormat, Range};

/// What a stream begins with.
pub const MAGIC: &[u8] = b"YUV4MPEG2 ";

/// What each frame begins with.
const FRAME: &[u8] = b"FRAME";

/// The longest header line, in bytes: ffmpeg's own stay below 128; comments (X) need some room.
pub const MAX_LINE: usize = 1024;

/// The longest side, in pixels: what a JPEG can have.
pub const MAX_SIDE: u32 = 65_500;

/// The largest frame, in bytes: 40 megapixels in 4:4:4.
pub const MAX_PICTURE_BYTES: usize = 120_000_000;

/// What the stream's header says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Header {
    /// What a frame's bytes mean.
    pub shape: Shape,
    /// Frames a second, where the header tells.
    pub fps: Option<f64>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Y4mError {
    /// It does not begin with the format's name.
    Magic,
    /// A header line does not end.
    Line {
        /// Where the line begins in the stream.
        at: u64,
    },
    /// Width or height is missing, no number or out of range.
    Size {
        /// What the header says, `W…` or `H…`, or nothing.
        found: String,
    },
    /// A kind of samples that is not supported.
    Chroma {
        /// What the header says, `C…`.
        found: String,
    },
    /// The header describes frames of more than [`MAX_PICTURE_BYTES`].
    TooLarge {
        /// Bytes of a frame.
        bytes: u64,
    },
    /// Something else stands where a frame has to begin.
    Frame {
        /// Where in the stream.
        at: u64,
    },
}

impl fmt::Display for Y4mError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Y4mError::Magic => f.write_str("\"YUV4MPEG2 \" was expected at byte 0"),
            Y4mError::Line { at } => write!(
                f,
                "the YUV4MPEG2 header line at byte {at} has no end within {MAX_LINE} bytes"
            ),
            Y4mError::Size { found } => write!(
                f,
                "the YUV4MPEG2 header says {found:?} where W1 to W{MAX_SIDE} and H1 to H{MAX_SIDE} were expected"
            ),
            Y4mError::Chroma { found } => write!(
                f,
                "the YUV4MPEG2 header says {found:?}; C420, C422, C444 and Cmono of 8 bits are read \
                 (ffmpeg's -pix_fmt yuv420p makes the first)"
            ),
            Y4mError::TooLarge { bytes } => write!(
                f,
                "the YUV4MPEG2 header describes frames of {bytes} bytes, and at most {MAX_PICTURE_BYTES} are read"
            ),
            Y4mError::Frame { at } => {
                write!(
                    f,
                    "\"FRAME\" was expected at byte {at} of the YUV4MPEG2 stream"
                )
            }
        }
    }
}

impl std::error::Error for Y4mError {}

impl Header {
    /// Reads the stream's first line, without its line feed.
    pub fn parse(line: &[u8]) -> Result<Header, Y4mError> {
        let fields = line.strip_prefix(MAGIC).ok_or(Y4mError::Magic)?;
        let fields = String::from_utf8_lossy(fields);
        let (mut width, mut height) = (Err(String::new()), Err(String::new()));
        let mut format = Ok(PixelFormat::I420);
        let (mut range, mut fps) = (Range::Limited, None);
        for field in fields.split(' ').filter(|field| !field.is_empty()) {
            let (key, value) = field.split_at(field.chars().next().map_or(0, char::len_utf8));
            match key {
                "W" => width = side(field, value),
                "H" => height = side(field, value),
                "C" => format = chroma(value).ok_or_else(|| field.to_owned()),
                "F" => fps = rate(value),
                "X" if value == "COLORRANGE=FULL" => range = Range::Full,
                "X" if value == "COLORRANGE=LIMITED" => range = Range::Limited,
                // Interlacing (I) and the pixels' aspect (A) change nothing here.
                _ => {}
            }
        }
        let shape = Shape {
            width: width.map_err(|found| Y4mError::Size { found })?,
            height: height.map_err(|found| Y4mError::Size { found })?,
            format: format.map_err(|found| Y4mError::Chroma { found })?,
            range,
            matrix: Matrix::Bt601,
        };
        // In 64 bits: 65,500 squared is more than a 32-bit usize holds.
        let pixels = u64::from(shape.width) * u64::from(shape.height);
        if pixels > MAX_PICTURE_BYTES as u64 || shape.bytes() > MAX_PICTURE_BYTES {
            return Err(Y4mError::TooLarge { bytes: pixels });
        }
        Ok(Header { shape, fps })
    }
}

fn side(field: &str, value: &str) -> Result<u32, String> {
    let side = value.parse().ok();
    side.filter(|side| (1..=MAX_SIDE).contains(side))
        .ok_or_else(|| field.to_owned())
}

fn chroma(value: &str) -> Option<PixelFormat> {
    match value {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some(PixelFormat::I420),
        "422" => Some(PixelFormat::I422),
        "444" => Some(PixelFormat::I444),
        "mono" => Some(PixelFormat::Gray),
        _ => None,
    }
}

/// `30000:1001`; what is no rate says nothing, as `0:0` does by the format.
fn rate(value: &str) -> Option<f64> {
    let (frames, seconds) = value.split_once(':')?;
    let (frames, seconds): (u32, u32) = (frames.parse().ok()?, seconds.parse().ok()?);
    (frames > 0 && seconds > 0).then(|| f64::from(frames) / f64::from(seconds))
}

/// Where the reading is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    /// In the stream's first line.
    Header,
    /// In a frame's line.
    FrameLine(Header),
    /// In a frame's planes.
    Planes(Header),
}

/// Reads a stream that comes in pieces of any size.
#[derive(Debug)]
pub struct Reader {
    reading: Reading,
    line: Vec<u8>,
    at: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// At the start of a stream.
    pub fn new() -> Self {
        Reader {
            reading: Reading::Header,
            line: Vec::new(),
            at: 0,
        }
    }

    /// Reads on through `input` and collects the planes in `frame`, which the caller leaves alone
    /// between calls. Says how much of the input was used and, once `frame` is whole, what it is;
    /// then the caller takes it and goes on with an empty one and the rest of the input.
    pub fn push(
        &mut self,
        input: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<(usize, Option<Header>), Y4mError> {
        let mut used = 0;
        while used < input.len() {
            let rest = &input[used..];
            let (taken, whole) = match self.reading {
                Reading::Header | Reading::FrameLine(_) => (self.push_line(rest)?, None),
                Reading::Planes(header) => {
                    let taken = rest.len().min(header.shape.bytes() - frame.len());
                    frame.extend_from_slice(&rest[..taken]);
                    let whole = frame.len() == header.shape.bytes();
                    (taken, whole.then_some(header))
                }
            };
            used += taken;
            self.at += taken as u64;
            if let Some(header) = whole {
                self.reading = Reading::FrameLine(header);
                return Ok((used, whole));
            }
        }
        Ok((used, None))
    }

    /// The stream is over: whether it ended within a frame.
    pub fn ended_torn(&self) -> bool {
        matches!(self.reading, Reading::Planes(_)) || !self.line.is_empty()
    }

    /// How many bytes of the stream were read.
    pub fn position(&self) -> u64 {
        self.at
    }

    fn push_line(&mut self, input: &[u8]) -> Result<usize, Y4mError> {
        let start = self.at - self.line.len() as u64;
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(input.len());
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&input[..taken.min(room)]);
        self.check_beginning(start)?;
        if taken > room {
            return Err(Y4mError::Line { at: start });
        }
        if end.is_none() {
            return Ok(taken);
        }
        self.reading = match self.reading {
            Reading::Header => Reading::FrameLine(Header::parse(&self.line)?),
            Reading::FrameLine(header) | Reading::Planes(header) => {
                // Parameters of a single frame may follow; none of them changes its bytes.
                let params = self.line.strip_prefix(FRAME);
                params
                    .filter(|params| params.is_empty() || params[0] == b' ')
                    .ok_or(Y4mError::Frame { at: start })?;
                Reading::Planes(header)
            }
        };
        self.line.clear();
        Ok(taken + 1)
    }

    /// What does not begin as it has to is told before the line's end, which may never come.
    fn check_beginning(&self, start: u64) -> Result<(), Y4mError> {
        let (expected, error) = match self.reading {
            Reading::Header => (MAGIC, Y4mError::Magic),
            _ => (FRAME, Y4mError::Frame { at: start }),
        };
        let known = self.line.len().min(expected.len());
        if self.line[..known] == expected[..known] {
            Ok(())
        } else {
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests;
