//! Values of controls: from numbers and text into libcamera's types, and back for people.

use libcamera::control_value::{ControlType, ControlValue};
use libcamera::geometry::{Point, Rectangle, Size};

use super::{Entry, Shape};

/// The control whose single value may be given twice; see [`make`].
const AF_WINDOWS: &str = "AfWindows";

/// The value of the control's type that these numbers are.
pub(super) fn make(entry: &Entry, given: &[f64]) -> Result<ControlValue, String> {
    let value = match entry.kind {
        ControlType::Bool => {
            let bits: Option<Vec<bool>> = given.iter().map(|n| bit(*n)).collect();
            bits.ok_or("expected true or false")?.into()
        }
        ControlType::Byte => whole::<u8>(given)?.into(),
        ControlType::Uint16 => whole::<u16>(given)?.into(),
        ControlType::Uint32 => whole::<u32>(given)?.into(),
        ControlType::Int32 => whole::<i32>(given)?.into(),
        ControlType::Int64 => whole::<i64>(given)?.into(),
        ControlType::Float => {
            let floats: Vec<f32> = given.iter().map(|n| *n as f32).collect();
            floats.into()
        }
        ControlType::Rectangle => rectangles(given)?.into(),
        ControlType::Size => sizes(given)?.into(),
        ControlType::Point => points(given)?.into(),
        ControlType::String | ControlType::None => return Err("expected text".into()),
    };
    let count = count(&value);
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

/// The value of the control's type that the text is: numbers, `true` and `false`, or the name of a choice.
pub(super) fn parse(entry: &Entry, text: &str) -> Result<ControlValue, String> {
    if matches!(entry.kind, ControlType::String) {
        return Ok(text.to_string().into());
    }
    let named = |part: &str| match part {
        "true" | "on" | "yes" => Some(1.0),
        "false" | "off" | "no" => Some(0.0),
        _ => {
            let choice = entry.choices.iter().find(|(_, name)| name == part);
            choice.map(|(value, _)| f64::from(*value))
        }
    };
    let separators = |c: char| c == ',' || (c == 'x' && matches!(entry.kind, ControlType::Size));
    let given: Option<Vec<f64>> = text
        .split(separators)
        .map(str::trim)
        .map(|part| {
            part.parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .or_else(|| named(part))
        })
        .collect();
    let given = given.ok_or_else(|| format!("expected {}", entry.expected()))?;
    make(entry, &given)
}

/// The numbers in a value; none for text.
pub(in super::super) fn numbers(value: &ControlValue) -> Vec<f64> {
    match value {
        ControlValue::None | ControlValue::String(_) => Vec::new(),
        ControlValue::Bool(v) => v.iter().map(|n| f64::from(u8::from(*n))).collect(),
        ControlValue::Byte(v) => v.iter().copied().map(f64::from).collect(),
        ControlValue::Uint16(v) => v.iter().copied().map(f64::from).collect(),
        ControlValue::Uint32(v) => v.iter().copied().map(f64::from).collect(),
        ControlValue::Int32(v) => v.iter().copied().map(f64::from).collect(),
        ControlValue::Int64(v) => v.iter().map(|n| *n as f64).collect(),
        ControlValue::Float(v) => v.iter().map(|n| shortest(*n)).collect(),
        ControlValue::Rectangle(v) => v.iter().flat_map(|r| corners(*r)).collect(),
        ControlValue::Size(v) => v
            .iter()
            .flat_map(|s| [f64::from(s.width), f64::from(s.height)])
            .collect(),
        ControlValue::Point(v) => v
            .iter()
            .flat_map(|p| [f64::from(p.x), f64::from(p.y)])
            .collect(),
    }
}

/// The value for people.
pub(in super::super) fn show(value: &ControlValue) -> String {
    match value {
        ControlValue::None => "none".into(),
        ControlValue::String(text) => text.join(","),
        ControlValue::Bool(bits) => bits
            .iter()
            .map(|bit| bit.to_string())
            .collect::<Vec<_>>()
            .join(","),
        _ => {
            let numbers = numbers(value);
            numbers
                .iter()
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        }
    }
}

/// The number that an f32 was written as: 0.1 rather than 0.10000000149.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

fn corners(
    Rectangle {
        x,
        y,
        width,
        height,
    }: Rectangle,
) -> [f64; 4] {
    [
        f64::from(x),
        f64::from(y),
        f64::from(width),
        f64::from(height),
    ]
}

fn count(value: &ControlValue) -> usize {
    let numbers = numbers(value).len();
    match value {
        ControlValue::Rectangle(_) => numbers / 4,
        ControlValue::Size(_) | ControlValue::Point(_) => numbers / 2,
        _ => numbers,
    }
}

fn bit(number: f64) -> Option<bool> {
    match number {
        0.0 => Some(false),
        1.0 => Some(true),
        _ => None,
    }
}

/// Whole numbers within the type.
fn whole<T: TryFrom<i64>>(given: &[f64]) -> Result<Vec<T>, String> {
    given
        .iter()
        .map(|number| {
            // Beyond 2^53 an f64 has gaps between whole numbers; no control goes that far.
            (number.fract() == 0.0 && number.abs() < 9e15)
                .then_some(*number as i64)
                .and_then(|number| T::try_from(number).ok())
                .ok_or_else(|| format!("expected a whole number, not {number}"))
        })
        .collect()
}

fn rectangles(given: &[f64]) -> Result<Vec<Rectangle>, String> {
    if given.len() % 4 != 0 {
        return Err("expected x,y,width,height".into());
    }
    given
        .chunks_exact(4)
        .map(|area| {
            Ok(Rectangle {
                x: whole::<i32>(&area[..1])?[0],
                y: whole::<i32>(&area[1..2])?[0],
                width: whole::<u32>(&area[2..3])?[0],
                height: whole::<u32>(&area[3..])?[0],
            })
        })
        .collect()
}

fn sizes(given: &[f64]) -> Result<Vec<Size>, String> {
    let whole = whole::<u32>(given)?;
    if whole.len() % 2 != 0 {
        return Err("expected WIDTHxHEIGHT".into());
    }
    Ok(whole
        .chunks_exact(2)
        .map(|size| Size::new(size[0], size[1]))
        .collect())
}

fn points(given: &[f64]) -> Result<Vec<Point>, String> {
    let whole = whole::<i32>(given)?;
    if whole.len() % 2 != 0 {
        return Err("expected x,y".into());
    }
    Ok(whole
        .chunks_exact(2)
        .map(|point| Point {
            x: point[0],
            y: point[1],
        })
        .collect())
}
