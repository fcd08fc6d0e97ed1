//! The decoder: takes the newest frame, brings its picture. One thread of its own ("decoder"), which
//! blocks on the slot of frames; its pool of strips works for it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::hub::Hub;
use super::received::{Decoded, Received};
use super::window;
use crate::frame::{Bitmap, Pool};
use crate::jpeg::Decoder;
use crate::slot::Wake;

/// Bitmaps that are kept: being decoded, in the slot, in the window, one to spare.
const SPARE_BITMAPS: usize = 3;

/// Decodes until the slot is closed, then closes that of the pictures.
pub fn run(hub: &Hub) {
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut decoder = Decoder::new(threads);
    let bitmaps = if hub.headless {
        Pool::new(SPARE_BITMAPS)
    } else {
        Pool::of(SPARE_BITMAPS, window::bitmap)
    };
    while hub.received.wait(None) != Wake::Closed {
        let Some(frame) = hub.received.take() else {
            continue;
        };
        // What was held up with the whole program is old, and something newer is near.
        if hub.pulse.held_up_since(frame.arrived) {
            hub.passed_over(&frame);
            continue;
        }
        decode(hub, &mut decoder, &bitmaps, frame);
    }
    hub.decoded.close();
}

fn decode(hub: &Hub, decoder: &mut Decoder, bitmaps: &Pool<Bitmap>, frame: Arc<Received>) {
    let mut bitmap = bitmaps.get();
    let decoded = decoder.decode(&frame.jpeg, &mut bitmap);
    let sitter = hub.seat.session(frame.session);
    match decoded {
        Ok(()) => {
            if let Some(sitter) = sitter {
                sitter.note(true);
            }
            hub.picture(Decoded { bitmap, frame });
        }
        Err(_) => {
            if let Some(sitter) = sitter {
                hub.corrupt(&sitter);
            }
            hub.settle(&frame, Instant::now());
        }
    }
}
