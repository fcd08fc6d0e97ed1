//! Everything that reads what strangers wrote, fed with what a stranger might write: no panic, no
//! memory beyond the bounds, and whole things come out as they went in, however they were cut.
//!
//! Seeded, so that a failure comes again: it names its seed. `PI_STREAM_FUZZ_INPUTS` sets how many
//! inputs are tried (default 200,000, over all readers); `PI_STREAM_FUZZ_SEED` starts elsewhere.
#![cfg(feature = "send")]

#[path = "common/dice.rs"]
mod dice;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Read;
use std::time::Duration;

use dice::Dice;
use pi_stream::Key;
use pi_stream::jpeg::{self, Decoder};
use pi_stream::picture::{Bitmap, Matrix, Picture, PixelFormat, Plane, Range, Turn};
use pi_stream::protocol::encrypted::handshake::{Handshake, answer, hello, judge, status};
use pi_stream::protocol::encrypted::records::{Opener, Sealer};
use pi_stream::protocol::wire::{END, write_frame};
use pi_stream::protocol::{Ack, FrameReader, Name, ReadError, Role, Stamp, stamp};
use pi_stream::source::stream::{Reader, Skipped};

/// Notes the largest single allocation of each thread.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that ends allocates after its locals are gone.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// What inputs of a few kilobytes may make a reader allocate at once: the wire's step of 64 KiB,
/// doubled.
const MAX_ALLOCATION: usize = 128 * 1024;

/// Gives its bytes in pieces of random length, with interruptions and time-outs between.
struct Pieces<'a> {
    bytes: &'a [u8],
    dice: &'a mut Dice,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.dice.below(8) {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            1 => Err(std::io::ErrorKind::Interrupted.into()),
            _ => {
                let length = (1 + self.dice.below(64)).min(buffer.len());
                self.bytes.read(&mut buffer[..length])
            }
        }
    }
}

/// Gives its bytes in pieces of random length, with interruptions between, as a pipe does.
struct Patient<'a>(&'a [u8], &'a mut Dice);

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.1.below(8) == 0 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let length = (1 + self.1.below(64)).min(buffer.len());
        self.0.read(&mut buffer[..length])
    }
}

/// Entropy-coded data: whatever, with each 0xFF stuffed or made a restart marker.
fn scan_data(dice: &mut Dice) -> Vec<u8> {
    let mut data = Vec::new();
    for byte in dice.bytes(60) {
        data.push(byte);
        if byte == 0xFF {
            data.push([0x00, 0xD0, 0xD7][dice.below(3)]);
        }
    }
    data
}

/// What is a JPEG to everybody who does not decode: segments of any content, one or more scans.
fn jpeg(dice: &mut Dice) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    let segment = |out: &mut Vec<u8>, marker: u8, dice: &mut Dice| {
        let body = dice.bytes(40);
        out.extend([0xFF, marker]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend(body);
    };
    for _ in 0..dice.below(4) {
        let marker = [0xE0, 0xE1, 0xFE, 0xDB, 0xC4][dice.below(5)];
        segment(&mut out, marker, dice);
    }
    segment(&mut out, 0xC0, dice);
    for _ in 0..=dice.below(3) {
        segment(&mut out, 0xDA, dice);
        out.extend(scan_data(dice));
    }
    out.extend([0xFF, 0xD9]);
    out
}

/// Those that three decimals of a rate say exactly, in milliseconds.
const INTERVALS: [Option<u64>; 4] = [None, Some(1), Some(40), Some(100_000)];

fn some_stamp(dice: &mut Dice) -> Stamp {
    Stamp {
        seq: dice.next(),
        captured_unix_us: dice.next(),
        latency_us: (dice.below(2) == 0).then(|| dice.next()),
        quality: (dice.below(2) == 0).then(|| 1 + dice.below(100) as u8),
        interval: INTERVALS[dice.below(4)].map(Duration::from_millis),
        ack: dice.below(2) == 0,
        name: Name::reduced(&String::from_utf8_lossy(&dice.bytes(100))),
    }
}

fn wire_stream(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for frame in frames {
        write_frame(&mut stream, &[frame]).unwrap();
    }
    stream.extend(END);
    stream
}

/// The frames that come off the wire, and whether the end marker did.
fn read_wire(stream: &[u8], dice: &mut Dice) -> (Vec<Vec<u8>>, bool) {
    let mut pieces = Pieces {
        bytes: stream,
        dice,
    };
    let mut reader = FrameReader::new(4096);
    let (mut frame, mut frames) = (Vec::new(), Vec::new());
    loop {
        match reader.read(&mut pieces, &mut frame) {
            Ok(true) => frames.push(frame.clone()),
            Ok(false) => return (frames, true),
            Err(e) if e.is_timeout() => {}
            Err(e) => {
                let at = match &e {
                    ReadError::Io { at, .. }
                    | ReadError::TooLong { at, .. }
                    | ReadError::Ended { at }
                    | ReadError::Torn { at, .. } => *at,
                };
                assert!(at <= stream.len() as u64, "{e}");
                return (frames, false);
            }
        }
    }
}

/// The JPEGs that the reader finds; checks that every byte is in one or counted.
fn cut(stream: &[u8], dice: &mut Dice) -> (Vec<Vec<u8>>, Skipped) {
    let mut reader = Reader::new(Patient(stream, dice)).unwrap();
    let (mut frame, mut frames) = (Vec::new(), Vec::new());
    while reader.read(&mut frame).unwrap() {
        assert!(frame.starts_with(&[0xFF, 0xD8, 0xFF]) && frame.ends_with(&[0xFF, 0xD9]));
        frames.push(frame.clone());
    }
    assert_eq!(reader.position, stream.len() as u64);
    let skipped = reader.skipped;
    let whole: usize = frames.iter().map(Vec::len).sum();
    assert_eq!(whole as u64 + skipped.bytes, stream.len() as u64);
    (frames, skipped)
}

fn y4m_stream(dice: &mut Dice) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (chroma, samples) = [("mono", 1), ("444", 3)][dice.below(2)];
    let (width, height) = (1 + dice.below(9), 1 + dice.below(9));
    let mut stream = format!("YUV4MPEG2 W{width} H{height} F25:1 It C{chroma}\n").into_bytes();
    let frames: Vec<Vec<u8>> = (0..dice.below(4))
        .map(|_| (0..width * height * samples).map(|_| dice.byte()).collect())
        .collect();
    for frame in &frames {
        stream.extend(b"FRAME\n");
        stream.extend(frame);
    }
    (stream, frames)
}

/// The frames of a stream of raw pictures, up to its first fault.
fn read_y4m(stream: &[u8], dice: &mut Dice) -> Vec<Vec<u8>> {
    let (mut frame, mut frames) = (Vec::new(), Vec::new());
    let read = Reader::new(Patient(stream, dice)).and_then(|mut reader| {
        while reader.read(&mut frame)? {
            frames.push(frame.clone());
        }
        Ok(())
    });
    if let Err(e) = read {
        // A header line has 1,024 bytes, and may be told escaped.
        assert!(e.to_string().len() < 2 * 1024 * 10, "{e}");
    }
    frames
}

/// Runs `case` with many seeds, on both of its sides: things whole, and things changed.
fn for_seeds(name: &str, case: impl Fn(&mut Dice)) {
    for_some_seeds(name, 1, |dice| {
        case(dice);
        MAX_ALLOCATION
    });
}

/// The same with one seed in so many, and a bound that the case gives.
fn for_some_seeds(name: &str, of: u64, case: impl Fn(&mut Dice) -> usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let inputs: u64 = number("PI_STREAM_FUZZ_INPUTS").unwrap_or(200_000);
    let start: u64 = number("PI_STREAM_FUZZ_SEED").unwrap_or(0);
    // Six readers share them; the decoder, the key's records and handshakes take a few more.
    for seed in start..start + inputs.div_ceil(6 * of) {
        let failed = FailedSeed { name, seed };
        LARGEST.set(0);
        let most = case(&mut Dice(seed));
        let largest = LARGEST.get();
        assert!(
            largest <= most,
            "{largest} bytes at once, and at most {most} are right"
        );
        std::mem::forget(failed);
    }
}

/// Names the seed where a case panics.
struct FailedSeed<'a> {
    name: &'a str,
    seed: u64,
}

impl Drop for FailedSeed<'_> {
    fn drop(&mut self) {
        eprintln!("{}: PI_STREAM_FUZZ_SEED={}", self.name, self.seed);
    }
}

#[test]
fn the_wire_gives_frames_as_they_were_written_and_survives_the_rest() {
    for_seeds("wire", |dice| {
        let frames: Vec<Vec<u8>> = (0..dice.below(4))
            .map(|_| dice.bytes(200))
            .filter(|frame| !frame.is_empty())
            .collect();
        let mut stream = wire_stream(&frames);
        assert_eq!(read_wire(&stream, dice), (frames, true));
        dice.mutate(&mut stream);
        read_wire(&stream, dice);
    });
}

#[test]
fn acks_come_as_they_were_written_and_torn_ones_are_none() {
    for_seeds("ack", |dice| {
        let ack = Ack {
            seq: dice.next() as u32,
            held_us: dice.next() as u32,
        };
        let mut bytes = ack.emit().to_vec();
        assert_eq!(Ack::read(&mut &*bytes).unwrap(), Some(ack));
        bytes.truncate(dice.below(8));
        assert_eq!(Ack::read(&mut &*bytes).unwrap(), None);
    });
}

/// One direction of a connection with a key.
fn sealed() -> (Sealer, Opener) {
    let key = Key::random().unwrap();
    let (hello, answer) = (hello(&key, Role::Sends), answer(Ok(())));
    let mut dialler = Handshake::begin(&key, &hello, &answer, true);
    let mut listener = Handshake::begin(&key, &hello, &answer, false);
    listener.read(&dialler.write().unwrap()).unwrap();
    dialler.read(&listener.write().unwrap()).unwrap();
    let sealer = dialler.into_records().unwrap().0;
    (sealer, listener.into_records().unwrap().1)
}

/// Gives a few bytes at a time.
struct Few<'a>(&'a [u8], &'a mut Dice);

impl Read for Few<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = (1 + self.1.below(300)).min(to.len());
        self.0.read(&mut to[..most])
    }
}

/// All bytes that come out of a sealed stream until it ends or breaks, in pieces as they come and are asked for.
fn open(mut opener: Opener, stream: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (mut plain, mut piece, mut few) = (Vec::new(), [0; 2048], Few(stream, dice));
    loop {
        let wanted = [1, 4, 70, 2048][few.1.below(4)];
        match opener.read(&mut few, &mut piece[..wanted]) {
            Ok(0) => return plain,
            Ok(bytes) => plain.extend(&piece[..bytes]),
            Err(_) => {
                // And so it stays.
                assert!(opener.read(&mut few, &mut piece).is_err());
                return plain;
            }
        }
        if few.1.below(4) == 0 {
            let _ = opener.fill(&mut few).and_then(|_| opener.look_ahead());
        }
    }
}

#[test]
fn records_that_were_changed_give_no_byte_and_those_before_them_all() {
    let (mut sealer, opener) = sealed();
    let (mut stream, mut ends) = (Vec::new(), Vec::new());
    let pieces = [4, 60, 1000, 1, 300].map(|bytes: usize| vec![bytes as u8; bytes]);
    for piece in &pieces {
        sealer.write(&mut stream, [&piece[..]]).unwrap();
        ends.push(stream.len());
    }
    for_seeds("record", |dice| {
        let mut changed = stream.clone();
        dice.mutate(&mut changed);
        let same = stream.iter().zip(&changed).take_while(|(a, b)| a == b);
        let same = same.count();
        let whole = ends.iter().filter(|end| **end <= same).count();
        let plain = open(opener.clone(), &changed, dice);
        assert!(plain == pieces[..whole].concat(), "{whole} whole ones");
    });
}

#[test]
fn a_handshake_of_which_any_byte_was_changed_proves_nothing() {
    let key = Key::random().unwrap();
    let change = |bytes: &mut [u8], dice: &mut Dice| {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 + dice.below(255) as u8;
    };
    for_some_seeds("handshake", 2, |dice| {
        let (hello, answer) = (hello(&key, Role::Sends), answer(Ok(())));
        let (mut heard, mut answered) = (hello, answer);
        let which = dice.below(4);
        match which {
            0 => change(&mut heard, dice),
            1 => change(&mut answered, dice),
            _ => {}
        }
        // Advice, whatever it says.
        let _ = (judge(&heard, &key, Role::Receives), status(&answered));
        let mut dialler = Handshake::begin(&key, &hello, &answered, true);
        let mut listener = Handshake::begin(&key, &heard, &answer, false);
        let mut message = dialler.write().unwrap();
        if which == 2 {
            change(&mut message, dice);
        }
        assert_eq!(listener.read(&message).is_ok(), which == 3);
        if which == 3 {
            let mut message = listener.write().unwrap();
            change(&mut message, dice);
            assert!(dialler.read(&message).is_err());
            assert!(dialler.into_records().is_err());
        }
        MAX_ALLOCATION
    });
}

#[test]
fn stamps_come_as_they_were_put_and_leave_the_picture_alone() {
    for_seeds("stamp", |dice| {
        let plain = jpeg(dice);
        let stamp = some_stamp(dice);
        let mut stamped = stamp::stamped(&plain, &stamp);
        assert_eq!(Stamp::find(&stamped), Some(stamp));
        assert_eq!(
            stamp::places(&stamped).map(|part| &stamped[part]).concat(),
            plain
        );
        dice.mutate(&mut stamped);
        let [head, middle, tail] = stamp::places(&stamped);
        assert!(head.end <= middle.start && middle.end <= tail.start && tail.end == stamped.len());
        if let Some(name) = Stamp::find(&stamped).and_then(|stamp| stamp.name) {
            assert!(name.as_str().parse::<Name>().is_ok(), "{name}");
        }
        stamp::without_ack(&stamped);
    });
}

#[test]
fn the_cutter_gives_jpegs_as_they_are_and_survives_the_rest() {
    for_seeds("mjpeg", |dice| {
        let jpegs: Vec<Vec<u8>> = (0..dice.below(4)).map(|_| jpeg(dice)).collect();
        let mut stream = jpegs.concat();
        assert_eq!(cut(&stream, dice), (jpegs, Skipped::default()));
        dice.mutate(&mut stream);
        cut(&stream, dice);
    });
}

#[test]
fn raw_pictures_come_as_they_are_and_the_rest_is_survived() {
    for_seeds("y4m", |dice| {
        let (mut stream, frames) = y4m_stream(dice);
        assert_eq!(read_y4m(&stream, dice), frames);
        dice.mutate(&mut stream);
        read_y4m(&stream, dice);
    });
}

/// Walks the JPEG in every way that looks at its markers and no further.
#[cfg(feature = "view")]
fn walk(jpeg: &[u8]) {
    use pi_stream::jpeg::{markers, orientation};
    let mut at = 0;
    for segment in markers::header_segments(jpeg) {
        assert!(at <= segment.start && segment.start < segment.end && segment.end <= jpeg.len());
        at = segment.end;
    }
    if let Some(length) = markers::whole_length(jpeg) {
        assert!(length <= jpeg.len());
    }
    let Ok(header) = jpeg::inspect(jpeg, jpeg::MAX_PIXELS) else {
        return;
    };
    assert!(u64::from(header.width) * u64::from(header.height) <= jpeg::MAX_PIXELS);
    // What is kept of a frame is written with a note of how it is turned.
    let turned = orientation::turned(jpeg, Turn::from_flips(1, true, false));
    assert_eq!(jpeg::inspect(&turned, jpeg::MAX_PIXELS).ok(), Some(header));
}

#[cfg(feature = "view")]
#[test]
fn markers_of_any_kind_are_walked_to_the_end_and_no_further() {
    let pictures = pictures();
    for_seeds("markers", |dice| {
        let mut jpeg = match dice.below(2) {
            0 => jpeg(dice),
            _ => pictures[dice.below(pictures.len())].clone(),
        };
        walk(&jpeg);
        dice.mutate(&mut jpeg);
        walk(&jpeg);
    });
}

/// Real JPEGs, small: with every coding, sampling and cut that is decoded. The last one is large enough
/// for strips.
fn pictures() -> Vec<Vec<u8>> {
    let progressive = include_bytes!("common/progressive.jpg").to_vec();
    let encode = |format, width: usize, height: usize| {
        let luma: Vec<u8> = (0..width * height).map(|i| (i % width) as u8).collect();
        let chroma = vec![100; width * height];
        let plane = |data, stride| Plane { data, stride };
        let picture = Picture {
            width: width as u32,
            height: height as u32,
            format,
            range: Range::Full,
            matrix: Matrix::Bt601,
            planes: [
                plane(&luma, width),
                plane(&chroma, width),
                plane(&chroma, width),
            ],
        };
        let mut out = Vec::new();
        jpeg::Encoder::new(std::num::NonZeroUsize::MIN)
            .encode(&picture, Turn::NONE, 50, &mut out)
            .unwrap();
        out
    };
    vec![
        progressive,
        encode(PixelFormat::I420, 64, 48),
        encode(PixelFormat::I422, 50, 30),
        encode(PixelFormat::I420, 512, 512),
    ]
}

#[test]
fn whatever_is_decoded_takes_the_memory_of_its_picture_and_no_more() {
    jpeg::silence_caught_panics();
    let pictures = pictures();
    let threads = std::num::NonZeroUsize::new(2).expect("two is not zero");
    for_some_seeds("decoder", 4, |dice| {
        // Strips now and then: they cost a hundred times what the others do.
        let which = match dice.below(32) {
            0 => pictures.len() - 1,
            _ => dice.below(pictures.len() - 1),
        };
        let mut jpeg = pictures[which].clone();
        let (mut decoder, mut bitmap) =
            (Decoder::new(threads, jpeg::MAX_PIXELS), Bitmap::default());
        decoder.decode(&jpeg, &mut bitmap).unwrap();
        LARGEST.set(0);
        dice.mutate(&mut jpeg);
        let header = jpeg::inspect(&jpeg, jpeg::MAX_PIXELS);
        let _ = decoder.decode(&jpeg, &mut bitmap);
        // Coefficients of a progressive picture are the most: two bytes each, of whole units.
        let up = |side: u32| side.next_multiple_of(64) as usize;
        let pixels = header.map_or(0, |header| up(header.width) * up(header.height));
        MAX_ALLOCATION + 4 * pixels
    });
}
