//! The receiver for other programs: frames as an iterator.
//!
//! The same listener, diallers, admission and readers as view-recv's, with the program in the place of decoder and
//! window. The newest frame wins: a program that takes its time gets fewer frames, and never old ones, since a
//! frame is acknowledged when the program gets it, and newer ones come while it works.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cameras, Config, Frame, admission, dialling};
use crate::handoff::Reason;
use crate::net::{Acceptor, Bind, StartError, Target, listen};
use crate::protocol::{Key, Role};

/// What is asked of a [`Receiver`].
#[derive(Debug, Clone, Default)]
pub struct ReceiverOptions {
    /// How many cameras are received at once; at least 1.
    pub max_cameras: usize,
    /// What senders have to have, too: without it none is received, with it nobody else can watch.
    pub key: Option<Key>,
}

/// Listens, and returns the frames of whoever sends: of one camera, or of several ([`Receiver::bind_with`]).
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
    cameras: Arc<Cameras>,
    acceptors: Vec<Arc<Acceptor>>,
}

impl Receiver {
    /// Listens on one address, for one camera; port 0 takes any that is free.
    pub fn bind(address: SocketAddr) -> Result<Receiver, StartError> {
        Receiver::bind_with(address, ReceiverOptions::default())
    }

    /// The same with a key, or for several cameras at once; further senders wait. Each camera's newest frame wins over
    /// its older ones, and the cameras take turns. [`Frame::camera`] says which one a frame is from.
    ///
    /// ```
    /// use pi_stream::{Key, Receiver, ReceiverOptions, Sender};
    ///
    /// let key = Key::random()?; // Or Key::read("garden.key")?, as both sides have it.
    /// let options = ReceiverOptions {
    ///     key: Some(key.clone()),
    ///     ..ReceiverOptions::default()
    /// };
    /// let mut receiver = Receiver::bind_with("127.0.0.1:0".parse()?, options)?;
    /// let mut sender = Sender::dial_with(&receiver.address().to_string(), key)?;
    /// sender.send(&image::RgbImage::new(64, 48));
    /// assert!(receiver.next().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind_with(
        address: SocketAddr,
        options: ReceiverOptions,
    ) -> Result<Receiver, StartError> {
        let acceptors = listen::listen(Bind::One(address), Role::Receives)?;
        Receiver::start(acceptors, Vec::new(), options)
    }

    /// Dials `HOST[:PORT]`, a sender that listens (`pi-send --listen`, [`Sender::listen`](crate::Sender::listen)), which
    /// need not be there yet, and again whenever it is lost.
    pub fn connect(host: &str) -> Result<Receiver, StartError> {
        Receiver::connect_with(&[host], ReceiverOptions::default())
    }

    /// The same with a key, or for several cameras at once.
    pub fn connect_with(hosts: &[&str], options: ReceiverOptions) -> Result<Receiver, StartError> {
        let parse = |host: &&str| Target::parse(host).map_err(|_| StartError::Host((*host).into()));
        let targets = hosts.iter().map(parse).collect::<Result<_, _>>()?;
        Receiver::start(Vec::new(), targets, options)
    }

    fn start(
        acceptors: Vec<Arc<Acceptor>>,
        targets: Vec<Target>,
        options: ReceiverOptions,
    ) -> Result<Receiver, StartError> {
        let config = Config::new(options.max_cameras.max(1), options.key);
        let cameras = Arc::new(Cameras::new(config, |_| (), Arc::default(), |_, _, _| ()));
        // What was started by then ends with it, should another thread fail to.
        let receiver = Receiver { cameras, acceptors };
        let listening = admission::start(&receiver.acceptors, &receiver.cameras);
        let dial = |target| dialling::start(target, &receiver.cameras).map(drop);
        let started = listening.and_then(|()| targets.into_iter().try_for_each(dial));
        started.map_err(|error| StartError::Thread(Role::Receives, error))?;
        Ok(receiver)
    }

    /// Where it listens (of several addresses, the first); 0.0.0.0:0 where it dials.
    pub fn address(&self) -> SocketAddr {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let first = self.acceptors.first();
        first.map_or(nowhere, |first| first.address)
    }

    /// The newest frame, waited for until `patience` is over: any, and [`Duration::MAX`] waits for ever.
    pub fn next_within(&mut self, patience: Duration) -> Option<Frame> {
        let deadline = Instant::now().checked_add(patience);
        let mut frame = self.cameras.frames.next(deadline)?;
        frame.shown();
        Some(frame)
    }
}

impl Iterator for Receiver {
    type Item = Frame;

    /// Waits for the next frame, for ever.
    fn next(&mut self) -> Option<Frame> {
        self.next_within(Duration::MAX)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.cameras.stop.ask(Reason::Done);
        self.cameras.frames.close();
        // Each listening thread ends then, and frees the port.
        for acceptor in &self.acceptors {
            acceptor.wake();
        }
    }
}
