//! What the protocol adds to a frame: the stamp and the wire, by the frame's size.
//! `cargo bench --bench protocol`.

use std::io::Read;

use divan::{Bencher, counter::BytesCount};
use pi_stream::Key;
use pi_stream::protocol::encrypted::handshake::{Handshake, answer, hello};
use pi_stream::protocol::encrypted::records::{Opener, Sealer};
use pi_stream::protocol::{DEFAULT_MAX_FRAME_BYTES, FrameReader, Role, Stamp, stamp, wire};

fn main() {
    divan::main();
}

/// Frames at 640x480, at 1080p and of a still camera, in bytes.
const FRAMES: [usize; 3] = [40_000, 300_000, 4_000_000];

/// A JPEG as far as the protocol looks at it: a header that says nothing, and as many bytes as asked.
fn frame(bytes: usize) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xDA, 0, 2];
    jpeg.resize(bytes, 0x55);
    jpeg
}

fn stamp() -> Stamp {
    Stamp {
        seq: 42,
        captured_unix_us: 1_732_264_380_123_456,
        latency_us: Some(41_250),
        quality: Some(80),
        interval: Some(std::time::Duration::from_millis(40)),
        ack: true,
        name: "garden".parse().ok(),
    }
}

#[divan::bench]
fn stamp_emit(bencher: Bencher<'_, '_>) {
    let stamp = stamp();
    bencher.bench_local(|| stamp.emit());
}

#[divan::bench(args = FRAMES)]
fn stamp_find(bencher: Bencher<'_, '_>, bytes: usize) {
    let jpeg = stamp::stamped(&frame(bytes), &stamp());
    bencher.bench_local(|| Stamp::find(&jpeg).expect("it was stamped"));
}

#[divan::bench(args = FRAMES)]
fn wire_write_and_read(bencher: Bencher<'_, '_>, bytes: usize) {
    let jpeg = frame(bytes);
    let (mut line, mut received) = (Vec::new(), Vec::new());
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        line.clear();
        wire::write_frame(&mut line, &[&jpeg]).expect("writing to memory");
        FrameReader::new(DEFAULT_MAX_FRAME_BYTES)
            .read(line.as_slice(), &mut received)
            .expect("what was written")
    });
}

/// What a dialler seals with, and its listener opens with.
fn records() -> (Sealer, Opener) {
    let key = Key::random().expect("random numbers");
    let (hello, answer) = (hello(&key, Role::Sends), answer(Ok(())));
    let mut dialler = Handshake::begin(&key, &hello, &answer, true);
    let mut listener = Handshake::begin(&key, &hello, &answer, false);
    let first = dialler.write().expect("it is its turn");
    listener.read(&first).expect("the same key");
    let second = listener.write().expect("it is its turn");
    dialler.read(&second).expect("the same key");
    let sealer = dialler.into_records().expect("both have spoken").0;
    (sealer, listener.into_records().expect("both have spoken").1)
}

#[divan::bench]
fn handshake_of_both_sides(bencher: Bencher<'_, '_>) {
    bencher.bench_local(records);
}

#[divan::bench(args = FRAMES)]
fn sealed_write(bencher: Bencher<'_, '_>, bytes: usize) {
    let (jpeg, (mut sealer, _)) = (frame(bytes), records());
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let written = sealer.write_frame(&mut std::io::sink(), &[&jpeg]);
        written.expect("writing to nowhere");
    });
}

#[divan::bench(args = FRAMES)]
fn sealed_write_and_read(bencher: Bencher<'_, '_>, bytes: usize) {
    let (jpeg, (mut sealer, mut opener)) = (frame(bytes), records());
    let (mut line, mut received) = (Vec::new(), Vec::new());
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        line.clear();
        let written = sealer.write_frame(&mut line, &[&jpeg]);
        written.expect("writing to memory");
        let from = Arriving(&mut opener, &line);
        FrameReader::new(DEFAULT_MAX_FRAME_BYTES)
            .read(from, &mut received)
            .expect("what was written")
    });
}

/// What has arrived, opened.
struct Arriving<'a>(&'a mut Opener, &'a [u8]);

impl Read for Arriving<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(&mut self.1, to)
    }
}
