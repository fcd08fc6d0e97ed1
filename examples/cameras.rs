//! Receives several cameras at once and says how many frames came of each, and how bright they are.
//!
//!     cargo run --example cameras -- 0.0.0.0:8000 [FRAMES [KEY-FILE]]
//!
//! Then, on each Pi: pi-send --host THIS-MACHINE --name SOMETHING [--key FILE]

use std::collections::BTreeMap;

use image::imageops;
use pi_stream::{Key, Receiver, ReceiverOptions};

/// Further cameras wait until one of these has been gone for ten minutes.
const MAX_CAMERAS: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "0.0.0.0:8000".into());
    let frames = args
        .next()
        .map_or(Ok(usize::MAX), |frames| frames.parse())?;
    let options = ReceiverOptions {
        max_cameras: MAX_CAMERAS,
        key: args.next().map(Key::read).transpose()?,
    };
    let receiver = Receiver::bind_with(address.parse()?, options)?;
    println!("listening on {}", receiver.address());

    let mut counts = BTreeMap::<String, u64>::new();
    for frame in receiver.take(frames) {
        let picture = imageops::grayscale(&frame.decode()?);
        let light: u64 = picture.iter().map(|pixel| u64::from(*pixel)).sum();
        let light = light as f64 / picture.len() as f64 / 2.55;
        let count = counts.entry(frame.camera().to_owned()).or_default();
        *count += 1;
        let (name, size) = (frame.camera(), picture.dimensions());
        println!(
            "{name}: frame {count}, {}x{}, {light:.0} % bright",
            size.0, size.1
        );
    }
    Ok(())
}
