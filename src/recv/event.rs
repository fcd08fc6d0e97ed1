//! What the receiving side reports to its user: one line for each change of state.

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::Identity;
use crate::jpeg::{DecodeError, MAX_PIXELS_IN_SCANS};
use crate::protocol::{ReadError, Role, Status};
use crate::report::{RateLimit, in_a_line};

/// Something that a user wants to know: of which kind, in a line for a person.
pub(super) type Event = (Kind, String);

/// Kinds of events that others can cause at will, each with a limit of its own: none drowns another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The course of a session.
    Session,
    /// Another camera would send, too, and was turned away.
    Busy,
    /// `--allow` does not name the address.
    NotAllowed,
    /// A sender that is dialled could not be reached, or sent no picture.
    Dialling,
    /// A connection that sent no picture.
    NoPicture,
    /// One side has a key that the other does not have.
    Key,
    /// A connection whose first frame was refused.
    Refused,
    /// No descriptor, or no thread, for another connection.
    Exhausted,
}

impl Kind {
    /// How many lines of this kind are reported.
    pub(super) fn limit(self) -> RateLimit {
        match self {
            Kind::Session | Kind::Dialling => RateLimit::default(),
            // Both try again for as long as they are not reconfigured.
            Kind::Busy | Kind::NotAllowed => RateLimit::new(1, Duration::from_secs(30)),
            _ => RateLimit::new(1, Duration::from_secs(10)),
        }
    }
}

/// That a peer was turned away for its key, and what helps.
pub(super) fn turned_away(ip: IpAddr, status: Status) -> Event {
    let why = status.reason(Role::Receives, false);
    (Kind::Key, format!("turned away {ip}: it {why}"))
}

/// Of a first frame that announces more bytes than are accepted.
pub(super) fn too_long(length: u32, max: u32) -> String {
    // Four printable characters, as an HTTP request begins with, or more than any option allows.
    let bytes = length.to_le_bytes();
    if length > 1 << 30 || bytes.iter().all(|byte| (0x20..0x7F).contains(byte)) {
        return "it sent something else than pictures (a browser? This port is for pi-send)".into();
    }
    format!(
        "its first frame has {length} bytes, and at most {max} are accepted; to accept it: --max-frame-bytes {length}"
    )
}

/// Of a first frame that is no picture that is shown here: why, and what to do.
pub(super) fn no_picture(error: &DecodeError) -> String {
    let remedy = match error {
        DecodeError::TooLarge { limit, .. } if *limit == MAX_PIXELS_IN_SCANS => {
            " in several scans; baseline JPEGs may be larger".into()
        }
        DecodeError::TooLarge { width, height, .. } => {
            let pixels = u64::from(*width) * u64::from(*height);
            format!("; to accept it: --max-pixels {pixels}")
        }
        _ => String::new(),
    };
    in_a_line(error) + &remedy
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
        ReadError::Ended { .. } => "went away without an end marker".into(),
        ReadError::Io { at, source } => format!("was lost at byte {at}: {source}"),
        error => format!("was lost: {error}"),
    }
}
