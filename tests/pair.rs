//! Both programs together: what goes into pi-send is what view-recv has on the screen.
//!
//! Real processes, real TCP, a real X server (Xvfb) whose pixels are read back; the camera is
//! libcamera's virtual one (tests/pair/camera.rs, with the feature `camera`).
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

#[cfg(feature = "camera")]
#[path = "pair/camera.rs"]
mod camera;

use std::process::Command;

use common::figures::Figures;
use common::pictures::{self, near};
use common::screen::Screen;
use common::test_picture::{bars, number_in};
use common::{Running, pi_send, view_recv};
use image::RgbImage;

/// What JPEG, 4:2:0 and whole numbers may cost a colour.
const STEPS: u8 = 6;

/// A viewer and where it listens.
struct Viewer {
    program: Running,
    host: String,
}

impl Viewer {
    fn start(args: &[&str], screen: &Screen) -> Viewer {
        let mut command = view_recv(&["--bind", "127.0.0.1:0"]);
        let mut program = Running::start(command.args(args).env("DISPLAY", screen.display()));
        let host = program.listening_on().to_string();
        Viewer { program, host }
    }

    /// pi-send to this viewer.
    fn sender(&self, args: &[&str]) -> Command {
        let mut command = pi_send(&["--host", &self.host]);
        command.args(args);
        command
    }
}

/// A rectangle of the screen, in pixels.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Place {
    /// In the middle of the screen, where a window without a window manager opens.
    fn in_the_middle(screen: &RgbImage, width: u32, height: u32) -> Place {
        Place {
            // Of an odd pixel, the larger half is left and above.
            x: (screen.width() - width).div_ceil(2),
            y: (screen.height() - height).div_ceil(2),
            width,
            height,
        }
    }

    /// Whether nothing of a picture is beside it: the empty screen is black.
    fn ends_here(&self, screen: &RgbImage) -> bool {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        let middle = (self.x + self.width / 2, self.y + self.height / 2);
        let beside = [
            (self.x.wrapping_sub(1), middle.1),
            (right, middle.1),
            (middle.0, self.y.wrapping_sub(1)),
            (middle.0, bottom),
        ];
        beside.iter().all(|&(x, y)| {
            screen
                .get_pixel_checked(x, y)
                .is_none_or(|pixel| pixel.0 == [0, 0, 0])
        })
    }
}

/// Whether the place shows four colours in its quarters, from edge to edge: upper left, upper right,
/// lower left, lower right.
fn shows_quarters(screen: &RgbImage, place: Place, colours: [[u8; 3]; 4]) -> bool {
    // The edges between quarters are blurred by a few pixels.
    let near_edges = |start: u32, length: u32| {
        let (half, soft) = (length / 2, 10);
        [
            [start, start + half - soft],
            [start + half + soft, start + length - 1],
        ]
    };
    let (xs, ys) = (
        near_edges(place.x, place.width),
        near_edges(place.y, place.height),
    );
    (0..4).all(|i| {
        let points = xs[i % 2]
            .iter()
            .flat_map(|x| ys[i / 2].iter().map(move |y| (*x, *y)));
        let mut seen = points.map(|(x, y)| screen.get_pixel(x, y).0);
        seen.all(|seen| near(seen, colours[i], STEPS))
    })
}

/// The four quarters as each way to turn leaves them, by pi-send's options for it.
fn turned<T: Copy>([a, b, c, d]: [T; 4]) -> [(&'static [&'static str], [T; 4]); 7] {
    [
        (&[], [a, b, c, d]),
        (&["--hflip"], [b, a, d, c]),
        (&["--vflip"], [c, d, a, b]),
        (&["--rotation", "180"], [d, c, b, a]),
        (&["--rotation", "90"], [c, a, d, b]),
        (&["--rotation", "270"], [b, d, a, c]),
        (&["--hflip", "--rotation", "90"], [d, b, c, a]),
    ]
}

/// Whether the place shows a test picture of that size, scaled to it.
fn shows_test_picture(screen: &RgbImage, place: Place, (width, height): (u32, u32)) -> bool {
    let at = |x: u32, y: u32| {
        let scaled = |at: u32, from: u32, to: u32| {
            ((u64::from(at) * 2 + 1) * u64::from(to) / (2 * u64::from(from))) as u32
        };
        let (x, y) = (
            place.x + scaled(x, width, place.width),
            place.y + scaled(y, height, place.height),
        );
        screen.get_pixel(x, y).0
    };
    let bears_number = width >= 192 && height >= 128;
    bars(width, height).all(|((x, y), colour)| near(at(x, y), colour, STEPS))
        && (!bears_number || number_in(width, height, |x, y| at(x, y)[1]).is_some())
}

#[test]
fn a_picture_of_any_size_is_on_the_screen_and_nothing_is_beside_it() {
    // The window has the picture's size, at most the screen's, at least 320x240.
    for (size, shown) in [
        ((500, 480), (500, 480)),
        ((639, 481), (639, 481)),
        ((1, 1), (240, 240)),
        ((4056, 3040), (1280, 959)),
    ] {
        let screen = Screen::start(1280, 1024);
        let mut viewer = Viewer::start(&[], &screen);
        let res = format!("{}x{}", size.0, size.1);
        let mut sender =
            Running::start(&mut viewer.sender(&["--source", "test", "--res", &res, "--fps", "5"]));
        screen.wait_for(&res, |screen| {
            let place = Place::in_the_middle(screen, shown.0, shown.1);
            (shows_test_picture(screen, place, size) && place.ends_here(screen)).then_some(())
        });
        sender.signal("TERM");
        assert_eq!(sender.wait().code(), Some(0));
        viewer.program.signal("TERM");
        assert_eq!(viewer.program.wait().code(), Some(0));
    }
}

#[test]
fn a_picture_of_any_size_is_counted_as_shown_without_a_window() {
    for (width, height) in [(500, 480), (1, 1), (639, 481), (4056, 3040)] {
        let args = ["--bind", "127.0.0.1:0", "--headless", "--stats", "json"];
        let (mut viewer, figures) = Figures::start(view_recv(&args).arg("--once"));
        let host = viewer.listening_on().to_string();
        let res = format!("{width}x{height}");
        let args = ["--host", &host, "--source", "test", "--res", &res];
        let mut sender = Running::start(&mut pi_send(&args));
        figures.wait_for(&format!("{res} shown"), |figures| {
            let is_it = figures["width"] == width && figures["height"] == height;
            (is_it && figures["shown"].as_u64() > Some(1)).then_some(())
        });
        sender.signal("TERM");
        assert_eq!(sender.wait().code(), Some(0));
        let closing = figures.closing();
        assert_eq!(viewer.wait().code(), Some(0));
        assert_eq!(closing["corrupt"], 0, "{closing}");
    }
}

#[test]
fn every_frame_is_shown_or_counted_as_passed_over() {
    let args = ["--bind", "127.0.0.1:0", "--headless", "--stats", "json"];
    let (mut viewer, figures) = Figures::start(view_recv(&args).arg("--once"));
    let host = viewer.listening_on().to_string();
    let args = [
        "--host", &host, "--source", "test", "--frames", "50", "--fps", "100",
    ];
    let (status, lines) = Running::start(&mut pi_send(&args)).end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let closing = figures.closing();
    assert_eq!(viewer.wait().code(), Some(0));
    let count = |name: &str| closing[name].as_u64().expect("it is a number");
    assert_eq!(count("frames"), 50, "{closing}");
    assert_eq!(count("shown") + count("dropped"), 50, "{closing}");
    assert!(count("shown") > 0, "{closing}");
}

#[test]
fn every_way_to_turn_a_picture_moves_its_corners() {
    let colours = [[200, 30, 30], [30, 180, 40], [40, 50, 190], [210, 200, 60]];
    let picture = RgbImage::from_fn(480, 320, |x, y| {
        image::Rgb(colours[usize::from(x >= 240) + 2 * usize::from(y >= 160)])
    });
    let file = pictures::file("quarters.mjpeg", &pictures::encode(&picture));
    let file = file.to_str().expect("cargo's folders have plain names");
    for (options, expected) in turned(colours) {
        let screen = Screen::start(1280, 1024);
        let viewer = Viewer::start(&[], &screen);
        let args = [&["--source", file, "--loop"], options].concat();
        let _sender = Running::start(&mut viewer.sender(&args));
        let upright = options.contains(&"90") || options.contains(&"270");
        let (width, height) = if upright { (320, 480) } else { (480, 320) };
        screen.wait_for(&format!("picture with {options:?}"), |screen| {
            let place = Place::in_the_middle(screen, width, height);
            (shows_quarters(screen, place, expected) && place.ends_here(screen)).then_some(())
        });
    }
}

#[test]
fn the_last_picture_stays_marked_as_old_until_the_next_sender_comes() {
    let screen = Screen::start(800, 600);
    let mut viewer = Viewer::start(&[], &screen);
    let colours = [[[200, 40, 120]; 4], [[40, 160, 80]; 4]];
    let files = colours.map(|[colour, ..]| {
        let name = format!("flat-{}.mjpeg", colour[0]);
        pictures::file(&name, &pictures::stripes(480, 320, &[colour]))
    });
    let at_top = |screen: &RgbImage| {
        let place = Place::in_the_middle(screen, 480, 320);
        screen.get_pixel(place.x + 60, place.y + 20).0
    };
    let send = |viewer: &Viewer, i: usize| {
        let file = files[i].to_str().expect("cargo's folders have plain names");
        Running::start(&mut viewer.sender(&["--source", file, "--loop"]))
    };
    let live = |i: usize| {
        screen.wait_for("live picture", |screen| {
            near(at_top(screen), colours[i][0], STEPS).then_some(())
        });
    };

    let mut first = send(&viewer, 0);
    live(0);
    first.signal("TERM");
    assert_eq!(first.wait().code(), Some(0));
    viewer.program.wait_line("end of the stream", |line| {
        line.contains("ended the stream").then_some(())
    });
    // The same hue, darker, and words on it that were not there.
    screen.wait_for("picture that is marked as old", |screen| {
        let seen = at_top(screen);
        let darker =
            seen[0] < 120 && seen[0] > 2 * seen[1] && seen[2] > seen[1] && seen[0] > seen[2];
        let place = Place::in_the_middle(screen, 480, 320);
        let mut lower = (0..480).flat_map(|x| (200..320).map(move |y| (x, y)));
        let words = lower.any(|(x, y)| {
            screen
                .get_pixel(place.x + x, place.y + y)
                .0
                .iter()
                .all(|part| *part > 150)
        });
        (darker && words).then_some(())
    });
    let _second = send(&viewer, 1);
    live(1);
}
