//! What the reader hands on: a frame as it came, and a frame decoded.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::picture::{Bitmap, Pooled};
use crate::protocol::stamp::{Name, Stamp};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockOff {
    /// It is this much earlier there (or the picture took as long).
    Behind(Duration),
    /// It is this much later there.
    Ahead(Duration),
}

/// A frame and its pixels.
#[derive(Debug)]
pub struct Decoded {
    /// The pixels.
    pub bitmap: Pooled<Bitmap>,
    /// The frame that they were decoded from.
    pub frame: Arc<Received>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::fixture::Frame;

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
