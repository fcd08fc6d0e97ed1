//! What other programs use: frames come out of a [`Receiver`] as a [`Sender`] put them in.
#![cfg(all(feature = "send", feature = "view"))]

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use pi_stream::jpeg::{DecodeError, MAX_SCANS};
use pi_stream::{Receiver, Sender};

/// Nothing here takes so long; only a test that hangs does.
const HANG: Duration = Duration::from_secs(30);

fn shade(value: u8) -> RgbImage {
    RgbImage::from_pixel(64, 48, Rgb([value, 255 - value, 128]))
}

#[test]
fn pictures_arrive_with_their_stamp_and_the_last_one_is_the_newest() {
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = Sender::dial(&receiver.address().to_string()).unwrap();
    let until = Instant::now() + HANG;
    let first = loop {
        sender.send(&shade(200));
        if let Some(frame) = receiver.next_within(Duration::from_millis(20)) {
            break frame;
        }
        assert!(Instant::now() < until, "no frame came");
    };
    let stamp = first
        .stamp
        .clone()
        .expect("pi-stream's frames bear a stamp");
    assert!(stamp.ack && stamp.quality == Some(80) && stamp.seq >= 1);
    let Rgb([r, g, b]) = *first.decode().unwrap().get_pixel(10, 10);
    assert!(
        r.abs_diff(200) < 5 && g.abs_diff(55) < 5 && b.abs_diff(128) < 5,
        "{r} {g} {b}"
    );
    drop(first);

    sender.send(&shade(10));
    drop(sender);
    let last = std::iter::from_fn(|| receiver.next_within(Duration::from_secs(1))).last();
    let Rgb([r, ..]) = *last
        .expect("the last picture")
        .decode()
        .unwrap()
        .get_pixel(10, 10);
    assert!(r < 20, "{r}");
}

#[test]
fn what_waits_while_a_program_works_on_a_frame_is_the_newest() {
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = Sender::dial(&receiver.address().to_string()).unwrap();
    sender.send(&shade(0));
    let _at_work_on = receiver.next_within(HANG).expect("a frame comes");
    for number in 1..=20 {
        sender.send(&shade(number * 10));
        // As a camera does.
        thread::sleep(Duration::from_millis(30));
    }
    let newest = receiver.next_within(HANG).expect("another one");
    let Rgb([r, ..]) = *newest.decode().unwrap().get_pixel(10, 10);
    assert!(r > 150, "{r} of 200");
}

/// What a receiver makes of a JPEG that a stranger sends behind a good one.
fn decoded(jpeg: &[u8]) -> Result<RgbImage, DecodeError> {
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut stranger = TcpStream::connect(receiver.address()).unwrap();
    let mut send = |jpeg: &[u8]| {
        let length = (jpeg.len() as u32).to_le_bytes();
        stranger.write_all(&[&length, jpeg].concat()).unwrap();
        receiver.next_within(HANG).expect("a frame comes").decode()
    };
    send(&progressive()).expect("the first one is good");
    send(jpeg)
}

/// A JPEG of several scans.
fn progressive() -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
    encoder.encode_image(&shade(120)).unwrap();
    let mut progressive = turbojpeg::Transform::default();
    progressive.progressive = true;
    turbojpeg::transform(&progressive, &jpeg).unwrap().to_vec()
}

#[test]
fn a_frame_that_costs_minutes_for_its_scans_is_refused() {
    let jpeg = progressive();
    // Start of scan, and the marker behind the coded data.
    let is_scan = |pair: &[u8]| pair == [0xFF, 0xDA];
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && pair[1] != 0;
    let start = jpeg.windows(2).position(is_scan).unwrap();
    let length = 1 + jpeg[start + 1..].windows(2).position(is_marker).unwrap();
    let (before, scan) = jpeg.split_at(start);
    let bomb = [
        before,
        &scan[..length].repeat(1 + MAX_SCANS),
        &scan[length..],
    ]
    .concat();
    let size = decoded(&bomb).map(|picture| picture.dimensions());
    assert!(matches!(size, Err(DecodeError::Damaged(_))), "{size:?}");
}

#[test]
fn a_patience_beyond_all_clocks_waits_for_the_next_frame() {
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = Sender::dial(&receiver.address().to_string()).unwrap();
    sender.send(&shade(1));
    assert!(receiver.next_within(Duration::MAX).is_some());
}

#[test]
fn a_dropped_receiver_frees_its_port() {
    let receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = receiver.address();
    drop(receiver);
    let until = Instant::now() + HANG;
    while let Err(error) = Receiver::bind(address) {
        assert!(Instant::now() < until, "{error}");
        thread::yield_now();
    }
}

#[test]
fn a_frame_can_outlive_its_receiver() {
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = Sender::dial(&receiver.address().to_string()).unwrap();
    sender.send(&shade(1));
    let frame = receiver.next_within(HANG).expect("a frame comes");
    drop(receiver);
    assert_eq!(frame.decode().unwrap().dimensions(), (64, 48));
}

#[test]
fn a_sender_without_a_receiver_can_be_dropped() {
    let address = {
        let receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        receiver.address()
    };
    let mut sender = Sender::dial(&address.to_string()).unwrap();
    sender.send(&shade(1));
    drop(sender);
}
