//! Parsers for the values of the camera's options; each error says what was expected.

use crate::args::units::{self, Table};
use crate::protocol::stamp::FPS;
use crate::source::camera::{HDR_SINGLE, Setting};

// rpicam-apps' names for a control's choices, each with libcamera's number.
pub(super) const AWB: Table = "auto=0 normal=0 incandescent=1 tungsten=2 fluorescent=3 indoor=4 daylight=5 \
                               cloudy=6 custom=7";
pub(super) const DENOISE: Table = "auto=1 off=0 cdn_off=3 cdn_fast=1 cdn_hq=2";
pub(super) const METERING: Table = "centre=0 spot=1 average=2 matrix=2 custom=3";
pub(super) const EXPOSURE: Table = "normal=0 sport=1 short=1 long=2 custom=3";
pub(super) const AF_MODE: Table = "manual=0 auto=1 continuous=2";
pub(super) const AF_RANGE: Table = "normal=0 macro=1 full=2";
pub(super) const AF_SPEED: Table = "normal=0 fast=1";

/// A parser for an option that sets a control to the typed value.
pub(super) fn sets(
    flag: &'static str,
    control: &'static str,
    value: impl Fn(&str) -> Result<String, String> + Clone,
) -> impl Fn(&str) -> Result<Setting, String> + Clone {
    move |text| {
        let value = value(text)?;
        Ok(Setting::new(Some(format!("{flag} {text}")), control, value))
    }
}

/// A parser for one of the names.
pub(super) fn named(names: Table) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| {
        let number = units::look_up(names, text).map(str::to_owned);
        number.ok_or_else(|| {
            let known = Vec::from_iter(units::entries(names).map(|(name, _)| name));
            format!("expected one of {}", known.join(", "))
        })
    }
}

pub(super) fn number(text: &str) -> Result<String, String> {
    numbers::<1>(text, |_| true, "a number")
}

pub(super) fn factor(text: &str) -> Result<String, String> {
    numbers::<1>(text, |[factor]| factor > 0.0, "a number above 0")
}

pub(super) fn gains(text: &str) -> Result<String, String> {
    let expected = "two numbers above 0, for instance 1.5,1.2";
    numbers::<2>(text, |gains| gains.iter().all(|gain| *gain > 0.0), expected)
}

pub(super) fn lens(text: &str) -> Result<String, String> {
    let expected = "dioptres (0 is infinity, 2 is half a metre) or \"default\"";
    numbers::<1>(text, |[dioptres]| dioptres >= 0.0, expected)
}

/// A time in whole microseconds.
pub(super) fn micros(text: &str) -> Result<String, String> {
    let time = units::time("1us"..=units::LONGEST, "microseconds")(text)?;
    Ok((time.as_secs_f64() * 1e6).round().to_string())
}

pub(super) fn window(text: &str) -> Result<String, String> {
    let inside = |from: f64, by: f64| from >= 0.0 && by > 0.0 && from + by <= 1.0 + 1e-6;
    let expected = "x,y,width,height within 0 to 1, for instance 0.25,0.25,0.5,0.5";
    let fits = |[x, y, w, h]: [f64; 4]| inside(x, w) && inside(y, h);
    numbers(text, fits, expected)
}

/// `auto` takes HDR where the camera has it, and `off` is what a camera without it does anyway: only `single-exp`
/// requires it.
pub(super) fn hdr(text: &str) -> Result<Setting, String> {
    let asked = Some(format!("--hdr={text}"));
    match text {
        "off" => Ok(Setting::optional("HdrMode", "0")),
        "auto" => Ok(Setting::optional("HdrMode", HDR_SINGLE)),
        "single-exp" => Ok(Setting::new(asked, "HdrMode", HDR_SINGLE)),
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
    Ok(Setting::new(Some(format!("--control {text}")), name, value))
}

/// `W:H[:BITS[:P|U]]`, without the packing: rpicam-apps takes it, and it makes no difference to what is sent.
pub(super) fn mode(text: &str) -> Result<String, String> {
    let packings = [":P", ":U", ":p", ":u"];
    let unpacked = packings.iter().find_map(|end| text.strip_suffix(end));
    let mode = unpacked.unwrap_or(text);
    let is_number = |part: &str| part.parse().is_ok_and(|number: u32| number > 0);
    let fits = (2..=3).contains(&mode.split(':').count()) && mode.split(':').all(is_number);
    let expected = "expected W:H or W:H:BITS, for instance 1640:1232";
    fits.then(|| mode.into()).ok_or(expected.into())
}

/// Pictures a second, or without end.
pub(super) fn sensor_fps(text: &str) -> Result<f64, String> {
    match text {
        "max" => Ok(f64::INFINITY),
        _ => units::number(FPS, "pictures a second, or max")(text),
    }
}

/// The text, where it is `N` numbers that fit, with commas between them, or the camera's own default.
fn numbers<const N: usize>(
    text: &str,
    fits: impl Fn([f64; N]) -> bool,
    expected: &str,
) -> Result<String, String> {
    let number = |part: &str| part.trim().parse().ok().filter(|n: &f64| n.is_finite());
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    let numbers = numbers.and_then(|numbers| numbers.try_into().ok());
    let is_right = text == "default" || numbers.is_some_and(fits);
    let message = || format!("expected {expected}");
    is_right.then(|| text.into()).ok_or_else(message)
}
