//! Sources: where pictures come from, and the slot that they put them into.
//!
//! Each source runs on a thread of its own, blocks on its camera, its clock or its file, and gives
//! its pictures to a [`Feed`]. It never waits for the network, except where every frame counts
//! ([`Delivery::EveryFrame`]). It ends when the feed says so, and closes the feed when it has no more.

pub mod error;
pub mod mjpeg;
pub mod pace;
pub mod picture;
pub mod stream;
pub mod test;
pub mod y4m;

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use self::error::SourceError;
use super::camera;
use super::camera_options::{CameraConfig, ListFormat};
use crate::frame::{Captured, Turn};
use crate::report::Severity;
use crate::slot::Slot;
use crate::stop::{Reason, Stop};

/// How often a source that waits for the link looks whether it shall end.
const LOOK: Duration = Duration::from_millis(50);

/// Where pictures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The camera.
    Camera(Box<CameraConfig>),
    /// The test picture.
    Test(Shape),
    /// A file or standard input.
    Stream(stream::Input, stream::Options),
}

/// What a source that makes pictures to measure is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// In pixels, before turning.
    pub width: u32,
    /// In pixels, before turning.
    pub height: u32,
    /// Pictures a second.
    pub fps: f64,
    /// How the picture shall be turned.
    pub turn: Turn,
}

/// What tells the user a line, from any thread of the source's.
pub type Tell<'a> = &'a (dyn Fn(Severity, String) + Sync);

/// Runs a source on this thread until it ends or the feed says stop; it tells what a user wants to know
/// line by line.
pub fn run(source: &Source, feed: &Feed, tell: Tell) -> Result<(), Failure> {
    match source {
        Source::Camera(config) => {
            let told = |notice: camera::Notice| tell(notice.severity(), notice.to_string());
            camera::run(config, feed, &told).map_err(Failure::Camera)
        }
        Source::Test(shape) => {
            let Shape {
                width,
                height,
                fps,
                turn,
            } = *shape;
            test::run(width, height, fps, turn, feed).map_err(Failure::Test)
        }
        Source::Stream(input, options) => {
            let skipped = stream::run(input, *options, feed).map_err(|error| Failure::Stream {
                input: input.clone(),
                error,
            })?;
            if skipped.bytes > 0 {
                let line = format!(
                    "{} bytes of the input were skipped, {} torn frames among them",
                    skipped.bytes, skipped.torn
                );
                tell(Severity::Warning, line);
            }
            Ok(())
        }
    }
}

/// The cameras of this machine, as text.
pub fn list_cameras(format: ListFormat) -> Result<String, Failure> {
    camera::list(format).map_err(Failure::Camera)
}

/// Why there are no (more) pictures.
#[derive(Debug)]
pub enum Failure {
    /// The test picture.
    Test(SourceError),
    /// A file or standard input.
    Stream {
        /// Which.
        input: stream::Input,
        /// What is wrong with it.
        error: SourceError,
    },
    /// The camera, or that this program was built without it.
    Camera(camera::CameraError),
}

impl Failure {
    /// Whether it is the command line that was wrong.
    pub fn is_usage(&self) -> bool {
        match self {
            Failure::Test(error) => matches!(error, SourceError::Size { .. }),
            Failure::Camera(error) => error.is_usage(),
            Failure::Stream { .. } => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Test(error) => error.fmt(f),
            Failure::Stream { input, error } => write!(f, "--source {input}: {error}"),
            Failure::Camera(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The error itself is told already; what is behind it is not.
            Failure::Test(error) | Failure::Stream { error, .. } => error.source(),
            Failure::Camera(error) => error.source(),
        }
    }
}

/// What happens to a picture for which the link has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The next picture takes its place.
    NewestWins,
    /// The source waits.
    EveryFrame,
}

/// What a camera says of the last picture that it took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shot {
    /// Exposure time in microseconds.
    pub exposure_us: Option<u32>,
    /// Analogue gain, as a factor.
    pub gain: Option<f32>,
    /// Lens position in dioptres.
    pub lens_position: Option<f32>,
    /// Frames that the camera took and had no buffer for, since it started, by its own count.
    pub missed: u64,
}

/// The way from a source to the sending thread. Shared between the two by `Arc`.
#[derive(Debug)]
pub struct Feed {
    slot: Slot<Captured>,
    delivery: Delivery,
    captured: AtomicU64,
    shot: Mutex<Option<Shot>>,
    lost: Mutex<Option<String>>,
    link: Stop,
    waiting_for_link: AtomicBool,
    stop: Stop,
}

impl Feed {
    /// An open feed.
    pub fn new(delivery: Delivery) -> Self {
        Feed {
            slot: Slot::new(),
            delivery,
            captured: AtomicU64::new(0),
            shot: Mutex::default(),
            lost: Mutex::default(),
            link: Stop::new(),
            waiting_for_link: AtomicBool::new(false),
            stop: Stop::new(),
        }
    }

    /// Gives a picture on; `false` once the source shall end.
    pub fn put(&self, captured: Captured) -> bool {
        self.captured.fetch_add(1, Ordering::Relaxed);
        match self.delivery {
            // What was displaced is dropped here, on the source's thread and outside the lock.
            Delivery::NewestWins => drop(self.slot.put(captured)),
            Delivery::EveryFrame => drop(self.slot.put_when_empty(captured)),
        }
        !self.stop.is_asked()
    }

    /// What happens to a picture for which the link has no room.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Says that a first connection stands.
    pub fn link_stands(&self) {
        self.link.ask(Reason::Done);
    }

    /// Waits for the first connection: a recording shall not play to nobody. `false` where the source
    /// shall end.
    pub fn wait_for_link(&self) -> bool {
        self.waiting_for_link.store(true, Ordering::Relaxed);
        while !self.link.sleep(LOOK) {
            if self.stop.is_asked() {
                return false;
            }
        }
        true
    }

    /// Whether the source gives its first picture only to a connection. (Once one has stood, it gives
    /// them anyway.)
    pub fn is_waiting_for_link(&self) -> bool {
        self.waiting_for_link.load(Ordering::Relaxed) && !self.link.is_asked()
    }

    /// The source's own flag to end, to look at and to sleep by.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Ends it from the sending side: nothing more is wanted.
    pub fn end(&self) {
        self.stop.ask(Reason::Done);
        self.slot.close();
        drop(self.slot.take());
    }

    /// Says what the camera reports of its last picture.
    pub fn report_shot(&self, shot: Shot) {
        *self.shot.lock().expect(POISON) = Some(shot);
    }

    /// What the camera reported last; `None` without a camera.
    pub fn shot(&self) -> Option<Shot> {
        *self.shot.lock().expect(POISON)
    }

    /// Says that the camera is lost and why, or (`None`) that it is back.
    pub fn report_lost(&self, why: Option<String>) {
        *self.lost.lock().expect(POISON) = why;
    }

    /// Why the camera is lost, while it is.
    pub fn lost(&self) -> Option<String> {
        self.lost.lock().expect(POISON).clone()
    }

    /// Closes the slot when what it gives is dropped, even where the source panics: the sending
    /// thread must not wait for a source that is no more.
    pub(super) fn close_at_end(&self) -> CloseAtEnd<'_> {
        CloseAtEnd(self)
    }

    /// How many pictures the source has made so far.
    pub fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }

    /// Where the sending thread takes from. The source closes it when it has no more.
    pub fn slot(&self) -> &Slot<Captured> {
        &self.slot
    }
}

pub(super) struct CloseAtEnd<'a>(&'a Feed);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.slot.close();
    }
}

const POISON: &str = "nothing panics while it holds a report";
