//! Times, amounts, picture sizes and rotations as they are typed.
//!
//! Text in, a plain value out, or what was expected, which clap shows beside the option and the value. All options of
//! both programs that take one of these parse it here.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::TypedValueParser;

/// The longest time where nothing else bounds an option: a century, by which any clock can be moved.
pub(crate) const LONGEST: &str = "36500d";

/// Names, each with what it stands for: `"one=1 two=2"`.
pub(super) type Table = &'static str;

/// Units of time, in seconds: rpicam's, the short ones of other tools, and those of bare numbers.
const TIMES: Table = "d=86400 h=3600 min=60 m=60 s=1 sec=1 ms=1e-3 us=1e-6 ns=1e-9 \
                      seconds=1 microseconds=1e-6";

/// Multiples of one, in lower case: `M` is a million, as disks and networks count, and `Mi` is 2^20.
const MULTIPLES: Table = "=1 k=1e3 m=1e6 g=1e9 t=1e12 \
                          ki=1024 mi=1048576 gi=1073741824 ti=1099511627776";

/// Sizes of pictures that have names.
const SIZES: Table = "vga=640x480 720p=1280x720 1080p=1920x1080";

/// The names of a table, and what each stands for.
pub(super) fn entries(table: Table) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.split(' ').filter_map(|entry| entry.split_once('='))
}

/// What a name of a table stands for.
pub(super) fn look_up(table: Table, name: &str) -> Option<&'static str> {
    entries(table).find_map(|(known, value)| (known == name).then_some(value))
}

/// A parser for times; `bare` is the unit of a bare number, and the bounds are typed as any time is.
pub(crate) fn time(
    range: RangeInclusive<&'static str>,
    bare: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    let parse = move |text: &str| Duration::try_from_secs_f64(scaled(text, TIMES, bare)?).ok();
    move |text| {
        let (least, most) = (*range.start(), *range.end());
        let bounds = parse(least)..=parse(most);
        let time = parse(text).filter(|time| bounds.contains(&Some(*time)));
        time.ok_or_else(|| {
            format!(
                "expected a time from {least} to {most}: {bare}, or with a unit, as in 500ms, 2s, 10min, 1h"
            )
        })
    }
}

/// A parser for times in seconds, of which 0 is never: [`Duration::MAX`].
pub(crate) fn time_or_never() -> impl TypedValueParser<Value = Duration> {
    let never = |time: Duration| if time.is_zero() { Duration::MAX } else { time };
    time("0"..=LONGEST, "seconds").map(never)
}

/// A parser for sizes in bytes: `4096`, `500k`, `64M`, `2GB`, `16MiB`.
pub(crate) fn bytes(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    let words = " bytes, or with a unit, as in 500k, 64M, 2GB";
    amount(range, &['b', 'B'], words)
}

/// A parser for large numbers of anything: `4096`, `64M`.
pub(crate) fn count(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    amount(range, &[], ", as in 500k, 64M")
}

/// A parser for numbers of something that has no units.
pub(crate) fn number<T: FromStr + PartialOrd + Display + Clone>(
    range: RangeInclusive<T>,
    of: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected {} to {} {of}", range.start(), range.end()))
    }
}

/// A parser for the width and height of a picture or a window: `1280x720`, or one of [`SIZES`] by name.
pub(crate) fn size(
    widths: RangeInclusive<u32>,
    heights: RangeInclusive<u32>,
) -> impl Fn(&str) -> Result<(u32, u32), String> + Clone {
    move |text| {
        let sides = look_up(SIZES, text).unwrap_or(text).split_once(['x', 'X']);
        let size = sides.and_then(|(width, height)| {
            let size = (width.parse().ok()?, height.parse().ok()?);
            (widths.contains(&size.0) && heights.contains(&size.1)).then_some(size)
        });
        size.ok_or_else(|| {
            let least = format!("{}x{}", widths.start(), heights.start());
            let most = format!("{}x{}", widths.end(), heights.end());
            format!("expected WIDTHxHEIGHT from {least} to {most}, vga, 720p or 1080p")
        })
    }
}

/// Parses a clockwise rotation in degrees; in quarter turns.
pub(crate) fn quarters(text: &str) -> Result<u8, String> {
    let found = look_up("0=0 90=1 180=2 270=3", text);
    let quarters = found.and_then(|quarters| quarters.parse().ok());
    quarters.ok_or_else(|| "expected 0, 90, 180 or 270 degrees, clockwise".into())
}

/// Whole numbers with a multiple, of which one of the `suffixes` is taken off first.
fn amount(
    range: RangeInclusive<u64>,
    suffixes: &'static [char],
    words: &'static str,
) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        let number = text.strip_suffix(suffixes).unwrap_or(text);
        let number = scaled(&number.to_ascii_lowercase(), MULTIPLES, "").map(f64::round);
        // A float that is too large for it, or below 0, becomes the nearest u64: in no range that is less.
        let whole = number.filter(|number| *number >= 0.0).map(|n| n as u64);
        let whole = whole.filter(|whole| range.contains(whole));
        whole.ok_or_else(|| format!("expected {} to {}{words}", range.start(), range.end()))
    }
}

/// The number, times its unit or, without one, times `bare`.
fn scaled(text: &str, units: Table, bare: &str) -> Option<f64> {
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[number.len()..] {
        "" => bare,
        unit => unit,
    };
    let unit: f64 = look_up(units, unit)?.parse().ok()?;
    let number: f64 = number.trim_end().parse().ok()?;
    Some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<&str> = "0"..=LONGEST;

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
            assert_eq!(
                time(ANY, "seconds")(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        let micros = time(ANY, "microseconds");
        assert_eq!(micros("8333"), Ok(Duration::from_micros(8333)));
        assert_eq!(micros("10ms"), time(ANY, "seconds")("0.01"));
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
        let between = time("100ms"..="366d", "seconds");
        for text in [
            "", "s", "soon", "NaN", "inf", "-1", "1e300", "1e", "2 hours", "1h30", "0", "99ms",
            "367d",
        ] {
            let error = between(text).expect_err(text);
            assert!(error.contains("from 100ms to 366d: seconds"), "{error}");
        }
        let error = time("1us"..=LONGEST, "microseconds")("0").unwrap_err();
        assert!(
            error.contains("from 1us to 36500d: microseconds"),
            "{error}"
        );
        assert!(
            time(ANY, "seconds")("-1")
                .unwrap_err()
                .contains("from 0 to")
        );
        for text in ["", "M", "64Q", "-1", "1023", "1G5", "NaN", "1e300", "2G"] {
            let error = bytes(1024..=1 << 30)(text).expect_err(text);
            assert!(error.contains("1024 to 1073741824 bytes"), "{error}");
        }
    }
}
