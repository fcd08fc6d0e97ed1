//! Where pictures and recordings go: directories and names.
//!
//! `garden_2026-11-22_08-33-01.123.jpg`: the sender's name, local time, no colons (Windows has none
//! in names). Nothing is ever overwritten: where a name is taken, a number is added. Runs on the sinks'
//! threads, which may block on the disk; knows no format.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::protocol::Name;

/// What stands for the sender's name where a frame bears none.
const NAMELESS: &str = "pi-stream";

/// How a time looks in a name.
const DATE: &str = "%Y-%m-%d_%H-%M-%S";

/// How many names are tried: a second has fewer frames, so that more means a directory that lies.
const MAX_TRIES: u32 = 10_000;

/// `NAME_2026-11-22_08-33-01.123`: what a file of this sender and time is called, without an extension.
pub(crate) fn stem_at(name: Option<&Name>, at: SystemTime) -> String {
    // On Windows `nul.garden_2026…` is the device NUL.
    let dot = if cfg!(windows) { "_" } else { "." };
    let name = name.map_or(NAMELESS, Name::as_str).replace('.', dot);
    format!("{name}_{}", local(at).strftime(&format!("{DATE}%.3f")))
}

/// `2026-11-22_08-33-01`: the time in this machine's zone.
pub(crate) fn date(at: SystemTime) -> String {
    local(at).strftime(DATE).to_string()
}

/// The time that a text of [`date`]'s form says.
pub(crate) fn parse_date(text: &str) -> Option<SystemTime> {
    let date = DateTime::strptime(DATE, text).ok()?;
    Some(date.to_zoned(TimeZone::system()).ok()?.into())
}

fn local(at: SystemTime) -> Zoned {
    // A clock beyond the year 9999 has no date; the epoch's is as good as any.
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system())
}

/// Creates the file `path` with this suffix before its extension, or, where that is taken, with `_2` and so on behind
/// the suffix; if it may be `plain`, at first with neither.
pub(crate) fn create(path: &Path, plain: bool, suffix: &str) -> io::Result<(PathBuf, File)> {
    let stem = path.file_stem().unwrap_or_default();
    let extension = path.extension().unwrap_or_default();
    let ends = plain.then(String::new).into_iter();
    let numbers = (2..MAX_TRIES).map(|number| format!("{suffix}_{number}"));
    for end in ends.chain([suffix.to_owned()]).chain(numbers) {
        let parts = [stem, end.as_ref(), ".".as_ref(), extension];
        let path = path.with_file_name(OsString::from_iter(parts));
        match File::create_new(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The user's folder for pictures or videos, as the platform has it; the home directory where there is none. A service
/// without a home writes where it was started.
pub(crate) fn folder(of_platform: Option<PathBuf>) -> PathBuf {
    let folder = of_platform.or_else(dirs::home_dir);
    folder.unwrap_or_else(|| PathBuf::from("."))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    pub fn names(dir: &Path) -> Vec<String> {
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
        let here = local(at);
        let (hour, minute) = (here.hour(), here.minute());
        assert_eq!(here.timestamp().as_millisecond(), 1_795_336_381_123);
        let date = here.date();
        assert_eq!(
            stem_at("garden".parse().ok().as_ref(), at),
            format!("garden_{date}_{hour:02}-{minute:02}-01.123")
        );
    }

    #[test]
    fn a_time_without_a_date_still_makes_a_name() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 60);
        let epoch = stem_at(None, SystemTime::UNIX_EPOCH);
        assert_eq!(stem_at(None, far), epoch);
        assert!(epoch.starts_with("pi-stream_19"), "{epoch}");
    }

    #[test]
    fn a_date_can_be_read_back() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_336_381);
        assert_eq!(parse_date(&date(at)), Some(at));
        for no_date in ["", "2026-11-22", "2026-13-22_08-33-01", "000001"] {
            assert_eq!(parse_date(no_date), None, "{no_date}");
        }
    }

    #[test]
    fn nothing_is_overwritten_a_number_is_added() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            create(&dir.path().join("a.123.jpg"), false, "").unwrap();
        }
        assert_eq!(
            names(dir.path()),
            ["a.123.jpg", "a.123_2.jpg", "a.123_3.jpg"]
        );
    }
}
