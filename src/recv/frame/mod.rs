//! A frame: what came, and its ticket.
//!
//! Whoever has a frame owes its sender an answer, and gives it by what becomes of the frame: shown, skipped or
//! found to be no picture. Each is counted once and acknowledged once, by type; a frame that is dropped was skipped
//! (a newer one was there, or the program ends). What came is shared, without the ticket, by all that keep it.
//! Nothing here blocks.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use image::RgbImage;

use super::session::Session;
use crate::handoff::stop::{Reason, Stop};
use crate::jpeg::{self, DecodeError};
use crate::picture::{Bitmap, Pooled};
use crate::protocol::stamp::{Name, Stamp};
use crate::protocol::wire::Ack;

/// How far a sender's clock may be from ours and still be used for names and dates: a Pi has no
/// battery-backed clock, and starts in the past.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(5);

/// The longest latency that a sender's stamp is trusted with.
const MAX_LATENCY: Duration = Duration::from_secs(60);

/// One frame as it came off the wire. Shared by `Arc` between the decoder, the recorder and the rest.
#[derive(Debug)]
pub struct Received {
    /// The JPEG, stamp and all.
    pub jpeg: Pooled<Vec<u8>>,
    /// Its stamp, where it bears one.
    pub stamp: Option<Stamp>,
    /// When its last byte had been read.
    pub arrived: Instant,
    /// The same by the wall clock.
    pub arrived_at: SystemTime,
    /// Which session brought it; sessions are counted from 1.
    pub session: u64,
    /// In pixels, as its header says.
    pub width: u32,
    /// In pixels, as its header says.
    pub height: u32,
}

impl Received {
    /// The sender's name, where its stamp bears one.
    pub fn name(&self) -> Option<&Name> {
        self.stamp.as_ref()?.name.as_ref()
    }

    /// When the frame was captured: by its stamp where the sender's clock is right, else when it arrived.
    pub fn captured_at(&self) -> SystemTime {
        let stamped = self.stamp.as_ref().and_then(|stamp| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(stamp.captured_unix_us))
        });
        stamped
            .filter(|_| self.clock_is_off().is_none())
            .unwrap_or(self.arrived_at)
    }

    /// How far, and which way, the sender's clock is off, if that is too far for names and dates. A frame
    /// should arrive as long after its capture as the sender says that its pictures take.
    pub fn clock_is_off(&self) -> Option<ClockOff> {
        let stamp = self.stamp.as_ref()?;
        let latency = Duration::from_micros(stamp.latency_us.unwrap_or(0)).min(MAX_LATENCY);
        let arrived = self.arrived_at.duration_since(SystemTime::UNIX_EPOCH);
        let expected = arrived.unwrap_or_default().saturating_sub(latency);
        let captured = Duration::from_micros(stamp.captured_unix_us);
        let apart = captured.abs_diff(expected);
        (apart > MAX_CLOCK_ERROR).then_some(if captured < expected {
            ClockOff::Behind(apart)
        } else {
            ClockOff::Ahead(apart)
        })
    }

    /// Bytes of memory that the frame holds: its buffer's capacity counts, which a pool may have grown for
    /// an earlier, larger frame.
    pub(crate) fn memory(&self) -> usize {
        self.jpeg.capacity() + size_of::<Received>()
    }
}

/// A sender's clock that is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockOff {
    /// It is this much earlier there (or the picture took as long).
    #[error("{} s behind", .0.as_secs())]
    Behind(Duration),
    /// It is this much later there.
    #[error("{} s ahead", .0.as_secs())]
    Ahead(Duration),
}

/// A frame as it came, with its stamp; see [`Received`] for the fields. Acknowledged when dropped.
#[derive(Debug)]
pub struct Frame {
    received: Arc<Received>,
    camera: Arc<str>,
    peer: SocketAddr,
    ticket: Option<Ticket>,
}

/// A frame and its pixels.
#[derive(Debug)]
pub struct Decoded {
    pub(crate) bitmap: Pooled<Bitmap>,
    pub(crate) frame: Frame,
}

impl Frame {
    /// The frame's picture. Strangers' JPEGs are held to the limits of [`jpeg::inspect`], and to
    /// [`jpeg::MAX_SCANS`]; what makes the decoder panic is an error.
    pub fn decode(&self) -> Result<RgbImage, DecodeError> {
        jpeg::decode_rgb(&self.jpeg)
    }

    /// Which camera it is from: its name, or its address where it gives none. Where several have the same,
    /// `garden-2` and so on; it stays the same over reconnects.
    pub fn camera(&self) -> &str {
        &self.camera
    }

    /// The address of the connection that brought it.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn new(received: Arc<Received>, session: &Arc<Session>) -> Self {
        Frame {
            camera: Arc::clone(&session.label),
            peer: session.peer,
            ticket: Some(Ticket::new(
                session,
                received.stamp.as_ref(),
                received.arrived,
            )),
            received,
        }
    }

    /// `stop` is asked to end the program once it is known what became of this frame.
    pub(super) fn is_last(&mut self, stop: &Arc<Stop>) {
        if let Some(ticket) = &mut self.ticket {
            ticket.last = Some(Arc::clone(stop));
        }
    }

    /// It is a program's, which has seen it when it drops it.
    pub(super) fn hand_over(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            ticket.outcome = Outcome::Shown(None);
        }
    }

    /// Its answer is given: what is decoded of it is a sample.
    pub(super) fn sample(&mut self, at: Instant) {
        if let Some(ticket) = &mut self.ticket {
            ticket.settle(Outcome::Shown(Some(at)));
        }
    }

    /// Notes whether it could be decoded.
    pub(super) fn decoded(&mut self, is_good: bool) {
        if let Some(ticket) = &mut self.ticket {
            ticket.decoded(is_good);
        }
    }

    /// It is on the screen since `at`.
    pub(crate) fn shown(&mut self, at: Instant) {
        if let Some(mut ticket) = self.ticket.take() {
            ticket.settle(Outcome::Shown(Some(at)));
        }
    }

    /// It will not be shown, though it is kept.
    pub(crate) fn skip(&mut self) {
        self.ticket = None;
    }

    /// What came, for whoever keeps it.
    pub(crate) fn received(&self) -> &Arc<Received> {
        &self.received
    }
}

impl Deref for Frame {
    type Target = Received;
    fn deref(&self) -> &Received {
        &self.received
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// Shown then; `None`: when the ticket goes.
    Shown(Option<Instant>),
    Skipped,
    Corrupt,
    /// The answer was given.
    Settled,
}

/// The answer that a frame's sender is owed.
#[derive(Debug)]
pub(super) struct Ticket {
    session: Arc<Session>,
    /// The frame's number, where its sender waits for an ack.
    seq: Option<u32>,
    arrived: Instant,
    outcome: Outcome,
    last: Option<Arc<Stop>>,
}

impl Ticket {
    pub(super) fn new(session: &Arc<Session>, stamp: Option<&Stamp>, arrived: Instant) -> Self {
        let wants_ack = stamp.filter(|stamp| stamp.ack);
        Ticket {
            session: Arc::clone(session),
            seq: wants_ack.map(|stamp| stamp.seq as u32),
            arrived,
            outcome: Outcome::Skipped,
            last: None,
        }
    }

    /// Notes whether the frame could be decoded; where it could not, that is the answer.
    pub(super) fn decoded(&mut self, is_good: bool) {
        let is_sample = matches!(self.outcome, Outcome::Settled);
        self.session.decoded(is_good, is_sample);
        if is_good {
            return;
        }
        if is_sample {
            self.session.camera.counts().corrupt += 1;
        } else {
            self.outcome = Outcome::Corrupt;
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        let now = Instant::now();
        let mut counts = self.session.camera.counts();
        let (count, at) = match outcome {
            Outcome::Settled => return,
            Outcome::Shown(at) => (&mut counts.shown, at.unwrap_or(now)),
            Outcome::Skipped => (&mut counts.skipped, now),
            Outcome::Corrupt => (&mut counts.corrupt, now),
        };
        *count += 1;
        drop(counts);
        if let Some(seq) = self.seq {
            let held = at.saturating_duration_since(self.arrived);
            let held_us = held.as_micros().try_into().unwrap_or(u32::MAX);
            self.session.ack(Ack { seq, held_us }, now);
        }
        self.outcome = Outcome::Settled;
        if let Some(stop) = self.last.take() {
            stop.ask(Reason::Done);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.settle(self.outcome);
    }
}

#[cfg(test)]
pub(crate) mod fixture;

#[cfg(test)]
mod tests {
    use super::fixture::Frame;
    use super::*;

    #[test]
    fn a_senders_clock_is_trusted_within_seconds_of_arrival_less_the_latency() {
        let near = Frame::default().name("garden");
        let stamped = near.stamp.as_ref().unwrap().captured_unix_us;
        let by_stamp = |frame: &Received| frame.captured_at() != frame.arrived_at;
        assert!(by_stamp(&near.build()));
        let mut slow = near.clone().unix_us(stamped - 8_000_000);
        assert!(!by_stamp(&slow.build()));
        slow.stamp.as_mut().unwrap().latency_us = Some(7_000_000);
        assert!(by_stamp(&slow.build()));
        // No picture takes as long as that: whoever says so has a clock that is off.
        slow = slow.unix_us(stamped - 5 * 3600 * 1_000_000);
        slow.stamp.as_mut().unwrap().latency_us = Some(5 * 3600 * 1_000_000);
        assert!(!by_stamp(&slow.build()));
        let off = |unix_us| near.clone().unix_us(unix_us).build().clock_is_off();
        assert!(matches!(off(1_000_000), Some(ClockOff::Behind(_))));
        assert!(matches!(
            off(stamped + 60_000_000),
            Some(ClockOff::Ahead(_))
        ));
        assert!(matches!(off(u64::MAX), Some(ClockOff::Ahead(_))));
        assert_eq!(off(stamped), None);
    }
}
