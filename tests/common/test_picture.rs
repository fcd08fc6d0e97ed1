//! A test picture read from its pixels alone, without asking the sender.

use pi_stream::source::test_picture::{BITS, bands, colour};

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
