//! What a program takes from the machine while it runs: memory, descriptors, threads, out of /proc.

// The short forms and the full counts are two crates; each uses a part of this.
#![allow(dead_code)]

use std::fs;

/// A program's footprint at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory, in kilobytes: what every tool shows.
    pub memory_kb: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
}

/// The footprint of a program that runs.
pub fn footprint(pid: u32) -> Footprint {
    let folder = format!("/proc/{pid}");
    let status = fs::read_to_string(format!("{folder}/status")).expect("the program runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|word| word.parse::<u64>().ok())
            .unwrap_or_else(|| panic!("/proc has no {name}"))
    };
    Footprint {
        memory_kb: field("VmRSS:"),
        descriptors: fs::read_dir(format!("{folder}/fd"))
            .expect("the program is ours")
            .count(),
        threads: field("Threads:") as usize,
    }
}
