//! Lines of text: how large, how long, and their pixels.
//!
//! The letters are `embedded-graphics`' fixed-width fonts (Latin-1; what they lack becomes a question mark),
//! enlarged by whole factors where pixels are small. Fixed width makes room a matter of counting:
//! columns and rows.

use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::image::GetPixel;
use embedded_graphics::mono_font::MonoFont;
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_8X13, FONT_9X15, FONT_10X20};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::primitives::{PointsIter, Rectangle};

use crate::picture::Bitmap;

/// What matters most.
pub(super) const TITLE: u32 = 0xff_ff_ff;

/// A fact.
pub(super) const PLAIN: u32 = 0xe2_e6_ea;

/// What helps to read the facts.
pub(super) const QUIET: u32 = 0x9a_a4_ae;

/// Something to be typed as it stands.
pub(super) const TYPED: u32 = 0x9f_e0_a6;

/// Something is wrong.
pub(super) const ALERT: u32 = 0xff_8a_7a;

/// A line of text; its colour says what kind of thing it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(super) text: String,
    colour: u32,
}

impl Line {
    pub(super) fn new(colour: u32, text: impl Into<String>) -> Self {
        let text = text.into();
        Line { text, colour }
    }
}

/// A font and how many times it is enlarged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    font: &'static MonoFont<'static>,
    pub(super) scale: u32,
}

impl Type {
    /// What is easily read in a window of that size, where `density` pixels make one of a common
    /// screen's, and leaves room for 50 columns and 18 rows from 320x240 on.
    pub(super) fn for_window(window: Size, density: u32) -> Self {
        let common = (window.width * 3 / 4).min(window.height) / density.max(1);
        let (font, scale) = match common {
            0..360 => (&FONT_6X10, 1),
            360..480 => (&FONT_8X13, 1),
            480..720 => (&FONT_9X15, 1),
            _ => (&FONT_10X20, (common / 1080).max(1)),
        };
        let scale = scale * density.max(1);
        Type { font, scale }
    }

    /// The room of a character, the space between lines included.
    pub(super) fn cell(self) -> Size {
        let Size { width, height } = self.font.character_size;
        Size::new(width, height + height / 5) * self.scale
    }

    /// What these lines take, one below the other.
    pub(super) fn size_of(self, lines: &[Line]) -> Size {
        let columns = lines.iter().map(|line| line.text.chars().count()).max();
        let cells = Size::new(columns.unwrap_or(0) as u32, lines.len() as u32);
        cells.component_mul(self.cell())
    }

    /// Draws a line with its upper left corner there, each pixel of its letters as a square.
    pub(super) fn draw(self, bitmap: &mut Bitmap, corner: Point, line: &Line) {
        let (image, size) = (&self.font.image, self.font.character_size);
        let glyphs_a_row = image.size().width / size.width;
        let above = size.height / 10 * self.scale;
        let square = Size::new_equal(self.scale);
        for (character, column) in line.text.chars().zip(0..) {
            let index = self.font.glyph_mapping.index(character) as u32;
            let place = Size::new(index % glyphs_a_row, index / glyphs_a_row);
            let glyph = Rectangle::new(Point::zero() + place.component_mul(size), size);
            let corner = corner + Size::new(column * self.cell().width, above);
            let is_lit = |pixel: &Point| image.pixel(*pixel) == Some(BinaryColor::On);
            for pixel in glyph.points().filter(is_lit) {
                let corner = corner + (pixel - glyph.top_left) * self.scale as i32;
                bitmap.fill(Rectangle::new(corner, square), line.colour);
            }
        }
    }
}

/// How far a line is set in that goes on with the one before.
const INDENT: usize = 2;

/// Text that does not fit into the columns goes on in the next line, set in: from a space where there is
/// one, else behind a slash, else anywhere.
pub(super) fn wrap(line: &Line, columns: usize) -> Vec<Line> {
    let columns = columns.max(2 * INDENT);
    let mut wrapped = Vec::new();
    let mut rest: Vec<char> = line.text.chars().collect();
    while rest.len() > columns {
        let last = |wanted: char, end: usize| {
            let at = rest[..end].iter().rposition(|c| *c == wanted);
            at.filter(|at| *at > INDENT)
        };
        // A space right behind the last column is as good a place as one before it.
        let at = last(' ', columns + 1).or_else(|| last('/', columns).map(|at| at + 1));
        let tail = rest.split_off(at.unwrap_or(columns));
        wrapped.push(Line::new(line.colour, String::from_iter(rest)));
        let words = tail.into_iter().skip_while(|c| *c == ' ');
        rest = [' '; INDENT].into_iter().chain(words).collect();
    }
    wrapped.push(Line::new(line.colour, String::from_iter(rest)));
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::paint::tests::plain;

    fn wrapped(text: &str, columns: usize) -> Vec<String> {
        let lines = wrap(&Line::new(PLAIN, text), columns);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn text_wraps_at_spaces_and_loses_no_word() {
        let lines = wrapped("pi-send --host 192.168.1.20 --port 8001", 28);
        assert_eq!(lines, ["pi-send --host 192.168.1.20", "  --port 8001"]);
        assert_eq!(wrapped("one two", 7), ["one two"]);
        assert_eq!(wrapped("", 10), [""]);
    }

    #[test]
    fn a_long_path_wraps_behind_a_slash() {
        let lines = wrapped("Saved /home/pi/Pictures/garden_0001.jpg", 24);
        assert_eq!(
            lines,
            ["Saved", "  /home/pi/Pictures/", "  garden_0001.jpg"]
        );
    }

    #[test]
    fn a_word_longer_than_the_line_is_cut_and_goes_on() {
        assert_eq!(wrapped("abcdefghij", 6), ["abcdef", "  ghij"]);
        assert_eq!(wrapped("\u{e4}\u{f6}\u{fc}\u{df}\u{e5}", 4).len(), 2);
    }

    #[test]
    fn every_window_has_room_for_the_words() {
        for (width, height, density) in [
            (320, 240, 1),
            (640, 480, 1),
            (1280, 960, 2),
            (1920, 1080, 1),
            (3840, 2160, 2),
            (1080, 1920, 1),
        ] {
            let font = Type::for_window(Size::new(width, height), density);
            assert!(width / font.cell().width >= 50, "{width}x{height}");
            assert!(height / font.cell().height >= 18, "{width}x{height}");
        }
    }

    #[test]
    fn letters_are_drawn_in_their_colour_and_enlarged_by_whole_factors() {
        let mut bitmap = plain(100, 60, 0);
        let font = Type::for_window(Size::new(640, 480), 2);
        font.draw(&mut bitmap, Point::new(10, 4), &Line::new(TITLE, "H"));
        let lit: Vec<_> = (0..6000).filter(|i| bitmap.pixels[*i] != 0).collect();
        assert!(!lit.is_empty());
        // Squares of two by two: each lit pixel has its partner.
        for i in lit {
            assert_eq!(bitmap.pixels[i], 0xff_ff_ff);
            assert_ne!(bitmap.pixels[i ^ 1], 0);
        }
    }

    #[test]
    fn text_beyond_the_edge_is_clipped() {
        let mut bitmap = plain(8, 8, 0);
        let font = Type::for_window(Size::new(3840, 2160), 2);
        font.draw(
            &mut bitmap,
            Point::new(5, 5),
            &Line::new(ALERT, "W\u{2603}W"),
        );
        font.draw(&mut bitmap, Point::new(50, 50), &Line::new(ALERT, "W"));
    }
}
