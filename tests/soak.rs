//! The full counts of tests/endurance.rs, measured against the limits and told as a table. Started by
//! scripts/soak, on a machine that does nothing else; takes about fifty minutes.
//!
//! A program of its own instead of tests, so that one row that fails does not hide the others. Rows can
//! be named on the command line; those that need networks run in a world of their own each.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "endurance/hostile.rs"]
mod hostile;
#[path = "endurance/keyless.rs"]
mod keyless;
#[path = "endurance/network.rs"]
mod network;
#[path = "endurance/scenes.rs"]
mod scenes;
#[path = "endurance/stage.rs"]
mod stage;
#[path = "endurance/watch.rs"]
mod watch;

use std::panic;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::key::Key;
use network::Network;
use scenes::{Dials, LongRun, Program};

/// How soon the picture has to be live again.
const LIVE_AGAIN: Duration = Duration::from_millis(1500);

/// What a scene came to: what was measured, and whether that is good enough.
type Outcome = (String, bool);

/// A row of the table.
struct Row {
    name: &'static str,
    limit: &'static str,
    /// Whether it needs networks.
    networks: bool,
    play: fn() -> Outcome,
}

const ROWS: [Row; 17] = [
    Row {
        name: "sender-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || soon_enough(&scenes::kills(Dials::Sender, Program::Sender, 50, 1, &[]).live_after),
    },
    Row {
        name: "viewer-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || soon_enough(&scenes::kills(Dials::Sender, Program::Viewer, 50, 2, &[]).live_after),
    },
    Row {
        name: "dark-for-1-2-3-4-7-20-s",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || {
            soon_enough(&scenes::darkness(
                Dials::Sender,
                &Network::build(),
                &DARK,
                &[],
            ))
        },
    },
    Row {
        name: "viewers-host-gone-5-times",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || soon_enough(&scenes::reboots(Dials::Sender, &Network::build(), 5, &[])),
    },
    Row {
        name: "strangers-1000",
        limit: "lost <= 2 %, < 20 MB, <= 1 line/s",
        networks: false,
        play: || besieged(&[], &PLAIN),
    },
    Row {
        name: "viewer-100000-frames",
        limit: "memory within 5 %",
        networks: false,
        play: || steady(&scenes::long_run(Program::Viewer, 100_000, 3, &[])),
    },
    Row {
        name: "sender-100000-frames",
        limit: "memory within 5 %",
        networks: false,
        play: || steady(&scenes::long_run(Program::Sender, 100_000, 4, &[])),
    },
    Row {
        name: "key-sender-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || {
            with_a_key(|key| {
                soon_enough(&scenes::kills(Dials::Sender, Program::Sender, 50, 5, key).live_after)
            })
        },
    },
    Row {
        name: "key-viewer-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || {
            with_a_key(|key| {
                soon_enough(&scenes::kills(Dials::Sender, Program::Viewer, 50, 6, key).live_after)
            })
        },
    },
    Row {
        name: "key-dark-for-1-2-3-4-7-20-s",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || {
            with_a_key(|key| {
                soon_enough(&scenes::darkness(
                    Dials::Sender,
                    &Network::build(),
                    &DARK,
                    key,
                ))
            })
        },
    },
    Row {
        name: "key-viewers-host-gone-5-times",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || {
            with_a_key(|key| {
                soon_enough(&scenes::reboots(Dials::Sender, &Network::build(), 5, key))
            })
        },
    },
    Row {
        name: "key-strangers-1000",
        limit: "none lost, < 10 MB, <= 1 line/2 s",
        networks: false,
        play: || with_a_key(|key| besieged(key, &WITH_A_KEY)),
    },
    Row {
        name: "key-viewer-100000-frames",
        limit: "memory within 5 %",
        networks: false,
        play: || with_a_key(|key| steady(&scenes::long_run(Program::Viewer, 100_000, 7, key))),
    },
    Row {
        name: "dialled-sender-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || soon_enough(&scenes::kills(Dials::Viewer, Program::Sender, 50, 8, &[]).live_after),
    },
    Row {
        name: "dialled-viewer-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || soon_enough(&scenes::kills(Dials::Viewer, Program::Viewer, 50, 9, &[]).live_after),
    },
    Row {
        name: "dialled-dark-for-1-2-3-4-7-20-s",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || {
            soon_enough(&scenes::darkness(
                Dials::Viewer,
                &Network::build(),
                &DARK,
                &[],
            ))
        },
    },
    Row {
        name: "dialled-senders-host-gone-5-times",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || soon_enough(&scenes::reboots(Dials::Viewer, &Network::build(), 5, &[])),
    },
];

/// How long the network swallows everything.
const DARK: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(4),
    Duration::from_secs(7),
    Duration::from_secs(20),
];

/// What strangers may cost.
struct Cost {
    /// Frames, of a hundred.
    lost_percent: u64,
    memory_kb: u64,
    lines_per_second: f64,
}

const PLAIN: Cost = Cost {
    lost_percent: 2,
    memory_kb: 20_000,
    lines_per_second: 1.0,
};

const WITH_A_KEY: Cost = Cost {
    lost_percent: 0,
    memory_kb: 10_000,
    lines_per_second: 0.5,
};

fn with_a_key(play: impl FnOnce(&[&str]) -> Outcome) -> Outcome {
    let key = Key::new();
    play(&key.args())
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_row = |name: &&String| ROWS.iter().any(|row| row.name == *name);
    if let Some(unknown) = asked.iter().find(|name| !is_row(name)) {
        eprintln!("there is no row {unknown}");
        return ExitCode::from(2);
    }
    let is_asked = |row: &&Row| asked.is_empty() || asked.iter().any(|name| name == row.name);
    let mut all_well = true;
    for row in ROWS.iter().filter(is_asked) {
        let inside = row
            .networks
            .then(|| network::outside(&[row.name]))
            .flatten();
        if let Some((well, said)) = inside {
            print!("{said}");
            all_well &= well;
            continue;
        }
        let start = Instant::now();
        let (measured, well) = panic::catch_unwind(row.play)
            .unwrap_or_else(|_| ("it failed; why is said above".into(), false));
        let verdict = if well { "pass" } else { "FAIL" };
        println!(
            "{verdict}  {:29} {measured:44} ({}; took {} s)",
            row.name,
            row.limit,
            start.elapsed().as_secs()
        );
        all_well &= well;
    }
    ExitCode::from(u8::from(!all_well))
}

fn soon_enough(live_after: &[Duration]) -> Outcome {
    let mut sorted = live_after.to_vec();
    sorted.sort_unstable();
    let (median, worst) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    let measured = format!(
        "median {:.2} s, worst {:.2} s of {}",
        median.as_secs_f64(),
        worst.as_secs_f64(),
        sorted.len()
    );
    (measured, worst <= LIVE_AGAIN)
}

fn besieged(with: &[&str], may_cost: &Cost) -> Outcome {
    let siege = scenes::siege(1000, 30, 5, with);
    let lines = siege.lines.len() as f64 / siege.took.as_secs_f64();
    let measured = format!(
        "lost {} of {}, {:.1} MB more, {lines:.2} lines/s",
        siege.lost,
        siege.captured,
        siege.memory_rise_kb as f64 / 1024.0
    );
    let well = siege.lost * 100 <= siege.captured * may_cost.lost_percent
        && siege.memory_rise_kb < may_cost.memory_kb
        && lines <= may_cost.lines_per_second;
    (measured, well)
}

fn steady(run: &LongRun) -> Outcome {
    let (early, late) = (run.early.memory_kb, run.late.memory_kb);
    let measured = format!("{early} kB, then {late} kB; {} kills", run.kills);
    (measured, late * 100 <= early * 105)
}
