//! Where the planes of a picture lie in a buffer, by format, size and stride. Pure arithmetic.

use crate::frame::PixelFormat;

/// Where the planes of a picture lie in a buffer without gaps between them: offset and stride of each.
pub(super) fn places(format: PixelFormat, stride: usize, height: u32) -> [(usize, usize); 3] {
    let height = height as usize;
    let (chroma, rows) = match format {
        PixelFormat::I420 => (stride / 2, height.div_ceil(2)),
        PixelFormat::I422 => (stride / 2, height),
        PixelFormat::Nv12 | PixelFormat::Nv21 => (stride, height.div_ceil(2)),
        PixelFormat::I444 => (stride, height),
        _ => return [(0, stride), (0, 0), (0, 0)],
    };
    let second = stride * height;
    match format {
        PixelFormat::Nv12 | PixelFormat::Nv21 => [(0, stride), (second, chroma), (0, 0)],
        _ => [
            (0, stride),
            (second, chroma),
            (second + chroma * rows, chroma),
        ],
    }
}

/// How many bytes each plane needs: all rows, the last one only as far as its pixels go.
pub(super) fn sizes(
    format: PixelFormat,
    strides: [usize; 3],
    width: u32,
    height: u32,
) -> [usize; 3] {
    let (width, height) = (width as usize, height as usize);
    let half = |n: usize| n.div_ceil(2);
    let shapes = match format {
        PixelFormat::Gray => [(width, height), (0, 0), (0, 0)],
        PixelFormat::I420 => [
            (width, height),
            (half(width), half(height)),
            (half(width), half(height)),
        ],
        PixelFormat::I422 => [
            (width, height),
            (half(width), height),
            (half(width), height),
        ],
        PixelFormat::I444 => [(width, height); 3],
        PixelFormat::Nv12 | PixelFormat::Nv21 => {
            [(width, height), (half(width) * 2, half(height)), (0, 0)]
        }
        PixelFormat::Yuyv | PixelFormat::Yvyu | PixelFormat::Uyvy | PixelFormat::Vyuy => {
            [(half(width) * 4, height), (0, 0), (0, 0)]
        }
        PixelFormat::Rgb | PixelFormat::Bgr => [(width * 3, height), (0, 0), (0, 0)],
        PixelFormat::Rgbx | PixelFormat::Bgrx => [(width * 4, height), (0, 0), (0, 0)],
        PixelFormat::Rgb565 => [(width * 2, height), (0, 0), (0, 0)],
    };
    std::array::from_fn(|i| match shapes[i] {
        (_, 0) => 0,
        (bytes, rows) => strides[i] * (rows - 1) + bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_follow_each_other_with_the_cameras_stride() {
        // The Pi pads 1000 pixels to 1024.
        let i420 = places(PixelFormat::I420, 1024, 500);
        assert_eq!(i420, [(0, 1024), (512_000, 512), (640_000, 512)]);
        let nv12 = places(PixelFormat::Nv12, 640, 481);
        assert_eq!(nv12, [(0, 640), (640 * 481, 640), (0, 0)]);
        assert_eq!(places(PixelFormat::Yuyv, 1280, 480)[0], (0, 1280));
    }

    #[test]
    fn the_last_row_ends_with_its_pixels() {
        let lengths = sizes(PixelFormat::I420, [1024, 512, 512], 1000, 500);
        assert_eq!(
            lengths,
            [1024 * 499 + 1000, 512 * 249 + 500, 512 * 249 + 500]
        );
        assert_eq!(sizes(PixelFormat::Rgb, [96, 0, 0], 31, 2), [96 + 93, 0, 0]);
    }
}
