//! The window as people see it: a real X server (Xvfb), real key presses (xdotool), real pixels, and a sender
//! that waits for the ack of each picture.
//!
//! Needs Xvfb and xdotool, and says so where they are not. Waiting is always for something to happen; the
//! bound on it only ends a test that has failed.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "window/viewer.rs"]
mod viewer;

use std::thread;
use std::time::Duration;

use common::key::Key;
use common::screen::{self, Screen};
use common::{pictures, until};
use image::RgbImage;
use viewer::Viewer;

const RED: u32 = 0xd0_10_10;
const GREEN: u32 = 0x10_c0_20;
const BLUE: u32 = 0x20_30_e0;
const WHITE: u32 = 0xf0_f0_f0;

/// The colours of a picture's quarters: upper left, upper right, lower left, lower right.
const QUARTERS: [u32; 4] = [RED, GREEN, BLUE, WHITE];

/// What JPEG may cost a colour.
const STEPS: u8 = 6;

/// A pixel: one of the colours above, if it is near enough to have come of it.
fn colour(screen: &RgbImage, x: u32, y: u32) -> u32 {
    let seen = screen::colour(screen, x, y);
    let [_, r, g, b] = seen.to_be_bytes();
    let is_near = |sent: &u32| {
        let [_, red, green, blue] = sent.to_be_bytes();
        pictures::near([r, g, b], [red, green, blue], STEPS)
    };
    QUARTERS.into_iter().find(is_near).unwrap_or(seen)
}

/// The colours of a rectangle's pixels.
fn colours(
    screen: &RgbImage,
    (x, y, w, h): (u32, u32, u32, u32),
) -> impl Iterator<Item = u32> + '_ {
    (y..y + h).flat_map(move |y| (x..x + w).map(move |x| colour(screen, x, y)))
}

/// The colours in the middle of each quarter of a picture of `w` by `h` in the middle of the screen.
fn quarters(screen: &RgbImage, w: u32, h: u32) -> [u32; 4] {
    let (left, top) = ((screen.width() - w) / 2, (screen.height() - h) / 2);
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| colour(screen, left + w * x / 4, top + h * y / 4))
}

/// A window that shows a live picture of that size, words and all hidden.
fn showing(screen: &Screen, options: &[&str], w: u32, h: u32) -> Viewer {
    let mut viewer = Viewer::start(screen, options);
    viewer.show(1, w, h);
    viewer
}

#[test]
fn the_picture_is_shown_pixel_by_pixel_in_a_window_of_its_size() {
    let screen = Screen::start(1280, 800);
    let mut viewer = showing(&screen, &[], 640, 480);
    let pixels = screen.look();
    // The window's edges: the picture begins and ends there, and nothing of it is scaled.
    for (x, y, expected) in [
        (320, 160, RED),
        (639, 399, RED),
        (640, 399, GREEN),
        (639, 400, BLUE),
        (959, 639, WHITE),
        (319, 300, 0),
        (960, 300, 0),
    ] {
        assert_eq!(colour(&pixels, x, y), expected, "at {x},{y}");
    }
    viewer.quit_with(&screen, "q");
}

#[test]
fn every_picture_is_reported_as_shown_once_and_in_order() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 320, 240);
    for seq in 2..50 {
        viewer.show(seq, 320, 240);
    }
    let figures = viewer.quit_with(&screen, "Escape");
    assert_eq!(
        (&figures["shown"], &figures["dropped"]),
        (&49.into(), &0.into())
    );
}

#[test]
fn turning_and_mirroring_move_the_colours() {
    let screen = Screen::start(1000, 800);
    let mut viewer = showing(&screen, &[], 600, 600);
    screen.wait("the picture", |screen| {
        quarters(screen, 600, 600) == QUARTERS
    });
    screen.press("r");
    let clockwise = [BLUE, RED, WHITE, GREEN];
    screen.wait("a quarter turn", |screen| {
        quarters(screen, 600, 600) == clockwise
    });
    screen.press("m");
    let mirrored = [RED, BLUE, GREEN, WHITE];
    screen.wait("a mirror", |screen| quarters(screen, 600, 600) == mirrored);
    viewer.quit_with(&screen, "q");
}

#[test]
fn options_turn_the_picture_and_the_window_with_it() {
    let screen = Screen::start(1000, 1000);
    let mut viewer = showing(&screen, &["--rotation", "90", "--vflip"], 800, 400);
    // Flipped to [BLUE, WHITE, RED, GREEN], then turned.
    let turned = [RED, BLUE, GREEN, WHITE];
    screen.wait("the turned picture", |screen| {
        quarters(screen, 400, 800) == turned
    });
    viewer.quit_with(&screen, "q");
}

#[test]
fn a_frozen_picture_stays_and_going_on_shows_the_newest() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    let probe = |screen: &RgbImage| colour(screen, 400, 200);
    viewer.fill(2, 640, 480, RED);
    screen.press("space");
    screen.wait("the window saying that it is frozen", |screen| {
        colours(screen, (80, 480, 640, 50)).any(|colour| colour != RED)
    });
    for seq in 3..6 {
        viewer.fill(seq, 640, 480, BLUE);
    }
    assert_eq!(probe(&screen.look()), RED);
    // The frozen picture is the one that is saved.
    screen.press("s");
    assert_eq!(colour(&viewer.snapshot(), 320, 100), RED);
    screen.press("space");
    screen.wait("the newest picture", |screen| probe(screen) == BLUE);
    viewer.fill(6, 640, 480, GREEN);
    let figures = viewer.quit_with(&screen, "q");
    assert_eq!(
        (&figures["shown"], &figures["dropped"]),
        (&3.into(), &3.into())
    );
}

#[test]
fn the_overlay_and_the_help_come_and_go() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    viewer.fill(2, 640, 480, RED);
    let not_red = |screen: &RgbImage, place| colours(screen, place).any(|colour| colour != RED);
    let corner = |screen: &RgbImage| not_red(screen, (90, 70, 200, 100));
    let middle = |screen: &RgbImage| not_red(screen, (300, 200, 200, 200));
    assert!(!corner(&screen.look()) && !middle(&screen.look()));
    screen.press("i");
    screen.wait("the overlay", corner);
    screen.press("i");
    screen.wait("the overlay's end", |screen| !corner(screen));
    for key in ["h", "question"] {
        screen.press(key);
        screen.wait("the help", middle);
        // Escape leaves the help first, and the window stays.
        screen.press("Escape");
        screen.wait("the help's end", |screen| !middle(screen));
    }
    viewer.quit_with(&screen, "Escape");
}

#[test]
fn the_title_says_whether_what_is_shown_is_encrypted() {
    let screen = Screen::start(800, 600);
    let key = Key::new();
    for with in [&[][..], &key.args()] {
        let mut viewer = Viewer::start(&screen, with);
        // Whoever asks for it before is the server's only client, and the server begins anew when that goes.
        screen.wait("the window", |screen| {
            screen.pixels().any(|pixel| pixel.0 != [0; 3])
        });
        let _sender = viewer.receive(with);
        let title = until("a title with the rate", || {
            screen.titles().pop().filter(|title| title.contains(" fps"))
        });
        assert!(title.starts_with("garden - 640x480 - "), "{title}");
        assert_eq!(title.ends_with(" fps - encrypted"), !with.is_empty());
        viewer.quit_with(&screen, "q");
    }
}

#[test]
fn a_recording_has_its_red_dot_while_it_runs() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    viewer.fill(2, 640, 480, BLUE);
    let dot =
        |screen: &RgbImage| colours(screen, (600, 60, 120, 60)).any(|colour| colour == 0xf0_32_28);
    assert!(!dot(&screen.look()));
    screen.press("v");
    screen.wait("the red dot", dot);
    screen.press("v");
    screen.wait("the red dot's end", |screen| !dot(screen));
    viewer.quit_with(&screen, "q");
}

#[test]
fn full_screen_fills_the_screen_and_escape_leaves_it_first() {
    let screen = Screen::start(1024, 768);
    let mut viewer = showing(&screen, &[], 640, 480);
    let corner = |screen: &RgbImage| colour(screen, 0, 0);
    assert_eq!(corner(&screen.look()), 0);
    screen.press("f");
    screen.wait("the whole screen", |screen| corner(screen) == RED);
    screen.press("Escape");
    screen.wait("the window", |screen| {
        corner(screen) == 0 && quarters(screen, 640, 480) == QUARTERS
    });
    screen.press("f");
    screen.wait("the whole screen again", |screen| corner(screen) == RED);
    screen.press("f");
    screen.wait("the window again", |screen| corner(screen) == 0);
    viewer.quit_with(&screen, "Escape");
}

#[test]
fn the_full_screen_option_fills_the_screen() {
    let screen = Screen::start(1024, 768);
    let mut viewer = showing(&screen, &["--fullscreen"], 640, 480);
    screen.wait("the whole screen", |screen| colour(screen, 0, 0) == RED);
    viewer.quit_with(&screen, "q");
}

#[test]
fn a_given_size_is_kept_and_the_picture_letter_boxed() {
    let screen = Screen::start(1000, 1000);
    let mut viewer = showing(&screen, &["--window", "800x800"], 640, 320);
    screen.wait("the enlarged picture", |screen| {
        quarters(screen, 800, 400) == QUARTERS
    });
    // The bars above and below.
    for y in [110, 290, 710, 890] {
        assert_eq!(colour(&screen.look(), 500, y), 0, "at row {y}");
    }
    viewer.quit_with(&screen, "q");
}

#[test]
fn a_picture_larger_than_the_screen_is_fitted_to_it() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 4056, 3040);
    screen.wait("the fitted picture", |screen| {
        quarters(screen, 800, 600) == QUARTERS
    });
    viewer.quit_with(&screen, "q");
}

#[test]
fn odd_and_tiny_pictures_are_shown() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 1, 1);
    screen.wait("the one pixel", |screen| colour(screen, 400, 300) == RED);
    for (seq, w, h) in [(2, 639, 481), (3, 500, 480), (4, 65_500, 1), (5, 1, 3000)] {
        viewer.show(seq, w, h);
    }
    viewer.quit_with(&screen, "q");
}

#[test]
fn a_stalled_picture_is_dimmed_and_a_new_one_ends_that() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    let light = |screen: &RgbImage| screen.get_pixel(700, 100).0[1];
    assert_eq!(colour(&screen.look(), 700, 100), GREEN);
    viewer.end_stream();
    screen.wait("a darker picture", |screen| light(screen) < 0x60);
    viewer.show(2, 640, 480);
    assert_eq!(colour(&screen.look(), 700, 100), GREEN);
    viewer.quit_with(&screen, "q");
}

#[test]
fn the_waiting_screen_is_there_before_any_picture() {
    let screen = Screen::start(800, 600);
    let mut viewer = Viewer::start(&screen, &[]);
    let has =
        |screen: &RgbImage, place, wanted| colours(screen, place).any(|colour| colour == wanted);
    screen.wait("the line to type", |screen| {
        has(screen, (80, 60, 640, 480), 0x9f_e0_a6)
    });
    screen.press("s");
    screen.wait("the refusal", |screen| {
        has(screen, (80, 400, 640, 140), 0xff_8a_7a)
    });
    viewer.quit_with(&screen, "Escape");
}

#[test]
fn a_window_that_was_covered_is_whole_again() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    screen.wait("the picture", |screen| {
        quarters(screen, 640, 480) == QUARTERS
    });
    let mut other = Viewer::start(&screen, &["--window", "800x600"]);
    screen.wait("the other window", |screen| {
        quarters(screen, 640, 480) != QUARTERS && colour(screen, 2, 2) != 0
    });
    other.terminate();
    screen.wait("the picture", |screen| {
        quarters(screen, 640, 480) == QUARTERS
    });
    viewer.quit_with(&screen, "q");
}

#[test]
fn an_idle_window_sleeps_and_wakes_for_a_key() {
    let screen = Screen::start(800, 600);
    let mut viewer = Viewer::start(&screen, &[]);
    let is_lit = |screen: &RgbImage| colours(screen, (80, 60, 640, 480)).any(|c| c == 0x9f_e0_a6);
    let sleeps_seldom = |viewer: &Viewer| {
        let (before, seconds) = (viewer.sleeps(), 4);
        thread::sleep(Duration::from_secs(seconds));
        let sleeps = viewer.sleeps() - before;
        assert!(sleeps <= 5 * seconds, "{sleeps} in {seconds} s");
    };
    screen.wait("the line to type", is_lit);
    sleeps_seldom(&viewer);
    screen.press("h");
    screen.wait("the help", |screen| !is_lit(screen));
    screen.press("h");
    viewer.show(1, 640, 480);
    viewer.end_stream();
    screen.wait("a darker picture", |screen| {
        screen.get_pixel(700, 100).0[1] < 0x60
    });
    sleeps_seldom(&viewer);
    viewer.quit_with(&screen, "q");
}

#[test]
fn a_window_has_the_room_that_panels_and_its_frame_leave() {
    let screen = Screen::start(800, 600);
    let mut viewer = Viewer::start(&screen, &[]);
    screen.wait("the window", |screen| colour(screen, 400, 300) != 0);
    screen.set_property(true, "_NET_WORKAREA", &["0", "100", "800", "500"]);
    screen.set_property(false, "_NET_FRAME_EXTENTS", &["10", "10", "20", "10"]);
    viewer.show(1, 780, 780);
    screen.wait("the fitted picture", |screen| {
        let corners = [(166, 120), (634, 120), (166, 588), (634, 588)];
        corners.map(|(x, y)| colour(screen, x, y)) == QUARTERS
            && colour(screen, 400, 119) == 0
            && colour(screen, 400, 591) == 0
    });
    viewer.quit_with(&screen, "q");
}

#[test]
fn a_window_that_the_user_moved_and_resized_is_left_alone() {
    let screen = Screen::start(800, 600);
    let mut viewer = Viewer::start(&screen, &[]);
    screen.wait("the window", |screen| colour(screen, 400, 300) != 0);
    screen.place_window(100, 50, 400, 400);
    screen.wait("the smaller window", |screen| {
        colour(screen, 100, 50) != 0 && colour(screen, 501, 300) == 0
    });
    viewer.show(1, 640, 640);
    screen.wait("the picture", |screen| {
        [(200, 150), (400, 150), (200, 350), (400, 350)].map(|(x, y)| colour(screen, x, y))
            == QUARTERS
    });
    viewer.quit_with(&screen, "q");
}

#[test]
fn escape_leaves_a_full_screen_that_the_window_manager_made() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    screen.set_property(true, "_NET_SUPPORTED", &["_NET_WM_STATE_FULLSCREEN"]);
    screen.set_property(false, "_NET_WM_STATE", &["_NET_WM_STATE_FULLSCREEN"]);
    // Nobody is there who would leave it; the window stays all the same.
    screen.press("Escape");
    viewer.show(2, 640, 480);
    screen.set_property(false, "_NET_WM_STATE", &[]);
    viewer.quit_with(&screen, "Escape");
}

#[test]
fn the_close_button_ends_it() {
    let screen = Screen::start(800, 600);
    let mut viewer = showing(&screen, &[], 640, 480);
    // What a window manager sends when the button is pressed.
    screen.close_window();
    viewer.ends_with_0();
}

#[test]
fn without_a_display_the_error_says_what_to_do() {
    let (status, lines) = Viewer::start_on(":99999", &[]).end();
    assert_eq!(status.code(), Some(1));
    let says = |line: &String| line.contains("DISPLAY=:99999") && line.contains("--headless");
    assert!(lines.iter().any(says), "{lines:#?}");
}
