//! Where a picture lies in a window: as large as it can be, its sides in proportion, in the middle.
//!
//! Numbers only.

/// A rectangle of a canvas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    /// Pixels to its left.
    pub x: usize,
    /// Pixels above it.
    pub y: usize,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

/// The largest size in proportion to `size` that fits into `room`; each side is at least 1.
pub fn within(size: (usize, usize), room: (usize, usize)) -> (usize, usize) {
    let (w, h) = (size.0.max(1) as u64, size.1.max(1) as u64);
    let (room_w, room_h) = (room.0.max(1) as u64, room.1.max(1) as u64);
    let rounded = |a: u64, b: u64, c: u64| (((a * b + c / 2) / c).max(1)) as usize;
    if w * room_h > h * room_w {
        (room_w as usize, rounded(h, room_w, w))
    } else {
        (rounded(w, room_h, h), room_h as usize)
    }
}

/// The same, in the middle of the room.
pub fn centred(size: (usize, usize), room: (usize, usize)) -> Area {
    let (width, height) = within(size, room);
    Area {
        x: room.0.saturating_sub(width) / 2,
        y: room.1.saturating_sub(height) / 2,
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_the_windows_size_is_not_scaled() {
        assert_eq!(within((639, 481), (639, 481)), (639, 481));
    }

    #[test]
    fn sides_stay_in_proportion_and_in_the_middle() {
        let area = |x, y, width, height| Area {
            x,
            y,
            width,
            height,
        };
        assert_eq!(centred((1920, 1080), (640, 480)), area(0, 60, 640, 360));
        assert_eq!(centred((480, 640), (640, 480)), area(140, 0, 360, 480));
        assert_eq!(centred((1, 1), (320, 240)), area(40, 0, 240, 240));
    }

    #[test]
    fn the_thinnest_picture_and_the_smallest_window_keep_a_pixel() {
        assert_eq!(within((65_500, 1), (320, 240)), (320, 1));
        assert_eq!(within((640, 480), (1, 1)), (1, 1));
        assert_eq!(within((640, 480), (0, 0)), (1, 1));
    }
}
