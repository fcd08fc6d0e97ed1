//! Where things are in a test picture.
//!
//! A function of the size alone, so that a test (or a stopwatch) that has only the pixels of a window
//! finds the bars and the number without asking the sender (`tests/common/test_picture.rs`). Draws nothing.

/// How bright the bars' colours are: three quarters of full saturation, so that no rounding on the way is cut off
/// at the top.
const BRIGHT: u8 = 191;

/// How many bits of the frame's number the cells bear: at 60 frames a second, 77 hours.
pub const BITS: u32 = 24;

/// The shortest side of a cell, in pixels: one block of a JPEG.
const CELL: u32 = 8;

/// The rows of a picture of that size in pixels where these begin, from the top down: the bars, a ramp, the panel, and the
/// cells that bear the number's low 24 bits, the highest first, white for one; and where the picture ends. What does not
/// fit has no rows: cells must not be smaller than a block of a JPEG.
pub fn bands(width: u32, height: u32) -> [u32; 5] {
    let band = even(height / 16);
    let ramp = match band {
        0 => height,
        _ => even(height * 3 / 5),
    };
    let cells = match band >= CELL && width >= BITS * CELL {
        true => even(height) - band,
        false => height,
    };
    [0, ramp, ramp + band, cells, height]
}

/// The colour of a pixel, as red, green, blue, where nothing moves, in a picture of that width and those [`bands`].
pub fn colour(width: u32, bands: [u32; 5], x: u32, y: u32) -> [u8; 3] {
    let [_, ramp, panel, ..] = bands;
    if y < ramp {
        // Every mix of green, red and blue, the brightest first.
        let mix = 7 - even(x) * 7 / width;
        [2, 4, 1].map(|colour| BRIGHT * u8::from(mix & colour != 0))
    } else if y < panel {
        // Black at its left end, white at its right.
        [(x * 255 / (width - 1).max(1)) as u8; 3]
    } else {
        [0; 3]
    }
}

/// Chroma is shared by two pixels each way: edges on even pixels keep the colours clean.
fn even(pixels: u32) -> u32 {
    pixels & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_picture_at_any_size() {
        let sides = (1..70).chain([192, 481, 639, 1080, 3040, 4056, 16_384]);
        for width in sides.clone() {
            for height in sides.clone() {
                let bands = bands(width, height);
                assert!(bands.is_sorted(), "{width}x{height}: {bands:?}");
                assert_eq!(bands[4], height);
                // Also what lies in the middle of the bars.
                assert!(bands[1] / 2 < height, "{width}x{height}: {bands:?}");
            }
        }
    }
}
