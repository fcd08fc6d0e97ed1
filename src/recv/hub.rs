//! The hub: what the viewer's threads share, and where a frame goes.
//!
//! Readers bring frames, the decoder takes the newest and brings pictures, the window (or nobody,
//! headless) takes the newest of those; the recorder and its like get every frame. Each frame is
//! acknowledged once it is shown or passed over. Nothing here blocks: slots and bounded queues take what
//! comes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::event::{End, Event, Kind};
use super::pulse::Pulse;
use super::received::{Decoded, Received};
use super::seat::{Seat, Sitter};
use super::stats::Counters;
use crate::handoff::slot::Slot;
use crate::handoff::stop::{Reason, Stop};
use crate::jpeg;
use crate::protocol::wire::Ack;
use crate::report::limit::RateLimit;
use crate::sinks::Sinks;

/// What tells the user.
pub type Tell = Box<dyn Fn(Event) + Send + Sync>;

/// What the threads share.
pub struct Hub {
    /// Frames on their way to the decoder.
    pub received: Slot<Arc<Received>>,
    /// Pictures on their way to the window.
    pub decoded: Slot<Decoded>,
    /// Who is the session.
    pub seat: Seat,
    /// Where every frame goes.
    pub sinks: Sinks,
    /// What happened so far.
    pub counters: Counters,
    /// Whether the program itself was held up.
    pub pulse: Pulse,
    /// The wish to end.
    pub stop: Arc<Stop>,
    /// `--headless`: nobody takes pictures.
    pub headless: bool,
    /// `--once`: the first session's end is the program's.
    pub once: bool,
    /// `--frames`.
    pub frames: Option<u64>,
    /// `--max-pixels`.
    pub max_pixels: u64,
    tell: Tell,
    limits: Mutex<HashMap<Kind, RateLimit>>,
    last_wanted: Mutex<Option<Arc<Received>>>,
    last_end: Mutex<Option<LastEnd>>,
}

/// How the last session ended.
#[derive(Debug, Clone)]
pub struct LastEnd {
    /// Whose it was.
    pub peer: SocketAddr,
    /// In words.
    pub why: String,
    /// Whether with an end marker.
    pub proper: bool,
    /// When.
    pub at: Instant,
}

impl Hub {
    /// Puts the parts together.
    pub fn new(seat: Seat, sinks: Sinks, stop: Arc<Stop>, tell: Tell) -> Self {
        Hub {
            received: Slot::new(),
            decoded: Slot::new(),
            seat,
            sinks,
            counters: Counters::default(),
            pulse: Pulse::default(),
            stop,
            headless: false,
            once: false,
            frames: None,
            max_pixels: jpeg::MAX_PIXELS,
            tell,
            limits: Mutex::default(),
            last_wanted: Mutex::default(),
            last_end: Mutex::default(),
        }
    }

    /// Tells the user, if that is not too much of the same.
    pub fn tell(&self, event: Event) {
        let left_out = event.kind().map_or(Some(0), |kind| {
            let mut limits = lock(&self.limits);
            let limit = limits.entry(kind).or_insert_with(|| kind.limit());
            limit.allow(Instant::now())
        });
        match left_out {
            None => {}
            Some(0) => (self.tell)(event),
            Some(left_out) => (self.tell)(Event::Repeated {
                latest: Box::new(event),
                left_out,
            }),
        }
    }

    /// A frame has come. `is_newest` says whether nothing newer is known to be there already.
    /// Gives `false` once no more are wanted.
    pub fn frame(&self, frame: Arc<Received>, is_newest: bool) -> bool {
        let enough = |count: u64| self.frames.is_some_and(|frames| count >= frames);
        // A sender whose connection was closed with the last one is back before that is shown.
        if enough(self.counters.frames.load(Ordering::Relaxed)) {
            return false;
        }
        let count = self.counters.frame(&frame);
        self.sinks.put(&frame);
        let is_last = enough(count);
        if is_last {
            *lock(&self.last_wanted) = Some(Arc::clone(&frame));
        }
        let passed_over = if is_newest || is_last {
            self.received.put(frame)
        } else {
            Some(frame)
        };
        if let Some(frame) = passed_over {
            self.passed_over(&frame);
        }
        !is_last
    }

    /// A frame did not decode (or could not have).
    pub fn corrupt(&self, sitter: &Sitter) {
        self.counters.corrupt.fetch_add(1, Ordering::Relaxed);
        sitter.note(false);
    }

    /// The frame's picture is ready.
    pub fn picture(&self, decoded: Decoded) {
        if self.headless {
            return self.shown(&decoded.frame, Instant::now());
        }
        if let Some(older) = self.decoded.put(decoded) {
            self.passed_over(&older.frame);
        }
    }

    /// The frame is on the screen since `at` (headless: decoded).
    pub fn shown(&self, frame: &Arc<Received>, at: Instant) {
        self.counters.shown.fetch_add(1, Ordering::Relaxed);
        self.settle(frame, at);
    }

    /// The frame will not be shown: a newer one was there.
    pub fn passed_over(&self, frame: &Arc<Received>) {
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        self.settle(frame, Instant::now());
    }

    /// Acknowledges a frame that is dealt with.
    pub fn settle(&self, frame: &Arc<Received>, at: Instant) {
        let wants_ack = frame.stamp.as_ref().filter(|stamp| stamp.ack);
        if let (Some(stamp), Some(sitter)) = (wants_ack, self.seat.session(frame.session)) {
            let held = at.saturating_duration_since(frame.arrived);
            let ack = Ack {
                seq: stamp.seq as u32,
                held_us: held.as_micros().try_into().unwrap_or(u32::MAX),
            };
            sitter.ack(ack, Instant::now());
        }
        let mut last = lock(&self.last_wanted);
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, frame)) {
            *last = None;
            drop(last);
            self.stop.ask(Reason::Done);
        }
    }

    /// A session is over.
    pub fn over(&self, sitter: &Sitter, why: End) {
        self.seat.leave(sitter, why.may_come_back(), Instant::now());
        let succeeded = why.is_succeeded();
        if !succeeded {
            *lock(&self.last_end) = Some(LastEnd {
                peer: sitter.peer,
                why: why.to_string(),
                proper: why.is_proper(),
                at: Instant::now(),
            });
        }
        let by_us = matches!(why, End::Stopped);
        if !by_us {
            self.tell(Event::Over {
                peer: sitter.peer,
                why,
            });
        }
        if self.once && !succeeded {
            self.stop.ask(Reason::Done);
        }
    }

    /// How the last session ended, if one did.
    pub fn last_end(&self) -> Option<LastEnd> {
        lock(&self.last_end).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("nothing panics while it holds a part of the hub")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::fixture::Frame;
    use crate::recv::seat::IdleTimeout;

    #[test]
    fn a_sender_that_comes_back_before_the_end_brings_no_frame_more_than_was_asked_for() {
        let seat = Seat::new(IdleTimeout::ByPace);
        let mut hub = Hub::new(seat, Sinks::none(), Arc::default(), Box::new(|_| ()));
        hub.frames = Some(2);
        let frames = [1, 2, 3].map(|_| Frame::default().build());
        assert!(hub.frame(Arc::clone(&frames[0]), true));
        assert!(!hub.frame(Arc::clone(&frames[1]), true));
        assert!(!hub.frame(Arc::clone(&frames[2]), true));
        assert_eq!(hub.counters.frames.load(Ordering::Relaxed), 2);
        hub.shown(&frames[1], Instant::now());
        assert_eq!(hub.stop.reason(), Some(Reason::Done));
    }
}
