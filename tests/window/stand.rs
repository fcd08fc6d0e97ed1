//! The window with nothing around it but a test: both sides of the pipe between them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use pi_stream::args::view::window_options::WindowArgs;
use pi_stream::handoff::slot::Slot;
use pi_stream::handoff::stop::{Reason, Stop};
use pi_stream::picture::{Bitmap, Turn};
use pi_stream::recv::received::{Decoded, Received};
use pi_stream::sinks::Recording;
use pi_stream::window;
use pi_stream::window::host::{Host, News, State, Status};

use crate::common::screen::Screen;

/// The window's options for the process on the other side.
const OPTIONS: &str = "PI_STREAM_STAND_OPTIONS";

/// The test's side.
pub struct Stand {
    process: Child,
    commands: ChildStdin,
    told: Receiver<String>,
}

impl Stand {
    pub fn start(screen: &Screen, options: &[&str]) -> Self {
        Self::start_on(screen.display(), options)
    }

    pub fn start_on(display: &str, options: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "the_stand", "--nocapture"])
            .env("DISPLAY", display)
            .env(OPTIONS, options.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The test framework says things, too.
                if let Some(line) = line.strip_prefix("stand: ") {
                    let _ = tell.send(line.to_owned());
                }
            }
        });
        Stand {
            commands: process.stdin.take().unwrap(),
            process,
            told,
        }
    }

    /// Has the stand do something.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
    }

    /// Gives the window a picture of four colours, and waits until the window says that it is shown.
    pub fn show(&mut self, seq: u32, w: usize, h: usize) {
        self.tell(&format!("quarters {seq} {w} {h}"));
        self.expect(&format!("shown {seq}"));
    }

    /// Gives the window a picture of one colour.
    pub fn fill(&mut self, seq: u32, w: usize, h: usize, colour: u32) {
        self.tell(&format!("fill {seq} {w} {h} {colour}"));
    }

    pub fn next_line(&mut self) -> String {
        let line = self.told.recv_timeout(Duration::from_secs(20));
        line.expect("the stand says something")
    }

    /// The next thing that the window tells its host.
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.next_line(), line);
    }

    /// Presses a key that ends the window.
    pub fn quit_with(&mut self, screen: &Screen, key: &str) {
        screen.press(key);
        self.expect("ended Ok(())");
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    window: WindowArgs,
}

/// A host that says what it is told to say.
struct Puppet {
    status: Mutex<Status>,
}

fn say(line: &str) {
    println!("stand: {line}");
}

fn seq(frame: &Received) -> String {
    String::from_utf8(frame.jpeg.to_vec()).unwrap()
}

impl Host for Puppet {
    fn status(&self) -> Status {
        self.status.lock().unwrap().clone()
    }

    fn is_current(&self, _: &Arc<Received>) -> bool {
        true
    }

    fn shown(&self, frame: &Arc<Received>, at: Instant) {
        assert!(at >= frame.arrived);
        say(&format!("shown {}", seq(frame)));
    }

    fn passed_over(&self, frame: &Arc<Received>) {
        say(&format!("passed over {}", seq(frame)));
    }

    fn snapshot(&self, frame: &Arc<Received>, turn: Turn) {
        say(&format!(
            "snapshot {} quarters {} mirror {}",
            seq(frame),
            turn.quarters,
            turn.mirror
        ));
        self.status.lock().unwrap().news = Some(News {
            text: "saved /home/pi/Pictures/garden_2026-11-22_08-33-01.123.jpg".into(),
            bad: false,
        });
    }

    fn toggle_recording(&self) {
        say("record");
        let mut status = self.status.lock().unwrap();
        let on = status.recording.is_none();
        status.recording = on.then(|| Recording {
            since: Instant::now(),
            path: "/home/pi/Videos/garden_2026-11-22_08-33-01.123.mkv".into(),
        });
    }
}

/// The other side: runs the window until it ends.
pub fn run() {
    let options = std::env::var(OPTIONS).unwrap_or_default();
    let words = options.split('\n').filter(|word| !word.is_empty());
    let options = Options::parse_from(["stand"].into_iter().chain(words));
    let puppet = Puppet {
        status: Mutex::new(waiting()),
    };
    let (pictures, stop) = (Slot::new(), Stop::new());
    thread::scope(|scope| {
        thread::Builder::new()
            .spawn_scoped(scope, || obey(&puppet, &pictures, &stop))
            .unwrap();
        let ended = window::run(&options.window.into(), &pictures, &puppet, &stop);
        say(&format!(
            "ended {}",
            ended.map_or_else(|error| format!("Err {error}"), |()| "Ok(())".into())
        ));
        // The thread above still reads its standard input.
        std::process::exit(0);
    });
}

fn waiting() -> Status {
    Status {
        typed: [
            "192.168.1.159",
            "192.168.178.21",
            "[fd12:3456:789a:1:2e0:4cff:fe68:1]",
        ]
        .iter()
        .map(|address| format!("pi-send --host {address}"))
        .collect(),
        ..Status::default()
    }
}

fn receiving() -> Status {
    Status {
        state: State::Receiving,
        peer: Some("192.168.1.30:40122".into()),
        name: Some("garden".into()),
        width: 640,
        height: 480,
        fps: 29.97,
        mbit_s: 5.31,
        quality: Some(80),
        latency: Some(Duration::from_micros(41_250)),
        shown: 4711,
        dropped: 12,
        ..Status::default()
    }
}

fn obey(puppet: &Puppet, pictures: &Slot<Decoded>, stop: &Stop) {
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<usize>().unwrap();
        match words[0] {
            "status" => {
                let mut status = puppet.status.lock().unwrap();
                let recording = status.recording.take();
                *status = receiving();
                status.recording = recording;
                if words[1] == "stalled" {
                    let why =
                        "garden (192.168.1.30) ended the stream. Waiting for the next sender.";
                    let since = Instant::now();
                    status.state = State::Stalled {
                        since,
                        why: why.into(),
                    };
                }
            }
            "quarters" => put(pictures, words[1], number(2), number(3), crate::QUARTERS),
            "fill" => put(
                pictures,
                words[1],
                number(2),
                number(3),
                [number(4) as u32; 4],
            ),
            "stop" => stop.ask(Reason::Done),
            other => panic!("{other}"),
        }
    }
}

fn put(pictures: &Slot<Decoded>, seq: &str, width: usize, height: usize, colours: [u32; 4]) {
    let pixel = |i: usize| {
        let (right, lower) = (
            i % width >= width / 2 && width > 1,
            i / width >= height / 2 && height > 1,
        );
        colours[usize::from(right) + 2 * usize::from(lower)]
    };
    let bitmap = Bitmap {
        width,
        height,
        pixels: Vec::from_iter((0..width * height).map(pixel)).into(),
    };
    let frame = Received {
        jpeg: seq.as_bytes().to_vec().into(),
        stamp: None,
        arrived: Instant::now(),
        arrived_at: SystemTime::now(),
        session: 1,
        width: width as u32,
        height: height as u32,
    };
    pictures.put(Decoded {
        bitmap: bitmap.into(),
        frame: Arc::new(frame),
    });
}
