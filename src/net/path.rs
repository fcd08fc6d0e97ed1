//! What the kernel knows of a connection's way: bytes in flight, round trips, rates.
//!
//! The one unsafe file of the network: `SIOCOUTQ`, `FIONREAD` and `TCP_INFO`, which no crate wraps.
//! Nothing here blocks. On other systems than Linux the answers are `None`, and the callers do with
//! less.

use std::net::TcpStream;
use std::time::Duration;

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

/// What the kernel says of this connection; `None` where it says nothing of the kind.
#[cfg(target_os = "linux")]
pub(super) fn look(stream: &TcpStream) -> Option<Path> {
    linux::look(stream)
}

/// What the kernel says of this connection; `None` where it says nothing of the kind.
#[cfg(not(target_os = "linux"))]
pub(super) fn look(_: &TcpStream) -> Option<Path> {
    None
}

/// Bytes that have arrived and wait to be read.
#[cfg(target_os = "linux")]
pub(super) fn readable(stream: &TcpStream) -> Option<usize> {
    linux::queue(stream, libc::FIONREAD)
}

/// Bytes that have arrived and wait to be read.
#[cfg(not(target_os = "linux"))]
pub(super) fn readable(_: &TcpStream) -> Option<usize> {
    None
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod linux {
    use super::*;
    use std::os::fd::AsRawFd;

    /// As much of `struct tcp_info` as is read here (Linux 4.9 and later fill all of it). The layout is
    /// the kernel's interface and only ever grows at the end.
    const TCP_INFO_BYTES: usize = 168;

    pub fn look(stream: &TcpStream) -> Option<Path> {
        let info = tcp_info(stream)?;
        Some(Path {
            in_flight: queue(stream, libc::TIOCOUTQ)?,
            probes: info[3],
            segment: u32_at(&info, 16) as usize,
            unacked_segments: u32_at(&info, 24),
            since_ack: Duration::from_millis(u32_at(&info, 56).into()),
            round_trip: Duration::from_micros(u32_at(&info, 68).into()),
            min_round_trip: Duration::from_micros(u32_at(&info, 148).into()),
            delivery_rate: u64::from_ne_bytes(info[160..168].try_into().expect("eight bytes")),
        })
    }

    fn u32_at(info: &[u8; TCP_INFO_BYTES], at: usize) -> u32 {
        u32::from_ne_bytes(info[at..at + 4].try_into().expect("four bytes"))
    }

    fn tcp_info(stream: &TcpStream) -> Option<[u8; TCP_INFO_BYTES]> {
        let mut info = [0u8; TCP_INFO_BYTES];
        let mut length = TCP_INFO_BYTES as libc::socklen_t;
        // SAFETY: the descriptor is open as long as `stream` is borrowed; the kernel writes at most
        // `length` bytes to `info`, which has as many, and then sets `length`.
        let failed = unsafe {
            libc::getsockopt(
                stream.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        (failed == 0 && length as usize == TCP_INFO_BYTES).then_some(info)
    }

    /// One of the ioctls that give a queue's length as an int (TIOCOUTQ is SIOCOUTQ's other name).
    pub fn queue(stream: &TcpStream, request: libc::Ioctl) -> Option<usize> {
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
    use std::net::TcpListener;

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
