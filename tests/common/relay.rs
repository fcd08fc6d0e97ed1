//! Somebody between the two programs: passes on what they send each other, keeps a copy, and may do harm.
//!
//! Of an encrypted connection it knows where the parts begin, as everybody on the path does: hello and answer, the two
//! messages of the handshake, then records with their length. Other bytes are passed on as they come.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Bytes that the slow relay takes in advance.
const SMALL_BUFFER: usize = 16 * 1024;

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the program that dials: hello, first message, an empty record, frames.
    ToListener,
    /// From the one that listens: answer, second message, acks.
    ToDialler,
}

/// A part of what is sent.
pub struct Part {
    /// Of which connection, from 0.
    pub connection: usize,
    pub way: Way,
    /// Which one that way, from 0.
    pub number: usize,
    /// All of it, a record's length included.
    pub bytes: Vec<u8>,
}

/// What was sent on a connection, each way.
#[derive(Debug, Default, Clone)]
pub struct Copy {
    pub to_listener: Vec<u8>,
    pub to_dialler: Vec<u8>,
}

/// What to pass on instead of a part; `None` cuts the connection.
type Meddle = dyn FnMut(Part) -> Option<Vec<u8>> + Send;

struct Shared {
    copies: Mutex<Vec<Copy>>,
    bytes_per_second: Option<usize>,
    meddle: Mutex<Box<Meddle>>,
}

impl Shared {
    fn copy(&self, connection: usize, way: Way, bytes: &[u8]) {
        let copy = &mut self.copies.lock().expect("nobody panics")[connection];
        match way {
            Way::ToListener => copy.to_listener.extend(bytes),
            Way::ToDialler => copy.to_dialler.extend(bytes),
        }
    }
}

/// Listens and passes on until the test ends.
pub struct Relay {
    /// What to dial instead.
    pub address: String,
    shared: Arc<Shared>,
}

impl Relay {
    /// Passes on everything as it is.
    pub fn faithful(to: SocketAddr) -> Relay {
        Relay::start(to, |part| Some(part.bytes))
    }

    /// Passes on so many bytes a second.
    pub fn slow(to: SocketAddr, bytes_per_second: usize) -> Relay {
        Relay::at_a_rate(to, Some(bytes_per_second), |part| Some(part.bytes))
    }

    /// Passes on what `meddle` makes of each part.
    pub fn start(
        to: SocketAddr,
        meddle: impl FnMut(Part) -> Option<Vec<u8>> + Send + 'static,
    ) -> Relay {
        Relay::at_a_rate(to, None, meddle)
    }

    fn at_a_rate(
        to: SocketAddr,
        bytes_per_second: Option<usize>,
        meddle: impl FnMut(Part) -> Option<Vec<u8>> + Send + 'static,
    ) -> Relay {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
        if bytes_per_second.is_some() {
            // Those that are accepted have it, too.
            let told = socket.set_recv_buffer_size(SMALL_BUFFER);
            told.expect("it can be told");
        }
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("the loopback has ports");
        socket.listen(64).expect("it is bound");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("it is bound").to_string();
        let shared = Arc::new(Shared {
            copies: Mutex::default(),
            bytes_per_second,
            meddle: Mutex::new(Box::new(meddle)),
        });
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for dialler in listener.incoming().map_while(Result::ok) {
                    // Where nobody listens, the dialler is let go.
                    if let Ok(listener) = TcpStream::connect(to) {
                        connect(dialler, listener, &shared);
                    }
                }
            }
        });
        Relay { address, shared }
    }

    /// What was sent on each connection so far, before any harm.
    pub fn copies(&self) -> Vec<Copy> {
        self.shared.copies.lock().expect("nobody panics").clone()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.copies.lock().expect("nobody panics").len()
    }
}

fn connect(dialler: TcpStream, listener: TcpStream, shared: &Arc<Shared>) {
    let connection = {
        let mut copies = shared.copies.lock().expect("nobody panics");
        copies.push(Copy::default());
        copies.len() - 1
    };
    for (way, from, to) in [
        (Way::ToListener, &dialler, &listener),
        (Way::ToDialler, &listener, &dialler),
    ] {
        let (from, to) = (from.try_clone(), to.try_clone());
        let (from, to) = (from.expect("it is open"), to.expect("it is open"));
        to.set_nodelay(true).expect("a socket can be told");
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let ended = pass_on(&from, &to, way, connection, &shared);
            // The end of one way is passed on, too; all else is the end of both.
            let how = if ended {
                Shutdown::Write
            } else {
                Shutdown::Both
            };
            let _ = to.shutdown(how);
            if !ended {
                let _ = from.shutdown(Shutdown::Both);
            }
        });
    }
}

/// Passes on to the end of the stream; false where it was cut or broke.
fn pass_on(
    from: &TcpStream,
    mut to: &TcpStream,
    way: Way,
    connection: usize,
    shared: &Shared,
) -> bool {
    let mut encrypted = true;
    for number in 0.. {
        let bytes = match part(from, way, number, &mut encrypted) {
            Ok(bytes) if bytes.is_empty() => return true,
            Ok(bytes) => bytes,
            Err(_) => return false,
        };
        shared.copy(connection, way, &bytes);
        if let Some(rate) = shared.bytes_per_second {
            thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / rate as f64));
        }
        let part = Part {
            connection,
            way,
            number,
            bytes,
        };
        let instead = (shared.meddle.lock().expect("nobody panics"))(part);
        match instead {
            Some(bytes) if to.write_all(&bytes).is_ok() => {}
            _ => return false,
        }
    }
    unreachable!("nobody sends so much");
}

/// The next part, shorter where the stream ends in it.
fn part(
    mut from: &TcpStream,
    way: Way,
    number: usize,
    encrypted: &mut bool,
) -> std::io::Result<Vec<u8>> {
    if !*encrypted {
        let mut bytes = vec![0; 4096];
        let count = from.read(&mut bytes)?;
        bytes.truncate(count);
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    let length = match (number, way) {
        (0, Way::ToListener) => 12,
        (0, Way::ToDialler) => 8,
        (1, _) => 48,
        _ => 2,
    };
    from.take(length).read_to_end(&mut bytes)?;
    if number == 0 {
        *encrypted = bytes.starts_with(b"pi-s");
    } else if let (2.., Ok(length)) = (number, bytes[..].try_into()) {
        let length = u16::from_le_bytes(length);
        from.take(length.into()).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
