//! The test picture: colour bars, a grey ramp, a sweeping hand, a running clock and the frame's number.
//!
//! For people and for machines: no flip or rotation leaves it as it is, the bars have known colours
//! ([`BARS`]), the ramp shows crushed or washed-out ranges, and a row of black and white cells bears
//! the frame's number ([`number_in`]). Where things are depends on the size alone ([`Layout`]); what
//! does not fit into a small picture is left out, the bars last. Runs on the source's thread and
//! blocks on its clock. What stands still is drawn once; per frame the moving parts are copied from
//! there and drawn over: 0.05 ms at
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

use self::canvas::{Canvas, Enlarged, Ycc};
pub use self::layout::{Area, Layout, number_in};
use super::Feed;
use super::error::SourceError;
use super::pace::Pace;
use super::picture::{PictureBuf, Shape};
use crate::frame::{Captured, Content, Matrix, PixelFormat, Pool, Pooled, Range, Turn};

/// The longest side, in pixels: twice that of the largest camera of a Pi.
pub const MAX_SIDE: u32 = 16_384;

/// The bars' colours from left to right, as red, green, blue: three quarters of full saturation, so
/// that no rounding on the way is cut off at the top.
pub const BARS: [[u8; 3]; 7] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
];

/// The background below the bars, as red, green, blue; text and hand are 255, 255, 255.
pub const GROUND: [u8; 3] = [0, 0, 0];

const WHITE: Ycc = Ycc::from_rgb([255, 255, 255]);
const GREY: Ycc = Ycc::from_rgb([128, 128, 128]);

/// Pictures there are at once: being drawn, in the slot, being encoded.
const PICTURES: usize = 3;

/// The longest line of text, in characters.
const COLUMNS: u32 = 16;

/// Draws test pictures of one size.
#[derive(Debug)]
pub struct TestPicture {
    shape: Shape,
    layout: Layout,
    still: Vec<u8>,
    pool: Pool<Vec<u8>>,
}

impl TestPicture {
    /// Pictures of that size in pixels: full-range BT.601 in [`PixelFormat::I420`]. Each side has 1 to
    /// [`MAX_SIDE`] pixels.
    pub fn new(width: u32, height: u32) -> Result<Self, SourceError> {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(SourceError::Size { width, height });
        }
        let shape = Shape {
            width,
            height,
            format: PixelFormat::I420,
            range: Range::Full,
            matrix: Matrix::Bt601,
        };
        let layout = Layout::new(width, height);
        let mut still = vec![0; shape.bytes()];
        draw_still(&mut Canvas::new(width, height, &mut still), &layout);
        let pool = Pool::new(PICTURES);
        pool.stock(PICTURES, &still);
        Ok(TestPicture {
            shape,
            layout,
            still,
            pool,
        })
    }

    /// The picture that bears this number and this time since the Unix epoch.
    pub fn draw(&self, number: u64, unix: Duration) -> PictureBuf {
        let mut bytes = self.pool.get();
        let (width, height) = (self.shape.width, self.shape.height);
        if bytes.len() == self.still.len() {
            // One of ours from before: only what moved has to be wiped.
            let mut canvas = Canvas::new(width, height, &mut bytes);
            for area in [self.layout.dial, self.layout.text].into_iter().flatten() {
                canvas.restore(area, &self.still);
            }
        } else {
            bytes.clone_from(&self.still);
        }
        draw_moving(
            &mut Canvas::new(width, height, &mut bytes),
            &self.layout,
            number,
            unix,
        );
        self.finish(bytes)
    }

    fn finish(&self, bytes: Pooled<Vec<u8>>) -> PictureBuf {
        PictureBuf::new(self.shape, bytes).expect("it is as long as the still part")
    }
}

/// Gives test pictures at `fps` until the feed says stop, then closes it. `turn` goes with each.
pub fn run(width: u32, height: u32, fps: f64, turn: Turn, feed: &Feed) -> Result<(), SourceError> {
    let _closing = feed.close_at_end();
    let picture = TestPicture::new(width, height)?;
    let mut pace = Pace::new(fps, Instant::now());
    for number in 0.. {
        if feed.stop().sleep_until(pace.next(Instant::now())) {
            break;
        }
        let at = Instant::now();
        // A clock before 1970 shows 1970.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let pixels = picture.draw(number, unix.unwrap_or_default());
        let captured = Captured {
            at,
            turn,
            content: Content::Pixels(Box::new(pixels)),
        };
        if !feed.put(captured) {
            break;
        }
    }
    Ok(())
}

fn draw_still(canvas: &mut Canvas<'_>, layout: &Layout) {
    let Ok(()) = canvas.clear(Ycc::from_rgb(GROUND));
    for (bar, rgb) in layout.bars.iter().zip(BARS) {
        let Ok(()) = canvas.fill_solid(&rectangle(*bar), Ycc::from_rgb(rgb));
    }
    if let Some(ramp) = layout.ramp {
        for x in 0..ramp.width {
            let grey = (x * 255 / (ramp.width - 1).max(1)) as u8;
            let column = Area {
                x: ramp.x + x,
                width: 1,
                ..ramp
            };
            let Ok(()) = canvas.fill_solid(&rectangle(column), Ycc::from_rgb([grey; 3]));
        }
    }
    if let Some(dial) = layout.dial {
        let stroke = stroke(dial);
        // The stroke is centred on the rim: half of it would leave the dial's area.
        let rim = Circle::with_center(rectangle(dial).center(), dial.width - stroke);
        let Ok(()) = rim
            .into_styled(PrimitiveStyle::with_stroke(GREY, stroke))
            .draw(canvas);
    }
}

fn draw_moving(canvas: &mut Canvas<'_>, layout: &Layout, number: u64, unix: Duration) {
    if let Some(dial) = layout.dial {
        draw_hand(canvas, dial, unix);
    }
    if let Some(text) = layout.text {
        draw_text(canvas, text, number, unix);
    }
    for (i, cell) in layout.cells().enumerate() {
        let bit = number >> (layout::BITS - 1 - i as u32) & 1;
        let colour = if bit == 1 {
            WHITE
        } else {
            Ycc::from_rgb(GROUND)
        };
        let Ok(()) = canvas.fill_solid(&rectangle(cell), colour);
    }
}

/// One turn a second, from the top, clockwise.
fn draw_hand(canvas: &mut Canvas<'_>, dial: Area, unix: Duration) {
    let angle = f64::from(unix.subsec_nanos()) / 1e9 * TAU;
    let stroke = stroke(dial);
    let centre = rectangle(dial).center();
    let length = f64::from((dial.width / 2).saturating_sub(2 * stroke));
    let tip = Point::new(
        (length * angle.sin()).round() as i32,
        (-length * angle.cos()).round() as i32,
    );
    let Ok(()) = Line::new(centre, centre + tip)
        .into_styled(PrimitiveStyle::with_stroke(WHITE, stroke))
        .draw(canvas);
}

/// The time of day and the frame's number, in the largest type that fits.
fn draw_text(canvas: &mut Canvas<'_>, area: Area, number: u64, unix: Duration) {
    let Some((font, factor)) = type_for(area) else {
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
    let origin = rectangle(area).top_left;
    let mut enlarged = Enlarged::new(canvas, origin, factor, rectangle(area));
    let Ok(_) =
        Text::with_baseline(&clock, Point::zero(), style, Baseline::Top).draw(&mut enlarged);
}

/// The font and the whole factor by which two lines of it fill the area; `None` where even the
/// smallest does not fit.
fn type_for(area: Area) -> Option<(&'static MonoFont<'static>, u32)> {
    [&FONT_10X20, &FONT_6X10, &FONT_4X6]
        .into_iter()
        .find_map(|font| {
            let size = font.character_size;
            let factor = (area.width / (COLUMNS * size.width)).min(area.height / (2 * size.height));
            (factor > 0).then_some((font, factor))
        })
}

/// The width of the dial's lines.
fn stroke(dial: Area) -> u32 {
    (dial.width / 24).max(1)
}

fn rectangle(area: Area) -> Rectangle {
    Rectangle::new(
        Point::new(area.x as i32, area.y as i32),
        Size::new(area.width, area.height),
    )
}

#[cfg(test)]
mod tests;
