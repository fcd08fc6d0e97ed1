//! Rectangles on a desktop: screens, what panels leave of them, and where a window goes.
//!
//! Numbers only, in pixels.

/// A rectangle on the desktop; X11 lets it begin left of the first screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

impl Rect {
    /// The part that both cover; `None` where they do not meet.
    pub fn common(self, other: Rect) -> Option<Rect> {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let right = self.right().min(other.right());
        let bottom = self.bottom().min(other.bottom());
        let apart = right <= x || bottom <= y;
        (!apart).then(|| Rect {
            x,
            y,
            width: (right - x) as u32,
            height: (bottom - y) as u32,
        })
    }

    /// Whether the point is in it.
    pub fn contains(self, (x, y): (i32, i32)) -> bool {
        (self.x..self.right()).contains(&x) && (self.y..self.bottom()).contains(&y)
    }

    /// Its middle.
    pub fn middle(self) -> (i32, i32) {
        (
            self.x + self.width as i32 / 2,
            self.y + self.height as i32 / 2,
        )
    }

    /// A rectangle of that size around this one's middle, moved into the room as far as it fits.
    pub fn resized(self, (width, height): (u32, u32), room: Rect) -> Rect {
        let (x, y) = self.middle();
        let place = |middle: i32, side: u32, start: i32, end: i32| {
            (middle - side as i32 / 2).min(end - side as i32).max(start)
        };
        Rect {
            x: place(x, width, room.x, room.right()),
            y: place(y, height, room.y, room.bottom()),
            width,
            height,
        }
    }

    fn right(self) -> i32 {
        self.x.saturating_add(self.width as i32)
    }

    fn bottom(self) -> i32 {
        self.y.saturating_add(self.height as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_grows_around_its_middle_and_stays_on_the_screen() {
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        let screen = rect(0, 0, 1920, 1080);
        let before = rect(640, 300, 640, 480);
        assert_eq!(before.resized((800, 600), screen), rect(560, 240, 800, 600));
        let corner = rect(1600, 900, 320, 180);
        assert_eq!(
            corner.resized((640, 480), screen),
            rect(1280, 600, 640, 480)
        );
        assert_eq!(before.resized((2000, 1200), screen), rect(0, 0, 2000, 1200));
    }

    #[test]
    fn rectangles_that_do_not_meet_have_nothing_in_common() {
        let left = Rect {
            x: 0,
            y: 0,
            width: 10,
            height: 10,
        };
        let right = Rect { x: 10, ..left };
        assert_eq!(left.common(right), None);
        assert_eq!(left.common(left), Some(left));
        assert!(left.contains((9, 9)) && !left.contains((10, 9)));
    }
}
