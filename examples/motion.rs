//! Finds motion between frames and prints how much of the picture moved.
//!
//!     cargo run --example motion -- 0.0.0.0:8000 [FRAMES]
//!
//! Then, on the Pi: pi-send --host THIS-MACHINE

use image::GrayImage;
use image::imageops::{self, FilterType};
use pi_stream::Receiver;

/// Frames are compared at this size: noise averages out, and it is cheap.
const SIZE: (u32, u32) = (64, 48);

/// A pixel moved if its brightness changed by more than this, out of 255.
const CHANGE: u8 = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "0.0.0.0:8000".into());
    let frames = args
        .next()
        .map_or(Ok(usize::MAX), |frames| frames.parse())?;
    let receiver = Receiver::bind(address.parse()?)?;
    println!("listening on {}", receiver.address());

    let mut before: Option<GrayImage> = None;
    for frame in receiver.take(frames) {
        let picture = imageops::grayscale(&frame.decode()?);
        let now = imageops::resize(&picture, SIZE.0, SIZE.1, FilterType::Triangle);
        if let Some(before) = before.replace(now.clone()) {
            let moved = before
                .iter()
                .zip(now.iter())
                .filter(|(a, b)| a.abs_diff(**b) > CHANGE);
            let share = 100.0 * moved.count() as f64 / (SIZE.0 * SIZE.1) as f64;
            println!("{share:5.1} % moved");
        }
    }
    Ok(())
}
