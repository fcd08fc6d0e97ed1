//! How large the window is at first.
//!
//! Numbers only.

use crate::window::SMALLEST;
use crate::window::paint::fit;

/// The window's size for a picture: the picture's own, so that nothing is scaled; made smaller to fit
/// the room; and where pixels are small (`density` of them in one of a common screen's), larger by
/// that whole factor, unless that took most of the screen. Never below [`SMALLEST`].
pub fn window_size(picture: (u32, u32), room: (u32, u32), density: u32) -> (u32, u32) {
    let larger = (
        picture.0.saturating_mul(density),
        picture.1.saturating_mul(density),
    );
    let modest = (room.0 - room.0 / 3, room.1 - room.1 / 3);
    let (width, height) = if larger.0 <= modest.0 && larger.1 <= modest.1 {
        larger
    } else if picture.0 <= room.0 && picture.1 <= room.1 {
        picture
    } else {
        let size = |(width, height): (u32, u32)| (width as usize, height as usize);
        let (width, height) = fit::within(size(picture), size(room));
        (width as u32, height as u32)
    };
    (width.max(SMALLEST.0), height.max(SMALLEST.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL_HD: (u32, u32) = (1920, 1080);

    #[test]
    fn the_window_has_the_pictures_size_where_it_fits() {
        assert_eq!(window_size((640, 480), FULL_HD, 1), (640, 480));
        assert_eq!(window_size(FULL_HD, FULL_HD, 1), FULL_HD);
    }

    #[test]
    fn a_picture_larger_than_the_screen_is_fitted_in_proportion() {
        assert_eq!(window_size((4056, 3040), FULL_HD, 1), (1441, 1080));
    }

    #[test]
    fn a_tiny_picture_gets_a_window_with_room_for_words() {
        assert_eq!(window_size((1, 1), FULL_HD, 1), SMALLEST);
    }

    #[test]
    fn small_pixels_make_a_small_picture_larger_and_leave_a_large_one() {
        assert_eq!(window_size((640, 480), (3840, 2160), 2), (1280, 960));
        assert_eq!(window_size(FULL_HD, (3840, 2160), 2), FULL_HD);
    }
}
