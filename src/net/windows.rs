//! Sockets of Windows.
//!
//! There, one whose SO_RCVTIMEO or SO_SNDTIMEO has run out is in no defined state, and may have lost bytes. So no call
//! on it blocks: who waits does so in WSAPoll. A write waits as long as a frame may, whatever it was told.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use windows_sys::Win32::Networking::WinSock;

use super::link::sending::SILENCE;

/// How long one wait takes at most: shutting down here does not end it.
const LOOK: Duration = Duration::from_millis(50);

/// A connection whose reads and writes wait only so long.
pub(super) struct Socket {
    stream: TcpStream,
    reads_for_ms: AtomicU64,
}

/// An established connection.
pub(super) fn connection(stream: TcpStream) -> Socket {
    // Whatever is a socket can do that.
    let _ = stream.set_nonblocking(true);
    Socket {
        stream,
        reads_for_ms: AtomicU64::new(u64::MAX),
    }
}

impl Deref for Socket {
    type Target = TcpStream;
    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsSocket for Socket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.stream.as_socket()
    }
}

impl Socket {
    pub(super) fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        let limit = limit.map_or(u64::MAX, |limit| limit.as_millis().max(1) as u64);
        self.reads_for_ms.store(limit, Ordering::Relaxed);
        Ok(())
    }

    /// Tries until it does not have to wait, or has waited so long.
    fn wait(
        &self,
        limit: Duration,
        events: i16,
        mut attempt: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut since = None;
        loop {
            match attempt(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            let waited = since.get_or_insert_with(Instant::now).elapsed();
            let wait = limit.saturating_sub(waited).min(LOOK);
            if wait.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut polled = WinSock::WSAPOLLFD {
                fd: self.stream.as_raw_socket() as WinSock::SOCKET,
                events,
                revents: 0,
            };
            // SAFETY: it is one, and the socket is open as long as `self` is borrowed. What fails, the attempt says.
            unsafe { WinSock::WSAPoll(&mut polled, 1, wait.as_millis() as i32 + 1) };
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let limit = Duration::from_millis(self.reads_for_ms.load(Ordering::Relaxed));
        self.wait(limit, WinSock::POLLIN, |mut stream| stream.read(to))
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(SILENCE, WinSock::POLLOUT, |mut stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what there is room for.
pub(super) fn write_now(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    (&socket.stream).write(bytes)
}

/// Keeps others from listening on the same port; a restart has to wait for nobody.
pub(super) fn own_port(socket: &socket2::Socket) -> io::Result<()> {
    let (raw, on) = (socket.as_raw_socket() as WinSock::SOCKET, 1_i32);
    let (level, option) = (WinSock::SOL_SOCKET, WinSock::SO_EXCLUSIVEADDRUSE);
    // SAFETY: the socket is open as long as it is borrowed; the option is an int.
    match unsafe { WinSock::setsockopt(raw, level, option, (&raw const on).cast(), 4) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
