//! JPEGs as other programs make them: libjpeg-turbo with whatever settings, as cjpeg and Pillow set them.

use std::ptr;

use turbojpeg::{libc::c_int, raw};

/// A source of numbers that are the same in each run.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}

/// Pixels with edges, gradients and noise, so that no block is like its neighbours.
fn pixels(width: usize, height: usize) -> Vec<u8> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut out = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let noise = dice.below(48);
            let edge = if (x / 11 + y / 5) % 3 == 0 { 90 } else { 0 };
            out.extend([
                (x * 150 / width + noise + edge / 2) as u8,
                (y * 150 / height + noise) as u8,
                (edge + noise * 2) as u8,
            ]);
        }
    }
    out
}

/// Such a picture as a JPEG: its sampling (`TJSAMP_…`), and settings (`TJPARAM_…`) with their values.
pub(super) fn jpeg(
    (width, height): (usize, usize),
    sampling: raw::TJSAMP,
    settings: &[(raw::TJPARAM, c_int)],
) -> Vec<u8> {
    let pixels = pixels(width, height);
    let standing = [
        (raw::TJPARAM_TJPARAM_QUALITY, 85),
        (raw::TJPARAM_TJPARAM_SUBSAMP, sampling as c_int),
    ];
    let (mut place, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the pixels are as many as the size says, and the library makes room for its own result,
    // which is copied before it is freed.
    unsafe {
        let handle = raw::tj3Init(raw::TJINIT_TJINIT_COMPRESS as c_int);
        for (parameter, value) in standing.iter().chain(settings) {
            assert_eq!(raw::tj3Set(handle, *parameter as c_int, *value), 0);
        }
        let (w, h) = (width as c_int, height as c_int);
        let rgb = raw::TJPF_TJPF_RGB as c_int;
        let data = pixels.as_ptr();
        let failed = raw::tj3Compress8(handle, data, w, 0, h, rgb, &mut place, &mut length);
        assert_eq!(failed, 0);
        let jpeg = std::slice::from_raw_parts(place, length as usize).to_vec();
        raw::tj3Free(place.cast());
        raw::tj3Destroy(handle);
        jpeg
    }
}
