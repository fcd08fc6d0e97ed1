//! Dialling: from a host's name to a connection, so that a wish to stop is heard at any time.
//!
//! Resolving and connecting block, for minutes if the network wants; so each attempt runs on threads
//! of its own and reports through a channel. Attempts overlap: a new one starts while older ones are
//! still without an answer, since TCP repeats its first packet ever more rarely, and a path that has
//! just come back shall not wait for that.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The port where nobody says otherwise.
pub const DEFAULT_PORT: u16 = 8000;

/// How long one attempt waits for an answer: longer than any round trip on Earth or by satellite.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How long a name server may take, all its repetitions included.
const RESOLVER: Duration = Duration::from_secs(30);

/// How many addresses of one name are tried at most: enough for hosts with many interfaces, and a
/// bound for a name server that lists hundreds.
const MAX_ADDRESSES: usize = 8;

/// Where to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name, an IPv4 or an IPv6 address (without brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a connection did not come about. A retry makes sense for each of them: hosts boot, names
/// appear, networks come back.
#[derive(Debug)]
pub enum DialError {
    /// The name has no address (yet).
    Unresolved(io::Error),
    /// The host answered that nobody listens there.
    Refused(SocketAddr),
    /// Nobody answered.
    NoAnswer(SocketAddr),
    /// Anything else.
    Failed(SocketAddr, io::Error),
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
    pub fn told_of(&self, target: &Target) -> String {
        let (error, target) = (self.to_string(), target.to_string());
        if error.contains(&target) {
            error
        } else {
            format!("{target}: {error}")
        }
    }

    /// Whether the other describes the same state of affairs, so that it need not be told again.
    pub fn is_like(&self, other: &DialError) -> bool {
        self.weight() == other.weight()
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialError::Unresolved(source) => write!(
                f,
                "the name does not resolve ({source}): check its spelling, or give the IP address that view-recv prints"
            ),
            DialError::Refused(address) => write!(
                f,
                "{address} refused the connection: is view-recv running there, and on this port?"
            ),
            DialError::NoAnswer(address) => write!(
                f,
                "no answer from {address}: is it the right address, on the same network, and does its firewall let TCP port {} in?",
                address.port()
            ),
            DialError::Failed(address, source) => write!(f, "cannot reach {address}: {source}"),
        }
    }
}

impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DialError::Unresolved(source) | DialError::Failed(_, source) => Some(source),
            _ => None,
        }
    }
}

/// Where an attempt's outcome goes.
type Report = Sender<Result<TcpStream, DialError>>;

/// A dialler: start attempts, wait for the first that stands. Dropped, it forgets the others; what
/// they still reach is closed at once.
#[derive(Debug)]
pub struct Dialer {
    target: Target,
    known: Option<SocketAddr>,
    report: Report,
    reports: Receiver<Result<TcpStream, DialError>>,
}

impl Dialer {
    /// A dialler without an attempt under way. `known` is where the host was found before, if it was:
    /// tried beside what its name says now, since a name server behind a path that was dark may take
    /// seconds longer to answer than the host itself.
    pub fn new(target: Target, known: Option<SocketAddr>) -> Self {
        let (report, reports) = mpsc::channel();
        Dialer {
            target,
            known,
            report,
            reports,
        }
    }

    /// Starts an attempt: resolves the name, tries every address at the same time. Each attempt comes
    /// to one report.
    pub fn attempt(&self) {
        let (target, known, report) = (self.target.clone(), self.known, self.report.clone());
        let dial = move || drop(report.send(dial_all(&target, known)));
        if let Err(error) = spawn(dial) {
            // A thread that cannot be had is a failed attempt; the next may have more luck.
            let error = DialError::Unresolved(error);
            let _ = self.report.send(Err(error));
        }
    }

    /// Waits until then for an attempt to end; `None` if none did.
    pub fn wait(&self, until: Instant) -> Option<Result<TcpStream, DialError>> {
        let left = until.saturating_duration_since(Instant::now());
        self.reports.recv_timeout(left).ok()
    }
}

fn spawn(dial: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("dial".into());
    thread.spawn(dial).map(drop)
}

/// Every address at the same time; the first that stands wins, else the error that tells most.
fn dial_all(target: &Target, known: Option<SocketAddr>) -> Result<TcpStream, DialError> {
    if let Ok(ip) = target.host.parse::<IpAddr>() {
        return dial_one((ip, target.port).into());
    }
    let (report, reports) = mpsc::channel();
    if let Some(known) = known {
        start(known, &report);
    }
    let target = target.clone();
    spawn(move || resolve_and_dial(&target, known, &report)).map_err(DialError::Unresolved)?;
    let mut worst = DialError::Unresolved(io::Error::other("it has no address"));
    // A name server that does not answer must not hold up the next attempt at a known address; where
    // there is none, everything depends on it.
    let patience = known.map_or(RESOLVER, |_| ATTEMPT);
    let until = Instant::now() + patience;
    while let Ok(outcome) = reports.recv_timeout(until.saturating_duration_since(Instant::now())) {
        match outcome {
            Ok(stream) => return Ok(stream),
            Err(error) if error.weight() >= worst.weight() => worst = error,
            Err(_) => {}
        }
    }
    Err(worst)
}

/// Resolves the name, which blocks for as long as the system's resolver wants, and dials.
fn resolve_and_dial(target: &Target, known: Option<SocketAddr>, report: &Report) {
    match (target.host.as_str(), target.port).to_socket_addrs() {
        Ok(addresses) => addresses
            .filter(|address| Some(*address) != known)
            .take(MAX_ADDRESSES)
            .for_each(|address| start(address, report)),
        // Nobody listens any more where another address was reached meanwhile.
        Err(error) => drop(report.send(Err(DialError::Unresolved(error)))),
    }
}

/// Dials one address on a thread of its own; one that cannot be had counts as no answer.
fn start(address: SocketAddr, report: &Report) {
    let report = report.clone();
    let _ = spawn(move || drop(report.send(dial_one(address))));
}

fn dial_one(address: SocketAddr) -> Result<TcpStream, DialError> {
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
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn first(target: Target) -> Result<TcpStream, DialError> {
        let dialer = Dialer::new(target, None);
        dialer.attempt();
        dialer
            .wait(Instant::now() + Duration::from_secs(20))
            .expect("an attempt ends")
    }

    #[test]
    fn a_listening_host_is_reached_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = "localhost".to_owned();
        assert!(first(Target { host, port }).is_ok());
    }

    #[test]
    fn a_host_that_was_found_before_is_reached_while_its_name_does_not_resolve() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let host = "no-such-host.invalid".to_owned();
        let target = Target {
            host,
            port: address.port(),
        };
        let stream = dial_all(&target, Some(address)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    }

    #[test]
    fn a_closed_port_is_refused_and_a_wrong_name_does_not_resolve() {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let host = "127.0.0.1".to_owned();
        let refused = first(Target { host, port }).unwrap_err();
        assert!(matches!(refused, DialError::Refused(_)), "{refused}");
        let host = "no-such-host.invalid".to_owned();
        let unresolved = first(Target { host, port }).unwrap_err();
        assert!(
            matches!(unresolved, DialError::Unresolved(_)),
            "{unresolved}"
        );
        assert!(!refused.is_like(&unresolved));
    }
}
