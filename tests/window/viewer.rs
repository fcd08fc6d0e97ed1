//! The real viewer in a window, and a sender that waits for the ack of each of its pictures.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitStatus;
use std::time::Duration;

use image::{Rgb, RgbImage};
use pi_stream::protocol::wire::{END, write_frame};
use pi_stream::protocol::{Ack, Stamp, stamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::figures::Figures;
use crate::common::screen::Screen;
use crate::common::{PATIENCE, Running, pi_send, pictures, until, view_recv};

/// So slow a sender stalls after a minute, which no test here takes.
const DECLARED_INTERVAL: Duration = Duration::from_secs(20);

pub struct Viewer {
    program: Running,
    figures: Figures,
    address: Option<SocketAddr>,
    sender: Option<TcpStream>,
    /// Where its snapshots and recordings go.
    home: TempDir,
}

impl Viewer {
    /// Starts it with these options, on a screen.
    pub fn start(screen: &Screen, options: &[&str]) -> Self {
        Self::start_on(screen.display(), options)
    }

    /// Starts it on a display, which may not be there.
    pub fn start_on(display: &str, options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (program, figures) = Figures::start(
            view_recv(&["--bind", "127.0.0.1:0", "--stats", "json"])
                .args(options)
                .arg("--snapshot-dir")
                .arg(home.path().join("snapshots"))
                .env("DISPLAY", display)
                .env("HOME", home.path())
                .env_remove("XDG_CONFIG_HOME"),
        );
        Viewer {
            program,
            figures,
            address: None,
            sender: None,
            home,
        }
    }

    /// Sends a picture of four colours, and waits until the viewer acknowledges it.
    pub fn show(&mut self, seq: u32, w: u32, h: u32) {
        self.send(seq, w, h, crate::QUARTERS);
    }

    /// Sends a picture of one colour, and waits until the viewer acknowledges it.
    pub fn fill(&mut self, seq: u32, w: u32, h: u32, colour: u32) {
        self.send(seq, w, h, [colour; 4]);
    }

    /// Has pi-send, with these options, too, send its test picture.
    pub fn receive(&mut self, options: &[&str]) -> Running {
        let host = self.program.listening_on().to_string();
        let mut sender = pi_send(&["--host", &host, "--source", "test", "--name", "garden"]);
        Running::start(sender.args(options))
    }

    /// Ends the stream properly.
    pub fn end_stream(&mut self) {
        let mut sender = self.sender.take().expect("somebody sends");
        sender.write_all(&END).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    }

    /// Waits for the only picture that was saved.
    pub fn snapshot(&self) -> RgbImage {
        let folder = self.home.path().join("snapshots");
        until("a snapshot", || {
            let file = fs::read_dir(&folder).ok()?.next()?.unwrap();
            // It may be there and not yet be whole.
            Some(image::open(file.path()).ok()?.to_rgb8())
        })
    }

    /// Presses a key that ends the viewer; returns its last figures.
    pub fn quit_with(&mut self, screen: &Screen, key: &str) -> Value {
        screen.press(key);
        self.ends_with_0()
    }

    /// How often the window's threads have gone to sleep so far.
    pub fn sleeps(&self) -> u64 {
        let of_window = |task: &std::path::Path| {
            let status = fs::read_to_string(task.join("status")).unwrap();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap().trim().to_owned()
            };
            let is_window = ["view-recv", "window events"].contains(&&*field("Name:"));
            let count: u64 = field("voluntary_ctxt_switches:").parse().unwrap();
            if is_window { count } else { 0 }
        };
        let tasks = fs::read_dir(format!("/proc/{}/task", self.program.id())).unwrap();
        tasks.map(|task| of_window(&task.unwrap().path())).sum()
    }

    /// Has a signal end the viewer.
    pub fn terminate(&mut self) {
        self.program.signal("TERM");
        self.ends_with_0();
    }

    /// Waits until it has ended well; returns its last figures.
    pub fn ends_with_0(&mut self) -> Value {
        let (status, lines) = self.end();
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        self.figures.closing()
    }

    /// Waits for its end and all that it says.
    pub fn end(&mut self) -> (ExitStatus, Vec<String>) {
        self.program.end()
    }

    fn send(&mut self, seq: u32, w: u32, h: u32, colours: [u32; 4]) {
        let stamp = Stamp {
            seq: seq.into(),
            interval: Some(DECLARED_INTERVAL),
            ack: true,
            name: Some("garden".parse().unwrap()),
            ..Stamp::default()
        };
        let jpeg = stamp::stamped(&quarters(w, h, colours), &stamp);
        let program = &mut self.program;
        let sender = self.sender.get_or_insert_with(|| {
            let address = self.address.get_or_insert_with(|| program.listening_on());
            let sender = TcpStream::connect(*address).unwrap();
            sender.set_read_timeout(Some(PATIENCE)).unwrap();
            sender
        });
        write_frame(sender, &[&jpeg]).unwrap();
        let ack = Ack::read(&mut BufReader::with_capacity(8, sender)).unwrap();
        assert_eq!(ack.map(|ack| ack.seq), Some(seq));
    }
}

fn quarters(width: u32, height: u32, colours: [u32; 4]) -> Vec<u8> {
    pictures::encode(&RgbImage::from_fn(width, height, |x, y| {
        let (right, lower) = (x >= width / 2 && width > 1, y >= height / 2 && height > 1);
        let [_, r, g, b] = colours[usize::from(right) + 2 * usize::from(lower)].to_be_bytes();
        Rgb([r, g, b])
    }))
}
