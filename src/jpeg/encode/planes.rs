//! A YUV picture's planes as the encoder wants them, whatever way they lie in memory.
//!
//! [`PlaneRows`] reads any row of any plane of any format in JPEG's colours; [`Buffers`] lays the rows
//! of a strip down as the turn asks, each plane for itself. A plane that is right as it lies is passed
//! on untouched.

use std::ops::Range;

use super::colour::Colour;
use super::transpose::{TILE_ROWS, Tile};
use crate::frame::{Picture, PixelFormat, Plane, Turn};
use crate::jpeg::turbo::{Sampling, Settings, Source};

/// Where the samples of a kind are: in which plane, from which byte of a row on, how many bytes apart.
#[derive(Debug, Clone, Copy)]
struct Place {
    plane: usize,
    first: usize,
    step: usize,
}

/// A picture, read by plane and row.
#[derive(Debug)]
pub(super) struct PlaneRows<'a> {
    picture: &'a Picture<'a>,
    places: [Place; 3],
    /// Luma samples for one of chroma, across and down.
    factors: (usize, usize),
    /// Two rows of chroma become one.
    halved: bool,
    colour: Option<Colour>,
}

/// Rows in between, kept.
#[derive(Debug, Default)]
struct Scratch {
    rows: [Vec<u8>; 3],
}

impl<'a> PlaneRows<'a> {
    /// How the rows of a YUV or gray picture that was checked are read, if it is to be laid down as
    /// `turn` says.
    pub(super) fn of(picture: &'a Picture<'a>, turn: Turn) -> Self {
        use PixelFormat as F;
        let place = |plane, first, step| Place { plane, first, step };
        let planar = [place(0, 0, 1), place(1, 0, 1), place(2, 0, 1)];
        let paired = |cb, cr| [place(0, 0, 1), place(1, cb, 2), place(1, cr, 2)];
        let packed = |y, cb, cr| [place(0, y, 2), place(0, cb, 4), place(0, cr, 4)];
        let (places, factors) = match picture.format {
            F::I420 => (planar, (2, 2)),
            F::I422 => (planar, (2, 1)),
            F::Nv12 => (paired(0, 1), (2, 2)),
            F::Nv21 => (paired(1, 0), (2, 2)),
            F::Yuyv => (packed(0, 1, 3), (2, 1)),
            F::Yvyu => (packed(0, 3, 1), (2, 1)),
            F::Uyvy => (packed(1, 0, 2), (2, 1)),
            F::Vyuy => (packed(1, 2, 0), (2, 1)),
            // RGB is not read as planes (`pixels.rs`).
            F::Gray | F::I444 | F::Rgb | F::Bgr | F::Rgbx | F::Bgrx | F::Rgb565 => (planar, (1, 1)),
        };
        PlaneRows {
            picture,
            places,
            factors,
            halved: factors == (2, 1) && turn.swaps_sides(),
            colour: Colour::new(picture.range, picture.matrix),
        }
    }

    /// Samples in a row, and rows, of a plane.
    fn size(&self, plane: usize) -> (usize, usize) {
        let (width, height) = (self.picture.width as usize, self.picture.height as usize);
        match plane {
            0 => (width, height),
            _ => (
                width.div_ceil(self.factors.0),
                height.div_ceil(self.factors.1 * if self.halved { 2 } else { 1 }),
            ),
        }
    }

    /// The plane itself, where its samples lie one after the other in JPEG's colours.
    fn as_it_lies(&self, plane: usize) -> Option<Plane<'a>> {
        let place = self.places[plane];
        let right = place.step == 1 && self.colour.is_none() && !self.halved;
        right.then(|| self.picture.planes[place.plane])
    }

    /// Reads part of a row of a plane, in JPEG's colours.
    fn read(
        &self,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) {
        self.read_raw(plane, row, columns.clone(), out, &mut scratch.rows[0]);
        let Some(colour) = &self.colour else { return };
        let mixes = colour.mixes() && self.picture.format != PixelFormat::Gray;
        match (plane, mixes) {
            (0, false) => colour.luma(out),
            (0, true) => self.mix_luma(colour, row, columns, out, scratch),
            (_, false) => colour.chroma(plane == 2, out),
            (_, true) => {
                let [spare, other, _] = &mut scratch.rows;
                other.resize(out.len(), 0);
                self.read_raw(3 - plane, row, columns, other, spare);
                colour.chroma_with(plane == 2, out, other);
            }
        }
    }

    /// Brings luma that was read into JPEG's matrix, for which its chroma is needed.
    fn mix_luma(
        &self,
        colour: &Colour,
        row: usize,
        columns: Range<usize>,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) {
        let (across, down) = self.factors;
        let [spare, cb, cr] = &mut scratch.rows;
        let thin = columns.start / across..columns.end.div_ceil(across);
        for (plane, chroma) in [(1, &mut *cb), (2, &mut *cr)] {
            chroma.resize(out.len() + 2, 0);
            spare.resize(thin.len(), 0);
            self.gather(plane, row / down, thin.clone(), spare);
            if across == 1 {
                chroma[..spare.len()].copy_from_slice(spare);
            } else {
                for (pair, sample) in chroma.chunks_exact_mut(2).zip(spare.iter()) {
                    pair.fill(*sample);
                }
            }
        }
        let first = columns.start % across;
        colour.luma_with(out, &cb[first..], &cr[first..]);
    }

    /// Reads part of a row of a plane as its samples are, halved where they are to be.
    fn read_raw(
        &self,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        out: &mut [u8],
        spare: &mut Vec<u8>,
    ) {
        if plane == 0 || !self.halved {
            return self.gather(plane, row, columns, out);
        }
        let below = (2 * row + 1).min(self.picture.height as usize - 1);
        spare.resize(out.len(), 0);
        self.gather(plane, 2 * row, columns.clone(), out);
        self.gather(plane, below, columns, spare);
        for (above, below) in out.iter_mut().zip(spare.iter()) {
            *above = u8::midpoint(*above, *below);
        }
    }

    /// Takes the samples of a kind out of a row in memory.
    fn gather(&self, plane: usize, row: usize, columns: Range<usize>, out: &mut [u8]) {
        let Place { plane, first, step } = self.places[plane];
        let Plane { data, stride } = self.picture.planes[plane];
        let from = &data[row * stride + columns.start * step..][..columns.len() * step];
        match (step, first) {
            (2, 0) => every::<2, 0>(from, out),
            (2, _) => every::<2, 1>(from, out),
            (4, 0) => every::<4, 0>(from, out),
            (4, 1) => every::<4, 1>(from, out),
            (4, 2) => every::<4, 2>(from, out),
            (4, _) => every::<4, 3>(from, out),
            _ => out.copy_from_slice(from),
        }
    }
}

/// One byte out of each `STEP`. With both numbers known the compiler makes vectors of it.
fn every<const STEP: usize, const FIRST: usize>(from: &[u8], out: &mut [u8]) {
    for (sample, bytes) in out.iter_mut().zip(from.chunks_exact(STEP)) {
        *sample = bytes[FIRST];
    }
}

/// A strip's planes, where they had to be rewritten.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    planes: [Vec<u8>; 3],
    tile: Tile<u8>,
    scratch: Scratch,
}

/// A plane of the strip: its size, and what of it there is in the picture.
#[derive(Debug, Clone, Copy)]
struct Target {
    plane: usize,
    /// The first row, in the turned plane.
    top: usize,
    /// Samples in a row and rows that the picture has for it.
    size: (usize, usize),
    /// Samples in a row and rows that the encoder reads: luma is filled up to whole chroma samples.
    padded: (usize, usize),
}

impl Buffers {
    /// The planes of the turned picture's rows `rows`.
    pub(super) fn fill<'b>(
        &'b mut self,
        source: &PlaneRows<'b>,
        turn: Turn,
        settings: &Settings,
        rows: Range<usize>,
    ) -> Source<'b> {
        let (across, down) = settings.sampling.factors();
        let count = match settings.sampling {
            Sampling::Gray => 1,
            _ => 3,
        };
        let chroma = (
            settings.width.div_ceil(across),
            rows.end.div_ceil(down) - rows.start / down,
        );
        let mut sources = [(&[] as &[u8], 0); 3];
        let buffers = self.planes.iter_mut().zip(&mut sources);
        for (plane, (buffer, out)) in buffers.enumerate().take(count) {
            let target = match plane {
                0 => Target {
                    plane,
                    top: rows.start,
                    size: (settings.width, rows.len()),
                    padded: (chroma.0 * across, chroma.1 * down),
                },
                _ => Target {
                    plane,
                    top: rows.start / down,
                    size: chroma,
                    padded: chroma,
                },
            };
            *out = match source.as_it_lies(plane) {
                Some(lies) if turn == Turn::NONE && target.size == target.padded => {
                    (&lies.data[target.top * lies.stride..], lies.stride)
                }
                _ => {
                    buffer.resize(target.padded.0 * target.padded.1, 0);
                    let (tile, scratch) = (&mut self.tile, &mut self.scratch);
                    if turn.swaps_sides() {
                        swap_sides(source, turn, target, buffer, tile, scratch);
                    } else {
                        keep_sides(source, turn, target, buffer, scratch);
                    }
                    pad(target, buffer);
                    (buffer.as_slice(), target.padded.0)
                }
            };
        }
        Source::Planes(sources)
    }
}

/// Rows stay rows, each maybe reversed, maybe from bottom to top.
fn keep_sides(
    source: &PlaneRows<'_>,
    turn: Turn,
    target: Target,
    out: &mut [u8],
    scratch: &mut Scratch,
) {
    let (width, height) = source.size(target.plane);
    let upside_down = turn.quarters == 2;
    for (index, line) in out
        .chunks_exact_mut(target.padded.0)
        .take(target.size.1)
        .enumerate()
    {
        let row = target.top + index;
        let row = if upside_down { height - 1 - row } else { row };
        let line = &mut line[..width];
        source.read(target.plane, row, 0..width, line, scratch);
        if turn.mirror != upside_down {
            line.reverse();
        }
    }
}

/// Columns become rows.
fn swap_sides(
    source: &PlaneRows<'_>,
    turn: Turn,
    target: Target,
    out: &mut [u8],
    tile: &mut Tile<u8>,
    scratch: &mut Scratch,
) {
    let (width, height) = source.size(target.plane);
    let (columns, upwards) = strip_columns(turn, target.top..target.top + target.size.1, width);
    tile.prepare(columns.len());
    for column in (0..height).step_by(TILE_ROWS) {
        let count = TILE_ROWS.min(height - column);
        for index in 0..count {
            let row = source_row(turn, column + index, height);
            let line = tile.row(index, columns.len());
            source.read(target.plane, row, columns.clone(), line, scratch);
        }
        let size = (count, columns.len());
        tile.write_columns(size, out, target.padded.0, column, upwards);
    }
}

/// Which columns of a source of that width become these rows, and whether the last one comes first.
pub(super) fn strip_columns(turn: Turn, rows: Range<usize>, width: usize) -> (Range<usize>, bool) {
    // A quarter clockwise puts the left column on top, unless mirrored; a quarter back the right one.
    let upwards = turn.mirror == (turn.quarters == 1);
    if upwards {
        (width - rows.end..width - rows.start, true)
    } else {
        (rows, false)
    }
}

/// Which row of a source of that height becomes this column.
pub(super) fn source_row(turn: Turn, column: usize, height: usize) -> usize {
    // A quarter clockwise puts the top row to the right.
    if turn.quarters == 1 {
        height - 1 - column
    } else {
        column
    }
}

/// Repeats the last sample and the last row where the encoder reads beyond the picture.
fn pad(target: Target, out: &mut [u8]) {
    let (width, height) = target.size;
    let stride = target.padded.0;
    if width < stride {
        for line in out.chunks_exact_mut(stride).take(height) {
            let last = line[width - 1];
            line[width..].fill(last);
        }
    }
    for row in height..target.padded.1 {
        out.copy_within((height - 1) * stride..height * stride, row * stride);
    }
}
