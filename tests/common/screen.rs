//! A screen without a monitor: Xvfb, whose frame buffer is a file that can be read while it runs.
//!
//! The file is an X window dump: a header of big-endian words, a colour map, then rows of pixels.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use image::RgbImage;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask, MapState, PropMode,
};
use x11rb::wrapper::ConnectionExt as _;

use super::{Running, until};

/// A running X server.
pub struct Screen {
    _server: Running,
    display: String,
    buffer: PathBuf,
}

impl Screen {
    /// A screen of that size on a display of Xvfb's choice.
    pub fn start(width: u32, height: u32) -> Screen {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "screen-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&folder).expect("cargo's folder for tests can be written");
        let mut server = Running::start_with(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
                .arg(format!("{width}x{height}x24"))
                .arg("-fbdir")
                .arg(&folder)
                .stdin(Stdio::null()),
            Stdio::piped(),
        );
        let stdout = server.take_stdout().expect("it is piped");
        let mut number = String::new();
        BufReader::new(stdout)
            .read_line(&mut number)
            .expect("a pipe can be read");
        assert!(!number.is_empty(), "Xvfb: {:#?}", server.stderr());
        Screen {
            _server: server,
            display: format!(":{}", number.trim()),
            buffer: folder.join("Xvfb_screen0"),
        }
    }

    /// What goes into `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Presses and releases a key, for whatever window is below the pointer.
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    /// Does with keys and pointer what xdotool is told.
    pub fn xdotool(&self, words: &[&str]) {
        let status = Command::new("xdotool")
            .args(words)
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .status()
            .expect("xdotool starts (Debian: apt install xdotool)");
        assert!(status.success(), "xdotool {words:?}: {status}");
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

    /// Moves and resizes the only window, as its user does.
    pub fn place_window(&self, x: i32, y: i32, width: u32, height: u32) {
        let (server, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let root = server.setup().roots[screen].root;
        let windows = server.query_tree(root).unwrap().reply().unwrap().children;
        let place = ConfigureWindowAux::new()
            .x(x)
            .y(y)
            .width(width)
            .height(height);
        let placed = server.configure_window(windows[0], &place);
        placed.unwrap().check().unwrap();
    }

    /// What the windows are called that can be seen, the lowest one first.
    pub fn titles(&self) -> Vec<String> {
        let (server, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let root = server.setup().roots[screen].root;
        let windows = server.query_tree(root).unwrap().reply().unwrap().children;
        // One may be gone by now.
        let title = |window| {
            let attributes = server.get_window_attributes(window).unwrap().reply().ok()?;
            let (name, kind) = (AtomEnum::WM_NAME, AtomEnum::ANY);
            let name = server.get_property(false, window, name, kind, 0, 1024);
            let name = String::from_utf8(name.unwrap().reply().ok()?.value).ok()?;
            (attributes.map_state == MapState::VIEWABLE).then_some(name)
        };
        windows.into_iter().filter_map(title).collect()
    }

    /// Sets a property of the root window or of the only other one, as a window manager does: numbers, or atoms. The
    /// server forgets it with its last client.
    pub fn set_property(&self, of_root: bool, name: &str, values: &[&str]) {
        let (server, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let root = server.setup().roots[screen].root;
        let windows = server.query_tree(root).unwrap().reply().unwrap().children;
        let window = if of_root { root } else { windows[0] };
        let atom = |name: &str| {
            let atom = server.intern_atom(false, name.as_bytes()).unwrap();
            atom.reply().unwrap().atom
        };
        let is_number = values.iter().all(|value| value.parse::<u32>().is_ok());
        let kind = if is_number {
            AtomEnum::CARDINAL
        } else {
            AtomEnum::ATOM
        };
        let number = |value: &&str| value.parse().unwrap_or_else(|_| atom(value));
        let values: Vec<u32> = values.iter().map(number).collect();
        server
            .change_property32(PropMode::REPLACE, window, atom(name), kind, &values)
            .unwrap()
            .check()
            .unwrap();
    }

    /// What is on the screen now.
    pub fn look(&self) -> RgbImage {
        let dump = until("Xvfb's frame buffer", || std::fs::read(&self.buffer).ok());
        let word = |i: usize| {
            let bytes = dump[4 * i..4 * i + 4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes) as usize
        };
        let (width, height, stride) = (word(4), word(5), word(12));
        // Behind the header lie the colour map's entries of twelve bytes.
        let pixels = &dump[word(0) + 12 * word(19)..];
        let mut rgb = Vec::with_capacity(3 * width * height);
        for row in pixels.chunks_exact(stride).take(height) {
            for pixel in row[..4 * width].chunks_exact(4) {
                rgb.extend([pixel[2], pixel[1], pixel[0]]);
            }
        }
        RgbImage::from_raw(width as u32, height as u32, rgb).expect("every pixel is there")
    }

    /// Looks until `find` sees something.
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&RgbImage) -> Option<T>) -> T {
        until(what, || find(&self.look()))
    }

    /// Looks until it is so.
    pub fn wait(&self, what: &str, so: impl Fn(&RgbImage) -> bool) {
        self.wait_for(what, |screen| so(screen).then_some(()));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(folder) = self.buffer.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A pixel as `0xRRGGBB`.
pub fn colour(screen: &RgbImage, x: u32, y: u32) -> u32 {
    let [r, g, b] = screen.get_pixel(x, y).0;
    u32::from_be_bytes([0, r, g, b])
}

/// The colours of a rectangle's pixels.
pub fn colours(
    screen: &RgbImage,
    (x, y, w, h): (u32, u32, u32, u32),
) -> impl Iterator<Item = u32> + '_ {
    (y..y + h).flat_map(move |y| (x..x + w).map(move |x| colour(screen, x, y)))
}
