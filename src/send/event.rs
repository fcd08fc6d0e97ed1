//! What the sending side tells its user: one line for each change of state.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::net::dial::{DialError, Target};
use crate::report::Severity;

/// Something that a user wants to know; `Display` is the line.
#[derive(Debug)]
pub enum Event {
    /// A connection stands and frames go out.
    Connected(SocketAddr),
    /// The host cannot be reached (yet); it is tried again.
    Unreachable(Target, DialError),
    /// The connection was lost; a new one is tried.
    Lost(SocketAddr, Loss),
    /// Nothing is acknowledged any more; a second connection took over.
    Moved(SocketAddr),
    /// A picture could not be encoded, and was skipped.
    Unencodable(String),
    /// What a source or a camera has to say.
    Notice(String),
}

impl Event {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Connected(_) | Event::Moved(_) | Event::Notice(_) => Severity::Info,
            Event::Unreachable(..) | Event::Lost(..) | Event::Unencodable(_) => Severity::Warning,
        }
    }
}

/// Why a connection ended.
#[derive(Debug)]
pub enum Loss {
    /// The receiver closed it.
    Closed,
    /// The receiver let it wait, and acknowledged nothing: what a viewer does that shows another camera.
    NoPicture,
    /// The path has been silent for so long.
    Silent(Duration),
    /// The system's word.
    Failed(std::io::Error),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Closed => write!(f, "view-recv closed the connection"),
            Loss::NoPicture => write!(f, "it took no picture and may be showing another camera"),
            Loss::Silent(silence) => {
                write!(f, "nothing came back for {:.1} s", silence.as_secs_f64())
            }
            Loss::Failed(source) => write!(f, "{source}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Connected(peer) => write!(f, "sending to {peer}"),
            Event::Unreachable(target, error) => {
                write!(f, "{}; trying again", error.told_of(target))
            }
            Event::Lost(peer, Loss::NoPicture) => write!(
                f,
                "{peer} took no picture: it may be showing another camera; trying again"
            ),
            Event::Lost(peer, loss) => write!(f, "lost {peer}: {loss}; trying again"),
            Event::Moved(peer) => write!(f, "{peer} fell silent; a new connection took over"),
            Event::Unencodable(why) => write!(f, "a picture was skipped: {why}"),
            Event::Notice(line) => f.write_str(line),
        }
    }
}
