//! A bitmap turned, mirrored, and scaled smoothly into an area of another; on the window's thread.
//!
//! Scaling is a triangle filter as wide as the scale asks for: bilinear where the picture grows, an average
//! of every pixel that falls together where it shrinks, so that fine patterns do not shimmer. It is
//! `fast_image_resize` that computes, with AVX2, SSE4.1 or NEON as the machine has them: from
//! 1920x1080, 4.3 ms to 2560x1440 and 1.6 ms to 960x540 on one core here;
//! large areas are made in strips, one a core.

use std::num::NonZeroUsize;
use std::thread;

use embedded_graphics::primitives::Rectangle;
use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::handoff::WorkerPool;
use crate::picture::transpose::Tile;
use crate::picture::{Bitmap, Turn};

/// Pixels to be made from which on a second thread is worth waking: about a millisecond's work.
const WORTH_A_THREAD: usize = 500_000;

/// More strips than this gain little: the picture must come through one memory.
const MOST_STRIPS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Rows of a turned picture that are laid down at once: few, so that what is read for them stays in the
/// nearest cache. A quarter turn of 1920x1080 takes 2 ms here.
const TURNED_ROWS: usize = 64;

/// Makes `to` what `from` is, turned.
pub(crate) fn turn(from: &Bitmap, turn: Turn, to: &mut Bitmap) {
    let (width, height) = turn.size(from.width as u32, from.height as u32);
    to.resize(width as usize, height as usize);
    let (size, stride) = ((from.width, from.height), to.width);
    let pixels = &from.pixels[..];
    let mut tile = Tile::default();
    let strips = to.pixels.chunks_mut((TURNED_ROWS * stride).max(1));
    for (out, first) in strips.zip((0..).step_by(TURNED_ROWS)) {
        let rows = first..first + out.len() / stride;
        tile.lay_down(turn, size, rows, out, stride, |row, columns, line| {
            line.copy_from_slice(&pixels[row * size.0..][columns]);
        });
    }
}

/// Scales, and keeps its buffers and tables for the next time.
pub(crate) struct Scaler {
    workers: WorkerPool,
    /// One a core.
    resizers: Vec<Resizer>,
    /// The fewest pixels of a strip.
    strip_pixels: usize,
}

impl Default for Scaler {
    fn default() -> Self {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let strips = cores.min(MOST_STRIPS);
        Scaler {
            workers: WorkerPool::new(strips),
            resizers: vec![Resizer::new(); strips.get()],
            strip_pixels: WORTH_A_THREAD,
        }
    }
}

impl Scaler {
    /// Draws `from` into the area of `to`; pixel by pixel where the sizes are equal.
    ///
    /// # Panics
    ///
    /// When the area is not in `to`, or empty, or `from` is empty.
    pub(crate) fn draw(&mut self, from: &Bitmap, to: &mut Bitmap, area: Rectangle) {
        let (width, height) = (area.size.width as usize, area.size.height as usize);
        if (from.width, from.height) == (width, height) {
            for (row, from) in to.rows(area).zip(from.pixels.chunks_exact(width)) {
                row.copy_from_slice(from);
            }
            return;
        }
        let worth = width * height / self.strip_pixels;
        let strips = self.resizers.len().min(worth).max(1);
        let (sides, bytes) = (from.area().size, bytemuck::cast_slice(&from.pixels));
        let source = ImageRef::new(sides.width, sides.height, bytes, PixelType::U8x4)
            .expect("a bitmap has as many pixels as its sides say");
        let top = area.top_left.y as usize;
        let stride = to.width;
        let rows = height.div_ceil(strips);
        let pixels = &mut to.pixels[top * stride..][..height * stride];
        // Each is whole rows.
        let strips = pixels.chunks_mut(rows * stride).zip(&mut self.resizers);
        let mut strips = Vec::from_iter(strips.enumerate());
        (self.workers).for_each(&mut strips, |(index, (strip, resizer))| {
            let first = *index * rows;
            let rows = strip.len() / stride;
            let bytes = bytemuck::cast_slice_mut(strip);
            let mut whole =
                Image::from_slice_u8(stride as u32, rows as u32, bytes, PixelType::U8x4)
                    .expect("a strip has as many pixels as its sides say");
            let left = area.top_left.x as u32;
            let mut target = CroppedImageMut::new(&mut whole, left, 0, width as u32, rows as u32)
                .expect("the area is in the bitmap");
            // The source's part in fractions of a row; its neighbours are seen beyond the part's edges,
            // so that strips meet without a seam.
            let scale = f64::from(source.height()) / height as f64;
            let top = first as f64 * scale;
            // Rounding must not lead out of it.
            let height = (rows as f64 * scale).min(f64::from(source.height()) - top);
            let options = ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
                // The fourth byte of a pixel is nothing, not alpha.
                .use_alpha(false)
                .crop(0.0, top, f64::from(source.width()), height);
            resizer
                .resize(&source, &mut target, &options)
                .expect("both sides have the same kind of pixels, and the part is in the source");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::paint::tests::plain;
    use embedded_graphics::geometry::{Point, Size};
    use image::imageops::{self, FilterType as Reference};

    /// Rings that grow finer outwards, and a ramp: what shows every fault of a scaler.
    fn zone_plate(width: usize, height: usize) -> Bitmap {
        let pixel = |i: usize| {
            let (x, y) = ((i % width) as f64, (i / width) as f64);
            let ring = 127.5 + 127.5 * ((x * x + y * y) / width as f64).cos();
            let ramp = 255.0 * x / width as f64;
            (ring as u32) << 16 | (ramp as u32) << 8 | (255 - ring as u32)
        };
        Bitmap {
            width,
            height,
            pixels: Box::new(Vec::from_iter((0..width * height).map(pixel))),
        }
    }

    fn scaled(from: &Bitmap, width: usize, height: usize) -> Vec<u32> {
        let mut to = plain(width, height, 0);
        let area = to.area();
        Scaler::default().draw(from, &mut to, area);
        to.pixels.to_vec()
    }

    /// What the `image` crate makes of it, with the same filter.
    fn reference(from: &Bitmap, width: usize, height: usize) -> Vec<u32> {
        let bytes: Vec<u8> = bytemuck::cast_slice(&from.pixels).to_vec();
        let picture = image::RgbaImage::from_raw(from.width as u32, from.height as u32, bytes);
        // Alpha is 0 everywhere, and weighs nothing there.
        let picture = picture.unwrap();
        let scaled = imageops::resize(&picture, width as u32, height as u32, Reference::Triangle);
        bytemuck::pod_collect_to_vec(scaled.as_raw())
    }

    fn mean_difference(a: &[u32], b: &[u32]) -> f64 {
        let pairs = a.iter().zip(b);
        let bytes = pairs.flat_map(|(a, b)| a.to_le_bytes().into_iter().zip(b.to_le_bytes()));
        let total: u64 = bytes.map(|(a, b)| u64::from(a.abs_diff(b))).sum();
        total as f64 / (a.len() * 3) as f64
    }

    #[test]
    fn scaling_agrees_with_a_reference_resampler() {
        let from = zone_plate(384, 216);
        for (width, height) in [(192, 108), (512, 288), (100, 56), (1000, 563)] {
            let error = mean_difference(
                &scaled(&from, width, height),
                &reference(&from, width, height),
            );
            assert!(error < 0.5, "{width}x{height}: {error} levels");
        }
    }

    #[test]
    fn a_pattern_too_fine_for_the_window_turns_grey_and_does_not_shimmer() {
        let from = Bitmap {
            width: 400,
            height: 400,
            pixels: Box::new([0, 0xff_ff_ff].repeat(80_000)),
        };
        for pixel in scaled(&from, 130, 130) {
            let green = pixel >> 8 & 0xff;
            assert!((100..156).contains(&green), "{green}");
        }
    }

    #[test]
    fn strips_meet_without_a_seam() {
        let from = zone_plate(384, 216);
        for (width, height) in [(512, 288), (100, 57), (501, 283), (10, 3)] {
            let scaled_in = |strips| {
                let mut scaler = Scaler {
                    workers: WorkerPool::new(MOST_STRIPS),
                    resizers: (0..strips).map(|_| Resizer::new()).collect(),
                    strip_pixels: 1,
                };
                let mut to = plain(width, height, 0);
                let area = to.area();
                scaler.draw(&from, &mut to, area);
                bytemuck::cast_slice::<u32, u8>(&to.pixels).to_vec()
            };
            let whole = scaled_in(1);
            for strips in 2..=MOST_STRIPS.get() {
                let pairs = whole.iter().zip(scaled_in(strips));
                let worst = pairs.map(|(a, b)| a.abs_diff(b)).max();
                // Fractions of a row are rounded once more.
                assert!(worst <= Some(1), "{width}x{height} in {strips}: {worst:?}");
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_pixels() {
        let from = zone_plate(33, 17);
        assert_eq!(scaled(&from, 33, 17), from.pixels[..]);
    }

    #[test]
    fn a_scaled_picture_stays_inside_its_letter_box() {
        let from = plain(2, 2, 0x11_22_33);
        let mut to = plain(40, 20, 7);
        let area = Rectangle::new(Point::new(10, 0), Size::new_equal(20));
        Scaler::default().draw(&from, &mut to, area);
        for (i, pixel) in to.pixels.iter().enumerate() {
            let inside = (10..30).contains(&(i % 40));
            assert_eq!(*pixel, if inside { 0x11_22_33 } else { 7 });
        }
    }

    #[test]
    fn the_smallest_and_the_thinnest_pictures_scale() {
        for (w, h) in [(1, 1), (1, 500), (500, 1)] {
            let from = plain(w, h, 0xff_ff_ff);
            assert!(
                scaled(&from, 320, 240)
                    .iter()
                    .all(|pixel| *pixel == 0xff_ff_ff)
            );
        }
    }

    fn numbered(width: usize, height: usize) -> Bitmap {
        Bitmap {
            width,
            height,
            pixels: Box::new(Vec::from_iter(0..(width * height) as u32)),
        }
    }

    fn by(from: &Bitmap, how: Turn) -> Bitmap {
        let mut to = Bitmap::default();
        turn(from, how, &mut to);
        to
    }

    fn turned(from: &Bitmap, quarters: u8, mirror: bool) -> Bitmap {
        by(from, Turn { quarters, mirror })
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        // 0 1 2      3 0
        // 3 4 5  ->  4 1
        //            5 2
        let quarter = turned(&numbered(3, 2), 1, false);
        assert_eq!((quarter.width, quarter.height), (2, 3));
        assert_eq!(quarter.pixels[..], [3, 0, 4, 1, 5, 2]);
    }

    #[test]
    fn mirroring_comes_before_turning() {
        assert_eq!(
            turned(&numbered(3, 2), 0, true).pixels[..],
            [2, 1, 0, 5, 4, 3]
        );
        assert_eq!(
            turned(&numbered(3, 2), 1, true).pixels[..],
            [5, 2, 4, 1, 3, 0]
        );
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
            let back = by(&by(&from, first), first.inverse());
            assert_eq!(back, from);
        }
    }
}
