//! Admission: who has connected, and is not a session or a receiver yet.
//!
//! Whoever connects is a candidate until its first whole frame has come or, of receivers, until it has a place. A
//! candidate has no rights: a few seconds, a share of a small memory, one of a few places. When the places are taken, a
//! newcomer gets that of whoever has brought least and waited longest, so that no number of idle connections keeps a
//! peer out. As long as a sender could not have a session anyway, no more than a share of its bytes is read; the rest
//! stays with its own kernel. The state is shared by the listening threads and the candidates' own, behind one lock:
//! what is held is what those on the list hold. A listening thread blocks on accepting and never on anybody who
//! connected.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::link::receiving::Frames;
use super::{Acceptor, Link};
use crate::handoff::{lock, spawn};
use crate::protocol::ReadError;

/// How many may wait: senders that restart together, and each costs a thread.
const MAX_WAITING: usize = 24;

/// How many of one address may wait: a sender has one connection, at times a second.
const MAX_OF_ONE_ADDRESS: usize = 6;

/// How long a connection may take to bring its first frame (longer, where the session is open to it and the bytes
/// come as fast as they must), and then to wait for a session.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long one waits that is not read on before it is looked at again.
const LOOK: Duration = Duration::from_millis(100);

/// What one may hold, in bytes, as long as it could not have the session anyway: a usual frame. With all
/// places taken that is 3 MiB, and twice that in buffers that double.
const SHARE: usize = 128 * 1024;

/// What those may hold together, in bytes, that could have a session, beside one frame of the greatest
/// length.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A picture of more pixels than this waits for its trial behind others of that size: cameras' live
/// pictures are smaller, and shall not wait for a candidate's 64 megapixels.
const LARGE_PICTURE: u64 = 8 << 20;

/// Gives `take` each connection made there, on a thread an address, for as long as it wants them. Nobody waits for those
/// threads: only a connection wakes them.
pub(crate) fn listen(
    acceptors: &[Arc<Acceptor>],
    take: impl Fn(io::Result<Arc<Link>>) -> bool + Clone + Send + 'static,
) -> io::Result<()> {
    for acceptor in acceptors {
        let (acceptor, take) = (Arc::clone(acceptor), take.clone());
        spawn("listener", move || while take(acceptor.accept()) {})?;
    }
    Ok(())
}

/// All candidates.
pub(crate) struct Admission {
    /// Who has waited longest stands first.
    waiting: Mutex<Vec<Arc<Candidate>>>,
    trials: [Mutex<()>; 2],
    /// What all of them may hold, in bytes.
    limit: usize,
}

/// A connection that has not brought a picture yet.
pub(crate) struct Candidate {
    link: Arc<Link>,
    pub(crate) since: Instant,
    /// How long it has for its first frame.
    pub(crate) patience: Duration,
    bytes: AtomicUsize,
}

impl Admission {
    /// For frames of so many bytes at most.
    pub(crate) fn new(max_frame_bytes: u32) -> Self {
        Admission {
            waiting: Mutex::default(),
            trials: Default::default(),
            limit: max_frame_bytes as usize + MAX_BYTES,
        }
    }

    /// Makes a connection a candidate; another may have to go for it.
    pub(crate) fn admit(self: &Arc<Self>, link: &Arc<Link>, patience: Duration) -> Permit {
        let candidate = Arc::new(Candidate {
            link: Arc::clone(link),
            since: Instant::now(),
            patience,
            bytes: AtomicUsize::new(0),
        });
        let is_neighbour = |other: &Candidate| other.link.peer.ip() == link.peer.ip();
        let mut waiting = lock(&self.waiting);
        if waiting.iter().filter(|other| is_neighbour(other)).count() >= MAX_OF_ONE_ADDRESS {
            evict(&mut waiting, is_neighbour);
        } else if waiting.len() >= MAX_WAITING {
            evict(&mut waiting, |_| true);
        }
        waiting.push(Arc::clone(&candidate));
        Permit {
            admission: Arc::clone(self),
            candidate,
            has_prospects: false,
        }
    }

    /// Lets one go so that another can come: whoever has brought least.
    pub(crate) fn make_place(&self) {
        evict(&mut lock(&self.waiting), |_| true);
    }

    /// Lets all of them go.
    pub(crate) fn close(&self) {
        for candidate in lock(&self.waiting).drain(..) {
            candidate.link.cut();
        }
    }
}

impl Candidate {
    fn held(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Takes its place from whoever of those has brought least; of several, from who has waited longest. Its thread finds
/// itself evicted, and its link cut.
fn evict(waiting: &mut Vec<Arc<Candidate>>, of: impl Fn(&Candidate) -> bool) {
    let those = (0..waiting.len()).filter(|index| of(&waiting[*index]));
    if let Some(least) = those.min_by_key(|index| waiting[*index].held()) {
        waiting.remove(least).link.cut();
    }
}

/// A candidate's place; given back when dropped.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    pub(crate) candidate: Arc<Candidate>,
    /// Whether it could have a session, if it brought a frame now.
    pub(crate) has_prospects: bool,
}

impl Permit {
    /// Whether it has brought as much as is read without a prospect of the session.
    pub(crate) fn has_its_share(&self) -> bool {
        self.candidate.held() >= SHARE
    }

    /// Whether its place was given to another.
    pub(crate) fn is_evicted(&self) -> bool {
        let is_own = |other: &Arc<Candidate>| Arc::ptr_eq(other, &self.candidate);
        !lock(&self.admission.waiting).iter().any(is_own)
    }

    /// Its turn to have a first frame of so many pixels decoded: one at a time has it, so that many candidates'
    /// pictures take no more memory than one's.
    pub(crate) fn turn(&self, pixels: u64) -> MutexGuard<'_, ()> {
        let turn = self.admission.trials[usize::from(pixels > LARGE_PICTURE)].lock();
        // Whoever panicked in its turn left nothing behind.
        turn.unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on, as far as it may by now: a share at most, so that what it holds is known as it comes.
    pub(crate) fn read(&self, frames: &mut Frames, frame: &mut Vec<u8>) -> Result<bool, ReadError> {
        let share = match self.has_prospects {
            true => SHARE,
            false => SHARE.saturating_sub(self.candidate.held()),
        };
        if share == 0 {
            thread::sleep(LOOK);
        }
        let was_at = frames.reader.position;
        let read = frames.read(frame, share);
        self.charge((frames.reader.position - was_at) as usize);
        read
    }

    /// Where all candidates hold more than they may now, whoever has waited longest of those that hold more than
    /// a share has to go.
    fn charge(&self, bytes: usize) {
        let mut waiting = lock(&self.admission.waiting);
        self.candidate.bytes.fetch_add(bytes, Ordering::Relaxed);
        let held: usize = waiting.iter().map(|candidate| candidate.held()).sum();
        if held > self.admission.limit {
            let is_large = |other: &Arc<Candidate>| other.held() > SHARE;
            if let Some(first) = waiting.iter().position(is_large) {
                waiting.remove(first).link.cut();
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.admission.waiting).retain(|other| !Arc::ptr_eq(other, &self.candidate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::FarEnd;
    use crate::protocol::wire::write_frame;
    use std::io::Read;
    use std::thread;

    /// As many candidates, of addresses that differ in the last byte, and their far ends.
    fn candidates(
        admission: &Arc<Admission>,
        addresses: impl IntoIterator<Item = u8>,
    ) -> Vec<(Permit, FarEnd)> {
        let candidate = |last| {
            let (link, far) = Link::pair(([10, 0, 0, last], 1).into());
            (admission.admit(&link, PATIENCE), far)
        };
        addresses.into_iter().map(candidate).collect()
    }

    fn admission() -> Arc<Admission> {
        Arc::new(Admission::new(0))
    }

    /// Whether a candidate has lost its place, and its peer the connection.
    fn is_out((permit, far): &(Permit, FarEnd)) -> bool {
        far.set_nonblocking(true).unwrap();
        let is_closed = matches!((&mut &*far).read(&mut [0]), Ok(0));
        assert_eq!(permit.is_evicted(), is_closed);
        is_closed
    }

    #[test]
    fn a_newcomer_gets_the_place_of_who_brought_least() {
        let admission = admission();
        let first = candidates(&admission, (0..MAX_WAITING).map(|i| i as u8 / 4));
        for (i, (permit, _)) in first.iter().enumerate() {
            permit.charge(if i == 5 { 10 } else { 100 });
        }
        let _newcomer = candidates(&admission, [200]);
        let out: Vec<usize> = (0..MAX_WAITING).filter(|i| is_out(&first[*i])).collect();
        assert_eq!(out, [5]);
        drop(first);
        assert_eq!(lock(&admission.waiting).len(), 1);
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let admission = admission();
        let _all = candidates(&admission, [1; 10]);
        assert_eq!(lock(&admission.waiting).len(), MAX_OF_ONE_ADDRESS);
    }

    #[test]
    fn whoever_holds_much_and_waits_long_goes_first_when_memory_is_short() {
        let all = candidates(&admission(), [0, 1, 2]);
        all[0].0.charge(SHARE);
        all[1].0.charge(MAX_BYTES / 2);
        all[2].0.charge(MAX_BYTES / 2);
        let out: Vec<bool> = all.iter().map(is_out).collect();
        assert_eq!(out, [false, true, false]);
        // What the one held is there for others.
        all[2].0.charge(MAX_BYTES / 2 - SHARE);
        assert!(!is_out(&all[2]));
        all[2].0.charge(1);
        assert!(is_out(&all[2]));
    }

    #[test]
    fn no_more_than_a_share_is_read_of_who_could_not_have_the_session_anyway() {
        let (link, mut far) = Link::pair(([10, 0, 0, 1], 1).into());
        let mut frames = link.frames(1 << 20, Duration::from_millis(20)).unwrap();
        let mut permit = Arc::new(Admission::new(1 << 20)).admit(&link, PATIENCE);
        let sent = thread::spawn(move || {
            write_frame(&mut far, &[&vec![7; 2 * SHARE]]).unwrap();
            far
        });
        let mut frame = Vec::new();
        let has_nothing = |read: Result<bool, ReadError>| read.is_err_and(|e| e.is_timeout());
        while !permit.has_its_share() {
            assert!(has_nothing(permit.read(&mut frames, &mut frame)));
        }
        assert!(has_nothing(permit.read(&mut frames, &mut frame)));
        assert_eq!(frames.reader.position, SHARE as u64);
        permit.has_prospects = true;
        while has_nothing(permit.read(&mut frames, &mut frame)) {}
        assert_eq!(frame, [7; 2 * SHARE]);
        drop(sent.join().unwrap());
    }

    #[test]
    fn what_still_comes_of_one_that_was_evicted_costs_nobody_else_the_place() {
        let admission = admission();
        let all = candidates(&admission, [0, 1]);
        all[1].0.charge(SHARE + 1);
        // The other has brought least.
        admission.make_place();
        assert!(is_out(&all[0]));
        // Its thread had read this already.
        all[0].0.charge(MAX_BYTES);
        assert!(!is_out(&all[1]));
    }
}
