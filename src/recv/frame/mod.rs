//! A frame: what came, and the answer that its sender is owed.
//!
//! Whoever has a frame gives the answer by what becomes of it: shown, skipped or found to be no picture. Each is
//! counted once and acknowledged once; a frame that is dropped was skipped (a newer one was there, or the program
//! ends). What came is shared, and owes nothing, by all that keep it. Nothing here blocks.

use std::mem;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use image::RgbImage;

use super::{Counts, Session};
use crate::handoff::{Reason, Stop};
use crate::jpeg::{self, DecodeError};
use crate::picture::{Bitmap, Pooled};
use crate::protocol::{Ack, Name, Stamp};

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
        let stamp = self.stamp.as_ref();
        let right = stamp.filter(|_| self.clock_is_off().is_none());
        let since = right.map(|stamp| Duration::from_micros(stamp.captured_unix_us));
        let at = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        at.unwrap_or(self.arrived_at)
    }

    /// How far, and which way, the sender's clock is off, if that is too far for names and dates. A frame
    /// should arrive as long after its capture as the sender says that its pictures take.
    pub fn clock_is_off(&self) -> Option<ClockOff> {
        let latency = self.stamp.as_ref()?.latency_us.map(Duration::from_micros);
        let latency = latency.unwrap_or_default().min(MAX_LATENCY);
        let behind = self.way_us()? - latency.as_micros() as i128;
        let apart = Duration::from_micros(behind.unsigned_abs() as u64);
        (apart > MAX_CLOCK_ERROR).then_some(match behind > 0 {
            true => ClockOff::Behind(apart),
            false => ClockOff::Ahead(apart),
        })
    }

    /// From its capture by the sender's clock to its arrival by ours, in microseconds.
    pub(super) fn way_us(&self) -> Option<i128> {
        let captured = self.stamp.as_ref()?.captured_unix_us;
        let arrived = self.arrived_at.duration_since(SystemTime::UNIX_EPOCH);
        Some(arrived.unwrap_or_default().as_micros() as i128 - i128::from(captured))
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

/// A frame as it came, with its stamp; see [`Received`] for the fields. The program that gets it from a
/// [`Receiver`](crate::recv::receiver::Receiver) has seen it as far as its sender is told.
#[derive(Debug)]
pub struct Frame {
    /// What came, for whoever keeps it.
    pub(crate) received: Arc<Received>,
    session: Arc<Session>,
    is_answered: bool,
    /// Of the last frame: asked to end the program once it is known what became of it.
    pub(super) stop: Option<Arc<Stop>>,
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
        &self.session.label
    }

    /// The address of the connection that brought it.
    pub fn peer(&self) -> SocketAddr {
        self.session.peer
    }

    pub(super) fn new(received: Arc<Received>, session: &Arc<Session>) -> Self {
        Frame {
            received,
            session: Arc::clone(session),
            is_answered: false,
            stop: None,
        }
    }

    /// Notes whether it could be decoded; where it could not, that is the answer. One that is decoded after its
    /// answer is a sample.
    pub(super) fn decoded(&mut self, is_good: bool) {
        let is_sample = self.is_answered;
        self.session.decoded(is_good, is_sample, Instant::now());
        if is_sample && !is_good {
            self.session.counts().corrupt += 1;
        } else if !is_good {
            self.answer(|counts| &mut counts.corrupt);
        }
    }

    /// It is on the screen from now on, or need not be: it is a program's.
    pub(crate) fn shown(&mut self) {
        self.answer(|counts| &mut counts.shown);
    }

    /// It will not be shown, though it is kept.
    pub(crate) fn skip(&mut self) {
        self.answer(|counts| &mut counts.skipped);
    }

    /// Counts what became of it now, and acknowledges it; once.
    fn answer(&mut self, count: fn(&mut Counts) -> &mut u64) {
        if !mem::replace(&mut self.is_answered, true) {
            let now = Instant::now();
            *count(&mut self.session.counts()) += 1;
            if let Some(stamp) = self.stamp.as_ref().filter(|stamp| stamp.ack) {
                let held = now.saturating_duration_since(self.arrived);
                let held_us = held.as_micros().try_into().unwrap_or(u32::MAX);
                let seq = stamp.seq as u32;
                self.session.ack(Ack { seq, held_us }, now);
            }
        }
        if let Some(stop) = self.stop.take() {
            stop.ask(Reason::Done);
        }
    }
}

impl Deref for Frame {
    type Target = Received;
    fn deref(&self) -> &Received {
        &self.received
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.skip();
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
