//! Parsers for the values of the camera's options; each error says what was expected.

use std::time::Duration;

use crate::args::units;
use crate::camera::{Mode, Setting, Value};

/// rpicam-apps' names for a control's choices, each with libcamera's number.
pub(super) type Names = &'static str;

pub(super) const AWB: Names = "auto=0 normal=0 incandescent=1 tungsten=2 fluorescent=3 indoor=4 daylight=5 \
                               cloudy=6 custom=7";
pub(super) const DENOISE: Names = "auto=1 off=0 cdn_off=3 cdn_fast=1 cdn_hq=2";
pub(super) const METERING: Names = "centre=0 spot=1 average=2 matrix=2 custom=3";
pub(super) const EXPOSURE: Names = "normal=0 sport=1 short=1 long=2 custom=3";
pub(super) const AF_MODE: Names = "manual=0 auto=1 continuous=2";
pub(super) const AF_RANGE: Names = "normal=0 macro=1 full=2";
pub(super) const AF_SPEED: Names = "normal=0 fast=1";

/// libcamera's numbers of the choices that are made here (control_ids_core.yaml, control_ids_draft.yaml).
pub(super) const DENOISE_FAST: f64 = 1.0;
pub(super) const AF_MANUAL: f64 = 0.0;
pub(super) const AF_AUTO: f64 = 1.0;
pub(super) const AF_CONTINUOUS: f64 = 2.0;
const HDR_SINGLE: f64 = 3.0;

/// A parser for an option that sets a control to the typed value.
pub(super) fn sets(
    flag: &'static str,
    control: &'static str,
    value: impl Fn(&str) -> Result<Value, String> + Clone,
) -> impl Fn(&str) -> Result<Setting, String> + Clone {
    move |text| {
        Ok(Setting::asked(
            format!("{flag} {text}"),
            control,
            value(text)?,
        ))
    }
}

/// A parser for one of the names.
pub(super) fn named(names: Names) -> impl Fn(&str) -> Result<Value, String> + Clone {
    move |text| {
        let choices = names.split(' ').filter_map(|choice| choice.split_once('='));
        let known = Vec::from_iter(choices.clone().map(|(name, _)| name)).join(", ");
        let found = choices.into_iter().find(|(name, _)| *name == text);
        let number = found.map_or("", |(_, number)| number);
        numbers::<1>(number, |_| true, &format!("one of {known}"))
    }
}

pub(super) fn number(text: &str) -> Result<Value, String> {
    numbers::<1>(text, |_| true, "a number")
}

pub(super) fn factor(text: &str) -> Result<Value, String> {
    numbers::<1>(text, |factor| factor > 0.0, "a number above 0")
}

pub(super) fn gains(text: &str) -> Result<Value, String> {
    let expected = "two numbers above 0, for instance 1.5,1.2";
    numbers::<2>(text, |gain| gain > 0.0, expected)
}

pub(super) fn lens(text: &str) -> Result<Value, String> {
    let expected = "dioptres (0 is infinity, 2 is half a metre) or \"default\"";
    match text {
        "default" => Ok(Value::Default),
        _ => numbers::<1>(text, |dioptres| dioptres >= 0.0, expected),
    }
}

/// A time in whole microseconds.
pub(super) fn micros(text: &str) -> Result<Value, String> {
    let time = units::microseconds(Duration::from_micros(1)..=units::LONGEST)(text)?;
    Ok(Value::Numbers(vec![(time.as_secs_f64() * 1e6).round()]))
}

pub(super) fn window(text: &str) -> Result<Value, String> {
    let inside =
        |start: f64, length: f64| start >= 0.0 && length > 0.0 && start + length <= 1.0 + 1e-6;
    match finite(text) {
        Some([x, y, w, h]) if inside(x, w) && inside(y, h) => Ok(Value::Window([x, y, w, h])),
        _ => Err("expected x,y,width,height within 0 to 1, for instance 0.25,0.25,0.5,0.5".into()),
    }
}

/// `auto` takes HDR where the camera has it, and `off` is what a camera without it does anyway: only `single-exp`
/// requires it.
pub(super) fn hdr(text: &str) -> Result<Setting, String> {
    match text {
        "off" => Ok(Setting::optional("HdrMode", &[0.0])),
        "auto" => Ok(Setting::optional("HdrMode", &[HDR_SINGLE])),
        "single-exp" => {
            let value = Value::Numbers(vec![HDR_SINGLE]);
            Ok(Setting::asked(format!("--hdr={text}"), "HdrMode", value))
        }
        "sensor" => Err(
            "the sensor's own HDR is switched outside of libcamera: `v4l2-ctl --set-ctrl \
             wide_dynamic_range=1 -d /dev/v4l-subdev0`, then start without --hdr"
                .into(),
        ),
        _ => Err("expected off, auto or single-exp".into()),
    }
}

pub(super) fn control(text: &str) -> Result<Setting, String> {
    let pair = text.split_once('=');
    let (name, value) = pair
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or("expected NAME=VALUE, for instance Sharpness=2 (--list-cameras names them)")?;
    let value = Value::Text(value.into());
    Ok(Setting::asked(format!("--control {text}"), name, value))
}

/// `W:H[:BITS[:P|U]]`; the packing, which rpicam-apps takes, makes no difference to what is sent.
pub(super) fn mode(text: &str) -> Result<Mode, String> {
    let number = |part: &str| part.parse().ok().filter(|number| *number > 0);
    let read = || {
        let parts: Vec<&str> = text.split(':').collect();
        let (&[width, height], rest) = parts.split_first_chunk()?;
        let bits = match rest {
            [] => None,
            [bits] | [bits, "P" | "U" | "p" | "u"] => Some(number(bits)?),
            _ => return None,
        };
        Some(Mode {
            width: number(width)?,
            height: number(height)?,
            bits,
        })
    };
    read().ok_or_else(|| "expected W:H or W:H:BITS, for instance 1640:1232".into())
}

/// `N` numbers that all fit, with commas between them.
fn numbers<const N: usize>(
    text: &str,
    fits: fn(f64) -> bool,
    expected: &str,
) -> Result<Value, String> {
    let numbers = finite::<N>(text).filter(|numbers| numbers.iter().all(|n| fits(*n)));
    let numbers = numbers.ok_or_else(|| format!("expected {expected}"))?;
    Ok(Value::Numbers(numbers.into()))
}

fn finite<const N: usize>(text: &str) -> Option<[f64; N]> {
    let number = |part: &str| part.trim().parse().ok().filter(|n: &f64| n.is_finite());
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    numbers?.try_into().ok()
}
