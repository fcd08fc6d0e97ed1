//! Why a recording does not start, or stops: each error is a line for a person, and ends with what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a recording does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system refuses something.
    #[error("{what}: {source}{}", advice(source))]
    Io {
        /// What could not be done, and where.
        what: String,
        /// The system's own words.
        source: io::Error,
    },
    /// Another program records by this path.
    #[error("{}: another view-recv records there; give another name with --record", .0.display())]
    Claimed(PathBuf),
    /// Too little of the file system is free.
    #[error(
        "{} MB are free in {}, and {} MB are to stay free (--keep-free){}",
        free / 1_000_000, dir.display(), reserve / 1_000_000, FREE_SPACE
    )]
    NoRoom {
        /// On the file system.
        dir: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are to stay free.
        reserve: u64,
    },
    /// Several recordings that were stopped still wait for the disk.
    #[error("no new recording: the disk does not take the ones before")]
    Unfinished,
}

const FREE_SPACE: &str = "; free some space, or keep less with --segment and --keep";

impl RecordError {
    /// For `map_err`: what could not be done, put into words only if it could not.
    pub(in crate::sinks) fn io(
        what: impl FnOnce() -> String,
    ) -> impl FnOnce(io::Error) -> RecordError {
        |source| RecordError::Io {
            what: what(),
            source,
        }
    }

    /// For `map_err`: files cannot be made in this directory.
    pub(super) fn no_place(dir: &Path) -> impl FnOnce(io::Error) -> RecordError {
        RecordError::io(move || format!("no recording in {}", dir.display()))
    }

    /// Whether free space would help.
    pub(super) fn is_full(&self) -> bool {
        match self {
            RecordError::NoRoom { .. } => true,
            RecordError::Io { source, .. } => advice(source) == FREE_SPACE,
            _ => false,
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FREE_SPACE,
        io::ErrorKind::NotFound => "; create the directory, or give another",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; give a directory that you may write to"
        }
        _ => "",
    }
}
