//! What the sending side reports: one line for each change of state, and why it failed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::outlet::MAX_UNENCODABLE;
use crate::net::dial::DialError;
use crate::report::Severity;

/// A change of state; `Display` is the line for the user.
#[derive(Debug)]
pub enum Event {
    /// A connection stands and frames go out.
    Connected(SocketAddr),
    /// There is no connection (any more); it is tried again.
    Retrying(SendError),
    /// Nothing is acknowledged any more; a second connection took over.
    Moved(SocketAddr),
    /// A picture could not be encoded, and was skipped.
    Unencodable(String),
}

impl Event {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Connected(_) | Event::Moved(_) => Severity::Info,
            Event::Retrying(_) | Event::Unencodable(_) => Severity::Warning,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Connected(peer) => write!(f, "sending to {peer}"),
            Event::Retrying(error) => write!(f, "{error}; trying again"),
            Event::Moved(peer) => write!(f, "{peer} fell silent; a new connection took over"),
            Event::Unencodable(why) => write!(f, "a picture was skipped: {why}"),
        }
    }
}

/// Why sending failed: for good where no retry is wanted, or none would help.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// What is dialled, as the user named it, could not be reached.
    #[error("{}", .1.told_of(.0))]
    Unreachable(String, DialError),
    /// The receiver closed the connection.
    #[error("lost {0}: view-recv closed the connection")]
    Closed(SocketAddr),
    /// The receiver let it wait, and acknowledged nothing: what a viewer does that shows another camera.
    #[error("{0} took no picture: it may be showing another camera")]
    NoPicture(SocketAddr),
    /// The path was silent for so long.
    #[error("lost {0}: nothing came back for {seconds:.1} s", seconds = .1.as_secs_f64())]
    Silent(SocketAddr, Duration),
    /// The connection broke, or could not be used.
    #[error("lost {0}: {1}")]
    Broken(SocketAddr, io::Error),
    /// The source's pictures cannot be encoded; no retry would help.
    #[error("{MAX_UNENCODABLE} pictures in a row could not be encoded: {0}")]
    Unencodable(String),
}
