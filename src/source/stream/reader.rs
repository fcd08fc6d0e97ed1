//! Frames out of a stream: which format it is, told by its content, and where in it the reading is.
//!
//! Pulled: the caller asks for a frame and waits for its last byte, no longer. Memory follows what
//! arrives, never what a header announces: one read and one frame. Blocks on nothing but the stream.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::mjpeg::{self, MAX_FRAME_BYTES};
use super::y4m::{self, MAX_LINE};

/// Bytes of one read: what a pipe on Linux holds.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// Why a stream cannot be read on. Positions count bytes from its start. What the system said is the error's source,
/// not its text; whoever knows the stream's name adds it.
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

/// What the room's functions return.
pub(super) type Result<T, E = StreamError> = std::result::Result<T, E>;

/// What was left out so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Bytes that belonged to no whole frame, those of torn frames included.
    pub bytes: u64,
    /// Frames that began and did not end as they have to, or were too long.
    pub torn: u64,
}

/// Reads a stream frame by frame.
pub struct Reader<R> {
    from: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    /// How many bytes of the stream were read.
    pub position: u64,
    /// What the frames' planes are; `None` where frames are JPEGs.
    pub(super) header: Option<y4m::Header>,
    /// What was left out so far.
    pub skipped: Skipped,
}

impl<R: Read> Reader<R> {
    /// Reads until the format can be told, however small the pieces of a pipe. Whatever is not
    /// YUV4MPEG2 may hold JPEGs, between the headers of a multipart stream for one: [`Reader::read`] finds out.
    pub fn new(mut from: R) -> Result<Self> {
        let mut start = Vec::new();
        let mut first = from.by_ref().take(y4m::MAGIC.len() as u64);
        let read = first.read_to_end(&mut start);
        read.map_err(|source| StreamError::Read { at: 0, source })?;
        let is_raw = start == y4m::MAGIC;
        let mut reader = Reader {
            from: BufReader::with_capacity(READ_BYTES, Cursor::new(start).chain(from)),
            position: 0,
            header: None,
            skipped: Skipped::default(),
        };
        if is_raw {
            reader.header = Some(y4m::read_header(&mut reader)?);
        }
        Ok(reader)
    }

    /// Waits for the next byte; `false` at the stream's end.
    pub fn has_more(&mut self) -> Result<bool> {
        Ok(!self.fill()?.is_empty())
    }

    /// Replaces `frame` by the next whole one, a JPEG or planes that lie one behind the other; returns with its
    /// last byte. `false` where the stream ends before that.
    pub fn read(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        frame.clear();
        match self.header {
            Some(header) => y4m::read_frame(self, &header.blank, frame),
            None => mjpeg::read_frame(self, frame),
        }
    }

    /// Waits for bytes where there are none, and shows those that are there; none at the end.
    pub(super) fn fill(&mut self) -> Result<&[u8]> {
        while let Err(source) = self.from.fill_buf() {
            if source.kind() != io::ErrorKind::Interrupted {
                return Err(self.failed(source));
            }
        }
        Ok(self.from.buffer())
    }

    /// Takes out bytes that [`Reader::fill`] has shown.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.from.consume(bytes);
        self.position += bytes as u64;
    }

    /// Appends so many bytes, fewer only at the end. By way of the buffer: straight from a pipe into a frame takes twice
    /// as long, where the kernel copies slowly to a place that is not aligned.
    pub(super) fn append(&mut self, bytes: u64, to: &mut Vec<u8>) -> Result<()> {
        let whole = to.len() + bytes as usize;
        while to.len() < whole && self.has_more()? {
            let here = self.from.buffer();
            let bytes = here.len().min(whole - to.len());
            to.extend_from_slice(&here[..bytes]);
            self.consume(bytes);
        }
        Ok(())
    }

    /// Appends what comes up to the next line feed, that included; of a longer line so many bytes.
    pub(super) fn append_line(&mut self, bytes: u64, to: &mut Vec<u8>) -> Result<()> {
        let before = to.len();
        let got = self.from.by_ref().take(bytes).read_until(b'\n', to);
        self.position += (to.len() - before) as u64;
        got.map(drop).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> StreamError {
        let at = self.position;
        StreamError::Read { at, source }
    }
}
