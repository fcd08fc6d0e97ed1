//! What a recording says: its news and its errors, each a line for a person.
//!
//! Only words; who prints them, and when, is the caller's.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::view::queue::SlowTeller;

/// Why a file was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The recording's first.
    First,
    /// `--segment` is over.
    Segment(Duration),
    /// Another sender, or the same once more.
    Session,
    /// The pictures have another size.
    Size,
    /// The sender's clock was set: its stamps run backwards, or leap.
    Clock,
}

/// News of a recording.
#[derive(Debug)]
pub enum Notice {
    /// A file was started.
    Started {
        /// The file.
        path: PathBuf,
        /// What started it.
        why: Next,
    },
    /// The disk is slower than the frames come.
    Slow {
        /// Frames dropped since the last such notice.
        dropped: u64,
    },
    /// An old file of `--keep` could not be deleted; the recording goes on.
    NotDeleted(RecordError),
    /// The recording ended as asked.
    Finished {
        /// Its (last) file.
        path: PathBuf,
        /// Frames in its files.
        frames: u64,
        /// Frames that are in none.
        dropped: u64,
    },
    /// The recording ended as asked before there was a frame; there is no file.
    Empty,
    /// The recording ended by an error; everything else goes on.
    Stopped {
        /// Its last file, which plays as far as it goes.
        path: Option<PathBuf>,
        /// Frames in its files.
        frames: u64,
        /// What happened.
        source: RecordError,
    },
}

impl Notice {
    /// Whether something is not as it should be.
    pub fn is_bad(&self) -> bool {
        matches!(
            self,
            Notice::Slow { .. } | Notice::NotDeleted(_) | Notice::Stopped { .. }
        )
    }

    /// Whether it comes again and again while all is well.
    pub fn is_routine(&self) -> bool {
        matches!(
            self,
            Notice::Started {
                why: Next::Segment(_),
                ..
            }
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Started { path, why } => {
                write!(f, "recording to {}", path.display())?;
                match why {
                    Next::First | Next::Segment(_) => Ok(()),
                    Next::Session => f.write_str(" (a new connection)"),
                    Next::Size => f.write_str(" (another picture size)"),
                    Next::Clock => f.write_str(" (the sender's clock was set)"),
                }
            }
            Notice::Slow { dropped } => write!(
                f,
                "the disk is too slow: {dropped} frames are not in the recording (told at most \
                 every {} s); a faster disk, a smaller picture or fewer frames a second help",
                SlowTeller::PAUSE.as_secs()
            ),
            Notice::NotDeleted(e) => write!(f, "--keep: {e}"),
            Notice::Finished {
                path,
                frames,
                dropped: 0,
            } => write!(f, "recorded {frames} frames, {}", path.display()),
            Notice::Finished {
                path,
                frames,
                dropped,
            } => write!(
                f,
                "recorded {frames} frames, {} ({dropped} were dropped: the disk was too slow)",
                path.display()
            ),
            Notice::Empty => f.write_str("nothing was recorded: no frame came"),
            Notice::Stopped {
                path,
                frames,
                source,
            } => {
                write!(f, "the recording stopped after {frames} frames: {source}")?;
                match path {
                    Some(path) => write!(f, "; what is there plays: {}", path.display()),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Why a recording does not start, or stops.
#[derive(Debug)]
pub enum RecordError {
    /// No file can be made there.
    Place {
        /// The directory.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written on.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An old file of `--keep` cannot be deleted.
    Delete {
        /// The directory.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no thread.
    Thread(io::Error),
}

impl RecordError {
    fn cause(&self) -> &io::Error {
        match self {
            RecordError::Place { source, .. }
            | RecordError::Write { source, .. }
            | RecordError::Delete { source, .. }
            | RecordError::Thread(source) => source,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        match self {
            RecordError::Place { dir, .. } => {
                write!(f, "no recording in {}: {cause}", dir.display())?;
            }
            RecordError::Write { path, .. } => write!(f, "{}: {cause}", path.display())?,
            RecordError::Delete { dir, .. } => {
                write!(f, "an old file in {} stays: {cause}", dir.display())?;
            }
            RecordError::Thread(_) => write!(f, "no thread for the recording: {cause}")?,
        }
        f.write_str(match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; free some space, or keep less with --segment and --keep"
            }
            io::ErrorKind::NotFound => "; create the directory, or give another",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "; give a directory that you may write to"
            }
            _ => "",
        })
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.cause())
    }
}
