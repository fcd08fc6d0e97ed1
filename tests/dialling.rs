//! Either side dials: senders that listen, viewers that connect, and what other programs do on such connections.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "dialling/others.rs"]
mod others;
#[path = "dialling/several.rs"]
mod several;

use std::net::SocketAddr;

use common::key::Key;
use common::{Running, free_port, pi_send, until, view_recv};

/// A small test picture, fifty times a second.
const SMALL: [&str; 6] = ["--source", "test", "--res", "160x120", "--fps", "50"];

/// A pi-send that listens on the loopback, and where.
fn listening(args: &[&str]) -> (Running, String) {
    let listen = ["--listen", "127.0.0.1:0"];
    let mut sender = Running::start(&mut pi_send(&[&listen, &SMALL[..], args].concat()));
    let address = sender.listening_on().to_string();
    (sender, address)
}

/// A headless view-recv that dials there.
fn viewer(address: &str, args: &[&str]) -> Running {
    let connect = ["--connect", address, "--headless"];
    Running::start(&mut view_recv(&[&connect, args].concat()))
}

fn told(program: &mut Running, words: &str) {
    program.wait_line(words, |line| line.contains(words).then_some(()));
}

fn count(program: &mut Running, words: &str) -> usize {
    let lines = program.stderr().iter();
    lines.filter(|line| line.contains(words)).count()
}

#[test]
fn a_viewer_that_dials_shows_a_sender_that_listens_to_its_end() {
    let (mut sender, address) = listening(&["--frames", "20"]);
    let mut viewer = viewer(&address, &["--once"]);
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let typed = format!("view-recv --connect {address}");
    assert!(lines.iter().any(|line| line.contains(&typed)), "{lines:#?}");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert!(
        !lines.iter().any(|line| line.contains("listening")),
        "{lines:#?}"
    );
}

#[test]
fn a_viewer_that_comes_first_says_what_it_misses_and_shows_the_sender_once_it_is_there() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut viewer = viewer(&address, &["--frames", "5"]);
    told(&mut viewer, "is pi-send --listen running there");
    let listen = ["--listen", &address];
    let mut sender = Running::start(&mut pi_send(&[&listen, &SMALL[..]].concat()));
    told(&mut viewer, "receiving 160x120");
    assert_eq!(viewer.wait().code(), Some(0));
    assert_eq!(count(&mut viewer, "refused"), 1, "{:#?}", viewer.stderr());
    // It goes on, for the next one.
    told(&mut sender, "view-recv closed the connection");
    assert!(!sender.has_ended());
}

#[test]
fn a_sender_that_vanishes_ends_a_viewer_that_waits_for_one_with_status_1() {
    let (mut sender, address) = listening(&[]);
    let mut viewer = viewer(&address, &["--once"]);
    told(&mut viewer, "receiving");
    sender.kill();
    assert_eq!(viewer.wait().code(), Some(1), "{:#?}", viewer.stderr());
}

#[test]
fn a_sender_that_listens_to_its_networks_says_who_can_watch_where_no_key_and_no_list_does() {
    let key = Key::new();
    let open = "anyone in this machine's networks can watch";
    let says_so = |args: &[&str]| {
        let mut sender = Running::start(&mut pi_send(&[&SMALL[..], args].concat()));
        told(&mut sender, "listening on");
        told(&mut sender, "type: ");
        sender.signal("TERM");
        let (status, lines) = sender.end();
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        lines.iter().any(|line| line.contains(open))
    };
    assert!(says_so(&["--listen", ":0"]));
    assert!(!says_so(&["--listen", ":0", "--allow", "10.0.0.0/8"]));
    assert!(!says_so(&["--listen", ":0", "--key", &key.file]));
}

#[test]
fn whoever_is_not_allowed_gets_no_picture_of_a_sender_that_listens() {
    let (mut sender, address) = listening(&["--allow", "127.0.0.2"]);
    let mut viewer = viewer(&address, &[]);
    told(
        &mut sender,
        "turned away 127.0.0.1: --allow does not include it",
    );
    told(&mut viewer, "trying again");
    assert_eq!(count(&mut viewer, "receiving"), 0);
}

#[test]
fn a_viewer_that_dials_and_listens_takes_either_sender() {
    let (mut first, address) = listening(&["--frames", "20"]);
    let bind = ["--bind", "127.0.0.1:0", "--allow", "127.0.0.1"];
    let mut viewer = viewer(&address, &bind);
    let here = viewer.listening_on().to_string();
    told(&mut viewer, "ended the stream");
    assert_eq!(first.wait().code(), Some(0));
    let host = ["--host", &here, "--frames", "5"];
    let mut second = Running::start(&mut pi_send(&[&host, &SMALL[..]].concat()));
    told(&mut viewer, "ended the stream");
    assert_eq!(second.wait().code(), Some(0));
}

#[test]
fn with_two_senders_to_dial_the_second_waits_for_the_first() {
    let (mut first, one) = listening(&["--name", "garden"]);
    let (_second, two) = listening(&["--name", "porch"]);
    let mut viewer = viewer(&one, &["--connect", &two]);
    // Either may be the first.
    let shown = viewer.wait_line("a session", |line| {
        line.contains("receiving").then(|| line.to_owned())
    });
    told(&mut viewer, "already showing");
    if shown.contains("garden") {
        first.kill();
        told(&mut viewer, "receiving 160x120 from porch");
    }
}

#[test]
fn nobody_opens_a_udp_socket() {
    let mut viewer = Running::start(&mut view_recv(&["--bind", "127.0.0.1:0", "--headless"]));
    let host = viewer.listening_on().to_string();
    let mut sender = Running::start(&mut pi_send(&[&["--host", &host], &SMALL[..]].concat()));
    told(&mut sender, "sending to");
    let inodes = |table: &str| -> Vec<String> {
        let table = std::fs::read_to_string(table).expect("Linux has it");
        let inode = |line: &str| line.split_whitespace().nth(9).map(str::to_owned);
        table.lines().skip(1).filter_map(inode).collect()
    };
    let udp = [inodes("/proc/net/udp"), inodes("/proc/net/udp6")].concat();
    for program in [&viewer, &sender] {
        let folder = format!("/proc/{}/fd", program.id());
        for entry in std::fs::read_dir(folder).expect("it runs") {
            let Ok(target) = std::fs::read_link(entry.expect("it runs").path()) else {
                continue;
            };
            let target = target.to_string_lossy().into_owned();
            let of_udp = udp
                .iter()
                .any(|inode| target == format!("socket:[{inode}]"));
            assert!(!of_udp, "{target}");
        }
    }
}

#[test]
fn with_a_key_a_viewer_that_dials_proves_it_and_whoever_has_none_is_told() {
    let key = Key::new();
    let (mut sender, address) = listening(&key.args());
    let mut plain = viewer(&address, &[]);
    told(&mut plain, "trying again");
    told(&mut sender, "it has no key");
    assert_eq!(count(&mut plain, "receiving"), 0);
    plain.kill();
    let with = [&key.args()[..], &["--frames", "20"]].concat();
    let mut shown = viewer(&address, &with);
    assert_eq!(shown.wait().code(), Some(0), "{:#?}", shown.stderr());
}

#[test]
fn with_a_key_nothing_is_shown_of_a_sender_that_has_none() {
    let (_sender, address) = listening(&[]);
    let key = Key::new();
    let mut viewer = viewer(&address, &key.args());
    told(&mut viewer, "gives no answer to a key");
    told_remedy(&mut viewer, "pi-send --listen --key FILE");
    assert_eq!(count(&mut viewer, "receiving"), 0);
}

fn told_remedy(program: &mut Running, words: &str) {
    let line = program.stderr().iter().any(|line| line.contains(words));
    assert!(line, "{words} is not in {:#?}", program.stderr());
}

/// Where that is.
fn at(address: &str) -> SocketAddr {
    address.parse().expect("it is an address")
}

/// Waits until a program has told its user that so many times.
fn told_times(program: &mut Running, words: &str, times: usize) {
    until(words, || (count(program, words) >= times).then_some(()));
}
