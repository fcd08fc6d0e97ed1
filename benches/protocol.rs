//! What the protocol adds to a frame: the stamp and the wire, by the frame's size.
//! `cargo bench --bench protocol`.

use divan::{Bencher, counter::BytesCount};
use pi_stream::protocol::stamp::{self, Stamp};
use pi_stream::protocol::wire::{self, DEFAULT_MAX_FRAME_BYTES, FrameReader};

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
