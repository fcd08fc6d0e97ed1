//! What a recording is asked to be, and whether it can be there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs4::{FileExt, TryLockError};

use super::error::RecordError;
use crate::protocol::stamp::Name;
use crate::sinks::files;

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
        let extension = path.extension()?.to_ascii_lowercase();
        match extension.to_str()? {
            "mkv" => Some(Container::Matroska),
            "mjpeg" | "mjpg" => Some(Container::Mjpeg),
            _ => None,
        }
    }
}

/// Where a recording goes, and when its files end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `DIR/STEM.EXTENSION`. Files are `DIR/STEM_2026-11-24_14-00-00.EXTENSION` by their start with
    /// `segment` or `keep`, from the second file on, and where the path itself is taken.
    pub path: PathBuf,
    /// What the files are.
    pub container: Container,
    /// The longest time that one file shows.
    pub segment: Option<Duration>,
    /// How many files by their start are left, the one being written among them; not 0. Shorter ones
    /// than a segment count as the part of one that they are.
    pub keep: Option<u32>,
    /// How many bytes of the file system stay free; `None`: 100 MB, or a hundredth where that is less.
    pub keep_free: Option<u64>,
    /// Whether the directory is made with the first file.
    pub make_dir: bool,
}

impl Config {
    /// A recording to this path, in one file; `None` where its extension names no container.
    pub fn new(path: PathBuf) -> Option<Config> {
        Some(Config {
            container: Container::of(&path)?,
            path,
            segment: None,
            keep: None,
            keep_free: None,
            make_dir: false,
        })
    }

    /// A recording into the user's videos folder, `NAME_TIME.mkv`, as the V key starts it.
    pub(crate) fn in_videos(name: Option<&Name>, now: SystemTime) -> Config {
        let path = files::videos_dir().join(format!("{}.mkv", files::stem_at(name, now)));
        Config {
            make_dir: true,
            ..Config::new(path).expect("an .mkv is Matroska")
        }
    }

    /// Makes the directory where there is none, and takes the name: as long as the claim is there, no
    /// other program of ours records by this path, and so deletes what this one writes. Fails where
    /// files cannot be made, or another has the name. Blocks on the disk.
    pub fn claim(&self) -> Result<Claim, RecordError> {
        let dir = files::parent(&self.path);
        let no_place = || RecordError::no_place(dir);
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".lock");
        let path = dir.join(name);
        fs::create_dir_all(dir).map_err(no_place())?;
        loop {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(false);
            let file = options.open(&path).map_err(no_place())?;
            match FileExt::try_lock(&file) {
                Err(TryLockError::WouldBlock) => {
                    return Err(RecordError::Claimed(self.path.clone()));
                }
                // Its owner has deleted it since it was opened.
                Ok(()) if !is_there(&file, &path) => {}
                // Ours; or a file system without locks, where nobody can be asked.
                _ => {
                    return Ok(Claim {
                        path,
                        _locked: file,
                    });
                }
            }
        }
    }
}

/// Whether this is the file that the path leads to.
#[cfg(unix)]
fn is_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let one = |found: fs::Metadata| (found.dev(), found.ino());
    let same = file
        .metadata()
        .and_then(|file| Ok((file, fs::metadata(path)?)));
    same.is_ok_and(|(file, path)| one(file) == one(path))
}

#[cfg(not(unix))]
fn is_there(_: &File, path: &Path) -> bool {
    path.exists()
}

/// The right to a recording's name: a locked file beside it, which goes with the claim. A program that
/// is killed leaves the file, but no lock.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _locked: File,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Still locked, so that nobody else can have it. If it cannot be deleted it is in nobody's way.
        let _ = fs::remove_file(&self.path);
    }
}
