//! What the receiving side tells its user: one line for each change of state.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::frame::ClockOff;
use super::session::Identity;
use crate::jpeg::{DecodeError, MAX_PIXELS_IN_SCANS};
use crate::protocol::stamp::Name;
use crate::protocol::wire::ReadError;
use crate::report::Severity;
use crate::report::limit::RateLimit;
use crate::report::shell;

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
    /// The sender's clock is off: names and dates are by ours.
    ClockOff {
        /// Its address.
        peer: SocketAddr,
        /// Which way, and by how much.
        off: ClockOff,
    },
    /// Another camera would send, too, and was turned away.
    Busy {
        /// Which.
        who: Identity,
        /// The one that is shown.
        shown: Identity,
        /// The port here.
        port: u16,
    },
    /// An address that `--allow` does not name.
    NotAllowed(IpAddr),
    /// A connection that sent no picture.
    NoPicture(IpAddr),
    /// A connection whose first frame was refused.
    Refused {
        /// Its address.
        ip: IpAddr,
        /// Why.
        why: Refusal,
    },
    /// No descriptor, or no thread, for another connection.
    Exhausted(String),
    /// The latest of several of a kind.
    Repeated {
        /// The latest.
        latest: Box<Event>,
        /// How many were not told before it.
        left_out: u64,
    },
    /// What a sink has to say.
    Notice(String),
}

/// Why a first frame was refused.
#[derive(Debug)]
pub enum Refusal {
    /// It is announced to be longer than what is accepted.
    TooLong {
        /// In bytes.
        length: u32,
        /// What is accepted, in bytes.
        max: u32,
    },
    /// Its bytes came too slowly.
    TooSlow {
        /// How many came.
        got: u64,
        /// Of how many.
        of: u64,
        /// In what time.
        within: Duration,
    },
    /// It is no picture that is shown here.
    Picture(DecodeError),
}

/// Kinds of events that others can cause at will, each with a limit of its own: none drowns another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sessions that come and go.
    Session,
    /// A second camera.
    Busy,
    /// `--allow`.
    NotAllowed,
    /// No picture.
    NoPicture,
    /// A first frame that is refused.
    Refused,
    /// Out of descriptors or threads.
    Exhausted,
}

impl Kind {
    /// How many lines of this kind are said.
    pub(crate) fn limit(self) -> RateLimit {
        match self {
            Kind::Session => RateLimit::default(),
            // Both try again for as long as they are not reconfigured.
            Kind::Busy | Kind::NotAllowed => RateLimit::new(1, Duration::from_secs(30)),
            Kind::NoPicture | Kind::Refused | Kind::Exhausted => {
                RateLimit::new(1, Duration::from_secs(10))
            }
        }
    }
}

impl Event {
    /// What it is limited with; `None`: it is always told.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Event::Session { .. } | Event::Over { .. } | Event::ClockOff { .. } => {
                Some(Kind::Session)
            }
            Event::Busy { .. } => Some(Kind::Busy),
            Event::NotAllowed(_) => Some(Kind::NotAllowed),
            Event::NoPicture(_) => Some(Kind::NoPicture),
            Event::Refused { .. } => Some(Kind::Refused),
            Event::Exhausted(_) => Some(Kind::Exhausted),
            Event::Repeated { latest, .. } => latest.kind(),
            Event::Notice(_) => None,
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Session { .. } | Event::Notice(_) => Severity::Info,
            Event::Over { why, .. } if why.is_proper() => Severity::Info,
            Event::Repeated { latest, .. } => latest.severity(),
            Event::Over { .. }
            | Event::ClockOff { .. }
            | Event::Busy { .. }
            | Event::NotAllowed(_)
            | Event::NoPicture(_)
            | Event::Refused { .. }
            | Event::Exhausted(_) => Severity::Warning,
        }
    }

    /// Whether somebody who looks at the window should know: the picture itself does not show it.
    pub fn is_for_window(&self) -> bool {
        self.kind() == Some(Kind::Busy)
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
    Idle(Duration),
    /// Its sender connected anew.
    Reconnected,
    /// Another camera took its place.
    TakenOver(Identity),
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

    /// Whether another session goes on in its place.
    pub fn is_succeeded(&self) -> bool {
        matches!(self, End::Reconnected | End::TakenOver(_))
    }

    /// Whether the sender may still mean to send: then its place is kept for a while.
    pub fn may_come_back(&self) -> bool {
        !matches!(self, End::Marker | End::Garbage(_))
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
            End::Reconnected => f.write_str("connected anew"),
            End::TakenOver(by) => write!(f, "made room for {by}"),
            End::Garbage(frames) => {
                write!(f, "was let go: {frames} frames in a row did not decode")
            }
            End::Stopped => f.write_str("was let go"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooLong { length, .. } if is_no_length(*length) => f.write_str(
                "it sent something else than pictures (a browser? This port is for pi-send)",
            ),
            Refusal::TooLong { length, max } => write!(
                f,
                "its first frame has {length} bytes, and at most {max} are accepted; to accept it: --max-frame-bytes {length}"
            ),
            Refusal::TooSlow { got, of, within } => write!(
                f,
                "its first frame came too slowly, {got} of {of} bytes in {:.0} s; smaller pictures or a lower quality get through",
                within.as_secs_f64()
            ),
            Refusal::Picture(error) => {
                f.write_str(&shell::in_a_line(error))?;
                match error {
                    DecodeError::TooLarge { limit, .. } if *limit == MAX_PIXELS_IN_SCANS => {
                        f.write_str(" in several scans; baseline JPEGs may be larger")
                    }
                    DecodeError::TooLarge { width, height, .. } => {
                        let pixels = u64::from(*width) * u64::from(*height);
                        write!(f, "; to accept it: --max-pixels {pixels}")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Whether it is four printable characters, as an HTTP request begins with, or more than any option allows.
fn is_no_length(length: u32) -> bool {
    let bytes = length.to_le_bytes();
    length > 1 << 30 || bytes.iter().all(|byte| (0x20..0x7F).contains(byte))
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
            Event::ClockOff { peer, off } => {
                let (by, way) = match off {
                    ClockOff::Behind(by) => (by, "behind"),
                    ClockOff::Ahead(by) => (by, "ahead"),
                };
                write!(
                    f,
                    "{peer}: its clock is {} s {way}; names and dates of files are by this computer's",
                    by.as_secs()
                )
            }
            Event::Busy { who, shown, port } => {
                write!(f, "turned away {who}: already showing ")?;
                match &shown.name {
                    // Two of one name are told apart by their address.
                    Some(name) if shown.name != who.name => write!(f, "{name}")?,
                    _ => write!(f, "{shown}")?,
                }
                let next = port.wrapping_add(1).max(1024);
                write!(f, "; second camera: view-recv --bind :{next}")
            }
            Event::NotAllowed(ip) => write!(
                f,
                "turned away {ip}: --allow does not include it; to let it in: --allow {ip}"
            ),
            Event::NoPicture(ip) => write!(f, "{ip} connected but sent no picture"),
            Event::Refused { ip, why } => write!(f, "turned away {ip}: {why}"),
            Event::Exhausted(why) => write!(f, "cannot take another connection yet: {why}"),
            Event::Repeated { latest, left_out } => write!(
                f,
                "{latest} (and {left_out} lines like this before it; --allow keeps others out)"
            ),
            Event::Notice(line) => f.write_str(line),
        }
    }
}
