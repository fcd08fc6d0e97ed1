//! Sockets of a Unix: the standard library's do.

use std::io;
pub(super) use std::net::TcpStream as Socket;

use socket2::SockRef;

#[cfg(target_vendor = "apple")]
const NO_SIGNAL: i32 = 0;
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;

/// An established connection.
pub(super) fn connection(stream: Socket) -> Socket {
    stream
}

/// Writes what there is room for.
pub(super) fn write_now(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(socket).send_with_flags(bytes, libc::MSG_DONTWAIT | NO_SIGNAL)
}

/// Makes a restart not wait for connections of the last run to time out.
pub(super) fn own_port(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}
