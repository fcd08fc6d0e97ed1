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

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::key::Key;
use network::Network;
use scenes::{Dials, LongRun, Program};

/// How soon the picture has to be live again.
const LIVE_AGAIN: Duration = Duration::from_millis(1500);

/// What a scene came to: what was measured, and whether that is good enough.
type Outcome = (String, bool);

type Play = dyn Fn() -> Outcome;

/// With what both programs are told, the times after which the picture was back.
type Scene = dyn Fn(&[&str]) -> Vec<Duration>;

/// A row of the table.
struct Row {
    name: String,
    limit: &'static str,
    /// Whether it needs networks.
    networks: bool,
    play: Box<Play>,
}

/// What the four rows that bring the picture back are played with: what their names begin with, who dials, and whether
/// there is a key; each set with numbers of its own to be thrown by.
const WAYS: [(&str, Dials, bool, u64); 3] = [
    ("", Dials::Sender, false, 1),
    ("key-", Dials::Sender, true, 5),
    ("dialled-", Dials::Viewer, false, 8),
];

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name: String, limit, networks, play: Box<Play>| {
        rows.push(Row {
            name,
            limit,
            networks,
            play,
        });
    };
    for (way, dials, key, seed) in WAYS {
        let host = match dials {
            Dials::Sender => "viewers",
            Dials::Viewer => "senders",
        };
        let mut back = |name: &str, networks, play: Box<Scene>| {
            let play = Box::new(move || with(key, |with| soon_enough(&play(with))));
            row(
                format!("{way}{name}"),
                "live again <= 1.5 s",
                networks,
                play,
            );
        };
        for (name, program, seed) in [
            ("sender-killed-50-times", Program::Sender, seed),
            ("viewer-killed-50-times", Program::Viewer, seed + 1),
        ] {
            let play =
                move |with: &[&str]| scenes::kills(dials, program, 50, seed, with).live_after;
            back(name, false, Box::new(play));
        }
        let play = move |with: &[&str]| scenes::darkness(dials, &Network::build(), &DARK, with);
        back("dark-for-1-2-3-4-7-20-s", true, Box::new(play));
        let play = move |with: &[&str]| scenes::reboots(dials, &Network::build(), 5, with);
        back(&format!("{host}-host-gone-5-times"), true, Box::new(play));
    }
    for (way, key, limit, cost) in [
        ("", false, "lost <= 2 %, < 20 MB, <= 1 line/s", PLAIN),
        (
            "key-",
            true,
            "none lost, < 10 MB, <= 1 line/2 s",
            WITH_A_KEY,
        ),
    ] {
        let play = move || with(key, |with| besieged(with, &cost));
        row(format!("{way}strangers-1000"), limit, false, Box::new(play));
    }
    for (name, program, key, seed) in [
        ("viewer-100000-frames", Program::Viewer, false, 3),
        ("sender-100000-frames", Program::Sender, false, 4),
        ("key-viewer-100000-frames", Program::Viewer, true, 7),
    ] {
        let play = move |with: &[&str]| steady(&scenes::long_run(program, 100_000, seed, with));
        let play = move || with(key, play);
        row(name.into(), "memory within 5 %", false, Box::new(play));
    }
    rows
}

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
#[derive(Clone, Copy)]
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

/// Plays with a key or without.
fn with(key: bool, play: impl FnOnce(&[&str]) -> Outcome) -> Outcome {
    match key {
        true => play(&Key::new().args()),
        false => play(&[]),
    }
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let rows = rows();
    let is_row = |name: &&String| rows.iter().any(|row| row.name == **name);
    if let Some(unknown) = asked.iter().find(|name| !is_row(name)) {
        eprintln!("there is no row {unknown}");
        return ExitCode::from(2);
    }
    let is_asked = |row: &&Row| asked.is_empty() || asked.contains(&row.name);
    let mut all_well = true;
    for row in rows.iter().filter(is_asked) {
        let inside = row
            .networks
            .then(|| network::outside(&[&row.name]))
            .flatten();
        if let Some((well, said)) = inside {
            print!("{said}");
            all_well &= well;
            continue;
        }
        let start = Instant::now();
        let (measured, well) = panic::catch_unwind(AssertUnwindSafe(&row.play))
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
