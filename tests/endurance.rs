//! Nothing kills it, nothing gets in, nothing is lost: short forms of what scripts/soak plays in full.
//!
//! What happens is asserted, and how much of it; how fast is scripts/soak's to say, since a machine that
//! runs other tests beside these is no measure.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "endurance/hostile.rs"]
mod hostile;
#[path = "endurance/network.rs"]
mod network;
#[path = "endurance/scenes.rs"]
mod scenes;
#[path = "endurance/stage.rs"]
mod stage;
#[path = "endurance/watch.rs"]
mod watch;

use std::time::Duration;

use network::Network;
use scenes::Program;

/// Memory that may come and go between two looks, in kilobytes: allocators keep what they were given
/// back. Each connection that leaked its buffers would cost more.
const SLACK_KB: u64 = 16 * 1024;

#[test]
fn a_sender_killed_at_any_moment_is_shown_again_and_leaves_nothing_behind() {
    let kills = scenes::kills(Program::Sender, 10, 1);
    assert!(
        kills.after.memory_kb < kills.before.memory_kb + SLACK_KB,
        "{kills:?}"
    );
}

#[test]
fn a_viewer_killed_at_any_moment_is_found_again_and_leaves_nothing_behind() {
    let kills = scenes::kills(Program::Viewer, 10, 2);
    assert!(
        kills.after.memory_kb < kills.before.memory_kb + SLACK_KB,
        "{kills:?}"
    );
}

/// Plays a test in a world with networks of its own.
fn in_a_world_of_its_own(test: &str, scene: impl FnOnce(&Network)) {
    match network::outside(&[test, "--exact", "--nocapture"]) {
        None => scene(&Network::build()),
        Some((well, said)) => assert!(well, "{said}"),
    }
}

#[test]
fn the_picture_comes_back_after_the_dark() {
    in_a_world_of_its_own("the_picture_comes_back_after_the_dark", |network| {
        scenes::darkness(network, &[Duration::from_secs(3)]);
    });
}

#[test]
fn the_picture_comes_back_when_the_viewers_host_boots_after_a_power_cut() {
    let name = "the_picture_comes_back_when_the_viewers_host_boots_after_a_power_cut";
    in_a_world_of_its_own(name, |network| {
        scenes::reboots(network, 1);
    });
}

#[test]
fn two_hundred_strangers_at_once_take_nothing_from_a_running_stream() {
    // Few pictures a second, so that a busy machine is not taken for a successful stranger.
    let siege = scenes::siege(200, 10, 3);
    assert!(siege.lost * 4 <= siege.captured, "{siege:#?}");
    assert!(siege.memory_rise_kb < 20 * 1024, "{siege:#?}");
    assert!(
        siege.lines.len() as u64 <= siege.took.as_secs(),
        "{siege:#?}"
    );
    let clean = |line: &String| !line.contains(char::is_control);
    assert!(siege.lines.iter().all(clean), "{siege:#?}");
}
