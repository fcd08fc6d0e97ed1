//! A key on both sides: what works with it, what is told where it is missing, and what nobody gets without it.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use common::figures::Figures;
use common::{PATIENCE, Running, pi_send, pictures, view_recv};
use pi_stream::protocol::wire::write_frame;
use tempfile::TempDir;

/// A key that view-recv has made, in a folder of its own.
fn new_key() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("garden.key");
    let made = view_recv(&["--new-key", path(&file)]).output().unwrap();
    assert!(made.status.success());
    (folder, file)
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

fn viewer(args: &[&str]) -> (Running, String) {
    let bind = ["--bind", "127.0.0.1:0", "--headless"];
    let mut viewer = Running::start(&mut view_recv(&[&bind, args].concat()));
    let address = viewer.listening_on().to_string();
    (viewer, address)
}

fn sender(host: &str, args: &[&str]) -> Running {
    let test = ["--host", host, "--source", "test"];
    Running::start(&mut pi_send(&[&test, args].concat()))
}

fn told(program: &mut Running, words: &str) -> String {
    program.wait_line(words, |line| line.contains(words).then(|| line.to_owned()))
}

#[test]
fn a_key_is_made_for_its_owner_alone_and_what_to_type_next_is_printed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for make in [pi_send, view_recv] {
        let _ = std::fs::remove_file(folder.path().join("garden.key"));
        let mut command = make(&["--new-key", "garden.key"]);
        let output = command.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success());
        let file = folder.path().join("garden.key");
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (text, said) = (std::fs::read(&file).unwrap(), output.stdout);
        let said = String::from_utf8(said).unwrap();
        for line in [
            "scp garden.key YOU@",
            "view-recv --key garden.key",
            "pi-send --host ",
        ] {
            assert!(said.contains(line), "{said}");
        }
        let again = command.current_dir(folder.path()).output().unwrap();
        assert_eq!(again.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&again.stderr).contains("no key is overwritten"));
        assert_eq!(std::fs::read(&file).unwrap(), text);
    }
}

#[test]
fn pictures_go_from_key_to_key_and_both_sides_say_so() {
    let (_folder, file) = new_key();
    let view = [
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--stats",
        "json",
        "--once",
    ];
    let (mut viewer, of_viewer) = Figures::start(view_recv(&view).args(["--key", path(&file)]));
    let host = viewer.listening_on().to_string();
    let send = [
        "--host", &host, "--source", "test", "--stats", "json", "--frames", "60",
    ];
    let (mut sender, of_sender) = Figures::start(pi_send(&send).args(["--key", path(&file)]));
    of_sender.wait_for("acks", |figures| {
        let known = figures["key"] == true && figures["latency_ms"].is_number();
        known.then_some(())
    });
    let received = of_viewer.closing();
    assert_eq!(
        (&received["key"], &received["frames"]),
        (&true.into(), &60.into())
    );
    assert!(sender.wait().success());
    assert!(viewer.wait().success());
}

#[test]
fn a_sender_without_the_viewers_key_is_told_on_both_sides_what_to_give_it() {
    let (_folder, file) = new_key();
    let (mut viewer, host) = viewer(&["--key", path(&file)]);
    let mut plain = sender(&host, &["--no-retry"]);
    told(
        &mut plain,
        "takes pictures with a key only: give this side the same, --key FILE",
    );
    assert_eq!(plain.wait().code(), Some(1));
    told(
        &mut viewer,
        "turned away 127.0.0.1: it sends without a key; give it the same key: pi-send --key FILE",
    );
}

#[test]
fn a_viewer_without_the_senders_key_is_told_on_both_sides_what_to_give_it() {
    let (_folder, file) = new_key();
    let (mut viewer, host) = viewer(&[]);
    let mut keyed = sender(&host, &["--no-retry", "--key", path(&file)]);
    told(&mut keyed, "it needs the same one: view-recv --key FILE");
    assert_eq!(keyed.wait().code(), Some(1));
    told(
        &mut viewer,
        "turned away 127.0.0.1: it has a key, and none is set here; the same one: view-recv --key FILE",
    );
}

#[test]
fn two_keys_are_told_on_both_sides() {
    let ((_folder, file), (_other_folder, other)) = (new_key(), new_key());
    let (mut viewer, host) = viewer(&["--key", path(&file)]);
    let mut keyed = sender(&host, &["--no-retry", "--key", path(&other)]);
    told(
        &mut keyed,
        "has another key: the same file belongs on both sides (--key FILE)",
    );
    assert_eq!(keyed.wait().code(), Some(1));
    told(&mut viewer, "turned away 127.0.0.1: it has another key");
}

#[test]
fn whoever_takes_a_hello_for_a_length_is_told_to_have_no_key() {
    let (_folder, file) = new_key();
    // An older view-recv, which closes at once, and the recipe's server, which waits for 1.9 GB.
    for closes in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let accepting = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            assert!(u32::from_le_bytes(length) > 1 << 30);
            // It listens on, or the next attempt would be refused.
            (listener, (!closes).then_some(stream))
        });
        let mut keyed = sender(&host, &["--no-retry", "--key", path(&file)]);
        told(&mut keyed, "gives no answer to a key");
        assert_eq!(keyed.wait().code(), Some(1));
        accepting.join().unwrap();
    }
}

#[test]
fn a_second_sender_with_the_key_is_told_that_another_camera_is_shown() {
    let (_folder, file) = new_key();
    let (mut viewer, host) = viewer(&["--key", path(&file)]);
    let _first = sender(&host, &["--key", path(&file), "--name", "garden"]);
    told(&mut viewer, "receiving 640x480 from garden");
    // From another address, as far as 127.0.0.1 is one: the first one's own would be its next connection.
    let hello = {
        let key = pi_stream::Key::read(&file).unwrap();
        use pi_stream::protocol::Role;
        use pi_stream::protocol::encrypted::handshake::hello;
        hello(&key, Role::Sends)
    };
    let mut second = from_elsewhere(&host);
    second.write_all(&hello).unwrap();
    let mut answer = [0; 8];
    second.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"pi-s\x01\x03\0\0");
    assert_eq!(second.read(&mut answer).unwrap(), 0);
    drop(second);
    told(&mut viewer, "turned away 127.0.0.2: already showing garden");
}

/// A connection from 127.0.0.2.
fn from_elsewhere(host: &str) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let local: std::net::SocketAddr = ([127, 0, 0, 2], 0).into();
    socket.bind(&local.into()).unwrap();
    let to: std::net::SocketAddr = host.parse().unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn a_plain_frame_and_what_is_no_hello_at_all_get_an_answer_and_no_place() {
    let (_folder, file) = new_key();
    let (mut viewer, host) = viewer(&["--key", path(&file)]);
    let picture = pictures::stripes(64, 48, &[[200, 30, 40]]);
    let mut plain = TcpStream::connect(&host).unwrap();
    write_frame(&mut plain, &[&picture]).unwrap();
    let mut said = Vec::new();
    plain.read_to_end(&mut said).unwrap();
    assert_eq!(said, *b"pi-s\x01\x05\0\0");
    told(&mut viewer, "it sends without a key");
    let mut browser = TcpStream::connect(&host).unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut said = Vec::new();
    browser.read_to_end(&mut said).unwrap();
    assert_eq!(said, *b"pi-s\x01\x05\0\0");
    // A camera with the key is received all the same.
    let _keyed = sender(&host, &["--key", path(&file)]);
    told(&mut viewer, "receiving 640x480");
}

#[test]
fn a_key_that_systemd_hands_over_is_used_without_being_asked_for() {
    let (folder, file) = new_key();
    std::fs::copy(&file, folder.path().join("pi-stream.key")).unwrap();
    let (mut viewer, host) = viewer(&["--key", path(&file)]);
    let send = ["--host", &host, "--source", "test"];
    let mut command = pi_send(&send);
    let _sender = Running::start(command.env("CREDENTIALS_DIRECTORY", folder.path()));
    told(&mut viewer, "receiving 640x480");
}

#[test]
fn a_key_file_that_is_missing_or_read_by_others_is_an_error_with_its_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, file) = new_key();
    let missing = folder.path().join("none.key");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    for (file, remedy) in [(&missing, "--new-key"), (&file, "chmod 600")] {
        let view = view_recv(&["--bind", "127.0.0.1:0", "--key", path(file)]);
        let send = pi_send(&[
            "--host",
            "127.0.0.1",
            "--source",
            "test",
            "--key",
            path(file),
        ]);
        for mut command in [view, send] {
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(remedy) && said.contains(path(file)), "{said}");
        }
    }
}

#[test]
fn a_sender_moves_to_another_link_and_comes_back_with_its_key() {
    let (_folder, file) = new_key();
    let (mut viewer, host) = viewer(&["--key", path(&file)]);
    let mut sender = sender(&host, &["--key", path(&file), "--name", "garden"]);
    told(&mut viewer, "receiving 640x480 from garden");
    viewer.signal("KILL");
    viewer.wait();
    told(&mut sender, "trying again");
    let again = ["--bind", &host, "--headless", "--key", path(&file)];
    let mut viewer = Running::start(&mut view_recv(&again));
    told(&mut viewer, "receiving 640x480 from garden");
}
