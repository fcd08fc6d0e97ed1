use super::*;

/// A JPEG of two scans whose data hold stuffed bytes, restart markers and fill, with a whole JPEG as
/// thumbnail in APP1.
fn jpeg(number: u8) -> Vec<u8> {
    let thumbnail = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 9, 9, 0xFF, 0xD9];
    let mut out = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 12];
    out.extend(thumbnail);
    out.extend([0xFF, 0xFF, 0xC2, 0, 3, number]);
    out.extend([0xFF, 0xDA, 0, 4, 1, 2, 7, 0xFF, 0x00, 8, 0xFF, 0xD3, 9]);
    out.extend([0xFF, 0xC4, 0, 4, 0xFF, 0xD9]);
    out.extend([0xFF, 0xDA, 0, 2, 0xFF, 0x00, number, 0xFF, 0xFF, 0xD9]);
    out
}

/// The frames of a stream that comes in pieces of `piece` bytes, and what was skipped.
fn cut(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Skipped) {
    let (mut cutter, mut frame, mut frames) = (Cutter::new(), Vec::new(), Vec::new());
    for mut input in stream.chunks(piece) {
        while !input.is_empty() {
            let (used, whole) = cutter.push(input, &mut frame).unwrap();
            input = &input[used..];
            if whole {
                frames.push(std::mem::take(&mut frame));
            }
        }
    }
    assert_eq!(cutter.position(), stream.len() as u64);
    (frames, cutter.finish(&mut frame))
}

#[test]
fn frames_come_out_as_they_went_in_however_the_stream_is_cut() {
    let stream = [jpeg(1), jpeg(2), jpeg(3)].concat();
    for piece in 1..stream.len() + 1 {
        let (frames, skipped) = cut(&stream, piece);
        assert_eq!(frames, [jpeg(1), jpeg(2), jpeg(3)], "pieces of {piece}");
        assert_eq!(skipped, Skipped::default());
    }
}

#[test]
fn what_lies_between_frames_is_skipped_and_counted() {
    let between = b"--edge\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8\x00\xFF";
    let stream = [&between[..], &jpeg(1), between, &jpeg(2), &[0; 7]].concat();
    for piece in [1, 2, 3, stream.len()] {
        let (frames, skipped) = cut(&stream, piece);
        assert_eq!(frames, [jpeg(1), jpeg(2)]);
        let expected = Skipped {
            bytes: 2 * between.len() as u64 + 7,
            torn: 0,
        };
        assert_eq!(skipped, expected, "pieces of {piece}");
    }
}

#[test]
fn a_torn_frame_costs_itself_alone() {
    let whole = jpeg(1);
    let torn = &whole[..whole.len() - 5];
    let stream = [torn, &jpeg(2), torn].concat();
    let (frames, skipped) = cut(&stream, 4);
    assert_eq!(frames, [jpeg(2)]);
    let expected = Skipped {
        bytes: 2 * torn.len() as u64,
        torn: 2,
    };
    assert_eq!(skipped, expected);
}

#[test]
fn tables_without_a_picture_are_no_frame() {
    let tables = [0xFF, 0xD8, 0xFF, 0xDB, 0, 3, 1, 0xFF, 0xD9];
    let (frames, skipped) = cut(&[&tables[..], &jpeg(1)].concat(), 100);
    assert_eq!(frames, [jpeg(1)]);
    assert_eq!((skipped.bytes, skipped.torn), (9, 1));
}

#[test]
fn a_frame_without_end_is_dropped_at_the_bound_and_the_next_is_found() {
    let mut stream = jpeg(1);
    stream.truncate(stream.len() - 2);
    stream.resize(MAX_FRAME_BYTES + 100, 5);
    stream.extend(jpeg(2));
    let (frames, skipped) = cut(&stream, 65_536);
    assert_eq!(frames, [jpeg(2)]);
    assert_eq!(skipped.torn, 1);
}

#[test]
fn what_is_no_mjpeg_is_given_up_at_a_bound() {
    let (mut cutter, mut frame) = (Cutter::new(), Vec::new());
    let noise = vec![0xFF; 1 << 20];
    let error = (0..1000).find_map(|_| cutter.push(&noise, &mut frame).err());
    assert_eq!(error, Some(MjpegError::Lost { after: 0 }));
    assert!(cutter.position() <= MAX_LOST_BYTES + 1);
    assert!(frame.capacity() < 64);
}
