//! Where the words stand: panels over a picture, and the screen without one.
//!
//! At the bottom, in the middle, a stack of what is to be known now (a stall, frozen, what the last key
//! did); at the top right the recording's red dot; at the top left the figures, or in the middle the
//! help, in the room that those leave. Nothing overlaps and nothing is cut: what has no room is left
//! out whole, the least important line first.

use super::Canvas;
use super::fit::Area;
use super::text::{Line, Type, wrap};
use super::words::{self, Waiting};

/// Behind the waiting screen.
const NIGHT: u32 = 0x14_17_1b;

/// How much of the picture shines through a panel, of 256.
const THROUGH_PANEL: u32 = 64;

/// How much of the picture is left around the help, of 256.
const AROUND_HELP: u32 = 112;

/// The recording's dot.
const RED: u32 = 0xf0_32_28;

/// Draws words on a canvas, in the room that the words before have left.
pub struct Panels<'a, 'b> {
    canvas: &'a mut Canvas<'b>,
    font: Type,
    /// What is still free: from the top to here.
    bottom: usize,
    /// What the recording's time took of the upper right corner: width and height.
    corner: (usize, usize),
}

impl<'a, 'b> Panels<'a, 'b> {
    /// Nothing said yet; `density` pixels make one of a common screen's.
    pub fn new(canvas: &'a mut Canvas<'b>, density: usize) -> Self {
        let font = Type::for_window(canvas.width(), canvas.height(), density);
        let bottom = canvas.height();
        Panels {
            canvas,
            font,
            bottom,
            corner: (0, 0),
        }
    }

    /// A panel at the bottom, above those that are there. It is left out when it has no room.
    pub fn stack(&mut self, lines: &[Line]) {
        let lines = self.wrapped(lines);
        let (width, height) = self.panel_size(&lines);
        let gap = self.gap();
        if lines.is_empty() || height + 2 * gap > self.bottom {
            return;
        }
        self.bottom -= height + gap;
        let x = self.canvas.width().saturating_sub(width) / 2;
        self.panel(x, self.bottom, &lines);
    }

    /// The recording's time behind a red dot, in the upper right corner.
    pub fn recording(&mut self, time: &Line) {
        let row = self.font.row();
        let pad = self.pad();
        let dot = row * 3 / 5;
        let text = time.columns() * self.font.column();
        let (width, height) = (dot + text + 3 * pad, row + 2 * pad);
        let (gap, whole) = (self.gap(), self.canvas.width());
        if width + 2 * gap > whole || height + 2 * gap > self.bottom {
            return;
        }
        let (x, y) = (whole - gap - width, gap);
        self.canvas.dim(
            Area {
                x,
                y,
                width,
                height,
            },
            THROUGH_PANEL,
        );
        self.dot(x + pad, y + (height - dot) / 2, dot);
        self.font
            .draw(self.canvas, x + dot + 2 * pad, y + pad, time);
        self.corner = (width + gap, height + gap);
    }

    /// The figures, in the upper left corner: as many of the first lines as there is room for.
    pub fn overlay(&mut self, lines: &[Line]) {
        let room = self.canvas.width().saturating_sub(self.corner.0);
        let columns = self.columns_in(room);
        let lines: Vec<_> = lines.iter().flat_map(|line| wrap(line, columns)).collect();
        let rows = self.rows_in(self.bottom);
        let lines = &lines[..lines.len().min(rows)];
        if !lines.is_empty() {
            self.panel(self.gap(), self.gap(), lines);
        }
    }

    /// The help, in the middle of a darker picture.
    pub fn help(&mut self, lines: &[Line]) {
        let free = Area {
            height: self.bottom,
            ..self.canvas.area()
        };
        self.canvas.dim(free, AROUND_HELP);
        let lines = self.wrapped(lines);
        let top = self.corner.1;
        let rows = self.rows_in(self.bottom.saturating_sub(top));
        let lines = &lines[..lines.len().min(rows)];
        if lines.is_empty() {
            return;
        }
        let (width, height) = self.panel_size(lines);
        let x = self.canvas.width().saturating_sub(width) / 2;
        let y = top + (self.bottom - top).saturating_sub(height) / 2;
        self.panel(x, y, lines);
    }

    /// The screen before the first picture.
    pub fn waiting(&mut self, waiting: &Waiting) {
        let free = Area {
            height: self.bottom,
            ..self.canvas.area()
        };
        self.canvas.fill(free, NIGHT);
        let font = self.font;
        self.font = self.reading_type(waiting);
        let rows = self.rows_in(self.bottom);
        let opening = self.wrapped(&waiting.opening);
        let closing = self.wrapped(&waiting.closing);
        let typed_rows = rows.saturating_sub(opening.len() + closing.len());
        let typed = self.typed(&waiting.typed, typed_rows);
        let mut lines = [opening, typed, closing].concat();
        lines.truncate(rows);
        let (_, height) = self.panel_size(&lines);
        let widest = lines.iter().map(Line::columns).max().unwrap_or(0);
        let x = self
            .canvas
            .width()
            .saturating_sub(widest * self.font.column())
            / 2;
        let y = self.bottom.saturating_sub(height) / 2 + self.pad();
        self.write(x, y, &lines);
        self.font = font;
    }

    /// Twice as large as usual where all of it fits easily: it is read from another keyboard.
    fn reading_type(&self, waiting: &Waiting) -> Type {
        let parts = [&waiting.opening, &waiting.typed, &waiting.closing];
        let lines = || parts.into_iter().flatten();
        let columns = lines().map(Line::columns).max().unwrap_or(0);
        let large = self.font.doubled();
        let fits = columns * large.column() <= self.canvas.width() * 3 / 4
            && lines().count() * large.row() <= self.bottom * 3 / 4;
        if fits { large } else { self.font }
    }

    /// As many whole commands as fit, and how many there are besides.
    fn typed(&self, commands: &[Line], rows: usize) -> Vec<Line> {
        let columns = self.columns_in(self.canvas.width());
        let wrapped: Vec<_> = commands.iter().map(|line| wrap(line, columns)).collect();
        let all: usize = wrapped.iter().map(Vec::len).sum();
        if all <= rows {
            return wrapped.concat();
        }
        let mut lines = Vec::new();
        let mut missing = commands.len();
        for command in wrapped {
            if lines.len() + command.len() + 1 > rows {
                break;
            }
            missing -= 1;
            lines.extend(command);
        }
        lines.push(words::more_typed(missing));
        lines
    }

    fn panel(&mut self, x: usize, y: usize, lines: &[Line]) {
        let (width, height) = self.panel_size(lines);
        self.canvas.dim(
            Area {
                x,
                y,
                width,
                height,
            },
            THROUGH_PANEL,
        );
        let pad = self.pad();
        self.write(x + pad, y + pad, lines);
    }

    fn write(&mut self, x: usize, y: usize, lines: &[Line]) {
        for (i, line) in lines.iter().enumerate() {
            self.font
                .draw(self.canvas, x, y + i * self.font.row(), line);
        }
    }

    fn dot(&mut self, left: usize, top: usize, side: usize) {
        for y in 0..side {
            // Twice the distance from the middle, so that it stays whole.
            let dy = (2 * y + 1).abs_diff(side);
            let dx = (0..side).find(|x| {
                let dx = (2 * x + 1).abs_diff(side);
                dx * dx + dy * dy <= side * side
            });
            let Some(dx) = dx else { continue };
            let row = Area {
                x: left + dx,
                y: top + y,
                width: side - 2 * dx,
                height: 1,
            };
            self.canvas.fill(row, RED);
        }
    }

    fn wrapped(&self, lines: &[Line]) -> Vec<Line> {
        let columns = self.columns_in(self.canvas.width());
        lines.iter().flat_map(|line| wrap(line, columns)).collect()
    }

    fn panel_size(&self, lines: &[Line]) -> (usize, usize) {
        let widest = lines.iter().map(Line::columns).max().unwrap_or(0);
        (
            widest * self.font.column() + 2 * self.pad(),
            lines.len() * self.font.row() + 2 * self.pad(),
        )
    }

    /// Columns of a panel in that many pixels.
    fn columns_in(&self, width: usize) -> usize {
        width.saturating_sub(2 * (self.gap() + self.pad())) / self.font.column()
    }

    /// Rows of a panel in that many pixels.
    fn rows_in(&self, height: usize) -> usize {
        height.saturating_sub(2 * (self.gap() + self.pad())) / self.font.row()
    }

    /// Between a panel and the window's edge, or another panel.
    fn gap(&self) -> usize {
        self.font.column()
    }

    /// Between a panel's edge and its text.
    fn pad(&self) -> usize {
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
    fn everything(width: usize, height: usize, density: usize) -> Vec<u32> {
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
        panels.overlay(&words::overlay(&status, (width, height)));
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
        let some = panels.typed(&typed, 4);
        let last = some.last().map(|line| line.text.as_str());
        assert_eq!((some.len(), last), (4, Some("(6 more in the terminal)")));
        assert_eq!(panels.typed(&typed, 9), typed);
    }
}
