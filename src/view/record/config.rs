//! What a recording is asked to be, and whether it can be there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::notice::RecordError;
use crate::stamp::Name;
use crate::view::files;

/// The container of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Matroska, each frame at its time.
    Matroska,
    /// The JPEGs, one behind the other; no times but those in the stamps.
    Mjpeg,
}

impl Container {
    /// The container that a path's extension names, in either case.
    pub fn of(path: &Path) -> Option<Container> {
        let extension = path.extension()?;
        if extension.eq_ignore_ascii_case("mkv") {
            Some(Container::Matroska)
        } else if extension.eq_ignore_ascii_case("mjpeg") {
            Some(Container::Mjpeg)
        } else {
            None
        }
    }
}

/// Where a recording goes, and when its files end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `DIR/STEM.EXTENSION`. Files are `DIR/STEM_000001.EXTENSION` and so on with `segment` or
    /// `keep`, from the second file on, and where the path itself is taken.
    pub path: PathBuf,
    /// What the files are.
    pub container: Container,
    /// The longest time that one file shows.
    pub segment: Option<Duration>,
    /// How many numbered files are left, the one being written among them; not 0.
    pub keep: Option<usize>,
    /// Whether the directory is made where there is none.
    pub make_dir: bool,
}

impl Config {
    /// A recording into the user's videos folder, `NAME_TIME.mkv`, as the V key starts it.
    pub fn in_videos(name: Option<&Name>, now: SystemTime) -> Config {
        Config {
            path: files::videos_dir().join(format!("{}.mkv", files::stem_at(name, now))),
            container: Container::Matroska,
            segment: None,
            keep: None,
            make_dir: true,
        }
    }

    /// Checks that files can be made there, by making one. Blocks on the disk.
    pub fn check(&self) -> Result<(), RecordError> {
        let dir = files::parent(&self.path);
        let probe = format!(".pi-stream-{}", std::process::id());
        files::create(dir, &probe, "tmp")
            .and_then(|(path, _)| fs::remove_file(path))
            .map_err(|source| RecordError::Place {
                dir: dir.to_owned(),
                source,
            })
    }
}
