//! What the receiving side reports to its user: one line for each change of state.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use thiserror::Error;

use super::frame::ClockOff;
use super::session::Identity;
use crate::jpeg::{DecodeError, MAX_PIXELS_IN_SCANS};
use crate::protocol::stamp::Name;
use crate::protocol::wire::ReadError;
use crate::report::Severity;
use crate::report::limit::RateLimit;
use crate::report::shell;

/// Something that a user wants to know; `Display` is the line.
#[derive(Debug, Error)]
pub enum Event {
    /// A sender has a session; the first frame's size is in pixels.
    #[error("receiving {}x{} from {}", size.0, size.1, sender(*peer, name.as_ref()))]
    Session {
        peer: SocketAddr,
        name: Option<Name>,
        size: (u32, u32),
    },
    /// The session is over.
    #[error("{peer} {why}")]
    Over { peer: SocketAddr, why: End },
    /// The sender's clock is off: names and dates are by ours.
    #[error("{peer}: its clock is {off}; names and dates of files are by this computer's")]
    ClockOff { peer: SocketAddr, off: ClockOff },
    /// Another camera would send, too, and was turned away.
    #[error("turned away {who}: already showing {}; second camera: view-recv --bind :{}", beside(shown, who), next(*port))]
    Busy {
        who: Identity,
        shown: Identity,
        /// The port here.
        port: u16,
    },
    /// `--allow` does not name the address.
    #[error("turned away {0}: --allow does not include it; to let it in: --allow {0}")]
    NotAllowed(IpAddr),
    /// A connection that sent no picture.
    #[error("{0} connected but sent no picture")]
    NoPicture(IpAddr),
    /// A connection whose first frame was refused.
    #[error("turned away {ip}: {why}")]
    Refused { ip: IpAddr, why: Refusal },
    /// No descriptor, or no thread, for another connection.
    #[error("cannot take another connection yet: {0}")]
    Exhausted(String),
    /// The latest of several of a kind.
    #[error("{latest} (and {left_out} lines like this before it; --allow keeps others out)")]
    Repeated {
        latest: Box<Event>,
        /// How many were not reported before it.
        left_out: u64,
    },
}

fn sender(peer: SocketAddr, name: Option<&Name>) -> String {
    name.map_or_else(|| peer.to_string(), |name| format!("{name} ({peer})"))
}

/// What a camera is called to another: two of one name are told apart by their addresses.
fn beside(shown: &Identity, who: &Identity) -> String {
    let name = shown.name.as_ref().filter(|_| shown.name != who.name);
    name.map_or_else(|| shown.to_string(), ToString::to_string)
}

/// The port for a second viewer.
fn next(port: u16) -> u16 {
    port.wrapping_add(1).max(1024)
}

/// Why a first frame was refused.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It announces more bytes than are accepted.
    #[error("{}", too_long(*length, *max))]
    TooLong { length: u32, max: u32 },
    /// Its bytes came too slowly.
    #[error("its first frame came too slowly, {got} of {of} bytes in {:.0} s; smaller pictures or a lower quality get through", within.as_secs_f64())]
    TooSlow { got: u64, of: u64, within: Duration },
    /// It is no picture that is shown here.
    #[error("{}{}", shell::in_a_line(.0), remedy(.0))]
    Picture(DecodeError),
}

fn too_long(length: u32, max: u32) -> String {
    // Four printable characters, as an HTTP request begins with, or more than any option allows.
    let bytes = length.to_le_bytes();
    if length > 1 << 30 || bytes.iter().all(|byte| (0x20..0x7F).contains(byte)) {
        return "it sent something else than pictures (a browser? This port is for pi-send)".into();
    }
    format!(
        "its first frame has {length} bytes, and at most {max} are accepted; to accept it: --max-frame-bytes {length}"
    )
}

fn remedy(error: &DecodeError) -> String {
    match error {
        DecodeError::TooLarge { limit, .. } if *limit == MAX_PIXELS_IN_SCANS => {
            " in several scans; baseline JPEGs may be larger".into()
        }
        DecodeError::TooLarge { width, height, .. } => {
            let pixels = u64::from(*width) * u64::from(*height);
            format!("; to accept it: --max-pixels {pixels}")
        }
        _ => String::new(),
    }
}

/// Kinds of events that others can cause at will, each with a limit of its own: none drowns another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Session,
    Busy,
    NotAllowed,
    NoPicture,
    Refused,
    Exhausted,
}

impl Kind {
    /// How many lines of this kind are reported.
    pub(super) fn limit(self) -> RateLimit {
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
    pub(super) fn kind(&self) -> Kind {
        match self {
            Event::Session { .. } | Event::Over { .. } | Event::ClockOff { .. } => Kind::Session,
            Event::Busy { .. } => Kind::Busy,
            Event::NotAllowed(_) => Kind::NotAllowed,
            Event::NoPicture(_) => Kind::NoPicture,
            Event::Refused { .. } => Kind::Refused,
            Event::Exhausted(_) => Kind::Exhausted,
            Event::Repeated { latest, .. } => latest.kind(),
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Event::Session { .. }
            | Event::Over {
                why: End::Marker, ..
            } => Severity::Info,
            Event::Repeated { latest, .. } => latest.severity(),
            _ => Severity::Warning,
        }
    }

    /// Whether somebody who looks at the window should know: the picture itself does not show it.
    pub fn is_for_window(&self) -> bool {
        self.kind() == Kind::Busy
    }
}

/// Why a session ended.
#[derive(Debug, Error)]
pub enum End {
    /// With an end marker.
    #[error("ended the stream")]
    Marker,
    /// The stream broke.
    #[error("{}", broken(.0))]
    Broken(ReadError),
    /// Nothing came for too long.
    #[error("was let go: no frame for {:.0} s (--idle-timeout)", .0.as_secs_f64())]
    Idle(Duration),
    /// Its sender connected anew.
    #[error("connected anew")]
    Reconnected,
    /// Another camera took its place.
    #[error("made room for {0}")]
    TakenOver(Identity),
    /// Too many frames in a row did not decode.
    #[error("was let go: {0} frames in a row did not decode")]
    Garbage(u32),
    /// The viewer itself ends.
    #[error("was let go")]
    Stopped,
}

fn broken(error: &ReadError) -> String {
    match error {
        ReadError::Ended { wanted: 0, .. } => "went away without an end marker".into(),
        ReadError::Io { at, source } => format!("was lost at byte {at}: {source}"),
        error => format!("was lost: {error}"),
    }
}

impl End {
    /// Whether another session goes on in its place.
    pub(super) fn is_succeeded(&self) -> bool {
        matches!(self, End::Reconnected | End::TakenOver(_))
    }

    /// Whether the sender may still mean to send: then its place is kept for a while.
    pub(super) fn may_come_back(&self) -> bool {
        !matches!(self, End::Marker | End::Garbage(_))
    }
}
