//! How large a picture is in a window, and a window on a screen. Numbers only, in pixels.

use embedded_graphics::geometry::Size;

use super::SMALLEST;

/// The largest size in proportion to `size` that fits into `room`; each side is at least 1.
pub(super) fn within(size: Size, room: Size) -> Size {
    let size = size.component_max(Size::new_equal(1));
    let ratio = |room: u32, side: u32| f64::from(room) / f64::from(side);
    let scale = ratio(room.width, size.width).min(ratio(room.height, size.height));
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    Size::new(scaled(size.width), scaled(size.height))
}

/// The window's size for a picture: the picture's own, so that nothing is scaled; made smaller to fit
/// the room; and where pixels are small (`density` of them in one of a common screen's), larger by
/// that whole factor, unless that took most of the screen. Never below [`SMALLEST`].
#[cfg_attr(target_os = "macos", allow(dead_code))]
pub(super) fn window_size(picture: Size, room: Size, density: u32) -> Size {
    let fits = |size: Size, room: Size| size.component_max(room) == room;
    let larger = picture * density;
    let size = if fits(larger, room - room / 3) {
        larger
    } else if fits(picture, room) {
        picture
    } else {
        within(picture, room)
    };
    size.component_max(SMALLEST.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL_HD: Size = Size::new(1920, 1080);

    fn window_size(picture: (u32, u32), room: Size, density: u32) -> (u32, u32) {
        super::window_size(picture.into(), room, density).into()
    }

    fn within(size: (u32, u32), room: (u32, u32)) -> (u32, u32) {
        super::within(size.into(), room.into()).into()
    }

    #[test]
    fn a_picture_of_the_windows_size_is_not_scaled() {
        assert_eq!(within((639, 481), (639, 481)), (639, 481));
    }

    #[test]
    fn sides_stay_in_proportion() {
        assert_eq!(within((1920, 1080), (640, 480)), (640, 360));
        assert_eq!(within((480, 640), (640, 480)), (360, 480));
        assert_eq!(within((1, 1), (320, 240)), (240, 240));
    }

    #[test]
    fn the_thinnest_picture_and_the_smallest_window_keep_a_pixel() {
        assert_eq!(within((65_500, 1), (320, 240)), (320, 1));
        assert_eq!(within((640, 480), (1, 1)), (1, 1));
        assert_eq!(within((640, 480), (0, 0)), (1, 1));
    }

    #[test]
    fn the_window_has_the_pictures_size_where_it_fits() {
        assert_eq!(window_size((640, 480), FULL_HD, 1), (640, 480));
        assert_eq!(window_size((1920, 1080), FULL_HD, 1), (1920, 1080));
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
        let room = Size::new(3840, 2160);
        assert_eq!(window_size((640, 480), room, 2), (1280, 960));
        assert_eq!(window_size((1920, 1080), room, 2), (1920, 1080));
    }
}
