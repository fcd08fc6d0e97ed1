use std::collections::HashSet;
use std::path::Path;

use super::*;
use crate::handoff::{Reason, Wake};
use crate::picture::Captured;
use crate::source::{CloseAtEnd, Delivery};

const LIVE: Options = Options {
    file: None,
    fps: None,
    repeat: false,
    turn: Turn::NONE,
};

fn of(file: &Path) -> Options {
    Options {
        file: Some(file.to_owned()),
        ..LIVE
    }
}

fn jpeg(number: u8) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 3, number];
    out.extend([0xFF, 0xDA, 0, 2, number, 0xFF, 0xD9]);
    out
}

fn y4m(numbers: &[u8]) -> Vec<u8> {
    let mut out = b"YUV4MPEG2 W2 H1 F1000:1 Cmono XCOLORRANGE=FULL\n".to_vec();
    for number in numbers {
        out.extend(b"FRAME\n");
        out.extend([*number, 0]);
    }
    out
}

/// The first byte that tells frames apart.
fn number(captured: &Captured) -> u8 {
    match &captured.content {
        Content::Jpeg(jpeg) => jpeg[6],
        Content::Pixels(pixels) => pixels.picture().planes[0].data[0],
    }
}

/// Takes from the feed until it closes, or until `enough` came; then the source is stopped as the
/// session does it.
fn take(feed: &Feed, enough: usize) -> Vec<u8> {
    let mut got = Vec::new();
    while got.len() < enough && feed.slot.wait(None) == Wake::Full {
        got.extend(feed.slot.take().as_ref().map(number));
    }
    feed.stop.ask(Reason::Done);
    feed.slot.close();
    got
}

/// Gives so many bytes a call.
pub(super) struct Pieces<'a>(pub(super) &'a [u8], pub(super) usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = buffer.len().min(self.1);
        self.0.read(&mut buffer[..piece])
    }
}

/// A file for as long as a test runs.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("pi-stream-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_format_is_told_by_content_however_slowly_it_comes() {
    let mjpeg = [jpeg(1), jpeg(2), jpeg(3)].concat();
    for stream in [mjpeg, y4m(&[1, 2, 3])] {
        let feed = Feed::new(Delivery::EveryFrame);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let _closing = CloseAtEnd(&feed);
                Player::new(&LIVE, &feed).play(Pieces(&stream, 1))
            });
            assert_eq!(take(&feed, usize::MAX), [1, 2, 3]);
            assert!(reader.join().unwrap().unwrap(), "it was not stopped");
        });
    }
}

#[test]
fn a_live_stream_is_read_to_its_end_without_a_taker_and_the_newest_wins() {
    let feed = Feed::new(Delivery::NewestWins);
    let stream: Vec<u8> = (0..200).flat_map(jpeg).collect();
    Player::new(&LIVE, &feed).play(&*stream).unwrap();
    assert_eq!(feed.slot.take().as_ref().map(number), Some(199));
    assert_eq!((feed.captured(), feed.slot.dropped()), (200, 199));
}

#[test]
fn raw_pictures_use_three_buffers_however_long_one_is_kept() {
    let feed = Feed::new(Delivery::NewestWins);
    let mut player = Player::new(&LIVE, &feed);
    let (mut kept, mut buffers) = (None, HashSet::new());
    for _ in 0..10 {
        player.play(&*y4m(&[1, 2, 3, 4])).unwrap();
        // One is kept while the next is taken, as a slow encoder does it.
        let before = std::mem::replace(&mut kept, feed.slot.take());
        drop(before);
        let Some(Content::Pixels(pixels)) = kept.as_ref().map(|kept| &kept.content) else {
            panic!("the newest picture is in the slot");
        };
        buffers.insert(pixels.picture().planes[0].data.as_ptr());
    }
    assert_eq!(buffers.len(), UNDER_WAY);
}

#[test]
fn a_file_is_repeated_until_the_feed_says_stop() {
    let file = Scratch::new("repeat.y4m", &y4m(&[1, 2, 3]));
    let feed = Feed::new(Delivery::EveryFrame);
    feed.link_stands();
    let options = Options {
        repeat: true,
        ..of(&file.0)
    };
    std::thread::scope(|scope| {
        let source = scope.spawn(|| run(&options, &feed));
        assert_eq!(take(&feed, 8), [1, 2, 3, 1, 2, 3, 1, 2]);
        assert_eq!(source.join().unwrap().unwrap(), Skipped::default());
    });
}

#[test]
fn a_file_waits_for_the_first_connection() {
    let file = Scratch::new("wait.y4m", &y4m(&[1]));
    let feed = Feed::new(Delivery::NewestWins);
    feed.stop.ask(Reason::Done);
    run(&of(&file.0), &feed).unwrap();
    assert_eq!(feed.captured(), 0);
}

#[test]
fn a_file_has_the_pace_that_was_asked_for() {
    let file = Scratch::new("pace.mjpeg", &[jpeg(1), jpeg(2), jpeg(3)].concat());
    let feed = Feed::new(Delivery::NewestWins);
    feed.link_stands();
    let options = Options {
        fps: Some(200.0),
        ..of(&file.0)
    };
    let begin = Instant::now();
    run(&options, &feed).unwrap();
    // Two intervals lie between three frames; how much later the machine wakes is not ours.
    assert!(begin.elapsed().as_millis() >= 10);
}

#[test]
fn the_turn_goes_with_each_picture() {
    let feed = Feed::new(Delivery::NewestWins);
    let turn = Turn::from_flips(1, true, false);
    let options = Options { turn, ..LIVE };
    let mut player = Player::new(&options, &feed);
    player.play(&*y4m(&[1])).unwrap();
    assert_eq!(feed.slot.take().unwrap().turn, turn);
}

#[test]
fn torn_ends_are_counted() {
    let feed = Feed::new(Delivery::NewestWins);
    let mut player = Player::new(&LIVE, &feed);
    for mut stream in [[jpeg(1), jpeg(2)].concat(), y4m(&[1, 2])] {
        stream.pop();
        player.play(&*stream).unwrap();
    }
    assert_eq!(player.skipped.torn, 2);
}

#[test]
fn what_holds_no_frame_is_an_error_that_says_what_was_expected() {
    for stream in [&b""[..], b"GIF89a", &jpeg(1)[..9], &y4m(&[])] {
        let feed = Feed::new(Delivery::NewestWins);
        let error = Player::new(&LIVE, &feed).play(stream).unwrap_err();
        assert!(
            matches!(error, StreamError::NoFrame { bytes, .. } if bytes == stream.len() as u64)
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let feed = Feed::new(Delivery::NewestWins);
    let error = run(&of("/nowhere/at.all".as_ref()), &feed).unwrap_err();
    assert!(matches!(error, StreamError::Open(_)), "{error}");
}
