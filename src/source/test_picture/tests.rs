use super::*;
use crate::picture::{Picture, Pixels, Turn};
use crate::source::Delivery;

const NOON: Duration = Duration::from_millis(12 * 3_600_000 + 34 * 60_000 + 56_789);

/// Red, green and blue of a pixel, as JFIF says.
fn rgb(picture: &Picture<'_>, x: u32, y: u32) -> [u8; 3] {
    let at = |plane: usize, x: u32, y: u32| {
        let plane = picture.planes[plane];
        f64::from(plane.data[y as usize * plane.stride + x as usize])
    };
    let (luma, cb, cr) = (
        at(0, x, y),
        at(1, x / 2, y / 2) - 128.0,
        at(2, x / 2, y / 2) - 128.0,
    );
    [
        luma + 1.402 * cr,
        luma - 0.344_136 * cb - 0.714_136 * cr,
        luma + 1.772 * cb,
    ]
    .map(|value| value.round().clamp(0.0, 255.0) as u8)
}

#[test]
fn the_bars_have_their_colours() {
    for (width, height) in [(640, 480), (500, 480), (639, 481), (64, 48), (14, 3)] {
        let buf = TestPicture::new(width, height).draw(7, NOON);
        for bar in 0..7 {
            let (x, y) = ((2 * bar + 1) * width / 14, bands(width, height)[1] / 2);
            let expected = [2, 4, 1].map(|colour| if (7 - bar) & colour != 0 { 191 } else { 0 });
            let seen = rgb(&buf.picture(), x, y);
            let apart = (0..3).map(|i| seen[i].abs_diff(expected[i])).max();
            assert!(
                apart <= Some(1),
                "{width}x{height}: {seen:?}, not {expected:?}"
            );
        }
    }
}

#[test]
fn the_number_can_be_read_back() {
    for (width, height) in [(192, 128), (640, 480), (639, 481), (1920, 1080)] {
        let picture = TestPicture::new(width, height);
        let [.., cells, end] = bands(width, height);
        for number in [0, 1, 0xABCDEF, 0x1_000_002] {
            let buf = picture.draw(number, NOON);
            let luma = buf.picture().planes[0];
            let seen = (0..BITS).fold(0, |seen, bit| {
                let (x, y) = ((2 * bit + 1) * (width / BITS) / 2, (cells + end) / 2);
                let grey = luma.data[y as usize * luma.stride + x as usize];
                assert!(grey == 0 || grey == 255, "{grey}");
                seen << 1 | u64::from(grey == 255)
            });
            assert_eq!(seen, number & 0xFF_FFFF);
        }
    }
    assert_eq!(bands(64, 48)[3..], [48; 2]);
}

#[test]
fn a_reused_buffer_shows_no_trace_of_its_last_picture() {
    let picture = TestPicture::new(640, 480);
    drop(picture.draw(123_456, Duration::from_millis(400)));
    let again = picture.draw(5, NOON);
    let fresh = TestPicture::new(640, 480).draw(5, NOON);
    for plane in 0..3 {
        assert!(again.picture().planes[plane].data == fresh.picture().planes[plane].data);
    }
}

#[test]
fn hand_clock_and_number_move() {
    let picture = TestPicture::new(640, 480);
    let panel = bands(640, 480)[2] as usize;
    let one = picture.draw(1, NOON);
    let two = picture.draw(2, NOON + Duration::from_millis(100));
    // The dial, the clock and the number.
    for (columns, rows) in [(0..120, 0..120), (132..640, 0..60), (132..640, 60..120)] {
        let differ = rows.clone().any(|y| {
            let row = (panel + y) * 640;
            let row = row + columns.start..row + columns.end;
            one.picture().planes[0].data[row.clone()] != two.picture().planes[0].data[row]
        });
        assert!(differ, "{columns:?}, {rows:?}");
    }
}

#[test]
fn no_turn_leaves_the_picture_as_it_is() {
    let buf = TestPicture::new(480, 480).draw(1, NOON);
    let picture = buf.picture();
    for i in 1..8 {
        let turn = Turn {
            quarters: i % 4,
            mirror: i >= 4,
        };
        let differ = (0..480).any(|y| {
            (0..480).any(|x| {
                let mut at = (if turn.mirror { 479 - x } else { x }, y);
                for _ in 0..turn.quarters {
                    at = (479 - at.1, at.0);
                }
                rgb(&picture, x, y) != rgb(&picture, at.0, at.1)
            })
        });
        assert!(differ, "{turn:?}");
    }
}

#[test]
fn any_size_from_one_pixel_is_drawn() {
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3), (37, 41), (4056, 3040)] {
        let buf = TestPicture::new(width, height).draw(1, NOON);
        assert_eq!((buf.picture().width, buf.picture().height), (width, height));
    }
}

#[test]
fn the_source_ends_when_asked() {
    use crate::handoff::{Reason, Wake};
    let feed = Feed::new(Delivery::NewestWins);
    let config = CameraConfig {
        size: (64, 48),
        fps: 1000.0,
        ..CameraConfig::default()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(&config, &feed));
        feed.link_stands();
        assert_eq!(feed.slot.wait(None), Wake::Full);
        feed.stop.ask(Reason::Done);
    });
}
