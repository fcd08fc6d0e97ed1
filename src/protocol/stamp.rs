//! The stamp: what pi-send says of a frame, in a comment segment that every decoder skips.
//!
//! `pi-stream/1 seq=42 t=1732264380123456 lat=41250 q=80 fps=30 ack=1 name=garden`, printable ASCII, one
//! line, at most [`MAX_TEXT`] bytes, after SOI and the APPn segments that lead. Pure bytes: nothing
//! here reads a clock or a socket. Whatever a stranger wrote into a stamp is checked before it
//! becomes a value.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::jpeg::markers::{self, APP0, APP15, COM, Segment};

/// What every stamp starts with; the number is the format's version.
const MAGIC: &str = "pi-stream/1";

/// The longest text of a stamp, in bytes.
pub const MAX_TEXT: usize = 256;

/// The longest name, in characters: file names and titles stay readable.
pub const MAX_NAME: usize = 64;

/// Pictures a second that a stamp can say, as pi-send's `--fps` can: what lies outside is neither written nor
/// trusted, so that no stranger asks for endless patience.
pub(crate) const FPS: RangeInclusive<f64> = 0.01..=1000.0;

/// A sender's name: letters, digits, `.`, `_`, `-`; 1 to [`MAX_NAME`] of them, no dot first. Safe in
/// a file name, a title and a terminal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(String);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_NAME} letters, digits, '.', '_' or '-', and no dot first")]
pub struct BadName;

impl FromStr for Name {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let reduced = Name::reduced(text).filter(|name| name.0 == text);
        reduced.ok_or(BadName)
    }
}

impl Name {
    /// What is left of any text once everything that a name may not have is taken out.
    pub fn reduced(text: &str) -> Option<Name> {
        let kept: String = text
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            .skip_while(|c| *c == '.')
            .take(MAX_NAME)
            .collect();
        (!kept.is_empty()).then_some(Name(kept))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a stamp says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The frame's number in its connection's stream.
    pub seq: u64,
    /// When it was captured: microseconds since the Unix epoch, sender's clock.
    pub captured_unix_us: u64,
    /// The last measured time from capture to shown, in microseconds.
    pub latency_us: Option<u64>,
    /// The JPEG quality, 1 to 100.
    pub quality: Option<u8>,
    /// How far apart the sender's pictures are where the link carries them all; 1 ms to 100 s.
    pub interval: Option<Duration>,
    /// Whether the receiver shall acknowledge the frame.
    pub ack: bool,
    /// Who sends.
    pub name: Option<Name>,
}

impl Stamp {
    /// The stamp as a whole comment segment, marker and length included.
    pub fn emit(&self) -> Vec<u8> {
        use std::fmt::Write;
        let mut text = format!("{MAGIC} seq={} t={}", self.seq, self.captured_unix_us);
        let mut put = |key: &str, value: Option<&dyn fmt::Display>| {
            if let Some(value) = value {
                write!(text, " {key}={value}").expect("writing to a String does not fail");
            }
        };
        put("lat", self.latency_us.as_ref().map(|v| v as _));
        put("q", self.quality.as_ref().map(|v| v as _));
        put("fps", self.fps().as_ref().map(|v| v as _));
        put("ack", self.ack.then_some(&1 as _));
        put("name", self.name.as_ref().map(|v| v as _));
        debug_assert!(text.len() <= MAX_TEXT, "{text}");
        let length = u16::try_from(text.len() + 2).expect("a stamp is short");
        [&[0xFF, COM], &length.to_be_bytes()[..], text.as_bytes()].concat()
    }

    /// Pictures a second, to three decimals.
    fn fps(&self) -> Option<f64> {
        let fps = (self.interval?.as_secs_f64().recip() * 1000.0).round() / 1000.0;
        FPS.contains(&fps).then_some(fps)
    }

    /// Reads a comment's content. `None` where it is no stamp: another comment, too long, not
    /// printable, a number that is none. Unknown keys are skipped.
    pub fn parse(comment: &[u8]) -> Option<Stamp> {
        if comment.len() > MAX_TEXT || !comment.iter().all(|b| (0x20..0x7F).contains(b)) {
            return None;
        }
        let mut words = std::str::from_utf8(comment).ok()?.split(' ');
        words.next().filter(|word| *word == MAGIC)?;
        let mut stamp = Stamp::default();
        let (mut seq, mut captured) = (None, None);
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            match key {
                "seq" => seq = Some(value.parse().ok()?),
                "t" => captured = Some(value.parse().ok()?),
                "lat" => stamp.latency_us = Some(value.parse().ok()?),
                "q" => stamp.quality = Some(value.parse().ok().filter(|q| (1..=100).contains(q))?),
                "fps" => {
                    let fps = value.parse().ok().filter(|fps| FPS.contains(fps));
                    stamp.interval = fps.map(|fps: f64| Duration::from_secs_f64(1.0 / fps));
                }
                "ack" => stamp.ack = value == "1",
                "name" => {
                    stamp.name = Name::reduced(&percent_decode_str(value).decode_utf8_lossy())
                }
                _ => {}
            }
        }
        stamp.seq = seq?;
        stamp.captured_unix_us = captured?;
        Some(stamp)
    }

    /// The stamp that a JPEG bears, wherever before its first scan it stands.
    pub fn find(jpeg: &[u8]) -> Option<Stamp> {
        find(jpeg).map(|(_, stamp)| stamp)
    }
}

/// Where a JPEG is to be cut to bear a (new) stamp: what goes before it and the pieces of the rest,
/// those without a stamp that was there.
pub fn places(jpeg: &[u8]) -> [Range<usize>; 3] {
    let lead = markers::lead_end(jpeg, APP0..=APP15);
    let old = find(jpeg).map_or(lead..lead, |(comment, _)| comment.start..comment.end);
    // One before an APPn segment is some other program's order. Cut there, so that nothing moves.
    let cut = lead.min(old.start);
    [0..cut, cut..old.start, old.end..jpeg.len()]
}

/// The JPEG as recordings keep it, in three pieces: its stamp's `ack` taken out, every other byte as it came (keys
/// that we do not know included).
pub fn without_ack(jpeg: &[u8]) -> (&[u8], Vec<u8>, &[u8]) {
    let Some((Segment { end, body, .. }, _)) = find(jpeg).filter(|(_, stamp)| stamp.ack) else {
        return (jpeg, Vec::new(), &[]);
    };
    let words = body.split(|byte| *byte == b' ');
    let kept: Vec<&[u8]> = words.filter(|word| !word.starts_with(b"ack=")).collect();
    let text = kept.join(&b' ');
    let length = u16::try_from(text.len() + 2).expect("shorter than the comment that it was");
    let stamp = [&length.to_be_bytes(), &text[..]].concat();
    (&jpeg[..end - body.len() - 2], stamp, &jpeg[end..])
}

/// A copy of the JPEG that bears this stamp, and no other.
pub fn stamped(jpeg: &[u8], stamp: &Stamp) -> Vec<u8> {
    let [head, middle, tail] = places(jpeg);
    [&jpeg[head], &stamp.emit(), &jpeg[middle], &jpeg[tail]].concat()
}

/// A stamp and the comment that it is.
fn find(jpeg: &[u8]) -> Option<(Segment<'_>, Stamp)> {
    let mut comments = markers::header_segments(jpeg).filter(|segment| segment.marker == COM);
    comments.find_map(|comment| Stamp::parse(comment.body).map(|stamp| (comment, stamp)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut out = vec![0xFF, 0xD8];
        for (marker, body) in segments {
            out.extend([0xFF, *marker]);
            out.extend((body.len() as u16 + 2).to_be_bytes());
            out.extend(*body);
        }
        out.extend([0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0xD9]);
        out
    }

    fn stamp() -> Stamp {
        Stamp {
            seq: 42,
            captured_unix_us: 1_732_264_380_123_456,
            latency_us: Some(41_250),
            quality: Some(80),
            interval: Some(Duration::from_millis(40)),
            ack: true,
            name: Some("garden".parse().unwrap()),
        }
    }

    #[test]
    fn a_name_is_cut_where_a_line_has_less_room() {
        let name: Name = "garden".parse().unwrap();
        assert_eq!(format!("{name:.4}, {name}"), "gard, garden");
    }

    #[test]
    fn the_text_is_as_documented() {
        let segment = stamp().emit();
        let text = "pi-stream/1 seq=42 t=1732264380123456 lat=41250 q=80 fps=25 ack=1 name=garden";
        assert_eq!(&segment[4..], text.as_bytes());
        assert_eq!(Stamp::parse(text.as_bytes()), Some(stamp()));
    }

    #[test]
    fn a_stamp_goes_behind_the_leading_application_segments() {
        let plain = jpeg(&[(0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0"), (0xDB, b"table")]);
        let out = stamped(&plain, &stamp());
        let marks: Vec<u8> = markers::header_segments(&out).map(|s| s.marker).collect();
        assert_eq!(marks, [0xE0, 0xE1, 0xFE, 0xDB, 0xDA]);
        assert_eq!(Stamp::find(&out), Some(stamp()));
    }

    #[test]
    fn a_frame_bears_one_stamp_and_keeps_other_comments() {
        let plain = jpeg(&[(0xE0, b"JFIF\0"), (0xDB, b"table"), (COM, b"mine")]);
        let once = stamped(&plain, &stamp());
        let twice = stamped(&once, &Stamp { seq: 43, ..stamp() });
        assert_eq!(Stamp::find(&twice).unwrap().seq, 43);
        let is_comment = |segment: &markers::Segment| segment.marker == COM;
        let comments = markers::header_segments(&twice).filter(is_comment);
        assert_eq!(comments.count(), 2);
        let [head, middle, tail] = places(&twice);
        assert_eq!([&twice[head], &twice[middle], &twice[tail]].concat(), plain);
    }

    fn kept(jpeg: &[u8]) -> Vec<u8> {
        let (head, stamp, tail) = without_ack(jpeg);
        [head, &stamp, tail].concat()
    }

    #[test]
    fn a_recording_asks_for_no_acks() {
        let kept = kept(&stamped(&jpeg(&[]), &stamp()));
        assert_eq!(
            Stamp::find(&kept),
            Some(Stamp {
                ack: false,
                ..stamp()
            })
        );
    }

    #[test]
    fn clearing_the_ack_leaves_every_other_byte_alone() {
        let asks = b"pi-stream/1 ack=1 seq=1 new=thing t=2  name=%41 ack=1";
        let without = b"pi-stream/1 seq=1 new=thing t=2  name=%41";
        // Behind other segments, where we would not put it.
        let wrap = |text: &[u8]| jpeg(&[(0xE0, b"JFIF\0"), (0xDB, b"table"), (COM, text)]);
        assert_eq!(kept(&wrap(asks)), wrap(without));
        assert_eq!(kept(&wrap(without)), wrap(without));
        assert_eq!(kept(b"no picture"), b"no picture");
    }

    #[test]
    fn unknown_keys_are_skipped_and_bad_values_are_no_stamp() {
        assert!(Stamp::parse(b"pi-stream/1 seq=1 t=2 new=thing flag").is_some());
        for bad in [
            &b"pi-stream/1 seq=1"[..],
            b"pi-stream/1 seq=-1 t=2",
            b"pi-stream/1 seq=1 t=2 q=101",
            b"pi-stream/2 seq=1 t=2",
            b"pi-stream/1 seq=1 t=2 name=\x1b[31m",
            &[b'x'; 300],
        ] {
            assert_eq!(Stamp::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_rate_that_none_can_have_is_not_believed() {
        let interval = |fps: &str| {
            let text = format!("pi-stream/1 seq=1 t=2 fps={fps} q=80");
            let stamp = Stamp::parse(text.as_bytes()).unwrap();
            assert_eq!(stamp.quality, Some(80));
            stamp.interval
        };
        assert_eq!(interval("0.01"), Some(Duration::from_secs(100)));
        assert_eq!(interval("1000"), Some(Duration::from_millis(1)));
        for bad in ["0", "-1", "0.009", "1001", "1e99", "inf", "NaN", "", "x"] {
            assert_eq!(interval(bad), None, "{bad}");
        }
        let silent = Stamp {
            interval: Some(Duration::from_secs(200)),
            ..Stamp::default()
        };
        assert!(!String::from_utf8_lossy(&silent.emit()).contains("fps"));
    }

    #[test]
    fn a_name_from_the_network_is_harmless() {
        let text = b"pi-stream/1 seq=1 t=2 name=..%2Fetc%1b%5Bpass wd";
        let name = Stamp::parse(text).unwrap().name.unwrap();
        assert_eq!(name.as_str(), "etcpass");
        assert_eq!(Name::reduced(".../"), None);
        assert_eq!(
            Name::reduced(&"x".repeat(200)).unwrap().as_str().len(),
            MAX_NAME
        );
        assert!(".hidden".parse::<Name>().is_err());
    }
}
