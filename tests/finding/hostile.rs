//! What a hostile host sends to everybody's mDNS: answers to a question that was asked, and worse.

use std::net::UdpSocket;

use crate::common::dice::Dice;

/// Where all of mDNS goes.
const EVERYBODY: &str = "224.0.0.251:5353";

/// Ours.
const TYPE: [&[u8]; 3] = [b"_pi-stream", b"_tcp", b"local"];

const PTR: u16 = 12;
const TXT: u16 = 16;
const SRV: u16 = 33;
const A: u16 = 1;

/// A host's sender of such packets.
pub struct Sender(UdpSocket);

impl Sender {
    /// In the host that this thread is in.
    pub fn new() -> Sender {
        // What comes from another port is nobody's.
        let socket = UdpSocket::bind("0.0.0.0:5353").expect("nobody has it there");
        socket.connect(EVERYBODY).expect("there is a way");
        Sender(socket)
    }

    /// Sends it, as often as it takes.
    pub fn send(&self, packet: &[u8]) {
        // Longer ones than UDP carries are nobody's; a queue that is full is emptied soon.
        while packet.len() < 9000 && self.0.send(packet).is_err() {
            std::thread::yield_now();
        }
    }
}

/// A camera's whole answer: where it is, what it says, with a name of these bytes.
pub fn camera(label: &[u8], texts: &[&[u8]], ttl: u32) -> Vec<u8> {
    let instance = [&[label], &TYPE[..]].concat();
    let host: [&[u8]; 2] = [b"a-host", b"local"];
    let texts: Vec<u8> = texts.iter().flat_map(|text| labelled(text)).collect();
    let service = [&[0, 0, 0, 0, 0x1F, 0x40], &name(&host)[..]].concat();
    let records = [
        record(&TYPE, PTR, ttl, &name(&instance)),
        record(&instance, SRV, ttl, &service),
        record(&instance, TXT, ttl, &texts),
        record(&host, A, ttl, &[10, 77, 0, 66]),
    ];
    packet(&records)
}

/// What [`camera`] says of itself where it is one.
pub const TEXTS: [&[u8]; 2] = [b"role=sender", b"version=9.9"];

/// An answer that consists of these records.
pub fn packet(records: &[Vec<u8>]) -> Vec<u8> {
    let count = (records.len() as u16).to_be_bytes();
    let head = [0, 0, 0x84, 0, 0, 0, count[0], count[1], 0, 0, 0, 0];
    [&head[..], &records.concat()].concat()
}

/// So many records of hosts that nobody asked for.
pub fn strangers(dice: &mut Dice, records: usize) -> Vec<u8> {
    let host = |_| {
        let label = format!("{:016x}", dice.next());
        record(
            &[label.as_bytes(), b"local"],
            A,
            u32::MAX >> 1,
            &[10, 77, 0, 66],
        )
    };
    packet(&(0..records).map(host).collect::<Vec<_>>())
}

/// Names that point at themselves, at each other, and beyond the end.
pub fn loops() -> Vec<Vec<u8>> {
    let ends: [&[u8]; 5] = [
        &[0xC0, 12],
        &[0xC0, 14, 0xC0, 12],
        &[1, b'a', 0xC0, 12],
        &[0xFF, 0xFF],
        &[63],
    ];
    let looped = |end: &&[u8]| {
        let rest = [0, 12, 0, 1, 0, 0, 0, 120, 0, 2, 0xC0, 12];
        [&packet(&[vec![]]), *end, &rest[..]].concat()
    };
    ends.iter().map(looped).collect()
}

fn record(labels: &[&[u8]], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    [
        &name(labels)[..],
        &kind.to_be_bytes(),
        &[0, 1],
        &ttl.to_be_bytes(),
        &(data.len() as u16).to_be_bytes(),
        data,
    ]
    .concat()
}

fn name(labels: &[&[u8]]) -> Vec<u8> {
    let mut name: Vec<u8> = labels.iter().flat_map(|label| labelled(label)).collect();
    name.push(0);
    name
}

fn labelled(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a label is short");
    [&[length], text].concat()
}
