//! From a real libcamera's camera to the screen.
//!
//! The virtual camera says that it turns its pictures and does not: what is on the screen shows whether
//! pi-send knew better.

#[path = "../camera/lab.rs"]
#[allow(dead_code)]
mod lab;

use super::*;
use lab::{CORNERS, Lab, Scene};

/// The virtual camera's test pattern, from left to right.
const PATTERN: [[u8; 3]; 8] = [
    [255, 255, 255],
    [255, 255, 0],
    [0, 255, 255],
    [0, 255, 0],
    [255, 0, 255],
    [255, 0, 0],
    [0, 0, 255],
    [0, 0, 0],
];

fn start(viewer: &Viewer, camera: &Scene<'_>, args: &[&str]) -> Running {
    let mut command = viewer.sender(args);
    camera.give_to(&mut command);
    Running::start(&mut command)
}

/// Ends a sender as a user would; the camera must be let go.
fn end(mut sender: Running) {
    sender.signal("INT");
    let (status, lines) = sender.end();
    let killed = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(killed, Some(2), "{lines:#?}");
}

#[test]
fn the_cameras_picture_is_on_the_screen_right_side_up_and_truly_turned_where_asked() {
    let Some(lab) = Lab::find() else { return };
    let yaml = lab::picture("pair");
    for (options, expected) in turned(CORNERS.map(|(_, colour)| colour)) {
        let screen = Screen::start(1280, 1024);
        let viewer = Viewer::start(&[], &screen);
        let sender = start(&viewer, &lab.virtual_camera(&yaml).fps(30), options);
        let upright = options.contains(&"90") || options.contains(&"270");
        let (width, height) = if upright { (480, 640) } else { (640, 480) };
        screen.wait_for(&format!("camera's picture with {options:?}"), |screen| {
            let place = Place::in_the_middle(screen, width, height);
            (shows_quarters(screen, place, expected) && place.ends_here(screen)).then_some(())
        });
        end(sender);
    }
}

/// The pattern's bars along a row, as numbers into [`PATTERN`]; `None` where a colour is no bar's.
fn bars_along(screen: &RgbImage, place: Place, row: u32) -> Option<Vec<usize>> {
    let of = |x| {
        let seen = screen.get_pixel(x, place.y + row).0;
        PATTERN.iter().position(|colour| near(seen, *colour, STEPS))
    };
    let mut bars: Vec<usize> = Vec::new();
    for x in (place.x..place.x + place.width).step_by(4) {
        match of(x) {
            Some(bar) if bars.last() != Some(&bar) => bars.push(bar),
            Some(_) => {}
            // A column or two between bars are both.
            None if x + 4 < place.x + place.width && of(x + 4).is_some() => {}
            None => return None,
        }
    }
    Some(bars)
}

#[test]
fn the_test_pattern_is_on_the_screen_with_all_its_colours_in_order() {
    let Some(lab) = Lab::find() else { return };
    for (options, step) in [(&[][..], 1), (&["--hflip"][..], 7)] {
        let screen = Screen::start(1280, 1024);
        let viewer = Viewer::start(&[], &screen);
        let args = [&["--camera", "Virtual0"], options].concat();
        let camera = lab.virtual_camera(&lab::bars()).fps(30);
        let sender = start(&viewer, &camera, &args);
        screen.wait_for("test pattern", |screen| {
            let place = Place::in_the_middle(screen, 640, 480);
            let bars = bars_along(screen, place, 100)?;
            // It wanders, so any may be the first, and be cut in two.
            let in_order = bars.windows(2).all(|pair| pair[1] == (pair[0] + step) % 8);
            (in_order && bars.len() >= 8).then_some(())
        });
        end(sender);
    }
}
