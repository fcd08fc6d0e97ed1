//! What the sending side reports: one line for each change of state, and why it failed.

use std::io;
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::net::DialError;
use crate::report::Severity;

/// So many pictures in a row that cannot be encoded are no accident.
pub(super) const MAX_UNENCODABLE: u32 = 100;

/// A change of state; `Display` is the line for the user.
#[derive(Debug, thiserror::Error)]
pub enum Event {
    /// A connection stands and frames go out.
    #[error("sending to {0}")]
    Connected(SocketAddr),
    /// There is no connection (any more), and what is done about that.
    #[error("{0}{1}")]
    Lost(SendError, &'static str),
    /// Somebody who may not connect did.
    #[error("turned away {0}: {1}")]
    TurnedAway(IpAddr, String),
    /// No descriptor, or no thread, for another receiver.
    #[error("cannot take another receiver yet: {0}")]
    Exhausted(io::Error),
    /// So many lines were left out before this one.
    #[error("({0} lines about receivers were left out)")]
    LeftOut(u64),
    /// Nothing is acknowledged any more; a second connection took over.
    #[error("{0} fell silent; a new connection took over")]
    Moved(SocketAddr),
    /// A picture could not be encoded, and was skipped.
    #[error("a picture was skipped: {0}")]
    Unencodable(String),
}

impl Event {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Connected(_) | Event::Moved(_) | Event::LeftOut(_) => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

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
