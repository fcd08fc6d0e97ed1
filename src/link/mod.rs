//! Links: the sockets between a sender and a viewer, and what their kernel knows of the way.
//!
//! Dialling and listening ([`dial`], [`listen`]), the options that live pictures want, what is in flight
//! ([`path`]), and what to type to come here (`reach`). This room knows nothing of frames; it blocks
//! only where it says so.

pub mod dial;
pub mod listen;
pub mod path;
#[cfg(feature = "view")]
pub mod reach;

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// After this long without a word an idle connection is probed, and from then on this often: a peer
/// that lost its power is noticed in seconds, not in TCP's two hours.
const KEEPALIVE: Duration = Duration::from_secs(3);

/// How many probes go unanswered before the connection is given up.
#[cfg(not(windows))]
const KEEPALIVE_PROBES: u32 = 3;

/// How long sent bytes may stay unacknowledged before the kernel gives the connection up (Linux;
/// elsewhere the write time-out serves). Longer than any hiccup of a radio link, shorter than patience.
pub const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// How much may lie in the sending kernel unsent before a write waits: little, so that a frame's tail
/// does not sit behind what the path cannot take yet, and enough to keep a fast path busy.
#[cfg(target_os = "linux")]
const NOT_SENT_LOW_WATER: u32 = 128 * 1024;

/// What both sides set: no waiting for more to send, and a dead peer noticed.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Prepares a connection for sending frames on it.
pub fn tune_sender(stream: &TcpStream) -> io::Result<()> {
    tune(stream)?;
    stream.set_write_timeout(Some(USER_TIMEOUT))?;
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        socket.set_tcp_notsent_lowat(NOT_SENT_LOW_WATER)?;
    }
    Ok(())
}

/// Prepares a connection for receiving frames on it; a read waits `patience` at most.
pub fn tune_receiver(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    tune(stream)?;
    stream.set_read_timeout(Some(patience))
}

/// Closes a connection at once, and drops what it still held: nothing old shall arrive any more.
pub fn abort(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// Writes only what fits at once; `WouldBlock` where nothing does.
pub fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(unix)]
    {
        SockRef::from(stream).send_with_flags(bytes, libc::MSG_DONTWAIT | no_signal())
    }
    #[cfg(not(unix))]
    {
        // Without a flag for one call, the receiving side's shortest write time-out comes closest.
        stream.set_write_timeout(Some(Duration::from_millis(1)))?;
        io::Write::write(&mut &*stream, bytes)
    }
}

#[cfg(all(unix, not(target_vendor = "apple")))]
fn no_signal() -> i32 {
    libc::MSG_NOSIGNAL
}

#[cfg(target_vendor = "apple")]
fn no_signal() -> i32 {
    0
}

/// How many bytes have arrived and wait to be read; `None` where the platform does not say.
pub fn readable(stream: &TcpStream) -> Option<usize> {
    path::readable(stream)
}
