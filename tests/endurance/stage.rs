//! The two programs on a stage: pi-send with its test picture, view-recv without a window, whose frames
//! are taken from its standard output as they come, decoded, and noted with their time.

// tests/endurance.rs and tests/soak.rs each use a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use pi_stream::jpeg::{self, Decoder};
use pi_stream::picture::Bitmap;
use pi_stream::protocol::Stamp;
use pi_stream::source::stream::Reader;
use serde_json::Value;

use crate::common::{PATIENCE, Running};

/// A frame as it came out of view-recv.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// When it was captured, by its stamp; microseconds since the Unix epoch.
    pub captured_unix_us: u64,
    /// Whether it decoded.
    pub whole: bool,
}

/// A view-recv whose frames are watched.
pub struct Viewer {
    pub running: Running,
    frames: Receiver<Seen>,
    /// Frames seen so far that did not decode.
    pub torn: usize,
}

impl Viewer {
    /// Starts it; `command` is view-recv with where to listen.
    pub fn start(mut command: Command) -> Viewer {
        command.args(["--headless", "--output", "-", "--stats", "json"]);
        let mut running = Running::start_with(&mut command, Stdio::piped());
        let stdout = running.take_stdout().expect("it is piped");
        let (tell, frames) = channel();
        thread::spawn(move || watch(stdout, |seen| tell.send(seen).is_ok()));
        Viewer {
            running,
            frames,
            torn: 0,
        }
    }

    /// Waits for a frame that was captured after that, and says when it came.
    pub fn live(&mut self, since: SystemTime) -> Instant {
        let since = since
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("it is past 1970")
            .as_micros() as u64;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(seen) = self.frames.recv_timeout(left) else {
                panic!("no live picture: {:#?}", self.running.stderr());
            };
            self.torn += usize::from(!seen.whole);
            if seen.captured_unix_us > since {
                return seen.at;
            }
        }
    }

    /// How many frames have come since the last look.
    pub fn count(&mut self) -> usize {
        let seen: Vec<Seen> = self.frames.try_iter().collect();
        self.torn += seen.iter().filter(|seen| !seen.whole).count();
        seen.len()
    }

    /// Its newest figures; `None` before the first second.
    pub fn figures(&mut self) -> Option<Value> {
        let lines = self.running.stderr().iter().rev();
        let line = lines.into_iter().find(|line| line.starts_with('{'))?;
        serde_json::from_str(line).ok()
    }

    /// What it has told its user so far: all lines but figures.
    pub fn told(&mut self) -> Vec<String> {
        let lines = self.running.stderr().iter();
        lines.filter(|l| !l.starts_with('{')).cloned().collect()
    }
}

/// Cuts view-recv's output into frames.
fn watch(output: impl Read, mut tell: impl FnMut(Seen) -> bool) {
    let mut decoder = Decoder::new(std::num::NonZeroUsize::MIN, jpeg::MAX_PIXELS);
    let (mut frame, mut bitmap) = (Vec::new(), Bitmap::default());
    let Ok(mut reader) = Reader::new(output) else {
        return;
    };
    while reader.read(&mut frame).is_ok_and(|whole| whole) {
        let seen = Seen {
            at: Instant::now(),
            captured_unix_us: Stamp::find(&frame).map_or(0, |stamp| stamp.captured_unix_us),
            whole: decoder.decode(&frame, &mut bitmap).is_ok(),
        };
        if !tell(seen) {
            return;
        }
    }
}

/// A pi-send whose figures are kept.
pub struct Sender {
    pub running: Running,
    figures: Arc<Mutex<Option<Value>>>,
}

impl Sender {
    /// Starts it; `command` is pi-send with what to send and where to.
    pub fn start(mut command: Command) -> Sender {
        command.args(["--stats", "json"]);
        let mut running = Running::start_with(&mut command, Stdio::piped());
        let stdout = BufReader::new(running.take_stdout().expect("it is piped"));
        let figures = Arc::new(Mutex::new(None));
        let newest = Arc::clone(&figures);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                *newest.lock().expect("nobody panics") = serde_json::from_str(&line).ok();
            }
        });
        Sender { running, figures }
    }

    /// Its newest figures; `None` before the first second.
    pub fn figures(&self) -> Option<Value> {
        self.figures.lock().expect("nobody panics").clone()
    }
}

/// Lets time pass: a random moment is part of what is tried, nothing waits for it.
pub fn pass(time: Duration) {
    thread::sleep(time);
}
