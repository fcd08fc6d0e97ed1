//! Values of controls, between libcamera's types, numbers and text.
//!
//! Text is what `--list-cameras` shows and `--control` takes: numbers, `true` or `false`, with commas between them
//! (`default` stands for the control's own), and `none` for the types that no settable control of a Raspberry Pi's or
//! a USB camera has (text, sizes, points, unsigned numbers): such a control is listed without a range, and cannot be
//! set.

use std::fmt::Display;

use libcamera::control_value::{ControlType, ControlValue};
use libcamera::geometry::Rectangle;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::super::Entry;

/// The numbers as a value of the control's type.
pub(super) fn make(entry: &Entry, given: &[f64]) -> Result<ControlValue, String> {
    let value: ControlValue = match entry.kind {
        // A larger number than 1 is beyond the control's limits.
        ControlType::Bool => Vec::from_iter(whole::<u8>(given)?.iter().map(|bit| *bit > 0)).into(),
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
    match entry.size.unwrap_or(1) {
        wanted @ 1..usize::MAX if count != wanted => {
            Err(format!("expected {wanted} at a time, not {count}"))
        }
        // The binding passes a list of one on as a single value, and libcamera ends the process at that. To the
        // autofocus a window given twice is the same; of other lists nobody can say so.
        _ if count == 1 && entry.size.is_some() => match (&entry.name[..], value) {
            ("AfWindows", ControlValue::Rectangle(window)) => Ok(vec![window[0]; 2].into()),
            _ => Err("lists of a single value cannot be given; expected two or more".into()),
        },
        _ => Ok(value),
    }
}

/// Parses text for this control, which may also name its choices, or its own `default`.
pub(super) fn parse(entry: &Entry, text: &str) -> Result<Vec<f64>, String> {
    let one = |part: &str| {
        let choice = entry.choices.iter().find(|(_, name)| *name == part.trim());
        let choice = choice.map(|(value, _)| f64::from(*value));
        choice.or_else(|| number(part))
    };
    let text = text.replace("default", &entry.default);
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
    match value {
        ControlValue::Bool(values) => joined(values),
        ControlValue::Int32(values) => joined(values),
        ControlValue::Int64(values) => joined(values),
        // As `f32`s they have the shortest text: 0.1 rather than 0.10000000149.
        ControlValue::Float(values) => joined(values),
        ControlValue::Rectangle(areas) => joined(areas.iter().flat_map(sides)),
        _ => "none".into(),
    }
}

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

/// Whole numbers within the type.
fn whole<T: TryFrom<i64>>(given: &[f64]) -> Result<Vec<T>, String> {
    let one = |number: &f64| {
        let whole = Some(*number as i64).filter(|whole| *whole as f64 == *number);
        let fitting = whole.and_then(|whole| T::try_from(whole).ok());
        fitting.ok_or_else(|| format!("expected a whole number, not {number}"))
    };
    given.iter().map(one).collect()
}

fn rectangles(given: &[f64]) -> Result<Vec<Rectangle>, String> {
    let sides = whole::<u32>(given)?;
    let areas = sides.chunks_exact(4);
    if !areas.remainder().is_empty() {
        return Err("expected x,y,width,height".into());
    }
    let area = |area: &[u32]| Rectangle {
        x: area[0] as i32,
        y: area[1] as i32,
        width: area[2],
        height: area[3],
    };
    Ok(areas.map(area).collect())
}
