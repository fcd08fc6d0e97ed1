//! Pictures in memory of our own: a shape, and a buffer that goes back to its pool.
//!
//! What the test picture draws into and what a stream of raw pictures is read into. Planes lie one
//! behind the other without gaps. Nothing here blocks, and nothing knows where the bytes come from.

use crate::picture::{Matrix, Picture, PixelFormat, Pixels, Plane, PlaneSize, Pooled, Range};

/// What has to be known of bytes to see a picture in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// In pixels, at least 1.
    pub(crate) width: u32,
    /// In pixels, at least 1.
    pub(crate) height: u32,
    /// The layout of the samples.
    pub(crate) format: PixelFormat,
    /// The range of YUV formats.
    pub(crate) range: Range,
    /// The matrix of YUV formats.
    pub(crate) matrix: Matrix,
}

impl Shape {
    /// In JPEG's own colours, as far as the format has any: full range, BT.601.
    pub(crate) fn full(format: PixelFormat, width: u32, height: u32) -> Self {
        Shape {
            width,
            height,
            format,
            range: Range::Full,
            matrix: Matrix::Bt601,
        }
    }

    fn planes(&self) -> [PlaneSize; 3] {
        let (width, height) = (self.width as usize, self.height as usize);
        self.format.planes(width, height)
    }

    /// Bytes of a whole picture; more than memory has is no panic.
    pub(crate) fn bytes(&self) -> u64 {
        let planes = self.planes().into_iter();
        planes
            .map(|size| size.row_bytes as u64 * size.rows as u64)
            .sum()
    }
}

/// A picture that owns its memory.
#[derive(Debug)]
pub(crate) struct PictureBuf {
    shape: Shape,
    bytes: Pooled<Vec<u8>>,
}

impl PictureBuf {
    /// The bytes as a picture of that shape; `None` where there are not exactly [`Shape::bytes`] of them.
    pub(crate) fn new(shape: Shape, bytes: Pooled<Vec<u8>>) -> Option<Self> {
        (bytes.len() as u64 == shape.bytes()).then_some(PictureBuf { shape, bytes })
    }
}

impl Pixels for PictureBuf {
    fn picture(&self) -> Picture<'_> {
        let mut rest = &self.bytes[..];
        let planes = self.shape.planes().map(|size| {
            let (data, behind) = rest.split_at(size.row_bytes * size.rows);
            rest = behind;
            Plane {
                data,
                stride: size.row_bytes,
            }
        });
        Picture {
            width: self.shape.width,
            height: self.shape.height,
            format: self.shape.format,
            range: self.shape.range,
            matrix: self.shape.matrix,
            planes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_lie_one_behind_the_other() {
        let bytes: Vec<u8> = (0..27).collect();
        let buf = PictureBuf::new(Shape::full(PixelFormat::I420, 3, 5), bytes.into()).unwrap();
        let starts = buf.picture().planes.map(|plane| plane.data[0]);
        assert_eq!(starts, [0, 15, 21]);
        assert_eq!(buf.picture().planes.map(|plane| plane.stride), [3, 2, 2]);
    }

    #[test]
    fn a_byte_too_few_is_no_picture() {
        assert!(PictureBuf::new(Shape::full(PixelFormat::Gray, 2, 2), vec![0; 3].into()).is_none());
    }
}
