//! Pictures from a file or standard input: MJPEG passed through, YUV4MPEG2 as pixels, told apart by
//! content.
//!
//! A file is paced and can be repeated; standard input is live: it is read as fast as it comes, so
//! that whoever writes into the pipe is not held up, and the newest picture wins. Where the feed wants
//! every frame, both wait for the link. Runs on the source's thread, blocks on reading and, for a
//! file, on its clock. Reading standard input cannot be interrupted: whoever ends does not wait for
//! this thread then. The formats are in [`super::mjpeg`] and [`super::y4m`]; memory is one read, one
//! frame and what is on its way.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Instant;

use super::error::SourceError;
use super::mjpeg::{Cutter, Skipped};
use super::pace::{DEFAULT_FPS, Pace};
use super::picture::PictureBuf;
use super::{Feed, y4m};
use crate::frame::{Captured, Content, Pool, Pooled, Turn};

/// Bytes of one read: what a pipe on Linux holds.
const READ_BYTES: usize = 64 * 1024;

/// Frames there are at once: being read, in the slot, being encoded or sent.
const FRAMES: usize = 3;

/// Where a stream comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, paced; a named pipe, too.
    File(PathBuf),
    /// Standard input, live.
    Stdin,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::File(path) => path.display().fmt(f),
            Input::Stdin => f.write_str("-"),
        }
    }
}

/// How a stream is given on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Frames a second of a file; `None`: what its header says, else [`DEFAULT_FPS`]. Standard input
    /// has its own pace.
    pub fps: Option<f64>,
    /// Whether a file begins again at its end.
    pub repeat: bool,
    /// What goes with each picture.
    pub turn: Turn,
}

/// Gives the input's pictures to the feed until it ends or the feed says stop, then closes the feed.
/// Says what was skipped; an input without one whole frame is an error.
pub fn run(input: &Input, options: Options, feed: &Feed) -> Result<Skipped, SourceError> {
    let _closing = feed.close_at_end();
    let mut pass = Pass::new(options, feed);
    let Input::File(path) = input else {
        pass.read_through(io::stdin().lock())?;
        return Ok(pass.skipped);
    };
    pass.paced = true;
    let mut file = File::open(path).map_err(SourceError::Open)?;
    loop {
        let end = pass.read_through(file)?;
        if end == End::Stopped || !options.repeat {
            return Ok(pass.skipped);
        }
        // Anew rather than from its start: a named pipe has none.
        file = File::open(path).map_err(SourceError::Open)?;
    }
}

/// Why one pass through an input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There was no more.
    Input,
    /// The feed said stop.
    Stopped,
}

/// What is read, by its content.
enum Format {
    Mjpeg(Cutter),
    Y4m(y4m::Reader),
}

impl Format {
    /// Told by the first bytes; anything but YUV4MPEG2 may hold JPEGs (between the headers of a
    /// multipart stream, for one), and the cutter finds out.
    fn of(start: &[u8]) -> Format {
        if start.starts_with(y4m::MAGIC) {
            Format::Y4m(y4m::Reader::new())
        } else {
            Format::Mjpeg(Cutter::new())
        }
    }
}

/// The way from bytes to the feed; outlives the passes of a repeated file.
struct Pass<'a> {
    feed: &'a Feed,
    options: Options,
    paced: bool,
    pace: Option<Pace>,
    pool: Pool<Vec<u8>>,
    stocked: bool,
    skipped: Skipped,
}

impl<'a> Pass<'a> {
    fn new(options: Options, feed: &'a Feed) -> Self {
        Pass {
            feed,
            options,
            paced: false,
            pace: None,
            pool: Pool::new(FRAMES),
            stocked: false,
            skipped: Skipped::default(),
        }
    }

    /// Reads to the end, or until the feed says stop.
    fn read_through(&mut self, mut from: impl Read) -> Result<End, SourceError> {
        let mut buffer = vec![0; READ_BYTES];
        let mut filled = read_start(&mut from, &mut buffer)?;
        let mut format = Format::of(&buffer[..filled]);
        let (mut frame, mut frames, mut at) = (None, 0_u64, 0_u64);
        while filled > 0 {
            at += filled as u64;
            let mut input = &buffer[..filled];
            while !input.is_empty() {
                let (used, content) = self.advance(&mut format, input, &mut frame)?;
                input = &input[used..];
                if let Some(content) = content {
                    frames += 1;
                    if !self.give(content) {
                        return Ok(End::Stopped);
                    }
                }
            }
            filled = read(&mut from, &mut buffer, at)?;
        }
        self.count_skipped(format, &mut frame.unwrap_or_else(|| self.empty()));
        if frames == 0 {
            return Err(SourceError::NoFrame { bytes: at });
        }
        Ok(End::Input)
    }

    /// Lets the format go on. `frame` is what there is of the next one; once that is whole, it comes out.
    fn advance(
        &mut self,
        format: &mut Format,
        input: &[u8],
        frame: &mut Option<Pooled<Vec<u8>>>,
    ) -> Result<(usize, Option<Content>), SourceError> {
        let bytes = frame.get_or_insert_with(|| self.empty());
        let (used, whole) = match format {
            Format::Mjpeg(cutter) => {
                let (used, whole) = cutter.push(input, bytes)?;
                (used, whole.then_some(None))
            }
            Format::Y4m(reader) => {
                let (used, header) = reader.push(input, bytes)?;
                (used, header.map(Some))
            }
        };
        let content = whole.and_then(|header| Some(self.content(header, frame.take()?)));
        Ok((used, content))
    }

    /// A whole frame: raw where there is a header, else a JPEG.
    fn content(&mut self, header: Option<y4m::Header>, bytes: Pooled<Vec<u8>>) -> Content {
        self.start_pace(header.and_then(|header| header.fps));
        let Some(header) = header else {
            return Content::Jpeg(bytes);
        };
        if !std::mem::replace(&mut self.stocked, true) {
            // Else the third picture would cost its memory in the first stall, however late that comes.
            self.pool.stock(FRAMES - 1, &bytes);
        }
        let picture = PictureBuf::new(header.shape, bytes)
            .expect("the reader gives as many bytes as the header says");
        Content::Pixels(Box::new(picture))
    }

    /// `false` once the source shall end.
    fn give(&mut self, content: Content) -> bool {
        // Only here: that a file is missing or no video is told at once, not when a viewer is there.
        if self.paced && !self.feed.wait_for_link() {
            return false;
        }
        if let Some(pace) = &mut self.pace {
            let due = pace.next(Instant::now());
            if self.feed.stop().sleep_until(due) {
                return false;
            }
        }
        self.feed.put(Captured {
            at: Instant::now(),
            turn: self.options.turn,
            content,
        })
    }

    /// The beat begins with the first frame, and goes on through a file's repetitions.
    fn start_pace(&mut self, header: Option<f64>) {
        if self.paced && self.pace.is_none() {
            let fps = self.options.fps.or(header).unwrap_or(DEFAULT_FPS);
            self.pace = Some(Pace::new(fps, Instant::now()));
        }
    }

    fn count_skipped(&mut self, format: Format, frame: &mut Vec<u8>) {
        let skipped = match format {
            Format::Mjpeg(mut cutter) => cutter.finish(frame),
            Format::Y4m(reader) => Skipped {
                bytes: frame.len() as u64,
                torn: u64::from(reader.ended_torn()),
            },
        };
        self.skipped.bytes += skipped.bytes;
        self.skipped.torn += skipped.torn;
    }

    fn empty(&self) -> Pooled<Vec<u8>> {
        let mut frame = self.pool.get();
        frame.clear();
        frame
    }
}

/// Reads until the format can be told, however small the pieces are that a pipe gives.
fn read_start(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, SourceError> {
    let mut filled = 0;
    while filled < y4m::MAGIC.len() {
        let got = read(from, &mut buffer[filled..], filled as u64)?;
        if got == 0 {
            break;
        }
        filled += got;
    }
    Ok(filled)
}

fn read(from: &mut impl Read, buffer: &mut [u8], at: u64) -> Result<usize, SourceError> {
    loop {
        match from.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            got => return got.map_err(|source| SourceError::Read { at, source }),
        }
    }
}

#[cfg(test)]
mod tests;
