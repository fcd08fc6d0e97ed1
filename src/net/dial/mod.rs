//! Dialling: from a host's name to a link, stoppable at any time.
//!
//! ```text
//! Dialer (a sender's) ──────▶ Search ──a thread each──▶ resolve, connect ──reports──▶ the first Link
//!   └ Memory: which addresses were good    └ Race: which address next, and when
//! ```
//!
//! Resolving and connecting can block for minutes, so each attempt runs on a thread of its own and reports
//! through a channel; their number is bounded. Attempts overlap: a new one starts while older ones are still
//! unanswered, since TCP repeats its first packet ever more rarely, and a path that has just come back must not
//! wait for that.

mod race;
mod target;

pub use self::target::Target;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use self::race::{HEAD_START, MAX_ADDRESSES, Memory, Race};
use super::link::Link;
use crate::handoff::lock::lock;

/// How long one attempt waits for an answer: longer than any round trip on Earth or by satellite.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How long a name server may take, all its repetitions included.
const RESOLVER: Duration = Duration::from_secs(30);

/// How many connections one search may have without an answer: two addresses' worth of attempts every
/// quarter of a second.
const MAX_CONNECTING: usize = 24;

/// How many questions a sender may have open with its name server: each blocks for as long as the system's
/// resolver wants, whether or not anybody still waits for the answer.
const MAX_RESOLVING: usize = 4;

/// Why a connection did not come about. A retry makes sense for each of them: hosts boot, names
/// appear, networks come back.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address (yet).
    #[error(
        "the name does not resolve ({0}): check its spelling, or give the IP address that view-recv prints"
    )]
    Unresolved(#[source] io::Error),
    /// The host answered that nobody listens there.
    #[error("{0} refused the connection: is view-recv running there, and on this port?")]
    Refused(SocketAddr),
    /// Nobody answered.
    #[error(
        "no answer from {0}: is it the right address, on the same network, and does its firewall let TCP port {port} in?",
        port = .0.port()
    )]
    NoAnswer(SocketAddr),
    /// Anything else.
    #[error("cannot reach {0}: {1}")]
    Failed(SocketAddr, #[source] io::Error),
}

impl DialError {
    /// Which of several addresses' errors tells most.
    fn weight(&self) -> u8 {
        match self {
            DialError::Unresolved(_) => 0,
            DialError::Failed(..) => 1,
            DialError::NoAnswer(_) => 2,
            DialError::Refused(_) => 3,
        }
    }

    /// The error in a line that begins with what was dialled, which the error may name already.
    pub fn told_of(&self, target: &dyn fmt::Display) -> String {
        let (error, target) = (self.to_string(), target.to_string());
        if error.contains(&target) {
            error
        } else {
            format!("{target}: {error}")
        }
    }
}

/// How a name becomes addresses. Blocks.
type Resolve = dyn Fn(&Target) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// How an address becomes a link. Blocks.
type Connect = dyn Fn(SocketAddr) -> Result<Arc<Link>, DialError> + Send + Sync;

/// A sender's way to its receiver, over as many links as that takes. It remembers what came of them. `Display` is
/// how a user knows it.
pub(crate) struct Dialer {
    target: Target,
    resolve: Box<Resolve>,
    connect: Box<Connect>,
    /// Each question under way holds a clone.
    questions: Arc<()>,
    memory: Mutex<Memory>,
}

impl Dialer {
    /// A dialler that knows nothing of the host but its name.
    pub(crate) fn new(target: Target) -> Arc<Dialer> {
        Dialer::with(target, Box::new(resolve), Box::new(connect))
    }

    pub(crate) fn with(
        target: Target,
        resolve: Box<Resolve>,
        connect: Box<Connect>,
    ) -> Arc<Dialer> {
        Arc::new(Dialer {
            target,
            resolve,
            connect,
            questions: Arc::default(),
            memory: Mutex::default(),
        })
    }

    /// Begins a search for a link; nothing is tried yet.
    pub(crate) fn search(self: &Arc<Self>) -> Search {
        let (report, reports) = mpsc::channel();
        Search {
            dialer: Arc::clone(self),
            race: Race::default(),
            asked: None,
            unresolved: None,
            connecting: 0,
            report,
            reports,
        }
    }

    /// Pictures were taken at that address: it is the first to be dialled from now on.
    pub(crate) fn took(&self, peer: SocketAddr) {
        lock(&self.memory).took(peer);
    }

    /// A link to that address came to nothing: it is the last to be dialled from now on.
    pub(crate) fn took_none(&self, peer: SocketAddr) {
        lock(&self.memory).took_none(peer);
    }

    /// Whether the receiver has another address than this, as far as is known.
    pub(crate) fn has_another(&self, peer: SocketAddr) -> bool {
        let answer = &lock(&self.memory).answer;
        answer.iter().any(|other| *other != peer)
    }
}

impl fmt::Display for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

fn resolve(target: &Target) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::other("it has no address"));
    }
    Ok(addresses)
}

fn connect(address: SocketAddr) -> Result<Arc<Link>, DialError> {
    let stream =
        TcpStream::connect_timeout(&address, ATTEMPT).map_err(|source| match source.kind() {
            io::ErrorKind::ConnectionRefused => DialError::Refused(address),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => DialError::NoAnswer(address),
            _ => DialError::Failed(address, source),
        })?;
    // TCP lets a socket connect to itself on a port of its own choice; nobody listens there.
    if stream.local_addr().ok() == Some(address) {
        return Err(DialError::Refused(address));
    }
    Ok(Link::new(stream, address))
}

/// What a thread came to.
enum Report {
    Answer(io::Result<Vec<SocketAddr>>),
    Outcome(SocketAddr, Result<Arc<Link>, DialError>),
}

/// A search: the first connection that is established is the link. Any others are closed at once. Dropped, it gives
/// up what is under way.
pub(crate) struct Search {
    dialer: Arc<Dialer>,
    race: Race,
    /// When the name server was asked, while its answer is awaited.
    asked: Option<Instant>,
    unresolved: Option<io::Error>,
    connecting: usize,
    report: Sender<Report>,
    reports: Receiver<Report>,
}

impl Search {
    /// Starts another attempt, beside those that are under way: resolves the name anew, and dials the addresses
    /// already in the race once more.
    pub(crate) fn attempt(&mut self, now: Instant) {
        let Target { host, port } = &self.dialer.target;
        match host.parse::<IpAddr>() {
            Ok(ip) => self.answered(Ok(vec![SocketAddr::new(ip, *port)])),
            Err(_) if self.asked.is_none() => self.ask(now),
            Err(_) => {}
        }
        for address in self.race.opened() {
            self.connect(address);
        }
        self.go_on(now);
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.connecting == 0 && self.asked.is_none()
    }

    /// Waits until then for a link, or for an error that all attempts have come to; `None` if neither came.
    pub(crate) fn wait(&mut self, until: Instant) -> Option<Result<Arc<Link>, DialError>> {
        loop {
            let now = Instant::now();
            self.go_on(now);
            if let Some(error) = self.failure(now) {
                return Some(Err(error));
            }
            let due = self.stand_in_due().or_else(|| self.race.next_due());
            let due = due.map_or(until, |due| due.min(until));
            let left = due.saturating_duration_since(now);
            match self.reports.recv_timeout(left) {
                Ok(Report::Answer(answer)) => self.answered(answer),
                Ok(Report::Outcome(address, outcome)) => {
                    self.connecting -= 1;
                    match outcome {
                        // The name has lost this address meanwhile.
                        Ok(_) if !self.race.includes(address) => {}
                        Ok(link) => return Some(Ok(link)),
                        Err(error) => self.race.fail(address, error),
                    }
                }
                Err(_) if Instant::now() >= until => return None,
                Err(_) => {}
            }
        }
    }

    /// Dials the addresses whose turn it is.
    fn go_on(&mut self, now: Instant) {
        if self.stand_in_due().is_some_and(|due| now >= due) {
            self.race.enter(&[], &lock(&self.dialer.memory));
        }
        while let Some(address) = self.race.open(now) {
            self.connect(address);
        }
    }

    /// When the known address stands in for the name: a name server behind a path that was dark may take
    /// seconds longer to answer than the host itself.
    fn stand_in_due(&self) -> Option<Instant> {
        let asked = self.asked.filter(|_| self.race.is_empty())?;
        lock(&self.dialer.memory).known.map(|_| asked + HEAD_START)
    }

    fn answered(&mut self, answer: io::Result<Vec<SocketAddr>>) {
        self.asked = None;
        let mut memory = lock(&self.dialer.memory);
        match answer {
            Ok(addresses) => {
                self.race.enter(&addresses, &memory);
                memory.answer = addresses;
                self.unresolved = None;
            }
            Err(error) => {
                self.unresolved = Some(error);
                if self.race.is_empty() {
                    self.race.enter(&[], &memory);
                }
            }
        }
    }

    fn failure(&mut self, now: Instant) -> Option<DialError> {
        if !self.race.is_empty() {
            return self.race.take_failure();
        }
        if self.asked.is_some_and(|asked| now >= asked + RESOLVER) {
            self.asked = None;
            self.unresolved = Some(io::ErrorKind::TimedOut.into());
        }
        self.unresolved.take().map(DialError::Unresolved)
    }

    /// Resolves the name, which blocks for as long as the system's resolver wants.
    fn ask(&mut self, now: Instant) {
        let dialer = Arc::clone(&self.dialer);
        let question = Arc::clone(&dialer.questions);
        if Arc::strong_count(&question) > MAX_RESOLVING + 1 {
            return;
        }
        self.asked = Some(now);
        let asked = self.spawn(move || {
            let _question = question;
            Report::Answer((dialer.resolve)(&dialer.target))
        });
        if let Err(error) = asked {
            self.answered(Err(error));
        }
    }

    fn connect(&mut self, address: SocketAddr) {
        if self.connecting >= MAX_CONNECTING {
            return;
        }
        let dialer = Arc::clone(&self.dialer);
        match self.spawn(move || Report::Outcome(address, (dialer.connect)(address))) {
            Ok(()) => self.connecting += 1,
            Err(error) => self.race.fail(address, DialError::Failed(address, error)),
        }
    }

    /// Starts a thread that reports what the attempt comes to.
    fn spawn(&self, attempt: impl FnOnce() -> Report + Send + 'static) -> io::Result<()> {
        let report = self.report.clone();
        let thread = thread::Builder::new().name("dial".into());
        thread.spawn(move || report.send(attempt())).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc::channel;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn named(host: &str, port: u16) -> Target {
        let host = host.to_owned();
        Target { host, port }
    }

    fn first(dialer: &Arc<Dialer>) -> Result<Arc<Link>, DialError> {
        let mut search = dialer.search();
        search.attempt(Instant::now());
        search
            .wait(Instant::now() + PATIENCE)
            .expect("an attempt ends")
    }

    /// A dialler to a name that resolves like this.
    fn resolving(
        resolve: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Arc<Dialer> {
        let resolve = Box::new(move |_: &_| resolve());
        Dialer::with(named("viewer", 1), resolve, Box::new(connect))
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn a_listening_host_is_reached_by_name() {
        let (_listener, address) = listening();
        assert!(first(&Dialer::new(named("localhost", address.port()))).is_ok());
    }

    #[test]
    fn a_host_that_was_found_before_is_reached_while_its_name_does_not_resolve() {
        let (_listener, address) = listening();
        let dialer = Dialer::new(named("no-such-host.invalid", address.port()));
        dialer.took(address);
        assert_eq!(first(&dialer).unwrap().peer(), address);
    }

    #[test]
    fn a_host_that_was_found_before_is_reached_while_its_name_server_is_silent() {
        let (_listener, address) = listening();
        let (_silent, answers) = channel::<()>();
        let answers = Mutex::new(answers);
        let dialer = resolving(move || {
            let _ = answers.lock().unwrap().recv();
            Ok(Vec::new())
        });
        dialer.took(address);
        assert_eq!(first(&dialer).unwrap().peer(), address);
    }

    #[test]
    fn a_closed_port_is_refused_and_a_wrong_name_does_not_resolve() {
        let port = listening().1.port();
        let refused = first(&Dialer::new(named("127.0.0.1", port))).unwrap_err();
        assert!(matches!(refused, DialError::Refused(_)), "{refused}");
        let unresolved = first(&Dialer::new(named("no-such-host.invalid", port))).unwrap_err();
        assert!(
            matches!(unresolved, DialError::Unresolved(_)),
            "{unresolved}"
        );
    }

    #[test]
    fn where_pictures_were_not_taken_does_not_stand_in_the_way_of_another_address() {
        let (busy, busy_at) = listening();
        let (_free, free_at) = listening();
        let dialer = resolving(move || Ok(vec![busy_at, free_at]));
        assert_eq!(first(&dialer).unwrap().peer(), busy_at);
        assert!(dialer.has_another(busy_at));
        dialer.took_none(busy_at);
        busy.accept().unwrap();
        assert_eq!(first(&dialer).unwrap().peer(), free_at);
        // Not even for a moment.
        busy.set_nonblocking(true).unwrap();
        assert!(busy.accept().is_err());
    }

    #[test]
    fn a_name_server_that_does_not_answer_holds_few_threads_however_often_it_is_asked() {
        let (asked, questions) = channel();
        let (answer, answers) = channel::<()>();
        let answers = Mutex::new(answers);
        let dialer = resolving(move || {
            asked.send(()).unwrap();
            let _ = answers.lock().unwrap().recv();
            Err(io::ErrorKind::TimedOut.into())
        });
        // Two searches, as when a connection has just been made anew, and attempts four times a second.
        let mut searches: Vec<Search> = (0..MAX_RESOLVING + 2).map(|_| dialer.search()).collect();
        for _ in 0..20 {
            for search in &mut searches {
                search.attempt(Instant::now());
            }
        }
        for _ in 0..MAX_RESOLVING {
            questions.recv_timeout(PATIENCE).unwrap();
        }
        let under_way = || Arc::strong_count(&dialer.questions) - 1;
        assert_eq!(under_way(), MAX_RESOLVING);
        assert!(questions.try_recv().is_err());
        drop(answer);
        while under_way() > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn attempts_without_an_answer_are_bounded() {
        let (_listener, address) = listening();
        let dialer = resolving(move || Ok(vec![address]));
        let mut search = dialer.search();
        search.race.enter(&[address], &Memory::default());
        for _ in 0..100 {
            // None of the reports is read.
            search.attempt(Instant::now());
        }
        assert_eq!(search.connecting, MAX_CONNECTING);
    }
}
