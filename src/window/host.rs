//! What the window asks of the program around it, and what it tells it.
//!
//! The window knows pixels and keys; sessions, files and sockets belong to a [`Host`]. A
//! [`Status`] is plain data, made anew each time it is asked for: the window asks a few times a
//! second, for its title, its overlay and the screens without a live picture, and never once a
//! frame while frames come. All calls come from the thread that runs the window, and what they
//! take is missing from the next frame: they must not wait for a disk or a socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::reach::Hint;
use crate::picture::Turn;
use crate::recv::received::Received;
use crate::sinks::Recording;

/// Whether frames come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// No sender has come yet.
    #[default]
    Waiting,
    /// Frames come.
    Receiving,
    /// Frames came, and come no more.
    Stalled {
        /// When the last frame came.
        since: Instant,
        /// Why, in a few words: "garden ended the stream".
        why: String,
    },
}

/// Something that happened, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The line.
    pub text: String,
    /// Whether it is bad.
    pub bad: bool,
}

/// What the window's words are made of. What is not known is `None`, and shown as such.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Whether frames come.
    pub state: State,
    /// The sender's address, while there is one, or the last one's.
    pub peer: Option<String>,
    /// The sender's name, cleaned of what a terminal or a title could trip over.
    pub name: Option<String>,
    /// The frames' width in pixels, as sent; 0 before the first.
    pub width: u32,
    /// The frames' height in pixels, as sent; 0 before the first.
    pub height: u32,
    /// Frames received a second, over the last second or so.
    pub fps: f64,
    /// Millions of bits received a second, over the last second or so.
    pub mbit_s: f64,
    /// The JPEG quality, as the sender says in its stamps.
    pub quality: Option<u8>,
    /// From capture to the pixels shown, as the sender measured it last.
    pub latency: Option<Duration>,
    /// Frames shown so far.
    pub shown: u64,
    /// Frames received and not shown, because a newer one was there.
    pub dropped: u64,
    /// The recording that runs.
    pub recording: Option<Recording>,
    /// What to type on the Pi, word for word, the likeliest line first.
    pub typed: Vec<String>,
    /// Whether only this machine can reach the program, so that it is to be typed here.
    pub is_local: bool,
    /// Something to try while no sender comes.
    pub hint: Option<Hint>,
    /// Something that the user should know now ("saved /home/pi/Pictures/garden.jpg"); shown as long
    /// as it is there.
    pub news: Option<News>,
}

/// The program around the window.
pub trait Host {
    /// How things stand.
    fn status(&self) -> Status;

    /// Whether the frame is worth showing: not where the program was held up since it came.
    fn is_current(&self, frame: &Arc<Received>) -> bool;

    /// The frame's pixels are on the screen since `at`. Called once a frame.
    fn shown(&self, frame: &Arc<Received>, at: Instant);

    /// The window took the frame and will not show it: its picture is frozen. It is to be
    /// acknowledged, so that the sender goes on. Called once a frame, and never for one that was shown.
    fn passed_over(&self, frame: &Arc<Received>);

    /// Saves the frame that the window shows, as it was sent, with a note of how it is turned. The
    /// file's path, or what failed, is among the news.
    fn snapshot(&self, frame: &Arc<Received>, turn: Turn);

    /// Starts a recording, or ends the one that runs. Where it goes, or what failed, is among the
    /// news.
    fn toggle_recording(&self);
}
