//! Pictures of very many pixels and few bytes, and what they do to a program's memory.

use std::fs;

/// A gray JPEG of `side` by `side` pixels, a multiple of 4, without encoding it: the header of a small one,
/// and as many blocks as it takes that say "as the one before" in six bits.
pub fn picture(side: u16) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let small = image::GrayImage::from_pixel(8, 8, image::Luma([128]));
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 80)
        .encode_image(&small)
        .expect("memory takes any JPEG");
    let find = |marker: u8| {
        let found = jpeg.windows(2).position(|pair| pair == [0xFF, marker]);
        found.expect("a JPEG has frame and scan headers")
    };
    let (frame, scan) = (find(0xC0), find(0xDA));
    for at in [frame + 5, frame + 7] {
        jpeg[at..at + 2].copy_from_slice(&side.to_be_bytes());
    }
    jpeg.truncate(scan + 2 + usize::from(jpeg[scan + 3]));
    let blocks = usize::from(side.div_ceil(8)).pow(2);
    // Four blocks of 00 (the same brightness) and 1010 (nothing else) are three bytes.
    jpeg.extend([0x28, 0xA2, 0x8A].repeat(blocks.div_ceil(4)));
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

/// A program's memory in kilobytes: `VmRSS:` now, `VmHWM:` at most so far.
pub fn memory_kb(pid: u32, which: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the program runs");
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let word = line.and_then(|line| line.split_whitespace().next());
    let number = word.and_then(|word| word.parse().ok());
    number.expect("/proc knows a running program's memory")
}
