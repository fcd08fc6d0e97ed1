//! Sends pictures that this program draws: a square that goes round.
//!
//!     view-recv                                         # in one terminal
//!     cargo run --example send_drawn -- 127.0.0.1:8000 [FRAMES]

use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use pi_stream::Sender;

/// 25 pictures a second.
const INTERVAL: Duration = Duration::from_millis(40);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "127.0.0.1:8000".into());
    let frames = args.next().map_or(Ok(u32::MAX), |frames| frames.parse())?;
    let mut sender = Sender::dial(&host)?;

    let start = Instant::now();
    for number in 0..frames {
        sender.send(&picture(number));
        let next = start + INTERVAL * (number + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

fn picture(number: u32) -> RgbImage {
    let angle = f64::from(number) * 0.05;
    let (x, y) = (320.0 + 180.0 * angle.cos(), 240.0 + 180.0 * angle.sin());
    RgbImage::from_fn(640, 480, |px, py| {
        let near = (f64::from(px) - x).abs().max((f64::from(py) - y).abs()) < 30.0;
        if near {
            Rgb([255, 160, 0])
        } else {
            Rgb([20, 30, (py / 4) as u8])
        }
    })
}
