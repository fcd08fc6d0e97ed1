//! The press: makes the JPEG that goes out of what a source captured.
//!
//! Pixels are encoded, turned on the way; a JPEG that needs no turning is passed through as it came.
//! Runs on the sending thread; its buffers and tables are kept from frame to frame.

use std::num::NonZeroUsize;
use std::thread;

use crate::jpeg::{EncodeError, Encoder, Turner};
use crate::picture::{Captured, Content, Pooled, Turn};

/// Encoder, turner and the buffer that they fill.
pub struct Press {
    encoder: Encoder,
    turner: Turner,
    buffer: Vec<u8>,
}

/// A JPEG ready to go out.
pub struct Pressed<'a> {
    /// The JPEG, without a stamp of ours.
    pub jpeg: Bytes<'a>,
    /// The quality that it was encoded with here; `None` for one that was passed through.
    pub quality: Option<u8>,
}

/// Where the JPEG lies.
pub enum Bytes<'a> {
    /// In the press's buffer.
    Pressed(&'a [u8]),
    /// In the source's.
    Passed(Pooled<Vec<u8>>),
}

impl std::ops::Deref for Bytes<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Pressed(bytes) => bytes,
            Bytes::Passed(bytes) => bytes,
        }
    }
}

impl Press {
    /// A press that uses every core there is.
    pub fn new() -> Press {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Press {
            encoder: Encoder::new(threads),
            turner: Turner::new(threads),
            buffer: Vec::new(),
        }
    }

    /// Presses one picture. What it was captured in is free again when this returns, except where it
    /// is passed through.
    pub fn press(&mut self, captured: Captured, quality: u8) -> Result<Pressed<'_>, EncodeError> {
        match captured.content {
            Content::Jpeg(jpeg) if captured.turn == Turn::NONE => Ok(Pressed {
                jpeg: Bytes::Passed(jpeg),
                quality: None,
            }),
            Content::Jpeg(jpeg) => {
                self.turner
                    .turn(&jpeg, captured.turn, quality, &mut self.buffer)?;
                Ok(self.pressed(None))
            }
            Content::Pixels(pixels) => {
                let picture = pixels.picture();
                self.encoder
                    .encode(&picture, captured.turn, quality, &mut self.buffer)?;
                Ok(self.pressed(Some(quality)))
            }
        }
    }

    fn pressed(&self, quality: Option<u8>) -> Pressed<'_> {
        Pressed {
            jpeg: Bytes::Pressed(&self.buffer),
            quality,
        }
    }
}
