//! When a frame is shown in its file, and when a frame starts the next file.
//!
//! Pure: the frames' own times in, steps out. Stamps tell the time from one frame to the next, the
//! arrival where one of the two bears none. Stamps are a stranger's: they may stand still, run
//! backwards or leap, and must neither make a file that lasts a century nor a thousand files.

use std::time::{Duration, Instant};

use crate::protocol::stamp::Name;
use crate::recv::frame::Received;
use crate::report::limit::RateLimit;

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

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It goes into the open file, so long after the file's first frame.
    Here(Duration),
    /// It is the first of the next file.
    Next(Next),
}

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
    /// When its first frame arrived, of which size and from whom.
    since: Instant,
    size: (u32, u32),
    name: Option<Name>,
    last: Last,
}

/// The last frame.
#[derive(Debug)]
struct Last {
    session: u64,
    captured_unix_us: Option<u64>,
    arrived: Instant,
    /// After its file's first frame.
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

    /// Takes the next frame in.
    pub(crate) fn step(&mut self, frame: &Received) -> Step {
        let step = match &self.open {
            None => Step::Next(Next::First),
            Some(open) => open.step(frame, self.limit, &mut self.changes),
        };
        let last = Last {
            session: frame.session,
            captured_unix_us: captured_unix_us(frame),
            arrived: frame.arrived,
            at: match step {
                Step::Here(at) => at,
                Step::Next(_) => Duration::ZERO,
            },
        };
        match (&mut self.open, step) {
            (Some(open), Step::Here(_)) => open.last = last,
            _ => {
                self.open = Some(Open {
                    since: frame.arrived,
                    size: (frame.width, frame.height),
                    name: frame.name().cloned(),
                    last,
                });
            }
        }
        step
    }

    /// The open file is no more: the next frame is the first of another. Returns when the file would
    /// have been left for the next segment.
    pub(crate) fn leave(&mut self) -> Option<Instant> {
        let open = self.open.take()?;
        open.since.checked_add(self.limit?)
    }
}

impl Open {
    fn step(&self, frame: &Received, limit: Option<Duration>, changes: &mut RateLimit) -> Step {
        let (at, clock) = self.last.follow(frame);
        let age = frame.arrived.saturating_duration_since(self.since);
        let change = if frame.name() != self.name.as_ref() {
            Some(Next::Sender)
        } else if (frame.width, frame.height) != self.size {
            Some(Next::Size)
        } else {
            clock
        };
        // Half of it by our clock, too: stamps that run fast make no flood of files.
        if limit.is_some_and(|limit| at >= limit && age >= limit / 2) {
            return Step::Next(Next::Segment);
        }
        match change {
            Some(why) if age >= YOUNGEST && changes.allow(frame.arrived).is_some() => {
                Step::Next(why)
            }
            _ => Step::Here(at),
        }
    }
}

impl Last {
    /// When the frame would be shown in the same file, and whether the clock forbids that.
    fn follow(&self, frame: &Received) -> (Duration, Option<Next>) {
        let by_arrival = frame.arrived.saturating_duration_since(self.arrived);
        let Some((before, now)) = self.captured_unix_us.zip(captured_unix_us(frame)) else {
            return (self.at + by_arrival, None);
        };
        let by_stamp = now.checked_sub(before).map(Duration::from_micros);
        let back = Duration::from_micros(before.saturating_sub(now));
        match by_stamp {
            Some(by) if by.abs_diff(by_arrival) <= LEAP => (self.at + by, None),
            None if frame.session != self.session && back <= SLEWED => (self.at + by_arrival, None),
            _ => (self.at + by_arrival, Some(Next::Clock)),
        }
    }
}

fn captured_unix_us(frame: &Received) -> Option<u64> {
    Some(frame.stamp.as_ref()?.captured_unix_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recv::frame::fixture::Frame;

    const FRAME: Duration = Duration::from_micros(33_333);
    const SECOND: Duration = Duration::from_secs(1);

    fn here(step: Step) -> Duration {
        match step {
            Step::Here(at) => at,
            Step::Next(why) => panic!("a new file: {why:?}"),
        }
    }

    #[test]
    fn stamps_tell_the_time_whenever_the_frames_arrive() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default();
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::First));
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
                Step::Next(_) => files.push(i),
                Step::Here(at) => assert!(at < SECOND),
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
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Sender));
        frame = frame.after(2 * SECOND);
        frame.width += 1;
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Size));
        let now = frame.stamp.as_ref().unwrap().captured_unix_us;
        frame = frame.after(2 * SECOND).unix_us(now - 1);
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Clock));
        frame = frame.after(2 * SECOND).unix_us(u64::MAX);
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Clock));
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
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Clock));
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
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Size));
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
            let step = timeline.step(&change(i, frame.clone()).build());
            files += u32::from(matches!(step, Step::Next(_)));
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
            files += u32::from(matches!(timeline.step(&frame.build()), Step::Next(_)));
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
