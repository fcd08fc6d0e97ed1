//! What a program takes from the machine while it runs: memory, descriptors, threads, out of /proc.

use std::fs;

/// A program's footprint at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory of its own, in kilobytes (shared libraries and files are left out).
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
        memory_kb: field("RssAnon:"),
        descriptors: fs::read_dir(format!("{folder}/fd"))
            .expect("the program is ours")
            .count(),
        threads: field("Threads:") as usize,
    }
}

/// How much processor time a program has used, in clock ticks.
pub fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the program runs");
    // The name stands in parentheses and may hold anything; user and system time are fields 14 and 15.
    let (_, behind) = stat.rsplit_once(')').expect("the name is in parentheses");
    let fields = behind.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}
