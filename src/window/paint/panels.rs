//! Where the words stand: panels over a picture, or where none is yet.
//!
//! At the bottom, in the middle, a stack of what is to be known now (a stall, frozen, what the last key
//! did); at the top right the recording's red dot; at the top left the figures, or in the middle the
//! help, in the room that those leave. Nothing overlaps: of a panel, the last lines are left out where
//! there is no room for all; what happens now is left out whole.

use embedded_graphics::geometry::{AnchorPoint, AnchorX, AnchorY, Size};
use embedded_graphics::primitives::{Circle, PointsIter, Rectangle};

use super::text::{Line, TITLE, Type, wrap};
use crate::picture::Bitmap;

/// How much of the picture shines through a panel, of 256.
const THROUGH_PANEL: u32 = 64;

/// How much of the picture is left around the help, of 256.
const AROUND_HELP: u32 = 112;

/// The recording's dot.
const RED: u32 = 0xf0_32_28;

/// Draws words on a bitmap, in the room that the words before have left.
pub(crate) struct Panels<'a> {
    bitmap: &'a mut Bitmap,
    font: Type,
    /// How much of what is there shines through, of 256.
    through: u32,
    /// What the panels at the bottom have left.
    free: Rectangle,
    /// What the recording's time took of the upper right corner.
    corner: Size,
}

impl<'a> Panels<'a> {
    /// Nothing said yet; `density` pixels make one of a common screen's.
    pub(crate) fn new(bitmap: &'a mut Bitmap, density: u32) -> Self {
        let free = bitmap.area();
        Panels {
            bitmap,
            font: Type::for_window(free.size, density),
            through: THROUGH_PANEL,
            free,
            corner: Size::zero(),
        }
    }

    /// A panel with as many of the lines as there is room for; returns where they are. What is put later
    /// goes above one at the bottom, and below one at the top or, at the left, beside it.
    pub(crate) fn put(&mut self, anchor: AnchorPoint, lines: &[Line]) -> Option<Rectangle> {
        let cell = self.font.cell();
        // From its edge to its text, and to what is beside it.
        let (pad, gap) = ((cell.width * 2 / 3) as i32, cell.width as i32);
        let Size { width, height } = self.free.size.saturating_sub(self.corner);
        let free = match anchor.x() {
            AnchorX::Left => self.free.resized_width(width, AnchorX::Left),
            _ => self.free.resized_height(height, AnchorY::Bottom),
        };
        let room = free.offset(-(gap + pad));
        let cells = room.size.component_div(cell);
        let (columns, rows) = (cells.width as usize, cells.height as usize);
        let mut lines = Vec::from_iter(lines.iter().flat_map(|line| wrap(line, columns)));
        let is_cut = lines.len() > rows;
        lines.truncate(rows);
        // Half of what happens now would say something else.
        if lines.is_empty() || (is_cut && anchor.y() == AnchorY::Bottom) {
            return None;
        }
        let text = room.resized(self.font.size_of(&lines), anchor);
        let panel = text.offset(pad);
        self.bitmap.dim(panel, self.through);
        for (line, index) in lines.iter().zip(0..) {
            let corner = text.top_left + Size::new(0, index * cell.height);
            self.font.draw(self.bitmap, corner, line);
        }
        match anchor.y() {
            AnchorY::Top => self.corner = panel.size + Size::new_equal(cell.width),
            AnchorY::Center => {}
            AnchorY::Bottom => self.free.size.height = panel.top_left.y as u32,
        }
        Some(text)
    }

    /// The recording's time behind a red dot, in the upper right corner.
    pub(crate) fn recording(&mut self, time: &str) {
        let behind_dot = Line::new(TITLE, format!("  {time}"));
        let Some(text) = self.put(AnchorPoint::TopRight, &[behind_dot]) else {
            return;
        };
        let row = self.font.cell().height;
        let corner = text.top_left + Size::new(0, row / 5);
        for pixel in Circle::new(corner, row * 3 / 5).points() {
            let pixel = Rectangle::new(pixel, Size::new_equal(1));
            self.bitmap.fill(pixel, RED);
        }
    }

    /// The screen without a picture, put last. Twice as large where all of it fits easily: it is read from
    /// another keyboard.
    pub(crate) fn waiting(&mut self, lines: &[Line]) {
        let (mut large, easily) = (self.font, self.free.size * 3 / 4);
        large.scale *= 2;
        if large.size_of(lines).component_max(easily) == easily {
            self.font = large;
        }
        // The screen is dark enough.
        self.through = 256;
        self.put(AnchorPoint::Center, lines);
    }

    /// The help, in the middle of a darker picture.
    pub(crate) fn help(&mut self, lines: &[Line]) {
        self.bitmap.dim(self.free, AROUND_HELP);
        self.put(AnchorPoint::Center, lines);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::net::Reach;
    use crate::net::reach::Hint;
    use crate::recv::Counts;
    use crate::recv::frame::fixture::Frame;
    use crate::report::Severity;
    use crate::window::Status;
    use crate::window::paint::tests::plain;
    use crate::window::paint::words;

    const PAPER: u32 = 0xff_ff_ff;

    fn status() -> Status {
        let mut frame = Frame::default().name(&"x".repeat(64));
        frame.stamp.get_or_insert_default().latency_us = Some(12_345_000);
        Status {
            stalled: Some(
                "garden (192.168.1.30) ended the stream. Waiting for the next sender.".into(),
            ),
            peer: Some("[2001:db8:1234:5678:9abc:def0:1234:5678]:40122".into()),
            counts: Counts {
                newest: Some(frame.build()),
                ..Counts::default()
            },
            reach: Some(Reach {
                lines: Vec::new(),
                typed: (0..9)
                    .map(|i| format!("pi-send --host 10.0.0.{i}"))
                    .collect(),
                is_local: false,
                hint: Hint {
                    what: "Allow TCP port 8000 in this computer's firewall".into(),
                    command: Some("sudo firewall-cmd --add-port=8000/tcp".into()),
                },
            }),
            is_late: true,
            ..Status::default()
        }
    }

    /// Every word that can be there at once, on white.
    fn everything(width: usize, height: usize, density: u32) -> Bitmap {
        let now = Instant::now();
        let mut status = status();
        let mut bitmap = plain(width, height, PAPER);
        let mut panels = Panels::new(&mut bitmap, density);
        let path = format!("Saved /home/someone/Pictures/{}.jpg", "y".repeat(64));
        let bottom = AnchorPoint::BottomCenter;
        let error = "Disk full: the recording ended.".into();
        for notification in [(Severity::Info, path), (Severity::Error, error)] {
            status.notification = Some(notification);
            panels.put(bottom, words::notification(&status).as_slice());
        }
        panels.put(bottom, &[words::frozen()]);
        panels.put(bottom, &words::stalled(&status, now));
        panels.recording(&words::recording_time(
            now,
            now + Duration::from_secs(36_000),
        ));
        let figures = words::overlay(&status, panels.bitmap.area().size);
        panels.put(AnchorPoint::TopLeft, &figures);
        bitmap
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
            let pixels = everything(width, height, density).pixels;
            assert!(pixels.contains(&(through(1) * 0x01_01_01)));
            assert!(!pixels.contains(&twice), "{width}x{height} at {density}");
        }
    }

    #[test]
    fn no_window_is_too_small_to_be_drawn() {
        for (width, height) in [(1, 1), (7, 300), (300, 7), (40, 30), (100, 60)] {
            for density in [1, 8] {
                everything(width, height, density);
                let status = status();
                let mut bitmap = plain(width, height, 0);
                let waiting = words::waiting(&status);
                Panels::new(&mut bitmap, density).waiting(&waiting);
                Panels::new(&mut bitmap, density).help(&words::help());
            }
        }
    }
}
