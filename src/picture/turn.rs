//! The eight ways to lay a rectangle down.

/// One of the eight ways to lay a rectangle down: mirrored left to right first, where `mirror` says
/// so, then turned clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Turn {
    /// Clockwise quarter turns, 0 to 3.
    pub quarters: u8,
    /// Mirrored left to right before turning.
    pub mirror: bool,
}

/// Exif's numbers of the eight: of 0 to 3 quarters, then the same of a mirrored picture.
const EXIF: [[u8; 4]; 2] = [[1, 6, 3, 8], [2, 7, 4, 5]];

impl Turn {
    /// As it is.
    pub const NONE: Turn = Turn::new(0, false);

    /// So many quarter turns, less all whole ones.
    const fn new(quarters: u8, mirror: bool) -> Turn {
        let quarters = quarters % 4;
        Turn { quarters, mirror }
    }

    /// The turn that `--rotation`, `--hflip` and `--vflip` ask for together: flips first, then the
    /// rotation, clockwise.
    pub fn from_flips(quarters: u8, hflip: bool, vflip: bool) -> Turn {
        // A vertical flip is a horizontal one turned by half.
        Turn::new(quarters + 2 * u8::from(vflip), hflip ^ vflip)
    }

    /// First this, then the next.
    pub fn then(self, next: Turn) -> Turn {
        // Mirroring reverses the sense of what was turned before it.
        let quarters = match next.mirror {
            true => 4 - self.quarters,
            false => self.quarters,
        };
        Turn::new(quarters + next.quarters, self.mirror ^ next.mirror)
    }

    /// What undoes this one.
    pub fn inverse(self) -> Turn {
        match self.mirror {
            // Two mirrorings cancel out what lies between them.
            true => self,
            false => Turn::new(4 - self.quarters, false),
        }
    }

    /// All eight.
    pub fn all() -> impl Iterator<Item = Turn> {
        (0..8).map(|i| Turn::new(i, i >= 4))
    }

    /// The number of the Exif orientation that asks for it.
    pub(crate) fn exif(self) -> u8 {
        EXIF[usize::from(self.mirror)][usize::from(self.quarters % 4)]
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.quarters % 2 == 1
    }

    /// The size of a picture of `width` by `height` after the turn.
    pub fn size(self, width: u32, height: u32) -> (u32, u32) {
        match self.swaps_sides() {
            true => (height, width),
            false => (width, height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the turn puts pixel (x, y) of a picture of `w` by `h`.
    fn place(turn: Turn, x: u32, y: u32, w: u32, h: u32) -> (u32, u32) {
        let mut at = (if turn.mirror { w - 1 - x } else { x }, y);
        let (mut w, mut h) = (w, h);
        for _ in 0..turn.quarters {
            at = (h - 1 - at.1, at.0);
            (w, h) = (h, w);
        }
        at
    }

    #[test]
    fn turns_compose_as_pixels_move() {
        for first in Turn::all() {
            for next in Turn::all() {
                let (w, h) = first.size(5, 3);
                let step = place(first, 1, 2, 5, 3);
                let expected = place(next, step.0, step.1, w, h);
                assert_eq!(place(first.then(next), 1, 2, 5, 3), expected);
            }
            assert_eq!(first.then(first.inverse()), Turn::NONE);
        }
    }

    #[test]
    fn both_flips_are_half_a_turn() {
        assert_eq!(
            Turn::from_flips(0, true, true),
            Turn::from_flips(2, false, false)
        );
        assert_eq!(place(Turn::from_flips(0, false, true), 1, 0, 5, 3), (1, 2));
    }
}
