//! Where things are in a test picture, and how its number is read back.
//!
//! A function of the size alone, so that a test (or a stopwatch) that has only the pixels of a window
//! finds the bars and the number without asking the sender. Draws nothing.

/// How bright the bars' colours are: three quarters of full saturation, so that no rounding on the way is cut off
/// at the top.
const BRIGHT: u8 = 191;

/// How many bits of the frame's number the cells bear: at 60 frames a second, 77 hours.
pub(super) const BITS: u32 = 24;

/// The shortest side of a cell, in pixels: one block of a JPEG.
const CELL: u32 = 8;

/// The rows of a picture of that size in pixels where these begin, from the top down: the bars, a ramp, the panel, and the
/// cells that bear the number's low 24 bits, the highest first, white for one; and where the picture ends. What does not
/// fit has no rows: cells must not be smaller than a block of a JPEG.
pub(super) fn bands(width: u32, height: u32) -> [u32; 5] {
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
pub(super) fn colour(width: u32, bands: [u32; 5], x: u32, y: u32) -> [u8; 3] {
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

/// What colour (red, green, blue) the bars of a test picture have, each at a pixel in its middle.
pub fn bars(width: u32, height: u32) -> impl Iterator<Item = ((u32, u32), [u8; 3])> {
    let bands = bands(width, height);
    (0..7).map(move |bar| {
        let (x, y) = ((2 * bar + 1) * width / 14, bands[1] / 2);
        ((x, y), colour(width, bands, x, y))
    })
}

/// The number in a test picture's cells, modulo 2 to the power of 24, read from the brightness (0 to
/// 255) that `luma` gives of a pixel. `None` where the picture is too small to bear one (below 192x128) or a
/// cell is neither black nor white.
pub fn number_in(width: u32, height: u32, luma: impl Fn(u32, u32) -> u8) -> Option<u32> {
    let [.., cells, end] = bands(width, height);
    let (cell, y) = (width / BITS, (cells + end) / 2);
    let mut bits = (0..BITS).map(|i| luma(i * cell + cell / 2, y));
    let read = |number: u32, grey| match grey {
        0..=63 => Some(number << 1),
        192..=255 => Some(number << 1 | 1),
        _ => None,
    };
    (cells < end).then(|| bits.try_fold(0, read))?
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
                for ((x, y), _) in bars(width, height) {
                    assert!(x < width && y < height, "{width}x{height}: {bands:?}");
                }
            }
        }
    }
}
