//! Times and sizes as they are typed: a number, with a unit where it is not the option's own.
//!
//! Pure: text in, a plain value out, or what was expected, which clap says beside the option and the
//! value. Every option that takes a time or a size takes it through here.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest time where nothing else bounds an option: a century, which any clock can be moved by.
pub const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

/// Units of time, in seconds: rpicam's, and the short ones of other tools.
const TIMES: &[(&str, f64)] = &[
    ("d", 86_400.0),
    ("h", 3600.0),
    ("min", 60.0),
    ("m", 60.0),
    ("s", 1.0),
    ("sec", 1.0),
    ("ms", 1e-3),
    ("us", 1e-6),
    ("ns", 1e-9),
];

/// Multiples of one, in lower case: `M` is a million, as disks and networks count, and `Mi` is 2^20.
const MULTIPLES: &[(&str, f64)] = &[
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("t", 1e12),
    ("ki", 1024.0),
    ("mi", 1_048_576.0),
    ("gi", 1_073_741_824.0),
    ("ti", 1_099_511_627_776.0),
];

/// A parser for times of which a bare number is seconds.
pub fn seconds(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    time(range, "seconds", 1.0)
}

/// A parser for times of which a bare number is microseconds.
pub fn microseconds(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    time(range, "microseconds", 1e-6)
}

/// A parser for sizes in bytes: `4096`, `500k`, `64M`, `2GB`, `16MiB`.
pub fn bytes(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        let text = text.strip_suffix(['b', 'B']).unwrap_or(text);
        count_in(text, &range).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("expected {least} to {most} bytes, or with a unit, as in 500k, 64M, 2GB")
        })
    }
}

/// A parser for large numbers of anything: `4096`, `64M`.
pub fn count(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        count_in(text, &range).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("expected {least} to {most}, as in 500k, 64M")
        })
    }
}

fn time(
    range: RangeInclusive<Duration>,
    bare: &'static str,
    in_seconds: f64,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        scaled(text, TIMES, in_seconds)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|time| range.contains(time))
            .ok_or_else(|| {
                let (least, most) = (typed(*range.start()), typed(*range.end()));
                format!(
                    "expected a time from {least} to {most}: {bare}, or with a unit, as in 500ms, 2s, 10min, 1h"
                )
            })
    }
}

fn count_in(text: &str, range: &RangeInclusive<u64>) -> Option<u64> {
    let number = scaled(&text.to_ascii_lowercase(), MULTIPLES, 1.0)?.round();
    // A float that is too large for it, or below 0, becomes the nearest u64: in no range that is less.
    let whole = number as u64;
    (number >= 0.0 && range.contains(&whole)).then_some(whole)
}

/// The number, times its unit or, without one, times `bare`.
fn scaled(text: &str, units: &[(&str, f64)], bare: f64) -> Option<f64> {
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[number.len()..] {
        "" => bare,
        unit => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    let number: f64 = number.trim_end().parse().ok()?;
    Some(number * unit)
}

/// A time as it can be typed, in the largest unit that makes it a whole number.
fn typed(time: Duration) -> String {
    let whole = |unit: f64| {
        let nanos = (unit * 1e9) as u128;
        (time.as_nanos() % nanos == 0).then(|| time.as_nanos() / nanos)
    };
    TIMES
        .iter()
        .find_map(|(name, unit)| whole(*unit).map(|number| format!("{number}{name}")))
        .filter(|_| !time.is_zero())
        .unwrap_or_else(|| "0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

    #[test]
    fn a_time_is_a_number_with_a_unit_or_in_the_options_own() {
        for (text, ms) in [
            ("10", 10_000),
            ("0.5", 500),
            ("0", 0),
            ("500ms", 500),
            ("2s", 2000),
            ("2 sec", 2000),
            ("10min", 600_000),
            ("10m", 600_000),
            ("1.5h", 5_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(seconds(ANY)(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        let micros = microseconds(ANY);
        assert_eq!(micros("8333"), Ok(Duration::from_micros(8333)));
        assert_eq!(micros("10ms"), seconds(ANY)("0.01"));
        assert_eq!(micros("250ns"), Ok(Duration::from_nanos(250)));
    }

    #[test]
    fn a_size_is_a_number_with_or_without_a_multiple() {
        for (text, expected) in [
            ("4096", 4096),
            ("500k", 500_000),
            ("500KB", 500_000),
            ("64M", 64_000_000),
            ("2gb", 2_000_000_000),
            ("1.1G", 1_100_000_000),
            ("16MiB", 16 << 20),
            ("1Ti", 1 << 40),
        ] {
            assert_eq!(bytes(0..=u64::MAX)(text), Ok(expected), "{text}");
        }
        assert_eq!(count(0..=u64::MAX)("64M"), Ok(64_000_000));
        assert!(count(0..=u64::MAX)("64MB").is_err());
    }

    #[test]
    fn what_is_none_or_out_of_bounds_is_answered_with_what_was_expected() {
        let between = seconds(Duration::from_millis(100)..=Duration::from_secs(31_622_400));
        for text in [
            "", "s", "soon", "NaN", "inf", "-1", "1e300", "1e", "2 hours", "1h30", "0", "99ms",
            "367d",
        ] {
            let error = between(text).expect_err(text);
            assert!(error.contains("from 100ms to 366d: seconds"), "{error}");
        }
        let error = microseconds(Duration::from_micros(1)..=LONGEST)("0").unwrap_err();
        assert!(
            error.contains("from 1us to 36500d: microseconds"),
            "{error}"
        );
        assert!(seconds(ANY)("-1").unwrap_err().contains("from 0 to"));
        for text in ["", "M", "64Q", "-1", "1023", "1G5", "NaN", "1e300", "2G"] {
            let error = bytes(1024..=1 << 30)(text).expect_err(text);
            assert!(error.contains("1024 to 1073741824 bytes"), "{error}");
        }
    }
}
