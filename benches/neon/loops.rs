//! Our own loops over samples and pixels, each once for a picture of 640x480: for benches/neon/run, which counts their
//! instructions. The files are the crate's; what they need of it stands around them.

#![allow(dead_code)]

#[path = "../../src/picture"]
mod picture {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Range {
        Full,
        Limited,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Matrix {
        Bt601,
        Bt709,
        Bt2020,
    }
    pub mod transpose;
    mod turn;
    pub use turn::Turn;
}

#[path = "../../src/jpeg/encode"]
mod encode {
    mod colour;
    use self::colour::Colour;
    use crate::picture::{Matrix, Range};

    #[inline(never)]
    pub fn limited_range(luma: &mut [u8]) {
        let colour = Colour::new(Range::Limited, Matrix::Bt601).expect("there is something to do");
        colour.convert(0, luma, &[]);
    }

    #[inline(never)]
    pub fn limited_range_of_bt709(luma: &mut [u8], cb: &[u8], cr: &[u8]) {
        let colour = Colour::new(Range::Limited, Matrix::Bt709).expect("there is something to do");
        colour.convert(0, luma, &[cb, cr]);
    }
}

#[path = "../../src/jpeg/decode"]
mod decode {
    mod pack;

    #[inline(never)]
    pub fn pack_rgb(samples: &[u8], pixels: &mut [u32]) {
        pack::rgb(samples, pixels);
    }
}

#[inline(never)]
fn quarter_turn(luma: &[u8], out: &mut [u8]) {
    use picture::{Turn, transpose::Tile};
    let (turn, size) = (Turn::from_flips(1, false, false), (640, 480));
    Tile::<u8>::default().lay_down(turn, size, 0..640, out, 480, |row, columns, line| {
        line.copy_from_slice(&luma[row * 640..][columns]);
    });
}

fn main() {
    let count = 640 * 480;
    let mut samples = std::hint::black_box(vec![100_u8; 3 * count]);
    let (beside, mut turned, mut pixels) = (samples.clone(), vec![0; count], vec![0; count]);
    encode::limited_range(&mut samples[..count]);
    encode::limited_range_of_bt709(&mut samples[..count], &beside, &beside);
    decode::pack_rgb(&samples, &mut pixels);
    quarter_turn(&samples[..count], &mut turned);
    std::hint::black_box((samples, turned, pixels));
}
