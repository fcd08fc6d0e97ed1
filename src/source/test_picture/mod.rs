//! The test picture: colour bars, a grey ramp, a sweeping hand, a running clock and the frame's number.
//!
//! ```text
//! layout: what is where, by size ─▶ here: what stands still once, what moves per frame ─▶ canvas: I420 planes
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
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};

use self::canvas::{Canvas, Ycc};
use self::layout::{BARS, Layout};
pub use self::layout::{bars, number_in};
use super::Feed;
use super::pace::Pace;
use super::picture::{PictureBuf, Shape};
use crate::picture::{Captured, Content, PixelFormat, Pool, Turn};

/// The longest side, in pixels: twice that of the largest camera of a Pi.
pub(crate) const MAX_SIDE: u32 = 16_384;

/// The background below the bars.
const BLACK: Ycc = Ycc::grey(0);
const WHITE: Ycc = Ycc::grey(255);
const GREY: Ycc = Ycc::grey(128);

/// Pictures there are at once: being drawn, in the slot, being encoded.
const PICTURES: usize = 3;

/// The longest line of text, in characters.
const COLUMNS: u32 = 16;

/// What test pictures are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// In pixels, 1 to 16,384, before turning.
    pub width: u32,
    /// In pixels, 1 to 16,384, before turning.
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
#[derive(Debug)]
struct TestPicture {
    shape: Shape,
    layout: Layout,
    still: Vec<u8>,
    pool: Pool<Vec<u8>>,
}

impl TestPicture {
    /// Pictures of that size in pixels; each side has 1 to [`MAX_SIDE`].
    fn new(width: u32, height: u32) -> Self {
        let shape = Shape::full(PixelFormat::I420, width, height);
        let layout = Layout::new(width, height);
        let mut still = vec![0; shape.bytes() as usize];
        draw_still(&mut Canvas::new(width, height, &mut still), &layout);
        let pool = Pool::new(PICTURES);
        pool.stock(PICTURES, &still);
        TestPicture {
            shape,
            layout,
            still,
            pool,
        }
    }

    /// The picture that bears this number and this time since the Unix epoch.
    fn draw(&self, number: u64, unix: Duration) -> PictureBuf {
        let (width, height) = (self.shape.width, self.shape.height);
        let mut bytes = self.pool.get();
        if bytes.len() != self.still.len() {
            bytes.clone_from(&self.still);
        } else if let Some([dial, _]) = self.layout.dial_and_text {
            // What moved is wiped: in luma alone, since hand and text have the chroma of grey.
            let rows = dial.rows();
            let moved = rows.start as usize * width as usize..rows.end as usize * width as usize;
            bytes[moved.clone()].copy_from_slice(&self.still[moved]);
        }
        let mut canvas = Canvas::new(width, height, &mut bytes);
        for (bit, cell) in self.layout.cells.iter().rev().enumerate() {
            let colour = [BLACK, WHITE][(number >> bit & 1) as usize];
            let Ok(()) = canvas.fill_solid(cell, colour);
        }
        if let Some([dial, text]) = self.layout.dial_and_text {
            draw_hand(&mut canvas, dial, unix);
            draw_text(&mut canvas, text, number, unix);
        }
        PictureBuf::new(self.shape, bytes).expect("it is as long as the still part")
    }
}

fn draw_still(canvas: &mut Canvas<'_>, layout: &Layout) {
    let Ok(()) = canvas.clear(BLACK);
    for (bar, rgb) in layout.bars.iter().zip(BARS) {
        let Ok(()) = canvas.fill_solid(bar, Ycc::from_rgb(rgb));
    }
    if let Some(ramp) = layout.ramp {
        let (width, column) = (ramp.size.width, Size::new(1, ramp.size.height));
        for x in 0..width {
            let grey = (x * 255 / (width - 1).max(1)) as u8;
            let place = ramp.top_left + Size::new(x, 0);
            let Ok(()) = canvas.fill_solid(&Rectangle::new(place, column), Ycc::grey(grey));
        }
    }
    if let Some([dial, _]) = layout.dial_and_text {
        let stroke = stroke(dial);
        // The stroke is centred on the rim: half of it would leave the dial's area.
        let Ok(()) = Circle::with_center(dial.center(), dial.size.width - stroke)
            .into_styled(PrimitiveStyle::with_stroke(GREY, stroke))
            .draw(canvas);
    }
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
        .into_styled(PrimitiveStyle::with_stroke(WHITE, stroke))
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
    let style = MonoTextStyle::new(font, WHITE);
    canvas.enlarge(area, scale);
    let Ok(_) = Text::with_baseline(&clock, Point::zero(), style, Baseline::Top).draw(canvas);
}

/// The width of the dial's lines.
fn stroke(dial: Rectangle) -> u32 {
    (dial.size.width / 24).max(1)
}

#[cfg(test)]
mod tests;
