//! What the window says: lines made of a [`Status`], without a place or a pixel yet, and its title.
//!
//! Pure text, so that what users read is tested as text. Short enough for 50 columns where it can be;
//! what is longer (paths, addresses) is wrapped where it is drawn.

use std::iter;
use std::time::{Duration, Instant};

use embedded_graphics::geometry::Size;

use super::text::{ALERT, Line, PLAIN, QUIET, TITLE, TYPED};
use crate::net::Reach;
use crate::protocol::Name;
use crate::report::Severity;
use crate::window::Status;

/// The keys and what they do, in the order of the help.
const KEYS: [(&str, &str); 10] = [
    ("I", "figures: size, fps, latency ..."),
    ("Space", "freeze the picture, or go on"),
    ("S", "save the picture as it was sent"),
    ("V", "start or stop a recording"),
    ("R", "turn by 90 degrees"),
    ("M", "mirror left to right"),
    ("F", "full screen"),
    ("H or ?", "this help"),
    ("Esc", "leave help, full screen, the window"),
    ("Q", "close the window"),
];

/// As many lines to type as leave the smallest window room for a hint.
const MOST_TYPED: usize = 5;

/// As many cameras as there are keys for, in as many columns as the smallest window has.
const MOST_FOUND: usize = 9;
const MOST_COLUMNS: usize = 46;

/// The window's title: name, size and frames a second, in a line. Without control characters: of a NUL, minifb panics on
/// macOS.
pub(crate) fn title(status: &Status, given: Option<&str>) -> String {
    let counts = &status.counts;
    let name = given.or(counts.name().map(Name::as_str));
    let name = name.unwrap_or("view-recv");
    let (width, height) = counts.size();
    let mut title = match status.stalled {
        _ if counts.newest.is_none() => format!("{name} - waiting for a camera"),
        None => format!("{name} - {width}x{height} - {:.0} fps", status.fps),
        Some(_) => format!("{name} - {width}x{height} - no picture"),
    };
    if status.encrypted {
        title.push_str(" - encrypted");
    }
    title.retain(|c| !c.is_control());
    title
}

/// While nobody has sent yet: what is dialled, and what to type on the Pi.
pub(crate) fn waiting(status: &Status) -> Vec<Line> {
    let dialled = status.dialled.iter().flat_map(|(target, failure)| {
        let connecting = Line::new(PLAIN, format!("Connecting to {target}"));
        let failure = failure.as_ref().map(|why| Line::new(QUIET, why));
        iter::once(connecting).chain(failure)
    });
    // Short, so that all of it is as large as it can be.
    let look = match &status.found {
        None if !status.dialled.is_empty() => None,
        None => Some("Enter: look for cameras"),
        Some(found) if found.is_empty() => Some("Looking for cameras"),
        Some(_) => Some("1, Enter, click: connect"),
    };
    let title = vec![Line::new(TITLE, "Waiting for a camera")];
    let mut paragraphs = vec![title, dialled.collect()];
    let reach = status.reach.iter();
    paragraphs.extend(reach.flat_map(|reach| listening(reach, status.is_late)));
    paragraphs.push(Vec::from_iter(look.map(|look| Line::new(QUIET, look))));
    paragraphs.push(vec![Line::new(QUIET, "H: all keys   Esc: close")]);
    paragraphs.retain(|lines| !lines.is_empty());
    paragraphs.join(&Line::default())
}

/// The cameras that can be dialled, a line each: what is longer would be two.
pub(crate) fn found(status: &Status) -> Vec<Line> {
    let found = status.found.iter().flatten().zip(1..=MOST_FOUND);
    let lines = found.map(|(found, number)| {
        let mut text = format!("{number}  {:.20}  {}", found.name, found.addresses[0]);
        text.truncate(MOST_COLUMNS);
        Line::new(TYPED, text)
    });
    lines.collect()
}

/// What to type on the Pi, so that it dials, and what to try where it `is_late`: paragraphs, which may be empty.
fn listening(reach: &Reach, is_late: bool) -> [Vec<Line>; 3] {
    let ask = match reach.typed.len() {
        _ if reach.is_local => "Only this machine can reach it. Here, type:",
        0 => "Listening. Start pi-send on the Raspberry Pi.",
        1 => "On the Raspberry Pi, type:",
        _ => "On the Raspberry Pi, type one of these:",
    };
    let commands = reach.typed.iter().take(MOST_TYPED);
    let mut typed = Vec::from_iter(commands.map(|line| Line::new(TYPED, line)));
    if reach.typed.len() > MOST_TYPED {
        let more = format!("({} more in the terminal)", reach.typed.len() - MOST_TYPED);
        typed.push(Line::new(QUIET, more));
    }
    let mut hint = Vec::new();
    if is_late {
        let command = reach.hint.command.as_ref();
        let colon = if command.is_some() { ":" } else { "" };
        let what = format!("No camera yet. {}{colon}", reach.hint.what);
        hint.push(Line::new(PLAIN, what));
        // On a line of its own: it is to be typed, too.
        hint.extend(command.map(|line| Line::new(TYPED, line)));
    }
    [vec![Line::new(PLAIN, ask)], typed, hint]
}

/// The help.
pub(crate) fn help() -> Vec<Line> {
    let keys = KEYS.map(|(key, meaning)| Line::new(PLAIN, format!("{key:<8}{meaning}")));
    let head = [Line::new(TITLE, "Keys"), Line::default()];
    head.into_iter().chain(keys).collect()
}

/// The figures. The most important lines come first: the last go where there is no room.
pub(crate) fn overlay(status: &Status, window: Size) -> Vec<Line> {
    let fact = |label: &str, value: String| Line::new(PLAIN, format!("{label:<9}{value}"));
    let or_not_known = |value: Option<String>| value.unwrap_or_else(|| "not known".into());
    let (counts, stamp) = (&status.counts, status.counts.stamp());
    let latency = match status.stalled {
        // An old number beside a picture that stands still would be a lie.
        Some(_) => "no picture".into(),
        None => or_not_known(stamp.and_then(|stamp| stamp.latency_us).map(milliseconds)),
    };
    let quality = stamp.and_then(|stamp| stamp.quality);
    let (width, height) = counts.size();
    let skipped = counts.skipped;
    let all = counts.shown + skipped;
    let lock = if status.encrypted { ", encrypted" } else { "" };
    let share = 100.0 * skipped as f64 / all.max(1) as f64;
    vec![
        Line::new(TITLE, counts.name().map_or("unnamed", Name::as_str)),
        fact("latency", latency),
        // What the number means: it is what people compare.
        Line::new(QUIET, "  camera to screen, without the"),
        Line::new(QUIET, "  exposure and the monitor's delay"),
        fact("fps", format!("{:.1}", status.fps)),
        fact("size", format!("{width}x{height}")),
        fact("dropped", format!("{skipped} of {all} ({share:.1} %)")),
        fact("rate", format!("{:.2} Mbit/s{lock}", status.mbit_s)),
        fact("quality", or_not_known(quality.map(|q| q.to_string()))),
        fact("from", or_not_known(status.peer.clone())),
        fact("window", format!("{}x{}", window.width, window.height)),
    ]
}

fn milliseconds(latency_us: u64) -> String {
    let ms = latency_us as f64 / 1000.0;
    let decimals = usize::from(ms < 100.0);
    format!("{ms:.decimals$} ms")
}

/// For how long no picture came, and why; nothing while they come.
pub(crate) fn stalled(status: &Status, now: Instant) -> Vec<Line> {
    let (Some(newest), Some(why)) = (&status.counts.newest, &status.stalled) else {
        return Vec::new();
    };
    let silence = spell(now.saturating_duration_since(newest.arrived));
    vec![
        Line::new(TITLE, format!("No picture for {silence}")),
        Line::new(PLAIN, why),
    ]
}

/// Something that happened, or went wrong, if it did.
pub(crate) fn notification(status: &Status) -> Option<Line> {
    let (severity, line) = status.notification.as_ref()?;
    let is_error = *severity == Severity::Error;
    Some(Line::new(if is_error { ALERT } else { PLAIN }, line))
}

/// That the picture is frozen, and what lets it go.
pub(crate) fn frozen() -> Line {
    Line::new(TITLE, "Frozen. Space: live again")
}

/// How long a recording runs: 0:07, 12:34, 1:02:03.
pub(crate) fn recording_time(since: Instant, now: Instant) -> String {
    let seconds = now.saturating_duration_since(since).as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A time in words, to two units.
fn spell(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::reach::Hint;
    use crate::protocol::Stamp;
    use crate::recv::Counts;
    use crate::recv::frame::fixture::Frame;

    fn reach(typed: &[String]) -> Reach {
        Reach {
            lines: Vec::new(),
            typed: typed.to_vec(),
            is_local: false,
            hint: Hint {
                what: "Allow it in the firewall".into(),
                command: Some("sudo ufw allow 8000/tcp".into()),
            },
        }
    }

    fn counts(width: u32, height: u32, stamp: Stamp) -> Counts {
        let frame = Frame {
            stamp: Some(stamp),
            ..Frame::default().picture(width, height, 0)
        };
        Counts {
            shown: 990,
            skipped: 10,
            newest: Some(frame.build()),
            ..Counts::default()
        }
    }

    fn text(lines: &[Line]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    }

    #[test]
    fn the_waiting_screen_says_word_for_word_what_to_type() {
        let status = Status {
            reach: Some(reach(&["pi-send --host 192.168.1.20".into()])),
            is_late: true,
            ..Status::default()
        };
        let waiting = text(&waiting(&status));
        let typed = "On the Raspberry Pi, type:\n\npi-send --host 192.168.1.20\n";
        assert!(waiting.contains(typed), "{waiting}");
        let hint = "No camera yet. Allow it in the firewall:\nsudo ufw allow 8000/tcp\n";
        assert!(waiting.contains(hint), "{waiting}");
    }

    #[test]
    fn what_has_no_room_to_be_typed_is_counted() {
        let commands = ["0", "1", "2", "3", "4", "5", "6", "7", "8"]
            .map(|last| format!("pi-send --host 10.0.0.{last}"));
        let commands = |count: usize| Status {
            reach: Some(reach(&commands[..count])),
            ..Status::default()
        };
        let some = text(&waiting(&commands(9)));
        assert!(
            some.contains("10.0.0.4\n(4 more in the terminal)"),
            "{some}"
        );
        let all = text(&waiting(&commands(5)));
        assert!(all.contains("10.0.0.4") && !all.contains("more"), "{all}");
    }

    #[test]
    fn a_viewer_on_loopback_does_not_ask_for_the_raspberry_pi() {
        let local = Reach {
            is_local: true,
            ..reach(&["pi-send --host 127.0.0.1".into()])
        };
        let status = Status {
            reach: Some(local),
            ..Status::default()
        };
        let opening = text(&waiting(&status));
        assert!(opening.contains("Only this machine"), "{opening}");
        assert!(!opening.contains("On the Raspberry Pi"), "{opening}");
    }

    #[test]
    fn a_stalled_picture_has_no_latency() {
        let mut status = Status {
            counts: counts(
                8,
                8,
                Stamp {
                    latency_us: Some(2400),
                    ..Stamp::default()
                },
            ),
            ..Status::default()
        };
        let live = text(&overlay(&status, Size::new(640, 480)));
        assert!(live.contains("latency  2.4 ms"), "{live}");
        status.stalled = Some("no frames come".into());
        let stalled = text(&overlay(&status, Size::new(640, 480)));
        assert!(!stalled.contains("2.4 ms"), "{stalled}");
        assert!(stalled.contains("latency  no picture"), "{stalled}");
    }

    #[test]
    fn the_overlay_names_every_figure_and_what_is_not_known() {
        let mut stamp = Stamp {
            name: Some("garden".parse().unwrap()),
            ..Stamp::default()
        };
        let mut status = Status {
            counts: counts(640, 480, stamp.clone()),
            peer: Some("192.168.1.30:40122".into()),
            fps: 29.97,
            mbit_s: 5.314,
            ..Status::default()
        };
        let unknown = text(&overlay(&status, Size::new(1280, 960)));
        assert!(unknown.contains("latency  not known"), "{unknown}");
        assert!(unknown.contains("quality  not known"), "{unknown}");
        (stamp.latency_us, stamp.quality) = (Some(41_250), Some(80));
        status.counts = counts(640, 480, stamp);
        let known = text(&overlay(&status, Size::new(1280, 960)));
        assert!(!known.contains("encrypted"), "{known}");
        status.encrypted = true;
        let encrypted = text(&overlay(&status, Size::new(1280, 960)));
        let rate = "rate     5.31 Mbit/s, encrypted\n";
        assert!(encrypted.contains(rate), "{encrypted}");
        for fact in [
            "garden",
            "latency  41.2 ms\n  camera to screen, without the\n  exposure",
            "fps      30.0",
            "size     640x480",
            "dropped  10 of 1000 (1.0 %)",
            "rate     5.31 Mbit/s",
            "quality  80",
            "from     192.168.1.30:40122",
            "window   1280x960",
        ] {
            assert!(known.contains(fact), "{fact} in {known}");
        }
    }

    #[test]
    fn a_stall_says_for_how_long_and_why() {
        let status = Status {
            stalled: Some("garden ended the stream".into()),
            counts: counts(8, 8, Stamp::default()),
            ..Status::default()
        };
        let since = status.counts.newest.as_ref().unwrap().arrived;
        let lines = text(&stalled(&status, since + Duration::from_secs(125)));
        assert_eq!(lines, "No picture for 2 min 5 s\ngarden ended the stream");
        assert_eq!(stalled(&Status::default(), since), []);
    }

    #[test]
    fn times_are_spelled_as_people_say_them() {
        assert_eq!(spell(Duration::from_millis(59_900)), "59 s");
        assert_eq!(spell(Duration::from_secs(7500)), "2 h 5 min");
        let since = Instant::now();
        let time = |seconds| recording_time(since, since + Duration::from_secs(seconds));
        assert_eq!(
            (time(7), time(754), time(3723)),
            ("0:07".into(), "12:34".into(), "1:02:03".into())
        );
    }

    #[test]
    fn every_line_of_the_help_fits_the_smallest_window() {
        assert!(help().iter().all(|line| line.text.len() <= 50));
    }
}
