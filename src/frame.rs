//! What travels through the programs: a picture (pixels in planes), how it is to be turned, and the
//! bitmap that a window shows.
//!
//! This room knows formats and sizes and nothing else: no camera, no JPEG, no socket. A source that
//! owns its memory in some special way (a camera's buffers) implements [`Pixels`]; everything behind
//! it reads a [`Picture`] by plane and stride, without a copy.

pub(crate) mod bitmap;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

pub use self::bitmap::{Bitmap, PixelBuf, PixelMemory};

/// How a picture's samples are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// One plane of luma.
    Gray,
    /// Three planes, chroma halved both ways (Y, Cb, Cr; libcamera's YUV420; YVU420 with planes swapped).
    I420,
    /// Three planes, chroma halved horizontally.
    I422,
    /// Three planes, nothing halved.
    I444,
    /// A luma plane and one of interleaved Cb, Cr, halved both ways.
    Nv12,
    /// A luma plane and one of interleaved Cr, Cb, halved both ways.
    Nv21,
    /// One plane of Y Cb Y Cr.
    Yuyv,
    /// One plane of Y Cr Y Cb.
    Yvyu,
    /// One plane of Cb Y Cr Y.
    Uyvy,
    /// One plane of Cr Y Cb Y.
    Vyuy,
    /// One plane, three bytes in memory: R, G, B (libcamera's BGR888).
    Rgb,
    /// One plane, three bytes in memory: B, G, R (libcamera's RGB888).
    Bgr,
    /// One plane, four bytes in memory: R, G, B, unused.
    Rgbx,
    /// One plane, four bytes in memory: B, G, R, unused (libcamera's XRGB8888).
    Bgrx,
    /// One plane, two bytes, little endian: 5 bits R, 6 bits G, 5 bits B from the top.
    Rgb565,
}

impl PixelFormat {
    /// Bytes of a row and number of rows of each plane, in the format's order; odd sides are rounded up where
    /// samples are shared.
    pub(crate) fn planes(self, width: u32, height: u32) -> [(usize, usize); 3] {
        const NONE: (usize, usize) = (0, 0);
        let (w, h) = (width as usize, height as usize);
        let (half_w, half_h) = (w.div_ceil(2), h.div_ceil(2));
        match self {
            PixelFormat::Gray => [(w, h), NONE, NONE],
            PixelFormat::I420 => [(w, h), (half_w, half_h), (half_w, half_h)],
            PixelFormat::I422 => [(w, h), (half_w, h), (half_w, h)],
            PixelFormat::I444 => [(w, h), (w, h), (w, h)],
            PixelFormat::Nv12 | PixelFormat::Nv21 => [(w, h), (2 * half_w, half_h), NONE],
            PixelFormat::Yuyv | PixelFormat::Yvyu | PixelFormat::Uyvy | PixelFormat::Vyuy => {
                [(4 * half_w, h), NONE, NONE]
            }
            PixelFormat::Rgb | PixelFormat::Bgr => [(3 * w, h), NONE, NONE],
            PixelFormat::Rgbx | PixelFormat::Bgrx => [(4 * w, h), NONE, NONE],
            PixelFormat::Rgb565 => [(2 * w, h), NONE, NONE],
        }
    }
}

/// Which values the samples take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// 0 to 255, as JPEG has it.
    Full,
    /// Luma 16 to 235, chroma 16 to 240, as television has it.
    Limited,
}

/// Which weights make luma and chroma from red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: what JPEG uses.
    Bt601,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// One plane of a picture: bytes, and how far one row is from the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plane<'a> {
    /// The plane's bytes; the last row may end before a whole stride.
    pub data: &'a [u8],
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

/// A picture in memory, borrowed from whoever made it.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// In pixels, 1 to 65,500.
    pub width: u32,
    /// In pixels, 1 to 65,500.
    pub height: u32,
    /// The layout of the samples.
    pub format: PixelFormat,
    /// The range of YUV formats; RGB formats are always full.
    pub range: Range,
    /// The matrix of YUV formats; RGB formats have none.
    pub matrix: Matrix,
    /// The planes that the format has, in the order that the format names; the others empty.
    pub planes: [Plane<'a>; 3],
}

/// Memory that holds a picture: a buffer of our own, or one that goes back to a camera when dropped.
pub trait Pixels: Send {
    /// The picture in it.
    fn picture(&self) -> Picture<'_>;
}

/// What a source gives: a picture to encode, or a JPEG to pass through.
pub enum Content {
    /// Pixels.
    Pixels(Box<dyn Pixels>),
    /// A whole JPEG, SOI to EOI.
    Jpeg(Pooled<Vec<u8>>),
}

/// One picture from a source with the time of its making.
pub struct Captured {
    /// When the sensor was exposed (a camera that says so), else when the picture was made or read.
    pub at: Instant,
    /// What still has to be done in software to show it as asked.
    pub turn: Turn,
    /// The picture.
    pub content: Content,
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.content {
            Content::Pixels(_) => "pixels",
            Content::Jpeg(_) => "JPEG",
        };
        write!(f, "Captured({kind} at {:?}, {:?})", self.at, self.turn)
    }
}

/// One of the eight ways to lay a rectangle down: mirrored left to right first, where `mirror` says
/// so, then turned clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Turn {
    /// Clockwise quarter turns, 0 to 3.
    pub quarters: u8,
    /// Mirrored left to right before turning.
    pub mirror: bool,
}

impl Turn {
    /// As it is.
    pub const NONE: Turn = Turn {
        quarters: 0,
        mirror: false,
    };

    /// The turn that `--rotation`, `--hflip` and `--vflip` ask for together: flips first, then the
    /// rotation, clockwise.
    pub fn from_flips(quarters: u8, hflip: bool, vflip: bool) -> Turn {
        // A vertical flip is a horizontal one turned by half.
        Turn {
            quarters: (quarters + 2 * u8::from(vflip)) % 4,
            mirror: hflip ^ vflip,
        }
    }

    /// First this, then the next.
    pub fn then(self, next: Turn) -> Turn {
        // Mirroring reverses the sense of what was turned before it.
        let quarters = if next.mirror {
            4 - self.quarters
        } else {
            self.quarters
        };
        Turn {
            quarters: (quarters + next.quarters) % 4,
            mirror: self.mirror ^ next.mirror,
        }
    }

    /// What undoes this one.
    pub fn inverse(self) -> Turn {
        let quarters = if self.mirror {
            self.quarters
        } else {
            (4 - self.quarters) % 4
        };
        Turn {
            quarters,
            mirror: self.mirror,
        }
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.quarters % 2 == 1
    }

    /// The size of a picture of `width` by `height` after the turn.
    pub fn size(self, width: u32, height: u32) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }
}

/// Buffers that go round: what is dropped comes back to be used again.
#[derive(Debug)]
pub struct Pool<T> {
    home: Arc<Home<T>>,
    make: fn() -> T,
}

/// Where unused buffers are.
#[derive(Debug)]
struct Home<T> {
    spare: Mutex<Vec<T>>,
    keep: usize,
    is_kept: fn(&T) -> bool,
}

/// A buffer out of a [`Pool`]; goes back when dropped.
#[derive(Debug)]
pub struct Pooled<T: Send> {
    item: Option<T>,
    home: Option<Arc<Home<T>>>,
}

impl<T: Send + Default> Pool<T> {
    /// A pool that keeps at most `keep` unused buffers.
    pub fn new(keep: usize) -> Self {
        Self::of(keep, T::default, |_| true)
    }
}

impl<T: Send> Pool<T> {
    /// A pool of buffers that are made in that way, and of which those are kept for which `is_kept` holds.
    pub fn of(keep: usize, make: fn() -> T, is_kept: fn(&T) -> bool) -> Self {
        Pool {
            home: Arc::new(Home {
                spare: Mutex::default(),
                keep,
                is_kept,
            }),
            make,
        }
    }

    /// A used buffer, with whatever was in it, or a new one.
    pub fn get(&self) -> Pooled<T> {
        let item = self.home.lock().pop().unwrap_or_else(self.make);
        Pooled {
            item: Some(item),
            home: Some(Arc::clone(&self.home)),
        }
    }
}

impl<T: Clone> Pool<T> {
    /// Puts in `count` copies of `item`: what will be needed at worst is there from the start.
    pub fn stock(&self, count: usize, item: &T) {
        let copies = vec![item.clone(); count];
        self.home.lock().extend(copies);
    }
}

impl<T: Send> From<T> for Pooled<T> {
    /// A buffer that belongs to no pool.
    fn from(item: T) -> Self {
        Pooled {
            item: Some(item),
            home: None,
        }
    }
}

impl<T: Send> Deref for Pooled<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.item.as_ref().expect(PRESENT)
    }
}

impl<T: Send> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect(PRESENT)
    }
}

impl<T: Send> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let (Some(item), Some(home)) = (self.item.take(), self.home.take()) {
            let mut spare = home.lock();
            if spare.len() < home.keep && (home.is_kept)(&item) {
                spare.push(item);
            }
        }
    }
}

/// Only dropping takes the item out.
const PRESENT: &str = "a pooled buffer is there until it is dropped";

impl<T> Home<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.spare
            .lock()
            .expect("nothing panics under a pool's lock")
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

    fn all() -> impl Iterator<Item = Turn> {
        (0..8).map(|i| Turn {
            quarters: i % 4,
            mirror: i >= 4,
        })
    }

    #[test]
    fn turns_compose_as_pixels_move() {
        for first in all() {
            for next in all() {
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

    #[test]
    fn a_dropped_buffer_comes_back() {
        let pool = Pool::<Vec<u8>>::new(1);
        let mut first = pool.get();
        first.extend([1, 2, 3]);
        let second = pool.get();
        drop(first);
        drop(second);
        assert_eq!(*pool.get(), vec![1, 2, 3]);
    }

    #[test]
    fn a_buffer_that_shall_not_be_kept_does_not_come_back() {
        let pool = Pool::of(2, Vec::new, |buffer: &Vec<u8>| buffer.len() < 3);
        pool.get().extend([1, 2, 3]);
        assert!(pool.get().is_empty());
    }

    #[test]
    fn a_stocked_pool_has_its_buffers_before_they_are_needed() {
        let pool = Pool::new(2);
        pool.stock(2, &vec![7u8]);
        let got = [pool.get(), pool.get(), pool.get()].map(|buffer| buffer.len());
        assert_eq!(got, [1, 1, 0]);
    }
}
