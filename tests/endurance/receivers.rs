//! Receivers that are none, that are busy, that have moved: what pi-send makes of them.
//!
//! All of them are played here; where a name has several addresses, in a world with names of its own.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::figures::Figures;
use crate::common::receiver::{Listening, Session};
use crate::common::{Running, pi_send, pictures, until};
use crate::{in_a_world_of_its_own, listening, stage, told, watch};

/// A viewer that shows another camera keeps a connection for seconds; this is a short form of that.
const KEPT_WAITING: Duration = Duration::from_millis(1500);

/// pi-send with small test pictures, fifty a second.
fn sender(host: &str, args: &[&str]) -> Command {
    let mut command = pi_send(&["--host", host, "--source", "test", "--res", "160x120"]);
    command.args(["--fps", "50"]).args(args);
    command
}

fn count(lines: &[String], words: &str) -> usize {
    lines.iter().filter(|line| line.contains(words)).count()
}

/// Takes the first frame and no more, and lets go after a while.
fn keep_waiting(mut session: Session) {
    session.frame().expect("frames come");
    stage::pass(KEPT_WAITING);
}

/// Acknowledges every frame to the end marker; how many there were.
fn show(mut session: Session) -> usize {
    let mut frames = 0;
    while let Some(frame) = session.frame() {
        let seq = frame.stamp.expect("pi-send stamps").seq;
        session.acknowledge(seq, Duration::ZERO);
        frames += 1;
    }
    frames
}

#[test]
fn what_a_viewer_that_shows_another_camera_did_not_take_counts_for_nothing_and_is_told_once() {
    for end in [["--frames", "20"], ["--duration", "0.4"]] {
        let listening = Listening::start();
        let mut command = sender(&listening.address(), &end);
        let (mut sender, figures) = Figures::start(command.args(["--stats", "json"]));
        for _ in 0..2 {
            keep_waiting(listening.accept());
        }
        let shown = show(listening.accept());
        let (status, lines) = sender.end();
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert_eq!(figures.closing()["frames"], shown);
        assert!(end[0] != "--frames" || shown == 20, "{shown}");
        assert_eq!(count(&lines, "took no picture"), 1, "{lines:#?}");
        assert_eq!(count(&lines, "lost"), 0, "{lines:#?}");
        // At first, as there was no reason to doubt, and when it came to something.
        assert_eq!(count(&lines, "sending to"), 2, "{lines:#?}");
    }
}

#[test]
fn a_sender_whose_viewer_shows_another_camera_says_so_once_and_sends_all_when_it_is_free() {
    let (_viewer, address) = listening(&[]);
    let host = address.to_string();
    let mut first = Running::start(&mut sender(&host, &["--name", "porch"]));
    told(&mut first, "sending to");
    let mut second = sender(&host, &["--name", "garden", "--frames", "20"]);
    let (mut second, figures) = Figures::start(second.args(["--stats", "json"]));
    told(&mut second, "took no picture");
    first.kill();
    let (status, lines) = second.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert_eq!(figures.closing()["frames"], 20);
    assert_eq!(count(&lines, "took no picture"), 1, "{lines:#?}");
    assert_eq!(count(&lines, "lost"), 0, "{lines:#?}");
}

#[test]
fn a_receiver_that_acknowledges_one_frame_and_closes_is_dialled_ever_more_rarely() {
    let listening = Listening::start();
    let mut sender = Running::start(&mut sender(&listening.address(), &[]));
    let mut first = None;
    for _ in 0..5 {
        let mut session = listening.accept();
        first.get_or_insert_with(Instant::now);
        let frame = session.frame().expect("frames come");
        session.acknowledge(frame.stamp.expect("pi-send stamps").seq, Duration::ZERO);
    }
    // At 160 ms, 320, 640 and 800 at least.
    let took = first.expect("five came").elapsed();
    assert!(took > Duration::from_millis(1500), "{took:?}");
    let lines = sender.stderr();
    assert_eq!(count(lines, "sending to"), 1, "{lines:#?}");
    assert_eq!(count(lines, "lost"), 1, "{lines:#?}");
}

#[test]
fn a_sender_without_a_descriptor_for_its_connection_says_so_once_and_sends_once_there_is_one() {
    let listening = Listening::start();
    let mut sender = pi_send(&["--host", &listening.address(), "--source", "-"]);
    let mut sender = Running::start(sender.stdin(Stdio::piped()));
    let mut stdin = sender.take_stdin().expect("it is piped");
    until("its threads", || {
        (watch::footprint(sender.id()).threads > 3).then_some(())
    });
    let is_free = |fd: &u32| !std::fs::exists(format!("/proc/{}/fd/{fd}", sender.id())).unwrap();
    let taken = (0..).find(is_free).expect("it has few");
    may_open(&sender, taken);
    // It dials once there is a picture.
    let picture = pictures::stripes(16, 16, &[[200, 0, 0]]);
    stdin.write_all(&picture).unwrap();
    told(&mut sender, "os error 24");
    // Some attempts more come to the same.
    stage::pass(Duration::from_secs(1));
    may_open(&sender, 1024);
    let session = listening.accept();
    drop(stdin);
    assert_eq!(show(session), 1);
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert_eq!(count(&lines, "os error"), 1, "{lines:#?}");
}

/// Lets a program have so many descriptors, from now on.
fn may_open(program: &Running, descriptors: u32) {
    let limit = format!("--nofile={descriptors}:");
    let mut prlimit = Command::new("prlimit");
    prlimit.args([limit, format!("--pid={}", program.id())]);
    assert!(prlimit.status().expect("every Linux has it").success());
}

#[test]
fn an_address_on_which_the_sender_is_let_go_does_not_keep_it_from_the_other_family() {
    let test = "receivers::an_address_on_which_the_sender_is_let_go_does_not_keep_it_from_the_other_family";
    in_a_world_of_its_own(test, |network| {
        network.name("viewer", &["::1", "127.0.0.1"]);
        let (shown, address) = at(Ipv4Addr::LOCALHOST.into(), 0);
        let (strict, _) = at(Ipv6Addr::LOCALHOST.into(), address.port());
        let refused = Arc::new(AtomicUsize::new(0));
        thread::spawn({
            let refused = Arc::clone(&refused);
            move || {
                loop {
                    drop(strict.accept());
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        for _ in 0..5 {
            refused.store(0, Ordering::Relaxed);
            let host = format!("viewer:{}", address.port());
            let mut sender = Running::start(&mut sender(&host, &["--frames", "5"]));
            assert_eq!(show(shown.accept()), 5);
            assert_eq!(sender.wait().code(), Some(0));
            assert!(refused.load(Ordering::Relaxed) <= 1);
        }
    });
}

#[test]
fn a_viewer_that_moved_is_found_at_once_and_its_old_address_gets_no_more_pictures() {
    let test =
        "receivers::a_viewer_that_moved_is_found_at_once_and_its_old_address_gets_no_more_pictures";
    in_a_world_of_its_own(test, |network| {
        let (old, address) = at(Ipv4Addr::LOCALHOST.into(), 0);
        let (new, _) = at(Ipv4Addr::new(127, 0, 0, 2).into(), address.port());
        let host = format!("viewer:{}", address.port());
        let both = &["127.0.0.1", "127.0.0.2"][..];
        // The name says where it went, or both addresses; then something else listens at the old one.
        for (moved, reads) in [(&both[1..], false), (both, false), (both, true)] {
            network.name("viewer", &["127.0.0.1"]);
            let _sender = Running::start(&mut sender(&host, &[]));
            let mut session = old.accept();
            for _ in 0..10 {
                let frame = session.frame().expect("frames come");
                session.acknowledge(frame.stamp.expect("stamped").seq, Duration::ZERO);
            }
            network.name("viewer", moved);
            drop(session);
            if moved.len() == 2 {
                let mut other = old.accept();
                // Until it is let go.
                while reads && other.try_frame().is_ok() {}
            }
            let mut session = new.accept();
            for _ in 0..10 {
                let frame = session.frame().expect("frames come");
                session.acknowledge(frame.stamp.expect("stamped").seq, Duration::ZERO);
            }
            assert!(!old.has_somebody());
        }
    });
}

fn at(ip: std::net::IpAddr, port: u16) -> (Listening, SocketAddr) {
    let listening = Listening::on((ip, port).into());
    let address = listening.address().parse().expect("it is an address");
    (listening, address)
}
