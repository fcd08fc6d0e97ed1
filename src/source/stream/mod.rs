//! Pictures from a file or standard input: MJPEG passed through, YUV4MPEG2 as pixels, told apart by
//! content.
//!
//! ```text
//! file, pipe ─▶ reader: counts, tells the format ─┬▶ mjpeg ─┬─▶ pace (a file's) ─▶ Feed
//!                                                 └▶ y4m ───┘
//! ```
//!
//! A file is paced and can be repeated; standard input is live: it is read as fast as it comes, so
//! that the writer of the pipe is not held up, and the newest picture wins. Where the feed wants
//! every frame, both wait for the link. Runs on the source's thread, blocks on reading and, for a
//! file, on its clock. Reading standard input cannot be interrupted: the program does not wait for
//! this thread when it ends.

mod mjpeg;
mod reader;
mod y4m;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Instant;

pub use self::reader::{Reader, Skipped, StreamError};
use super::Feed;
use super::pace::{DEFAULT_FPS, Pace};
use crate::picture::{Content, OwnedPicture, Pool, Pooled, Turn};

/// Frames there are at once: being read, in the slot, being encoded or sent.
const FRAMES: usize = 3;

/// Which stream, and how it is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// A file or a named pipe; `None`: standard input.
    pub file: Option<PathBuf>,
    /// Frames a second of a file; `None`: what its header says, else 30. Standard input
    /// has its own pace.
    pub fps: Option<f64>,
    /// Whether a file begins again at its end.
    pub repeat: bool,
    /// What goes with each picture.
    pub turn: Turn,
}

/// Puts the stream's pictures into the feed until it ends or the feed says stop.
/// Says what was skipped; a stream without one whole frame is an error.
pub(crate) fn run(options: &Options, feed: &Feed) -> Result<Skipped, StreamError> {
    let mut player = Player::new(options, feed);
    let Some(file) = &options.file else {
        player.play(io::stdin().lock())?;
        return Ok(player.skipped);
    };
    // Opened anew rather than read from its start: a named pipe has none.
    while player.play(File::open(file).map_err(StreamError::Open)?)? && options.repeat {}
    Ok(player.skipped)
}

/// The way from bytes to the feed; outlives the repetitions of a file.
struct Player<'a> {
    feed: &'a Feed,
    options: &'a Options,
    pace: Option<Pace>,
    pool: Pool<Vec<u8>>,
    skipped: Skipped,
}

impl<'a> Player<'a> {
    fn new(options: &'a Options, feed: &'a Feed) -> Self {
        Player {
            feed,
            options,
            pace: None,
            pool: Pool::new(FRAMES),
            skipped: Skipped::default(),
        }
    }

    /// Plays to the end; `false` where the feed says stop before it.
    fn play(&mut self, from: impl Read) -> Result<bool, StreamError> {
        let mut reader = Reader::new(from)?;
        reader.skipped = self.skipped;
        let mut frames = 0_u64;
        // A buffer is taken only once the next frame has begun: a silent pipe holds none.
        while reader.has_more()? {
            let mut bytes = self.pool.get();
            if !reader.read(&mut bytes)? {
                break;
            }
            frames += 1;
            let content = self.content(reader.header, bytes);
            if !self.give(content) {
                return Ok(false);
            }
        }
        self.skipped = reader.skipped;
        if frames == 0 {
            let bytes = reader.position;
            return Err(StreamError::NoFrame { bytes, after: 0 });
        }
        Ok(true)
    }

    /// A whole frame: raw where there is a header, else a JPEG. With the first one the file's beat begins, and
    /// goes on through its repetitions.
    fn content(&mut self, header: Option<y4m::Header>, bytes: Pooled<Vec<u8>>) -> Content {
        let is_first = self.pace.is_none();
        self.pace.get_or_insert_with(|| {
            let fps = self.options.fps.or(header.and_then(|header| header.fps));
            Pace::new(fps.unwrap_or(DEFAULT_FPS), Instant::now())
        });
        let Some(header) = header else {
            return Content::Jpeg(bytes);
        };
        if is_first {
            // Else the third picture would cost its memory in the first stall, however late that comes.
            self.pool.stock(vec![bytes.clone(); FRAMES - 1]);
        }
        let picture = OwnedPicture::new(header.blank, bytes);
        let picture = picture.expect("the reader gives as many bytes as the picture has");
        Content::Pixels(Box::new(picture))
    }

    /// `false` once the source is to end.
    fn give(&mut self, content: Content) -> bool {
        if let (Some(_), Some(pace)) = (&self.options.file, &mut self.pace) {
            // Only here: that a file is missing or no video is told at once, not when a viewer is there.
            if !self.feed.wait_for_link() || self.feed.stop.sleep_until(pace.next(Instant::now())) {
                return false;
            }
        }
        self.feed.put_new(self.options.turn, content)
    }
}

#[cfg(test)]
mod tests;
