//! Turning and mirroring a bitmap.
//!
//! Rows that stay rows are copied or reversed whole. Rows that become columns go in tiles: a whole
//! row written down a column would touch a new cache line for every pixel.

use crate::frame::{Bitmap, Turn};

/// Side of a tile in pixels: 16 rows of 64 bytes, a cache line each, on both sides.
const TILE: usize = 16;

/// Writes `from`, turned, to `to`, whose buffer is reused.
pub fn turn(from: &Bitmap, turn: Turn, to: &mut Bitmap) {
    let (w, h) = (from.width, from.height);
    to.pixels.resize(w * h, 0);
    let mirror = turn.mirror;
    // A turn is a way to walk: along rows or columns, each forwards or backwards. Mirroring comes
    // first, so it changes the source's x.
    match turn.quarters % 4 {
        0 | 2 => {
            (to.width, to.height) = (w, h);
            let half = turn.quarters % 4 == 2;
            let rows = from.pixels.chunks_exact(w.max(1));
            for (y, row) in rows.enumerate() {
                let y = if half { h - 1 - y } else { y };
                let target = &mut to.pixels[y * w..][..w];
                target.copy_from_slice(row);
                if half != mirror {
                    target.reverse();
                }
            }
        }
        quarters => {
            (to.width, to.height) = (h, w);
            // Clockwise: the source's column x becomes row x, read from the bottom upwards.
            // Anticlockwise: row w - 1 - x, read downwards.
            let clockwise = quarters == 1;
            let flip_row = clockwise == mirror;
            transpose(from, &mut to.pixels, flip_row, clockwise);
        }
    }
}

/// Columns become rows; `flip_row` numbers the new rows from the bottom, `flip_column` fills each from
/// the right.
fn transpose(from: &Bitmap, to: &mut [u32], flip_row: bool, flip_column: bool) {
    let (w, h) = (from.width, from.height);
    for tile_y in (0..h).step_by(TILE) {
        let bottom = (tile_y + TILE).min(h);
        for tile_x in (0..w).step_by(TILE) {
            for x in tile_x..(tile_x + TILE).min(w) {
                let row = if flip_row { w - 1 - x } else { x };
                let row = &mut to[row * h..][..h];
                let column = (tile_y..bottom).map(|y| from.pixels[y * w + x]);
                if flip_column {
                    let target = row[h - bottom..h - tile_y].iter_mut().rev();
                    target.zip(column).for_each(|(to, from)| *to = from);
                } else {
                    let target = row[tile_y..bottom].iter_mut();
                    target.zip(column).for_each(|(to, from)| *to = from);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(width: usize, height: usize) -> Bitmap {
        Bitmap {
            width,
            height,
            pixels: (0..(width * height) as u32).collect(),
        }
    }

    fn turned(from: &Bitmap, quarters: u8, mirror: bool) -> Bitmap {
        let mut to = Bitmap::default();
        turn(from, Turn { quarters, mirror }, &mut to);
        to
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        // 0 1 2      3 0
        // 3 4 5  ->  4 1
        //            5 2
        let quarter = turned(&numbered(3, 2), 1, false);
        assert_eq!((quarter.width, quarter.height), (2, 3));
        assert_eq!(quarter.pixels, [3, 0, 4, 1, 5, 2]);
    }

    #[test]
    fn mirroring_comes_before_turning() {
        assert_eq!(turned(&numbered(3, 2), 0, true).pixels, [2, 1, 0, 5, 4, 3]);
        assert_eq!(turned(&numbered(3, 2), 1, true).pixels, [5, 2, 4, 1, 3, 0]);
    }

    #[test]
    fn every_turn_is_made_of_quarters_and_a_mirror() {
        // Larger than a tile, and no multiple of it.
        let from = numbered(37, 21);
        for mirror in [false, true] {
            let mut step = turned(&from, 0, mirror);
            for quarters in 1..4 {
                step = turned(&step, 1, false);
                assert_eq!(step, turned(&from, quarters, mirror), "{quarters} {mirror}");
            }
        }
    }

    #[test]
    fn what_undoes_a_turn_gives_the_picture_back() {
        let from = numbered(19, 34);
        for i in 0..8 {
            let first = Turn {
                quarters: i % 4,
                mirror: i >= 4,
            };
            let mut there = Bitmap::default();
            turn(&from, first, &mut there);
            let mut back = Bitmap::default();
            turn(&there, first.inverse(), &mut back);
            assert_eq!(back, from);
        }
    }
}
