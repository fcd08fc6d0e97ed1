//! What the kernel knows of a connection's path: bytes in flight, round trips, rates.
//!
//! The one unsafe file of the network: `SIOCOUTQ`, `FIONREAD` and `TCP_INFO`, which no crate wraps.
//! Nothing here blocks. Only Linux answers; elsewhere callers get `None` and manage with less.

use std::time::Duration;

use super::system::Socket;

/// What a sender's kernel says of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    /// Bytes written and not yet acknowledged by the peer's kernel, sent or not (`SIOCOUTQ`).
    pub(crate) in_flight: usize,
    /// Segments sent and not acknowledged (`tcpi_unacked`); 0 while the peer's window is closed.
    pub(crate) unacked_segments: u32,
    /// Unanswered probes of a closed window (`tcpi_probes`).
    pub(crate) probes: u8,
    /// Since the last acknowledgement came (`tcpi_last_ack_recv`, milliseconds).
    pub(crate) since_ack: Duration,
    /// The largest segment (`tcpi_snd_mss`), in bytes.
    pub(crate) segment: usize,
    /// The smoothed round trip (`tcpi_rtt`, microseconds).
    pub(crate) round_trip: Duration,
    /// The smallest round trip of the last minutes (`tcpi_min_rtt`, microseconds).
    pub(crate) min_round_trip: Duration,
    /// The newest delivery rate (`tcpi_delivery_rate`), bytes a second.
    pub(crate) delivery_rate: u64,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{look, readable};

/// What the kernel says of this connection; `None` where it says nothing of the kind.
#[cfg(not(target_os = "linux"))]
pub(super) fn look(_: &Socket) -> Option<Path> {
    None
}

/// Bytes that have arrived and wait to be read; `None` where nobody says.
#[cfg(not(target_os = "linux"))]
pub(super) fn readable(_: &Socket) -> Option<usize> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::mem;
    use std::os::fd::AsRawFd;

    /// As much of it as every kernel from 4.9 on fills: all that is read here.
    const FILLED: usize = mem::offset_of!(libc::tcp_info, tcpi_delivery_rate) + size_of::<u64>();

    pub(in crate::net) fn look(stream: &Socket) -> Option<Path> {
        // SAFETY: it consists of integers, which may all be zero.
        let mut info: libc::tcp_info = unsafe { mem::zeroed() };
        let mut length = size_of_val(&info) as libc::socklen_t;
        let (level, option) = (libc::IPPROTO_TCP, libc::TCP_INFO);
        let to = (&raw mut info).cast();
        // SAFETY: the descriptor is open as long as `stream` is borrowed; the kernel writes at most
        // `length` bytes to `info`, which has as many, and then sets `length`.
        let failed =
            unsafe { libc::getsockopt(stream.as_raw_fd(), level, option, to, &raw mut length) };
        (failed == 0 && length as usize >= FILLED).then_some(Path {
            in_flight: queue(stream, libc::TIOCOUTQ)?,
            probes: info.tcpi_probes,
            segment: info.tcpi_snd_mss as usize,
            unacked_segments: info.tcpi_unacked,
            since_ack: Duration::from_millis(info.tcpi_last_ack_recv.into()),
            round_trip: Duration::from_micros(info.tcpi_rtt.into()),
            min_round_trip: Duration::from_micros(info.tcpi_min_rtt.into()),
            delivery_rate: info.tcpi_delivery_rate,
        })
    }

    pub(in crate::net) fn readable(stream: &Socket) -> Option<usize> {
        queue(stream, libc::FIONREAD)
    }

    /// One of the ioctls that give a queue's length as an int (TIOCOUTQ is SIOCOUTQ's other name).
    fn queue(stream: &Socket, request: libc::Ioctl) -> Option<usize> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open as long as `stream` is borrowed; these requests write one int.
        let failed = unsafe { libc::ioctl(stream.as_raw_fd(), request, &raw mut bytes) };
        (failed == 0).then(|| usize::try_from(bytes).unwrap_or(0))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_is_written_is_in_flight_until_the_peer_has_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        assert_eq!(look(&near).unwrap().in_flight, 0);

        // More than both kernels hold, so that some of it must stay.
        near.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(n) = near.write(&[0; 65536]) {
            written += n;
        }
        let path = look(&near).unwrap();
        assert!(path.in_flight > 0 && path.in_flight <= written, "{path:?}");
        assert!(
            path.segment >= 500 && path.round_trip > Duration::ZERO,
            "{path:?}"
        );
        assert!(readable(&far).unwrap() > 0);

        far.read_exact(&mut vec![0; written]).unwrap();
        assert_eq!(readable(&far), Some(0));
    }
}
