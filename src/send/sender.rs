//! The sender for other programs: pictures that they have made, sent live.
//!
//! What pi-send does, on a thread of its own ("sender"), with the program in the place of the source. Sending never
//! blocks: the newest picture wins, and a receiver that is not there, or gone for a while, is dialled again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use image::RgbImage;

use super::Config;
use crate::handoff::{Reason, Stop, ends_within, spawn};
use crate::net::{Allowed, Bind, StartError, Target, listen};
use crate::picture::{Content, OwnedPicture, Picture, PixelFormat, Pixels, Pool, Turn};
use crate::protocol::{Key, Role};
use crate::source::{Delivery, Feed, UNDER_WAY};

/// How long a dropped sender tries to get its last picture to a receiver that is not there, and how long it then has
/// to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends a program's pictures to a view-recv, or to the recipe's server.
///
/// Dropped, it sends what is left and the end marker, for which it takes two seconds at most. An example stands at
/// [`Receiver`](crate::recv::receiver::Receiver).
pub struct Sender {
    feed: Arc<Feed>,
    pixels: Pool<Vec<u8>>,
    address: Option<SocketAddr>,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

impl Sender {
    /// A sender to `HOST[:PORT]`, which need not be there yet, with pi-send's defaults.
    pub fn dial(host: &str) -> Result<Sender, StartError> {
        Sender::dial_with(host, None)
    }

    /// The same with a key: to nobody who has not the same one, and nobody else can watch. An example stands at
    /// [`Receiver::bind_with`](crate::recv::receiver::Receiver::bind_with).
    pub fn dial_with(host: &str, key: impl Into<Option<Key>>) -> Result<Sender, StartError> {
        let target = Target::parse(host).map_err(|_| StartError::Host(host.to_owned()))?;
        let mut config = Config::with_key(key.into());
        config.hosts.push(target);
        Sender::start(config)
    }

    /// A sender that listens, for receivers that dial it ([`Receiver::connect`](crate::recv::receiver::Receiver::connect)),
    /// eight at a time, out of the networks that this machine is in; port 0 takes any that is free.
    ///
    /// ```
    /// use pi_stream::{Receiver, Sender};
    ///
    /// let mut sender = Sender::listen("127.0.0.1:0".parse()?)?;
    /// let address = sender.address().expect("it listens");
    /// let mut receiver = Receiver::connect(&address.to_string())?;
    /// sender.send(&image::RgbImage::new(64, 48));
    /// assert!(receiver.next().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listen(address: SocketAddr) -> Result<Sender, StartError> {
        Sender::listen_with(address, None)
    }

    /// The same with a key: for nobody who has not the same one, wherever it is.
    pub fn listen_with(
        address: SocketAddr,
        key: impl Into<Option<Key>>,
    ) -> Result<Sender, StartError> {
        let mut config = Config::with_key(key.into());
        config.acceptors = listen::listen(Bind::One(address), Role::Sends)?;
        if config.key.is_none() {
            config.allowed = Allowed::Attached;
        }
        Sender::start(config)
    }

    fn start(config: Config) -> Result<Sender, StartError> {
        let feed = Arc::new(Feed::new(Delivery::NewestWins));
        let stop = Arc::<Stop>::default();
        let address = config.acceptors.first().map(|acceptor| acceptor.address);
        let thread = spawn("sender", {
            let (feed, stop) = (Arc::clone(&feed), Arc::clone(&stop));
            move || {
                // With retries it ends when the feed is closed, or over pictures that cannot be encoded.
                let _ = super::run(config, &feed, Arc::default(), &stop, &|_, _| ());
            }
        });
        Ok(Sender {
            feed,
            pixels: Pool::new(UNDER_WAY),
            address,
            stop,
            thread: thread.map_err(|error| StartError::Thread(Role::Sends, error))?,
        })
    }

    /// Where it listens, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Sends a picture as soon as the link can take one, unless a newer one comes before that. Pictures
    /// without a pixel are left out.
    pub fn send(&mut self, picture: &RgbImage) {
        let blank = Picture::blank(PixelFormat::Rgb, picture.width(), picture.height());
        if blank.bytes() > 0 {
            let mut bytes = self.pixels.get();
            bytes.clone_from(picture.as_raw());
            self.send_pixels(Box::new(OwnedPicture { blank, bytes }));
        }
    }

    /// The same for pixels in any format of [`crate::picture`].
    pub fn send_pixels(&mut self, pixels: Box<dyn Pixels>) {
        self.feed.put_new(Turn::NONE, Content::Pixels(pixels));
    }

    /// The same for a JPEG that the program has made, SOI to EOI; it is passed through.
    pub fn send_jpeg(&mut self, jpeg: Vec<u8>) {
        self.feed.put_new(Turn::NONE, Content::Jpeg(jpeg.into()));
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.feed.slot.close();
        ends_within(&self.thread, PATIENCE);
        self.stop.ask(Reason::Done);
        ends_within(&self.thread, PATIENCE);
    }
}
