//! Pictures in memory of our own: a shape, and a buffer that goes back to its pool.
//!
//! What the test picture draws into and what a stream of raw pictures is read into. Planes lie one
//! behind the other without gaps. Nothing here blocks, and nothing knows where the bytes come from.

use crate::frame::{Matrix, Picture, PixelFormat, Pixels, Plane, Pooled, Range};

/// What has to be known of bytes to see a picture in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// In pixels, at least 1.
    pub width: u32,
    /// In pixels, at least 1.
    pub height: u32,
    /// The layout of the samples.
    pub format: PixelFormat,
    /// The range of YUV formats.
    pub range: Range,
    /// The matrix of YUV formats.
    pub matrix: Matrix,
}

impl Shape {
    /// Bytes of a row and number of rows of each plane, in the format's order; odd sides are rounded
    /// up where samples are shared.
    fn planes(&self) -> [(usize, usize); 3] {
        const NONE: (usize, usize) = (0, 0);
        let (w, h) = (self.width as usize, self.height as usize);
        let (half_w, half_h) = (w.div_ceil(2), h.div_ceil(2));
        match self.format {
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

    /// Bytes of a whole picture.
    pub fn bytes(&self) -> usize {
        self.planes().iter().map(|(row, rows)| row * rows).sum()
    }

    /// The bytes seen as a picture. `None` where there are not exactly [`Shape::bytes`] of them.
    pub fn view<'a>(&self, bytes: &'a [u8]) -> Option<Picture<'a>> {
        if bytes.len() != self.bytes() {
            return None;
        }
        let mut rest = bytes;
        let planes = self.planes().map(|(stride, rows)| {
            let (data, behind) = rest.split_at(stride * rows);
            rest = behind;
            Plane { data, stride }
        });
        Some(Picture {
            width: self.width,
            height: self.height,
            format: self.format,
            range: self.range,
            matrix: self.matrix,
            planes,
        })
    }
}

/// A picture that owns its memory.
#[derive(Debug)]
pub struct PictureBuf {
    shape: Shape,
    bytes: Pooled<Vec<u8>>,
}

impl PictureBuf {
    /// The bytes as a picture of that shape. Gives them back where there are not exactly
    /// [`Shape::bytes`] of them.
    pub fn new(shape: Shape, bytes: Pooled<Vec<u8>>) -> Result<Self, Pooled<Vec<u8>>> {
        if bytes.len() == shape.bytes() {
            Ok(PictureBuf { shape, bytes })
        } else {
            Err(bytes)
        }
    }
}

impl Pixels for PictureBuf {
    fn picture(&self) -> Picture<'_> {
        self.shape
            .view(&self.bytes)
            .expect("the number of bytes was checked when the picture was made")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(format: PixelFormat, width: u32, height: u32) -> Shape {
        Shape {
            width,
            height,
            format,
            range: Range::Full,
            matrix: Matrix::Bt601,
        }
    }

    #[test]
    fn odd_sides_share_their_last_samples() {
        assert_eq!(shape(PixelFormat::I420, 3, 5).bytes(), 15 + 2 * 6);
        assert_eq!(shape(PixelFormat::I422, 3, 5).bytes(), 15 + 2 * 10);
        assert_eq!(shape(PixelFormat::Nv12, 3, 5).bytes(), 15 + 4 * 3);
        assert_eq!(shape(PixelFormat::Uyvy, 3, 5).bytes(), 40);
    }

    #[test]
    fn planes_lie_one_behind_the_other() {
        let bytes: Vec<u8> = (0..27).collect();
        let buf = PictureBuf::new(shape(PixelFormat::I420, 3, 5), bytes.into()).unwrap();
        let starts = buf.picture().planes.map(|plane| plane.data[0]);
        assert_eq!(starts, [0, 15, 21]);
        assert_eq!(buf.picture().planes.map(|plane| plane.stride), [3, 2, 2]);
    }

    #[test]
    fn a_byte_too_few_is_no_picture() {
        assert!(PictureBuf::new(shape(PixelFormat::Gray, 2, 2), vec![0; 3].into()).is_err());
    }
}
