//! The JPEG quality that the link can carry.
//!
//! Sized from what the last frame weighed and what the link was seen to carry, not stepped blindly.
//! While the gate had to wait, the link was the bottleneck, and what went through then is its rate; a
//! frame may weigh what that rate carries in one interval, less a margin. The quality falls to that at
//! once and rises to it slowly. Pure arithmetic: no clock of its own, no socket, no encoder.

use std::mem;
use std::time::{Duration, Instant};

/// Which part of the link's rate the frames may take: the rest is for acknowledgements, others, and
/// pictures that are heavier than the last.
const SHARE: f64 = 0.85;

/// How JPEG's size follows its quantiser scale: bytes ∝ scale^-EXPONENT. Measured with libjpeg-turbo on
/// photographs and on noise between qualities 20 and 95: 0.55 to 0.85; each frame corrects what is left.
const EXPONENT: f64 = 0.7;

/// The quality rises by one no more often than this: 30 to 80 takes some 7 seconds.
const RISE: Duration = Duration::from_millis(150);

/// After this long without waiting the link may have grown: the rate is taken for more than was seen,
/// first by [`GROWTH`], and by twice as much every [`GROW`], until the link makes itself felt again.
const PROBE: Duration = Duration::from_secs(5);
const GROW: Duration = Duration::from_secs(1);
const GROWTH: f64 = 0.05;

/// How much a new rate counts at once; a single frame's is shaken by other traffic.
const WEIGHT: f64 = 0.4;

/// Follows one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Quality {
    min: u8,
    max: u8,
    /// The quality for the next frame.
    pub(super) now: u8,
    rate: Option<f64>,
    /// What the frame before went through at, where it had to wait, too.
    last_seen: Option<f64>,
    /// When the rate is next taken for more, and by which part.
    growth: Option<(Instant, f64)>,
    changed: Option<Instant>,
}

/// What became of the frame before: its weight, and how the link took it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    /// The frame's bytes.
    pub(super) bytes: usize,
    /// Its quality, which may be another outlet's wish; `None` where it was not encoded here.
    pub(super) quality: Option<u8>,
    /// From its start to the gate's next opening.
    pub(super) took: Duration,
    /// How much of that the gate was shut while a picture waited.
    pub(super) waited: Duration,
}

impl Quality {
    /// Starts at `max`; `min` equal to `max` keeps it there. Both 1 to 100.
    pub(super) fn new(min: u8, max: u8) -> Self {
        Quality {
            min,
            max,
            now: max,
            ..Quality::default()
        }
    }

    /// Learns from the frame before; pictures come every `interval`.
    pub(super) fn learn(&mut self, carried: Carried, interval: Duration, now: Instant) {
        self.learn_rate(carried, now);
        let room = self.rate.map(|rate| rate * interval.as_secs_f64() * SHARE);
        let fitting = room.map_or(self.max, |room| self.fitting(carried, room));
        let may_rise = self.changed.is_none_or(|at| now >= at + RISE);
        if fitting < self.now || (fitting > self.now && may_rise) {
            self.now = fitting.min(self.now + 1);
            self.changed = Some(now);
        }
    }

    fn learn_rate(&mut self, carried: Carried, now: Instant) {
        let busy = carried.took.as_secs_f64();
        // Shut for a good part of the time: the link was what it waited for.
        let was_narrow = carried.waited.as_secs_f64() > busy / 4.0;
        let seen = was_narrow.then(|| carried.bytes as f64 / busy.max(1e-9));
        let before = mem::replace(&mut self.last_seen, seen);
        let due = self.growth.filter(|(at, _)| seen.is_none() && now >= *at);
        // One slow frame is a stall; two in a row are a narrow link, no narrower than the faster of them.
        if let Some(seen) = seen.zip(before).map(|(a, b)| a.max(b)) {
            let known = self.rate.unwrap_or(seen);
            // Down faster than up: too much in flight is seen by everybody.
            let weight = if seen < known { 2.0 * WEIGHT } else { WEIGHT };
            self.rate = Some(known + weight * (seen - known));
            self.growth = Some((now + PROBE, GROWTH));
        } else if let Some((_, growth)) = due {
            self.rate = self.rate.map(|rate| rate * (1.0 + growth));
            self.growth = Some((now + GROW, 2.0 * growth));
        }
    }

    /// The highest quality at which a frame like the last would weigh no more than `room`.
    fn fitting(&self, last: Carried, room: f64) -> u8 {
        let of = quantiser_scale(last.quality.unwrap_or(self.now));
        let scale = of * (last.bytes as f64 / room.max(1.0)).powf(1.0 / EXPONENT);
        let mut best_first = (self.min..=self.max).rev();
        let fitting = best_first.find(|quality| quantiser_scale(*quality) >= scale);
        fitting.unwrap_or(self.min)
    }
}

/// Whether a link that carries all frames of the `wished` quality would carry less than half of those of that `quality`.
pub(super) fn halves_the_rate(quality: u8, wished: u8) -> bool {
    let finer = quantiser_scale(wished) / quantiser_scale(quality);
    finer.powf(EXPONENT) > 2.0
}

/// libjpeg's percentage by which its tables are scaled, for a quality of 1 to 100.
fn quantiser_scale(quality: u8) -> f64 {
    let quality = f64::from(quality);
    if quality < 50.0 {
        5000.0 / quality
    } else {
        // Quality 100 is a scale of 0: no smaller than the tables' ones allow.
        (200.0 - 2.0 * quality).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(33);

    /// A link of `rate` bytes a second and pictures that weigh `heavy` bytes at quality 80.
    fn run(quality: &mut Quality, rate: f64, heavy: f64, frames: u32, from: Instant) -> Instant {
        let mut now = from;
        for _ in 0..frames {
            let bytes = heavy * (quantiser_scale(quality.now) / 40.0).powf(-0.62);
            let passing = Duration::from_secs_f64(bytes / rate);
            let took = passing.max(INTERVAL);
            now += took;
            let waited = passing.saturating_sub(INTERVAL / 10);
            let waited = if passing > INTERVAL {
                waited
            } else {
                Duration::ZERO
            };
            let carried = Carried {
                bytes: bytes as usize,
                quality: None,
                took,
                waited,
            };
            quality.learn(carried, INTERVAL, now);
        }
        now
    }

    #[test]
    fn a_narrow_link_brings_the_quality_down_within_a_few_frames() {
        let mut quality = Quality::new(30, 80);
        run(&mut quality, 750_000.0, 40_000.0, 5, Instant::now());
        let carried = 40_000.0 * (quantiser_scale(quality.now) / 40.0f64).powf(-0.62);
        assert!(
            carried <= 750_000.0 * 0.033,
            "{} bytes at {}",
            carried,
            quality.now
        );
        assert!(quality.now > 30);
    }

    #[test]
    fn the_quality_comes_back_when_there_is_room() {
        let mut quality = Quality::new(30, 80);
        let now = run(&mut quality, 300_000.0, 60_000.0, 100, Instant::now());
        assert_eq!(quality.now, 30);
        run(&mut quality, 1e9, 60_000.0, 1200, now);
        assert_eq!(quality.now, 80);
    }

    #[test]
    fn the_quality_does_not_swing() {
        let mut quality = Quality::new(30, 80);
        let mut now = run(&mut quality, 750_000.0, 40_000.0, 200, Instant::now());
        let (mut low, mut high) = (u8::MAX, 0);
        for _ in 0..200 {
            now = run(&mut quality, 750_000.0, 40_000.0, 1, now);
            low = low.min(quality.now);
            high = high.max(quality.now);
        }
        assert!(high - low <= 10, "between {low} and {high}");
    }

    #[test]
    fn a_stall_is_not_taken_for_a_narrow_link() {
        let mut quality = Quality::new(30, 80);
        let now = run(&mut quality, 1e9, 40_000.0, 10, Instant::now());
        let stalled = Carried {
            bytes: 40_000,
            quality: None,
            took: Duration::from_secs(3),
            waited: Duration::from_secs(3),
        };
        quality.learn(stalled, INTERVAL, now);
        run(&mut quality, 1e9, 40_000.0, 10, now);
        assert_eq!(quality.now, 80);
    }

    #[test]
    fn equal_bounds_switch_it_off() {
        let mut quality = Quality::new(80, 80);
        run(&mut quality, 1000.0, 60_000.0, 50, Instant::now());
        assert_eq!(quality.now, 80);
    }
}
