//! What the receiving side tells its user: one line for each change of state.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::report::Severity;
use crate::stamp::Name;
use crate::wire::ReadError;

/// Something that a user wants to know; `Display` is the line.
#[derive(Debug)]
pub enum Event {
    /// A sender has the session.
    Session {
        /// Its address.
        peer: SocketAddr,
        /// Its name, where it gives one.
        name: Option<Name>,
        /// The first frame's size in pixels.
        size: (u32, u32),
    },
    /// The session is over.
    Over {
        /// Its address.
        peer: SocketAddr,
        /// Why.
        why: End,
    },
    /// Somebody else would send, too.
    Busy(SocketAddr),
    /// Connections that brought no picture.
    Strangers {
        /// How many since the last line.
        count: u64,
        /// One of them.
        example: IpAddr,
    },
    /// No descriptor, or no thread, for another connection.
    Exhausted(String),
    /// Lines about sessions that came and went, too many to be said.
    LeftOut(u64),
    /// What a sink has to say.
    Notice(String),
}

impl Event {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Session { .. } | Event::LeftOut(_) | Event::Notice(_) => Severity::Info,
            Event::Over { why, .. } if why.is_proper() => Severity::Info,
            Event::Over { .. } | Event::Busy(_) | Event::Strangers { .. } | Event::Exhausted(_) => {
                Severity::Warning
            }
        }
    }
}

/// Why a session ended.
#[derive(Debug)]
pub enum End {
    /// With an end marker.
    Marker,
    /// The stream broke.
    Broken(ReadError),
    /// Nothing came for too long.
    Idle(std::time::Duration),
    /// Its sender, or one in its place, connected anew.
    Replaced,
    /// Too many frames in a row did not decode.
    Garbage(u32),
    /// The viewer itself ends.
    Stopped,
}

impl End {
    /// Whether the sender said good-bye.
    pub fn is_proper(&self) -> bool {
        matches!(self, End::Marker)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Marker => f.write_str("ended the stream"),
            End::Broken(ReadError::Ended { wanted: 0, .. }) => {
                f.write_str("went away without an end marker")
            }
            End::Broken(ReadError::Io { at, source }) => {
                write!(f, "was lost at byte {at}: {source}")
            }
            End::Broken(error) => write!(f, "was lost: {error}"),
            End::Idle(idle) => write!(
                f,
                "was let go: no frame for {:.0} s (--idle-timeout)",
                idle.as_secs_f64()
            ),
            End::Replaced => f.write_str("connected anew"),
            End::Garbage(frames) => {
                write!(f, "was let go: {frames} frames in a row did not decode")
            }
            End::Stopped => f.write_str("was let go"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Session { peer, name, size } => {
                let (width, height) = size;
                match name {
                    Some(name) => write!(f, "receiving {width}x{height} from {name} ({peer})"),
                    None => write!(f, "receiving {width}x{height} from {peer}"),
                }
            }
            Event::Over { peer, why } => write!(f, "{peer} {why}"),
            Event::Busy(peer) => write!(
                f,
                "{peer} wants to send, too, and one sender at a time is shown: give it a viewer on another port"
            ),
            Event::Strangers { count: 1, example } => {
                write!(f, "a connection from {example} brought no picture")
            }
            Event::Strangers { count, example } => write!(
                f,
                "{count} connections brought no picture, one of them from {example} (--allow keeps others out)"
            ),
            Event::Exhausted(why) => write!(f, "cannot take another connection yet: {why}"),
            Event::LeftOut(lines) => write!(
                f,
                "sessions come and go: {lines} lines about them were left out (--allow keeps others out)"
            ),
            Event::Notice(line) => f.write_str(line),
        }
    }
}
