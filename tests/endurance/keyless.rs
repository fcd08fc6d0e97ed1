//! Strangers to a viewer that has a key: everything that somebody might send who has seen all bytes of an earlier
//! connection, and not the key.

// The short forms and the full counts are two crates; each uses a part of this.
#![allow(dead_code)]

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::hostile;
use crate::common::dice::Dice;
use crate::common::relay::Relay;
use crate::common::{pi_send, pictures};
use pi_stream::protocol::wire::write_frame;

/// Bytes of a hello.
const HELLO: usize = 12;

/// Bytes of a hello and the first message of the handshake.
const OPENING: usize = HELLO + 48;

/// What a stranger tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A hello with the id of another key, and what would follow.
    OtherKey,
    /// The first four bytes of a hello, then noise.
    GarbledHello,
    /// Noise.
    Noise,
    /// Half a hello.
    HalfHello,
    /// A hello, a byte a second.
    Trickle,
    /// A later version's.
    LaterVersion,
    /// The role of the viewer itself.
    SameRole,
    /// The hello of the earlier connection, and nothing.
    HelloAlone,
    /// The same, and noise for the first message.
    GarbledMessage,
    /// Hello and first message of the earlier connection, and nothing.
    Opening,
    /// The same, and a record of noise.
    GarbledRecord,
    /// The same, and the longest records that can be announced, without their ends.
    EndlessRecord,
    /// The same, and records too short for a tag.
    ShortRecords,
    /// The earlier connection, every byte of it.
    Replay,
    /// A good picture, as without a key.
    Plain,
}

impl Attempt {
    /// All of them.
    pub const ALL: [Attempt; 15] = [
        Attempt::OtherKey,
        Attempt::GarbledHello,
        Attempt::Noise,
        Attempt::HalfHello,
        Attempt::Trickle,
        Attempt::LaterVersion,
        Attempt::SameRole,
        Attempt::HelloAlone,
        Attempt::GarbledMessage,
        Attempt::Opening,
        Attempt::GarbledRecord,
        Attempt::EndlessRecord,
        Attempt::ShortRecords,
        Attempt::Replay,
        Attempt::Plain,
    ];
}

/// All that a sender with a key sent to that viewer on a short connection.
pub fn recorded(viewer: SocketAddr, with: &[&str]) -> Vec<u8> {
    let relay = Relay::faithful(viewer);
    let args = ["--source", "test", "--res", "160x120", "--frames", "5"];
    let mut sender = pi_send(&["--host", &relay.address]);
    let sent = sender.args(args).args(with).output().expect("it starts");
    assert!(sent.status.success(), "{sent:?}");
    let copy = relay.copies().remove(0).to_listener;
    assert!(copy.len() > OPENING, "{} bytes", copy.len());
    copy
}

/// Does its worst, until it is shown out or has stayed long enough.
pub fn visit(attempt: Attempt, recorded: &[u8], from: Ipv4Addr, viewer: SocketAddr, seed: u64) {
    hostile::stay(from, viewer, |stream| {
        // What fails is the viewer's answer, and right.
        let _ = act(attempt, recorded, stream, &mut Dice(seed));
    });
}

fn act(
    attempt: Attempt,
    recorded: &[u8],
    mut stream: &TcpStream,
    dice: &mut Dice,
) -> std::io::Result<()> {
    let noise = |dice: &mut Dice, count: usize| -> Vec<u8> {
        std::iter::repeat_with(|| dice.next() as u8)
            .take(count)
            .collect()
    };
    let (hello, opening) = (&recorded[..HELLO], &recorded[..OPENING]);
    let changed = |at: usize, to: u8| {
        let mut hello = hello.to_vec();
        hello[at] = to;
        hello
    };
    match attempt {
        Attempt::OtherKey => {
            stream.write_all(&changed(8, !hello[8]))?;
            stream.write_all(&noise(dice, 48))
        }
        Attempt::GarbledHello => {
            stream.write_all(b"pi-s")?;
            stream.write_all(&noise(dice, 100))
        }
        Attempt::Noise => stream.write_all(&noise(dice, 100_000)),
        Attempt::HalfHello => stream.write_all(&hello[..HELLO / 2]),
        Attempt::Trickle => {
            for byte in hello {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        }
        Attempt::LaterVersion => stream.write_all(&changed(4, 2)),
        Attempt::SameRole => stream.write_all(&changed(5, 1)),
        Attempt::HelloAlone => stream.write_all(hello),
        Attempt::GarbledMessage => {
            stream.write_all(hello)?;
            stream.write_all(&noise(dice, 48))
        }
        Attempt::Opening => stream.write_all(opening),
        Attempt::GarbledRecord => {
            stream.write_all(opening)?;
            stream.write_all(&[16, 0])?;
            stream.write_all(&noise(dice, 16))
        }
        Attempt::EndlessRecord => {
            stream.write_all(opening)?;
            stream.write_all(&[0xFF; 60_000])
        }
        Attempt::ShortRecords => {
            stream.write_all(opening)?;
            stream.write_all(&[0; 60_000])
        }
        Attempt::Replay => stream.write_all(recorded),
        Attempt::Plain => write_frame(&mut stream, &[&pictures::stripes(64, 48, &[[200, 30, 40]])]),
    }
}
