//! What travels through the programs: a picture (pixels in planes), how it is to be turned, and the
//! bitmap that a window shows.
//!
//! ```text
//! format      how samples lie in memory: the one table of it
//! turn        the eight ways to lay a picture down
//! transpose   laying rows down as a turn asks
//! bitmap      what a window shows, and the memory that its pixels are in
//! pool        buffers that are reused
//! ```
//!
//! This room knows formats and sizes and nothing else: no camera, no JPEG, no socket. A source that
//! owns its memory in some special way (a camera's buffers) implements [`Pixels`]; everything behind
//! it reads a [`Picture`] by plane and stride, without a copy.

pub(crate) mod bitmap;
mod format;
mod pool;
pub(crate) mod transpose;
mod turn;

use std::time::Instant;

pub use bitmap::{Bitmap, PixelMemory};
pub(crate) use format::Samples;
pub use format::{PixelFormat, PlaneSize};
pub(crate) use pool::Pool;
pub use pool::Pooled;
pub use turn::Turn;

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

/// A picture in memory, borrowed from its owner.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Pixels in a row, 1 to 65,500.
    pub width: u32,
    /// Rows, 1 to 65,500.
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

impl<'a> Picture<'a> {
    /// A picture of that size without its planes, in JPEG's own colours: full range, BT.601.
    pub(crate) fn blank(format: PixelFormat, width: u32, height: u32) -> Picture<'static> {
        Picture {
            width,
            height,
            format,
            range: Range::Full,
            matrix: Matrix::Bt601,
            planes: [Plane::default(); 3],
        }
    }

    /// It with the planes that lie in `data`, one behind the other without gaps, the first one's rows `stride` bytes
    /// apart; `None` where they do not fit.
    pub(crate) fn placed(mut self, data: &'a [u8], stride: usize) -> Option<Self> {
        // A format of several planes has one byte a pixel in the first, so its stride is a width.
        let mut strides = self.format.planes(stride, 0).map(|size| size.row_bytes);
        strides[0] = stride;
        let (sizes, mut rest) = (self.plane_sizes(), data);
        for ((plane, size), stride) in self.planes.iter_mut().zip(sizes).zip(strides) {
            let data = rest.get(..size.span(stride)?)?;
            *plane = Plane { data, stride };
            rest = rest.get(stride * size.rows..).unwrap_or_default();
        }
        Some(self)
    }

    /// It with its sides rounded up to whole chroma samples.
    pub(crate) fn whole(&self) -> Self {
        let (_, (across, down)) = self.format.samples();
        let mut whole = *self;
        whole.width = whole.width.next_multiple_of(across as u32);
        whole.height = whole.height.next_multiple_of(down as u32);
        whole
    }

    pub(crate) fn plane_sizes(&self) -> [PlaneSize; 3] {
        let (width, height) = (self.width as usize, self.height as usize);
        self.format.planes(width, height)
    }

    /// Bytes of all planes without gaps; may be more than memory has.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = |size: PlaneSize| size.row_bytes as u64 * size.rows as u64;
        self.plane_sizes().into_iter().map(bytes).sum()
    }
}

/// Memory that holds a picture: a buffer of our own, or one that goes back to a camera when dropped.
pub trait Pixels: Send {
    /// The picture in it.
    fn picture(&self) -> Picture<'_>;
}

/// A picture in memory of our own: a buffer that goes back to its pool, its planes one behind the other without gaps.
pub(crate) struct OwnedPicture {
    pub(crate) blank: Picture<'static>,
    /// Of less than [`Picture::bytes`] comes a picture without planes, which the encoder refuses.
    pub(crate) bytes: Pooled<Vec<u8>>,
}

impl Pixels for OwnedPicture {
    fn picture(&self) -> Picture<'_> {
        let [first, ..] = self.blank.plane_sizes();
        let placed = self.blank.placed(&self.bytes, first.row_bytes);
        placed.unwrap_or(self.blank)
    }
}

/// What a source makes: a picture to encode, or a JPEG to pass through.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each plane that there is, where its first row starts, how many bytes it has, and its stride.
    fn places(format: PixelFormat, size: (u32, u32), stride: usize) -> Vec<[usize; 3]> {
        let bytes = vec![0; 1 << 20];
        let placed = Picture::blank(format, size.0, size.1).placed(&bytes, stride);
        let planes = placed.unwrap().planes.into_iter();
        let start = |plane: &Plane<'_>| plane.data.as_ptr() as usize - bytes.as_ptr() as usize;
        planes
            .filter(|plane| !plane.data.is_empty())
            .map(|plane| [start(&plane), plane.data.len(), plane.stride])
            .collect()
    }

    #[test]
    fn planes_follow_each_other_with_the_cameras_stride_and_the_last_row_ends_with_its_pixels() {
        // The Pi pads 1000 pixels to 1024.
        let luma = [0, 1024 * 499 + 1000, 1024];
        let chroma = |start| [start, 512 * 249 + 500, 512];
        assert_eq!(
            places(PixelFormat::I420, (1000, 500), 1024),
            [luma, chroma(512_000), chroma(640_000)]
        );
        let nv12 = places(PixelFormat::Nv12, (640, 481), 640);
        assert_eq!((nv12.len(), nv12[1][0], nv12[1][2]), (2, 640 * 481, 640));
        let yuyv = places(PixelFormat::Yuyv, (640, 480), 1280);
        assert_eq!(yuyv, [[0, 1280 * 480, 1280]]);
        let rgb = places(PixelFormat::Rgb, (31, 2), 96);
        assert_eq!(rgb, [[0, 96 + 93, 96]]);
    }

    #[test]
    fn a_picture_is_nowhere_where_it_does_not_fit() {
        let gray = Picture::blank(PixelFormat::Gray, 2, 2);
        assert!(gray.placed(&[0; 5], 3).is_some());
        assert!(gray.placed(&[0; 4], 3).is_none());
    }

    #[test]
    fn planes_lie_one_behind_the_other() {
        let bytes = Vec::from_iter(0..27).into();
        let blank = Picture::blank(PixelFormat::I420, 3, 5);
        let owned = OwnedPicture { blank, bytes };
        let planes = owned.picture().planes;
        assert_eq!(planes.map(|plane| plane.data[0]), [0, 15, 21]);
        assert_eq!(planes.map(|plane| plane.stride), [3, 2, 2]);
    }

    #[test]
    fn a_byte_too_few_is_no_picture() {
        let blank = Picture::blank(PixelFormat::Gray, 2, 2);
        let bytes = vec![0; 3].into();
        let owned = OwnedPicture { blank, bytes };
        let [plane, ..] = owned.picture().planes;
        assert!(plane.data.is_empty());
    }
}
