use super::*;

fn parse(line: &str) -> Result<Header, Y4mError> {
    Header::parse(line.as_bytes())
}

/// The frames of a stream that comes in pieces of `piece` bytes.
fn read(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, Y4mError> {
    let (mut reader, mut frame, mut frames) = (Reader::new(), Vec::new(), Vec::new());
    for mut input in stream.chunks(piece) {
        while !input.is_empty() {
            let (used, whole) = reader.push(input, &mut frame)?;
            input = &input[used..];
            if whole.is_some() {
                frames.push(std::mem::take(&mut frame));
            }
        }
    }
    Ok(frames)
}

#[test]
fn headers_as_ffmpeg_writes_them_are_understood() {
    let header =
        parse("YUV4MPEG2 W639 H481 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL")
            .unwrap();
    assert_eq!((header.shape.width, header.shape.height), (639, 481));
    assert_eq!(header.shape.format, PixelFormat::I420);
    assert_eq!(header.shape.range, Range::Full);
    assert_eq!(header.fps.map(|fps| (fps * 1000.0) as u32), Some(29_970));
}

#[test]
fn samples_are_limited_unless_the_header_says_full() {
    for chroma in ["C420jpeg", "C422", "Cmono", "", "C444 XCOLORRANGE=LIMITED"] {
        let header = parse(&format!("YUV4MPEG2 W2 H2 It F0:0 {chroma}")).unwrap();
        assert_eq!(header.shape.range, Range::Limited, "{chroma}");
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
        assert!(matches!(error, Y4mError::Size { .. }), "{line}: {error}");
    }
    for line in ["W65500 H65500", "W8000 H8000 C444", "W65500 H1900"] {
        let error = parse(&format!("YUV4MPEG2 {line}")).unwrap_err();
        assert!(matches!(error, Y4mError::TooLarge { .. }), "{line}");
    }
    let endless = [MAGIC, &[b'X'; 2 * MAX_LINE]].concat();
    for piece in [1, 100, 10_000] {
        assert_eq!(read(&endless, piece), Err(Y4mError::Line { at: 0 }));
    }
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
            let at = start.len() as u64;
            assert_eq!(read(&stream, piece), Err(Y4mError::Frame { at }));
        }
    }
    assert_eq!(read(b"RIFF", 4), Err(Y4mError::Magic));
}
