//! When a frame is shown in its file, and when a frame starts the next file.
//!
//! Pure: the frames' own times in, steps out. Stamps tell the time from one frame to the next, the
//! arrival where one of the two bears none. Stamps are a stranger's: they may stand still, run
//! backwards or leap, and must neither make a file that lasts a century nor a thousand files.

use std::time::{Duration, Instant};

use super::notice::Next;
use crate::view::received::Received;

/// Stamps and arrivals may disagree on the time between two frames by this much: frames that waited
/// in a backlog do, by seconds. More is a clock that was set, or a machine that slept.
const LEAP: Duration = Duration::from_secs(60);

/// A file that is younger than this is not left for a change of size or clock: a sender that
/// changes with every frame makes one file a second at most.
const YOUNGEST: Duration = Duration::from_secs(1);

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It goes into the open file, so long after the file's first frame.
    Here(Duration),
    /// It is the first of the next file.
    Next(Next),
}

/// Follows the frames of a recording.
#[derive(Debug)]
pub struct Timeline {
    limit: Option<Duration>,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    session: u64,
    size: (u32, u32),
    captured_unix_us: Option<u64>,
    arrived: Instant,
    /// After its file's first frame.
    at: Duration,
    /// When the file's first frame arrived.
    file_since: Instant,
}

impl Timeline {
    /// Before the first frame. A file shows `limit` at most (more only where the sender's clock runs
    /// at twice the speed of ours).
    pub fn new(limit: Option<Duration>) -> Self {
        Timeline { limit, last: None }
    }

    /// Takes the next frame in.
    pub fn step(&mut self, frame: &Received) -> Step {
        let step = self.last.as_ref().map_or(Step::Next(Next::First), |last| {
            let (at, change) = last.follow(frame);
            let age = frame.arrived.saturating_duration_since(last.file_since);
            // Half of it by our clock, too: stamps that run fast make no flood of files.
            let due = self.limit.filter(|limit| at >= *limit && age >= *limit / 2);
            match (change, due) {
                (Some(why), _) => Step::Next(why),
                (None, Some(limit)) => Step::Next(Next::Segment(limit)),
                (None, None) => Step::Here(at),
            }
        });
        let (at, file_since) = match (step, &self.last) {
            (Step::Here(at), Some(last)) => (at, last.file_since),
            _ => (Duration::ZERO, frame.arrived),
        };
        self.last = Some(Last {
            session: frame.session,
            size: (frame.width, frame.height),
            captured_unix_us: frame.stamp.as_ref().map(|stamp| stamp.captured_unix_us),
            arrived: frame.arrived,
            at,
            file_since,
        });
        step
    }
}

impl Last {
    /// When the frame would be shown in the same file, and what forbids that.
    fn follow(&self, frame: &Received) -> (Duration, Option<Next>) {
        let by_arrival = frame.arrived.saturating_duration_since(self.arrived);
        let captured = frame.stamp.as_ref().map(|stamp| stamp.captured_unix_us);
        // `Some(None)`: both bear a stamp, and the two make no sense together.
        let by_stamp = self
            .captured_unix_us
            .zip(captured)
            .map(|(before, now)| now.checked_sub(before).map(Duration::from_micros))
            .map(|by| by.filter(|by| by.abs_diff(by_arrival) <= LEAP));
        let at = self.at + by_stamp.flatten().unwrap_or(by_arrival);
        let change = if frame.session != self.session {
            Some(Next::Session)
        } else if frame.arrived.saturating_duration_since(self.file_since) < YOUNGEST {
            None
        } else if (frame.width, frame.height) != self.size {
            Some(Next::Size)
        } else if by_stamp == Some(None) {
            Some(Next::Clock)
        } else {
            None
        };
        (at, change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture::Frame;

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
    fn a_new_session_a_new_size_and_a_clock_that_was_set_start_a_new_file() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default();
        timeline.step(&frame.build());
        frame = frame.after(2 * SECOND);
        frame.session = 2;
        assert_eq!(timeline.step(&frame.build()), Step::Next(Next::Session));
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
    fn a_sender_that_changes_with_every_frame_makes_a_file_a_second() {
        let mut timeline = Timeline::new(None);
        let mut frame = Frame::default();
        let mut files = 0;
        for i in 0..300 {
            frame = frame.after(FRAME);
            frame.width = 1 + i % 2;
            let step = timeline.step(&frame.clone().unix_us(u64::from(1000 - i)).build());
            files += u32::from(matches!(step, Step::Next(_)));
        }
        assert!((9..=11).contains(&files), "{files}");
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
