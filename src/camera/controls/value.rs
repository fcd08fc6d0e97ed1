//! Values of controls: from numbers and text into libcamera's types, and from those into JSON.
//!
//! Text, sizes and points are left out: a camera has such properties, and tells such things of a picture, but no
//! control that can be set is one.

use libcamera::control_value::{ControlType, ControlValue};
use libcamera::geometry::Rectangle;
use serde_json::Value as Json;

use super::{Entry, Shape};

/// The control whose single value may be given twice; see [`make`].
const AF_WINDOWS: &str = "AfWindows";

/// The value of the control's type that these numbers are.
pub(super) fn make(entry: &Entry, given: &[f64]) -> Result<ControlValue, String> {
    let (value, count): (ControlValue, usize) = match entry.kind {
        ControlType::Bool => (bits(given)?.into(), given.len()),
        ControlType::Byte => (whole::<u8>(given)?.into(), given.len()),
        ControlType::Uint16 => (whole::<u16>(given)?.into(), given.len()),
        ControlType::Uint32 => (whole::<u32>(given)?.into(), given.len()),
        ControlType::Int32 => (whole::<i32>(given)?.into(), given.len()),
        ControlType::Int64 => (whole::<i64>(given)?.into(), given.len()),
        ControlType::Float => {
            let floats: Vec<f32> = given.iter().map(|number| *number as f32).collect();
            (floats.into(), given.len())
        }
        ControlType::Rectangle => (rectangles(given)?.into(), given.len() / 4),
        _ => return Err("controls of its type cannot be set".into()),
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

/// The numbers that the text is for this control: numbers, `true` and `false`, or names of its choices.
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

/// A value as it is listed: a number or a switch, or a list of them.
pub(super) fn json(value: &ControlValue) -> Json {
    let mut list: Vec<Json> = match value {
        ControlValue::Bool(values) => values.iter().map(|bit| (*bit).into()).collect(),
        ControlValue::Byte(values) => values.iter().map(|number| (*number).into()).collect(),
        ControlValue::Uint16(values) => values.iter().map(|number| (*number).into()).collect(),
        ControlValue::Uint32(values) => values.iter().map(|number| (*number).into()).collect(),
        ControlValue::Int32(values) => values.iter().map(|number| (*number).into()).collect(),
        ControlValue::Int64(values) => values.iter().map(|number| (*number).into()).collect(),
        ControlValue::Float(values) => values.iter().map(|number| float(*number)).collect(),
        ControlValue::Rectangle(areas) => areas
            .iter()
            .flat_map(|area| {
                [
                    area.x.into(),
                    area.y.into(),
                    area.width.into(),
                    area.height.into(),
                ]
            })
            .collect(),
        _ => Vec::new(),
    };
    match list.len() {
        0 => Json::Null,
        1 => list.remove(0),
        _ => list.into(),
    }
}

/// The number that an f32 was written as: 0.1 rather than 0.10000000149, and whole ones without a fraction.
fn float(number: f32) -> Json {
    let shortest: f64 = number.to_string().parse().unwrap_or(f64::from(number));
    match shortest.fract() == 0.0 && shortest.abs() < EXACT {
        true => (shortest as i64).into(),
        false => shortest.into(),
    }
}

/// Below 2^53 every whole number is exact in an f64; no control goes that far.
const EXACT: f64 = 9e15;

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
        Json::Array(list) => list.iter().map(show).collect::<Vec<_>>().join(","),
        Json::Number(number) => number.as_f64().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}

fn bits(given: &[f64]) -> Result<Vec<bool>, String> {
    let bit = |number: &f64| [0.0, 1.0].contains(number).then_some(*number == 1.0);
    let bits: Option<_> = given.iter().map(bit).collect();
    bits.ok_or("expected true or false".into())
}

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
    let positions = whole::<i32>(given)?;
    if positions.len() % 4 != 0 {
        return Err("expected x,y,width,height".into());
    }
    let areas = positions.chunks_exact(4).map(|area| {
        Some(Rectangle {
            x: area[0],
            y: area[1],
            width: area[2].try_into().ok()?,
            height: area[3].try_into().ok()?,
        })
    });
    let areas: Option<_> = areas.collect();
    areas.ok_or("expected a width and a height, neither below 0".into())
}
