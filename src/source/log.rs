//! What a camera's software logs: reported where the user may want to know it, each line once.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::Ordering;

use crate::report::Severity;
use crate::source::Feed;

/// At most this many lines are reported in a run; what follows is more of the same.
const MAX_LOGGED: usize = 100;

/// Reports what is warned of while pictures come, each line once. (While a camera is opened, much is only tried.) `all`
/// reports every line. Returns the last error that ended the program, at the log's end.
pub(crate) fn report_log(log: impl Read, who: &str, all: bool, feed: &Feed) -> Option<String> {
    let mut reported = HashSet::new();
    let mut last = None;
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let (severity, line) = logged(&line);
        // rpicam-apps' way to end.
        if let Some(error) = line.strip_prefix("ERROR: *** ") {
            last = Some(error.trim_end_matches(" ***").to_owned());
            continue;
        }
        let is_news = severity < Severity::Info
            && feed.captured() > 0
            && !feed.is_lost.load(Ordering::Relaxed)
            && reported.len() < MAX_LOGGED
            && reported.insert(line.to_owned());
        if all || is_news {
            feed.report(severity, format!("{who}: {line}"));
        }
    }
    last
}

/// Parses `[0:00:01.234567890] [4711] ERROR V4L2 v4l2_device.cpp:390 Unable to set controls`; returns the line without
/// the time and the thread. Errors are warnings here: what they lead to is reported as our own.
fn logged(line: &str) -> (Severity, &str) {
    let mut rest = line.trim();
    while let Some((_, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        rest = behind.trim_start();
    }
    match rest.split([' ', ':']).next() {
        Some("WARN" | "ERROR" | "FATAL") => (Severity::Warning, rest),
        _ => (Severity::Info, rest),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::picture::{Content, Turn};
    use crate::source::Delivery;

    #[test]
    fn a_warning_of_libcameras_is_told_once_however_often_it_comes() {
        let log = "[0:00:01.1] [7]  WARN V4L2 a.cpp:1 no flash\n\
                   [0:00:01.2] [7]  INFO Camera b.cpp:2 libcamera v0.7\n\
                   [0:00:09.9] [8]  WARN V4L2 a.cpp:1 no flash\n\
                   [0:00:09.9] [8] ERROR V4L2 a.cpp:9 Device or resource busy\n";
        let reported = |pictures_come: bool| {
            let (said, lines) = mpsc::channel();
            let mut feed = Feed::new(Delivery::NewestWins);
            feed.report = Some(Box::new(move |_, line| said.send(line).unwrap()));
            if pictures_come {
                feed.put_new(Turn::NONE, Content::Jpeg(Vec::new().into()));
            }
            report_log(log.as_bytes(), "libcamera", false, &feed);
            Vec::from_iter(lines.try_iter())
        };
        assert_eq!(reported(false), [""; 0]);
        assert_eq!(
            reported(true),
            [
                "libcamera: WARN V4L2 a.cpp:1 no flash",
                "libcamera: ERROR V4L2 a.cpp:9 Device or resource busy"
            ]
        );
    }
}
