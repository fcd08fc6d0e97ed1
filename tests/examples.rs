//! The examples, run as their first lines say: frames go into them and out of them.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::figures::Figures;
use common::screen::{Screen, colour};
use common::{Running, free_port, pi_send, view_recv};

/// One of the examples, which cargo builds beside the programs.
fn example(name: &str, args: &[&str]) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_view-recv")).parent().unwrap();
    let path = programs.join("examples").join(name);
    assert!(
        path.exists(),
        "{path:?} is not built: cargo build --examples"
    );
    let mut command = Command::new(path);
    command.args(args).stdin(Stdio::null());
    command
}

/// Test pictures for whoever listens there, or will.
fn test_pictures(port: u16) -> Running {
    pictures_of("test", port)
}

/// The same from a sender of that name.
fn pictures_of(name: &str, port: u16) -> Running {
    let host = format!("127.0.0.1:{port}");
    let args = ["--host", &host, "--source", "test", "--name", name];
    Running::start(&mut pi_send(&args))
}

#[test]
fn motion_prints_how_much_moved() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let (mut motion, stdout) = Running::start_collecting(&mut example("motion", &[&address, "10"]));
    let _sender = test_pictures(port);
    let (status, said) = motion.end();
    assert!(status.success(), "{said:#?}");
    let stdout = String::from_utf8(stdout.join().unwrap()).unwrap();
    let shares = stdout
        .lines()
        .filter_map(|line| line.strip_suffix(" % moved"));
    let shares: Vec<f64> = shares.map(|share| share.trim().parse().unwrap()).collect();
    assert_eq!(shares.len(), 9, "{stdout}");
    // The dial turns, and most of the picture stands still.
    assert!(shares.iter().all(|share| *share < 20.0), "{stdout}");
    assert!(shares.iter().any(|share| *share > 0.0), "{stdout}");
}

#[test]
fn cameras_takes_pictures_of_two_senders_at_once() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let (mut cameras, stdout) =
        Running::start_collecting(&mut example("cameras", &[&address, "60"]));
    let _senders = ["garden", "porch"].map(|name| pictures_of(name, port));
    let (status, said) = cameras.end();
    assert!(status.success(), "{said:#?}");
    let stdout = String::from_utf8(stdout.join().unwrap()).unwrap();
    for name in ["garden", "porch"] {
        let frame = format!("{name}: frame 5, 640x480,");
        assert!(stdout.contains(&frame), "{stdout}");
    }
}

#[test]
fn draw_shows_its_cross_on_the_picture() {
    let screen = Screen::start(800, 600);
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let _draw = Running::start(example("draw", &[&address]).env("DISPLAY", screen.display()));
    let _sender = test_pictures(port);
    // Without a window manager it is somewhere; its lines are as long as the picture.
    let on_cross = |screen: &image::RgbImage| {
        let row = |y| {
            (0..800)
                .filter(|x| colour(screen, *x, y) == 0xff_00_ff)
                .count()
        };
        let rows: Vec<usize> = (0..600).map(row).collect();
        rows.contains(&640) && rows.iter().filter(|count| **count > 0).count() == 480
    };
    screen.wait("the cross", on_cross);
}

#[test]
fn send_drawn_sends_its_pictures_to_a_viewer() {
    let args = [
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--once",
        "--stats",
        "json",
    ];
    let (mut viewer, figures) = Figures::start(&mut view_recv(&args));
    let host = viewer.listening_on().to_string();
    let mut sender = Running::start(&mut example("send_drawn", &[&host, "20"]));
    assert!(sender.wait().success());
    assert_eq!(viewer.wait().code(), Some(0));
    let closing = figures.closing();
    assert_eq!(
        (&closing["width"], &closing["height"]),
        (&640.into(), &480.into())
    );
    assert_eq!(closing["corrupt"], 0, "{closing}");
    assert!(closing["frames"].as_u64() > Some(0), "{closing}");
}
