//! Controls: what the camera has, what was asked for, and whether the two agree.
//!
//! libcamera silently accepts a control that a camera does not have, and some wrong shapes of a value end the
//! process in one of its assertions. So each setting is checked here, against the camera's own table of names,
//! types and ranges, before the camera starts; the error says what would be right. [`value`] converts.

mod value;

use std::collections::BTreeMap;

use libcamera::control::{ControlIdRef, ControlInfoMap, ControlList};
use libcamera::control_value::{ControlType, ControlValue};
use libcamera::controls::ControlId;
use libcamera::utils::UniquePtr;
use serde::{Serialize, Serializer};

use self::value::{json, make, numbers, parse, text};
use super::{CameraError, Result, Setting, listed};

/// One control of the camera. Its values are text, as [`value`] says.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    #[serde(skip)]
    id: u32,
    pub(super) name: String,
    #[serde(skip)]
    kind: ControlType,
    /// How many values a list takes, 0 or `usize::MAX` for any number; `None`: it is no list.
    #[serde(skip)]
    size: Option<usize>,
    #[serde(serialize_with = "json")]
    min: String,
    #[serde(serialize_with = "json")]
    max: String,
    #[serde(serialize_with = "json")]
    default: String,
    /// Names by number; empty where the control has none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "names")]
    choices: BTreeMap<i32, String>,
    /// The choices that this camera has; empty where it has a range.
    #[serde(skip)]
    values: Vec<f64>,
}

fn names<S: Serializer>(choices: &BTreeMap<i32, String>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(choices.values())
}

/// The control that says which part of the sensor's field is shown; the Raspberry Pi's ScalerCrops begin so, too.
const CROP: &str = "ScalerCrop";

/// The camera's controls, by name.
pub(super) struct Table(pub(super) Vec<Entry>);

impl Table {
    /// Reads the camera's table. Ranges depend on the mode: read it after the camera was configured.
    pub(super) fn read(map: &ControlInfoMap) -> Table {
        // The names come from libcamera itself: the binding's own table does not know makers' controls.
        let list = ControlList::from_info_map(map);
        let ids = list.as_ref().and_then(|list| list.id_map()?.iter());
        let entries = ids.into_iter().flatten();
        let mut entries = Vec::from_iter(entries.filter_map(|(key, id)| entry(key, id, map)));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Table(entries)
    }

    fn find(&self, name: &str) -> Result<&Entry, String> {
        let found = self.0.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| {
            let names = listed(self.0.iter().map(|entry| &entry.name));
            format!("this camera has no control {name}; it has {names}")
        })
    }

    /// What to set for these settings. The first that was asked for and that the camera does not take is the error.
    pub(super) fn resolve(&self, settings: &[Setting]) -> Result<UniquePtr<ControlList>> {
        let mut list = ControlList::new();
        for setting in settings {
            match (self.resolve_one(setting), &setting.asked) {
                // Always Ok in this binding.
                (Ok((id, value)), _) => drop(list.set_raw(id, value)),
                (Err(_), None) => {}
                (Err(why), Some(asked)) => Err(CameraError::Usage(format!("{asked}: {why}")))?,
            }
        }
        Ok(list)
    }

    /// The control's number and value, as libcamera takes them.
    fn resolve_one(&self, setting: &Setting) -> Result<(u32, ControlValue), String> {
        let entry = self.find(&setting.control)?;
        let mut given = parse(entry, &setting.value)?;
        if let (ControlType::Rectangle, &[x, y, w, h]) = (&entry.kind, &given[..]) {
            // No area has less than a pixel: sides of at most 1 are a share of the field.
            if w > 0.0 && h > 0.0 && w <= 1.0 && h <= 1.0 {
                given = self.rectangle([x, y, w, h])?.into();
            }
        }
        let value = make(entry, &given)?;
        entry.check(&given)?;
        Ok((entry.id, value))
    }

    /// A part of the field as x, y, width and height in the sensor's pixels.
    fn rectangle(&self, [x, y, w, h]: [f64; 4]) -> Result<[f64; 4], String> {
        match numbers(&self.find(CROP)?.max)[..] {
            [left, top, width, height] => Ok([
                left + (x * width).floor(),
                top + (y * height).floor(),
                (w * width).floor(),
                (h * height).floor(),
            ]),
            _ => Err("the camera does not tell the size of its field".into()),
        }
    }
}

/// `None` for a control that the camera does not have.
fn entry(key: u32, id: ControlIdRef, map: &ControlInfoMap) -> Option<Entry> {
    let info = map.find(key).ok()?;
    // The binding cannot read values of a type that it does not know; nothing could be set either.
    let kind = Some(id.ty()).filter(|kind| !matches!(kind, ControlType::None))?;
    let known = ControlId::from_id(key).map(|known| known.enumerators_map());
    let values = info.values().into_iter();
    Some(Entry {
        id: key,
        name: id.name().into(),
        kind,
        size: id.is_array().then(|| id.size()),
        min: text(&info.min()),
        max: text(&info.max()),
        default: text(&info.def()),
        choices: known.into_iter().flatten().collect(),
        values: values.flat_map(|value| numbers(&text(&value))).collect(),
    })
}

impl Entry {
    /// Whether the camera takes these numbers.
    fn check(&self, given: &[f64]) -> Result<(), String> {
        let (min, max) = (numbers(&self.min), numbers(&self.max));
        // One limit for all values of a list, or one for each.
        let limit = |limits: &[f64], i: usize| limits.get(i).or(limits.first()).copied();
        let takes = |(i, number): (usize, &f64)| match (limit(&min, i), limit(&max, i)) {
            _ if !self.values.is_empty() => self.values.contains(number),
            (Some(min), Some(max)) if min < max => (min..=max).contains(number),
            _ => true,
        };
        let (fits, expected) = match self.kind {
            ControlType::Rectangle if self.name.starts_with(CROP) && max.len() == 4 => {
                let within = |area: &[f64], side: usize| {
                    let (start, length) = (area[side], area[side + 2]);
                    let end = max[side] + max[side + 2];
                    max[side] <= start && length > 0.0 && start + length <= end
                };
                let mut areas = given.chunks_exact(4);
                let fits = areas.all(|area| within(area, 0) && within(area, 1));
                (fits, format!("areas within {}", self.max))
            }
            // The limits of other areas are no areas: a Pi's autofocus has 65535,65535,65535,65535.
            ControlType::Rectangle => return Ok(()),
            _ => (given.iter().enumerate().all(takes), self.expected()),
        };
        let message = || format!("this camera takes {expected}");
        fits.then_some(()).ok_or_else(message)
    }

    /// What would be right, in words.
    pub(super) fn expected(&self) -> String {
        let name = |number: &f64| {
            // Choices are whole numbers.
            let choice = self.choices.get(&(*number as i32));
            choice.map_or(number.to_string(), |name| format!("{name} ({number})"))
        };
        if !self.values.is_empty() {
            return listed(self.values.iter().map(name));
        }
        let (min, max, default) = (&self.min, &self.max, &self.default);
        format!("{min} to {max} (default {default})")
    }
}

#[cfg(test)]
mod tests;
