//! YUV4MPEG2: a line that describes the stream, then for each frame a line and its planes.
//!
//! Eight bits a sample, 4:2:0 in all its sitings, 4:2:2, 4:4:4 and mono, which is what ffmpeg writes of eight
//! bits but for 4:1:1; anything else is refused by name. The samples' range is limited unless the header says
//! `XCOLORRANGE=FULL`, whatever the chroma is called: `C420jpeg` tells where chroma sits, and ffmpeg writes it
//! for limited pictures, too. The format has no word for the matrix; BT.601 is what its tools assume.
//!
//! The crate y4m (0.8) would read this, too, but multiplies a header's width and height unchecked, allocates
//! the product before a byte of it has come, copies each frame once more, and says nothing of what it found.

use std::io::Read;

use super::{Reader, Result, StreamError};
use crate::jpeg::markers::MAX_SIDE;
use crate::picture::{Picture, PixelFormat, Range};

/// What a stream begins with.
pub(super) const MAGIC: &[u8] = b"YUV4MPEG2 ";

/// What each frame begins with.
const FRAME: &[u8] = b"FRAME";

/// The longest line, in bytes: ffmpeg's own stay below 128; comments (X) need some room.
pub(super) const MAX_LINE: usize = 1024;

/// The largest frame, in bytes: 40 megapixels in 4:4:4.
const MAX_PICTURE_BYTES: u64 = 120_000_000;

/// The kinds of samples that are read.
const READ: &str =
    "C420, C422, C444 and Cmono of 8 bits (ffmpeg's -pix_fmt yuv420p makes the first)";

/// What the stream's header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// What a frame is, without its planes.
    pub(super) blank: Picture<'static>,
    /// Frames a second, where the header tells.
    pub(super) fps: Option<f64>,
}

/// Reads the stream's first line.
pub(super) fn read_header<R: Read>(from: &mut Reader<R>) -> Result<Header> {
    let (fields, bytes) = (read_line(from, MAGIC)?, from.position);
    let fields = fields.ok_or(StreamError::NoFrame { bytes, after: 0 })?;
    parse(&String::from_utf8_lossy(&fields)).map_err(|(found, expected)| {
        let found = found.to_owned();
        StreamError::Header { found, expected }
    })
}

/// Appends a frame's planes; `false` where the stream ends before they do.
pub(super) fn read_frame<R: Read>(
    from: &mut Reader<R>,
    blank: &Picture<'_>,
    frame: &mut Vec<u8>,
) -> Result<bool> {
    let at = from.position;
    // Parameters of a single frame change nothing of its bytes.
    if let Some(parameters) = read_line(from, FRAME)? {
        if !matches!(parameters.first(), None | Some(b' ')) {
            return Err(StreamError::Line { at });
        }
        from.append(blank.bytes(), frame)?;
        if frame.len() as u64 == blank.bytes() {
            return Ok(true);
        }
    }
    let bytes = from.position - at;
    from.skipped.bytes += bytes;
    from.skipped.torn += u64::from(bytes > 0);
    Ok(false)
}

/// The rest of a line that starts with `beginning`; `None` where the stream ends before the line does. What begins
/// otherwise is told before the line's end, which may never come.
fn read_line<R: Read>(from: &mut Reader<R>, beginning: &[u8]) -> Result<Option<Vec<u8>>> {
    let at = from.position;
    let mut line = Vec::new();
    from.append(beginning.len() as u64, &mut line)?;
    if !beginning.starts_with(&line) {
        return Err(StreamError::Line { at });
    }
    from.append_line((MAX_LINE + 1 - line.len()) as u64, &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(Some(line.split_off(beginning.len()))),
        _ if line.len() == MAX_LINE => Err(StreamError::Line { at }),
        _ => Ok(None),
    }
}

/// What the fields behind the format's name say, or which of them is not read, and what is.
fn parse(fields: &str) -> Result<Header, (&str, String)> {
    let field = |key: char| fields.split(' ').rfind(|field| field.starts_with(key));
    let side = |key| {
        let found = field(key).unwrap_or_default();
        let side = found.get(1..).and_then(|side| side.parse().ok());
        side.filter(|side| (1..=MAX_SIDE).contains(side))
            .ok_or_else(|| (found, format!("{key}1 to {key}{MAX_SIDE}")))
    };
    // Interlacing (I) and the pixels' aspect (A) change nothing here.
    let (width, height) = (side('W')?, side('H')?);
    let format = match field('C').unwrap_or("C420") {
        "C420" | "C420jpeg" | "C420mpeg2" | "C420paldv" => PixelFormat::I420,
        "C422" => PixelFormat::I422,
        "C444" => PixelFormat::I444,
        "Cmono" => PixelFormat::Gray,
        found => return Err((found, READ.into())),
    };
    let mut blank = Picture::blank(format, width, height);
    if !fields.split(' ').any(|field| field == "XCOLORRANGE=FULL") {
        blank.range = Range::Limited;
    }
    if blank.bytes() > MAX_PICTURE_BYTES {
        let most = format!("frames of at most {MAX_PICTURE_BYTES} bytes");
        return Err((fields, most));
    }
    let fps = field('F').and_then(parse_rate);
    Ok(Header { blank, fps })
}

/// `F30000:1001`; what is no rate says nothing, as `F0:0` does by the format.
fn parse_rate(field: &str) -> Option<f64> {
    let (frames, seconds) = field[1..].split_once(':')?;
    let (frames, seconds): (u32, u32) = (frames.parse().ok()?, seconds.parse().ok()?);
    (frames > 0 && seconds > 0).then(|| f64::from(frames) / f64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::stream::tests::Pieces;

    fn parse(line: &str) -> Result<Header> {
        let line = format!("{line}\n");
        let reader = Reader::new(line.as_bytes())?;
        Ok(reader.header.expect("it is YUV4MPEG2"))
    }

    /// The frames of a stream that comes in pieces of `piece` bytes.
    fn read(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>> {
        let mut reader = Reader::new(Pieces(stream, piece))?;
        let (mut frame, mut frames) = (Vec::new(), Vec::new());
        while reader.read(&mut frame)? {
            frames.push(frame.clone());
        }
        Ok(frames)
    }

    #[test]
    fn headers_as_ffmpeg_writes_them_are_understood() {
        let header = parse(
            "YUV4MPEG2 W639 H481 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL",
        )
        .unwrap();
        assert_eq!((header.blank.width, header.blank.height), (639, 481));
        assert_eq!(header.blank.format, PixelFormat::I420);
        assert_eq!(header.blank.range, Range::Full);
        assert_eq!(header.fps.map(|fps| (fps * 1000.0) as u32), Some(29_970));
    }

    #[test]
    fn samples_are_limited_unless_the_header_says_full() {
        for chroma in ["C420jpeg", "C422", "Cmono", "", "C444 XCOLORRANGE=LIMITED"] {
            let header = parse(&format!("YUV4MPEG2 W2 H2 It F0:0 {chroma}")).unwrap();
            assert_eq!(header.blank.range, Range::Limited, "{chroma}");
            assert_eq!(header.fps, None);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for found in ["C420p10", "Cmono16", "C411", "C444alpha", "C"] {
            let error = parse(&format!("YUV4MPEG2 W2 H2 {found}")).unwrap_err();
            assert!(error.to_string().contains(&format!("{found:?}")), "{error}");
        }
    }

    #[test]
    fn hostile_headers_are_bounded() {
        for line in ["W0 H1", "W1", "H1", "W65501 H1", "W-1 H1", "W1 H9999999999"] {
            let error = parse(&format!("YUV4MPEG2 {line}")).unwrap_err();
            assert!(error.to_string().contains("1 to "), "{line}: {error}");
        }
        for line in ["W65500 H65500", "W8000 H8000 C444", "W65500 H1900"] {
            let error = parse(&format!("YUV4MPEG2 {line}")).unwrap_err();
            assert!(error.to_string().contains("at most"), "{line}: {error}");
        }
        let endless = [MAGIC, &[b'X'; 2 * MAX_LINE]].concat();
        for piece in [1, 100, 10_000] {
            let error = read(&endless, piece).unwrap_err();
            assert!(matches!(error, StreamError::Line { at: 0 }), "{error}");
        }
    }

    #[test]
    fn a_header_alone_makes_nobody_allocate() {
        let stream = b"YUV4MPEG2 W7000 H5000 C444\nFRAME\n1234";
        let mut reader = Reader::new(&stream[..]).unwrap();
        let mut frame = Vec::new();
        assert!(!reader.read(&mut frame).unwrap());
        assert!(frame.capacity() < 1024);
    }

    #[test]
    fn frames_come_out_however_the_stream_is_cut() {
        let stream = b"YUV4MPEG2 W3 H1 C444 F25:1\nFRAME\n123456789FRAME Ip X=y\nabcdefghi";
        for piece in 1..=stream.len() {
            let frames = read(stream, piece).unwrap();
            assert_eq!(frames, [b"123456789".to_vec(), b"abcdefghi".to_vec()]);
        }
    }

    #[test]
    fn what_stands_in_a_frames_place_is_told_with_its_position() {
        let start = b"YUV4MPEG2 W1 H1 Cmono\nFRAME\n1";
        for next in [&b"xFRAME\n"[..], b"FRAMES\n", b"FRA\n"] {
            for piece in [1, 100] {
                let stream = [&start[..], next].concat();
                let error = read(&stream, piece).unwrap_err();
                let told = matches!(error, StreamError::Line { at } if at == start.len() as u64);
                assert!(told, "{error}");
            }
        }
    }
}
