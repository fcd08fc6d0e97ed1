//! Dialling: from a host's name to a link, stoppable at any time.
//!
//! ```text
//! Dialer ──▶ Search ──a thread each──▶ attempt: resolve, connect ──Slot──▶ the first Link
//!   └ Memory: which addresses were good
//! ```
//!
//! Resolving and connecting can block for minutes, so each attempt runs on a thread of its own and puts what
//! it has come to into a slot; their number is bounded. Attempts overlap: a new one starts while older ones are still
//! unanswered, since TCP repeats its first packet ever more rarely, and a path that has just come back must not
//! wait for that. An attempt dials a host's addresses one after the other, and each attempt begins with another: so the
//! next address joins in after a moment, as RFC 8305 has it, and a host that answers sees one connection, not one for
//! each of its addresses.

mod memory;
mod target;

pub use self::target::Target;

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use self::memory::Memory;
use super::Link;
use crate::handoff::{Slot, Stop, lock, spawn};
use crate::protocol::{Key, Role, Status};

/// How long an address may take to answer: longer than any round trip on Earth or by satellite.
const ANSWER: Duration = Duration::from_secs(3);

/// How long a name server may take, all its repetitions included.
const RESOLVER: Duration = Duration::from_secs(30);

/// How many attempts one search may have without an answer: as many as begin within two addresses' time, at four a
/// second.
const MAX_ATTEMPTS: usize = 24;

/// How many addresses of one name are tried at most: enough for hosts with many interfaces, and a
/// bound for a name server that lists hundreds.
const MAX_ADDRESSES: usize = 8;

/// The shortest pause from one attempt to the next: a viewer that is being restarted is back within moments.
const SHORTEST: Duration = Duration::from_millis(200);

/// Why a connection did not come about. A retry makes sense for each of them: hosts boot, names
/// appear, networks come back.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address (yet).
    #[error(
        "the name {0} does not resolve ({2}): check its spelling, or give the IP address that {} prints",
        .1.other()
    )]
    Unresolved(String, Role, #[source] io::Error),
    /// The host answered that nobody listens there.
    #[error("{0} refused the connection: is {} running there, and on this port?", .1.other())]
    Refused(SocketAddr, Role),
    /// Nobody answered.
    #[error(
        "no answer from {0}: is it the right address, on the same network, and does its firewall let TCP port {port} in?",
        port = .0.port()
    )]
    NoAnswer(SocketAddr),
    /// Whoever answered has not proven the same key.
    #[error("{0} {}", .2.reason(*.1, true))]
    Key(SocketAddr, Role, Status),
    /// Anything else.
    #[error("cannot reach {0}: {1}")]
    Failed(String, #[source] io::Error),
}

impl DialError {
    /// Which of several addresses' errors tells most; another number for each kind.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            DialError::Unresolved(..) => 0,
            DialError::Failed(..) => 1,
            DialError::NoAnswer(_) => 2,
            DialError::Refused(..) => 3,
            DialError::Key(_, _, status) => 4 + *status as u8,
        }
    }
}

/// What an attempt has come to.
type Outcome = Result<Arc<Link>, DialError>;

/// The way to whoever listens there, over as many links as that takes. It remembers what came of them.
pub(crate) struct Dialer {
    target: Target,
    role: Role,
    stop: Arc<Stop>,
    /// How an address becomes a link. Blocks.
    pub(crate) connect: Box<dyn Fn(SocketAddr) -> Outcome + Send + Sync>,
    memory: Mutex<Memory>,
}

impl Dialer {
    /// A dialler that does that, until `stop` is asked, knows nothing of the host but its name, and proves a key to it,
    /// where there is one.
    pub(crate) fn new(target: Target, role: Role, key: Option<Key>, stop: &Arc<Stop>) -> Dialer {
        Dialer {
            target,
            role,
            stop: Arc::clone(stop),
            connect: Box::new(move |address| connect(address, role, key.as_ref())),
            memory: Mutex::default(),
        }
    }

    /// Begins a search for a link, after so many failures in a row; nothing is tried yet. The pauses between its
    /// attempts grow, to the `longest`.
    pub(crate) fn search(self: &Arc<Self>, failures: u32, longest: Duration) -> Search {
        Search {
            dialer: Arc::clone(self),
            failures,
            longest,
            attempts: 0,
            next: Instant::now() + pause(failures, longest),
            outcomes: Arc::default(),
        }
    }

    /// A link to that address came to nothing: it is the last to be dialled from now on.
    pub(crate) fn took_none(&self, peer: SocketAddr) {
        lock(&self.memory).took_none(peer);
    }

    /// Whether the host has another address than this, as far as is known.
    pub(crate) fn has_another(&self, peer: SocketAddr) -> bool {
        let answer = &lock(&self.memory).answer;
        answer.iter().any(|other| *other != peer)
    }

    /// Resolves the name and dials its addresses in turn, as long as that is wanted. Of several errors, the one that
    /// tells most; `None` where there is nothing to tell.
    fn attempt(&self, number: u32, wanted: &Weak<Slot<Outcome>>) -> Option<Outcome> {
        let unresolved = |error| DialError::Unresolved(self.target.host.clone(), self.role, error);
        let mut errors = Vec::from_iter(self.ask().map_err(unresolved).err());
        let order = lock(&self.memory).order(number);
        for address in order.into_iter().take_while(|_| wanted.strong_count() > 0) {
            match (self.connect)(address) {
                Ok(link) => return Some(Ok(link)),
                Err(error) => errors.push(error),
            }
        }
        errors.into_iter().max_by_key(DialError::weight).map(Err)
    }

    /// Asks what addresses the name has. While an earlier question has no answer, what is known stands in: a name
    /// server behind a path that was dark may take seconds longer to answer than the host itself, and each question
    /// blocks for as long as the system's resolver wants.
    fn ask(&self) -> io::Result<()> {
        let mut memory = lock(&self.memory);
        match memory.asked {
            None => memory.asked = Some(Instant::now()),
            Some(asked) if asked.elapsed() < RESOLVER => return Ok(()),
            Some(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        drop(memory);
        let answer = resolve(&self.target);
        let mut memory = lock(&self.memory);
        memory.asked = None;
        memory.answer = answer?;
        Ok(())
    }
}

/// The addresses that a name has. Blocks.
fn resolve(target: &Target) -> io::Result<Vec<SocketAddr>> {
    if let Some(addresses_now) = &target.found {
        return Ok(addresses_now());
    }
    let addresses = (target.host.as_str(), target.port).to_socket_addrs()?;
    Ok(addresses.take(MAX_ADDRESSES).collect())
}

fn connect(address: SocketAddr, role: Role, key: Option<&Key>) -> Outcome {
    let stream =
        TcpStream::connect_timeout(&address, ANSWER).map_err(|source| match source.kind() {
            io::ErrorKind::ConnectionRefused => DialError::Refused(address, role),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => DialError::NoAnswer(address),
            _ => DialError::Failed(address.to_string(), source),
        })?;
    // TCP lets a socket connect to itself on a port of its own choice; nobody listens there.
    if stream.local_addr().ok() == Some(address) {
        return Err(DialError::Refused(address, role));
    }
    let link = Link::new(stream, address);
    let proven = link.dial(key, role);
    proven.map_err(|status| DialError::Key(address, role, status))?;
    Ok(link)
}

/// A search: the first connection that is established is the link. Any others are closed at once. Dropped, it gives
/// up what is under way.
pub(crate) struct Search {
    dialer: Arc<Dialer>,
    failures: u32,
    longest: Duration,
    attempts: u32,
    /// When the next attempt is due.
    next: Instant,
    /// What the attempts have come to, by their numbers. Each that is under way can tell by it whether it is still wanted.
    outcomes: Arc<Slot<Outcome>>,
}

impl Search {
    /// Waits until then for a link, or for an error that an attempt has come to; `None` if neither came, or somebody asks
    /// for the end.
    pub(crate) fn wait(&mut self, until: Instant) -> Option<Outcome> {
        loop {
            let now = Instant::now();
            if now >= self.next {
                self.attempt(now);
            }
            let (dialer, look) = (&self.dialer, || self.outcomes.take());
            let outcome = dialer.stop.sleep_or(until.min(self.next), look);
            if let Some(Ok(link)) = &outcome {
                lock(&dialer.memory).reached(link.peer);
            }
            if outcome.is_some() || dialer.stop.is_asked() || Instant::now() >= until {
                return outcome;
            }
        }
    }

    /// Starts another attempt, beside those that are under way.
    fn attempt(&mut self, now: Instant) {
        let number = self.attempts;
        self.attempts += 1;
        self.next = now + pause(self.failures + self.attempts, self.longest);
        if Arc::weak_count(&self.outcomes) >= MAX_ATTEMPTS {
            return;
        }
        let (dialer, outcomes) = (Arc::clone(&self.dialer), Arc::downgrade(&self.outcomes));
        let thread = spawn("dial", move || {
            let outcome = dialer.attempt(number, &outcomes);
            if let (Some(outcome), Some(outcomes)) = (outcome, outcomes.upgrade()) {
                outcomes.put_from(number as usize, outcome);
                dialer.stop.nudge();
            }
        });
        if let Err(error) = thread {
            let error = DialError::Failed(self.dialer.target.host.clone(), error);
            self.outcomes.put_from(number as usize, Err(error));
        }
    }
}

/// The pause after so many failures in a row: none, then the shortest, then twice as long each time.
fn pause(failures: u32, longest: Duration) -> Duration {
    longest.min(SHORTEST * (2u32.pow(failures.min(9)) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc::channel;
    use std::thread;

    fn target(host: &str, port: u16) -> Target {
        Target::new(host.to_owned(), port)
    }

    fn dialling(target: Target) -> Arc<Dialer> {
        Arc::new(Dialer::new(target, Role::Sends, None, &Arc::default()))
    }

    /// A host whose name resolves like this.
    fn resolving(resolve: impl Fn() -> Vec<SocketAddr> + Send + Sync + 'static) -> Target {
        Target {
            found: Some(Arc::new(resolve)),
            ..target("viewer", 1)
        }
    }

    #[test]
    fn there_is_no_pause_without_a_failure_and_with_more_of_them_it_grows_to_a_second() {
        const LONGEST: Duration = Duration::from_secs(1);
        assert_eq!(pause(0, LONGEST), Duration::ZERO);
        for (failures, longest) in [
            (1, SHORTEST),
            (2, 2 * SHORTEST),
            (10, LONGEST),
            (99, LONGEST),
        ] {
            let pause = pause(failures, LONGEST);
            assert!(
                pause <= longest && pause >= longest.mul_f64(0.8),
                "{pause:?}"
            );
        }
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    fn first(dialer: &Arc<Dialer>) -> Result<Arc<Link>, DialError> {
        let mut search = dialer.search(0, PATIENCE);
        search
            .wait(Instant::now() + PATIENCE)
            .expect("an attempt ends")
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn a_listening_host_is_reached_by_name() {
        let (_listener, address) = listening();
        assert!(first(&dialling(target("localhost", address.port()))).is_ok());
    }

    #[test]
    fn a_host_that_was_found_before_is_reached_while_its_name_does_not_resolve() {
        let (_listener, address) = listening();
        let dialer = dialling(target("no-such-host.invalid", address.port()));
        lock(&dialer.memory).reached(address);
        assert_eq!(first(&dialer).unwrap().peer, address);
    }

    #[test]
    fn a_host_that_was_found_before_is_reached_while_its_name_server_is_silent() {
        let (_listener, address) = listening();
        let (_silent, answers) = channel::<()>();
        let answers = Mutex::new(answers);
        let dialer = dialling(resolving(move || {
            let _ = answers.lock().unwrap().recv();
            Vec::new()
        }));
        lock(&dialer.memory).reached(address);
        assert_eq!(first(&dialer).unwrap().peer, address);
    }

    #[test]
    fn a_closed_port_is_refused_and_a_wrong_name_does_not_resolve() {
        let port = listening().1.port();
        let refused = first(&dialling(target("127.0.0.1", port))).err().unwrap();
        assert!(matches!(refused, DialError::Refused(..)), "{refused}");
        let unresolved = first(&dialling(target("no-such-host.invalid", port)))
            .err()
            .unwrap();
        assert!(
            matches!(unresolved, DialError::Unresolved(..)),
            "{unresolved}"
        );
    }

    #[test]
    fn where_pictures_were_not_taken_does_not_stand_in_the_way_of_another_address() {
        let (busy, busy_at) = listening();
        let (_free, free_at) = listening();
        let dialer = dialling(resolving(move || vec![busy_at, free_at]));
        assert_eq!(first(&dialer).unwrap().peer, busy_at);
        assert!(dialer.has_another(busy_at));
        dialer.took_none(busy_at);
        busy.accept().unwrap();
        assert_eq!(first(&dialer).unwrap().peer, free_at);
        // Not even for a moment.
        busy.set_nonblocking(true).unwrap();
        assert!(busy.accept().is_err());
    }

    #[test]
    fn the_next_address_joins_in_while_the_first_does_not_answer() {
        let (_listener, address) = listening();
        let two = resolving(move || vec![([192, 0, 2, 1], 1).into(), address]);
        let mut dialer = Dialer::new(two, Role::Sends, None, &Arc::default());
        let (_silent, answers) = channel::<()>();
        let answers = Mutex::new(answers);
        dialer.connect = Box::new(move |to| {
            if to != address {
                let _ = answers.lock().unwrap().recv();
            }
            connect(to, Role::Sends, None)
        });
        assert_eq!(first(&Arc::new(dialer)).unwrap().peer, address);
    }

    #[test]
    fn the_error_that_tells_most_is_told_once_all_addresses_have_failed() {
        let two = [([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 1).into()];
        let mut dialer = Dialer::new(
            resolving(move || two.to_vec()),
            Role::Sends,
            None,
            &Arc::default(),
        );
        dialer.connect = Box::new(move |address| match address == two[0] {
            true => Err(DialError::Refused(address, Role::Sends)),
            false => Err(DialError::NoAnswer(address)),
        });
        let told = first(&Arc::new(dialer)).err().unwrap();
        assert!(matches!(told, DialError::Refused(..)), "{told}");
    }

    #[test]
    fn a_name_server_that_does_not_answer_holds_one_thread_however_often_it_is_asked() {
        let (asked, questions) = channel();
        let (answer, answers) = channel::<()>();
        let answers = Mutex::new(answers);
        let dialer = dialling(resolving(move || {
            asked.send(()).unwrap();
            let _ = answers.lock().unwrap().recv();
            Vec::new()
        }));
        // Two searches, as when a connection has just been made anew, and attempts four times a second.
        let mut searches = [dialer.search(0, PATIENCE), dialer.search(0, PATIENCE)];
        for _ in 0..20 {
            for search in &mut searches {
                search.attempt(Instant::now());
            }
        }
        questions.recv_timeout(PATIENCE).unwrap();
        let under_way = || {
            searches
                .iter()
                .map(|search| Arc::weak_count(&search.outcomes))
                .sum::<usize>()
        };
        while under_way() > 1 {
            thread::yield_now();
        }
        assert!(questions.try_recv().is_err());
        drop(answer);
        while under_way() > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn attempts_without_an_answer_are_bounded() {
        let mut dialer = Dialer::new(target("127.0.0.1", 1), Role::Sends, None, &Arc::default());
        let (answer, answers) = channel::<()>();
        let answers = Mutex::new(answers);
        dialer.connect = Box::new(move |address| {
            let _ = answers.lock().unwrap().recv();
            Err(DialError::NoAnswer(address))
        });
        let mut search = Arc::new(dialer).search(0, PATIENCE);
        for _ in 0..100 {
            search.attempt(Instant::now());
        }
        assert_eq!(Arc::weak_count(&search.outcomes), MAX_ATTEMPTS);
        drop(answer);
        while Arc::weak_count(&search.outcomes) > 0 {
            thread::yield_now();
        }
    }
}
