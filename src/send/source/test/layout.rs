//! Where things are in a test picture, and how its number is read back.
//!
//! A function of the size alone, so that a test (or a stopwatch) that has only the pixels of a window
//! finds the bars and the number without asking the sender. Draws nothing.

/// How many bits of the frame's number the cells bear: at 60 frames a second, 77 hours.
pub const BITS: u32 = 24;

/// The shortest side of a cell, in pixels: one block of a JPEG.
const CELL: u32 = 8;

/// The smallest dial, in pixels.
const DIAL: u32 = 12;

/// A rectangle in a picture, in pixels from its left upper corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// At least 1, but for bars in pictures narrower than seven pixels.
    pub width: u32,
    /// At least 1.
    pub height: u32,
}

impl Area {
    /// The pixel in its middle.
    pub fn centre(&self) -> (u32, u32) {
        (self.x + self.width / 2, self.y + self.height / 2)
    }
}

/// Where things are in a test picture of some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The colour bars, from left to right, from the top down to about three fifths.
    pub bars: [Area; 7],
    /// The ramp below them, black at its left end, white at its right.
    pub ramp: Option<Area>,
    /// The square of the dial, at the left.
    pub dial: Option<Area>,
    /// Clock and number, right of the dial.
    pub text: Option<Area>,
    code: Option<Area>,
}

impl Layout {
    /// The layout for a picture of that size in pixels.
    pub fn new(width: u32, height: u32) -> Self {
        let band = even(height / 16);
        let ramp_top = if band > 0 {
            even(height * 3 / 5)
        } else {
            height
        };
        let across = |y: u32, height: u32| Area {
            x: 0,
            y,
            width,
            height,
        };
        let coded = band >= CELL && width >= BITS * CELL;
        let panel = Area {
            x: 0,
            y: ramp_top + band,
            width,
            height: height
                - ramp_top
                - if coded {
                    2 * band
                } else {
                    band.min(height - ramp_top)
                },
        };
        let side = even(panel.height.min(width / 4));
        let (dial, text) = if band > 0 && side >= DIAL {
            let margin = even(side / 16);
            let dial = Area {
                x: margin,
                y: panel.y + margin,
                width: side - 2 * margin,
                height: side - 2 * margin,
            };
            let text = Area {
                x: side + margin,
                width: width - side - margin,
                y: dial.y,
                height: dial.height,
            };
            (Some(dial), Some(text))
        } else {
            (None, None)
        };
        Layout {
            bars: std::array::from_fn(|i| bar(i as u32, width, ramp_top)),
            ramp: (band > 0).then(|| across(ramp_top, band)),
            dial,
            text,
            code: coded.then(|| across(height - band, band)),
        }
    }

    /// The cells along the lower edge that bear the number's low 24 bits, the highest first,
    /// white for one. None where they would be smaller than a block of a JPEG (below 192x128).
    pub fn cells(&self) -> impl Iterator<Item = Area> {
        self.code.into_iter().flat_map(|code| {
            let width = even(code.width / BITS);
            (0..BITS).map(move |i| Area {
                x: code.x + i * width,
                width,
                ..code
            })
        })
    }
}

/// The number in a test picture's cells, modulo 2 to the power of 24, read from the brightness (0 to
/// 255) that `luma` gives of a pixel. `None` where the picture is too small to bear one or a cell is
/// neither black nor white.
pub fn number_in(width: u32, height: u32, luma: impl Fn(u32, u32) -> u8) -> Option<u32> {
    let layout = Layout::new(width, height);
    let bits = layout.cells().map(|cell| {
        let (x, y) = cell.centre();
        match luma(x, y) {
            0..=63 => Some(0),
            192..=255 => Some(1),
            _ => None,
        }
    });
    layout.code?;
    bits.into_iter()
        .try_fold(0, |number, bit| Some(number << 1 | bit?))
}

/// Chroma is shared by two pixels each way: edges on even pixels keep the colours clean.
fn even(pixels: u32) -> u32 {
    pixels & !1
}

fn bar(i: u32, width: u32, height: u32) -> Area {
    let edge = |i: u32| match i {
        7 => width,
        i if width >= 14 => even(i * width / 7),
        i => i * width / 7,
    };
    Area {
        x: edge(i),
        y: 0,
        width: edge(i + 1) - edge(i),
        height,
    }
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
                let parts = [layout.ramp, layout.dial, layout.text];
                let areas = layout.bars.into_iter().chain(parts.into_iter().flatten());
                for area in areas.chain(layout.cells()) {
                    assert!(area.x + area.width <= width, "{width}x{height}: {layout:?}");
                    assert!(
                        area.y + area.height <= height,
                        "{width}x{height}: {layout:?}"
                    );
                }
                let bars: u32 = layout.bars.iter().map(|bar| bar.width).sum();
                assert_eq!(bars, width);
            }
        }
    }
}
