//! Why sending failed, in a line for the user.

use std::io;
use std::mem::{Discriminant, discriminant};
use std::net::SocketAddr;
use std::time::Duration;

use crate::net::DialError;

/// So many pictures in a row that cannot be encoded are no accident.
pub(super) const MAX_UNENCODABLE: u32 = 100;

/// Why sending failed: for good where no retry is wanted, or none would help.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// What is dialled could not be reached.
    #[error(transparent)]
    Unreachable(DialError),
    /// The receiver closed the connection.
    #[error("lost {0}: view-recv closed the connection")]
    Closed(SocketAddr),
    /// The receiver let it wait, and acknowledged nothing: what a viewer does that shows another camera.
    #[error("{0} took no picture: it may be showing another camera")]
    NoPicture(SocketAddr),
    /// The receiver has a key.
    #[error("{0} takes pictures with a key only: give this side the same, --key FILE")]
    KeyWanted(SocketAddr),
    /// The path was silent for so long.
    #[error("lost {0}: nothing came back for {seconds:.1} s", seconds = .1.as_secs_f64())]
    Silent(SocketAddr, Duration),
    /// The connection broke, or could not be used.
    #[error("lost {0}: {1}")]
    Broken(SocketAddr, io::Error),
    /// The system gave no thread.
    #[error("no thread to send with: {0}")]
    Thread(io::Error),
    /// The source's pictures cannot be encoded; no retry would help.
    #[error("{MAX_UNENCODABLE} pictures in a row could not be encoded: {0}")]
    Unencodable(String),
}

/// What the sending side's functions return.
pub(super) type Result<T, E = SendError> = std::result::Result<T, E>;

/// What kind of failure it was, whatever its address: a kind is reported once, until a connection stands again.
pub(super) type Kind = (Discriminant<SendError>, u8);

impl SendError {
    pub(super) fn kind(&self) -> Kind {
        let dialling = match self {
            SendError::Unreachable(error) => error.weight(),
            _ => 0,
        };
        (discriminant(self), dialling)
    }
}
