//! A key for a test, made as a user makes one.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// A key file that is gone after the test.
pub struct Key {
    folder: TempDir,
    /// Where it is.
    pub file: String,
}

impl Key {
    /// A new one, of `view-recv --new-key`.
    pub fn new() -> Key {
        let folder = tempfile::tempdir().expect("there is room");
        let file = folder.path().join("garden.key");
        let file = file.to_str().expect("temporary paths are ASCII").to_owned();
        let made = super::view_recv(&["--new-key", &file]).output();
        let made = made.expect("it starts");
        assert!(made.status.success(), "{made:?}");
        Key { folder, file }
    }

    /// What makes a program use it.
    pub fn args(&self) -> [&str; 2] {
        ["--key", &self.file]
    }

    /// The folder in which it lies alone.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The line that says what it is.
    pub fn line(&self) -> String {
        let text = fs::read_to_string(&self.file).expect("it was made");
        let line = text.lines().find(|line| !line.starts_with('#'));
        line.expect("it has a line").to_owned()
    }
}
