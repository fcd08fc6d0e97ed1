//! Somebody on the path: what is to be read there, and what comes of changing it.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::common::dice::Dice;
use crate::common::key::Key;
use crate::common::relay::{Part, Relay, Way};
use crate::common::{PATIENCE, Running, pi_send, pictures, until, view_recv};
use pi_stream::protocol::Stamp;

/// Bytes of hello and first message, and of their answers.
const OPENING: usize = 12 + 48;
const ANSWERS: usize = 8 + 48;

/// A record in the middle of a stream: the handshake is over, acks and frames go to and fro.
const MIDDLE: usize = 40;

/// A headless viewer whose frames are collected.
struct Viewer {
    running: Running,
    output: thread::JoinHandle<Vec<u8>>,
    address: SocketAddr,
}

impl Viewer {
    fn start(with: &[&str]) -> Viewer {
        let mut command = view_recv(&["--bind", "127.0.0.1:0", "--headless", "--output", "-"]);
        let (mut running, output) = Running::start_collecting(command.args(with));
        let address = running.listening_on();
        Viewer {
            running,
            output,
            address,
        }
    }

    fn receives(&mut self) {
        let receives = |line: &str| line.contains("receiving").then_some(());
        self.running.wait_line("picture", receives);
    }

    /// Its frames and lines. Each frame is whole, and none is older than the one before it.
    fn end(mut self) -> (Vec<Vec<u8>>, Vec<String>) {
        self.running.signal("TERM");
        let (_, lines) = self.running.end();
        let frames = pictures::cut(&self.output.join().expect("it reads a pipe"));
        let times = frames.iter().map(|frame| {
            image::load_from_memory(frame).expect("it is a whole picture");
            Stamp::find(frame).expect("pi-send stamps").captured_unix_us
        });
        let times: Vec<u64> = times.collect();
        assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
        (frames, lines)
    }
}

/// Small test pictures, often, to that address.
fn sending(host: &str, with: &[&str]) -> Running {
    let args = ["--source", "test", "--res", "160x120", "--fps", "50"];
    let mut command = pi_send(&["--host", host]);
    Running::start(command.args(args).args(with))
}

/// How many strings of eight bytes of these frames, whatever is around them, somebody on the path has read.
fn read_on_the_path(with: &[&str]) -> usize {
    let mut viewer = Viewer::start(with);
    let relay = Relay::faithful(viewer.address);
    let name = ["--name", "behind-the-old-shed", "--frames", "50"];
    let mut sender = sending(&relay.address, &[with, &name].concat());
    viewer.receives();
    assert!(sender.wait().success());
    let (frames, _) = viewer.end();
    assert!(frames.len() > 30, "{}", frames.len());
    let secrets: HashSet<&[u8]> = frames.iter().flat_map(|frame| frame.windows(8)).collect();
    // What is in every stamp.
    for word in [&b"behind-t"[..], b"-stream/", b"/1 seq=1"] {
        assert!(secrets.contains(word), "{}", String::from_utf8_lossy(word));
    }
    let copies = relay.copies();
    let [copy] = &copies[..] else {
        panic!("{} connections", copies.len());
    };
    assert!(copy.to_listener.len() > 50_000 && copy.to_dialler.len() > 30 * 8);
    let both = [&copy.to_listener, &copy.to_dialler];
    let strings = both.into_iter().flat_map(|bytes| bytes.windows(8));
    strings.filter(|string| secrets.contains(string)).count()
}

#[test]
fn nobody_on_the_path_reads_eight_bytes_of_a_picture_a_stamp_or_a_name() {
    assert_eq!(read_on_the_path(&Key::new().args()), 0);
    // And would be seen here without a key.
    assert!(read_on_the_path(&[]) > 50_000);
}

/// How many bytes each connection has brought that has brought a frame. A dialler that is not answered at once dials
/// again, and leaves a connection behind.
fn used(relay: &Relay) -> Vec<usize> {
    let copies = relay.copies().into_iter();
    let lengths = copies.map(|copy| copy.to_listener.len());
    lengths.filter(|length| *length > OPENING + 18).collect()
}

/// Plays a stream that suffers harm until it goes on in a second connection; what the viewer told.
fn harmed(harm: impl FnMut(Part) -> Option<Vec<u8>> + Send + 'static) -> Vec<String> {
    let key = Key::new();
    let mut viewer = Viewer::start(&key.args());
    let relay = Relay::start(viewer.address, harm);
    let mut sender = sending(&relay.address, &key.args());
    viewer.receives();
    // With the picture back, and for a while.
    viewer.receives();
    until("frames of the second connection", || {
        (*used(&relay).get(1)? > 100_000).then_some(())
    });
    sender.signal("TERM");
    assert!(sender.wait().success(), "{:#?}", sender.stderr());
    assert_eq!(used(&relay).len(), 2, "{:#?}", sender.stderr());
    viewer.end().1
}

/// Changes one part of that way, once.
fn once(
    way: Way,
    number: usize,
    change: impl Fn(Vec<u8>) -> Option<Vec<u8>> + Send + 'static,
) -> impl FnMut(Part) -> Option<Vec<u8>> + Send + 'static {
    let mut is_done = false;
    move |part| {
        if is_done || (part.way, part.number) != (way, number) {
            return Some(part.bytes);
        }
        is_done = true;
        change(part.bytes)
    }
}

fn flipped(at: usize, bit: u8) -> impl Fn(Vec<u8>) -> Option<Vec<u8>> + Send {
    move |mut bytes| {
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= bit;
        Some(bytes)
    }
}

/// The next record before this one, once.
fn swapped(way: Way) -> impl FnMut(Part) -> Option<Vec<u8>> + Send {
    let mut kept = None;
    let mut is_done = false;
    move |part| {
        if is_done || part.way != way || part.number < MIDDLE {
            return Some(part.bytes);
        }
        let Some(kept) = kept.take() else {
            kept = Some(part.bytes);
            return Some(Vec::new());
        };
        is_done = true;
        Some([part.bytes, kept].concat())
    }
}

/// An earlier record of the same connection, then this one, once.
fn replayed(way: Way) -> impl FnMut(Part) -> Option<Vec<u8>> + Send {
    let (mut kept, mut is_done) = (Vec::new(), false);
    move |part| {
        if is_done || part.way != way || !(20..=MIDDLE).contains(&part.number) {
            return Some(part.bytes);
        }
        if part.number == 20 {
            kept.clone_from(&part.bytes);
        }
        is_done = part.number == MIDDLE;
        match is_done {
            true => Some([&kept[..], &part.bytes].concat()),
            false => Some(part.bytes),
        }
    }
}

#[test]
fn a_changed_repeated_missing_or_foreign_record_ends_its_connection_and_nothing_else() {
    let up = Way::ToListener;
    thread::scope(|scope| {
        let mut plays = Vec::new();
        let mut play =
            |what: &'static str, harm: Box<dyn FnMut(Part) -> Option<Vec<u8>> + Send>| {
                plays.push((what, scope.spawn(move || harmed(harm))));
            };
        for way in [up, Way::ToDialler] {
            play(
                "its tag",
                Box::new(once(way, MIDDLE, flipped(usize::MAX, 1))),
            );
            play(
                "its first byte",
                Box::new(once(way, MIDDLE, flipped(2, 0x80))),
            );
            play("its length", Box::new(once(way, MIDDLE, flipped(0, 1))));
            let twice = |bytes: Vec<u8>| Some([&bytes[..], &bytes[..]].concat());
            play("it twice", Box::new(once(way, MIDDLE, twice)));
            play(
                "it left out",
                Box::new(once(way, MIDDLE, |_| Some(Vec::new()))),
            );
            play("it later", Box::new(swapped(way)));
            play("an earlier one", Box::new(replayed(way)));
        }
        play("nothing", Box::new(once(up, MIDDLE, |_| Some(vec![0, 0]))));
        let tag = |bytes: Vec<u8>| Some([&[16, 0], &bytes[2..18]].concat());
        play("its beginning", Box::new(once(up, MIDDLE, tag)));
        let noise = |_| {
            let mut dice = Dice(1);
            Some((0..100_000).map(|_| dice.next() as u8).collect())
        };
        play("noise", Box::new(once(up, MIDDLE, noise)));
        play("an end", Box::new(once(up, MIDDLE, |_| None)));
        for (what, play) in plays {
            let lines = play.join().unwrap_or_else(|_| panic!("{what}: see above"));
            let lost = lines
                .iter()
                .filter(|line| line.contains(" was lost"))
                .count();
            let away = lines
                .iter()
                .filter(|line| line.contains(" went away"))
                .count();
            assert_eq!(lost + away, 1, "{what}: {lines:#?}");
        }
    });
}

#[test]
fn a_changed_byte_of_the_handshake_lets_nobody_in() {
    // Hello, first message; answer, second message.
    let changes: Vec<(Way, usize, usize)> = [
        (Way::ToListener, 0, vec![0, 4, 5, 6, 8, 11]),
        (Way::ToListener, 1, vec![0, 31, 32, 47]),
        (Way::ToDialler, 0, vec![0, 4, 5, 6]),
        (Way::ToDialler, 1, vec![0, 31, 32, 47]),
    ]
    .into_iter()
    .flat_map(|(way, number, places)| places.into_iter().map(move |at| (way, number, at)))
    .collect();
    thread::scope(|scope| {
        for (way, number, at) in changes {
            scope.spawn(move || {
                let key = Key::new();
                let mut viewer = Viewer::start(&key.args());
                let flip = flipped(at, 1);
                let relay = Relay::start(viewer.address, move |part| {
                    let is_it = (part.connection, part.way, part.number) == (0, way, number);
                    if is_it {
                        flip(part.bytes)
                    } else {
                        Some(part.bytes)
                    }
                });
                let _sender = sending(&relay.address, &key.args());
                viewer.receives();
                viewer.end();
                let copies = relay.copies();
                let what = format!("{way:?} {number} {at}: {} connections", copies.len());
                assert!(copies.len() > 1, "{what}");
                // The first one has brought no record but the empty one, which a dialler that has heard nothing wrong sends.
                assert!(copies[0].to_listener.len() <= OPENING + 18, "{what}");
                assert!(copies[0].to_dialler.len() <= ANSWERS, "{what}");
            });
        }
    });
}

#[test]
fn a_stream_that_is_cut_between_two_records_is_no_end() {
    let key = Key::new();
    let mut viewer = view_recv(&["--bind", "127.0.0.1:0", "--headless", "--once"]);
    let mut viewer = Running::start(viewer.args(key.args()));
    // Whoever cuts sees no difference between frames and end marker but the size: 22 bytes with the length.
    let relay = Relay::start(viewer.listening_on(), |part| {
        let is_end = part.way == Way::ToListener && part.number > 2 && part.bytes.len() == 22;
        (!is_end).then_some(part.bytes)
    });
    let _sender = sending(
        &relay.address,
        &[&key.args()[..], &["--frames", "20"]].concat(),
    );
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
}

/// What a listener answers to these bytes, until it closes.
fn answered(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    // It may close before the end.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 256];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return answer,
            Ok(count) => answer.extend(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return answer,
            Err(error) => panic!("it does not close: {error}"),
        }
    }
}

#[test]
fn a_listener_sends_no_record_to_whoever_replays_a_connection() {
    let key = Key::new();
    let mut viewer = Viewer::start(&key.args());
    let relay = Relay::faithful(viewer.address);
    let mut sender = sending(
        &relay.address,
        &[&key.args()[..], &["--frames", "20"]].concat(),
    );
    viewer.receives();
    assert!(sender.wait().success());
    let copy = relay.copies().remove(0);
    // It did answer its sender.
    assert!(copy.to_dialler.len() > ANSWERS);
    let replay = &copy.to_listener;
    for bytes in [&replay[..OPENING], &replay[..OPENING + 18], replay] {
        let answer = answered(viewer.address, bytes);
        assert!(answer.len() <= ANSWERS, "{} bytes", answer.len());
        assert_eq!(answer[..8], *b"pi-s\x01\0\0\0");
        // With a key of this connection's own.
        assert_ne!(answer[8..], copy.to_dialler[8..answer.len()]);
    }
    let (_, lines) = viewer.end();
    let sessions = lines.iter().filter(|line| line.contains("receiving"));
    assert_eq!(sessions.count(), 1, "{lines:#?}");
}

#[test]
fn a_sender_that_is_answered_with_its_own_bytes_sends_no_record() {
    let key = Key::new();
    let mirror = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let host = mirror.local_addr().expect("it is bound").to_string();
    let _sender = sending(&host, &key.args());
    let (mut stream, _) = mirror.accept().expect("it comes");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let mut opening = [0; OPENING];
    stream.read_exact(&mut opening[..12]).expect("a hello");
    stream.write_all(&opening[..8]).expect("it listens");
    stream.read_exact(&mut opening[12..]).expect("a message");
    stream.write_all(&opening[12..]).expect("it listens");
    let mut rest = Vec::new();
    // However it closes.
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}
