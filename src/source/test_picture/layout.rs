//! Where things are in a test picture, and how its number is read back.
//!
//! A function of the size alone, so that a test (or a stopwatch) that has only the pixels of a window
//! finds the bars and the number without asking the sender. Draws nothing.

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// The bars' colours from left to right, as red, green, blue: three quarters of full saturation, so
/// that no rounding on the way is cut off at the top.
const BARS: [[u8; 3]; 7] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
];

/// How many bits of the frame's number the cells bear: at 60 frames a second, 77 hours.
const BITS: u32 = 24;

/// The shortest side of a cell, in pixels: one block of a JPEG.
const CELL: u32 = 8;

/// The smallest dial, in pixels.
const DIAL: u32 = 12;

/// Where things are in a test picture of some size.
#[derive(Debug)]
pub(super) struct Layout {
    /// The colour bars, from left to right, from the top down to about three fifths.
    bars: [Rectangle; 7],
    /// The ramp below them, black at its left end, white at its right.
    pub(super) ramp: Option<Rectangle>,
    /// The square of the dial, at the left; clock and number right of it, as high.
    pub(super) dial_and_text: Option<[Rectangle; 2]>,
    /// The cells along the lower edge that bear the number's low 24 bits, the highest first, white for one. None
    /// where they would be smaller than a block of a JPEG (below 192x128).
    pub(super) cells: Vec<Rectangle>,
}

impl Layout {
    /// The layout for a picture of that size in pixels.
    pub(super) fn new(width: u32, height: u32) -> Self {
        let band = even(height / 16);
        let ramp_top = match band {
            0 => height,
            _ => even(height * 3 / 5),
        };
        let coded = band >= CELL && width >= BITS * CELL;
        let panel_top = ramp_top + band;
        let panel_height = height - panel_top - if coded { band } else { 0 };
        let cell = even(width / BITS);
        let side = even(panel_height.min(width / 4));
        let margin = even(side / 16);
        let (top, inner) = (panel_top + margin, side - 2 * margin);
        let dial = area(margin, top, inner, inner);
        let text = area(side + margin, top, width - side - margin, inner);
        Layout {
            bars: std::array::from_fn(|i| bar(i as u32, width, ramp_top)),
            ramp: (band > 0).then(|| area(0, ramp_top, width, band)),
            dial_and_text: (side >= DIAL).then_some([dial, text]),
            cells: (0..if coded { BITS } else { 0 })
                .map(|i| area(i * cell, height - band, cell, band))
                .collect(),
        }
    }

    /// The bars that have a pixel, with their colours.
    pub(super) fn visible_bars(&self) -> impl Iterator<Item = (Rectangle, [u8; 3])> + use<> {
        let bars = self.bars.into_iter().zip(BARS);
        bars.filter(|(bar, _)| !bar.is_zero_sized())
    }
}

/// What colour (red, green, blue) each bar of a test picture has, and a pixel in its middle; bars that have
/// no pixel in so narrow a picture are left out.
pub fn bars(width: u32, height: u32) -> impl Iterator<Item = ((u32, u32), [u8; 3])> {
    let bars = Layout::new(width, height).visible_bars();
    bars.map(|(bar, colour)| (middle(&bar), colour))
}

/// The number in a test picture's cells, modulo 2 to the power of 24, read from the brightness (0 to
/// 255) that `luma` gives of a pixel. `None` where the picture is too small to bear one (below 192x128) or a
/// cell is neither black nor white.
pub fn number_in(width: u32, height: u32, luma: impl Fn(u32, u32) -> u8) -> Option<u32> {
    let layout = Layout::new(width, height);
    layout.cells.first()?;
    layout.cells.iter().try_fold(0, |number, cell| {
        let (x, y) = middle(cell);
        match luma(x, y) {
            0..=63 => Some(number << 1),
            192..=255 => Some(number << 1 | 1),
            _ => None,
        }
    })
}

fn middle(area: &Rectangle) -> (u32, u32) {
    let Point { x, y } = area.center();
    (x as u32, y as u32)
}

fn area(x: u32, y: u32, width: u32, height: u32) -> Rectangle {
    let top_left = Point::new(x as i32, y as i32);
    Rectangle::new(top_left, Size::new(width, height))
}

/// Chroma is shared by two pixels each way: edges on even pixels keep the colours clean.
fn even(pixels: u32) -> u32 {
    pixels & !1
}

fn bar(i: u32, width: u32, height: u32) -> Rectangle {
    let edge = |i: u32| match i {
        7 => width,
        i if width >= 14 => even(i * width / 7),
        i => i * width / 7,
    };
    area(edge(i), 0, edge(i + 1) - edge(i), height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_picture_at_any_size() {
        let sides = (1..70).chain([192, 481, 639, 1080, 3040, 4056, 16_384]);
        for width in sides.clone() {
            for height in sides.clone() {
                let layout = Layout::new(width, height);
                let picture = area(0, 0, width, height);
                let parts = layout.dial_and_text.into_iter().flatten();
                let parts = parts.chain(layout.ramp).chain(layout.cells.clone());
                for part in parts.chain(layout.bars) {
                    let within = part.is_zero_sized() || part.intersection(&picture) == part;
                    assert!(within, "{width}x{height}: {layout:?}");
                }
                let bars: u32 = layout.bars.iter().map(|bar| bar.size.width).sum();
                assert_eq!(bars, width);
            }
        }
    }
}
