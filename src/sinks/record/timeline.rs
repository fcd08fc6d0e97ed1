//! When a frame is shown in its file, and when a frame starts the next file.
//!
//! Pure: the frames' own times in, steps out. Stamps tell the time from one frame to the next, the
//! arrival where one of the two bears none. Stamps are a stranger's: they may stand still, run
//! backwards or leap, and must neither make a file that lasts a century nor a thousand files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::recv::Received;
use crate::report::RateLimit;

/// Stamps and arrivals may disagree on the time between two frames by this much: frames that waited
/// in a backlog do, by seconds. More is a clock that was set, or a machine that slept.
const LEAP: Duration = Duration::from_secs(60);

/// A reconnected sender's stamps may run backwards by this much: each connection reads the wall clock
/// anew, which has been slewed since the last one.
const SLEWED: Duration = Duration::from_secs(2);

/// A file that is younger than this is not left for a change of sender, size or clock.
const YOUNGEST: Duration = Duration::from_secs(1);

/// So many files may start at once because something changed, and one more every minute. Beyond that a
/// sender that changes all the time changes within a file: a folder does not fill up with files.
const CHANGES: u32 = 20;
const CHANGE_EVERY: Duration = Duration::from_secs(60);

/// Why a file starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is the recording's first, or the first after a failure.
    First,
    /// `--segment` is over.
    Segment,
    /// Frames come from another sender.
    Sender,
    /// The pictures have another size.
    Size,
    /// The sender's clock was set: its stamps run backwards, or leap.
    Clock,
}

/// Follows the frames of a recording.
#[derive(Debug)]
pub(crate) struct Timeline {
    limit: Option<Duration>,
    changes: RateLimit,
    open: Option<Open>,
}

/// The open file, as far as its frames tell.
#[derive(Debug)]
struct Open {
    first: Arc<Received>,
    last: Arc<Received>,
    /// When the last one is shown, after the first.
    at: Duration,
}

impl Timeline {
    /// Before the first frame. A file shows `limit` at most (more only where the sender's clock runs
    /// at twice the speed of ours).
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Timeline {
            limit,
            changes: RateLimit::new(CHANGES, CHANGE_EVERY),
            open: None,
        }
    }

    /// Takes the next frame in. Returns how long after its file's first frame it is shown, and why it is the first
    /// of the next file, if it is.
    pub(crate) fn step(&mut self, frame: &Arc<Received>) -> (Duration, Option<Next>) {
        let Some(open) = &mut self.open else {
            self.open = Some(Open::new(frame));
            return (Duration::ZERO, Some(Next::First));
        };
        let (step, is_set) = open.follow(frame);
        let (first, at) = (&open.first, open.at + step);
        let age = frame.arrived.saturating_duration_since(first.arrived);
        let change = if frame.name() != first.name() {
            Some(Next::Sender)
        } else if (frame.width, frame.height) != (first.width, first.height) {
            Some(Next::Size)
        } else {
            is_set.then_some(Next::Clock)
        };
        let next = match self.limit {
            // Half of it by our clock, too: stamps that run fast make no flood of files.
            Some(limit) if at >= limit && age >= limit / 2 => Some(Next::Segment),
            _ => change.filter(|_| age >= YOUNGEST && self.changes.allow(frame.arrived).is_some()),
        };
        match next {
            Some(_) => *open = Open::new(frame),
            None => (open.last, open.at) = (Arc::clone(frame), at),
        }
        (open.at, next)
    }

    /// The open file is no more: the next frame is the first of another. Returns when the file would
    /// have been left for the next segment.
    pub(crate) fn leave(&mut self) -> Option<Instant> {
        let open = self.open.take()?;
        open.first.arrived.checked_add(self.limit?)
    }
}

impl Open {
    /// Begins with this frame.
    fn new(frame: &Arc<Received>) -> Self {
        let (first, last) = (Arc::clone(frame), Arc::clone(frame));
        let at = Duration::ZERO;
        Open { first, last, at }
    }

    /// How long after the last frame this one is shown, and whether the sender's clock was set in between.
    fn follow(&self, frame: &Received) -> (Duration, bool) {
        let last = &self.last;
        let by_arrival = frame.arrived.saturating_duration_since(last.arrived);
        let Some((before, now)) = last.stamp.as_ref().zip(frame.stamp.as_ref()) else {
            return (by_arrival, false);
        };
        let (before, now) = (before.captured_unix_us, now.captured_unix_us);
        let apart = Duration::from_micros(now.abs_diff(before));
        if now >= before && apart.abs_diff(by_arrival) <= LEAP {
            return (apart, false);
        }
        let is_slewed = now < before && frame.session != last.session && apart <= SLEWED;
        (by_arrival, !is_slewed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::frame::fixture::Frame;

    const FRAME: Duration = Duration::from_micros(33_333);
    const SECOND: Duration = Duration::from_secs(1);

    fn here((at, next): (Duration, Option<Next>)) -> Duration {
        assert_eq!(next, None, "a new file");
        at
    }

    #[test]
    fn stamps_tell_the_time_whenever_the_frames_arrive() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default();
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::First));
        for i in 1..1000 {
            let arrived = frame.arrived;
            frame = frame.after(FRAME);
            // Five frames at a time.
            frame.arrived = if i % 5 == 0 {
                arrived + 5 * FRAME
            } else {
                arrived
            };
            assert_eq!(here(timeline.step(&frame.build())), i * FRAME);
        }
    }

    #[test]
    fn without_stamps_the_arrival_tells_the_time() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default().unstamped();
        timeline.step(&frame.build());
        for i in 1..10 {
            frame = frame.after(FRAME);
            assert_eq!(here(timeline.step(&frame.build())), i * FRAME);
        }
    }

    #[test]
    fn a_file_shows_no_more_than_its_segment() {
        let mut timeline = Timeline::new(Some(SECOND));
        let mut frame = Frame::default();
        let mut files = Vec::new();
        for i in 0..100 {
            match timeline.step(&frame.build()) {
                (_, Some(_)) => files.push(i),
                (at, None) => assert!(at < SECOND),
            }
            frame = frame.after(FRAME);
        }
        assert_eq!(files, [0, 31, 62, 93]);
    }

    #[test]
    fn another_sender_a_new_size_and_a_clock_that_was_set_start_a_new_file() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default();
        timeline.step(&frame.build());
        frame = frame.after(2 * SECOND).name("porch");
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::Sender));
        frame = frame.after(2 * SECOND);
        frame.width += 1;
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::Size));
        let now = frame.stamp.as_ref().unwrap().captured_unix_us;
        frame = frame.after(2 * SECOND).unix_us(now - 1);
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::Clock));
        frame = frame.after(2 * SECOND).unix_us(u64::MAX);
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::Clock));
        frame = frame.after(FRAME).unix_us(0);
        assert_eq!(here(timeline.step(&frame.build())), FRAME);
    }

    #[test]
    fn a_reconnect_is_a_gap_in_the_same_file() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default().name("garden");
        timeline.step(&frame.build());
        let gaps = [SECOND / 10, 5 * SECOND, 40_000 * SECOND];
        for (session, gap) in (2..).zip(gaps) {
            frame = frame.after(gap);
            frame.session = session;
            timeline.step(&frame.build());
        }
        let gone = gaps.iter().sum::<Duration>();
        // The new connection's clock was read anew, and is a little behind the old one's.
        let now = frame.stamp.as_ref().unwrap().captured_unix_us;
        frame = frame.after(FRAME).unix_us(now - 800_000);
        frame.session += 1;
        assert_eq!(here(timeline.step(&frame.build())), gone + FRAME);
        frame = frame.after(2 * SECOND).unix_us(now - 5_000_000);
        frame.session += 1;
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::Clock));
    }

    #[test]
    fn a_change_in_a_files_first_second_is_heeded_after_it() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default();
        timeline.step(&frame.build());
        frame = frame.after(SECOND / 2);
        frame.width += 8;
        assert_eq!(here(timeline.step(&frame.build())), SECOND / 2);
        frame = frame.after(SECOND / 2);
        assert_eq!(timeline.step(&frame.build()).1, Some(Next::Size));
        frame = frame.after(10 * SECOND);
        assert_eq!(here(timeline.step(&frame.build())), 10 * SECOND);
    }

    /// How many files a sender makes start that changes one thing with every frame, for so long.
    fn files_of_changes(
        seconds: u32,
        limit: Option<Duration>,
        change: fn(u32, Frame) -> Frame,
    ) -> u32 {
        let mut timeline = Timeline::new(limit);
        let mut frame = Frame::default();
        let mut files = 0;
        for i in 0..seconds * 30 {
            frame = frame.after(FRAME);
            let (_, next) = timeline.step(&change(i, frame.clone()).build());
            files += u32::from(next.is_some());
        }
        files
    }

    #[test]
    fn a_sender_that_changes_with_every_frame_makes_a_file_a_second_and_soon_one_a_minute() {
        let changes: [fn(u32, Frame) -> Frame; 4] = [
            |i, frame| Frame {
                width: 1 + i % 2,
                ..frame
            },
            |i, frame| frame.unix_us(1_000_000 - u64::from(i)),
            |i, frame| frame.name(&format!("name-{i}")),
            |i, frame| Frame {
                session: u64::from(i),
                height: 1 + i % 2,
                ..frame
            },
        ];
        for change in changes {
            let files = files_of_changes(10, None, change);
            assert!((9..=11).contains(&files), "{files}");
            // The burst, one a minute, and the first.
            let files = files_of_changes(600, None, change);
            assert!((29..=32).contains(&files), "{files}");
            // A segment's end is none of the sender's doing.
            let files = files_of_changes(600, Some(60 * SECOND), change);
            assert!((29..=42).contains(&files), "{files}");
        }
    }

    #[test]
    fn stamps_that_run_fast_make_no_flood_of_segments() {
        let mut timeline = Timeline::new(Some(SECOND));
        let mut frame = Frame::default();
        let mut files = 0;
        for _ in 0..300 {
            let arrived = frame.arrived + FRAME;
            frame = frame.after(10 * SECOND);
            frame.arrived = arrived;
            files += u32::from(timeline.step(&frame.build()).1.is_some());
        }
        assert!((15..=20).contains(&files), "{files}");
    }

    #[test]
    fn a_short_file_goes_on_by_arrival_where_the_stamps_make_no_sense() {
        let mut timeline = Timeline::new(None);
        let frame = Frame::default().unix_us(1_000_000);
        timeline.step(&frame.build());
        let back = frame.after(FRAME).unix_us(500_000);
        assert_eq!(here(timeline.step(&back.build())), FRAME);
        let on = back.after(FRAME);
        assert_eq!(here(timeline.step(&on.build())), 2 * FRAME);
    }
}
