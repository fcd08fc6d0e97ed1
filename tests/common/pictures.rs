//! Pictures of known content, as JPEGs and as streams.

use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

/// A JPEG of flat colours side by side, each as wide as the others.
pub fn stripes(width: u32, height: u32, colours: &[[u8; 3]]) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, _| {
        Rgb(colours[(x as usize * colours.len()) / width as usize])
    });
    encode(&picture)
}

/// The picture as a JPEG of quality 95.
pub fn encode(picture: &RgbImage) -> Vec<u8> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95)
        .encode_image(picture)
        .expect("memory takes any JPEG");
    jpeg
}

/// A YUV4MPEG2 stream of grey full-range frames, one of each brightness.
pub fn y4m(width: u32, height: u32, greys: &[u8]) -> Vec<u8> {
    let mut stream =
        format!("YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg XCOLORRANGE=FULL\n")
            .into_bytes();
    let chroma = 2 * width.div_ceil(2) as usize * height.div_ceil(2) as usize;
    for grey in greys {
        stream.extend(b"FRAME\n");
        stream.resize(stream.len() + (width * height) as usize, *grey);
        stream.resize(stream.len() + chroma, 128);
    }
    stream
}

/// Whether two colours are at most `steps` apart in each of red, green and blue.
pub fn near(one: [u8; 3], other: [u8; 3], steps: u8) -> bool {
    one.iter()
        .zip(other)
        .all(|(one, other)| one.abs_diff(other) <= steps)
}

/// A file in cargo's folder for tests, written anew; the name is one test's own.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("cargo's folder for tests can be written");
    path
}

/// The frames of an MJPEG stream.
#[cfg(feature = "send")]
pub fn cut(stream: &[u8]) -> Vec<Vec<u8>> {
    use pi_stream::source::stream::Reader;
    let mut reader = Reader::new(stream).expect("memory can be read");
    let (mut frame, mut frames) = (Vec::new(), Vec::new());
    while reader.read(&mut frame).expect("it is MJPEG") {
        frames.push(frame.clone());
    }
    frames
}
