//! The desk: what the window sees of the program, and what its keys do.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::host::{Host, News, State, Status};
use crate::handoff::lock::lock;
use crate::net::reach::Reach;
use crate::picture::Turn;
use crate::protocol::stamp::Name;
use crate::recv::hub::Hub;
use crate::recv::received::Received;
use crate::recv::stats::{self, Rates};

/// How often rates are taken anew for the window.
const RATES_EVERY: Duration = Duration::from_secs(1);

/// How long news stay in the window. Long enough to read a path.
const NEWS: Duration = Duration::from_secs(5);

/// How long to wait for a first sender before there is a hint.
pub const HINT_AFTER: Duration = Duration::from_secs(15);

/// A [`Host`] out of a [`Hub`].
pub struct Desk {
    hub: Arc<Hub>,
    reach: Reach,
    opened: Instant,
    rates: Mutex<(Rates, Instant, f64, f64)>,
    news: Mutex<Option<(Instant, News)>>,
}

impl Desk {
    /// `reach` is said while nobody sends.
    pub fn new(hub: Arc<Hub>, reach: Reach, now: Instant) -> Self {
        Desk {
            hub,
            reach,
            opened: now,
            rates: Mutex::new((Rates::new(now), now, 0.0, 0.0)),
            news: Mutex::default(),
        }
    }

    /// Puts a line into the window for a while.
    pub fn tell(&self, news: News) {
        *lock(&self.news) = Some((Instant::now() + NEWS, news));
    }

    fn rates(&self, now: Instant) -> (f64, f64) {
        let (rates, taken, fps, mbit_s) = &mut *lock(&self.rates);
        if now.saturating_duration_since(*taken) >= RATES_EVERY {
            (*fps, *mbit_s) = rates.look(&self.hub.counters, now);
            *taken = now;
        }
        (*fps, *mbit_s)
    }

    fn state(&self, last_frame: Option<Instant>, name: Option<&Name>, now: Instant) -> State {
        let stalled = |why| State::Stalled {
            since: last_frame.unwrap_or(now),
            why,
        };
        match (stats::state(&self.hub, now), last_frame) {
            (stats::State::Receiving, _) => State::Receiving,
            (_, None) => State::Waiting,
            (stats::State::Stalled, _) => stalled("no frames come".into()),
            (stats::State::Waiting, _) => stalled(match self.hub.last_end() {
                Some(end) => match name {
                    Some(name) => format!("{} ({}) {}", name.as_str(), end.peer.ip(), end.why),
                    None => format!("{} {}", end.peer, end.why),
                },
                None => "the sender went away".into(),
            }),
        }
    }
}

impl Host for Desk {
    fn status(&self) -> Status {
        let now = Instant::now();
        let counters = &self.hub.counters;
        let newest = counters.newest().clone();
        let sitter = self.hub.seat.sitter();
        let (fps, mbit_s) = self.rates(now);
        let waits = newest.at.is_none() && now.saturating_duration_since(self.opened) >= HINT_AFTER;
        let mut news = lock(&self.news);
        news.take_if(|(until, _)| *until <= now);
        Status {
            state: self.state(newest.at, newest.name.as_ref(), now),
            peer: sitter
                .map(|sitter| sitter.peer)
                .or_else(|| self.hub.last_end().map(|end| end.peer))
                .map(|peer| peer.to_string()),
            name: newest.name.as_ref().map(ToString::to_string),
            width: newest.width,
            height: newest.height,
            fps,
            mbit_s,
            quality: newest.quality,
            latency: newest.latency_us.map(Duration::from_micros),
            shown: counters.shown.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
            recording: self.hub.sinks.recording(),
            typed: self.reach.typed.clone(),
            is_local: self.reach.is_local,
            hint: waits.then(|| self.reach.hint.clone()),
            news: news.as_ref().map(|(_, news)| news.clone()),
        }
    }

    fn is_current(&self, frame: &Arc<Received>) -> bool {
        !self.hub.pulse.held_up_since(frame.arrived)
    }

    fn shown(&self, frame: &Arc<Received>, at: Instant) {
        self.hub.shown(frame, at);
    }

    fn passed_over(&self, frame: &Arc<Received>) {
        self.hub.passed_over(frame);
    }

    fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        self.hub.sinks.snapshot(frame, turn);
    }

    fn toggle_recording(&self) {
        let name = self.hub.counters.newest().name.clone();
        if let Err(error) = self.hub.sinks.toggle_recording(name.as_ref()) {
            self.tell(News {
                text: error.to_string(),
                bad: true,
            });
        }
    }
}
