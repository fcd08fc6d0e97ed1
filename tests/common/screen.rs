//! A screen without a monitor: Xvfb, whose frame buffer is a file that can be read while it runs.
//!
//! The file is an X window dump: a header of big-endian words, a colour map, then rows of pixels.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

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

    /// What is on the screen now.
    pub fn look(&self) -> image::RgbImage {
        let dump = until("Xvfb's frame buffer", || std::fs::read(&self.buffer).ok());
        let word = |i: usize| {
            let bytes = dump[4 * i..4 * i + 4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes) as usize
        };
        let (width, height, stride) = (word(4), word(5), word(12));
        // Behind the header lie the colour map's entries of twelve bytes.
        let pixels = &dump[word(0) + 12 * word(19)..];
        image::RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * stride + 4 * x as usize;
            image::Rgb([pixels[at + 2], pixels[at + 1], pixels[at]])
        })
    }

    /// Looks until `find` sees something.
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&image::RgbImage) -> Option<T>) -> T {
        until(what, || find(&self.look()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(folder) = self.buffer.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
