//! The same with a key.

use std::time::Duration;

use crate::common::key::Key;
use crate::scenes::{self, Dials, Program};
use crate::{SLACK_KB, in_a_world_of_its_own};

#[test]
fn killed_at_any_moment_either_program_is_there_again_with_its_key() {
    let key = Key::new();
    for (program, seed) in [(Program::Sender, 11), (Program::Viewer, 12)] {
        let kills = scenes::kills(Dials::Sender, program, 5, seed, &key.args());
        assert!(
            kills.after.memory_kb < kills.before.memory_kb + SLACK_KB,
            "{kills:?}"
        );
    }
}

#[test]
fn an_encrypted_picture_comes_back_after_the_dark() {
    let test = "encrypted::an_encrypted_picture_comes_back_after_the_dark";
    in_a_world_of_its_own(test, |network| {
        let key = Key::new();
        scenes::darkness(
            Dials::Sender,
            network,
            &[Duration::from_secs(3)],
            &key.args(),
        );
    });
}

#[test]
fn a_viewer_that_dials_proves_its_key_each_time() {
    let key = Key::new();
    for (program, seed) in [(Program::Sender, 23), (Program::Viewer, 24)] {
        scenes::kills(Dials::Viewer, program, 3, seed, &key.args());
    }
}

#[test]
fn an_encrypted_picture_comes_back_after_the_dark_where_the_viewer_dials() {
    let test = "encrypted::an_encrypted_picture_comes_back_after_the_dark_where_the_viewer_dials";
    in_a_world_of_its_own(test, |network| {
        let key = Key::new();
        scenes::darkness(
            Dials::Viewer,
            network,
            &[Duration::from_secs(3)],
            &key.args(),
        );
    });
}

#[test]
fn an_encrypted_picture_comes_back_when_the_viewers_host_boots_after_a_power_cut() {
    let test =
        "encrypted::an_encrypted_picture_comes_back_when_the_viewers_host_boots_after_a_power_cut";
    in_a_world_of_its_own(test, |network| {
        let key = Key::new();
        scenes::reboots(Dials::Sender, network, 1, &key.args());
    });
}

#[test]
fn an_encrypted_picture_goes_on_after_its_viewer_was_stopped() {
    scenes::stops(2, &Key::new().args());
}

#[test]
fn a_slow_link_costs_frames_of_an_encrypted_stream_and_never_seconds() {
    // A tenth of what there is to send.
    let figures = scenes::slow_link(60_000, 25, &Key::new().args());
    let number = |name: &str| figures[name].as_f64().expect("it is a number");
    assert!(number("skipped") > number("frames"), "{figures}");
    assert!(number("latency_ms") < 3000.0, "{figures}");
}

#[test]
fn sixty_strangers_without_the_key_take_nothing_from_a_running_stream() {
    let key = Key::new();
    // Few pictures a second, so that a busy machine is not taken for a successful stranger.
    let siege = scenes::siege(60, 10, 13, &key.args());
    assert!(siege.lost * 4 <= siege.captured, "{siege:#?}");
    assert!(siege.memory_rise_kb < SLACK_KB, "{siege:#?}");
    // A line every few seconds, and as many at once as there are kinds of strangers.
    assert!(
        siege.lines.len() as u64 <= 3 + siege.took.as_secs() / 2,
        "{siege:#?}"
    );
    let clean = |line: &String| !line.contains(char::is_control);
    assert!(siege.lines.iter().all(clean), "{siege:#?}");
}

#[test]
fn many_encrypted_frames_and_some_killings_leave_the_memory_as_it_was() {
    let key = Key::new();
    let run = scenes::long_run(Program::Viewer, 1600, 14, &key.args());
    assert!(
        run.late.memory_kb < run.early.memory_kb + SLACK_KB,
        "{run:?}"
    );
}
