//! The full counts of tests/endurance.rs, measured against the limits and told as a table. Started by
//! scripts/soak, on a machine that does nothing else; takes about half an hour.
//!
//! A program of its own instead of tests, so that one row that fails does not hide the others. Rows can
//! be named on the command line; those that need networks run in a world of their own each.
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

use std::panic;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use network::Network;
use scenes::{LongRun, Program};

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

const ROWS: [Row; 7] = [
    Row {
        name: "sender-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || soon_enough(&scenes::kills(Program::Sender, 50, 1).live_after),
    },
    Row {
        name: "viewer-killed-50-times",
        limit: "live again <= 1.5 s",
        networks: false,
        play: || soon_enough(&scenes::kills(Program::Viewer, 50, 2).live_after),
    },
    Row {
        name: "dark-for-1-2-3-4-7-20-s",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || {
            let times = [1, 2, 3, 4, 7, 20].map(Duration::from_secs);
            soon_enough(&scenes::darkness(&Network::build(), &times))
        },
    },
    Row {
        name: "viewers-host-gone-5-times",
        limit: "live again <= 1.5 s",
        networks: true,
        play: || soon_enough(&scenes::reboots(&Network::build(), 5)),
    },
    Row {
        name: "strangers-1000",
        limit: "lost <= 2 %, < 20 MB, <= 1 line/s",
        networks: false,
        play: besieged,
    },
    Row {
        name: "viewer-100000-frames",
        limit: "memory within 5 %",
        networks: false,
        play: || steady(&scenes::long_run(Program::Viewer, 100_000, 3)),
    },
    Row {
        name: "sender-100000-frames",
        limit: "memory within 5 %",
        networks: false,
        play: || steady(&scenes::long_run(Program::Sender, 100_000, 4)),
    },
];

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
            "{verdict}  {:26} {measured:44} ({}; took {} s)",
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

fn besieged() -> Outcome {
    let siege = scenes::siege(1000, 30, 5);
    let lines = siege.lines.len() as f64 / siege.took.as_secs_f64();
    let measured = format!(
        "lost {} of {}, {:.1} MB more, {lines:.2} lines/s",
        siege.lost,
        siege.captured,
        siege.memory_rise_kb as f64 / 1024.0
    );
    let well = siege.lost * 50 <= siege.captured && siege.memory_rise_kb < 20_000 && lines <= 1.0;
    (measured, well)
}

fn steady(run: &LongRun) -> Outcome {
    let (early, late) = (run.early.memory_kb, run.late.memory_kb);
    let measured = format!("{early} kB, then {late} kB; {} kills", run.kills);
    (measured, late * 100 <= early * 105)
}
