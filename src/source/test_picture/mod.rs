//! The test picture: colour bars, a grey ramp, a sweeping hand, a running clock and the frame's number.
//!
//! ```text
//! layout: what is where, by size ─▶ here: what stands still once, what moves per frame
//! ```
//!
//! For people and for machines: no flip or rotation leaves it as it is, the bars have known colours
//! ([`colour`]), the ramp shows crushed or washed-out ranges, and a row of black and white cells bears
//! the frame's number ([`bands`]). What does not fit into a small picture is left out, the bars last.
//! Runs on the source's thread and blocks on its clock. What stands still is drawn once. What moves is drawn small
//! ([`Panel`]), and laid over it enlarged.

mod layout;

use std::f64::consts::TAU;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use embedded_graphics::framebuffer::Framebuffer;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_10X20;
use embedded_graphics::pixelcolor::Gray8;
use embedded_graphics::pixelcolor::raw::{LittleEndian, RawU8};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle};
use embedded_graphics::text::{Baseline, Text};

pub use self::layout::{BITS, bands, colour};
use super::camera::CameraConfig;
use super::pace::Pace;
use super::{Feed, UNDER_WAY};
use crate::picture::{Captured, Content, OwnedPicture, Picture, PixelFormat, Pool};

/// The longest side, in pixels: twice that of the largest camera of a Pi.
pub(crate) const MAX_SIDE: u32 = 16_384;

/// The sides of a [`Panel`] in pixels: a dial, and right of it two lines of 16 characters.
const PANEL: Size = Size::new(204, 40);

/// The hand, the clock and the number, before they are enlarged.
type Panel = Framebuffer<Gray8, RawU8, LittleEndian, 204, 40, { 204 * 40 }>;

/// Gives test pictures of that size (each side has 1 to [`MAX_SIDE`]), rate and turn until the feed says stop.
pub fn run(config: &CameraConfig, feed: &Feed) {
    let picture = TestPicture::new(config.size.0, config.size.1);
    if !feed.wait_for_link() {
        return;
    }
    let mut pace = Pace::new(config.fps, Instant::now());
    for number in 0.. {
        if feed.stop.sleep_until(pace.next(Instant::now())) {
            return;
        }
        let at = Instant::now();
        // A clock before 1970 shows 1970.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let pixels = picture.draw(number, unix.unwrap_or_default());
        let (turn, content) = (config.turn, Content::Pixels(Box::new(pixels)));
        feed.put(Captured { at, turn, content });
    }
}

/// Draws test pictures of one size: full-range BT.601 in [`PixelFormat::I420`].
struct TestPicture {
    width: u32,
    bands: [u32; 5],
    still: Vec<u8>,
    pool: Pool<Vec<u8>>,
}

impl TestPicture {
    /// Pictures of that size in pixels; each side has 1 to [`MAX_SIDE`].
    fn new(width: u32, height: u32) -> Self {
        let bands = bands(width, height);
        let mut still = Vec::new();
        // Two pixels each way share their chroma.
        for (plane, step) in [1, 2, 2].into_iter().enumerate() {
            for band in bands.windows(2) {
                let row = (0..width).step_by(step);
                let row = row.map(|x| ycc(colour(width, bands, x, band[0]))[plane]);
                let row: Vec<u8> = row.collect();
                // Row by row: what a large buffer took of the heap would stay with the program.
                let rows = (band[1] - band[0]) as usize;
                (0..rows.div_ceil(step)).for_each(|_| still.extend_from_slice(&row));
            }
        }
        let pool = Pool::new(UNDER_WAY);
        pool.stock(vec![still.clone(); UNDER_WAY]);
        TestPicture {
            width,
            bands,
            still,
            pool,
        }
    }

    /// The picture that bears this number and this time since the Unix epoch.
    fn draw(&self, number: u64, unix: Duration) -> OwnedPicture {
        let mut bytes = self.pool.get();
        if bytes.is_empty() {
            bytes.clone_from(&self.still);
        }
        let (width, [.., panel, cells, height]) = (self.width, self.bands);
        let side = (width / PANEL.width).min((cells - panel) / PANEL.height);
        let drawn = draw_panel(number, unix);
        self.lay(&mut bytes, panel, drawn.data(), PANEL.width, (side, side));
        let bits = (0..BITS).rev().map(|bit| (number >> bit & 1) as u8 * 255);
        let (bits, cell) = (bits.collect::<Vec<_>>(), (width / BITS, height - cells));
        self.lay(&mut bytes, cells, &bits, BITS, cell);
        let blank = Picture::blank(PixelFormat::I420, width, height);
        OwnedPicture { blank, bytes }
    }

    /// Lays a small grey picture of so many columns down from row `top` on, each pixel as a block of that size. Nothing there
    /// has a colour: luma is all that changes.
    fn lay(&self, luma: &mut [u8], top: u32, small: &[u8], columns: u32, block: (u32, u32)) {
        let width = self.width as usize;
        let [top, columns, across, down] = [top, columns, block.0, block.1].map(|n| n as usize);
        if down == 0 {
            return;
        }
        let rows = luma[top * width..].chunks_exact_mut(down * width);
        for (rows, line) in rows.zip(small.chunks(columns)) {
            let (first, others) = rows.split_at_mut(width);
            for (pixels, grey) in first.chunks_exact_mut(across).zip(line) {
                pixels.fill(*grey);
            }
            for other in others.chunks_exact_mut(width) {
                other.copy_from_slice(first);
            }
        }
    }
}

/// The hand, one turn a second from the top, clockwise; the time of day and the frame's number.
fn draw_panel(number: u64, unix: Duration) -> Panel {
    let mut panel = Panel::new();
    let lines = |grey| PrimitiveStyle::with_stroke(Gray8::new(grey), 2);
    let dial = Circle::new(Point::new(2, 2), 36);
    let angle = f64::from(unix.subsec_nanos()) / 1e9 * TAU;
    let tip = [angle.sin(), -angle.cos()].map(|part| (14.0 * part).round() as i32);
    let hand = Line::new(dial.center(), dial.center() + Point::from(tip));
    let Ok(()) = dial.into_styled(lines(128)).draw(&mut panel);
    let Ok(()) = hand.into_styled(lines(255)).draw(&mut panel);
    let seconds = unix.as_secs() % 86_400;
    let clock = format!(
        "{:02}:{:02}:{:02}.{:03} UTC\nframe {number}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        unix.subsec_millis()
    );
    let style = MonoTextStyle::new(&FONT_10X20, Gray8::WHITE);
    let text = Text::with_baseline(&clock, Point::new(44, 0), style, Baseline::Top);
    let Ok(_) = text.draw(&mut panel);
    panel
}

/// Full-range BT.601 of red, green and blue, as JFIF defines it; weights in 65,536ths.
fn ycc(rgb: [u8; 3]) -> [u8; 3] {
    let ([r, g, b], zero, half) = (rgb.map(i32::from), 128 << 16, 1 << 15);
    let y = 19_595 * r + 38_470 * g + 7_471 * b;
    let cb = zero - 11_059 * r - 21_709 * g + 32_768 * b;
    let cr = zero + 32_768 * r - 27_439 * g - 5_329 * b;
    // Pure blue and pure red would round up to 256, but no bar is.
    [y, cb, cr].map(|sum| ((sum + half) >> 16) as u8)
}

#[cfg(test)]
mod tests;
