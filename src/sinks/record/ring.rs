//! The files that a recording makes one after the other: what they are called, which ones go, and what stays free.
//!
//! `garden_2026-11-24_14-00-00.mkv`, by the local time of the first frame. A ring counts them by the
//! time that they cover, a segment at most each: a burst of short files (a sender that changes its
//! size all the time, a viewer that is restarted in a loop) pushes no footage out, and no more than a
//! segment's goes in a segment's time. Files `garden_000001.mkv` are an earlier version's; each counts
//! as a segment. Runs on the recorder's thread and blocks on the disk.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::Config;
use crate::recv::Received;
use crate::sinks::files;

/// What a file of a ring without `--segment` covers at most.
const UNSEGMENTED: Duration = Duration::from_secs(3600);

/// Digits in the names of an earlier version's files.
const DIGITS: usize = 6;

/// What stays free unless somebody says so: this much, or …
const RESERVE: u64 = 100_000_000;

/// … this part of a small file system.
const RESERVE_PART: u64 = 100;

/// After how many bytes the free space is asked for at the latest: others write, too.
const LOOK_EVERY: u64 = 4_000_000;

/// The files of one name, and those of them that may go.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    pub(super) config: Config,
    /// The files of a ring before the open one, newest first, and the time that each covers; `None` until they are
    /// looked for.
    files: Option<VecDeque<(PathBuf, Duration)>>,
    /// The open file, and when its first frame arrived.
    open: Option<(PathBuf, Instant)>,
    /// How many bytes can be written before the free space is asked for again.
    room: u64,
}

impl Ring {
    /// None of the files has been looked for yet.
    pub(crate) fn new(config: Config) -> Ring {
        Ring {
            config,
            ..Ring::default()
        }
    }

    /// Makes the file that starts with this frame.
    pub(crate) fn create(&mut self, first: &Received) -> io::Result<(PathBuf, File)> {
        self.room = self.look(None)?;
        // Once: a disk that was unplugged later must not be replaced by a folder of its name.
        if std::mem::take(&mut self.config.make_dir) {
            fs::create_dir_all(self.config.dir())?;
        }
        let is_one = self.config.segment.is_none() && self.config.keep.is_none();
        let plain = is_one && self.open.is_none();
        let start = format!("_{}", files::date(first.captured_at()));
        let (path, file) = files::create(&self.config.path, plain, &start)?;
        self.open = Some((path.clone(), first.arrived));
        Ok((path, file))
    }

    /// The open file is complete, and what leaves no room for the one that starts with this frame is
    /// deleted.
    pub(crate) fn advance(&mut self, first: &Received) -> io::Result<()> {
        let Some(keep) = self.config.keep else {
            return Ok(());
        };
        let segment = self.config.segment.unwrap_or(UNSEGMENTED);
        if let (Some(files), Some((path, since))) = (&mut self.files, self.open.take()) {
            let covers = first.arrived.saturating_duration_since(since).min(segment);
            files.push_front((path, covers));
        }
        let files = match &mut self.files {
            Some(files) => files,
            // Ours is among them, where it could not be looked before.
            none => none.insert(existing(&self.config, first)?),
        };
        // What somebody took away holds no footage any more.
        files.retain(|(path, _)| path.exists());
        // Those go behind which the others and the new one cover what is to be kept. Half a segment more
        // or less is no matter: segments end with a frame, and names know seconds.
        let wanted = segment.saturating_mul(keep) - segment / 2;
        let covered = files.iter().map(|(_, covers)| *covers);
        let mut newer = covered.fold(segment, Duration::saturating_add);
        while let Some((oldest, covers)) = files.back() {
            newer = newer.saturating_sub(*covers);
            if newer < wanted {
                break;
            }
            fs::remove_file(oldest)?;
            files.pop_back();
        }
        Ok(())
    }

    /// Makes room at the cost of a ring's oldest file, never the open one. Returns it; `None` where there
    /// is none to give up, or where doing so brought nothing: another must not go the same way.
    pub(crate) fn give_up_oldest(&mut self) -> Option<PathBuf> {
        let dir = self.config.dir();
        let files = self.files.as_mut()?;
        let before = fs4::available_space(dir).ok()?;
        fs::remove_file(&files.back()?.0).ok()?;
        let (gone, _) = files.pop_back()?;
        (fs4::available_space(dir).ok()? > before).then_some(gone)
    }

    /// Takes so many bytes of what may be written. Fails where they would not leave free what is to stay free.
    pub(crate) fn take_room(&mut self, bytes: u64) -> io::Result<()> {
        if self.room < bytes {
            self.room = self.look(Some(bytes))?;
        }
        self.room = self.room.saturating_sub(bytes);
        Ok(())
    }

    /// How many bytes can be written before the next look. Fails where so many, or those of a new file, would not leave
    /// free what is to stay free.
    fn look(&self, bytes: Option<u64>) -> io::Result<u64> {
        // Where the system does not say, writing will.
        let Ok(disk) = fs4::statvfs(self.config.dir()) else {
            return Ok(0);
        };
        let by_default = RESERVE.min(disk.total_space() / RESERVE_PART);
        let reserve = self.config.keep_free.unwrap_or(by_default);
        // A quarter more before a file is made: there is to be more in it than a frame.
        let more = bytes.unwrap_or(reserve / 4);
        let free = disk.available_space();
        let Some(rest) = free.checked_sub(reserve.saturating_add(more)) else {
            let (free, reserve) = (free / 1_000_000, reserve / 1_000_000);
            let line =
                format!("{free} MB are free, and {reserve} MB are to stay free (--keep-free)");
            return Err(io::Error::new(ErrorKind::StorageFull, line));
        };
        Ok((rest / 2).min(LOOK_EVERY))
    }
}

/// The files of a recording that are there before the one that starts with this frame, as a ring has them. Only regular
/// files, and only names that this pattern itself would give.
fn existing(config: &Config, first: &Received) -> io::Result<VecDeque<(PathBuf, Duration)>> {
    let segment = config.segment.unwrap_or(UNSEGMENTED);
    let entries = fs::read_dir(config.dir())?.flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| Some((place(&entry.file_name(), &config.path)?, entry.path())))
        .collect();
    found.sort_unstable();
    let mut end = Some(first.arrived_at);
    let files = found.into_iter().rev().map(|((since, _), path)| {
        // By a clock that was set back a file covers nothing: it stays.
        let covers = since.zip(end).map_or(segment, |(since, end)| {
            end.duration_since(since).unwrap_or_default().min(segment)
        });
        end = since;
        (path, covers)
    });
    Ok(files.collect())
}

/// Where a file stands among those of its name: by its start (`None`: an earlier version's, which comes
/// before all others), and by its number, among those of the same second where it has a start.
fn place(name: &OsStr, path: &Path) -> Option<(Option<SystemTime>, u64)> {
    let name = Path::new(name);
    let stem = path.file_stem()?.as_encoded_bytes();
    let rest = name.file_stem()?.as_encoded_bytes().strip_prefix(stem)?;
    let rest = std::str::from_utf8(rest.strip_prefix(b"_")?).ok()?;
    let (date, number) = rest.rsplit_once('_').unwrap_or((rest, rest));
    let since = files::parse_date(rest).or_else(|| files::parse_date(date));
    let number = number.parse().unwrap_or(1);
    let own = match (since, number) {
        (None, number) => format!("{number:0DIGITS$}"),
        (Some(since), 0 | 1) => files::date(since),
        (Some(since), number) => format!("{}_{number}", files::date(since)),
    };
    // Other spellings of the same are another's files, as other containers are.
    (own == rest && name.extension() == path.extension()).then_some((since, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::frame::fixture::Frame;
    use crate::sinks::files::tests::names;

    const MINUTE: Duration = Duration::from_secs(60);

    fn ring(dir: &Path, keep: u32) -> Ring {
        Ring::new(Config {
            keep: Some(keep),
            segment: Some(MINUTE),
            ..Config::new(dir.join("cam.mkv")).unwrap()
        })
    }

    /// Starts a file with this frame.
    fn start(ring: &mut Ring, frame: &Frame) -> PathBuf {
        let first = frame.build();
        ring.advance(&first).unwrap();
        ring.create(&first).unwrap().0
    }

    #[test]
    fn a_file_is_named_by_its_start_and_a_taken_name_gets_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let frame = Frame::default();
        let date = files::date(frame.arrived_at);
        for _ in 0..2 {
            start(&mut ring(dir.path(), 9), &frame);
        }
        let expected = [format!("cam_{date}.mkv"), format!("cam_{date}_2.mkv")];
        assert_eq!(names(dir.path()), expected);
    }

    #[test]
    fn a_ring_keeps_so_many_whole_segments_across_restarts_and_the_older_numbered_ones() {
        let dir = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            fs::write(dir.path().join(format!("cam_{number:06}.mkv")), "").unwrap();
        }
        let mut frame = Frame::default();
        let mut made = Vec::new();
        for run in 0..5 {
            let mut ring = ring(dir.path(), 4);
            for _ in 0..2 {
                made.push(start(&mut ring, &frame));
                frame = frame.after(MINUTE);
            }
            assert_eq!(names(dir.path()).len(), 4, "run {run}");
        }
        assert!(made[6..].iter().all(|path| path.is_file()));
    }

    #[test]
    fn a_burst_of_short_files_pushes_no_footage_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut frame = Frame::default();
        let mut first = ring(dir.path(), 4);
        let mut hour = Vec::new();
        for _ in 0..4 {
            hour.push(start(&mut first, &frame));
            frame = frame.after(MINUTE);
        }
        // Sixty files within a second of one run, and one of each of sixty runs.
        for _ in 0..60 {
            start(&mut first, &frame);
            frame = frame.after(MINUTE / 3600);
        }
        for _ in 0..60 {
            start(&mut ring(dir.path(), 4), &frame);
            frame = frame.after(MINUTE / 3600);
        }
        assert!(!hour[0].exists());
        assert!(hour[1..].iter().all(|path| path.is_file()));
        // What was recorded since is as long as the ring: the burst and all before it have gone.
        let mut again = ring(dir.path(), 4);
        for _ in 0..5 {
            frame = frame.after(MINUTE);
            start(&mut again, &frame);
        }
        assert_eq!(names(dir.path()).len(), 4);
    }

    #[test]
    fn nothing_goes_because_nothing_came_for_a_week() {
        let dir = tempfile::tempdir().unwrap();
        let mut frame = Frame::default();
        let mut before = ring(dir.path(), 4);
        let made: Vec<_> = (0..4)
            .map(|_| {
                frame = frame.clone().after(MINUTE);
                start(&mut before, &frame)
            })
            .collect();
        frame = frame.after(10_000 * MINUTE);
        start(&mut ring(dir.path(), 4), &frame);
        assert!(made[1..].iter().all(|path| path.is_file()));
    }

    #[test]
    fn our_own_clock_set_back_deletes_nothing_new() {
        let dir = tempfile::tempdir().unwrap();
        let mut frame = Frame::default();
        let mut ring = ring(dir.path(), 3);
        for _ in 0..3 {
            start(&mut ring, &frame);
            frame = frame.after(MINUTE);
        }
        frame.arrived_at -= 10_000 * MINUTE;
        frame = frame.unix_us(0);
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(start(&mut ring, &frame));
            frame = frame.after(MINUTE);
        }
        assert!(made[2..].iter().all(|path| path.is_file()));
        assert_eq!(names(dir.path()).len(), 3);
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
            "cam_2026-11-22_08-33-01.mjpeg",
            "cam_2026-11-22_08-33-01_0.mkv",
            "cam_2026-11-22_08-33-01_1.mkv",
            "cam_2026-11-22_08-33-01_02.mkv",
            "cam_2026-11-22_8-33-01.mkv",
            "cam_2026-11-22_08-33-01.123.mkv",
            "cam_2026-11-32_08-33-01.mkv",
        ];
        for other in others {
            fs::write(dir.path().join(other), "").unwrap();
        }
        fs::create_dir(dir.path().join("cam_000009.mkv")).unwrap();
        let ours = [
            "cam_000007.mkv",
            "cam_1000000.mkv",
            "cam_2026-11-22_08-33-01.mkv",
            "cam_2026-11-22_08-33-01_2.mkv",
        ];
        for own in ours {
            fs::write(dir.path().join(own), "").unwrap();
        }
        let mut ring = ring(dir.path(), 1);
        ring.advance(&Frame::default().build()).unwrap();
        let left = names(dir.path());
        assert!(others.iter().all(|other| left.contains(&(*other).into())));
        assert_eq!(left.len(), others.len() + 1);
    }
}
