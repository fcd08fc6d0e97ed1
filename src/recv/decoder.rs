//! The decoder: takes the newest frame, brings its picture. One thread of its own ("decoder"), which
//! blocks on the slot of frames; its pool of strips works for it.

use std::num::NonZeroUsize;
use std::thread;

use super::{Cameras, Decoded};
use crate::handoff::Slot;
use crate::jpeg::Decoder;
use crate::picture::{Bitmap, Pool, bitmap};

/// Bitmaps there are at once: being decoded, in the slot, in the window. (A frozen window keeps one more, which
/// is given back when it goes on.) Of huge pictures there are only those that are at work.
const BITMAPS: usize = 3;

/// Decodes until the slot of frames is closed, into bitmaps that `make` makes; samples only to see whether they are
/// pictures.
pub fn run(cameras: &Cameras, pictures: &Slot<Decoded>, make: fn() -> Bitmap) {
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut decoder = Decoder::new(threads, cameras.config.max_pixels);
    run_with(cameras, pictures, make, |jpeg, bitmap| {
        let decoded = match cameras.config.samples {
            true => decoder.try_out(jpeg),
            false => decoder.decode(jpeg, bitmap),
        };
        decoded.is_ok()
    });
}

/// The same by another decoder, which says whether there is a picture.
pub fn run_with(
    cameras: &Cameras,
    pictures: &Slot<Decoded>,
    make: fn() -> Bitmap,
    mut decode: impl FnMut(&[u8], &mut Bitmap) -> bool,
) {
    let mut bitmaps = Bitmaps::new(make);
    while let Some(mut frame) = cameras.frames.next(None) {
        // What was held up with the whole program is old, and something newer is near.
        if cameras.stall.held_up_since(frame.arrived) {
            continue;
        }
        let mut bitmap = bitmaps.pool.get();
        let is_good = decode(&frame.jpeg, &mut bitmap);
        frame.decoded(is_good);
        if is_good && !cameras.config.samples {
            let pixels = bitmap.pixels.len();
            drop(pictures.put(Decoded { bitmap, frame }));
            bitmaps.stock(pixels);
        }
    }
}

/// What pictures are decoded into.
struct Bitmaps {
    pool: Pool<Bitmap>,
    /// How many pixels all of them have had.
    stocked: usize,
}

impl Bitmaps {
    fn new(make: fn() -> Bitmap) -> Self {
        // Kept are those beside the window's.
        let is_kept = |bitmap: &Bitmap| !bitmap::is_huge(bitmap.pixels.len());
        let pool = Pool::of(BITMAPS - 1, make, is_kept);
        Bitmaps { pool, stocked: 0 }
    }

    /// Makes all of them that large, once the first is on its way to the window. Else the third would cost
    /// its memory in the first stall, however late that comes; and keep what a much larger picture left.
    fn stock(&mut self, pixels: usize) {
        let fits = pixels <= self.stocked && !bitmap::is_too_large(self.stocked, pixels);
        if fits || bitmap::is_huge(pixels) {
            return;
        }
        let mut others: [_; BITMAPS - 1] = std::array::from_fn(|_| self.pool.get());
        for bitmap in &mut others {
            bitmap.resize(pixels, 1);
            // Memory is there only once it is written to.
            bitmap.pixels.fill(0);
        }
        self.stocked = pixels;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spare_bitmaps_are_made_or_kept_of_a_huge_picture() {
        let mut bitmaps = Bitmaps::new(Bitmap::default);
        bitmaps.stock(17 << 20);
        let mut bitmap = bitmaps.pool.get();
        assert!(bitmap.pixels.is_empty());
        bitmap.resize(17 << 20, 1);
        drop(bitmap);
        assert!(bitmaps.pool.get().pixels.is_empty());
    }

    #[test]
    fn all_bitmaps_are_made_with_the_first_picture() {
        let mut bitmaps = Bitmaps::new(Bitmap::default);
        bitmaps.stock(100);
        let got = [(); BITMAPS].map(|()| bitmaps.pool.get());
        // The window has one more already.
        assert_eq!(got.map(|bitmap| bitmap.pixels.len()), [100, 100, 0]);
    }

    #[test]
    fn much_smaller_pictures_make_all_bitmaps_small() {
        let mut bitmaps = Bitmaps::new(Bitmap::default);
        bitmaps.stock(1000);
        bitmaps.stock(10);
        let got = [(); BITMAPS - 1].map(|()| bitmaps.pool.get());
        assert_eq!(got.map(|bitmap| bitmap.pixels.len()), [10, 10]);
    }
}
