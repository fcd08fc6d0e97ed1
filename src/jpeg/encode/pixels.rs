//! Packed red, green and blue as 32-bit pixels, their bytes in the same order; libjpeg-turbo makes YCbCr of them, faster
//! than anything here could.

use std::ops::Range;

use super::planes::PlaneRows;

/// Reads part of a row of a packed picture's pixels.
pub(super) fn read(source: &PlaneRows<'_>, row: usize, columns: Range<usize>, out: &mut [u32]) {
    let plane = &source.planes[0];
    let row = &plane.data[row * plane.stride..];
    match source.samples[0].step {
        2 => convert(row, columns, out, |pixel| expand(u16::from_le_bytes(pixel))),
        3 => convert(row, columns, out, |[a, b, c]| [a, b, c, 0]),
        _ => convert(row, columns, out, |pixel| pixel),
    }
}

/// These columns of a row, each pixel of `N` bytes as 32 bits.
fn convert<const N: usize>(
    row: &[u8],
    columns: Range<usize>,
    out: &mut [u32],
    pixel: impl Fn([u8; N]) -> [u8; 4],
) {
    let from = row[columns.start * N..columns.end * N].chunks_exact(N);
    for (out, bytes) in out.iter_mut().zip(from) {
        let bytes = bytes.try_into().expect("chunks of N bytes");
        *out = u32::from_ne_bytes(pixel(bytes));
    }
}

/// 5, 6 and 5 bits as bytes; the high bits fill the low ones, so that white stays white.
fn expand(pixel: u16) -> [u8; 4] {
    let five = |bits: u16| ((bits & 31) << 3 | (bits & 31) >> 2) as u8;
    let six = |bits: u16| ((bits & 63) << 2 | (bits & 63) >> 4) as u8;
    [five(pixel >> 11), six(pixel >> 5), five(pixel), 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_reach_from_black_to_white() {
        assert_eq!(expand(0), [0, 0, 0, 0]);
        assert_eq!(expand(0xFFFF), [255, 255, 255, 0]);
        assert_eq!(expand(0xF800), [255, 0, 0, 0]);
        assert_eq!(expand(0x07E0), [0, 255, 0, 0]);
        assert_eq!(expand(0x001F), [0, 0, 255, 0]);
    }
}
