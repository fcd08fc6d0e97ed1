//! The texts of the camera's options, read one by one: each answers with what was expected.

use std::time::Duration;

use crate::args::units;
use crate::camera::{Mode, Need, Setting, Value};

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

/// A parser for an option that sets a control to the value that is typed.
pub(super) fn sets<F>(
    flag: &'static str,
    control: &'static str,
    value: F,
) -> impl Fn(&str) -> Result<Setting, String> + Clone
where
    F: Fn(&str) -> Result<Value, String> + Clone,
{
    move |text| {
        let asked = format!("{flag} {text}");
        Ok(Setting::new(asked, control, value(text)?, Need::Required))
    }
}

/// A parser for one of the names.
pub(super) fn named(names: Names) -> impl Fn(&str) -> Result<Value, String> + Clone {
    move |text| {
        let choices = names.split(' ').filter_map(|choice| choice.split_once('='));
        let known = Vec::from_iter(choices.clone().map(|(name, _)| name)).join(", ");
        let found = choices.into_iter().find(|(name, _)| *name == text);
        let number = found.and_then(|(_, number)| finite(number));
        value(number.map(|number| [number]), &format!("one of {known}"))
    }
}

pub(super) fn number(text: &str) -> Result<Value, String> {
    value(finite(text).map(|number| [number]), "a number")
}

pub(super) fn factor(text: &str) -> Result<Value, String> {
    let factor = finite(text).filter(|number| *number > 0.0);
    value(factor.map(|number| [number]), "a number above 0")
}

/// A time in whole microseconds; what the camera makes of it is its own table's to say.
pub(super) fn micros(text: &str) -> Result<Value, String> {
    let time = units::microseconds(Duration::from_micros(1)..=units::LONGEST)(text)?;
    Ok(Value::Numbers(vec![(time.as_secs_f64() * 1e6).round()]))
}

pub(super) fn gains(text: &str) -> Result<Value, String> {
    let gains = finites::<2>(text).filter(|gains| gains.iter().all(|gain| *gain > 0.0));
    value(gains, "two numbers above 0, for instance 1.5,1.2")
}

pub(super) fn window(text: &str) -> Result<Value, String> {
    let inside =
        |start: f64, length: f64| start >= 0.0 && length > 0.0 && start + length <= 1.0 + 1e-6;
    match finites(text) {
        Some([x, y, w, h]) if inside(x, w) && inside(y, h) => Ok(Value::Window([x, y, w, h])),
        _ => Err("expected x,y,width,height within 0 to 1, for instance 0.25,0.25,0.5,0.5".into()),
    }
}

pub(super) fn lens(text: &str) -> Result<Value, String> {
    if text == "default" {
        return Ok(Value::Default);
    }
    let dioptres = finite(text).filter(|number| *number >= 0.0);
    let expected = "dioptres (0 is infinity, 2 is half a metre) or \"default\"";
    value(dioptres.map(|number| [number]), expected)
}

/// Only one of the modes is an error where the camera has none: nobody minds an HDR that is off already.
pub(super) fn hdr(text: &str) -> Result<Setting, String> {
    let (number, need) = match text {
        "off" => (0.0, Need::IfThere),
        "auto" => (HDR_SINGLE, Need::IfThere),
        "single-exp" => (HDR_SINGLE, Need::Required),
        "sensor" => {
            return Err(
                "the sensor's own HDR is switched outside of libcamera: `v4l2-ctl --set-ctrl \
                 wide_dynamic_range=1 -d /dev/v4l-subdev0`, then start without --hdr"
                    .into(),
            );
        }
        _ => return Err("expected off, auto or single-exp".into()),
    };
    let value = Value::Numbers(vec![number]);
    Ok(Setting::new(
        format!("--hdr={text}"),
        "HdrMode",
        value,
        need,
    ))
}

pub(super) fn control(text: &str) -> Result<Setting, String> {
    let pair = text.split_once('=');
    let (name, value) = pair
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or("expected NAME=VALUE, for instance Sharpness=2 (--list-cameras names them)")?;
    let asked = format!("--control {text}");
    Ok(Setting::new(
        asked,
        name,
        Value::Text(value.into()),
        Need::Required,
    ))
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

fn value<const N: usize>(numbers: Option<[f64; N]>, expected: &str) -> Result<Value, String> {
    let numbers = numbers.ok_or_else(|| format!("expected {expected}"))?;
    Ok(Value::Numbers(numbers.into()))
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// So many numbers, with commas.
fn finites<const N: usize>(text: &str) -> Option<[f64; N]> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| finite(part.trim())).collect();
    numbers?.try_into().ok()
}
