//! A receiver that notes what comes: the plain recipe's, in Rust.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use pi_stream::protocol::{Ack, FrameReader, ReadError, Stamp, stamp};

use super::PATIENCE;

/// A frame as it came.
pub struct Frame {
    /// The whole JPEG, stamp and all.
    pub jpeg: Vec<u8>,
    /// What its stamp says.
    pub stamp: Option<Stamp>,
}

impl Frame {
    /// The JPEG without its stamp: as it was before pi-send had it.
    pub fn plain(&self) -> Vec<u8> {
        let [head, middle, tail] = stamp::places(&self.jpeg);
        [&self.jpeg[head], &self.jpeg[middle], &self.jpeg[tail]].concat()
    }

    /// The pixels, as `image` decodes them.
    pub fn decode(&self) -> image::RgbImage {
        image::load_from_memory(&self.jpeg)
            .expect("what pi-send sends can be decoded")
            .to_rgb8()
    }
}

/// Listens on the loopback.
pub struct Listening(TcpListener);

impl Listening {
    /// On a port of the kernel's choice.
    pub fn start() -> Listening {
        Listening::on(([127, 0, 0, 1], 0).into())
    }

    /// On that address of the loopback.
    pub fn on(address: SocketAddr) -> Listening {
        Listening(TcpListener::bind(address).expect("the loopback has free ports"))
    }

    /// Whether somebody waits to be accepted.
    pub fn has_somebody(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket can be told");
        self.0.accept().is_ok()
    }

    /// What to give to `--host`.
    pub fn address(&self) -> String {
        let address: SocketAddr = self.0.local_addr().expect("it is bound");
        address.to_string()
    }

    /// Waits for a sender.
    pub fn accept(&self) -> Session {
        self.0.set_nonblocking(true).expect("a socket can be told");
        let (stream, _) = super::until("a sender's connection", || self.0.accept().ok());
        stream.set_nonblocking(false).expect("a socket can be told");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("the time-out is not zero");
        stream.set_nodelay(true).expect("a socket can be told");
        Session {
            reader: FrameReader::new(64 << 20),
            stream,
        }
    }
}

/// One sender's connection.
pub struct Session {
    reader: FrameReader,
    stream: TcpStream,
}

impl Session {
    /// The next frame; `None` at the end marker.
    pub fn frame(&mut self) -> Option<Frame> {
        self.try_frame().unwrap_or_else(|e| panic!("{e}"))
    }

    /// The same for a sender that may not end its stream.
    pub fn try_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        let mut jpeg = Vec::new();
        let is_frame = self.reader.read(&self.stream, &mut jpeg)?;
        Ok(is_frame.then(|| Frame {
            stamp: Stamp::find(&jpeg),
            jpeg,
        }))
    }

    /// All frames to the end marker.
    pub fn frames(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.frame()).collect()
    }

    /// Acknowledges a frame.
    pub fn acknowledge(&mut self, seq: u64, held: Duration) {
        let ack = Ack {
            seq: seq as u32,
            held_us: held.as_micros() as u32,
        };
        self.stream
            .write_all(&ack.emit())
            .expect("a sender that asks for acks reads them");
    }
}
