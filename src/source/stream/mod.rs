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

use self::reader::Result;
pub use self::reader::{Reader, Skipped, StreamError};
use super::pace::{DEFAULT_FPS, Pace};
use super::{Feed, UNDER_WAY};
use crate::picture::{Content, OwnedPicture, Pool, Pooled, Turn};

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
pub fn run(options: &Options, feed: &Feed) -> Result<Skipped> {
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
            pool: Pool::new(UNDER_WAY),
            skipped: Skipped::default(),
        }
    }

    /// Plays to the end; `false` where the feed says stop before it.
    fn play(&mut self, from: impl Read) -> Result<bool> {
        let mut reader = Reader::new(from)?;
        reader.skipped = self.skipped;
        let mut is_empty = true;
        // A buffer is taken only once the next frame has begun: a silent pipe holds none.
        while reader.has_more()? {
            let mut bytes = self.pool.get();
            if !reader.read(&mut bytes)? {
                break;
            }
            is_empty = false;
            if !self.give(reader.header, bytes) {
                return Ok(false);
            }
        }
        self.skipped = reader.skipped;
        let bytes = reader.position;
        match is_empty {
            true => Err(StreamError::NoFrame { bytes, after: 0 }),
            false => Ok(true),
        }
    }

    /// Puts a whole frame in: raw where there is a header, else a JPEG; `false` once the source is to end. With the first
    /// one the file's beat begins, and goes on through its repetitions.
    fn give(&mut self, header: Option<y4m::Header>, bytes: Pooled<Vec<u8>>) -> bool {
        let (options, feed, is_first) = (self.options, self.feed, self.pace.is_none());
        let pace = self.pace.get_or_insert_with(|| {
            let fps = options.fps.or(header.and_then(|header| header.fps));
            Pace::new(fps.unwrap_or(DEFAULT_FPS), Instant::now())
        });
        // Only here: that a file is missing or no video is told at once, not when a viewer is there.
        if options.file.is_some()
            && (!feed.wait_for_link() || feed.stop.sleep_until(pace.next(Instant::now())))
        {
            return false;
        }
        let Some(header) = header else {
            return feed.put_new(options.turn, Content::Jpeg(bytes));
        };
        if is_first {
            // Else the third picture would cost its memory in the first stall, however late that comes.
            self.pool.stock(vec![bytes.clone(); UNDER_WAY - 1]);
        }
        let blank = header.blank;
        let picture = OwnedPicture { blank, bytes };
        feed.put_new(options.turn, Content::Pixels(Box::new(picture)))
    }
}

#[cfg(test)]
mod tests;
