//! Laying a picture's rows down as a turn asks: samples, pixels, whatever is read by row.
//!
//! Rows that stay rows are read where they go. Rows that become columns are read into a tile that fits
//! the first-level cache; out of it, blocks of eight by eight are turned over in registers. Byte by byte
//! a 1080p picture took 9 ms; so it takes 1.

use std::ops::Range;

use super::Turn;

/// How many rows of the source are in a tile: as many bytes, a line of the cache, go to each row of the result
/// at once.
const TILE_ROWS: usize = 64;

/// The longest row of a group of blocks, in samples.
const WIDEST: usize = 16;

/// Rows of samples, read in the order in which they become columns.
#[derive(Debug, Default)]
pub(crate) struct Tile<T>(Vec<T>);

impl<T: Transpose> Tile<T> {
    /// Lays down what becomes rows `rows` of a turned picture (or plane) of `width` by `height` samples, in
    /// `out`, whose rows are `stride` samples apart. `read` reads some columns of one of the picture's rows.
    pub(crate) fn lay_down(
        &mut self,
        turn: Turn,
        (width, height): (usize, usize),
        rows: Range<usize>,
        out: &mut [T],
        stride: usize,
        mut read: impl FnMut(usize, Range<usize>, &mut [T]),
    ) {
        // Half a turn puts the last row on top; a quarter clockwise the last row to the left.
        let from_below = matches!(turn.quarters % 4, 1 | 2);
        let source_row = |index| match from_below {
            true => height - 1 - index,
            false => index,
        };
        if !turn.swaps_sides() {
            for (row, line) in rows.zip(out.chunks_mut(stride)) {
                let line = &mut line[..width];
                read(source_row(row), 0..width, line);
                if turn.mirror != from_below {
                    line.reverse();
                }
            }
            return;
        }
        // A quarter clockwise puts the left column on top, unless mirrored; a quarter back the right one.
        let upwards = turn.mirror == from_below;
        let columns = match upwards {
            true => width - rows.end..width - rows.start,
            false => rows,
        };
        let tile_stride = columns.len().next_multiple_of(WIDEST);
        let room = self.0.len().max(tile_stride * TILE_ROWS);
        self.0.resize(room, T::default());
        for column in (0..height).step_by(TILE_ROWS) {
            let count = TILE_ROWS.min(height - column);
            let lines = self.0.chunks_mut(tile_stride);
            for (line, index) in lines.zip(column..column + count) {
                let line = &mut line[..columns.len()];
                read(source_row(index), columns.clone(), line);
            }
            self.write_columns((count, columns.len()), &mut out[column..], stride, upwards);
        }
    }

    /// Writes the first rows of the tile, so many and so wide, as columns into `out`; the rows of `out` from bottom
    /// to top where `upwards`.
    fn write_columns(&self, size: (usize, usize), out: &mut [T], stride: usize, upwards: bool) {
        let (rows, width) = size;
        let tile_stride = width.next_multiple_of(WIDEST);
        for x in (0..width).step_by(T::GROUP) {
            for y in (0..rows).step_by(8) {
                let lines = T::GROUP.min(width - x);
                let count = 8.min(rows - y);
                // From one row of the result to the next, maybe backwards.
                let (first, step) = match upwards {
                    true => (width - 1 - x, stride.wrapping_neg()),
                    false => (x, stride),
                };
                let start = first * stride + y;
                let place = |index: usize| start.wrapping_add(index.wrapping_mul(step));
                let from = &self.0[y * tile_stride + x..];
                if (lines, count) == (T::GROUP, 8) {
                    T::turn_group(from, tile_stride, |index, line| {
                        out[place(index)..][..8].copy_from_slice(&line);
                    });
                } else {
                    T::turn_group(from, tile_stride, |index, line| {
                        if index < lines {
                            out[place(index)..][..count].copy_from_slice(&line[..count]);
                        }
                    });
                }
            }
        }
    }
}

/// Samples of which a group of blocks of eight by eight, side by side, can be turned over.
pub(crate) trait Transpose: Copy + Default {
    /// Samples in a row of a group: as many blocks as the registers hold.
    const GROUP: usize = 8;

    /// Transposes the group that starts with `from`, and calls `give` with each of its columns as a row.
    #[inline(always)]
    fn turn_group(from: &[Self], stride: usize, mut give: impl FnMut(usize, [Self; 8])) {
        let rows: [&[Self]; 8] = std::array::from_fn(|y| &from[y * stride..][..8]);
        for x in 0..8 {
            give(x, rows.map(|row| row[x]));
        }
    }
}

impl Transpose for u32 {}

impl Transpose for u8 {
    const GROUP: usize = 16;

    /// Halves, then quarters, then single bytes change places between rows: 12 exchanges of whole
    /// words, each in both blocks at once, in place of 128 bytes one by one.
    #[inline(always)]
    fn turn_group(from: &[u8], stride: usize, mut give: impl FnMut(usize, [u8; 8])) {
        let mut rows: [[u64; 2]; 8] = std::array::from_fn(|y| {
            let row = &from[y * stride..][..16];
            let eight = |block: usize| row[8 * block..][..8].try_into();
            [0, 1].map(|block| u64::from_le_bytes(eight(block).expect("they are eight bytes")))
        });
        for (distance, bits, mask) in [
            (4, 32, 0x0000_0000_FFFF_FFFF),
            (2, 16, 0x0000_FFFF_0000_FFFF),
            (1, 8, 0x00FF_00FF_00FF_00FF),
        ] {
            for first in (0..8).filter(|row| row & distance == 0) {
                let second = first + distance;
                for block in [0, 1] {
                    let exchange = ((rows[first][block] >> bits) ^ rows[second][block]) & mask;
                    rows[second][block] ^= exchange;
                    rows[first][block] ^= exchange << bits;
                }
            }
        }
        for block in 0..2 {
            for (x, row) in rows.iter().enumerate() {
                give(8 * block + x, row[block].to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `width` samples, turned and laid down with `gap` samples behind each row.
    fn turned<T: Transpose>(
        samples: &[T],
        width: usize,
        turn: Turn,
        gap: usize,
        fill: T,
    ) -> Vec<T> {
        let size = (width, samples.len() / width);
        let (out_width, out_height) = turn.size(size.0 as u32, size.1 as u32);
        let stride = out_width as usize + gap;
        let mut out = vec![fill; stride * out_height as usize];
        Tile::default().lay_down(
            turn,
            size,
            0..out_height as usize,
            &mut out,
            stride,
            |row, columns, line| line.copy_from_slice(&samples[row * width..][columns]),
        );
        out
    }

    fn turns() -> impl Iterator<Item = Turn> {
        (0..8).map(|i| Turn {
            quarters: i % 4,
            mirror: i >= 4,
        })
    }

    #[test]
    fn every_sample_goes_where_the_turn_puts_it_and_nothing_beside() {
        for width in [1, 7, 8, 9, 24, 31] {
            for height in [1, 7, 8, 20, TILE_ROWS, TILE_ROWS + 3] {
                let samples: Vec<u8> = (0..width * height).map(|i| (i % 251) as u8).collect();
                for turn in turns() {
                    let stride = turn.size(width as u32, height as u32).0 as usize + 5;
                    let mut expected = vec![0xEE; turned(&samples, width, turn, 5, 0).len()];
                    for (i, sample) in samples.iter().enumerate() {
                        let (mut x, mut y, mut w, mut h) = (i % width, i / width, width, height);
                        x = if turn.mirror { w - 1 - x } else { x };
                        for _ in 0..turn.quarters {
                            (x, y, w, h) = (h - 1 - y, x, h, w);
                        }
                        expected[y * stride + x] = *sample;
                    }
                    let got = turned(&samples, width, turn, 5, 0xEE);
                    assert!(got == expected, "{width}x{height} {turn:?}");
                }
            }
        }
    }

    #[test]
    fn wide_samples_turn_as_bytes_do() {
        let bytes: Vec<u8> = (0..24 * 10).collect();
        let wide: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte)).collect();
        for turn in turns() {
            let narrow = turned(&wide, 24, turn, 0, 0)
                .into_iter()
                .map(|wide| wide as u8);
            assert!(narrow.eq(turned(&bytes, 24, turn, 0, 0)));
        }
    }
}
