//! A system with rpicam-apps, for which a program stands in (tests/rpicam/stand_in.py).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::python;

/// A folder of programs, and of what the stand-in is told and tells.
pub struct System(PathBuf);

impl System {
    /// With `rpicam-vid` and `rpicam-hello`, whose camera starts quickly.
    pub fn new(name: &str) -> System {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rpicam-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("cargo's folder for tests can be written");
        let system = System(folder);
        system.say("starts_in", "0.1");
        for program in ["rpicam-vid", "rpicam-hello"] {
            system.install(program, program);
        }
        system
    }

    /// Gives the stand-in for one of rpicam-apps' programs that name.
    pub fn install(&self, name: &str, program: &str) {
        let python = python();
        let python = python.get_program().to_str().expect("a path of text");
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rpicam/stand_in.py");
        let script = format!("#!/bin/sh\nexec {python} {stand_in} {program} \"$@\"\n");
        self.say(name, &script);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), mode).expect("it is ours");
    }

    /// A file of that name in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Tells the stand-in something.
    pub fn say(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("cargo's folder for tests can be written");
    }

    /// Has a program find rpicam-apps here.
    pub fn offer(&self, command: &mut Command) {
        let path = std::env::var("PATH").expect("there is a PATH");
        command.env("PATH", format!("{}:{path}", self.0.display()));
        command.env("RPICAM_STAND_IN", &self.0);
    }

    /// What the stand-in noted.
    pub fn log(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let notes = log.lines().map(serde_json::from_str);
        notes.map(|note| note.expect("it writes JSON")).collect()
    }

    /// The command lines with which it was started.
    pub fn starts(&self) -> Vec<Vec<String>> {
        let log = self.log().into_iter();
        let starts = log.filter_map(|note| note.get("started").cloned());
        starts
            .map(|start| serde_json::from_value(start).expect("a list of texts"))
            .collect()
    }

    /// Whether one of its runs was ended by SIGINT.
    pub fn has_ended_in_order(&self) -> bool {
        let is_it = |note: &Value| note.get("ended") == Some(&"in order".into());
        self.log().iter().any(is_it)
    }

    /// Whether a process that it noted still runs.
    pub fn is_left(&self) -> bool {
        let mut pids = self.log().into_iter().map(|note| note["pid"].to_string());
        pids.any(|pid| Path::new("/proc").join(pid).exists())
    }
}

/// The number of a picture of the stand-in's, of which 200 are told apart; fails where it is torn, or has other colours.
pub fn number(jpeg: &[u8]) -> u8 {
    let picture = image::load_from_memory(jpeg)
        .expect("it is whole")
        .to_rgb8();
    let (width, height) = picture.dimensions();
    let [grey, ..] = picture.get_pixel(width / 4, 0).0;
    for y in (0..height).step_by(8) {
        for (x, expected) in [(width / 4, grey), (width * 3 / 4, 255 - grey)] {
            let seen = picture.get_pixel(x, y).0;
            let is_right = super::pictures::near(seen, [expected; 3], 4);
            assert!(
                is_right,
                "{seen:?} at {x},{y}, not {expected}: torn, or of another range"
            );
        }
    }
    grey
}
