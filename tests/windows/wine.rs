//! Programs for Windows, run by wine on a screen of Xvfb's.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::RgbImage;

use crate::common::pictures::near;
use crate::common::screen::Screen;
use crate::common::test_picture::{bars, number_in};
use crate::common::{Running, pi_send, python};

/// Sets up, starts and ends the wine of a folder.
const WINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/windows/wine");

/// What no test here can show.
pub const LEFT_OUT: &str = "left out, since wine is no Windows: Windows' TCP and firewall, full screen, more than one screen, \
    the manifest's UTF-8 and long paths";

/// One wine at a time: it has one desktop.
static TURN: Mutex<()> = Mutex::new(());

/// A wine with a desktop of its own. It ends with this, and all that runs in it.
pub struct Wine {
    pub screen: Screen,
    home: PathBuf,
    programs: PathBuf,
    /// Where a viewer listened last.
    address: Cell<Option<SocketAddr>>,
    _turn: MutexGuard<'static, ()>,
}

impl Wine {
    /// `None`, loudly, where nobody has built programs for Windows.
    pub fn start() -> Option<Wine> {
        let Some(built) = std::env::var_os("PI_STREAM_WINDOWS") else {
            eprintln!(
                "SKIPPED: PI_STREAM_WINDOWS is not set (scripts/test does, on Debian 12), the viewer for Windows is not tested"
            );
            return None;
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wine");
        let wine = Wine {
            screen: Screen::start(1280, 800),
            programs: home.join("programs"),
            home,
            address: Cell::default(),
            _turn: turn,
        };
        println!("{LEFT_OUT}");
        wine.run(&mut wine.wine("start"));
        let _ = std::fs::remove_dir_all(&wine.programs);
        for built in std::fs::read_dir(built).expect("scripts/windows has packed them") {
            let built = built.unwrap().path();
            if built.extension().is_some_and(|kind| kind == "zip") {
                let unpack = ["-m", "zipfile", "--extract"];
                wine.run(python().args(unpack).args([&built, &wine.programs]));
            }
        }
        Some(wine)
    }

    /// Where the folder that is in a program's zip lies.
    pub fn folder_of(&self, program: &str) -> PathBuf {
        self.programs.join(program)
    }

    fn own(&self, program: &str) -> PathBuf {
        self.folder_of(program).join(program).with_extension("exe")
    }

    fn wine(&self, what: &str) -> Command {
        let mut command = Command::new(WINE);
        command.arg(&self.home).arg(what).stdin(Stdio::null());
        command.env("DISPLAY", self.screen.display());
        command
    }

    /// A program of ours, or of wine's.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let own = self.own(program);
        let mut command = self.wine("run");
        command.arg(if own.exists() { own } else { program.into() });
        command.args(args);
        command
    }

    /// The same, which also hears of a console's events: by the digits of its standard input.
    pub fn with_events(&self, program: &str, args: &[&str]) -> Command {
        let events = self.home.join("events.exe");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/windows/events.c");
        let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
        self.run(
            compiler
                .args(["-Wall", "-Werror", source, "-o"])
                .arg(&events),
        );
        let mut command = self.wine("run");
        command.arg(events).arg(self.own(program)).args(args);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, command: &mut Command) {
        // Whom it leaves behind keeps its streams.
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{command:?}");
    }

    /// Ends all that runs in it; what is started then finds it anew.
    pub fn end(&self) {
        let _ = self.wine("end").status();
    }

    /// The folder below which everything of it is.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where the viewer listens that was sent to last.
    pub fn last_address(&self) -> SocketAddr {
        self.address.get().expect("somebody sends")
    }

    /// Has a pi-send of this machine send its test picture there.
    pub fn send(&self, viewer: &mut Running, options: &[&str]) -> Running {
        self.address.set(Some(viewer.listening_on()));
        self.send_again(options)
    }

    /// The same to the viewer that was sent to last.
    pub fn send_again(&self, options: &[&str]) -> Running {
        let host = self.last_address().to_string();
        let mut sender = pi_send(&["--host", &host, "--source", "test"]);
        if !options.contains(&"--name") {
            sender.args(["--name", "garden"]);
        }
        Running::start(sender.args(options))
    }

    /// Waits for the test picture on the screen; returns where it begins.
    pub fn wait_for_picture(&self, width: u32, height: u32) -> (u32, u32) {
        let found = |pixels: &RgbImage| find(pixels, width, height);
        self.screen
            .wait_for("the test picture, in its colours", found)
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where a test picture of that size begins, which is shown pixel by pixel.
pub fn find(pixels: &RgbImage, width: u32, height: u32) -> Option<(u32, u32)> {
    let bars: Vec<_> = bars(width, height).collect();
    let (lefts, tops) = (
        pixels.width().checked_sub(width)?,
        pixels.height().checked_sub(height)?,
    );
    let is_at = |left: u32, top: u32| {
        bars.iter()
            .all(|((x, y), colour)| near(pixels.get_pixel(left + x, top + y).0, *colour, 6))
    };
    let (left, top) = (0..=tops)
        .flat_map(|top| (0..=lefts).map(move |left| (left, top)))
        .find(|(left, top)| is_at(*left, *top))?;
    // Somewhere in the first bar: its edges tell where it begins.
    let ((x, y), colour) = bars[0];
    let (x, y) = (left + x, top + y);
    let is_bar = |x: u32, y: u32| near(pixels.get_pixel(x, y).0, colour, 6);
    let left = (0..x)
        .rev()
        .take_while(|x| is_bar(*x, y))
        .last()
        .unwrap_or(x);
    let top = (0..y)
        .rev()
        .take_while(|y| is_bar(x, *y))
        .last()
        .unwrap_or(y);
    Some((left, top))
}

/// The number of the test picture of that size that begins there.
pub fn number(
    pixels: &RgbImage,
    (left, top): (u32, u32),
    (width, height): (u32, u32),
) -> Option<u32> {
    number_in(width, height, |x, y| {
        pixels.get_pixel(left + x, top + y).0[1]
    })
}
