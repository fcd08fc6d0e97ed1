//! The test picture: colour bars, a grey ramp, a sweeping hand, a running clock and the frame's number.
//!
//! ```text
//! layout: what is where, by size ─▶ here: what stands still once, what moves per frame ─▶ canvas: a plane
//! ```
//!
//! For people and for machines: no flip or rotation leaves it as it is, the bars have known colours
//! ([`bars`]), the ramp shows crushed or washed-out ranges, and a row of black and white cells bears
//! the frame's number ([`number_in`]). What does not fit into a small picture is left out, the bars last.
//! Runs on the source's thread and blocks on its clock. What stands still is drawn once; per frame the rows
//! that move are copied from there and drawn over: 0.05 ms at
//! 640x480, 0.12 ms at 1920x1080 on one core of a 2-core x86 server.

mod canvas;
mod layout;

use std::f64::consts::TAU;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use embedded_graphics::mono_font::ascii::{FONT_4X6, FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Gray8;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};

use self::canvas::Canvas;
use self::layout::Layout;
pub use self::layout::{bars, number_in};
use super::Feed;
use super::pace::Pace;
use crate::picture::{Captured, Content, OwnedPicture, Picture, PixelFormat, Pool, Turn};

/// The longest side, in pixels: twice that of the largest camera of a Pi.
pub(crate) const MAX_SIDE: u32 = 16_384;

/// Pictures there are at once: being drawn, in the slot, being encoded.
const PICTURES: usize = 3;

/// The longest line of text, in characters.
const COLUMNS: u32 = 16;

/// What test pictures are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Pixels in a row, 1 to 16,384, before turning.
    pub width: u32,
    /// Rows, 1 to 16,384, before turning.
    pub height: u32,
    /// Pictures a second.
    pub fps: f64,
    /// What goes with each picture.
    pub turn: Turn,
}

/// Gives test pictures until the feed says stop, then closes it.
pub(crate) fn run(options: Options, feed: &Feed) {
    let _closing = feed.close_at_end();
    let picture = TestPicture::new(options.width, options.height);
    let mut pace = Pace::new(options.fps, Instant::now());
    for number in 0.. {
        if feed.stop().sleep_until(pace.next(Instant::now())) {
            return;
        }
        let at = Instant::now();
        // A clock before 1970 shows 1970.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let pixels = picture.draw(number, unix.unwrap_or_default());
        feed.put(Captured {
            at,
            turn: options.turn,
            content: Content::Pixels(Box::new(pixels)),
        });
    }
}

/// Draws test pictures of one size: full-range BT.601 in [`PixelFormat::I420`].
struct TestPicture {
    blank: Picture<'static>,
    layout: Layout,
    still: Vec<u8>,
    pool: Pool<Vec<u8>>,
}

impl TestPicture {
    /// Pictures of that size in pixels; each side has 1 to [`MAX_SIDE`].
    fn new(width: u32, height: u32) -> Self {
        let blank = Picture::blank(PixelFormat::I420, width, height);
        let layout = Layout::new(width, height);
        let mut still = vec![0; blank.bytes() as usize];
        draw_still(&mut still, Size::new(width, height), &layout);
        let pool = Pool::new(PICTURES);
        pool.stock(PICTURES, &still);
        TestPicture {
            blank,
            layout,
            still,
            pool,
        }
    }

    /// The picture that bears this number and this time since the Unix epoch.
    fn draw(&self, number: u64, unix: Duration) -> OwnedPicture {
        let size = Size::new(self.blank.width, self.blank.height);
        let width = size.width as usize;
        let mut bytes = self.pool.get();
        if bytes.len() != self.still.len() {
            bytes.clone_from(&self.still);
        } else if let Some([dial, _]) = self.layout.dial_and_text {
            // What moved is wiped.
            let rows = dial.rows();
            let moved = rows.start as usize * width..rows.end as usize * width;
            bytes[moved.clone()].copy_from_slice(&self.still[moved]);
        }
        // Cells, hand and text are grey: luma is all that changes.
        let mut canvas = Canvas::new(size, &mut bytes[..width * size.height as usize]);
        for (bit, cell) in self.layout.cells.iter().rev().enumerate() {
            let colour = [Gray8::BLACK, Gray8::WHITE][(number >> bit & 1) as usize];
            let Ok(()) = canvas.fill_solid(cell, colour);
        }
        if let Some([dial, text]) = self.layout.dial_and_text {
            draw_hand(&mut canvas, dial, unix);
            draw_text(&mut canvas, text, number, unix);
        }
        OwnedPicture::new(self.blank, bytes).expect("it is as long as the still part")
    }
}

fn draw_still(bytes: &mut [u8], size: Size, layout: &Layout) {
    let (luma, chroma) = bytes.split_at_mut((size.width * size.height) as usize);
    chroma.fill(128);
    let mut canvas = Canvas::new(size, luma);
    for (bar, rgb) in layout.visible_bars() {
        let Ok(()) = canvas.fill_solid(&bar, Gray8::new(ycc(rgb)[0]));
    }
    if let Some(ramp) = layout.ramp {
        let (width, column) = (ramp.size.width, Size::new(1, ramp.size.height));
        for x in 0..width {
            let grey = (x * 255 / (width - 1).max(1)) as u8;
            let place = ramp.top_left + Size::new(x, 0);
            let Ok(()) = canvas.fill_solid(&Rectangle::new(place, column), Gray8::new(grey));
        }
    }
    if let Some([dial, _]) = layout.dial_and_text {
        let stroke = stroke(dial);
        // The stroke is centred on the rim: half of it would leave the dial's area.
        let Ok(()) = Circle::with_center(dial.center(), dial.size.width - stroke)
            .into_styled(PrimitiveStyle::with_stroke(Gray8::new(128), stroke))
            .draw(&mut canvas);
    }
    // Two pixels each way share their chroma, and the last bar decides it.
    let half = (size + Size::new(1, 1)) / 2;
    let length = (half.width * half.height) as usize;
    for (plane, chroma) in chroma.chunks_exact_mut(length).enumerate() {
        let mut canvas = Canvas::new(half, chroma);
        for (bar, rgb) in layout.visible_bars() {
            let corner = (bar.top_left + bar.size + Point::new(1, 1)) / 2;
            let bar = Rectangle::with_corners(bar.top_left / 2, corner - Point::new(1, 1));
            let Ok(()) = canvas.fill_solid(&bar, Gray8::new(ycc(rgb)[1 + plane]));
        }
    }
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

/// One turn a second, from the top, clockwise.
fn draw_hand(canvas: &mut Canvas<'_>, dial: Rectangle, unix: Duration) {
    let angle = f64::from(unix.subsec_nanos()) / 1e9 * TAU;
    let stroke = stroke(dial);
    let length = f64::from((dial.size.width / 2).saturating_sub(2 * stroke));
    let tip = Point::new(
        (length * angle.sin()).round() as i32,
        (-length * angle.cos()).round() as i32,
    );
    let Ok(()) = Line::new(dial.center(), dial.center() + tip)
        .into_styled(PrimitiveStyle::with_stroke(Gray8::WHITE, stroke))
        .draw(canvas);
}

/// The time of day and the frame's number, in the largest type that fits: a font, and the whole factor by which
/// two lines of it fill the area. The last that is drawn: the canvas stays enlarged.
fn draw_text(canvas: &mut Canvas<'_>, area: Rectangle, number: u64, unix: Duration) {
    let fitting = |font: &'static MonoFont<'static>| {
        let (size, type_size) = (area.size, font.character_size);
        let scale =
            (size.width / (COLUMNS * type_size.width)).min(size.height / (2 * type_size.height));
        (scale > 0).then_some((font, scale))
    };
    let fonts = [&FONT_10X20, &FONT_6X10, &FONT_4X6];
    let Some((font, scale)) = fonts.into_iter().find_map(fitting) else {
        return;
    };
    let seconds = unix.as_secs() % 86_400;
    let clock = format!(
        "{:02}:{:02}:{:02}.{:03} UTC\nframe {number}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        unix.subsec_millis()
    );
    let style = MonoTextStyle::new(font, Gray8::WHITE);
    canvas.enlarge(area, scale);
    let Ok(_) = Text::with_baseline(&clock, Point::zero(), style, Baseline::Top).draw(canvas);
}

/// The width of the dial's lines.
fn stroke(dial: Rectangle) -> u32 {
    (dial.size.width / 24).max(1)
}

#[cfg(test)]
mod tests;
