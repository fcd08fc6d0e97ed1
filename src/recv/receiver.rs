//! The receiver for other programs: frames as an iterator.
//!
//! The same listener, admission, seat and readers as view-recv's, with the program in the place of decoder and
//! window. The newest frame wins: a program that takes its time gets fewer frames, and never old ones. A
//! frame is acknowledged when it is dropped, so what the sender measures includes the program's own work.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use super::event::Event;
use super::hub::Hub;
use super::listener;
use super::received::Received;
use super::seat::{IdleTimeout, Seat};
use crate::handoff::stop::{Reason, Stop};
use crate::jpeg::{self, DecodeError};
use crate::net::listen::{self, Acceptor, Allowed, Bind, ListenError};
use crate::protocol::wire::DEFAULT_MAX_FRAME_BYTES;
use crate::sinks::Sinks;

/// Why nothing can be received.
#[derive(Debug)]
pub enum ReceiveError {
    /// The address cannot be listened on.
    Listen(ListenError),
    /// No thread could be had.
    Thread(io::Error),
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiveError::Listen(error) => error.fmt(f),
            ReceiveError::Thread(error) => write!(f, "no thread to receive with: {error}"),
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReceiveError::Listen(error) => error.source(),
            ReceiveError::Thread(error) => Some(error),
        }
    }
}

/// Listens, and gives the frames of whoever sends, one sender at a time, for ever.
///
/// ```
/// use pi_stream::{Receiver, Sender};
///
/// let receiver = Receiver::bind("127.0.0.1:0".parse()?)?;
/// let mut sender = Sender::dial(&receiver.address().to_string())?;
/// # let sending = std::thread::spawn(move || {
/// for shade in 0..10 {
///     sender.send(&image::RgbImage::from_pixel(64, 48, image::Rgb([shade, 128, 0])));
///     # std::thread::sleep(std::time::Duration::from_millis(20));
/// }
/// # });
/// for frame in receiver.take(3) {
///     let picture = frame.decode()?;
///     println!("{}x{} of {:?}", picture.width(), picture.height(), frame.stamp);
/// }
/// # sending.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Receiver {
    hub: Arc<Hub>,
    acceptors: Vec<Arc<Acceptor>>,
}

impl Receiver {
    /// Listens on one address; port 0 takes any that is free.
    pub fn bind(address: SocketAddr) -> Result<Receiver, ReceiveError> {
        Receiver::listen(Bind::One(address), |_| ())
    }

    /// Listens where asked, and tells what happens: senders that come and go.
    pub fn listen(
        bind: Bind,
        tell: impl Fn(Event) + Send + Sync + 'static,
    ) -> Result<Receiver, ReceiveError> {
        let acceptors = listen::listen(bind).map_err(ReceiveError::Listen)?;
        let hub = Arc::new(Hub::new(
            Seat::new(IdleTimeout::ByPace),
            Sinks::none(),
            Arc::new(Stop::new()),
            Box::new(tell),
        ));
        let receiver = Receiver { hub, acceptors };
        let (hub, allowed) = (&receiver.hub, Allowed::default());
        listener::start(&receiver.acceptors, hub, &allowed, DEFAULT_MAX_FRAME_BYTES)
            .map_err(ReceiveError::Thread)?;
        Ok(receiver)
    }

    /// Where it listens (of several addresses, the first).
    pub fn address(&self) -> SocketAddr {
        self.acceptors[0].address()
    }

    /// The newest frame, waited for until `patience` is over: any, and [`Duration::MAX`] waits for ever.
    pub fn next_within(&mut self, patience: Duration) -> Option<Frame> {
        self.next_until(Instant::now().checked_add(patience))
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Option<Frame> {
        let received = self.hub.received.next(deadline)?;
        Some(Frame {
            received,
            hub: Arc::clone(&self.hub),
        })
    }
}

impl Iterator for Receiver {
    type Item = Frame;

    /// Waits for the next frame, for ever.
    fn next(&mut self) -> Option<Frame> {
        self.next_until(None)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.hub.stop.ask(Reason::Done);
        self.hub.received.close();
        // Each listening thread ends then, and frees the port.
        for acceptor in &self.acceptors {
            acceptor.wake();
        }
    }
}

/// A frame as it came, with its stamp; see [`Received`] for the fields. Acknowledged when dropped.
pub struct Frame {
    received: Arc<Received>,
    hub: Arc<Hub>,
}

impl Frame {
    /// The frame's picture. Strangers' JPEGs are held to the limits of [`jpeg::inspect`], and to
    /// [`jpeg::MAX_SCANS`]; what makes the decoder panic is an error.
    pub fn decode(&self) -> Result<RgbImage, DecodeError> {
        jpeg::decode_rgb(&self.jpeg)
    }
}

impl Deref for Frame {
    type Target = Received;
    fn deref(&self) -> &Received {
        &self.received
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.hub.shown(&self.received, Instant::now());
    }
}
