//! A private X server and its pixels.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt, EventMask};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An Xvfb that ends with the test.
pub struct Screen {
    pub display: String,
    pub width: usize,
    pub height: usize,
    server: Child,
    directory: PathBuf,
}

/// What was on the screen at one moment.
pub struct Pixels {
    bytes: Vec<u8>,
    start: usize,
    stride: usize,
}

impl Screen {
    pub fn start(width: usize, height: usize) -> Self {
        let name = format!("pi-stream-window-{}-{width}x{height}", std::process::id());
        let directory = unused(std::env::temp_dir().join(name));
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{width}x{height}x24"))
            .arg("-fbdir")
            .arg(&directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts (Debian: apt install xvfb xdotool)");
        let mut number = String::new();
        let stdout = server.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut number).unwrap();
        Screen {
            display: format!(":{}", number.trim()),
            width,
            height,
            server,
            directory,
        }
    }

    /// Presses and releases a key, for whatever window is below the pointer.
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    /// Does what a window manager does when the close button of the only window is pressed.
    pub fn close_window(&self) {
        let (server, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let root = server.setup().roots[screen].root;
        let windows = server.query_tree(root).unwrap().reply().unwrap().children;
        let atom = |name: &str| {
            let atom = server.intern_atom(false, name.as_bytes()).unwrap();
            atom.reply().unwrap().atom
        };
        let protocols = atom("WM_PROTOCOLS");
        let data = [atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        for window in windows {
            let message = ClientMessageEvent::new(32, window, protocols, data);
            let sent = server.send_event(false, window, EventMask::NO_EVENT, message);
            sent.unwrap().check().unwrap();
        }
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .status()
            .expect("xdotool starts (Debian: apt install xdotool)");
        assert!(status.success(), "xdotool {arguments:?}: {status}");
    }

    /// Reads the server's own memory (an XWD file that it keeps mapped).
    pub fn pixels(&self) -> Pixels {
        let bytes = fs::read(self.directory.join("Xvfb_screen0")).unwrap();
        let word = |i: usize| {
            let word = bytes[4 * i..4 * i + 4].try_into().unwrap();
            u32::from_be_bytes(word) as usize
        };
        // The header's size, bytes a line, and the colour map's entries of 12 bytes.
        let (start, stride) = (word(0) + word(19) * 12, word(12));
        Pixels {
            bytes,
            start,
            stride,
        }
    }

    /// Waits until the screen shows it.
    pub fn wait(&self, what: &str, mut there: impl FnMut() -> bool) {
        let given_up = Instant::now() + PATIENCE;
        while !there() {
            assert!(Instant::now() < given_up, "never seen: {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Pixels {
    /// `0x00RRGGBB`.
    pub fn at(&self, x: usize, y: usize) -> u32 {
        let at = self.start + y * self.stride + x * 4;
        let bytes = self.bytes[at..at + 4].try_into().unwrap();
        u32::from_le_bytes(bytes) & 0xff_ff_ff
    }

    pub fn contains(&self, x: usize, y: usize, w: usize, h: usize, colour: u32) -> bool {
        self.area(x, y, w, h).any(|pixel| pixel == colour)
    }

    pub fn differ_from(&self, x: usize, y: usize, w: usize, h: usize, colour: u32) -> bool {
        self.area(x, y, w, h).any(|pixel| pixel != colour)
    }

    fn area(&self, x: usize, y: usize, w: usize, h: usize) -> impl Iterator<Item = u32> + '_ {
        (y..y + h).flat_map(move |y| (x..x + w).map(move |x| self.at(x, y)))
    }
}

/// Makes a directory that nobody else has.
fn unused(path: PathBuf) -> PathBuf {
    (0..)
        .map(|i| path.with_extension(i.to_string()))
        .find(|path| fs::create_dir(path).is_ok())
        .unwrap()
}
