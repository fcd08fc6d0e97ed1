//! What pi-send makes of its sources: the test picture, files, and what other programs pipe into it.
//!
//! Needs ffmpeg. Each test reads the frames off the wire with a receiver of its own.
#![cfg(feature = "send")]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use common::pictures::{self, near};
use common::receiver::{Frame, Listening};
use common::test_picture::{bars, number_in};
use common::{Running, pi_send};

/// What pi-send sends with these arguments, fed with `input`, to the end marker.
fn frames_of(args: &[&str], input: &[u8]) -> Vec<Frame> {
    let listening = Listening::start();
    let mut command = pi_send(&["--host", &listening.address()]);
    let mut sender = Running::start(command.args(args).stdin(Stdio::piped()));
    let mut stdin = sender.take_stdin().expect("it is piped");
    let frames = thread::scope(|scope| {
        scope.spawn(move || {
            // pi-send may have enough before the input ends.
            let _ = stdin.write_all(input);
        });
        listening.accept().frames()
    });
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    frames
}

/// ffmpeg with its usual noise off, writing to stdout.
fn ffmpeg(args: &[&str]) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-loglevel", "error"])
        .args(args)
        .arg("-")
        .stdin(Stdio::null());
    command
}

/// All that ffmpeg writes.
fn made_by_ffmpeg(args: &[&str]) -> Vec<u8> {
    let output = ffmpeg(args).output().expect("ffmpeg is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What comes out of `ffmpeg … - | pi-send --source -`, live.
fn piped_from_ffmpeg(args: &[&str]) -> Vec<Frame> {
    let listening = Listening::start();
    let mut maker = Running::start_with(&mut ffmpeg(args), Stdio::piped());
    let pipe = maker.take_stdout().expect("it is piped");
    let mut command = pi_send(&["--host", &listening.address(), "--source", "-"]);
    let mut sender = Running::start(command.stdin(pipe));
    let frames = listening.accept().frames();
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    frames
}

#[test]
fn raw_pictures_piped_from_ffmpeg_arrive() {
    let source = "testsrc2=size=320x240:rate=30:duration=2";
    let frames = piped_from_ffmpeg(&["-re", "-f", "lavfi", "-i", source, "-f", "yuv4mpegpipe"]);
    // Live: what was piped before the connection stood is passed over.
    assert!(frames.len() >= 20, "{} of 60", frames.len());
    for frame in &frames {
        assert_eq!(frame.decode().dimensions(), (320, 240));
    }
}

#[test]
fn jpegs_piped_from_ffmpeg_arrive() {
    let source = "testsrc2=size=320x240:rate=30:duration=2";
    let frames = piped_from_ffmpeg(&["-re", "-f", "lavfi", "-i", source, "-f", "mjpeg"]);
    assert!(frames.len() >= 20, "{} of 60", frames.len());
    for frame in &frames {
        assert_eq!(frame.decode().dimensions(), (320, 240));
    }
}

#[test]
fn every_jpeg_arrives_byte_for_byte_where_every_frame_counts() {
    let source = "testsrc2=size=320x240:rate=30:duration=4";
    let stream = made_by_ffmpeg(&["-f", "lavfi", "-i", source, "-f", "mjpeg"]);
    let frames = frames_of(&["--source", "-", "--every-frame"], &stream);
    assert_eq!(frames.len(), 120);
    let came: Vec<u8> = frames.iter().flat_map(Frame::plain).collect();
    assert!(came == stream, "{} bytes, not {}", came.len(), stream.len());
    let numbers = frames
        .iter()
        .map(|frame| frame.stamp.as_ref().map(|s| s.seq));
    let numbers: Vec<u64> = numbers.map(|n| n.expect("each bears a stamp")).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn pictures_come_out_neither_washed_nor_crushed() {
    let colours = [[250, 250, 250], [6, 6, 6], [192, 128, 64]];
    let formats = [
        ("yuv420p", "tv"),
        ("yuv422p", "tv"),
        ("yuv444p", "tv"),
        ("yuv420p", "pc"),
        ("yuv422p", "pc"),
        ("yuv444p", "pc"),
        ("gray", "pc"),
    ];
    for (format, range) in formats {
        for [r, g, b] in colours {
            let source = format!("color=c=0x{r:02x}{g:02x}{b:02x}:size=64x48:rate=1:duration=1");
            let convert = format!(
                "format=rgb24,scale=out_range={range}:out_color_matrix=bt601,format={format}"
            );
            let stream = made_by_ffmpeg(&[
                "-f",
                "lavfi",
                "-i",
                &source,
                "-vf",
                &convert,
                "-f",
                "yuv4mpegpipe",
            ]);
            let frames = frames_of(&["--source", "-", "--every-frame"], &stream);
            assert_eq!(frames.len(), 1);
            let seen = frames[0].decode().get_pixel(32, 24).0;
            let grey =
                ((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114) / 1000) as u8;
            let expected = if format == "gray" {
                [grey; 3]
            } else {
                [r, g, b]
            };
            assert!(
                near(seen, expected, 4),
                "{format}, {range}: {seen:?}, not {expected:?}"
            );
        }
    }
}

#[test]
fn raw_pictures_of_any_size_arrive() {
    for (width, height) in [(500, 480), (1, 1), (639, 481), (4056, 3040)] {
        let stream = pictures::y4m(width, height, &[40, 200]);
        let frames = frames_of(&["--source", "-", "--every-frame"], &stream);
        assert_eq!(frames.len(), 2);
        for (frame, grey) in frames.iter().zip([40, 200]) {
            let picture = frame.decode();
            assert_eq!(picture.dimensions(), (width, height));
            for (x, y) in [(0, 0), (width - 1, height - 1)] {
                assert!(near(picture.get_pixel(x, y).0, [grey; 3], 2));
            }
        }
    }
}

#[test]
fn the_test_picture_arrives_in_any_size_with_its_colours_and_numbers() {
    for (width, height) in [(500, 480), (1, 1), (639, 481), (4056, 3040)] {
        let size = format!("{width}x{height}");
        let frames = frames_of(&["--source", "test", "--res", &size, "--frames", "3"], b"");
        assert_eq!(frames.len(), 3);
        let mut last = None;
        for frame in &frames {
            let picture = frame.decode();
            assert_eq!(picture.dimensions(), (width, height));
            if width == 1 {
                continue;
            }
            for ((x, y), expected) in bars(width, height) {
                let seen = picture.get_pixel(x, y).0;
                assert!(
                    near(seen, expected, 4),
                    "{size}: {seen:?}, not {expected:?}"
                );
            }
            let number = number_in(width, height, |x, y| picture.get_pixel(x, y).0[1]);
            assert!(
                number.is_some() && number > last,
                "{number:?} after {last:?}"
            );
            last = number;
        }
    }
}

#[test]
fn a_file_is_repeated_for_as_long_as_asked() {
    let jpegs: Vec<Vec<u8>> = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
        .map(|colour| pictures::stripes(64, 48, &[colour]))
        .into();
    let file = pictures::file("repeated.mjpeg", &jpegs.concat());
    let path = file.to_str().expect("cargo's folders have plain names");
    let args = ["--source", path, "--every-frame", "--fps", "200"];
    let once = frames_of(&args, b"");
    assert!(once.iter().map(Frame::plain).eq(jpegs.iter().cloned()));
    let repeated = frames_of(&[&args[..], &["--loop", "--frames", "8"]].concat(), b"");
    let expected = jpegs.iter().cycle().take(8).cloned();
    assert!(repeated.iter().map(Frame::plain).eq(expected));
}

#[test]
fn a_source_without_a_picture_fails_with_a_line_that_says_what_was_expected() {
    let missing = "/nowhere/at/all.mjpeg";
    let empty = pictures::file("no-video.mp4", b"\0\0\0\x20ftypisom");
    let empty = empty.to_str().expect("cargo's folders have plain names");
    for (source, expected) in [(missing, "No such file"), (empty, "YUV4MPEG2")] {
        let listening = Listening::start();
        let args = ["--host", &listening.address(), "--source", source];
        let (status, lines) = Running::start(&mut pi_send(&args)).end();
        assert_eq!(status.code(), Some(1), "{lines:#?}");
        let named = |line: &&String| line.contains(source) && line.contains(expected);
        assert_eq!(lines.iter().filter(named).count(), 1, "{lines:#?}");
    }
}
