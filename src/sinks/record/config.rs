//! What a recording is asked to be, whether it can be there, and why it cannot: the system's errors, in a line for a
//! person that ends with what to do.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs4::{FileExt, TryLockError};

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `DIR/STEM.EXTENSION`; the extension says what the files are. They are
    /// `DIR/STEM_2026-11-24_14-00-00.EXTENSION` by their start with `segment` or `keep`, from the second
    /// file on, and where the path itself is taken.
    pub path: PathBuf,
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
    /// A recording to this path, in one file; where its extension names no container, what was expected.
    pub fn new(path: PathBuf) -> Result<Config, &'static str> {
        let expected =
            "expected a file name that ends in .mkv (Matroska) or .mjpeg, .mjpg (plain JPEGs)";
        Container::of(&path).ok_or(expected)?;
        Ok(Config {
            path,
            ..Config::default()
        })
    }

    /// The directory that the files lie in; `.` for a bare name.
    pub(super) fn dir(&self) -> &Path {
        let dir = self.path.parent().filter(|dir| *dir != Path::new(""));
        dir.unwrap_or(Path::new("."))
    }

    /// Makes the directory where there is none, and takes the name: as long as the claim is there, no
    /// other program of ours records by this path, and so deletes what this one writes. Fails where
    /// files cannot be made, or another has the name. Blocks on the disk.
    pub fn claim(&self) -> io::Result<Claim> {
        let dir = self.dir();
        let name = self.path.file_name().unwrap_or_default();
        let path = dir.join(OsString::from_iter([".".as_ref(), name, ".lock".as_ref()]));
        loop {
            let file = fs::create_dir_all(dir).and_then(|()| File::create(&path));
            let what = || format!("no recording in {}", dir.display());
            let file = file.map_err(|error| advised(what(), &error))?;
            match FileExt::try_lock(&file) {
                Err(TryLockError::WouldBlock) => {
                    let path = self.path.display();
                    let line = format!(
                        "{path}: another view-recv records there; give another name with --record"
                    );
                    return Err(io::Error::new(ErrorKind::AlreadyExists, line));
                }
                // Its owner has deleted it since it was opened, and another may have made it anew.
                Ok(()) if !is_there(&file, &path) => {}
                // Ours; or a file system without locks, where nobody can be asked.
                _ => return Ok(Claim { path, file }),
            }
        }
    }
}

/// Whether the path still leads to this open file.
#[cfg(unix)]
fn is_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (file, path) = (file.metadata(), fs::metadata(path));
    let inode = |found: fs::Metadata| (found.dev(), found.ino());
    matches!((file.map(inode), path.map(inode)), (Ok(one), Ok(other)) if one == other)
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
    file: File,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Still locked, so that nobody else can have it. If it cannot be deleted it is in nobody's way.
        let _ = fs::remove_file(&self.path);
        let _ = FileExt::unlock(&self.file);
    }
}

/// What could not be done, why, and what helps.
pub(super) fn advised(what: impl Display, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        _ if is_full(error) => "; free some space, or keep less with --segment and --keep",
        ErrorKind::NotFound => "; create the directory, or give another",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; give a directory that you may write to"
        }
        _ => "",
    };
    io::Error::new(error.kind(), format!("{what}: {error}{advice}"))
}

/// Whether free space would help.
pub(super) fn is_full(error: &io::Error) -> bool {
    use ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
