//! Who has no key, or another one: both sides say what helps, once, and go on trying.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::common::key::Key;
use crate::common::relay::Relay;
use crate::common::{PATIENCE, Running, pi_send, until, view_recv};

/// Attempts after which nothing may be said twice.
const ATTEMPTS: usize = 4;

fn viewer(with: &[&str]) -> (Running, SocketAddr) {
    let mut command = view_recv(&["--bind", "127.0.0.1:0", "--headless"]);
    let mut viewer = Running::start(command.args(with));
    let address = viewer.listening_on();
    (viewer, address)
}

fn sender(host: &str, with: &[&str]) -> Running {
    Running::start(pi_send(&["--host", host, "--source", "test"]).args(with))
}

fn count(lines: &[String], words: &str) -> usize {
    lines.iter().filter(|line| line.contains(words)).count()
}

/// That a viewer and a sender with these options do not come together, and say so in these words.
fn refused(viewer_has: &[&str], sender_has: &[&str], viewer_says: &str, sender_says: &str) {
    let (mut viewer, address) = viewer(viewer_has);
    let relay = Relay::faithful(address);
    let mut sender = sender(&relay.address, sender_has);
    until("attempts", || {
        (relay.connections() >= ATTEMPTS).then_some(())
    });
    let said = (viewer.stderr().to_vec(), sender.stderr().to_vec());
    assert_eq!(count(&said.0, viewer_says), 1, "{said:#?}");
    assert_eq!(count(&said.1, sender_says), 1, "{said:#?}");
    assert_eq!(count(&said.0, "turned away"), 1, "{said:#?}");
    assert_eq!(count(&said.0, "receiving"), 0, "{said:#?}");
    // Without a key it says first that it sends.
    assert!(count(&said.1, "127.0.0.1") <= 2, "{said:#?}");
}

#[test]
fn a_sender_without_a_key_and_a_viewer_with_one_say_what_helps_once() {
    let key = Key::new();
    refused(
        &key.args(),
        &[],
        "turned away 127.0.0.1: it sends without a key; give it the same key: pi-send --key FILE",
        "takes pictures with a key only: give this side the same, --key FILE",
    );
}

#[test]
fn a_sender_with_a_key_and_a_viewer_without_say_what_helps_once() {
    let key = Key::new();
    refused(
        &[],
        &key.args(),
        "turned away 127.0.0.1: it has a key, and none is set here; the same one: view-recv --key FILE",
        "gives no answer to a key: it has none, or stands still; it needs the same one: view-recv --key FILE",
    );
}

#[test]
fn programs_with_different_keys_say_so_once() {
    let (one, other) = (Key::new(), Key::new());
    refused(
        &one.args(),
        &other.args(),
        "turned away 127.0.0.1: it has another key: the same file belongs on both sides",
        "has another key: the same file belongs on both sides (--key FILE)",
    );
}

#[test]
fn a_sender_says_once_what_any_answer_means() {
    let key = Key::new();
    for (answer, says) in [
        (&b"pi-s\x01\x02\0\0"[..], "speaks another version"),
        (b"pi-s\x02\0\0\0", "speaks another version"),
        (b"pi-s\x01\x03\0\0", "is showing another camera"),
        (b"pi-s\x01\x04\0\0", "does what this program does"),
        (b"pi-s\x01\x63\0\0", "gives no answer to a key"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "gives no answer to a key",
        ),
        // And then nothing that proves it.
        (b"pi-s\x01\0\0\0", "has another key"),
        (b"", "gives no answer to a key"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
        let host = listener.local_addr().expect("it is bound").to_string();
        let mut sender = sender(&host, &key.args());
        for _ in 0..ATTEMPTS {
            let (mut stream, _) = listener.accept().expect("it comes");
            stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
            stream.read_exact(&mut [0; 12]).expect("a hello");
            stream.write_all(answer).expect("it listens");
        }
        let lines = sender.stderr();
        assert_eq!(count(lines, says), 1, "{says}: {lines:#?}");
        assert_eq!(count(lines, "127.0.0.1"), 1, "{says}: {lines:#?}");
    }
}

/// A hello that is right, but for what `change` does to it, as anybody can make one who has seen another.
fn hello(address: SocketAddr, key: &Key, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let relay = Relay::faithful(address);
    let mut program = pi_send(&["--host", &relay.address, "--source", "test"]);
    let sent = program.args(["--frames", "1"]).args(key.args()).output();
    assert!(sent.expect("it starts").status.success());
    let mut hello = relay.copies().remove(0).to_listener;
    hello.truncate(12);
    change(&mut hello);
    hello
}

#[test]
fn a_viewer_answers_a_wrong_hello_with_the_reason_and_closes() {
    let key = Key::new();
    let (mut viewer, address) = viewer(&key.args());
    for (at, to, status, says) in [
        (4, 2, 2, "it speaks another version"),
        (5, 1, 4, "it does what this program does"),
        (8, 0x55, 1, "it has another key"),
        (0, 0, 5, "it sends without a key"),
    ] {
        let hello = hello(address, &key, |hello| {
            let other = if hello[at] == to { !to } else { to };
            hello[at] = other;
        });
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.write_all(&hello).expect("it listens");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it closes");
        assert_eq!(answer, [b'p', b'i', b'-', b's', 1, status, 0, 0]);
        // One line in ten seconds, whatever is wrong with them.
        if at == 4 {
            viewer.wait_line(says, |line| line.contains(says).then_some(()));
        }
    }
    let lines = viewer.stderr();
    assert!(count(lines, "turned away") <= 2, "{lines:#?}");
}
