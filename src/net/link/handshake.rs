//! The handshake of a link with a key, dialled or accepted: it carries what
//! [`protocol`](crate::protocol::encrypted::handshake) says. Each side blocks for [`PATIENCE`] at most, and a cut wakes it.
//!
//! Until the dialler has proven the key, the listener sends an answer and its own message, and reads no more than the
//! dialler's. A peer that is turned away is read on for a moment, or the answer would be lost with the connection.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::super::Link;
use super::ReadBy;
use crate::handoff::lock;
use crate::protocol::encrypted::handshake::{self as protocol, Handshake, Hello};
use crate::protocol::{Key, Role, Status};

/// How long a handshake may take: two round trips, on any link that carries pictures.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// How long, and for how many bytes, a peer that was turned away is read on.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 1024 * 1024);

impl Link {
    /// Proves the key, where there is one, to the peer that was dialled, and has it prove its own; else says what is wrong
    /// with that.
    pub(in crate::net) fn dial(&self, key: Option<&Key>, role: Role) -> Result<(), Status> {
        let Some(key) = key else { return Ok(()) };
        let until = Instant::now() + PATIENCE;
        let hello = protocol::hello(key, role);
        let asked = (&self.socket).write_all(&hello);
        let answer = asked.and_then(|()| self.read_until(until));
        // Who takes a hello for a length closes, or waits for more.
        let answer = answer.map_err(|_| Status::NoKey)?;
        protocol::status(&answer)?;
        let proven = self.prove(Handshake::begin(key, &hello, &answer, true), true, until);
        proven.map_err(|_| Status::UnknownKey)
    }

    /// Has the peer that dialled prove the key, where there is one, until then at the latest, and proves it; `is_busy`
    /// says whether there is no room for it. Else says why not; `None` where it just went away, or took too long.
    pub(crate) fn accept(
        &self,
        key: Option<&Key>,
        role: Role,
        until: Instant,
        is_busy: impl FnOnce() -> bool,
    ) -> Result<(), Option<Status>> {
        let Some(key) = key else { return Ok(()) };
        let hello: Hello = self.read_until(until).map_err(|_| None)?;
        let refused = protocol::judge(&hello, key, role).err();
        if let Some(status) = refused.or_else(|| is_busy().then_some(Status::Busy)) {
            return Err(Some(self.turn_away(status, until)));
        }
        let answer = protocol::answer(Ok(()));
        let noise = Handshake::begin(key, &hello, &answer, false);
        let answered = (&self.socket).write_all(&answer);
        let proven = answered.and_then(|()| self.prove(noise, false, until));
        let is_forged = |error: io::Error| error.kind() == io::ErrorKind::InvalidData;
        proven.map_err(|error| is_forged(error).then_some(Status::UnknownKey))
    }

    /// What follows a hello and its answer: Noise's messages and the dialler's first record. From then on what is
    /// written is sealed, and what is read opened.
    fn prove(&self, mut noise: Handshake, dials: bool, until: Instant) -> io::Result<()> {
        let mut socket = &self.socket;
        // The first is the dialler's, the second the listener's.
        for is_ours in [dials, !dials] {
            match is_ours {
                true => socket.write_all(&noise.write()?)?,
                false => noise.read(&self.read_until(until)?)?,
            }
        }
        let (mut sealer, mut opener) = noise.into_records()?;
        match dials {
            true => sealer.write(&mut socket, [&[][..]])?,
            false => opener.open_first(&self.read_until(until)?)?,
        }
        lock(&self.writing).sealer = Some(sealer);
        *lock(&self.opener) = Some(opener);
        Ok(())
    }

    /// Tells a peer why it is turned away.
    pub(crate) fn turn_away(&self, status: Status, until: Instant) -> Status {
        let _ = (&self.socket).write_all(&protocol::answer(Err(status)));
        let _ = self.socket.shutdown(Shutdown::Write);
        let until = until.min(Instant::now() + LINGER.0);
        let _ = io::copy(&mut self.until(until).take(LINGER.1), &mut io::sink());
        status
    }

    /// The next bytes, all of them, until then.
    fn read_until<const N: usize>(&self, until: Instant) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.until(until).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// What the socket gives until then.
    fn until(&self, until: Instant) -> impl Read {
        ReadBy(move |to: &mut [u8]| {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(Some(left))?;
            (&self.socket).read(to)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::FarEnd;
    use crate::net::link::sending::is_timeout;
    use crate::protocol::Ack;
    use crate::protocol::encrypted::handshake::Message;
    use std::sync::Arc;
    use std::thread;

    const LOOK: Duration = Duration::from_millis(20);

    fn there() -> std::net::SocketAddr {
        ([10, 0, 0, 1], 1).into()
    }

    fn soon() -> Instant {
        Instant::now() + PATIENCE
    }

    /// A link that sends and dialled, and one that receives and accepted.
    fn keyed() -> (Arc<Link>, Arc<Link>) {
        let (key, (dialler, far)) = (Key::random().unwrap(), Link::pair(there()));
        let listener = Link::new(far, there());
        thread::scope(|scope| {
            let dialled = scope.spawn(|| dialler.dial(Some(&key), Role::Sends));
            let accepted = listener.accept(Some(&key), Role::Receives, soon(), || false);
            accepted.unwrap();
            dialled.join().unwrap().unwrap();
        });
        (dialler, listener)
    }

    #[test]
    fn frames_go_one_way_and_acks_the_other_as_on_any_link() {
        let (dialler, listener) = keyed();
        let mut frames = listener.frames(1 << 20, Duration::from_secs(10)).unwrap();
        let mut acks = dialler.acks(Duration::from_secs(10)).unwrap();
        let mut frame = Vec::new();
        for seq in 0..50 {
            let sent = vec![seq as u8; 1 + 5000 * seq as usize];
            dialler.write_frame(&[&sent[..1], &sent[1..]]).unwrap();
            assert!(frames.read(&mut frame, usize::MAX).unwrap());
            assert!(frame == sent);
            listener.ack(Ack { seq, held_us: !seq });
            let held_us = !seq;
            assert_eq!(acks.read().unwrap(), Some(Ack { seq, held_us }));
        }
        assert!(dialler.end(Duration::from_secs(1)));
        assert!(!frames.read(&mut frame, usize::MAX).unwrap());
    }

    #[test]
    fn a_newer_frame_is_here_once_all_of_it_is() {
        let (dialler, listener) = keyed();
        let mut frames = listener.frames(1 << 20, Duration::from_secs(10)).unwrap();
        let mut frame = Vec::new();
        for bytes in [1, 900, 100_000] {
            dialler.write_frame(&[&[1; 1000]]).unwrap();
            assert!(frames.read(&mut frame, usize::MAX).unwrap());
            assert!(!frames.newer_is_here());
            let sent = vec![2; bytes];
            dialler.write_frame(&[&sent]).unwrap();
            while !frames.newer_is_here() {
                thread::yield_now();
            }
            assert!(frames.read(&mut frame, usize::MAX).unwrap());
            assert!(frame == sent);
            assert!(!frames.newer_is_here());
        }
        // Not all of it.
        let mut sealer = lock(&dialler.writing).sealer.take().unwrap();
        let pieces = [&1000_u32.to_le_bytes()[..], &[3; 999]];
        sealer.write(&mut &dialler.socket, pieces).unwrap();
        let until = soon();
        while frames.opener.as_ref().unwrap().arrived.len() < 999 && Instant::now() < until {
            assert!(!frames.newer_is_here());
            let _ = frames.read(&mut frame, 4);
        }
        // An end marker is none either.
        let (dialler, listener) = keyed();
        let mut frames = listener.frames(1 << 20, LOOK).unwrap();
        assert!(dialler.end(Duration::from_secs(1)));
        while frames.position() == 0 {
            assert!(!frames.newer_is_here());
        }
        assert!(!frames.newer_is_here());
        assert!(!frames.read(&mut frame, usize::MAX).unwrap());
    }

    #[test]
    fn a_sender_that_reads_no_acks_blocks_nobody_and_gets_whole_ones() {
        let (dialler, listener) = keyed();
        let mut acks = dialler.acks(LOOK).unwrap();
        for seq in 0..300_000 {
            listener.ack(Ack { seq, held_us: !seq });
        }
        drop(listener);
        let (mut count, mut last) = (0, None);
        loop {
            match acks.read() {
                Ok(Some(ack)) => {
                    assert!(ack.held_us == !ack.seq && Some(ack.seq) > last);
                    (count, last) = (count + 1, Some(ack.seq));
                }
                Ok(None) => break,
                Err(error) => assert!(is_timeout(&error), "{error}"),
            }
        }
        assert!(count > 1000 && count < 300_000, "{count}");
    }

    #[test]
    fn a_recorded_first_message_gets_no_record_however_much_there_is_to_send() {
        let key = Key::random().unwrap();
        let (hello, answer) = (
            protocol::hello(&key, Role::Receives),
            protocol::answer(Ok(())),
        );
        let mut dialling = Handshake::begin(&key, &hello, &answer, true);
        let recorded = dialling.write().unwrap();
        for last in [None, Some([7; 18]), Some([0; 18])] {
            let (link, mut far) = Link::pair(there());
            let replaying = thread::spawn(move || {
                far.write_all(&hello).unwrap();
                far.write_all(&recorded).unwrap();
                match last {
                    Some(forged) => far.write_all(&forged).unwrap(),
                    None => far.shutdown(Shutdown::Write).unwrap(),
                }
                let mut got = Vec::new();
                let _ = far.read_to_end(&mut got);
                got
            });
            let refused = link.accept(Some(&key), Role::Sends, soon(), || false);
            assert_eq!(refused, Err(last.map(|_| Status::UnknownKey)));
            assert!(lock(&link.writing).sealer.is_none());
            drop(link);
            let got = replaying.join().unwrap();
            assert_eq!(got.len(), answer.len() + size_of::<Message>());
        }
    }

    /// What a listener with this key makes of these bytes.
    fn refused(key: &Key, bytes: &[u8]) -> (Option<Status>, Vec<u8>) {
        let (link, mut far): (_, FarEnd) = Link::pair(there());
        far.write_all(bytes).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        let refused = link.accept(Some(key), Role::Receives, soon(), || false);
        drop(link);
        let mut got = Vec::new();
        far.read_to_end(&mut got).unwrap();
        (refused.unwrap_err(), got)
    }

    #[test]
    fn whoever_is_turned_away_is_told_why() {
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        let sends = protocol::hello(&key, Role::Sends);
        let mut later = sends;
        later[4] = 9;
        for (bytes, status) in [
            (
                &b"\x10\0\0\0\xFF\xD8\xFF\xE0\0\x10JFIF"[..],
                Status::KeyWanted,
            ),
            (b"GET / HTTP/1.1\r\n\r\n", Status::KeyWanted),
            (&later, Status::Version),
            (&protocol::hello(&key, Role::Receives), Status::SameRole),
            (&protocol::hello(&other, Role::Sends), Status::UnknownKey),
        ] {
            let (refused, got) = refused(&key, bytes);
            assert_eq!(refused, Some(status));
            assert_eq!(got, protocol::answer(Err(status)));
        }
        for gone in [&b""[..], b"pi", b"pi-s\x01", &sends] {
            assert_eq!(refused(&key, gone).0, None);
        }
        let garbage = [&sends[..], &[9; 48]].concat();
        assert_eq!(refused(&key, &garbage).0, Some(Status::UnknownKey));
    }

    #[test]
    fn a_peer_that_says_nothing_costs_no_more_than_the_time_it_has() {
        let (key, (link, _far)) = (Key::random().unwrap(), Link::pair(there()));
        let until = Instant::now() + LOOK;
        let refused = link.accept(Some(&key), Role::Receives, until, || false);
        assert_eq!(refused, Err(None));
        assert!(Instant::now() < until + PATIENCE);
    }

    #[test]
    fn a_dialler_says_what_is_wrong_with_whoever_answers() {
        let key = Key::random().unwrap();
        let dialled = |answer: &[u8]| {
            let (link, mut far) = Link::pair(there());
            far.write_all(answer).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            link.dial(Some(&key), Role::Sends).unwrap_err()
        };
        for status in [
            Status::UnknownKey,
            Status::Version,
            Status::Busy,
            Status::SameRole,
            Status::NoKey,
        ] {
            assert_eq!(dialled(&protocol::answer(Err(status))), status);
        }
        for answer in [&b""[..], b"pi-s", b"SSH-2.0-OpenSSH"] {
            assert_eq!(dialled(answer), Status::NoKey);
        }
        // It goes on, and cannot prove the key.
        let goes_on = protocol::answer(Ok(()));
        let garbage = [&goes_on[..], &[9; 48]].concat();
        assert_eq!(dialled(&garbage), Status::UnknownKey);
        assert_eq!(dialled(&goes_on), Status::UnknownKey);
    }
}
