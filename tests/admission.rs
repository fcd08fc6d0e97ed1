//! Who gets in, who does not, and what is said of it: strangers' and cameras' connections to the real
//! view-recv.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "endurance/hostile.rs"]
mod hostile;
#[path = "admission/huge.rs"]
mod huge;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use common::dice::Dice;
use common::screen::{Screen, colours};
use common::{PATIENCE, Running, pi_send, pictures, until, view_recv};
use hostile::Kind;
use pi_stream::protocol::wire::{ACK_BYTES, write_frame};
use pi_stream::protocol::{FrameReader, Stamp, stamp};

/// A headless view-recv on the loopback, and where it listens.
fn listening(args: &[&str]) -> (Running, SocketAddr) {
    let bind = ["--bind", "127.0.0.1:0", "--headless"];
    let mut viewer = Running::start(&mut view_recv(&[&bind, args].concat()));
    let address = viewer.listening_on();
    (viewer, address)
}

fn told(viewer: &mut Running, words: &str) -> String {
    viewer.wait_line(words, |line| line.contains(words).then(|| line.to_owned()))
}

/// A connection from another address of this machine.
fn from(last: u8, to: SocketAddr) -> TcpStream {
    hostile::connect(Ipv4Addr::new(127, 0, 0, last), to).unwrap()
}

fn picture() -> Vec<u8> {
    pictures::stripes(64, 48, &[[200, 30, 40]])
}

/// A picture of a camera of that name.
fn picture_of(name: &str) -> Vec<u8> {
    let stamp = Stamp {
        name: Some(name.parse().unwrap()),
        ..Stamp::default()
    };
    stamp::stamped(&picture(), &stamp)
}

#[test]
fn a_first_frame_that_takes_longer_than_five_seconds_gets_in() {
    let (mut viewer, address) = listening(&[]);
    let mut stream = TcpStream::connect(address).unwrap();
    let mut jpeg = picture();
    // What follows the end of a JPEG is ignored.
    jpeg.resize(100_000, 0);
    stream
        .write_all(&(jpeg.len() as u32).to_le_bytes())
        .unwrap();
    for piece in jpeg.chunks(1000) {
        // A link of 16 kB/s.
        std::thread::sleep(Duration::from_millis(60));
        stream.write_all(piece).unwrap();
    }
    told(&mut viewer, "receiving 64x48");
}

#[test]
fn a_connection_that_is_closed_without_a_byte_is_not_told_of() {
    let (mut viewer, address) = listening(&[]);
    // The slower family of a dial to both.
    drop(TcpStream::connect(address).unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    write_frame(&mut stream, &[&picture()]).unwrap();
    told(&mut viewer, "receiving");
    viewer.signal("TERM");
    let (_, lines) = viewer.end();
    assert!(
        !lines.iter().any(|line| line.contains("no picture")),
        "{lines:#?}"
    );
}

#[test]
fn a_sender_that_is_not_allowed_is_told_of_once_with_its_address() {
    let (mut viewer, address) = listening(&["--allow", "10.0.0.0/8"]);
    let streams: Vec<_> = (0..5)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let line = told(&mut viewer, "--allow");
    assert!(line.contains("127.0.0.1"), "{line}");
    drop(streams);
    viewer.signal("TERM");
    let (_, lines) = viewer.end();
    let about: Vec<_> = lines.iter().filter(|l| l.contains("127.0.0.1")).collect();
    // Where it listens, what to type, and this.
    assert_eq!(about.len(), 3, "{lines:#?}");
}

/// A JPEG of four components.
fn four_colours() -> Vec<u8> {
    let mut jpeg = hostile::bad_picture(Kind::Cmyk, &mut Dice(1));
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]);
    let frame = frame.unwrap();
    jpeg[frame + 3] += 3;
    let end = frame + 2 + usize::from(jpeg[frame + 3]) - 3;
    jpeg.splice(end..end, [4, 0x11, 0]);
    jpeg
}

#[test]
fn why_a_first_frame_was_refused_is_said_with_the_address_and_what_to_do() {
    let bad = |kind| hostile::bad_picture(kind, &mut Dice(1));
    let frame = |jpeg: Vec<u8>| {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &[&jpeg]).unwrap();
        bytes
    };
    for (bytes, words) in [
        (
            20_000_000u32.to_le_bytes().to_vec(),
            ["20000000 bytes", "--max-frame-bytes"],
        ),
        (frame(four_colours()), ["colours", "YCbCr or gray"]),
        (
            frame(bad(Kind::TwelveBit)),
            ["more than 8 bits", "with 8 bits"],
        ),
        (frame(huge::picture(8500)), ["8500x8500", "--max-pixels"]),
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            ["else than pictures", "browser"],
        ),
    ] {
        let (mut viewer, address) = listening(&[]);
        from(7, address).write_all(&bytes).unwrap();
        let line = told(&mut viewer, "127.0.0.7");
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
}

#[test]
fn another_camera_behind_the_same_address_does_not_take_over_a_live_session() {
    let (mut viewer, address) = listening(&[]);
    let mut garden = TcpStream::connect(address).unwrap();
    write_frame(&mut garden, &[&picture_of("garden")]).unwrap();
    told(&mut viewer, "receiving 64x48 from garden");
    // Pauses for longer than a camera's own new connection would have to wait.
    let mut porch = TcpStream::connect(address).unwrap();
    write_frame(&mut porch, &[&picture_of("porch")]).unwrap();
    let line = told(&mut viewer, "porch");
    assert_eq!(
        line,
        format!(
            "view-recv: turned away porch (127.0.0.1): already showing garden; second camera: view-recv --bind :{}",
            address.port() + 1
        )
    );
    // Its own new connection takes it at once.
    let mut anew = TcpStream::connect(address).unwrap();
    write_frame(&mut anew, &[&picture_of("garden")]).unwrap();
    told(&mut viewer, "connected anew");
}

#[test]
fn the_window_says_that_a_second_camera_was_turned_away() {
    let screen = Screen::start(800, 600);
    let bind = ["--bind", "127.0.0.1:0"];
    let mut viewer = Running::start(view_recv(&bind).env("DISPLAY", screen.display()));
    let address = viewer.listening_on();
    let jpeg = pictures::stripes(640, 480, &[[208, 16, 16]]);
    let mut garden = TcpStream::connect(address).unwrap();
    let red = |colour: u32| (0xc0_00_00..0xe0_30_30).contains(&colour);
    let below = (90, 460, 620, 60);
    // Frames go on, so that nothing else is said.
    screen.wait("the picture alone", |screen| {
        write_frame(&mut &garden, &[&jpeg]).unwrap();
        colours(screen, below).all(red)
    });
    let mut porch = from(7, address);
    write_frame(&mut porch, &[&picture_of("porch")]).unwrap();
    screen.wait("the line in the window", |screen| {
        write_frame(&mut &garden, &[&jpeg]).unwrap();
        !colours(screen, below).all(red)
    });
    told(&mut viewer, "turned away porch");
    garden.flush().unwrap();
}

/// How much memory a viewer has beyond what small pictures take: while a huge one comes, and after it.
fn cost_of_a_huge_picture(mut viewer: Running, is_shown: bool) -> u64 {
    let address = viewer.listening_on();
    let mut stream = TcpStream::connect(address).unwrap();
    let asks = Stamp {
        ack: true,
        ..Stamp::default()
    };
    let pid = viewer.id();
    // One after the other, so that each is shown and no more buffers than usual are at work.
    let mut show = |jpeg: &[u8]| {
        write_frame(&mut stream, &[&stamp::stamped(jpeg, &asks)]).unwrap();
        let acked = stream.read_exact(&mut [0; ACK_BYTES]);
        acked.unwrap_or_else(|error| panic!("{error}: {:#?}", viewer.stderr()));
        huge::memory_kb(pid, "VmRSS:")
    };
    show(&picture());
    // What the window itself takes is there by now.
    let before = show(&picture());
    let peak = || huge::memory_kb(pid, "VmHWM:").saturating_sub(before);
    until("a huge picture's memory, if it takes any", || {
        show(&huge::picture(4100));
        // A byte for each pixel at the very least.
        (!is_shown || peak() > 16_000).then_some(())
    });
    until("the memory given back", || {
        (show(&picture()) < before + 16 * 1024).then_some(())
    });
    peak()
}

#[test]
fn a_huge_picture_leaves_no_memory_behind() {
    let screen = Screen::start(800, 600);
    let mut view = view_recv(&["--bind", "127.0.0.1:0"]);
    let view = view.env("DISPLAY", screen.display());
    cost_of_a_huge_picture(Running::start(view), true);
}

#[test]
fn a_bound_keeps_a_huge_picture_out_before_it_takes_memory() {
    let args = ["--bind", "127.0.0.1:0", "--headless", "--max-pixels", "1M"];
    let peak = cost_of_a_huge_picture(Running::start(&mut view_recv(&args)), false);
    assert!(peak < 16 * 1024, "{peak} kB");
}

#[test]
fn the_first_frame_says_how_slow_its_sender_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let _sender = Running::start(&mut pi_send(&[
        "--source", "test", "--res", "160x120", "--host", &host, "--fps", "0.01",
    ]));
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut frame = Vec::new();
    assert!(FrameReader::new(1 << 20).read(stream, &mut frame).unwrap());
    let text = String::from_utf8_lossy(&frame);
    assert!(text.contains(" fps=0.01"), "{:?}", Stamp::find(&frame));
}
