//! Both programs, each on a host of its own, find each other.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use image::Rgb;
use pi_stream::net::find;
use pi_stream::protocol::Role;

use crate::common::figures::Figures;
use crate::common::key::Key;
use crate::common::screen::Screen;
use crate::common::{Running, until};
use crate::in_a_world_of_its_own;
use crate::lan::Host;

fn pi_send(host: Host, args: &[&str]) -> Command {
    let mut command = host.command(env!("CARGO_BIN_EXE_pi-send"));
    command.args(["--source", "test"]).args(args);
    command
}

fn view_recv(host: Host, args: &[&str]) -> Command {
    let mut command = host.command(env!("CARGO_BIN_EXE_view-recv"));
    command.args(["--headless", "--stats", "json"]).args(args);
    command
}

fn wait_for_frames(figures: &Figures) {
    figures.wait_for("frames", |f| (f["fps"].as_f64()? > 0.0).then_some(()));
}

fn wait_for_line(program: &mut Running, words: &str) {
    program.wait_line(words, |line| line.contains(words).then_some(()));
}

#[test]
fn with_a_key_the_viewer_is_found_and_somebody_who_says_to_be_it_gets_no_frame() {
    let test =
        "programs::with_a_key_the_viewer_is_found_and_somebody_who_says_to_be_it_gets_no_frame";
    in_a_world_of_its_own(test, |lan| {
        let (pi, desk, evil) = (lan.add("pi", 2), lan.add("desk", 3), lan.add("evil", 66));
        let key = Key::new();
        let listener = evil.run(|| TcpListener::bind("0.0.0.0:8000").unwrap());
        let (connections, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        thread::spawn({
            let (connections, bytes) = (Arc::clone(&connections), Arc::clone(&bytes));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    connections.fetch_add(1, Ordering::Relaxed);
                    // The answer of one that has the key.
                    let _ = std::io::Write::write_all(&mut &stream, b"pi-s\x01\0\0\0");
                    let bytes = Arc::clone(&bytes);
                    thread::spawn(move || {
                        let mut some = [0; 4096];
                        while let Ok(length @ 1..) = (&stream).read(&mut some) {
                            bytes.fetch_add(length, Ordering::Relaxed);
                        }
                    });
                }
            }
        });
        let (name, own) = (
            pi_stream::net::reach::host_name(),
            key.line().parse().unwrap(),
        );
        let bound = vec!["0.0.0.0:8000".parse().unwrap()];
        let warn = |line| panic!("{line}");
        let start = || find::announce(Role::Receives, &name, bound, Some(&own), warn);
        let _impostor = evil.run(|| start().unwrap());

        let _sender = Running::start(&mut pi_send(pi, &key.args()));
        until("a connection", || {
            (connections.load(Ordering::Relaxed) > 0).then_some(())
        });
        let (_viewer, figures) = Figures::start(&mut view_recv(desk, &key.args()));
        wait_for_frames(&figures);
        // Hello and the first message of a handshake, each time.
        let most = connections.load(Ordering::Relaxed) * (12 + 48);
        assert!(
            bytes.load(Ordering::Relaxed) <= most,
            "{bytes:?} of {most} bytes"
        );
    });
}

#[test]
fn cameras_are_found_by_auto_even_where_their_address_changes() {
    let test = "programs::cameras_are_found_by_auto_even_where_their_address_changes";
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        garden
            .run(|| fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"))
            .unwrap();
        let auto = ["--connect", "auto"];
        let (mut viewer, figures) = Figures::start(&mut view_recv(desk, &auto));
        wait_for_line(&mut viewer, "looking for cameras");
        let _camera = Running::start(&mut pi_send(garden, &["--listen", "--name", "garden"]));
        wait_for_frames(&figures);
        garden.ip("addr del 10.77.0.2/24 dev eth0");
        garden.ip("addr add 10.77.0.21/24 dev eth0");
        figures.wait_for("frames from elsewhere", |f| {
            let is_there = f["peer"].as_str()?.starts_with("10.77.0.21:");
            (is_there && f["fps"].as_f64()? > 0.0).then_some(())
        });
    });
}

#[test]
fn the_only_viewer_is_sent_to_and_of_several_one_is_to_be_chosen() {
    let test = "programs::the_only_viewer_is_sent_to_and_of_several_one_is_to_be_chosen";
    in_a_world_of_its_own(test, |lan| {
        let (pi, desk, attic) = (lan.add("pi", 2), lan.add("desk", 3), lan.add("attic", 4));
        let auto = ["--host", "auto"];
        let mut sender = Running::start(&mut pi_send(pi, &auto));
        wait_for_line(&mut sender, "no viewer is announced here yet");
        // One with a key is none of theirs.
        let key = Key::new();
        let _keyed = Running::start(&mut view_recv(attic, &key.args()));
        let (_viewer, figures) = Figures::start(&mut view_recv(desk, &["--announce"]));
        wait_for_frames(&figures);
        drop(sender);

        let other = ["--announce", "--bind", ":9000"];
        let mut other = Running::start(&mut view_recv(attic, &other));
        wait_for_line(&mut other, "listening on");
        let end = |args: &[&str]| Running::start(&mut pi_send(pi, args)).end();
        let lists_both = |lines: &[String]| {
            let typed = ["--host 10.77.0.3:8000", "--host 10.77.0.4:9000"];
            let has_all = |line: &String| typed.iter().all(|typed| line.contains(typed));
            lines.iter().any(has_all)
        };
        let (status, lines) = end(&auto);
        assert!(
            status.code() == Some(1) && lists_both(&lines),
            "{status}: {lines:#?}"
        );
        let (status, lines) = end(&[]);
        assert!(
            status.code() == Some(2) && lists_both(&lines),
            "{status}: {lines:#?}"
        );

        let listed = pi_send(pi, &["--list-viewers"]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(
            listed.starts_with("NAME ") && listed.lines().count() == 4,
            "{listed}"
        );
        let listed = view_recv(desk, &["--list-cameras=json"]).output().unwrap();
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), "[]\n");
    });
}

#[test]
fn the_waiting_screen_lists_cameras_and_connects_to_the_one_that_is_chosen() {
    let test = "programs::the_waiting_screen_lists_cameras_and_connects_to_the_one_that_is_chosen";
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        let screen = Screen::start(640, 480);
        let mut view_recv = desk.command(env!("CARGO_BIN_EXE_view-recv"));
        view_recv
            .args(["--window", "640x480"])
            .env("DISPLAY", screen.display());
        for choose in ["key 1", "click"] {
            let mut viewer = Running::start(&mut view_recv);
            wait_for_line(&mut viewer, "listening on");
            let camera = ["--listen", "--name", "garden"];
            let _camera = Running::start(&mut pi_send(garden, &camera));
            let is_light = |pixel: &Rgb<u8>| pixel.0[1] > 150;
            screen.wait("words", |screen| screen.pixels().any(is_light));
            // First it looks; then there is something to choose.
            screen.press("Return");
            until("a picture", || {
                screen.xdotool(match choose {
                    "click" => &["mousemove", "320", "455", "click", "1"],
                    _ => &["key", "1"],
                });
                thread::sleep(std::time::Duration::from_millis(200));
                let is_live = |line: &String| line.contains("10.77.0.2");
                viewer.stderr().iter().any(is_live).then_some(())
            });
        }
    });
}
