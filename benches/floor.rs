//! The floor of what frame to pixel can be: a viewer that decodes nothing.
//!
//! It is view-recv's own window and its own way from the socket to there, but for the decoder, in whose place stands a
//! table: of each JPEG that will come it has the picture ready, and only puts it. What a viewer takes beyond this is its
//! own doing. `floor ADDRESS:PORT FILE`, where FILE has the JPEGs one after the other, each with its length before it as
//! on the wire. They are of one size, and differ in their first rows alone as far as anybody looks.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::{env, fs, thread};

use clap::Parser;
use pi_stream::args::view::Options;
use pi_stream::jpeg::{Decoder, MAX_PIXELS};
use pi_stream::net::listen;
use pi_stream::picture::{Bitmap, Turn};
use pi_stream::protocol::Role;
use pi_stream::recv::{Cameras, Config, admission, decoder};
use pi_stream::report::{Program, Stats};
use pi_stream::sinks::Sinks;
use pi_stream::window::{self, Model};

/// How many rows bear the number that is looked for.
const ROWS: usize = 16;

/// So many bytes before a JPEG's end tell it from the others.
const TAIL: usize = 64;

/// The pictures, by the tails of their JPEGs: the first whole, of each the first rows.
struct Ready {
    whole: Bitmap,
    rows: HashMap<Vec<u8>, Vec<u32>>,
}

impl Ready {
    fn read(file: &str) -> Ready {
        let bytes = fs::read(file).expect("the file of JPEGs");
        let mut decoder = Decoder::new(NonZeroUsize::MIN, MAX_PIXELS);
        let (mut rest, mut whole, mut rows) = (&bytes[..], Bitmap::default(), HashMap::new());
        while let Some((length, behind)) = rest.split_first_chunk() {
            let (jpeg, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            decoder.decode(jpeg, &mut whole).expect("a JPEG");
            rows.insert(
                tail(jpeg).to_vec(),
                whole.pixels[..ROWS * whole.width].to_vec(),
            );
            rest = behind;
        }
        Ready { whole, rows }
    }

    /// Makes the bitmap that JPEG's picture; only the first time it is filled whole.
    fn put(&self, jpeg: &[u8], bitmap: &mut Bitmap) -> bool {
        let Some(rows) = self.rows.get(tail(jpeg)) else {
            return false;
        };
        if (bitmap.width, bitmap.height) != (self.whole.width, self.whole.height) {
            bitmap.resize(self.whole.width, self.whole.height);
            bitmap.pixels.copy_from_slice(&self.whole.pixels);
        }
        bitmap.pixels[..rows.len()].copy_from_slice(rows);
        true
    }
}

fn tail(jpeg: &[u8]) -> &[u8] {
    &jpeg[jpeg.len().saturating_sub(TAIL)..]
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    // Cargo, asked to run or to list all benchmarks, gives none of ours.
    let [_, bind, file] = &arguments[..] else {
        return;
    };
    let ready = Ready::read(file);
    let options = Options::parse_from(["floor", "--bind", bind]);
    let program = Program::start("floor", true, Some(Stats::Off));
    let acceptors = listen::listen(options.bind.expect("given"), Role::Receives).expect("a port");
    let stop = Arc::clone(&program.stop);
    let cameras = Arc::new(Cameras::new(
        Config::new(1, None),
        |_| (),
        stop,
        |_, _, _| (),
    ));
    let (snapshots, tell) = (options.recording.snapshots(), Arc::new(|_, _| ()));
    let sinks = Sinks::start(None, snapshots, None, Turn::NONE, tell).expect("threads");
    admission::start(&acceptors, &cameras).expect("threads");
    let model = Model::new(cameras, Arc::new(sinks), None);
    thread::spawn({
        let (cameras, pictures) = (Arc::clone(&model.cameras), Arc::clone(&model.pictures));
        move || {
            let put = |jpeg: &[u8], bitmap: &mut Bitmap| ready.put(jpeg, bitmap);
            decoder::run_with(&cameras, &pictures, window::bitmap, put);
        }
    });
    window::run(&options.window, &model).expect("a window");
    program.exit(0, None);
}
