//! The texts of the camera's options, read one by one: each answers with what was expected.

use std::time::Duration;

use super::{Control, Gains, Hdr, Lens, Mode, Window};
use crate::args::units;

/// A table of names and libcamera's numbers for them (rpicam-apps' names).
pub(super) type Names = &'static [(&'static str, f64)];

pub(super) const AWB: Names = &[
    ("auto", 0.0),
    ("normal", 0.0),
    ("incandescent", 1.0),
    ("tungsten", 2.0),
    ("fluorescent", 3.0),
    ("indoor", 4.0),
    ("daylight", 5.0),
    ("cloudy", 6.0),
    ("custom", 7.0),
];
pub(super) const DENOISE: Names = &[
    ("auto", 1.0),
    ("off", 0.0),
    ("cdn_off", 3.0),
    ("cdn_fast", 1.0),
    ("cdn_hq", 2.0),
];
pub(super) const METERING: Names = &[
    ("centre", 0.0),
    ("spot", 1.0),
    ("average", 2.0),
    ("matrix", 2.0),
    ("custom", 3.0),
];
pub(super) const EXPOSURE: Names = &[
    ("normal", 0.0),
    ("sport", 1.0),
    ("short", 1.0),
    ("long", 2.0),
    ("custom", 3.0),
];
pub(super) const AF_MODE: Names = &[("manual", 0.0), ("auto", 1.0), ("continuous", 2.0)];
pub(super) const AF_RANGE: Names = &[("normal", 0.0), ("macro", 1.0), ("full", 2.0)];
pub(super) const AF_SPEED: Names = &[("normal", 0.0), ("fast", 1.0)];

/// A parser for one of a table's names.
pub(super) fn named(names: Names) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        names
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, number)| *number)
            .ok_or_else(|| {
                let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
                format!("expected one of {}", names.join(", "))
            })
    }
}

/// A finite number.
pub(super) fn plain(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| "expected a number".into())
}

/// A finite number above nothing.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    plain(text)
        .ok()
        .filter(|number| *number > 0.0)
        .ok_or_else(|| "expected a number above 0".into())
}

/// A time in whole microseconds; what the camera makes of it is its own table's to say.
pub(super) fn micros(text: &str) -> Result<f64, String> {
    let time = units::microseconds(Duration::from_micros(1)..=units::LONGEST)(text)?;
    Ok((time.as_secs_f64() * 1e6).round())
}

/// `W:H[:BITS[:P|U]]`; the packing, which rpicam-apps takes, makes no difference to what is sent.
pub(super) fn mode(text: &str) -> Result<Mode, String> {
    let wrong = || "expected W:H or W:H:BITS, for instance 1640:1232".to_string();
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str| part.parse::<u32>().ok().filter(|number| *number > 0);
    let bits = match parts[..] {
        [_, _] => None,
        [_, _, bits] | [_, _, bits, "P" | "U" | "p" | "u"] => Some(number(bits).ok_or_else(wrong)?),
        _ => return Err(wrong()),
    };
    Ok(Mode {
        width: number(parts[0]).ok_or_else(wrong)?,
        height: number(parts[1]).ok_or_else(wrong)?,
        bits,
    })
}

pub(super) fn gains(text: &str) -> Result<Gains, String> {
    match numbers(text)[..] {
        [Some(red), Some(blue)] if red > 0.0 && blue > 0.0 => Ok(Gains(red, blue)),
        _ => Err("expected two numbers above 0, for instance 1.5,1.2".into()),
    }
}

pub(super) fn window(text: &str) -> Result<Window, String> {
    let inside =
        |start: f64, length: f64| start >= 0.0 && length > 0.0 && start + length <= 1.0 + 1e-6;
    match numbers(text)[..] {
        [Some(x), Some(y), Some(w), Some(h)] if inside(x, w) && inside(y, h) => {
            Ok(Window([x, y, w, h]))
        }
        _ => Err("expected x,y,width,height within 0 to 1, for instance 0.25,0.25,0.5,0.5".into()),
    }
}

fn numbers(text: &str) -> Vec<Option<f64>> {
    text.split(',')
        .map(|part| plain(part.trim()).ok())
        .collect()
}

pub(super) fn lens(text: &str) -> Result<Lens, String> {
    if text == "default" {
        return Ok(Lens::Default);
    }
    plain(text)
        .ok()
        .filter(|number| *number >= 0.0)
        .map(Lens::Dioptres)
        .ok_or_else(|| "expected dioptres (0 is infinity, 2 is half a metre) or \"default\"".into())
}

pub(super) fn hdr(text: &str) -> Result<Hdr, String> {
    match text {
        "off" => Ok(Hdr::Off),
        "auto" => Ok(Hdr::Auto),
        "single-exp" => Ok(Hdr::SingleExposure),
        "sensor" => Err(
            "the sensor's own HDR is switched outside of libcamera: `v4l2-ctl --set-ctrl \
             wide_dynamic_range=1 -d /dev/v4l-subdev0`, then start without --hdr"
                .into(),
        ),
        _ => Err("expected off, auto or single-exp".into()),
    }
}

pub(super) fn control(text: &str) -> Result<Control, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok(Control {
            name: name.into(),
            value: value.into(),
        }),
        _ => {
            Err("expected NAME=VALUE, for instance Sharpness=2 (--list-cameras names them)".into())
        }
    }
}
