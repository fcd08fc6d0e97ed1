//! Strips are the whole, pixel for pixel, and joined strips are one JPEG.

use turbojpeg::raw;

use super::foreign;
use super::*;
use crate::jpeg::markers::{DHT, SOS, header_segments};

const SAMPLINGS: [raw::TJSAMP; 6] = [
    raw::TJSAMP_TJSAMP_444,
    raw::TJSAMP_TJSAMP_422,
    raw::TJSAMP_TJSAMP_420,
    raw::TJSAMP_TJSAMP_GRAY,
    raw::TJSAMP_TJSAMP_440,
    raw::TJSAMP_TJSAMP_411,
];

const SIZES: [(usize, usize); 5] = [(80, 128), (81, 143), (16, 200), (7, 90), (130, 33)];

fn decoded(decoder: &mut Decoder, jpeg: &[u8], what: &str) -> Bitmap {
    let mut bitmap = Bitmap::default();
    if let Err(error) = decoder.decode(jpeg, &mut bitmap) {
        panic!("{what}: {error} {error:?}");
    }
    bitmap
}

#[test]
fn a_jpeg_in_strips_is_the_whole_jpeg_pixel_for_pixel() {
    let mut whole = decoder(1, 1);
    let mut in_strips = [decoder(2, 1), decoder(8, 1)];
    let rows = |count| (raw::TJPARAM_TJPARAM_RESTARTROWS, count);
    let settings: [&[_]; 9] = [
        &[],
        &[rows(1)],
        &[rows(2)],
        &[rows(3)],
        &[rows(7)],
        &[rows(1), (raw::TJPARAM_TJPARAM_OPTIMIZE, 1)],
        &[rows(1), (raw::TJPARAM_TJPARAM_PROGRESSIVE, 1)],
        &[(raw::TJPARAM_TJPARAM_RESTARTBLOCKS, 5)],
        &[(raw::TJPARAM_TJPARAM_RESTARTBLOCKS, 1)],
    ];
    for sampling in SAMPLINGS {
        for size in SIZES {
            for set in settings {
                let what = format!("sampling {sampling} {size:?} {set:?}");
                let jpeg = foreign::jpeg(size, sampling, set);
                let expected = decoded(&mut whole, &jpeg, &what);
                for decoder in &mut in_strips {
                    let got = decoded(decoder, &jpeg, &what);
                    assert!(got == expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn strips_that_were_joined_are_what_one_encoder_makes() {
    let (mut one, mut several) = (encoder(1, 200), encoder(3, 200));
    let (mut expected, mut got) = (Vec::new(), Vec::new());
    for format in FORMATS {
        for size in [(96, 160), (75, 201), (33, 97)] {
            for turn in [Turn::NONE, Turn::from_flips(2, false, false)] {
                let source = paint(size, format, Range::Full, Matrix::Bt601, 3);
                one.encode(&source.picture(), turn, 80, &mut expected)
                    .unwrap();
                several
                    .encode(&source.picture(), turn, 80, &mut got)
                    .unwrap();
                assert!(got == expected, "{format:?} {size:?} {turn:?}");
            }
        }
    }
}

#[test]
fn a_jpeg_without_huffman_tables_is_decoded_with_the_standard_ones() {
    for sampling in SAMPLINGS {
        let jpeg = foreign::jpeg((64, 48), sampling, &[]);
        let mut bare = vec![0xFF, markers::SOI];
        for segment in header_segments(&jpeg) {
            if segment.marker != DHT {
                bare.extend_from_slice(&jpeg[segment.start..segment.end]);
            }
        }
        let scan = header_segments(&jpeg).find(|s| s.marker == SOS).unwrap();
        bare.extend_from_slice(&jpeg[scan.end..]);
        let mut decoder = decoder(1, 1);
        let expected = decoded(&mut decoder, &jpeg, "with tables");
        assert!(decoded(&mut decoder, &bare, "without") == expected);
    }
}

#[test]
fn what_follows_the_end_and_what_precedes_the_picture_does_not_matter() {
    let jpeg = foreign::jpeg((64, 48), raw::TJSAMP_TJSAMP_420, &[]);
    let mut odd = jpeg.clone();
    odd.extend([0; 37]);
    odd.extend([0xFF, 0xD9]);
    // Comments with what looks like markers, an unknown application segment, fill bytes.
    odd.splice(
        2..2,
        [
            0xFF, 0xFF, 0xFF, 0xFE, 0, 6, 0xFF, 0xD9, 0xFF, 0xDA, 0xFF, 0xE7, 0, 3, 9,
        ],
    );
    let mut decoder = decoder(1, 1);
    let expected = decoded(&mut decoder, &jpeg, "plain");
    assert!(decoded(&mut decoder, &odd, "odd") == expected);
}

#[test]
fn the_largest_camera_picture_goes_through() {
    let source = paint(
        (4056, 3040),
        PixelFormat::Gray,
        Range::Full,
        Matrix::Bt601,
        0,
    );
    let mut jpeg = Vec::new();
    encoder(2, STRIP_PIXELS)
        .encode(&source.picture(), Turn::NONE, 50, &mut jpeg)
        .unwrap();
    let bitmap = decoded(&mut decoder(2, STRIP_PIXELS), &jpeg, "12 megapixels");
    assert_eq!((bitmap.width, bitmap.height), (4056, 3040));
}

#[test]
fn a_plane_that_is_too_short_is_an_error() {
    let mut encoder = encoder(2, 200);
    let mut jpeg = Vec::new();
    for format in FORMATS {
        let good = paint((33, 31), format, Range::Full, Matrix::Bt601, 0);
        for plane in 0..3 {
            let mut short = paint((33, 31), format, Range::Full, Matrix::Bt601, 0);
            if short.planes[plane].0.pop().is_none() {
                continue;
            }
            let result = encoder.encode(&short.picture(), Turn::NONE, 80, &mut jpeg);
            assert!(
                matches!(result, Err(EncodeError::ShortPlane { plane: p, .. }) if p == plane),
                "{format:?} {plane}: {result:?}"
            );
            let mut narrow = good.picture();
            narrow.planes[plane].stride -= 1;
            assert!(encoder.encode(&narrow, Turn::NONE, 80, &mut jpeg).is_err());
        }
        for (width, height) in [(0, 31), (33, 0), (65_501, 1), (1, u32::MAX)] {
            let mut picture = good.picture();
            (picture.width, picture.height) = (width, height);
            let result = encoder.encode(&picture, Turn::NONE, 80, &mut jpeg);
            assert!(matches!(result, Err(EncodeError::Size { .. })));
        }
    }
}
