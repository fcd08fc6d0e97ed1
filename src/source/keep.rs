//! A camera's lives: served until it is lost, and then tried again until it is back.
//!
//! Runs on the source's own thread, for both ways to a camera, and knows neither.

use std::time::Duration;

use super::Feed;
use super::camera::Result;

/// The shortest and the longest pause between attempts to get a lost camera back. A camera on USB needs about a
/// second to come up, and each attempt scans the devices.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// Calls `serve`, which opens the camera and puts its pictures into the feed, until the feed's stop is asked. Why the
/// camera gives none is the error until it `has_begun`; later that is reported once, and it is tried again.
pub(crate) fn keep(
    feed: &Feed,
    has_begun: impl Fn() -> bool,
    mut serve: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut pause = PAUSES.0;
    loop {
        let before = feed.captured();
        match serve() {
            Err(why) if has_begun() => feed.lose(&why),
            ended => return ended,
        }
        if feed.captured() > before {
            pause = PAUSES.0;
        }
        if feed.stop.sleep(pause) {
            return Ok(());
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}
