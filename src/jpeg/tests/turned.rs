//! Turned JPEGs: without loss where that can be, and right where it cannot.

use super::*;

#[test]
fn a_turned_jpeg_shows_the_picture_turned() {
    let mut turner = Encoder::new(threads(2));
    let (mut encoder, mut decoder) = (encoder(1, 2000), decoder(1, 2000));
    let (mut jpeg, mut turned, mut bitmap) = (Vec::new(), Vec::new(), Bitmap::default());
    for format in [
        PixelFormat::Gray,
        PixelFormat::I420,
        PixelFormat::Yuyv,
        PixelFormat::I444,
    ] {
        for size in [(96, 64), (75, 53), (96, 53)] {
            let source = paint(size, format, Range::Full, Matrix::Bt601, 0);
            encoder
                .encode(&source.picture(), Turn::NONE, 95, &mut jpeg)
                .unwrap();
            for turn in all_turns() {
                let what = format!("{format:?} {size:?} {turn:?}");
                turner.turn(&jpeg, turn, 95, &mut turned).expect(&what);
                decoder.decode(&turned, &mut bitmap).expect(&what);
                assert_shows(&bitmap, &source, turn, 11.0, &what);
            }
        }
    }
}

#[test]
fn turning_and_turning_back_loses_nothing_at_whole_units() {
    let mut turner = Encoder::new(threads(1));
    let source = paint((96, 64), PixelFormat::I420, Range::Full, Matrix::Bt601, 0);
    let mut jpeg = Vec::new();
    encoder(1, 1 << 20)
        .encode(&source.picture(), Turn::NONE, 80, &mut jpeg)
        .unwrap();
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for turn in all_turns() {
        turner.turn(&jpeg, turn, 1, &mut there).unwrap();
        turner.turn(&there, turn.inverse(), 1, &mut back).unwrap();
        assert!(back == jpeg, "{turn:?}");
    }
}

#[test]
fn what_does_not_decode_is_not_turned() {
    let mut turner = Encoder::new(threads(1));
    let jpeg = foreign::jpeg((64, 48), turbojpeg::raw::TJSAMP_TJSAMP_420, &[]);
    let mut turned = Vec::new();
    for cut in 0..jpeg.len() {
        let result = turner.turn(
            &jpeg[..cut],
            Turn::from_flips(1, false, false),
            80,
            &mut turned,
        );
        assert!(matches!(result, Err(EncodeError::Jpeg(_))), "cut at {cut}");
    }
}
