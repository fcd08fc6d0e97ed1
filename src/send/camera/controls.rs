//! Controls: what the camera has, what was asked for, and whether the two agree.
//!
//! libcamera takes a control that a camera does not have without a word, and some wrong shapes of a value
//! end the process in one of its assertions. So each setting is checked here, against the camera's own table
//! of names, types and ranges, before the camera starts; the answer says what would be right. Nothing blocks.

mod value;

use std::fmt;

use libcamera::control::{ControlIdRef, ControlInfoMap, ControlList};
use libcamera::control_value::{ControlType, ControlValue};
use libcamera::controls::ControlId;
use libcamera::geometry::Rectangle;

use super::error::CameraError;
use crate::send::camera_options::{Need, Setting, Value, Window};
use value::{make, parse};
pub(super) use value::{numbers, show};

/// One control of the camera.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) kind: ControlType,
    /// How many values it takes: one, a fixed number, or any.
    pub(super) shape: Shape,
    pub(super) min: ControlValue,
    pub(super) max: ControlValue,
    pub(super) default: ControlValue,
    /// The names of its choices.
    pub(super) choices: Vec<(i32, String)>,
    /// The choices that this camera has; empty where it has a range.
    pub(super) values: Vec<ControlValue>,
}

/// How many values a control takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One.
    Single,
    /// So many.
    Fixed(usize),
    /// Any number.
    Any,
}

/// The camera's controls.
#[derive(Debug)]
pub(super) struct Table(Vec<Entry>);

/// What to give libcamera: control and value.
pub(super) type Given = (u32, ControlValue);

impl Table {
    /// Reads the camera's table. Ranges depend on the mode: read it after the camera was configured.
    pub(super) fn read(map: &ControlInfoMap) -> Table {
        // The names come from libcamera itself: the binding's own table does not know makers' controls.
        let list = ControlList::from_info_map(map);
        let ids = list
            .as_ref()
            .and_then(|list| list.id_map())
            .and_then(|ids| ids.iter());
        let mut entries: Vec<Entry> = ids
            .into_iter()
            .flatten()
            .filter_map(|(key, id)| entry(key, id, map))
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Table(entries)
    }

    /// All of them, by name.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    /// What to set for these settings; the first that the camera does not take is the error.
    pub(super) fn resolve(&self, settings: &[Setting]) -> Result<Vec<Given>, CameraError> {
        let mut given = Vec::with_capacity(settings.len());
        for setting in settings {
            match (self.resolve_one(setting), setting.need) {
                (Ok(value), _) => given.push(value),
                (Err(_), Need::IfThere) => {}
                (Err(why), Need::Required) => {
                    return Err(CameraError::Control {
                        asked: setting.asked.clone(),
                        why,
                    });
                }
            }
        }
        Ok(given)
    }

    fn resolve_one(&self, setting: &Setting) -> Result<Given, String> {
        let entry = self
            .find(&setting.control)
            .ok_or_else(|| self.missing(&setting.control))?;
        let value = match &setting.value {
            Value::Numbers(numbers) => make(entry, numbers)?,
            Value::Text(text) => parse(entry, text)?,
            Value::Window(window) => make(entry, &self.rectangle(*window)?)?,
            Value::Default => entry.default.clone(),
        };
        entry.check(&value)?;
        Ok((entry.id, value))
    }

    /// A part of the field as x, y, width and height in the sensor's pixels.
    fn rectangle(&self, Window([x, y, w, h]): Window) -> Result<[f64; 4], String> {
        let crop = self
            .find("ScalerCrop")
            .ok_or_else(|| self.missing("ScalerCrop"))?;
        let ControlValue::Rectangle(area) = &crop.max else {
            return Err("the camera does not tell the size of its field".into());
        };
        let area = area
            .first()
            .ok_or("the camera does not tell the size of its field")?;
        let (width, height) = (f64::from(area.width), f64::from(area.height));
        Ok([
            f64::from(area.x) + (x * width).floor(),
            f64::from(area.y) + (y * height).floor(),
            (w * width).floor(),
            (h * height).floor(),
        ])
    }

    fn missing(&self, name: &str) -> String {
        let names: Vec<&str> = self.0.iter().map(|entry| entry.name.as_str()).collect();
        format!(
            "this camera has no control {name}; it has {}",
            names.join(", ")
        )
    }
}

/// `None` for what the camera does not have.
fn entry(key: u32, id: ControlIdRef, map: &ControlInfoMap) -> Option<Entry> {
    let info = map.find(key).ok()?;
    // The binding cannot read values of a type that it does not know; nothing could be set either.
    if matches!(id.ty(), ControlType::None) {
        return None;
    }
    let mut choices: Vec<(i32, String)> = ControlId::from_id(key)
        .map(|known| known.enumerators_map().into_iter().collect())
        .unwrap_or_default();
    choices.sort_unstable();
    Some(Entry {
        id: key,
        name: id.name().into(),
        kind: id.ty(),
        shape: match (id.is_array(), id.size()) {
            (false, _) => Shape::Single,
            (true, 0 | usize::MAX) => Shape::Any,
            (true, size) => Shape::Fixed(size),
        },
        min: info.min(),
        max: info.max(),
        default: info.def(),
        choices,
        values: info.values(),
    })
}

impl Entry {
    /// Whether the camera takes the value.
    fn check(&self, value: &ControlValue) -> Result<(), String> {
        if let ControlValue::Rectangle(areas) = value {
            return self.check_areas(areas);
        }
        let given = numbers(value);
        let listed: Vec<f64> = self.values.iter().flat_map(numbers).collect();
        if !listed.is_empty() {
            return match given.iter().all(|number| listed.contains(number)) {
                true => Ok(()),
                false => Err(format!("this camera takes {}", self.expected())),
            };
        }
        let (min, max) = (numbers(&self.min), numbers(&self.max));
        let inside = given.iter().enumerate().all(|(i, number)| {
            // One limit for all values of a list, or one for each.
            let limit = |limits: &[f64]| limits.get(i).or(limits.first()).copied();
            match (limit(&min), limit(&max)) {
                (Some(min), Some(max)) if min < max => (min..=max).contains(number),
                _ => true,
            }
        });
        if inside {
            Ok(())
        } else {
            Err(format!("this camera takes {}", self.expected()))
        }
    }

    fn check_areas(&self, areas: &[Rectangle]) -> Result<(), String> {
        let ControlValue::Rectangle(limit) = &self.max else {
            return Ok(());
        };
        let Some(limit) = limit
            .first()
            .filter(|limit| limit.width > 0 && limit.height > 0)
        else {
            return Ok(());
        };
        let edges = |area: &Rectangle| {
            let (x, y) = (i64::from(area.x), i64::from(area.y));
            (x, y, x + i64::from(area.width), y + i64::from(area.height))
        };
        let (left, top, right, bottom) = edges(limit);
        let inside = areas.iter().map(edges).all(|(x, y, x_end, y_end)| {
            left <= x && top <= y && x_end <= right && y_end <= bottom && x < x_end && y < y_end
        });
        if inside {
            Ok(())
        } else {
            Err(format!(
                "this camera takes areas within {}",
                show(&self.max)
            ))
        }
    }

    /// What would be right, in words.
    pub(super) fn expected(&self) -> impl fmt::Display {
        let name = |number: f64| {
            let choice = self
                .choices
                .iter()
                .find(|(value, _)| f64::from(*value) == number);
            choice.map_or(format!("{number}"), |(value, name)| {
                format!("{name} ({value})")
            })
        };
        let listed: Vec<f64> = self.values.iter().flat_map(numbers).collect();
        if !listed.is_empty() {
            return listed.into_iter().map(name).collect::<Vec<_>>().join(", ");
        }
        let default = match numbers(&self.default).is_empty() {
            true => String::new(),
            false => format!(" (default {})", show(&self.default)),
        };
        match self.kind {
            ControlType::Bool => format!("true or false{default}"),
            _ => format!("{} to {}{default}", show(&self.min), show(&self.max)),
        }
    }
}

#[cfg(test)]
mod tests;
