//! Cuts a stream of JPEGs into frames by walking their markers.
//!
//! Segments are skipped by their length, so that a thumbnail in an APPn segment is no frame of its
//! own; entropy-coded data are walked with their stuffed bytes, restart markers and further scans. A
//! frame is complete with the last byte of its EOI: nothing waits for the next one to begin. What
//! lies between frames (padding, the headers of a multipart stream) is skipped and counted; so is a
//! frame that is torn or longer than [`MAX_FRAME_BYTES`]. Pure: bytes in, frames out; no I/O, and no
//! more memory than one frame.

use std::fmt;

use crate::jpeg::markers::{EOI, SOI, SOS};
use crate::stamp::MAX_TEXT;
use crate::wire::DEFAULT_MAX_FRAME_BYTES;

/// The longest frame, in bytes: with a stamp (marker, length and text) it is what a receiver accepts
/// where nobody tells it otherwise.
pub const MAX_FRAME_BYTES: usize = DEFAULT_MAX_FRAME_BYTES as usize - (4 + MAX_TEXT);

/// How many bytes may pass without one whole frame in them: a frame of full length that turns out
/// torn, and as much again to find the next. Beyond that it is no MJPEG.
pub const MAX_LOST_BYTES: u64 = 2 * MAX_FRAME_BYTES as u64;

/// Why cutting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MjpegError {
    /// [`MAX_LOST_BYTES`] passed without a whole frame.
    Lost {
        /// Where in the stream the last whole frame ended.
        after: u64,
    },
}

impl fmt::Display for MjpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MjpegError::Lost { after } = self;
        write!(
            f,
            "no whole JPEG of at most {MAX_FRAME_BYTES} bytes in {MAX_LOST_BYTES} bytes after byte {after}; MJPEG or YUV4MPEG2 was expected"
        )
    }
}

impl std::error::Error for MjpegError {}

/// What was passed over so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Bytes that belonged to no whole frame, those of torn frames included.
    pub bytes: u64,
    /// Frames that began and did not end as a JPEG does, or were too long.
    pub torn: u64,
}

/// Where the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    /// Between frames; this many bytes of `FF D8 FF` have been seen (0 to 2).
    Seek(u8),
    /// Behind a segment: a marker has to follow.
    Boundary,
    /// Within a marker, behind its 0xFF (and any fill bytes).
    Marker,
    /// Behind a marker that bears a length.
    Length { marker: u8, high: Option<u8> },
    /// Within a segment.
    Body { marker: u8, left: usize },
    /// Within entropy-coded data.
    Scan,
    /// Behind a 0xFF within entropy-coded data.
    ScanMarker,
}

/// Cuts frames out of bytes that come in pieces of any size.
#[derive(Debug)]
pub struct Cutter {
    walk: Walk,
    seen_frame_header: bool,
    seen_scan: bool,
    at: u64,
    whole_until: u64,
    skipped: Skipped,
}

impl Default for Cutter {
    fn default() -> Self {
        Self::new()
    }
}

impl Cutter {
    /// At the start of a stream.
    pub fn new() -> Self {
        Cutter {
            walk: Walk::Seek(0),
            seen_frame_header: false,
            seen_scan: false,
            at: 0,
            whole_until: 0,
            skipped: Skipped::default(),
        }
    }

    /// Walks on through `input` and collects in `frame`, which the caller leaves alone between
    /// calls. Says how much of the input was used and whether `frame` is whole now; then the caller
    /// takes it and goes on with an empty one and the rest of the input.
    pub fn push(&mut self, input: &[u8], frame: &mut Vec<u8>) -> Result<(usize, bool), MjpegError> {
        let mut used = 0;
        while used < input.len() {
            let rest = &input[used..];
            // The longest run that goes into the frame without a decision.
            let run = match self.walk {
                Walk::Body { left, .. } => left.min(rest.len()),
                Walk::Scan => position(rest, 0xFF),
                Walk::Seek(0) => {
                    let garbage = position(rest, 0xFF);
                    self.pass(garbage);
                    used += garbage;
                    if garbage > 0 {
                        self.check_lost()?;
                        continue;
                    }
                    0
                }
                _ => 0,
            };
            let taken = if run > 0 {
                frame.extend_from_slice(&rest[..run]);
                self.walk = self.after_run(run);
                run
            } else {
                frame.push(rest[0]);
                self.step(rest[0], frame);
                1
            };
            used += taken;
            self.at += taken as u64;
            if frame.len() > MAX_FRAME_BYTES {
                self.tear(frame);
            }
            self.check_lost()?;
            if self.take_whole(frame) {
                return Ok((used, true));
            }
        }
        Ok((used, false))
    }

    /// The stream is over: what had begun of a frame is torn.
    pub fn finish(&mut self, frame: &mut Vec<u8>) -> Skipped {
        match self.walk {
            Walk::Seek(_) => {
                self.skipped.bytes += frame.len() as u64;
                frame.clear();
            }
            _ => self.tear(frame),
        }
        self.skipped
    }

    /// What was passed over so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// How many bytes of the stream were walked.
    pub fn position(&self) -> u64 {
        self.at
    }

    fn pass(&mut self, garbage: usize) {
        self.at += garbage as u64;
        self.skipped.bytes += garbage as u64;
    }

    fn check_lost(&self) -> Result<(), MjpegError> {
        if self.at - self.whole_until > MAX_LOST_BYTES {
            return Err(MjpegError::Lost {
                after: self.whole_until,
            });
        }
        Ok(())
    }

    fn after_run(&self, run: usize) -> Walk {
        match self.walk {
            Walk::Body { marker, left } if left > run => Walk::Body {
                marker,
                left: left - run,
            },
            Walk::Body { marker, .. } => behind(marker),
            other => other,
        }
    }

    /// One byte that decides; it is the last of `frame`.
    fn step(&mut self, byte: u8, frame: &mut Vec<u8>) {
        self.walk = match (self.walk, byte) {
            (Walk::Seek(0), 0xFF) => Walk::Seek(1),
            (Walk::Seek(1), SOI) => Walk::Seek(2),
            (Walk::Seek(1), 0xFF) => {
                // Fill: the frame begins with the last 0xFF before SOI.
                self.skipped.bytes += 1;
                frame.pop();
                Walk::Seek(1)
            }
            (Walk::Seek(2), 0xFF) => Walk::Marker,
            (Walk::Seek(_), _) => {
                self.skipped.bytes += frame.len() as u64;
                frame.clear();
                Walk::Seek(0)
            }
            (Walk::Boundary, 0xFF) => Walk::Marker,
            (Walk::Boundary, _) => return self.tear(frame),
            (Walk::Marker | Walk::ScanMarker, 0xFF) => self.walk,
            // A run of data ends at a 0xFF only.
            (Walk::Scan, _) => Walk::ScanMarker,
            (Walk::ScanMarker, 0x00 | 0xD0..=0xD7) => Walk::Scan,
            (Walk::Marker | Walk::ScanMarker, SOI) => return self.begin_anew(frame),
            (Walk::Marker | Walk::ScanMarker, EOI) => return self.end(frame),
            (Walk::Marker | Walk::ScanMarker, 0x00..=0xBF | 0xD0..=0xD7) => {
                return self.tear(frame);
            }
            (Walk::Marker | Walk::ScanMarker, marker) => {
                // SOF0 to SOF15 without DHT, JPG and DAC, which share their range.
                self.seen_frame_header |=
                    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
                self.seen_scan |= marker == SOS;
                Walk::Length { marker, high: None }
            }
            (Walk::Length { marker, high: None }, high) => Walk::Length {
                marker,
                high: Some(high),
            },
            (
                Walk::Length {
                    marker,
                    high: Some(high),
                },
                low,
            ) => match usize::from(u16::from_be_bytes([high, low])) {
                0 | 1 => return self.tear(frame),
                2 => behind(marker),
                length => Walk::Body {
                    marker,
                    left: length - 2,
                },
            },
            (Walk::Body { .. }, _) => unreachable!("a segment's body is walked in runs"),
        };
    }

    /// The frame did not end as a JPEG does: away with it.
    fn tear(&mut self, frame: &mut Vec<u8>) {
        self.skipped.bytes += frame.len() as u64;
        self.skipped.torn += 1;
        frame.clear();
        self.rest();
    }

    /// SOI within a frame: the one before lost its end, and a new one has begun.
    fn begin_anew(&mut self, frame: &mut Vec<u8>) {
        frame.truncate(frame.len() - 2);
        self.tear(frame);
        frame.extend([0xFF, SOI]);
        self.walk = Walk::Boundary;
    }

    /// EOI. Without a frame header and a scan it is tables alone, and no picture.
    fn end(&mut self, frame: &mut Vec<u8>) {
        if self.seen_frame_header && self.seen_scan {
            self.whole_until = self.at + 1;
            self.rest();
        } else {
            self.tear(frame);
        }
    }

    fn rest(&mut self) {
        self.walk = Walk::Seek(0);
        self.seen_frame_header = false;
        self.seen_scan = false;
    }

    fn take_whole(&self, frame: &[u8]) -> bool {
        !frame.is_empty() && self.walk == Walk::Seek(0)
    }
}

fn behind(marker: u8) -> Walk {
    if marker == SOS {
        Walk::Scan
    } else {
        Walk::Boundary
    }
}

fn position(bytes: &[u8], wanted: u8) -> usize {
    bytes
        .iter()
        .position(|byte| *byte == wanted)
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests;
