//! A key at work: what has it does all that works without, and nobody else reads, sends or disturbs.
//!
//! Real programs on the loopback; whoever is between them, or has no key, is played here. How a key is made, and what is
//! said where one is missing, is in tests/key.rs.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

#[path = "encrypted/between.rs"]
mod between;
mod common;
#[path = "encrypted/refused.rs"]
mod refused;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use common::key::Key;
use common::pictures;
use common::{PATIENCE, Running, pi_send, view_recv};
use image::{Rgb, RgbImage};
use pi_stream::{Receiver, ReceiverOptions, Sender};

#[test]
fn a_killed_sender_with_a_key_is_no_end() {
    let key = Key::new();
    let viewer = ["--bind", "127.0.0.1:0", "--headless", "--once"];
    let mut viewer = Running::start(view_recv(&viewer).args(key.args()));
    let host = viewer.listening_on().to_string();
    let mut sender =
        Running::start(pi_send(&["--host", &host, "--source", "test"]).args(key.args()));
    viewer.wait_line("picture", |line| line.contains("receiving").then_some(()));
    sender.kill();
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
}

#[test]
fn a_recording_of_an_encrypted_stream_is_what_was_sent_byte_by_byte() {
    let key = Key::new();
    let jpegs: Vec<Vec<u8>> = (0..30)
        .map(|i| pictures::stripes(320, 240, &[[8 * i, 128, 255], [255, 8 * i, 0]]))
        .collect();
    let file = pictures::file("key-recorded.mjpeg", &jpegs.concat());
    let record = key.folder().join("garden.mjpeg");
    let record = record.to_str().expect("temporary paths are ASCII");
    let viewer = [
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--once",
        "--record",
        record,
    ];
    let mut viewer = Running::start(view_recv(&viewer).args(key.args()));
    let host = viewer.listening_on().to_string();
    let file = file.to_str().expect("cargo's folders have plain names");
    let send = ["--host", &host, "--source", file, "--every-frame"];
    let sent = pi_send(&send).args(key.args()).output().expect("it starts");
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(viewer.end().0.code(), Some(0));
    let recorded = pictures::cut(&fs::read(record).expect("it was recorded"));
    let plain = recorded.iter().map(|frame| {
        let parts = pi_stream::protocol::stamp::places(frame);
        parts.map(|part| &frame[part]).concat()
    });
    assert!(plain.eq(jpegs), "{} frames", recorded.len());
}

/// Runs it, and expects that it ends at once and says these words in one line.
fn fails(command: &mut Command, words: &[&str]) {
    let (status, lines) = Running::start(command).end();
    assert!(
        matches!(status.code(), Some(1 | 2)),
        "{command:?}: {lines:#?}"
    );
    assert_eq!(lines.len(), 1, "{command:?}: {lines:#?}");
    for word in words {
        assert!(lines[0].contains(word), "{word:?} is not in {lines:#?}");
    }
}

#[test]
fn a_key_file_that_cannot_be_used_is_refused_with_what_to_do() {
    let key = Key::new();
    let file = |name: &str, text: &[u8], mode| {
        let file = key.folder().join(name);
        fs::write(&file, text).expect("there is room");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        file.to_str().expect("temporary paths are ASCII").to_owned()
    };
    let line = key.line();
    let missing = key.folder().join("none.key").display().to_string();
    let open = file("open.key", line.as_bytes(), 0o644);
    let group = file("group.key", line.as_bytes(), 0o640);
    for (file, remedy) in [
        (missing.clone(), format!("--new-key {missing}")),
        (open.clone(), format!("chmod 600 {open}")),
        (group.clone(), format!("chmod 600 {group}")),
        (file("empty.key", b"", 0o600), "it holds no key".to_owned()),
        (
            file("comment.key", b"# nothing\n", 0o600),
            "it holds no key".to_owned(),
        ),
        (
            file("cut.key", &line.as_bytes()[..58], 0o600),
            "no key".to_owned(),
        ),
        (file("noise.key", &[0xFF; 100], 0o600), "UTF-8".to_owned()),
        (
            file("large.key", &[b'A'; 1 << 20], 0o600),
            "no key".to_owned(),
        ),
        (
            file("two.key", [&*line, &*line].join("\n").as_bytes(), 0o600),
            "several".to_owned(),
        ),
    ] {
        let words = [&*file, &*remedy];
        let view = ["--bind", "127.0.0.1:0", "--headless", "--key", &file];
        fails(&mut view_recv(&view), &words);
        let send = ["--host", "127.0.0.1", "--source", "test", "--key", &file];
        fails(&mut pi_send(&send), &words);
    }
    // What is said of a file never contains what is in it.
    let cut = file("cut.key", &line.as_bytes()[..58], 0o600);
    let said = view_recv(&["--headless", "--key", &cut]).output();
    let said = String::from_utf8(said.expect("it starts").stderr).expect("UTF-8");
    assert!(!said.contains(&line[16..50]), "{said}");
}

#[test]
fn the_key_is_not_in_the_memory_of_a_programs_arguments_environment_or_lines() {
    let key = Key::new();
    let secret = key.line()["pi-stream-key-1:".len()..].to_owned();
    let viewer = ["--bind", "127.0.0.1:0", "--headless", "--stats", "line"];
    let mut viewer = Running::start(view_recv(&viewer).args(key.args()));
    let host = viewer.listening_on().to_string();
    let mut sender =
        Running::start(pi_send(&["--host", &host, "--source", "test"]).args(key.args()));
    viewer.wait_line("picture", |line| line.contains("receiving").then_some(()));
    for program in [&mut viewer, &mut sender] {
        for what in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{}/{what}", program.id())).expect("it runs");
            assert!(
                memchr::memmem::find(&bytes, secret.as_bytes()).is_none(),
                "{what}"
            );
        }
        let lines = program.stderr().concat();
        assert!(!lines.contains(&secret), "{lines}");
    }
}

#[test]
fn the_librarys_sender_and_receiver_with_a_key_hear_each_other_and_nobody_else() {
    let read = |key: &Key| pi_stream::Key::read(&key.file).expect("it was made");
    let (key, other) = (Key::new(), Key::new());
    let options = ReceiverOptions {
        key: Some(read(&key)),
        ..ReceiverOptions::default()
    };
    let address = "127.0.0.1:0".parse().expect("an address");
    let mut receiver = Receiver::bind_with(address, options).expect("it can listen");
    let host = receiver.address().to_string();
    let mut plain = Sender::dial(&host).expect("an address");
    let mut stranger = Sender::dial_with(&host, read(&other)).expect("an address");
    let shade = |value| RgbImage::from_pixel(64, 48, Rgb([value, 128, 128]));
    plain.send(&shade(10));
    stranger.send(&shade(20));
    assert!(receiver.next_within(Duration::from_secs(1)).is_none());
    let mut sender = Sender::dial_with(&host, read(&key)).expect("an address");
    for value in [200, 220, 240] {
        sender.send(&shade(value));
        let frame = receiver.next_within(PATIENCE).expect("a frame");
        let picture = frame.decode().expect("a picture");
        assert!(picture.get_pixel(9, 9).0[0].abs_diff(value) < 5);
    }
}
