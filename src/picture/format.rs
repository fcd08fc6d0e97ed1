//! Pixel formats, and the one table of how their samples lie in memory. Pure arithmetic.

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
    /// One plane of Y Cb Y Cr.
    Yuyv,
    /// One plane of Cb Y Cr Y.
    Uyvy,
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

/// Where the samples of a kind lie: in which plane, from which byte of a row on, how many bytes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Samples {
    pub(crate) plane: usize,
    pub(crate) first: usize,
    pub(crate) step: usize,
}

/// How large a plane is; all zero where the format has no such plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlaneSize {
    /// Bytes of a row without what fills it up to its stride.
    pub row_bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl PlaneSize {
    /// Bytes from the first one to the last row's last, with rows `stride` bytes apart; 0 of no plane. `None` where
    /// the stride is shorter than a row, or the number is too large.
    pub fn span(self, stride: usize) -> Option<usize> {
        let last = self.rows.saturating_sub(1).checked_mul(stride)?;
        let span = last.checked_add(self.row_bytes)?;
        (stride >= self.row_bytes).then_some(span)
    }
}

impl PixelFormat {
    /// Where Y, Cb and Cr lie (for gray and RGB the pixels, three times), and how many pixels share one sample
    /// of chroma, across and down.
    pub(crate) fn samples(self) -> ([Samples; 3], (usize, usize)) {
        let at = |plane, first, step| Samples { plane, first, step };
        let planar = [at(0, 0, 1), at(1, 0, 1), at(2, 0, 1)];
        let packed = |y, cb, cr| [at(0, y, 2), at(0, cb, 4), at(0, cr, 4)];
        match self {
            PixelFormat::Gray => ([at(0, 0, 1); 3], (1, 1)),
            PixelFormat::I420 => (planar, (2, 2)),
            PixelFormat::I422 => (planar, (2, 1)),
            PixelFormat::I444 => (planar, (1, 1)),
            PixelFormat::Nv12 => ([at(0, 0, 1), at(1, 0, 2), at(1, 1, 2)], (2, 2)),
            PixelFormat::Yuyv => (packed(0, 1, 3), (2, 1)),
            PixelFormat::Uyvy => (packed(1, 0, 2), (2, 1)),
            PixelFormat::Rgb | PixelFormat::Bgr => ([at(0, 0, 3); 3], (1, 1)),
            PixelFormat::Rgbx | PixelFormat::Bgrx => ([at(0, 0, 4); 3], (1, 1)),
            PixelFormat::Rgb565 => ([at(0, 0, 2); 3], (1, 1)),
        }
    }

    /// The planes of a picture of that size in pixels, in the order that the format names. Sides that are no
    /// whole number of chroma samples are rounded up.
    pub fn planes(self, width: usize, height: usize) -> [PlaneSize; 3] {
        let (samples, shared) = self.samples();
        let mut sizes = [PlaneSize::default(); 3];
        for (kind, Samples { plane, step, .. }) in samples.iter().enumerate() {
            let (across, down) = if kind == 0 { (1, 1) } else { shared };
            let size = &mut sizes[*plane];
            size.row_bytes = size.row_bytes.max(step * width.div_ceil(across));
            size.rows = height.div_ceil(down);
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a row and rows.
    fn sizes(format: PixelFormat, width: usize, height: usize) -> [(usize, usize); 3] {
        format
            .planes(width, height)
            .map(|size| (size.row_bytes, size.rows))
    }

    #[test]
    fn odd_sides_share_their_last_samples() {
        const NONE: (usize, usize) = (0, 0);
        assert_eq!(sizes(PixelFormat::Gray, 3, 5), [(3, 5), NONE, NONE]);
        assert_eq!(sizes(PixelFormat::I420, 3, 5), [(3, 5), (2, 3), (2, 3)]);
        assert_eq!(sizes(PixelFormat::I422, 3, 5), [(3, 5), (2, 5), (2, 5)]);
        assert_eq!(sizes(PixelFormat::I444, 3, 5), [(3, 5), (3, 5), (3, 5)]);
        assert_eq!(sizes(PixelFormat::Nv12, 3, 5), [(3, 5), (4, 3), NONE]);
        assert_eq!(sizes(PixelFormat::Uyvy, 3, 5), [(8, 5), NONE, NONE]);
        assert_eq!(sizes(PixelFormat::Bgr, 3, 5), [(9, 5), NONE, NONE]);
        assert_eq!(sizes(PixelFormat::Rgb565, 3, 5), [(6, 5), NONE, NONE]);
    }

    #[test]
    fn the_last_row_ends_with_its_pixels() {
        let size = PixelFormat::Rgb.planes(31, 2)[0];
        assert_eq!(size.span(96), Some(96 + 93));
        assert_eq!(size.span(92), None);
        assert_eq!(size.span(usize::MAX), None);
        assert_eq!(PlaneSize::default().span(96), Some(0));
    }
}
