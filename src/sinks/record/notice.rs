//! What a recording says: its news and its errors, each a line for a person.
//!
//! Only words; who prints them, and when, is the caller's.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::sinks::SLOW_EVERY;

/// Why a file was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The recording's first.
    First,
    /// `--segment` is over.
    Segment(Duration),
    /// Frames come from another sender.
    Sender,
    /// The pictures have another size.
    Size,
    /// The sender's clock was set: its stamps run backwards, or leap.
    Clock,
    /// The recording had failed, and goes on.
    Again,
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
    /// Files cannot be written; everything else goes on.
    Stopped {
        /// The last file, which plays as far as it goes.
        path: Option<PathBuf>,
        /// Frames in its files.
        frames: u64,
        /// What happened.
        why: String,
        /// How often it is tried again; `None` at the end.
        again: Option<Duration>,
    },
    /// A ring's oldest file went, since the disk is full.
    GaveUp(PathBuf),
    /// So many such lines were left out: they come too often.
    LeftOut(u64),
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
            Notice::GaveUp(_)
                | Notice::Started {
                    why: Next::Segment(_),
                    ..
                }
        )
    }

    /// Whether a sender, or a disk, may make it come as often as it likes.
    pub fn is_limited(&self) -> bool {
        match self {
            Notice::Started { why, .. } => !matches!(why, Next::Segment(_)),
            Notice::Stopped { again, .. } => again.is_some(),
            Notice::GaveUp(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Started { path, why } => {
                write!(f, "recording to {}", path.display())?;
                match why {
                    Next::First | Next::Segment(_) => Ok(()),
                    Next::Sender => f.write_str(" (another sender)"),
                    Next::Size => f.write_str(" (another picture size)"),
                    Next::Clock => f.write_str(" (the sender's clock was set)"),
                    Next::Again => f.write_str(" (the recording goes on)"),
                }
            }
            Notice::Slow { dropped } => write!(
                f,
                "the disk is too slow: {dropped} frames are not in the recording (told at most \
                 every {} s); a faster disk, a smaller picture or fewer frames a second help",
                SLOW_EVERY.as_secs()
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
                "recorded {frames} frames, {} ({dropped} were dropped: the disk was too slow, or full)",
                path.display()
            ),
            Notice::Empty => f.write_str("nothing was recorded: no frame came"),
            Notice::Stopped {
                path,
                frames,
                why,
                again,
            } => {
                write!(f, "the recording stopped after {frames} frames: {why}")?;
                if let Some(path) = path {
                    write!(f, "; what is there plays: {}", path.display())?;
                }
                match again {
                    Some(again) => write!(f, "; trying again every {} s", again.as_secs()),
                    None => Ok(()),
                }
            }
            Notice::GaveUp(path) => {
                write!(
                    f,
                    "the disk is full: deleted the oldest file, {}",
                    path.display()
                )
            }
            Notice::LeftOut(lines) => {
                write!(f, "{lines} lines about the recording were left out")
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
    /// Another program records by this path.
    Claimed(PathBuf),
    /// Too little of the file system is free.
    NoRoom {
        /// The directory.
        dir: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are to stay free.
        reserve: u64,
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
    /// The disk has not taken the recordings before.
    Unfinished,
    /// The system gives no thread.
    Thread(io::Error),
}

impl RecordError {
    /// Whether space would help.
    pub fn is_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, RecordError::NoRoom { .. })
            || self
                .cause()
                .is_some_and(|cause| full.contains(&cause.kind()))
    }

    fn cause(&self) -> Option<&io::Error> {
        match self {
            RecordError::Claimed(_) | RecordError::NoRoom { .. } | RecordError::Unfinished => None,
            RecordError::Place { source, .. }
            | RecordError::Write { source, .. }
            | RecordError::Delete { source, .. }
            | RecordError::Thread(source) => Some(source),
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Place { dir, source } => {
                write!(f, "no recording in {}: {source}", dir.display())?;
            }
            RecordError::Claimed(path) => write!(
                f,
                "{}: another view-recv records there; give another name with --record",
                path.display()
            )?,
            RecordError::NoRoom { dir, free, reserve } => write!(
                f,
                "{} MB are free in {}, and {} MB are to stay free (--keep-free)",
                free / 1_000_000,
                dir.display(),
                reserve / 1_000_000
            )?,
            RecordError::Write { path, source } => write!(f, "{}: {source}", path.display())?,
            RecordError::Delete { dir, source } => {
                write!(f, "an old file in {} stays: {source}", dir.display())?;
            }
            RecordError::Unfinished => {
                f.write_str("no new recording: the disk does not take the ones before")?;
            }
            RecordError::Thread(source) => write!(f, "no thread for the recording: {source}")?,
        }
        f.write_str(match self.cause().map(io::Error::kind) {
            _ if self.is_full() => "; free some space, or keep less with --segment and --keep",
            Some(io::ErrorKind::NotFound) => "; create the directory, or give another",
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                "; give a directory that you may write to"
            }
            _ => "",
        })
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().map(|cause| cause as _)
    }
}
