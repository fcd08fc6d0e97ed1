//! Every key of the real viewer, pressed in its window (xdotool under Xvfb) while a real pi-send brings pictures:
//! what it does is seen in the window's pixels, in files, in the figures and in how the program ends.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use common::figures::Figures;
use common::screen::{Screen, colour, colours};
use common::{Running, pi_send, pictures, until, view_recv};
use image::{DynamicImage, ImageDecoder, RgbImage};
use pi_stream::protocol::stamp;
use tempfile::TempDir;

const RED: [u8; 3] = [200, 30, 30];
const GREEN: [u8; 3] = [30, 180, 40];
const BLUE: [u8; 3] = [40, 50, 190];
const YELLOW: [u8; 3] = [210, 200, 60];

/// What JPEG and whole numbers may cost a colour.
const STEPS: u8 = 6;

const SIZE: (u32, u32) = (480, 320);

/// How often a picture comes again, so that the window does not call it old.
const AGAIN: Duration = Duration::from_millis(100);

/// A viewer with a window on a screen of its own, in a home of its own, and a sender whose pictures the test makes.
struct Desktop {
    screen: Screen,
    viewer: Running,
    figures: Figures,
    home: TempDir,
    _sender: Running,
    pictures: ChildStdin,
}

impl Desktop {
    fn start() -> Desktop {
        let screen = Screen::start(800, 600);
        let home = tempfile::tempdir().unwrap();
        // Where desktops say which folders are for what.
        fs::create_dir(home.path().join(".config")).unwrap();
        let dirs = "XDG_PICTURES_DIR=\"$HOME/Seen\"\nXDG_VIDEOS_DIR=\"$HOME/Films\"\n";
        fs::write(home.path().join(".config/user-dirs.dirs"), dirs).unwrap();
        let (mut viewer, figures) = Figures::start(
            view_recv(&["--bind", "127.0.0.1:0", "--stats", "json"])
                .env("DISPLAY", screen.display())
                .env("HOME", home.path())
                .env_remove("XDG_CONFIG_HOME"),
        );
        let host = viewer.listening_on().to_string();
        let args = ["--host", &host, "--source", "-", "--every-frame", "--name"];
        let mut sender = Running::start(pi_send(&args).arg("garden").stdin(Stdio::piped()));
        let pictures = sender.take_stdin().unwrap();
        Desktop {
            screen,
            viewer,
            figures,
            home,
            _sender: sender,
            pictures,
        }
    }

    /// Gives the sender a picture.
    fn feed(&mut self, jpeg: &[u8]) {
        self.pictures.write_all(jpeg).unwrap();
        self.pictures.flush().unwrap();
    }

    /// Gives it a picture of one colour until that is on the screen; gives the JPEG.
    fn show(&mut self, flat: [u8; 3]) -> Vec<u8> {
        let jpeg = pictures::stripes(SIZE.0, SIZE.1, &[flat]);
        self.wait_live(&jpeg, "the picture", |screen| is_flat(screen, flat));
        jpeg
    }

    /// Gives it the picture again and again, until the screen shows what is waited for.
    fn wait_live(&mut self, jpeg: &[u8], what: &str, so: impl Fn(&RgbImage) -> bool) {
        until(what, || {
            self.feed(jpeg);
            thread::sleep(AGAIN);
            so(&self.screen.look()).then_some(())
        });
    }

    fn press(&self, key: &str) {
        self.screen.press(key);
    }

    /// The only file in a folder of the home's, once there is one.
    fn file_in(&self, folder: &str) -> PathBuf {
        let folder = self.home.path().join(folder);
        until("a file", || {
            let mut files = fs::read_dir(&folder).ok()?;
            Some(files.next()?.unwrap().path())
        })
    }

    fn ends_with_0(&mut self) {
        let (status, said) = self.viewer.end();
        assert_eq!(status.code(), Some(0), "{said:#?}");
    }
}

/// The place of a picture of this size, in the middle of the screen.
fn place(screen: &RgbImage, (width, height): (u32, u32)) -> (u32, u32, u32, u32) {
    let (x, y) = ((screen.width() - width) / 2, (screen.height() - height) / 2);
    (x, y, width, height)
}

fn seen(screen: &RgbImage, x: u32, y: u32, expected: [u8; 3]) -> bool {
    pictures::near(screen.get_pixel(x, y).0, expected, STEPS)
}

/// Whether the window shows the colour and no word, in its corners, its middle and its lower part.
fn is_flat(screen: &RgbImage, flat: [u8; 3]) -> bool {
    let place = place(screen, SIZE);
    colours(screen, place).all(|colour| {
        let [_, r, g, b] = colour.to_be_bytes();
        pictures::near([r, g, b], flat, STEPS)
    })
}

/// Whether a picture of this size has these colours in its quarters.
fn has_quarters(screen: &RgbImage, size: (u32, u32), expected: [[u8; 3]; 4]) -> bool {
    let (left, top, width, height) = place(screen, size);
    let spots = [(1, 1), (3, 1), (1, 3), (3, 3)];
    spots.iter().zip(expected).all(|(&(x, y), expected)| {
        seen(screen, left + width * x / 4, top + height * y / 4, expected)
    })
}

fn quarters(colours: [[u8; 3]; 4]) -> Vec<u8> {
    let (width, height) = SIZE;
    pictures::encode(&RgbImage::from_fn(width, height, |x, y| {
        image::Rgb(colours[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)])
    }))
}

/// A saved picture, turned as it says that it should be.
fn upright(path: &Path) -> RgbImage {
    let bytes = fs::read(path).unwrap();
    let mut decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(bytes)).unwrap();
    let orientation = decoder.orientation().unwrap();
    let mut picture = DynamicImage::from_decoder(decoder).unwrap();
    picture.apply_orientation(orientation);
    picture.to_rgb8()
}

fn without_stamp(jpeg: &[u8]) -> Vec<u8> {
    let [head, middle, tail] = stamp::places(jpeg);
    [&jpeg[head], &jpeg[middle], &jpeg[tail]].concat()
}

#[test]
fn r_turns_m_mirrors_and_s_saves_what_is_seen() {
    let mut desktop = Desktop::start();
    let jpeg = quarters([RED, GREEN, BLUE, YELLOW]);
    let shows = |desktop: &mut Desktop, size, expected| {
        desktop.wait_live(&jpeg, "the picture", |screen| {
            has_quarters(screen, size, expected)
        });
    };
    shows(&mut desktop, SIZE, [RED, GREEN, BLUE, YELLOW]);
    desktop.press("r");
    // The window keeps its size and the picture its shape: 320 rows are left for what was 480 wide.
    let upright_size = (320 * 320 / 480, 320);
    shows(&mut desktop, upright_size, [BLUE, RED, YELLOW, GREEN]);
    desktop.press("m");
    shows(&mut desktop, upright_size, [RED, BLUE, GREEN, YELLOW]);
    desktop.press("s");
    let saved = upright(&desktop.file_in("Seen"));
    assert_eq!(saved.dimensions(), (SIZE.1, SIZE.0));
    assert!(has_quarters(
        &saved,
        (SIZE.1, SIZE.0),
        [RED, BLUE, GREEN, YELLOW]
    ));
    desktop.press("q");
    desktop.ends_with_0();
}

#[test]
fn s_saves_the_jpeg_as_it_was_sent_and_says_where() {
    let mut desktop = Desktop::start();
    let sent = desktop.show(GREEN);
    desktop.press("s");
    let path = desktop.file_in("Seen");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("garden_20") && name.ends_with(".jpg"),
        "{name}"
    );
    desktop.viewer.wait_line("line that says where", |line| {
        line.ends_with(&format!("saved {}", path.display()))
            .then_some(())
    });
    assert!(without_stamp(&fs::read(&path).unwrap()) == sent);
    desktop.wait_live(&sent, "the window saying where", |screen| {
        !is_flat(screen, GREEN)
    });
    desktop.wait_live(&sent, "its end", |screen| is_flat(screen, GREEN));
}

#[test]
fn space_freezes_the_picture_and_lets_the_newest_in() {
    let mut desktop = Desktop::start();
    desktop.show(RED);
    desktop.press("space");
    desktop
        .screen
        .wait("the window saying that it is frozen", |screen| {
            !is_flat(screen, RED)
        });
    for shade in 0..5 {
        desktop.feed(&pictures::stripes(SIZE.0, SIZE.1, &[[10, 10, 100 + shade]]));
    }
    desktop.figures.wait_for("skipped frames", |figures| {
        (figures["dropped"].as_u64() >= Some(5)).then_some(())
    });
    let screen = desktop.screen.look();
    let (x, y, ..) = place(&screen, SIZE);
    assert!(seen(&screen, x + 10, y + 10, RED));
    desktop.press("space");
    // Once more, for it may be old by now; that the one kept back is shown by itself, tests/window.rs sees.
    let newest = [10, 10, 104];
    let jpeg = pictures::stripes(SIZE.0, SIZE.1, &[newest]);
    desktop.wait_live(&jpeg, "the newest", |screen| is_flat(screen, newest));
    desktop.show(BLUE);
}

#[test]
fn i_shows_the_figures_h_the_keys_and_escape_leaves_them_first() {
    let mut desktop = Desktop::start();
    let jpeg = desktop.show(YELLOW);
    let words_in = |screen: &RgbImage, (dx, dy, w, h)| {
        let (x, y, ..) = place(screen, SIZE);
        // The words' own colour, which no shade of the picture has.
        colours(screen, (x + dx, y + dy, w, h)).any(|colour| colour & 0xff > 0xd0)
    };
    let corner = |screen: &RgbImage| words_in(screen, (0, 0, 200, 100));
    let middle = |screen: &RgbImage| words_in(screen, (140, 100, 200, 120));
    let flat = |screen: &RgbImage| is_flat(screen, YELLOW);
    desktop.press("i");
    desktop.wait_live(&jpeg, "the figures", corner);
    desktop.press("i");
    desktop.wait_live(&jpeg, "their end", flat);
    for key in ["h", "question"] {
        desktop.press(key);
        desktop.wait_live(&jpeg, "the keys", middle);
        desktop.press("Escape");
        desktop.wait_live(&jpeg, "their end", flat);
    }
    desktop.press("Escape");
    desktop.ends_with_0();
}

#[test]
fn v_records_with_a_red_dot_until_it_is_pressed_again() {
    let mut desktop = Desktop::start();
    desktop.show(BLUE);
    let dot = |screen: &RgbImage| {
        let (x, y, width, _) = place(screen, SIZE);
        colours(screen, (x + width / 2, y, width / 2, 80)).any(|colour| colour == 0xf0_32_28)
    };
    assert!(!dot(&desktop.screen.look()));
    desktop.press("v");
    desktop.screen.wait("the red dot", dot);
    for shade in 0..7 {
        desktop.feed(&pictures::stripes(SIZE.0, SIZE.1, &[[90, 10 * shade, 20]]));
    }
    desktop.figures.wait_for("recorded frames", |figures| {
        (figures["recorded"] == 7).then_some(())
    });
    desktop.press("v");
    desktop
        .screen
        .wait("the red dot's end", |screen| !dot(screen));
    let path = desktop.file_in("Films");
    let says = format!("recorded 7 frames, {}", path.display());
    desktop.viewer.wait_line("line that says where", |line| {
        line.ends_with(&says).then_some(())
    });
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries"])
        .args([
            "stream=codec_name,width,height,nb_read_packets",
            "-of",
            "csv=p=0",
        ])
        .arg(&path)
        .output()
        .expect("ffprobe starts (Debian: apt install ffmpeg)");
    assert_eq!(
        String::from_utf8_lossy(&probe.stdout).trim(),
        "mjpeg,480,320,7"
    );
}

#[test]
fn f_fills_the_screen_and_escape_leaves_that_first() {
    let mut desktop = Desktop::start();
    let jpeg = desktop.show(GREEN);
    // The picture is as wide as the screen, between bars above and below.
    let full = |screen: &RgbImage| seen(screen, 2, 300, GREEN) && colour(screen, 2, 2) == 0;
    let in_window = |screen: &RgbImage| is_flat(screen, GREEN) && !seen(screen, 2, 300, GREEN);
    assert!(!full(&desktop.screen.look()));
    for leave in ["f", "Escape"] {
        desktop.press("f");
        desktop.wait_live(&jpeg, "the full screen", full);
        desktop.press(leave);
        desktop.wait_live(&jpeg, "the window", in_window);
    }
    desktop.press("q");
    desktop.ends_with_0();
}

#[test]
fn without_a_picture_the_keys_that_need_one_say_so_and_q_ends() {
    let mut desktop = Desktop::start();
    let has = |screen: &RgbImage, wanted| {
        colours(screen, (0, 0, 800, 600)).any(|colour| colour == wanted)
    };
    desktop.screen.wait("the line to type on the Pi", |screen| {
        has(screen, 0x9f_e0_a6)
    });
    desktop.press("s");
    desktop
        .screen
        .wait("the refusal", |screen| has(screen, 0xff_8a_7a));
    for key in ["space", "m", "m", "i", "i", "space"] {
        desktop.press(key);
    }
    desktop.show(RED);
    desktop.press("q");
    desktop.ends_with_0();
}
