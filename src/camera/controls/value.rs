//! Values of controls, between libcamera's types, numbers and text.
//!
//! Text is what `--list-cameras` shows and `--control` takes: numbers, `true` or `false`, with commas between them,
//! and `none` for the types that no settable control of a Raspberry Pi's or a USB camera has (text, sizes, points,
//! unsigned numbers): such a control is listed without a range, and cannot be set.

use std::fmt::Display;

use libcamera::control_value::{ControlType, ControlValue};
use libcamera::geometry::Rectangle;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::{Entry, Shape};

/// The control whose single value may be given twice; see [`make`].
const AF_WINDOWS: &str = "AfWindows";

/// The numbers as a value of the control's type.
pub(super) fn make(entry: &Entry, given: &[f64]) -> Result<ControlValue, String> {
    let value: ControlValue = match entry.kind {
        ControlType::Bool => bits(given)?.into(),
        ControlType::Int32 => whole::<i32>(given)?.into(),
        ControlType::Int64 => whole::<i64>(given)?.into(),
        ControlType::Float => Vec::from_iter(given.iter().map(|number| *number as f32)).into(),
        ControlType::Rectangle => rectangles(given)?.into(),
        _ => return Err("controls of its type cannot be set".into()),
    };
    let count = match entry.kind {
        ControlType::Rectangle => given.len() / 4,
        _ => given.len(),
    };
    match entry.shape {
        Shape::Single if count != 1 => Err(format!("expected one value, not {count}")),
        Shape::Fixed(size) if count != size => Err(format!("expected {size} values, not {count}")),
        // The binding passes a list of one on as a single value, and libcamera ends the process at that. To the
        // autofocus a window given twice is the same; of other lists nobody can say so.
        Shape::Any | Shape::Fixed(_) if count == 1 => match (&entry.name[..], value) {
            (AF_WINDOWS, ControlValue::Rectangle(window)) => Ok(vec![window[0]; 2].into()),
            _ => Err("lists of a single value cannot be given; expected two or more".into()),
        },
        _ => Ok(value),
    }
}

/// Parses text for this control, which may also name its choices.
pub(super) fn parse(entry: &Entry, text: &str) -> Result<Vec<f64>, String> {
    let one = |part: &str| {
        let choice = entry.choices.iter().find(|(_, name)| name == part.trim());
        let choice = choice.map(|(value, _)| f64::from(*value));
        choice.or_else(|| number(part))
    };
    let given: Option<Vec<f64>> = text.split(',').map(one).collect();
    given.ok_or_else(|| format!("expected {}", entry.expected()))
}

/// The numbers in a text, a switch being 0 or 1; empty for `none`.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    text.split(',').filter_map(number).collect()
}

fn number(text: &str) -> Option<f64> {
    match text.trim() {
        "true" | "on" | "yes" => Some(1.0),
        "false" | "off" | "no" => Some(0.0),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// The value's text.
pub(super) fn text(value: &ControlValue) -> String {
    let sides = |area: &Rectangle| [area.x, area.y, area.width as i32, area.height as i32];
    let text = match value {
        ControlValue::Bool(values) => joined(values),
        ControlValue::Int32(values) => joined(values),
        ControlValue::Int64(values) => joined(values),
        // As `f32`s they have the shortest text: 0.1 rather than 0.10000000149.
        ControlValue::Float(values) => joined(values),
        ControlValue::Rectangle(areas) => joined(areas.iter().flat_map(sides)),
        _ => String::new(),
    };
    match text.is_empty() {
        true => NONE.into(),
        false => text,
    }
}

/// The text of what has no value.
pub(super) const NONE: &str = "none";

fn joined(values: impl IntoIterator<Item = impl Display>) -> String {
    let values = values.into_iter().map(|value| value.to_string());
    Vec::from_iter(values).join(",")
}

/// Serializes a value's text: a number or a switch, a list of them, or null.
pub(super) fn json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let single = serde_json::from_str(text);
    let value = single.or_else(|_| serde_json::from_str(&format!("[{text}]")));
    value.unwrap_or(Json::Null).serialize(serializer)
}

fn bits(given: &[f64]) -> Result<Vec<bool>, String> {
    let bit = |number: &f64| [0.0, 1.0].contains(number).then_some(*number == 1.0);
    let bits: Option<_> = given.iter().map(bit).collect();
    bits.ok_or("expected true or false".into())
}

/// Below 2^53 every whole number is exact in an f64; no control goes that far.
const EXACT: f64 = 9e15;

/// Whole numbers within the type.
fn whole<T: TryFrom<i64>>(given: &[f64]) -> Result<Vec<T>, String> {
    let one = |number: &f64| {
        let whole = number.fract() == 0.0 && number.abs() < EXACT;
        let fitting = whole.then(|| T::try_from(*number as i64).ok()).flatten();
        fitting.ok_or_else(|| format!("expected a whole number, not {number}"))
    };
    given.iter().map(one).collect()
}

fn rectangles(given: &[f64]) -> Result<Vec<Rectangle>, String> {
    if given.len() % 4 != 0 {
        return Err("expected x,y,width,height".into());
    }
    let area = |area: &[f64]| {
        let (position, size) = (whole(&area[..2])?, whole(&area[2..])?);
        Ok(Rectangle {
            x: position[0],
            y: position[1],
            width: size[0],
            height: size[1],
        })
    };
    given.chunks_exact(4).map(area).collect()
}
