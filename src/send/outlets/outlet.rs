//! The outlet: one receiver, from its first connection to the last. Connects, pulls a picture when the link can take it,
//! stamps and writes it.
//!
//! ```text
//! connect ──▶ pump: wait ▶ gate ▶ pull ▶ write ──▶ outcome ──▶ over
//!    ▲                                                │
//!    └──────── redial, or the second link ────────────┘
//! ```
//!
//! One thread does all of it, and comes back when the stream is over. It blocks on dialling, on the source's slot, on the
//! gate, on writing and, while another outlet has a picture encoded, on the stage; acks, the failover and a wish to stop wake
//! it. It knows neither a camera nor how a link is made. An outlet of a receiver that dialled is over with its only link.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use super::connection::Connection;
use crate::handoff::{Wake, lock};
use crate::net::{Dialer, Link};
use crate::report::Severity;
use crate::send::acks::SILENCE;
use crate::send::error::{Kind, MAX_UNENCODABLE, Result};
use crate::send::gate::{self, Verdict};
use crate::send::quality::{Carried, Quality};
use crate::send::{Account, Encoded, End, Interval, LOOK, SendError};

/// The longest pause from one attempt to connect to the next: a host that boots shall be found at once when it is
/// there.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Sends a stage's pictures to one receiver, over as many connections as that takes.
pub(super) struct Outlet<'a> {
    shared: &'a Shared<'a>,
    /// The way to a receiver that did not dial.
    dialer: Option<Arc<Dialer>>,
    /// The next connection's, where it stands already: that of a receiver that dialled, or one that takes over.
    link: Option<Arc<Link>>,
    /// Its receiver's number.
    number: usize,
    /// The number of its last picture.
    seen: u64,
    interval: Interval,
    quality: Quality,
    /// Connections in a row that did not last.
    failures: u32,
    unencodable: u32,
    /// Whether a receiver has acknowledged a frame: one that does not is another then.
    expects_acks: bool,
    /// The kinds of failure that were reported since a connection last was.
    reported: HashSet<Kind>,
}

impl<'a> Outlet<'a> {
    /// Prepares to send; no connection is made yet.
    pub(super) fn new(shared: &'a Shared<'a>, number: usize, dialer: Option<Arc<Dialer>>) -> Self {
        let config = &shared.config;
        Outlet {
            quality: Quality::new(config.min_quality, config.quality),
            interval: Interval::new(config.fps),
            shared,
            dialer,
            link: None,
            number,
            seen: 0,
            failures: 0,
            unencodable: 0,
            expects_acks: false,
            reported: HashSet::new(),
        }
    }

    /// Sends until the source ends, enough is sent, or somebody stops it; first on that link, where one stands.
    pub(super) fn run(&mut self, link: Option<Arc<Link>>) -> Result<()> {
        self.link = link;
        let mut is_first = true;
        while let Some(link) = self.connect()? {
            if !std::mem::replace(&mut is_first, false) {
                for sent in lock(&self.shared.counters).sent_to(self.number) {
                    sent.reconnects += 1;
                }
            }
            self.shared.stage.feed.link_stands();
            self.stream(link)?;
        }
        Ok(())
    }

    /// Tries until a link stands; `None` when it is over before that.
    fn connect(&mut self) -> Result<Option<Arc<Link>>> {
        let (Some(dialer), None) = (&self.dialer, &self.link) else {
            return Ok(self.link.take());
        };
        let mut search = dialer.search(self.failures, LONGEST_PAUSE);
        let mut look = LOOK;
        loop {
            let source = self.shared.stage.wait(self.seen, Instant::now() + look);
            if self.shared.is_over() || source == Wake::Closed {
                return Ok(None);
            }
            // view-recv gives a connection a few seconds to bring a picture: one that has none yet, of a
            // camera that exposes for longer or is lost, would come and go.
            let is_source_idle = self.shared.stage.feed.is_waiting_for_link();
            if source == Wake::Full || is_source_idle {
                // From a source that waits, too, nothing is to be expected.
                look = if is_source_idle { Duration::ZERO } else { LOOK };
                let patience = if is_source_idle { LONGEST_PAUSE } else { LOOK };
                match search.wait(Instant::now() + patience) {
                    None => {}
                    Some(Ok(link)) => return Ok(Some(link)),
                    Some(Err(error)) => self.retry(SendError::Unreachable(error))?,
                }
            }
        }
    }

    /// Sends on one connection until it, or everything, is over.
    fn stream(&mut self, link: Arc<Link>) -> Result<()> {
        let peer = link.peer;
        let (feed, stop) = (&self.shared.stage.feed, &self.shared.stop);
        let mut connection = match Connection::open(link, self.dialer.clone(), feed, stop) {
            Ok(connection) => connection,
            // No descriptor, or no thread, just now: as passing as any loss.
            Err(error) => {
                self.failures += 1;
                return self.retry(SendError::Broken(peer, error));
            }
        };
        connection.acks.state().deadline = self.shared.deadline();
        // After one that did not last the next is reported once it lasts: a viewer that shows another camera
        // would be connected to, and lost, every few seconds.
        if self.failures == 0 {
            self.announce(&mut connection);
        }
        let pumped = self.pump(&mut connection);
        let is_over = pumped.is_err() && self.shared.is_over();
        let outcome = pumped.and_then(|()| self.end(&mut connection));
        let counters = &self.shared.counters;
        match self.dialer {
            Some(_) => lock(counters).connected(self.number, None),
            // Its place is free before anybody reads that it has gone.
            None => lock(counters).leave(self.number),
        }
        self.shared.stage.leave(self.number);
        match outcome {
            Ok(()) => Ok(()),
            Err(error @ SendError::Unencodable(_)) => {
                connection.finish(false, &self.shared.stop);
                Err(error)
            }
            Err(loss) => self.lost(&connection, loss, is_over),
        }
    }

    /// Pulls and writes; `Ok` when nothing more is to be sent.
    fn pump(&mut self, connection: &mut Connection) -> Result<()> {
        let stage = &self.shared.stage;
        loop {
            let wake = stage.wait(self.seen, Instant::now() + LOOK);
            // In this order: once enough was sent, a receiver may close.
            if wake == Wake::Closed || self.shared.is_over() {
                return Ok(());
            }
            self.check(connection)?;
            if wake != Wake::Full || !self.pass_gate(connection)? {
                continue;
            }
            match stage.pull(self.number, &mut self.seen, self.quality.now) {
                Ok(Some(picture)) => self.send(connection, &picture)?,
                Ok(None) => {}
                Err(error) => {
                    self.unencodable += 1;
                    match self.unencodable {
                        1 => self.shared.warn(format!("a picture was skipped: {error}")),
                        MAX_UNENCODABLE.. => return Err(SendError::Unencodable(error.to_string())),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Waits until the connection can take a frame; `false` when it is over before that.
    fn pass_gate(&mut self, connection: &mut Connection) -> Result<bool> {
        let interval = self.interval.average;
        let (came, mut frames_out) = (Instant::now(), Duration::ZERO);
        let (acks, opened) = loop {
            if self.shared.is_over() {
                return Ok(false);
            }
            let acks = self.check(connection)?;
            let (path, now) = (connection.acks.link.path(), Instant::now());
            let verdict = connection.gate.look(path, acks, interval, now);
            if verdict == Verdict::Open {
                break (acks, now);
            }
            connection.acks.wait(gate::POLL);
            if verdict == Verdict::FramesAreOut {
                frames_out += now.elapsed();
            }
        };
        let last_frame = connection.last_frame.take();
        let last_frame = last_frame.filter(|_| acks.has_settled(opened));
        if let Some((started, bytes, quality)) = last_frame {
            // A receiver that is slow to decode is no narrow link, and smaller pictures are no help to it.
            let held = frames_out.min(acks.held);
            let carried = Carried {
                bytes,
                quality,
                took: opened.duration_since(started).saturating_sub(held),
                waited: opened.duration_since(came).saturating_sub(held),
            };
            self.quality.learn(carried, interval, opened);
        }
        Ok(true)
    }

    fn send(&mut self, connection: &mut Connection, picture: &Encoded) -> Result<()> {
        (self.unencodable, self.interval) = (0, picture.interval);
        let (to, config, counters) = (self.number, &self.shared.config, &self.shared.counters);
        if !lock(counters).take(to, picture, config.frames) {
            return Ok(());
        }
        let written = connection.write(picture, &config.name);
        if connection.acks.state().account.came_to_something() {
            connection.unproven.clear();
        }
        let receivers = &picture.receivers;
        let bytes = written.inspect_err(|_| lock(counters).give_back(to, receivers))?;
        connection.unproven.push(Arc::clone(receivers));
        lock(counters).add(to, picture, bytes);
        connection.acks.state().deadline = self.shared.deadline();
        Ok(())
    }

    /// Reports the connection, unless that was done.
    fn announce(&mut self, connection: &mut Connection) {
        if !std::mem::replace(&mut connection.is_announced, true) {
            let acks = Arc::clone(&connection.acks);
            let line = format!("sending to {}", acks.link.peer);
            lock(&self.shared.counters).connected(self.number, Some(acks));
            self.reported.clear();
            (self.shared.report)(Severity::Info, line);
        }
    }

    /// Enough was sent; an error where it does not count.
    fn end(&mut self, connection: &mut Connection) -> Result<()> {
        let counts = connection.acks.state().account.came_to_something();
        if counts {
            self.announce(connection);
        }
        // What is not there any more cannot be sent again.
        let source_is_over = self.shared.stage.wait(self.seen, Instant::now()) == Wake::Closed;
        let doubtful = !counts && !self.shared.stop.is_asked() && !source_is_over;
        if doubtful {
            connection.acks.state().deadline = None;
        }
        match connection.finish(doubtful, &self.shared.stop) || !doubtful {
            true => Ok(()),
            false => Err(SendError::Closed(connection.acks.link.peer)),
        }
    }

    /// The connection is lost: by itself, unless the time `is_over`. The second link, if there is one, takes over.
    fn lost(&mut self, connection: &Connection, loss: SendError, is_over: bool) -> Result<()> {
        let (link, acks) = (&connection.acks.link, connection.acks.state().account);
        let peer = link.peer;
        link.abort();
        self.failures = if acks.lasted() { 0 } else { self.failures + 1 };
        self.expects_acks |= acks.last_ack.is_some();
        let counts = acks.came_to_something();
        if !counts && !is_over {
            if let Some(dialer) = &self.dialer {
                dialer.took_none(peer);
            }
            let mut counters = lock(&self.shared.counters);
            for receivers in &connection.unproven {
                counters.give_back(self.number, receivers);
            }
        }
        self.link = connection.acks.state().second.take();
        if self.link.is_some() {
            let line = format!("{peer} fell silent; a new connection took over");
            (self.shared.report)(Severity::Info, line);
            return Ok(());
        }
        self.retry(match loss {
            _ if acks.end == Some(End::KeyWanted) => SendError::KeyWanted(peer),
            _ if acks.end == Some(End::Evicted) => SendError::Silent(peer, SILENCE),
            SendError::Closed(_) if !counts && acks.was_kept_waiting(Instant::now()) => {
                SendError::NoPicture(peer)
            }
            loss => loss,
        })
    }

    /// Goes on after `error` where a retry is wanted.
    fn retry(&mut self, error: SendError) -> Result<()> {
        if self.shared.is_over() {
            return Ok(());
        }
        if !self.shared.config.retry {
            return Err(error);
        }
        if self.reported.insert(error.kind()) {
            // A receiver that had dialled does so again by itself.
            let next = self.dialer.as_ref().map_or("", |_| "; trying again");
            self.shared.warn(format!("{error}{next}"));
        }
        Ok(())
    }

    /// How the connection stands, if it still does and is worth it.
    fn check(&mut self, connection: &mut Connection) -> Result<Account> {
        let (acks, peer) = (connection.acks.state().account, connection.acks.link.peer);
        if acks.lasted() {
            self.announce(connection);
        }
        if acks.end.is_some() {
            return Err(SendError::Closed(peer));
        }
        // Something else may listen where the viewer was. Where there is no other address, it has the benefit of
        // the doubt.
        let is_elsewhere = self.expects_acks && acks.is_overdue(Instant::now());
        let has_another = |dialer: &Arc<Dialer>| dialer.has_another(peer);
        if is_elsewhere && self.dialer.as_ref().is_some_and(has_another) {
            return Err(SendError::NoPicture(peer));
        }
        Ok(acks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::{Reason, Stop};
    use crate::net::Target;
    use crate::picture::{Captured, Content, Turn};
    use crate::protocol::Role;
    use crate::send::{Config, Stage};
    use crate::source::{Delivery, Feed, Report};
    use std::io::Read;
    use std::sync::Mutex;
    use std::thread;

    const PEER: ([u8; 4], u16) = ([10, 0, 0, 1], 8000);

    /// A dialler whose links are made like that.
    fn dialler(make: impl Fn() -> Arc<Link> + Send + Sync + 'static) -> Arc<Dialer> {
        let target = Target {
            found: None,
            host: "10.0.0.1".to_owned(),
            port: 8000,
        };
        let mut dialer = Dialer::new(target, Role::Sends, None, &Arc::default());
        dialer.connect = Box::new(move |_| Ok(make()));
        Arc::new(dialer)
    }

    fn put(feed: &Feed, jpeg: Vec<u8>) {
        feed.put(Captured {
            at: Instant::now(),
            turn: Turn::NONE,
            content: Content::Jpeg(jpeg.into()),
        });
    }

    fn run(stage: Arc<Stage>, dialer: Arc<Dialer>, stop: &Arc<Stop>, report: Report<'_>) {
        let shared = Shared {
            config: Config::with_key(None),
            stage,
            counters: Arc::default(),
            stop: Arc::clone(stop),
            report,
        };
        let mut outlet = Outlet::new(&shared, lock(&shared.counters).join(), Some(dialer));
        outlet.run(None).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn before_the_next_link_after_one_that_could_not_be_used_it_pauses_ever_longer_and_says_so_once()
     {
        let (feed, stop) = (Arc::new(Feed::new(Delivery::NewestWins)), Arc::default());
        put(&feed, Vec::new());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let dialer = dialler({
            let (asked, stop): (_, Arc<Stop>) = (Arc::clone(&asked), Arc::clone(&stop));
            move || {
                let mut asked = asked.lock().unwrap();
                asked.push(Instant::now());
                if asked.len() == 4 {
                    stop.ask(Reason::Done);
                }
                Link::unusable(PEER.into())
            }
        });
        let reported = Mutex::new(Vec::new());
        let report = |_, line| reported.lock().unwrap().push(line);
        run(Stage::new(feed, 30.0, false), dialer, &stop, &report);
        let asked = asked.lock().unwrap();
        let pauses: Vec<Duration> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        for (pause, least) in pauses.iter().zip([160, 320, 640]) {
            assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
        }
        let reported = reported.lock().unwrap();
        assert_eq!(reported.len(), 1, "{reported:?}");
    }

    #[test]
    fn a_receiver_that_does_not_read_holds_no_other_outlet_up() {
        const PICTURES: u8 = 20;
        let (feed, stop) = (Arc::new(Feed::new(Delivery::NewestWins)), Arc::default());
        let stage = Stage::new(Arc::clone(&feed), 30.0, true);
        let start = || {
            let (link, far) = Link::pair(PEER.into());
            let (dialer, stage) = (dialler(move || Arc::clone(&link)), Arc::clone(&stage));
            let stop: Arc<Stop> = Arc::clone(&stop);
            (
                thread::spawn(move || run(stage, dialer, &stop, &|_, _| ())),
                far,
            )
        };
        let (reads, mut near) = start();
        let (does_not, standing) = start();
        near.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        for number in 0..PICTURES {
            // No kernel holds twenty of them.
            let jpeg = [&[0xFF, 0xD8], &vec![number; 1 << 20][..], &[0xFF, 0xD9]].concat();
            put(&feed, jpeg);
            let mut length = [0; 4];
            near.read_exact(&mut length).unwrap();
            let mut frame = vec![0; u32::from_le_bytes(length) as usize];
            near.read_exact(&mut frame).unwrap();
            assert!(frame.len() > 1 << 20 && frame[frame.len() - 3] == number);
        }
        stop.ask(Reason::Done);
        drop((near, standing));
        for outlet in [reads, does_not] {
            outlet.join().unwrap();
        }
    }
}
