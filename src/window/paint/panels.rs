//! Where the words stand: panels over a picture, and the screen without one.
//!
//! At the bottom, in the middle, a stack of what is to be known now (a stall, frozen, what the last key
//! did); at the top right the recording's red dot; at the top left the figures, or in the middle the
//! help, in the room that those leave. Nothing overlaps and nothing is cut: what has no room is left
//! out whole, the least important line first.

use embedded_graphics::geometry::{AnchorPoint, AnchorX, AnchorY, Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Drawable, Primitive};
use embedded_graphics::primitives::{Circle, PrimitiveStyle, Rectangle};

use super::Canvas;
use super::text::{Enlarged, Line, Type, wrap};
use super::words::{self, Waiting};

/// Behind the waiting screen.
const NIGHT: u32 = 0x14_17_1b;

/// How much of the picture shines through a panel, of 256.
const THROUGH_PANEL: u32 = 64;

/// How much of the picture is left around the help, of 256.
const AROUND_HELP: u32 = 112;

/// The recording's dot.
const RED: Rgb888 = Rgb888::new(0xf0, 0x32, 0x28);

/// Draws words on a canvas, in the room that the words before have left.
pub(crate) struct Panels<'a, 'b> {
    canvas: &'a mut Canvas<'b>,
    font: Type,
    /// What the stack at the bottom has left.
    free: Rectangle,
    /// What the recording's time took of the upper right corner.
    corner: Size,
}

impl<'a, 'b> Panels<'a, 'b> {
    /// Nothing said yet; `density` pixels make one of a common screen's.
    pub(crate) fn new(canvas: &'a mut Canvas<'b>, density: u32) -> Self {
        let free = canvas.area();
        Panels {
            canvas,
            font: Type::for_window(free.size, density),
            free,
            corner: Size::zero(),
        }
    }

    /// A panel at the bottom, above those that are there. It is left out when it has no room.
    pub(crate) fn stack(&mut self, lines: &[Line]) {
        let room = self.inside(self.free);
        let lines = self.wrapped(lines, room);
        if !lines.is_empty() && lines.len() <= self.rows(room) {
            let panel = self.panel(room, AnchorPoint::BottomCenter, &lines);
            let left = panel.top_left.y as u32;
            self.free = self.free.resized_height(left, AnchorY::Top);
        }
    }

    /// The recording's time behind a red dot, in the upper right corner.
    pub(crate) fn recording(&mut self, time: &Line) {
        let (pad, text) = (self.pad(), self.font.size_of(std::slice::from_ref(time)));
        let dot = text.height * 3 / 5;
        let size = Size::new(dot + text.width + 3 * pad, text.height + 2 * pad);
        let room = self.inside(self.free);
        if size.component_max(room.size) != room.size {
            return;
        }
        let panel = room.resized(size, AnchorPoint::TopRight);
        self.canvas.dim(panel, THROUGH_PANEL);
        let mut target = Enlarged {
            canvas: self.canvas,
            corner: panel.top_left + Size::new(pad, (size.height - dot) / 2),
            scale: 1,
        };
        let circle = Circle::new(Point::zero(), dot).into_styled(PrimitiveStyle::with_fill(RED));
        let Ok(()) = circle.draw(&mut target);
        let corner = panel.top_left + Size::new(dot + 2 * pad, pad);
        self.font.draw(self.canvas, corner, time);
        self.corner = size + Size::new_equal(self.gap());
    }

    /// The figures, in the upper left corner: as many of the first lines as there is room for.
    pub(crate) fn overlay(&mut self, lines: &[Line]) {
        let beside = self.free.size.width.saturating_sub(self.corner.width);
        let room = self.inside(self.free.resized_width(beside, AnchorX::Left));
        self.first_lines(room, AnchorPoint::TopLeft, lines);
    }

    /// The help, in the middle of a darker picture.
    pub(crate) fn help(&mut self, lines: &[Line]) {
        self.canvas.dim(self.free, AROUND_HELP);
        let below = self.free.size.height.saturating_sub(self.corner.height);
        let room = self.inside(self.free.resized_height(below, AnchorY::Bottom));
        self.first_lines(room, AnchorPoint::Center, lines);
    }

    /// The screen before the first picture.
    pub(crate) fn waiting(&mut self, waiting: &Waiting) {
        self.canvas.fill(self.free, NIGHT);
        let usual = self.font;
        self.font = self.reading_type(waiting);
        let room = self.inside(self.free);
        let rows = self.rows(room);
        let opening = self.wrapped(&waiting.opening, room);
        let closing = self.wrapped(&waiting.closing, room);
        let typed_rows = rows.saturating_sub(opening.len() + closing.len());
        let typed = self.typed(&waiting.typed, room, typed_rows);
        let mut lines = [opening, typed, closing].concat();
        lines.truncate(rows);
        let place = room.resized(self.font.size_of(&lines), AnchorPoint::Center);
        self.write(place.top_left, &lines);
        self.font = usual;
    }

    /// Twice as large as usual where all of it fits easily: it is read from another keyboard.
    fn reading_type(&self, waiting: &Waiting) -> Type {
        let lines = [&*waiting.opening, &waiting.typed, &waiting.closing].concat();
        let large = self.font.doubled();
        let easily = self.free.size * 3 / 4;
        if large.size_of(&lines).component_max(easily) == easily {
            large
        } else {
            self.font
        }
    }

    /// As many whole commands as fit, and how many there are besides.
    fn typed(&self, commands: &[Line], room: Rectangle, rows: usize) -> Vec<Line> {
        let all = self.wrapped(commands, room);
        if all.len() <= rows {
            return all;
        }
        let mut lines = Vec::new();
        let mut missing = commands.len();
        for command in commands {
            let command = self.wrapped(std::slice::from_ref(command), room);
            if lines.len() + command.len() + 1 > rows {
                break;
            }
            missing -= 1;
            lines.extend(command);
        }
        lines.push(words::more_typed(missing));
        lines
    }

    /// A panel with as many of the first lines as there is room for.
    fn first_lines(&mut self, room: Rectangle, anchor: AnchorPoint, lines: &[Line]) {
        let mut lines = self.wrapped(lines, room);
        lines.truncate(self.rows(room));
        if !lines.is_empty() {
            self.panel(room, anchor, &lines);
        }
    }

    fn panel(&mut self, room: Rectangle, anchor: AnchorPoint, lines: &[Line]) -> Rectangle {
        let pad = self.pad();
        let size = self.font.size_of(lines) + Size::new_equal(2 * pad);
        let panel = room.resized(size, anchor);
        self.canvas.dim(panel, THROUGH_PANEL);
        self.write(panel.top_left + Size::new_equal(pad), lines);
        panel
    }

    fn write(&mut self, mut corner: Point, lines: &[Line]) {
        for line in lines {
            self.font.draw(self.canvas, corner, line);
            corner.y += self.font.row() as i32;
        }
    }

    /// Lines no longer than a panel in that room.
    fn wrapped(&self, lines: &[Line], room: Rectangle) -> Vec<Line> {
        let columns = room.size.width.saturating_sub(2 * self.pad()) / self.font.column();
        let wrapped = lines.iter().flat_map(|line| wrap(line, columns as usize));
        wrapped.collect()
    }

    /// Rows of a panel in that room.
    fn rows(&self, room: Rectangle) -> usize {
        (room.size.height.saturating_sub(2 * self.pad()) / self.font.row()) as usize
    }

    /// Where panels can be: not at the edges.
    fn inside(&self, free: Rectangle) -> Rectangle {
        free.offset(-(self.gap() as i32))
    }

    /// Between a panel and the window's edge, or another panel.
    fn gap(&self) -> u32 {
        self.font.column()
    }

    /// Between a panel's edge and its text.
    fn pad(&self) -> u32 {
        self.font.column() * 2 / 3
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::net::reach::Hint;
    use crate::window::model::{State, Status};

    const PAPER: u32 = 0xff_ff_ff;

    fn status(now: Instant) -> Status {
        Status {
            state: State::Stalled {
                since: now,
                why: "garden (192.168.1.30) ended the stream. Waiting for the next sender.".into(),
            },
            peer: Some("[2001:db8:1234:5678:9abc:def0:1234:5678]:40122".into()),
            name: Some("x".repeat(64)),
            latency: Some(Duration::from_millis(12_345)),
            typed: (0..9)
                .map(|i| format!("pi-send --host 10.0.0.{i}"))
                .collect(),
            hint: Some(Hint {
                what: "Allow TCP port 8000 in this computer's firewall".into(),
                command: Some("sudo firewall-cmd --add-port=8000/tcp".into()),
            }),
            ..Status::default()
        }
    }

    /// Every word that can be there at once, on white.
    fn everything(width: usize, height: usize, density: u32) -> Vec<u32> {
        let now = Instant::now();
        let status = status(now);
        let mut pixels = vec![PAPER; width * height];
        let mut canvas = Canvas::new(&mut pixels, width, height);
        let mut panels = Panels::new(&mut canvas, density);
        let path = format!("Saved /home/someone/Pictures/{}.jpg", "y".repeat(64));
        panels.stack(&[words::notification(&path, false)]);
        panels.stack(&[words::notification("Disk full: the recording ended.", true)]);
        panels.stack(&[words::frozen()]);
        panels.stack(&words::stalled(&status, now));
        panels.recording(&words::recording_time(
            now,
            now + Duration::from_secs(36_000),
        ));
        panels.overlay(&words::overlay(&status, panels.canvas.size));
        pixels
    }

    #[test]
    fn panels_never_overlap() {
        // Where two panels met, the paper would shine through both.
        let through = |times: u32| (0..times).fold(0xff, |light, _| (light * THROUGH_PANEL) >> 8);
        let twice = through(2) * 0x01_01_01;
        assert_ne!(twice, 0);
        for (width, height, density) in [
            (320, 240, 1),
            (320, 240, 2),
            (640, 480, 1),
            (1920, 1080, 1),
            (3840, 2160, 2),
            (240, 900, 1),
        ] {
            let pixels = everything(width, height, density);
            assert!(pixels.contains(&(through(1) * 0x01_01_01)));
            assert!(!pixels.contains(&twice), "{width}x{height} at {density}");
        }
    }

    #[test]
    fn no_window_is_too_small_to_be_drawn() {
        for (width, height) in [(1, 1), (7, 300), (300, 7), (40, 30), (100, 60)] {
            for density in [1, 8] {
                everything(width, height, density);
                let status = status(Instant::now());
                let mut pixels = vec![0; width * height];
                let mut canvas = Canvas::new(&mut pixels, width, height);
                Panels::new(&mut canvas, density).waiting(&words::waiting(&status));
                Panels::new(&mut canvas, density).help(&words::help());
            }
        }
    }

    #[test]
    fn what_has_no_room_to_be_typed_is_counted() {
        let status = status(Instant::now());
        let mut pixels = vec![0; 320 * 240];
        let mut canvas = Canvas::new(&mut pixels, 320, 240);
        let panels = Panels::new(&mut canvas, 1);
        let typed = words::waiting(&status).typed;
        let room = panels.inside(panels.free);
        let some = panels.typed(&typed, room, 4);
        let last = some.last().map(|line| line.text.as_str());
        assert_eq!((some.len(), last), (4, Some("(6 more in the terminal)")));
        assert_eq!(panels.typed(&typed, room, 9), typed);
    }
}
