//! The door: connections that have not brought a picture yet.
//!
//! Whoever connects waits here until its first whole frame has come. A waiting connection has no
//! rights: a few seconds, a share of a small memory, one of a few places. When the places are taken, a
//! newcomer gets that of whoever has brought least and waited longest, so that no number of idle
//! connections keeps a sender out. The state is shared by the listening threads and the waiting ones.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many may wait: senders that restart together, and each costs a thread.
const MAX_WAITING: usize = 24;

/// How many of one address may wait: a sender has one connection, at times a second.
const MAX_OF_ONE_ADDRESS: usize = 6;

/// How long a connection may take to bring its first frame, and then to wait for the seat.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What all that wait may hold together, in bytes, while a session runs. (While none does, one frame of
/// the greatest length must fit.)
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Strangers are told of no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Who waits.
#[derive(Debug, Default)]
pub struct Door {
    waiting: Mutex<Vec<Arc<Guest>>>,
    bytes: AtomicUsize,
    ids: AtomicU64,
    strangers: Mutex<Strangers>,
}

/// One that waits.
#[derive(Debug)]
struct Guest {
    id: u64,
    ip: IpAddr,
    since: Instant,
    bytes: AtomicUsize,
    stream: TcpStream,
}

#[derive(Debug, Default)]
struct Strangers {
    count: u64,
    told: Option<Instant>,
}

impl Door {
    /// Lets a connection wait; somebody else may have to go for it.
    pub fn admit(self: &Arc<Self>, stream: &TcpStream, peer: SocketAddr) -> io::Result<Pass> {
        let guest = Arc::new(Guest {
            id: self.ids.fetch_add(1, Ordering::Relaxed),
            ip: peer.ip(),
            since: Instant::now(),
            bytes: AtomicUsize::new(0),
            stream: stream.try_clone()?,
        });
        let mut waiting = self.waiting();
        let of_one: usize = waiting.iter().filter(|other| other.ip == guest.ip).count();
        let goes = if of_one >= MAX_OF_ONE_ADDRESS {
            least(&waiting, |other| other.ip == guest.ip)
        } else if waiting.len() >= MAX_WAITING {
            least(&waiting, |_| true)
        } else {
            None
        };
        if let Some(index) = goes {
            // Its thread finds the connection closed.
            let _ = waiting.remove(index).stream.shutdown(Shutdown::Both);
        }
        waiting.push(Arc::clone(&guest));
        Ok(Pass {
            door: Arc::clone(self),
            guest,
        })
    }

    /// Counts a connection that brought no picture; gives the number to tell, now and then.
    pub fn count_stranger(&self, now: Instant) -> Option<u64> {
        let mut strangers = self.strangers.lock().expect(POISON);
        strangers.count += 1;
        let due = strangers
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY);
        due.then(|| {
            strangers.told = Some(now);
            std::mem::take(&mut strangers.count)
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.waiting.lock().expect(POISON)
    }
}

/// Of those, the one that has brought least; of several, the one that has waited longest.
fn least(waiting: &[Arc<Guest>], of: impl Fn(&Guest) -> bool) -> Option<usize> {
    (0..waiting.len())
        .filter(|index| of(&waiting[*index]))
        .min_by_key(|index| {
            let guest = &waiting[*index];
            (guest.bytes.load(Ordering::Relaxed), guest.since)
        })
}

/// A place at the door; given back when dropped.
#[derive(Debug)]
pub struct Pass {
    door: Arc<Door>,
    guest: Arc<Guest>,
}

impl Pass {
    /// When patience ends.
    pub fn until(&self) -> Instant {
        self.guest.since + PATIENCE
    }

    /// Notes bytes that came, if there is room for them: all waiting ones share `most` or
    /// [`MAX_BYTES`].
    fn charge(&self, bytes: usize, most: usize) -> io::Result<()> {
        self.guest.bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.door.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > most.max(MAX_BYTES) {
            return Err(io::Error::other("the waiting connections hold too much"));
        }
        Ok(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let held = self.guest.bytes.load(Ordering::Relaxed);
        self.door.bytes.fetch_sub(held, Ordering::Relaxed);
        self.door
            .waiting()
            .retain(|other| other.id != self.guest.id);
    }
}

/// A connection's bytes: metered as long as it waits at the door, plain from then on.
#[derive(Debug)]
pub struct Metered {
    /// The connection.
    pub stream: TcpStream,
    /// Its place at the door, while it has one.
    pub pass: Option<Pass>,
    /// What all waiting ones may hold while nobody sits.
    pub most: usize,
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.stream.read(buf)?;
        if let Some(pass) = &self.pass {
            pass.charge(got, self.most)?;
        }
        Ok(got)
    }
}

const POISON: &str = "nothing panics while it holds the door";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    fn peer(last: u8) -> SocketAddr {
        ([10, 0, 0, last], 1).into()
    }

    /// Whether the door closed the connection whose far end this is.
    fn is_shown_out(mut far: &TcpStream) -> bool {
        far.set_nonblocking(true).unwrap();
        matches!(far.read(&mut [0]), Ok(0))
    }

    #[test]
    fn a_newcomer_gets_the_place_of_who_brought_least() {
        let door = Arc::new(Door::default());
        let pairs: Vec<_> = (0..MAX_WAITING).map(|_| pair()).collect();
        let passes: Vec<Pass> = (0..MAX_WAITING)
            .map(|i| door.admit(&pairs[i].0, peer(i as u8 / 4)).unwrap())
            .collect();
        for (i, pass) in passes.iter().enumerate() {
            pass.charge(if i == 5 { 10 } else { 100 }, 0).unwrap();
        }
        let newcomer = pair();
        let _pass = door.admit(&newcomer.0, peer(200)).unwrap();
        let out: Vec<usize> = (0..MAX_WAITING)
            .filter(|i| is_shown_out(&pairs[*i].1))
            .collect();
        assert_eq!(out, [5]);
        drop(passes);
        assert_eq!(door.waiting().len(), 1);
        assert_eq!(door.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let door = Arc::new(Door::default());
        let pairs: Vec<_> = (0..10).map(|_| pair()).collect();
        let _passes: Vec<Pass> = pairs
            .iter()
            .map(|(near, _)| door.admit(near, peer(1)).unwrap())
            .collect();
        assert_eq!(door.waiting().len(), MAX_OF_ONE_ADDRESS);
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let door = Arc::new(Door::default());
        let (near, _far) = pair();
        let pass = door.admit(&near, peer(1)).unwrap();
        pass.charge(MAX_BYTES, 0).unwrap();
        assert!(pass.charge(1, 0).is_err());
        assert!(pass.charge(1, 2 * MAX_BYTES).is_ok());
    }

    #[test]
    fn strangers_are_told_of_now_and_then() {
        let (door, start) = (Door::default(), Instant::now());
        assert_eq!(door.count_stranger(start), Some(1));
        assert_eq!(door.count_stranger(start), None);
        assert_eq!(door.count_stranger(start + TELL_EVERY), Some(2));
    }
}
