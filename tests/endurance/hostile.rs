//! Strangers: everything that somebody who found the port might send, one connection each.

// The short forms and the full counts are two crates; each uses a part of this.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pi_stream::protocol::wire::write_frame;
use pi_stream::protocol::{DEFAULT_MAX_FRAME_BYTES, stamp};
use socket2::{Domain, SockRef, Socket, Type};

use crate::common::dice::Dice;
use crate::common::pictures;

/// What a stranger does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Connects and goes.
    Empty,
    /// Connects and resets.
    Reset,
    /// Connects and says nothing.
    Silent,
    /// One byte a second.
    Trickle,
    /// An end marker, and another.
    Marker,
    /// The greatest length that can be said.
    TooLong,
    /// A length, and no byte of what it promises.
    LengthAlone,
    /// The longest frame that is accepted, fast, all but its last byte.
    Hog,
    /// Text of another protocol.
    Http,
    /// Frames of noise.
    Noise,
    /// A JPEG that ends early.
    Truncated,
    /// JPEGs with a few bytes changed.
    Mutated,
    /// A baseline JPEG that says that it is progressive.
    Progressive,
    /// Four components.
    Cmyk,
    /// Twelve bits a sample.
    TwelveBit,
    /// 65,500 pixels wide.
    Wide,
    /// A few hundred bytes that say that they are a picture of 60 megapixels.
    Bomb,
    /// A megabyte of restart markers.
    Restarts,
    /// A restart interval that is not kept.
    LyingStrips,
    /// A stamp that would clear the terminal.
    Stamp,
    /// A good picture, over and over: somebody who wants the seat.
    Usurper,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 21] = [
        Kind::Empty,
        Kind::Reset,
        Kind::Silent,
        Kind::Trickle,
        Kind::Marker,
        Kind::TooLong,
        Kind::LengthAlone,
        Kind::Hog,
        Kind::Http,
        Kind::Noise,
        Kind::Truncated,
        Kind::Mutated,
        Kind::Progressive,
        Kind::Cmyk,
        Kind::TwelveBit,
        Kind::Wide,
        Kind::Bomb,
        Kind::Restarts,
        Kind::LyingStrips,
        Kind::Stamp,
        Kind::Usurper,
    ];
}

/// How long a stranger stays at most: longer than a candidate may wait.
const STAY: Duration = Duration::from_secs(7);

/// Does its worst, from that address, until it is shown out or has stayed long enough. What fails is
/// the viewer's answer, and right.
pub fn visit(kind: Kind, from: Ipv4Addr, viewer: SocketAddr, seed: u64) {
    let until = Instant::now() + STAY;
    let stream = stay(from, viewer, |stream| {
        let _ = act(kind, stream, &mut Dice(seed), until);
    });
    if let (Kind::Reset, Some(stream)) = (kind, stream) {
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
}

/// Connects, acts, and waits until it is shown out or has stayed long enough.
pub fn stay(from: Ipv4Addr, viewer: SocketAddr, act: impl FnOnce(&TcpStream)) -> Option<TcpStream> {
    let until = Instant::now() + STAY;
    let stream = connect(from, viewer).ok()?;
    act(&stream);
    while Instant::now() < until {
        match (&stream).read(&mut [0; 64]) {
            Ok(0) => break,
            Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => break,
            _ => {}
        }
    }
    Some(stream)
}

/// A connection from an address of the loopback.
pub fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), STAY)?;
    socket.set_write_timeout(Some(STAY))?;
    socket.set_read_timeout(Some(Duration::from_millis(250)))?;
    Ok(socket.into())
}

fn act(kind: Kind, mut stream: &TcpStream, dice: &mut Dice, until: Instant) -> std::io::Result<()> {
    match kind {
        Kind::Empty => stream.shutdown(Shutdown::Both),
        Kind::Reset | Kind::Silent => Ok(()),
        Kind::Trickle => {
            for byte in 1000u32.to_le_bytes().iter().chain(&picture()) {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_secs(1));
                if Instant::now() >= until {
                    break;
                }
            }
            Ok(())
        }
        Kind::Marker => stream.write_all(&[0; 8]),
        Kind::TooLong => stream.write_all(&[0xFF; 4096]),
        Kind::LengthAlone => stream.write_all(&DEFAULT_MAX_FRAME_BYTES.to_le_bytes()),
        Kind::Hog => {
            stream.write_all(&DEFAULT_MAX_FRAME_BYTES.to_le_bytes())?;
            let piece = vec![0xA5; 64 * 1024];
            for _ in 1..DEFAULT_MAX_FRAME_BYTES as usize / piece.len() {
                stream.write_all(&piece)?;
            }
            Ok(())
        }
        Kind::Http => stream.write_all(b"GET / HTTP/1.1\r\nHost: garden\r\n\r\n"),
        Kind::Usurper => loop {
            write_frame(&mut stream, &[&picture()])?;
            if Instant::now() >= until {
                return Ok(());
            }
        },
        _ => write_frame(&mut stream, &[&bad_picture(kind, dice)]),
    }
}

fn picture() -> Vec<u8> {
    pictures::stripes(64, 48, &[[200, 30, 40], [40, 50, 180]])
}

/// A frame of that kind.
pub fn bad_picture(kind: Kind, dice: &mut Dice) -> Vec<u8> {
    let mut jpeg = picture();
    // The frame header: FF C0, its length, bits a sample, height, width, components.
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .expect("image writes baseline JPEGs");
    match kind {
        Kind::Noise => jpeg = dice.bytes(4000),
        Kind::Truncated => jpeg.truncate(jpeg.len() / 2),
        Kind::Mutated => dice.mutate(&mut jpeg),
        Kind::Progressive => jpeg[frame + 1] = 0xC2,
        Kind::Cmyk => jpeg[frame + 9] = 4,
        Kind::TwelveBit => jpeg[frame + 4] = 12,
        Kind::Wide => jpeg[frame + 7..frame + 9].copy_from_slice(&65_500u16.to_be_bytes()),
        Kind::Bomb => {
            for at in [frame + 5, frame + 7] {
                jpeg[at..at + 2].copy_from_slice(&7_800u16.to_be_bytes());
            }
        }
        Kind::Restarts => {
            jpeg.truncate(jpeg.len() - 2);
            jpeg.extend((0..500_000u32).flat_map(|i| [0xFF, 0xD0 + (i % 8) as u8]));
            jpeg.extend([0xFF, 0xD9]);
        }
        Kind::LyingStrips => {
            let interval = [0xFF, 0xDD, 0, 4, 0, 1 + dice.below(200) as u8];
            jpeg.splice(frame..frame, interval);
        }
        Kind::Stamp => {
            let text = b"pi-stream/1 seq=1 t=1 ack=1 name=\x1b[2J\x07%1b%5b2J\r\n../../x";
            let length = (text.len() as u16 + 2).to_be_bytes();
            let segment = [&[0xFF, 0xFE], &length[..], text].concat();
            let at = stamp::places(&jpeg)[0].end;
            jpeg.splice(at..at, segment);
        }
        _ => {}
    }
    jpeg
}
