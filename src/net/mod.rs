//! The network: connections between a sender and a viewer. Nobody above this room sees a socket.
//!
//! ```text
//! dial ───┐            ┌─ link/sending     frames out, acks in
//!         ├─▶  link  ──┤
//! listen ─┘            └─ link/receiving   frames in, acks out
//!   └ admission: candidates
//!
//! find    who is there, and telling others that we are (mDNS)
//! path    what the kernel knows of a link's path    sliding   the minimum of the last while
//! reach   what to type to connect here          key_file  a key's file
//! system  the system's sockets: unix, windows
//! ```
//!
//! It carries frames and acks as [`wire`](crate::protocol::wire) has them, and knows no JPEG. It blocks only where it says so.

pub(crate) mod admission;
pub mod dial;
#[cfg(any(feature = "send", feature = "view"))]
pub mod find;
pub mod key_file;
pub(crate) mod link;
pub mod listen;
pub(crate) mod path;
#[cfg(any(feature = "send", feature = "view"))]
pub mod reach;
pub(crate) mod sliding;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use std::io;

pub use self::dial::{DialError, Target};
pub(crate) use self::dial::{Dialer, Search};
#[cfg(any(feature = "send", feature = "view"))]
pub use self::find::{Finder, Found};
pub(crate) use self::link::Link;
pub use self::listen::{Acceptor, Allowed, Bind, ListenError};
pub(crate) use self::path::Path;
#[cfg(any(feature = "send", feature = "view"))]
pub use self::reach::{Reach, host_name};
pub(crate) use self::sliding::SlidingMin;
use crate::protocol::Role;

/// Why there is no sender, or no receiver, for a program.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This is no HOST, HOST:PORT or \[IPv6\]:PORT.
    #[error("{0:?} was not understood: give HOST, HOST:PORT or [IPv6]:PORT")]
    Host(String),
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system gave no thread.
    #[error("no thread to {} with: {1}", .0.pick("send", "receive"))]
    Thread(Role, #[source] io::Error),
}

/// The TCP port unless another is given.
pub const DEFAULT_PORT: u16 = 8000;
