//! Values of controls: from numbers and text into libcamera's types, and from those into JSON.
//!
//! Types that no settable control of a Raspberry Pi's or a USB camera has (text, sizes, points, unsigned numbers)
//! are left out: such a control is listed without a range, and cannot be set.

use std::fmt::Display;

use libcamera::control_value::{ControlType, ControlValue};
use libcamera::geometry::Rectangle;
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
        // The binding hands a list of one over as no list, and libcamera ends the process at that. A window
        // that is given twice is the same to the autofocus; of other lists nobody can say so.
        Shape::Any | Shape::Fixed(_) if count == 1 => match (&entry.name[..], value) {
            (AF_WINDOWS, ControlValue::Rectangle(window)) => Ok(vec![window[0]; 2].into()),
            _ => Err("lists of a single value cannot be given; expected two or more".into()),
        },
        _ => Ok(value),
    }
}

/// Reads text for this control: numbers, `true` and `false`, or names of its choices.
pub(super) fn parse(entry: &Entry, text: &str) -> Result<Vec<f64>, String> {
    let one = |part: &str| match part.trim() {
        "true" | "on" | "yes" => Some(1.0),
        "false" | "off" | "no" => Some(0.0),
        part => {
            let choice = entry.choices.iter().find(|(_, name)| name == part);
            let choice = choice.map(|(value, _)| f64::from(*value));
            choice.or_else(|| part.parse().ok().filter(|number: &f64| number.is_finite()))
        }
    };
    let given: Option<Vec<f64>> = text.split(',').map(one).collect();
    given.ok_or_else(|| format!("expected {}", entry.expected()))
}

/// A value as it is listed: a number or a switch, or a list of them; null for types that are left out.
pub(super) fn json(value: &ControlValue) -> Json {
    let sides = |area: &Rectangle| [area.x, area.y, area.width as i32, area.height as i32];
    let mut list = match value {
        ControlValue::Bool(values) => written(values),
        ControlValue::Int32(values) => written(values),
        ControlValue::Int64(values) => written(values),
        ControlValue::Float(values) => written(values),
        ControlValue::Rectangle(areas) => written(&Vec::from_iter(areas.iter().flat_map(sides))),
        _ => Vec::new(),
    };
    match list.len() {
        0 => Json::Null,
        1 => list.remove(0),
        _ => list.into(),
    }
}

/// Each value by its text, which is the shortest for an f32: 0.1 rather than 0.10000000149, and 32 rather than 32.0.
fn written(values: &[impl Display]) -> Vec<Json> {
    let one = |value: String| serde_json::from_str(&value).unwrap_or(Json::Null);
    values.iter().map(|value| one(value.to_string())).collect()
}

/// The numbers in a value, a switch being 0 or 1.
pub(super) fn numbers(value: &Json) -> Vec<f64> {
    match value {
        Json::Array(list) => list.iter().flat_map(numbers).collect(),
        Json::Bool(bit) => vec![f64::from(u8::from(*bit))],
        number => number.as_f64().into_iter().collect(),
    }
}

/// The value for people, as [`parse`] takes it.
pub(super) fn show(value: &Json) -> String {
    match value {
        Json::Null => "none".into(),
        Json::Array(list) => Vec::from_iter(list.iter().map(show)).join(","),
        other => other.to_string(),
    }
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
