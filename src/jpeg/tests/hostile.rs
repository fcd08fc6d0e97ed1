//! What strangers send: an error or a picture, never a panic, never more memory than the bounds say.

use turbojpeg::raw;

use super::foreign::{self, Dice};
use super::*;
use crate::jpeg::markers::{SOF0, SOF2, header_segments};

/// How many mutated JPEGs; `PI_STREAM_FUZZ` asks for more.
fn rounds() -> usize {
    std::env::var("PI_STREAM_FUZZ")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(4000)
}

/// JPEGs of all kinds that are decoded.
fn samples() -> Vec<Vec<u8>> {
    let rows = (raw::TJPARAM_TJPARAM_RESTARTROWS, 1);
    let progressive = (raw::TJPARAM_TJPARAM_PROGRESSIVE, 1);
    vec![
        foreign::jpeg((75, 97), raw::TJSAMP_TJSAMP_420, &[rows]),
        foreign::jpeg((64, 80), raw::TJSAMP_TJSAMP_420, &[]),
        foreign::jpeg((66, 50), raw::TJSAMP_TJSAMP_422, &[rows]),
        foreign::jpeg((40, 90), raw::TJSAMP_TJSAMP_440, &[rows]),
        foreign::jpeg((40, 40), raw::TJSAMP_TJSAMP_444, &[rows]),
        foreign::jpeg((40, 90), raw::TJSAMP_TJSAMP_GRAY, &[rows]),
        foreign::jpeg((50, 40), raw::TJSAMP_TJSAMP_420, &[progressive]),
        foreign::jpeg((50, 40), raw::TJSAMP_TJSAMP_411, &[]),
    ]
}

/// One to four changes of the kinds that lines, disks and attackers make.
fn mutate(jpeg: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let length = jpeg.len().max(1);
        let at = dice.below(length).min(jpeg.len());
        // Half of the changes are to the header, which is a small part of the whole.
        let at = if dice.below(2) == 0 {
            at % 650.min(length)
        } else {
            at
        };
        let until = (at + dice.below(40)).min(jpeg.len());
        match dice.below(8) {
            0 | 1 if at < jpeg.len() => jpeg[at] ^= 1 << dice.below(8),
            2 if at < jpeg.len() => jpeg[at] = [0, 0xFF, 0xD0, 0xD9, 0x7F][dice.below(5)],
            3 => drop(jpeg.drain(at..until)),
            4 => {
                let copy = jpeg[at..until].to_vec();
                let to = dice.below(jpeg.len() + 1);
                jpeg.splice(to..to, copy);
            }
            5 => jpeg.truncate(at),
            6 => {
                let from = dice.below(other.len());
                let part = &other[from..(from + 60).min(other.len())];
                jpeg.splice(at..until, part.iter().copied());
            }
            _ => {
                let marker = [0xFF, 0xD0 + dice.below(16) as u8];
                jpeg.splice(at..at, marker);
            }
        }
    }
}

#[test]
fn no_mutation_makes_it_panic_or_grow() {
    let samples = samples();
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    let mut decoder = decoder(2, 1);
    let mut bitmap = Bitmap::default();
    let mut shown = 0;
    for round in 0..rounds() {
        let mut jpeg = samples[round % samples.len()].clone();
        let other = &samples[dice.below(samples.len())];
        mutate(&mut jpeg, other, &mut dice);
        let refused = inspect(&jpeg, MAX_PIXELS).err();
        match decoder.decode(&jpeg, &mut bitmap) {
            Ok(()) => {
                assert!(refused.is_none(), "refused and decoded: {refused:?}");
                assert_eq!(bitmap.pixels.len(), bitmap.width * bitmap.height);
                shown += 1;
            }
            Err(DecodeError::Panicked) => panic!("round {round}: image panicked over {jpeg:02x?}"),
            Err(_) => {}
        }
        // A block has two bits at the least, so what was asked for is in proportion to what came.
        assert!(bitmap.pixels.len() <= 4 * 256 * jpeg.len().max(10_000));
    }
    assert!(
        shown > rounds() / 20,
        "most mutations are not trivial: {shown}"
    );
    // And it is as good as before.
    decoder.decode(&samples[0], &mut bitmap).unwrap();
}

#[test]
fn no_cut_of_a_jpeg_is_shown() {
    let mut decoder = decoder(2, 1);
    let mut bitmap = Bitmap::default();
    for jpeg in samples() {
        for cut in 0..jpeg.len() {
            let result = decoder.decode(&jpeg[..cut], &mut bitmap);
            assert!(result.is_err(), "{cut} of {} bytes", jpeg.len());
        }
    }
}

/// The same JPEG with another size in its frame header.
fn resized(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    let frame = header_segments(&jpeg)
        .find(|s| matches!(s.marker, SOF0 | SOF2))
        .unwrap()
        .start;
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn a_bomb_is_refused_before_anything_is_allocated() {
    let mut decoder = decoder(2, 1);
    for jpeg in samples() {
        for (width, height) in [(65_500, 65_500), (65_535, 1), (8000, 8000), (0, 9), (9, 0)] {
            let bomb = resized(&jpeg, width, height);
            let mut bitmap = Bitmap::default();
            assert!(inspect(&bomb, MAX_PIXELS).is_err(), "{width}x{height}");
            assert!(decoder.decode(&bomb, &mut bitmap).is_err());
            assert_eq!(bitmap.pixels.len(), 0, "{width}x{height}");
        }
    }
}

#[test]
fn restart_markers_that_lie_are_an_error() {
    let jpeg = samples().swap_remove(0);
    let mut decoder = decoder(2, 1);
    let mut bitmap = Bitmap::default();
    let scan = header_segments(&jpeg).last().unwrap().end;
    let (first, _) = markers::next_marker(&jpeg, scan).unwrap();
    let (second, _) = markers::next_marker(&jpeg, first + 2).unwrap();

    let mut lies = vec![jpeg.clone(); 4];
    lies[0].drain(first..first + 2);
    lies[1].drain(first..second);
    lies[2].splice(second..second, [0xFF, 0xD1]);
    lies[3][first + 1] = 0xD3;
    let endless = std::iter::repeat_n([0xFF, 0xD0], 100_000).flatten();
    lies.push(jpeg[..first].iter().copied().chain(endless).collect());
    lies.push(jpeg[..first].iter().copied().chain([0xFF, 0xD9]).collect());
    for (number, lie) in lies.iter().enumerate() {
        let result = decoder.decode(lie, &mut bitmap);
        assert!(result.is_err(), "lie {number}");
    }
    decoder.decode(&jpeg, &mut bitmap).unwrap();
}

#[test]
fn too_many_scans_are_an_error() {
    let jpeg = foreign::jpeg(
        (50, 40),
        raw::TJSAMP_TJSAMP_420,
        &[(raw::TJPARAM_TJPARAM_PROGRESSIVE, 1)],
    );
    let mut decoder = decoder(1, 1);
    let mut bitmap = Bitmap::default();
    decoder.decode(&jpeg, &mut bitmap).unwrap();
    let scan = header_segments(&jpeg).last().unwrap();
    let (end, _) = markers::next_marker(&jpeg, scan.end).unwrap();
    let again = jpeg[scan.start..end].to_vec();
    let bomb: Vec<u8> = [&jpeg[..end], &again.repeat(MAX_SCANS), &jpeg[end..]].concat();
    assert!(decoder.decode(&bomb, &mut bitmap).is_err());
}

#[test]
fn what_no_camera_makes_is_refused_by_its_header() {
    let jpeg = samples().swap_remove(1);
    let frame = header_segments(&jpeg)
        .find(|s| s.marker == SOF0)
        .unwrap()
        .start;
    let changed = |at: usize, value: u8| {
        let mut jpeg = jpeg.clone();
        jpeg[frame + at] = value;
        inspect(&jpeg, MAX_PIXELS)
    };
    assert!(changed(1, SOF0).is_ok());
    for coding in [0xC3, 0xC5, 0xC9, 0xCA, 0xCF] {
        assert!(matches!(
            changed(1, coding),
            Err(DecodeError::Unsupported(_))
        ));
    }
    assert!(matches!(changed(4, 12), Err(DecodeError::Unsupported(_))));
    assert!(matches!(changed(9, 4), Err(DecodeError::Damaged(_))));
    assert!(matches!(
        inspect(b"GIF89a", MAX_PIXELS),
        Err(DecodeError::NotJpeg)
    ));
    assert!(matches!(
        inspect(&[], MAX_PIXELS),
        Err(DecodeError::NotJpeg)
    ));
}
