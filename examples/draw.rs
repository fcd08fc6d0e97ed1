//! Draws on the frames that come and shows them in a window of its own.
//!
//!     cargo run --example draw -- 0.0.0.0:8000 [FRAMES]
//!
//! Then, on the Pi: pi-send --host THIS-MACHINE

use image::{Rgb, RgbImage};
use minifb::{Window, WindowOptions};
use pi_stream::Receiver;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "0.0.0.0:8000".into());
    let frames = args
        .next()
        .map_or(Ok(usize::MAX), |frames| frames.parse())?;
    let receiver = Receiver::bind(address.parse()?)?;
    println!("listening on {}", receiver.address());

    let mut window = None;
    for frame in receiver.take(frames) {
        let mut picture = frame.decode()?;
        draw_cross(&mut picture);
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let pixels: Vec<u32> = picture
            .pixels()
            .map(|Rgb([r, g, b])| u32::from_be_bytes([0, *r, *g, *b]))
            .collect();
        let window = match &mut window {
            Some(window) => window,
            None => window.insert(Window::new(
                "draw",
                width,
                height,
                WindowOptions::default(),
            )?),
        };
        window.update_with_buffer(&pixels, width, height)?;
        if !window.is_open() {
            break;
        }
    }
    Ok(())
}

/// A cross through the middle of the picture.
fn draw_cross(picture: &mut RgbImage) {
    const COLOUR: Rgb<u8> = Rgb([255, 0, 255]);
    let (width, height) = picture.dimensions();
    for x in 0..width {
        picture.put_pixel(x, height / 2, COLOUR);
    }
    for y in 0..height {
        picture.put_pixel(width / 2, y, COLOUR);
    }
}
