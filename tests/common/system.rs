//! What the tests of packages and services share: our packages, and folders that stand in for a system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The packages pi-send and view-recv; `None`, loudly, where nobody has built them.
pub fn packages() -> Option<[PathBuf; 2]> {
    let Some(folder) = std::env::var_os("PI_STREAM_DEBS") else {
        eprintln!(
            "SKIPPED: PI_STREAM_DEBS is not set (scripts/test does), the packages are not tested"
        );
        return None;
    };
    let built: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    Some(["pi-send_", "view-recv_"].map(|name| {
        let is_it = |path: &&PathBuf| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(name)
        };
        built.iter().find(is_it).expect(name).clone()
    }))
}

/// Runs it to its end; stdout, where it went well.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All files and links under a folder, as paths from there on.
pub fn files(root: &Path) -> Vec<String> {
    let found = run(Command::new("find")
        .arg(root)
        .args(["!", "-type", "d", "-printf", "%P\\n"]));
    found.lines().map(str::to_owned).collect()
}

/// What a line `NAME=…` of a unit or a file of defaults says.
pub fn value<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}
