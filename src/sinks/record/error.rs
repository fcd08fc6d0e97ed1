//! Why a recording does not start, or stops: the system's errors, in a line for a person that ends with what to do.

use std::fmt::Display;
use std::io::{self, ErrorKind};

/// What could not be done, why, and what helps.
pub(super) fn advised(what: impl Display, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        _ if is_full(error) => "; free some space, or keep less with --segment and --keep",
        ErrorKind::NotFound => "; create the directory, or give another",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; give a directory that you may write to"
        }
        _ => "",
    };
    io::Error::new(error.kind(), format!("{what}: {error}{advice}"))
}

/// Whether free space would help.
pub(super) fn is_full(error: &io::Error) -> bool {
    use ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
