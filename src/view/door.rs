//! The door: connections that have not brought a picture yet.
//!
//! Whoever connects waits here until its first whole frame has come. A waiting connection has no
//! rights: a few seconds, a share of a small memory, one of a few places. When the places are taken, a
//! newcomer gets that of whoever has brought least and waited longest, so that no number of idle
//! connections keeps a sender out. As long as it could not have the seat anyway, no more than a share of
//! its bytes is read; the rest stays with its own kernel. The state is shared by the listening threads
//! and the waiting ones, behind one lock: what is held is what those on the list hold.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How many may wait: senders that restart together, and each costs a thread.
const MAX_WAITING: usize = 24;

/// How many of one address may wait: a sender has one connection, at times a second.
const MAX_OF_ONE_ADDRESS: usize = 6;

/// How long a connection may take to bring its first frame (longer, where the seat is open and the bytes come
/// as fast as they must), and then to wait for the seat.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What one may hold, in bytes, as long as it could not have the seat anyway: a usual frame. With all
/// places taken that is 3 MiB, and twice that in buffers that double.
const SHARE: usize = 128 * 1024;

/// What those may hold together, in bytes, that could have the seat, beside one frame of the greatest
/// length.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A picture of more pixels than this waits for its trial behind others of that size: cameras' live
/// pictures are smaller, and shall not wait for a stranger's 64 megapixels.
const LARGE_PICTURE: u64 = 8 << 20;

/// Who waits.
#[derive(Debug, Default)]
pub struct Door {
    waiting: Mutex<Vec<Arc<Guest>>>,
    trials: [Mutex<()>; 2],
}

/// One that waits.
#[derive(Debug)]
struct Guest {
    ip: IpAddr,
    since: Instant,
    bytes: AtomicUsize,
    shown_out: AtomicBool,
    stream: TcpStream,
}

impl Door {
    /// Lets a connection wait; somebody else may have to go for it.
    pub fn admit(self: &Arc<Self>, stream: &TcpStream, peer: SocketAddr) -> io::Result<Pass> {
        let guest = Arc::new(Guest {
            ip: peer.ip(),
            since: Instant::now(),
            bytes: AtomicUsize::new(0),
            shown_out: AtomicBool::new(false),
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
            waiting.remove(index).show_out();
        }
        waiting.push(Arc::clone(&guest));
        Ok(Pass {
            door: Arc::clone(self),
            guest,
        })
    }

    /// Lets one go so that another can come: whoever has brought least.
    pub fn make_place(&self) {
        let mut waiting = self.waiting();
        if let Some(index) = least(&waiting, |_| true) {
            waiting.remove(index).show_out();
        }
    }

    /// Does `trial`, the decoding of a first frame of so many pixels, when it is its turn: one at a
    /// time, so that many strangers' pictures take no more memory than one's.
    pub fn in_turn<T>(&self, pixels: u64, trial: impl FnOnce() -> T) -> T {
        let turn = self.trials[usize::from(pixels > LARGE_PICTURE)].lock();
        // Whoever panicked in its turn left nothing behind.
        let _turn = turn.unwrap_or_else(std::sync::PoisonError::into_inner);
        trial()
    }

    /// Counts bytes that came for `guest`. Where all that wait hold more than `most` now, it lets go whoever
    /// has waited longest of those that hold more than a share.
    fn charge(&self, guest: &Guest, bytes: usize, most: usize) {
        let mut waiting = self.waiting();
        guest.bytes.fetch_add(bytes, Ordering::Relaxed);
        let held = |guest: &Arc<Guest>| guest.bytes.load(Ordering::Relaxed);
        if waiting.iter().map(held).sum::<usize>() <= most {
            return;
        }
        let holders = (0..waiting.len()).filter(|index| held(&waiting[*index]) > SHARE);
        if let Some(index) = holders.min_by_key(|index| waiting[*index].since) {
            waiting.remove(index).show_out();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.waiting.lock().expect(POISON)
    }
}

impl Guest {
    /// Its thread finds itself shown out, and its connection closed.
    fn show_out(&self) {
        self.shown_out.store(true, Ordering::Relaxed);
        let _ = self.stream.shutdown(Shutdown::Both);
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
    /// Since when it waits.
    pub fn since(&self) -> Instant {
        self.guest.since
    }

    /// Notes bytes that came; somebody may have to go for them. All that wait share `most` and
    /// [`MAX_BYTES`].
    fn charge(&self, bytes: usize, most: usize) {
        self.door.charge(&self.guest, bytes, most + MAX_BYTES);
    }

    /// How many more bytes may be read.
    fn room(&self, has_prospects: bool) -> usize {
        if has_prospects {
            return usize::MAX;
        }
        SHARE.saturating_sub(self.guest.bytes.load(Ordering::Relaxed))
    }

    /// Whether it has brought as much as is read without a prospect of the seat.
    pub fn has_its_share(&self) -> bool {
        self.room(false) == 0
    }

    /// Whether its place was given to another.
    pub fn is_shown_out(&self) -> bool {
        self.guest.shown_out.load(Ordering::Relaxed)
    }

    /// [`Door::in_turn`].
    pub fn in_turn<T>(&self, pixels: u64, trial: impl FnOnce() -> T) -> T {
        self.door.in_turn(pixels, trial)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.door
            .waiting()
            .retain(|other| !Arc::ptr_eq(other, &self.guest));
    }
}

/// A connection's bytes: metered as long as it waits at the door, plain from then on.
#[derive(Debug)]
pub struct Metered {
    /// The connection.
    pub stream: TcpStream,
    /// Its place at the door, while it has one.
    pub pass: Option<Pass>,
    /// Whether it could have the seat, if it brought a frame now.
    pub has_prospects: bool,
    /// The longest frame, in bytes.
    pub most: usize,
    /// When the reader wants to look up, even from bytes that come without a pause.
    pub look_up_at: Instant,
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.look_up_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let Some(pass) = &self.pass else {
            return self.stream.read(buf);
        };
        let room = pass.room(self.has_prospects).min(buf.len());
        if pass.is_shown_out() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if room == 0 {
            thread::sleep(left);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let got = self.stream.read(&mut buf[..room])?;
        pass.charge(got, self.most);
        Ok(got)
    }
}

const POISON: &str = "nothing panics while it holds the door";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
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
            pass.charge(if i == 5 { 10 } else { 100 }, 0);
        }
        let newcomer = pair();
        let _pass = door.admit(&newcomer.0, peer(200)).unwrap();
        let out: Vec<usize> = (0..MAX_WAITING)
            .filter(|i| is_shown_out(&pairs[*i].1))
            .collect();
        assert_eq!(out, [5]);
        drop(passes);
        assert_eq!(door.waiting().len(), 1);
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
    fn whoever_holds_much_and_waits_long_goes_first_when_memory_is_short() {
        let door = Arc::new(Door::default());
        let pairs: Vec<_> = (0..3).map(|_| pair()).collect();
        let passes: Vec<Pass> = (0..3)
            .map(|i| door.admit(&pairs[i].0, peer(i as u8)).unwrap())
            .collect();
        passes[0].charge(SHARE, 0);
        passes[1].charge(MAX_BYTES / 2, 0);
        passes[2].charge(MAX_BYTES / 2, 0);
        let out: Vec<bool> = passes.iter().map(Pass::is_shown_out).collect();
        assert_eq!(out, [false, true, false]);
        assert!(is_shown_out(&pairs[1].1));
        // What the one held is there for others.
        passes[2].charge(MAX_BYTES / 2 - SHARE, 0);
        assert!(!passes[2].is_shown_out());
        passes[2].charge(1, 0);
        assert!(passes[2].is_shown_out());
    }

    #[test]
    fn no_more_than_a_share_is_read_of_who_could_not_sit_anyway() {
        let door = Arc::new(Door::default());
        let (mut near, far) = pair();
        let mut metered = Metered {
            pass: Some(door.admit(&far, peer(1)).unwrap()),
            stream: far,
            has_prospects: false,
            most: 1 << 20,
            look_up_at: Instant::now() + PATIENCE,
        };
        let sent = thread::spawn(move || near.write_all(&vec![7; 2 * SHARE]));
        let mut buffer = vec![0; 2 * SHARE];
        metered.read_exact(&mut buffer[..SHARE]).unwrap();
        metered.look_up_at = Instant::now() + Duration::from_millis(1);
        assert!(metered.read(&mut buffer).is_err());
        metered.has_prospects = true;
        metered.look_up_at = Instant::now() + PATIENCE;
        metered.read_exact(&mut buffer[..SHARE]).unwrap();
        sent.join().unwrap().unwrap();
    }

    #[test]
    fn what_still_comes_of_one_that_was_shown_out_costs_nobody_else_the_place() {
        let door = Arc::new(Door::default());
        let pairs = [pair(), pair()];
        let [hasty, other] = [0, 1].map(|i| door.admit(&pairs[i].0, peer(i as u8)).unwrap());
        other.charge(SHARE + 1, 0);
        // It has brought least.
        door.make_place();
        assert!(hasty.is_shown_out());
        // Its thread had read this already.
        hasty.charge(MAX_BYTES, 0);
        assert!(!other.is_shown_out());
    }
}
