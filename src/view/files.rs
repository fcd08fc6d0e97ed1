//! Where pictures and recordings go: directories, names, numbers.
//!
//! `garden_2026-11-22_08-33-01.123.jpg`: the sender's name, local time, no colons (Windows has none
//! in names). Nothing is ever overwritten: a file is created or it is another's, and a number is
//! added. Runs on the sinks' threads, which may block on the disk; knows no format.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::received::Received;
use crate::stamp::Name;

/// What stands for the sender's name where a frame bears none.
const NAMELESS: &str = "pi-stream";

/// A sender's clock is believed for names and dates within this of ours: a Pi has no battery-backed
/// clock, and starts in the past.
const CLOCKS_APART: Duration = Duration::from_secs(24 * 3600);

/// How many names that are taken are passed over: a second has no more frames, so that more means
/// a directory that lies.
const MAX_TRIES: u32 = 10_000;

/// Digits of a numbered file: sorted names are in order for a million files, a year and more of
/// one a minute.
const DIGITS: usize = 6;

/// When the frame was captured, by its stamp where that is to be believed, else when it arrived.
pub fn captured_at(frame: &Received) -> SystemTime {
    frame
        .stamp
        .as_ref()
        .and_then(|stamp| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(stamp.captured_unix_us))
        })
        .filter(|captured| {
            let apart = captured
                .duration_since(frame.arrived_at)
                .unwrap_or_else(|earlier| earlier.duration());
            apart <= CLOCKS_APART
        })
        .unwrap_or(frame.arrived_at)
}

/// `NAME_2026-11-22_08-33-01.123`: what a file made from this frame is called, without an extension.
pub fn stem(frame: &Received) -> String {
    let name = frame.stamp.as_ref().and_then(|stamp| stamp.name.as_ref());
    stem_at(name, captured_at(frame))
}

/// The same for a name and a time.
pub fn stem_at(name: Option<&Name>, at: SystemTime) -> String {
    let name = name.map_or(NAMELESS, |name| name.as_str());
    stem_in(name, at, TimeZone::system())
}

fn stem_in(name: &str, at: SystemTime, zone: TimeZone) -> String {
    // A clock beyond the year 9999 has no date; the epoch's is as good as any.
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    format!(
        "{name}_{}",
        at.to_zoned(zone).strftime("%Y-%m-%d_%H-%M-%S%.3f")
    )
}

/// Creates `STEM.EXTENSION` in `dir`, or, where that is taken, `STEM_2.EXTENSION` and so on.
pub fn create(dir: &Path, stem: &str, extension: &str) -> io::Result<(PathBuf, File)> {
    let mut path = dir.join(format!("{stem}.{extension}"));
    for number in 2..MAX_TRIES {
        match create_new(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                path = dir.join(format!("{stem}_{number}.{extension}"));
            }
            done => return done.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Creates a file that was not there; never follows a link that is.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The user's folder for pictures, as the platform has it; the home directory where there is none.
pub fn pictures_dir() -> PathBuf {
    dirs::picture_dir().unwrap_or_else(home)
}

/// The user's folder for videos, likewise.
pub fn videos_dir() -> PathBuf {
    dirs::video_dir().unwrap_or_else(home)
}

fn home() -> PathBuf {
    // A service without a home writes where it was started.
    dirs::home_dir().unwrap_or_else(|| PathBuf::from("."))
}

/// The directory that a path lies in; `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// The files `STEM_000001.EXTENSION`, `STEM_000002.EXTENSION`, … of one directory, and no others.
#[derive(Debug, Clone)]
pub struct Numbered {
    dir: PathBuf,
    stem: OsString,
    extension: OsString,
}

impl Numbered {
    /// The numbered files that belong to `path`, which has a stem and an extension.
    pub fn of(path: &Path) -> Self {
        Numbered {
            dir: parent(path).to_owned(),
            stem: path.file_stem().unwrap_or_default().to_owned(),
            extension: path.extension().unwrap_or_default().to_owned(),
        }
    }

    /// The path of a number.
    pub fn path(&self, number: u64) -> PathBuf {
        let mut name = self.stem.clone();
        name.push(format!("_{number:0DIGITS$}."));
        name.push(&self.extension);
        self.dir.join(name)
    }

    /// The numbers that are there, ascending. Only regular files, and only names that this pattern
    /// itself would give.
    pub fn existing(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let number = self.number(&entry.file_name());
            if let Some(number) = number {
                if entry.file_type()?.is_file() {
                    numbers.push(number);
                }
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn number(&self, name: &OsStr) -> Option<u64> {
        let path = Path::new(name);
        let digits = path
            .file_stem()?
            .as_encoded_bytes()
            .strip_prefix(self.stem.as_encoded_bytes())?
            .strip_prefix(b"_")?;
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        // Other spellings of the same number are another's files.
        (self.path(number).file_name()? == name).then_some(number)
    }

    /// Creates the file behind the last one that is there.
    pub fn create_next(&self) -> io::Result<(PathBuf, File)> {
        let last = self.existing()?.last().copied().unwrap_or(0);
        let after = (1..=u64::from(MAX_TRIES)).filter_map(|i| last.checked_add(i));
        for number in after {
            let path = self.path(number);
            match create_new(&path) {
                // A directory or a link of that name, or another program that was faster.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map(|file| (path, file)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Deletes the oldest so that `keep` are left.
    pub fn keep_last(&self, keep: usize) -> io::Result<()> {
        let numbers = self.existing()?;
        let surplus = numbers.len().saturating_sub(keep);
        for number in &numbers[..surplus] {
            match fs::remove_file(self.path(*number)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture::Frame;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_named_by_sender_and_local_time() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_336_381_123);
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(
            stem_in("garden", at, zone),
            "garden_2026-11-22_09-33-01.123"
        );
    }

    #[test]
    fn a_time_without_a_date_still_makes_a_name() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 60);
        assert_eq!(
            stem_in("a", far, TimeZone::UTC),
            "a_1970-01-01_00-00-00.000"
        );
    }

    #[test]
    fn a_senders_clock_is_believed_within_a_day() {
        let frame = Frame::default().unix_us(1_000_000).build();
        assert_eq!(captured_at(&frame), frame.arrived_at);
        let far = Frame::default().unix_us(u64::MAX).build();
        assert_eq!(captured_at(&far), far.arrived_at);
        let near = Frame::default().name("garden").build();
        let by_stamp = near.stamp.as_ref().unwrap().captured_unix_us;
        assert_eq!(
            captured_at(&near),
            SystemTime::UNIX_EPOCH + Duration::from_micros(by_stamp)
        );
        assert!(stem(&near).starts_with("garden_20"));
    }

    #[test]
    fn nothing_is_overwritten_a_number_is_added() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            create(dir.path(), "a.123", "jpg").unwrap();
        }
        assert_eq!(
            names(dir.path()),
            ["a.123.jpg", "a.123_2.jpg", "a.123_3.jpg"]
        );
    }

    #[test]
    fn numbers_go_on_behind_the_last_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let files = Numbered::of(&dir.path().join("cam.mkv"));
        assert_eq!(files.create_next().unwrap().0, files.path(1));
        fs::write(dir.path().join("cam_000041.mkv"), "").unwrap();
        fs::create_dir(dir.path().join("cam_000042.mkv")).unwrap();
        let (path, _) = files.create_next().unwrap();
        assert_eq!(path, dir.path().join("cam_000043.mkv"));
    }

    #[test]
    fn only_files_of_the_own_pattern_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let others = [
            "cam.mkv",
            "cam_0001.mkv",
            "cam_000001.mjpeg",
            "cam_000001.mkv.bak",
            "cam_+00001.mkv",
            "cam_0000001.mkv",
            "xcam_000001.mkv",
            "cam_a00001.mkv",
        ];
        for other in others {
            fs::write(dir.path().join(other), "").unwrap();
        }
        fs::create_dir(dir.path().join("cam_000009.mkv")).unwrap();
        let files = Numbered::of(&dir.path().join("cam.mkv"));
        for number in [2, 3, 1_000_000, 7] {
            fs::write(files.path(number), "").unwrap();
        }
        files.keep_last(2).unwrap();
        assert_eq!(files.existing().unwrap(), [7, 1_000_000]);
        let left = names(dir.path());
        assert!(others.iter().all(|other| left.contains(&(*other).into())));
        assert_eq!(left.len(), others.len() + 3);
    }
}
