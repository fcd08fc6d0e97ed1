//! The cameras that are there, for people and for programs.
//!
//! What a mode shows and how fast it is, and what a control takes, is only known once the camera is configured:
//! each camera is taken for a moment. One that another program has is listed without that, and says so.

use std::fmt::Write as _;

use libcamera::camera::ActiveCamera;
use libcamera::camera_manager::CameraManager;
use libcamera::control_value::ControlValue;
use libcamera::geometry::{Size, SizeRange};
use libcamera::pixel_format::PixelFormat;
use libcamera::properties;
use serde::Serialize;

use super::controls::{Entry, Table, numbers, show};
use super::error::CameraError;
use super::mode::{self, SensorMode};
use super::negotiate::ROLES;
use super::select::Names;
use super::session::{acquire, cameras};
use crate::send::camera_options::ListFormat;

/// One camera.
#[derive(Debug, Serialize)]
struct Camera {
    index: usize,
    id: String,
    model: String,
    /// Width and height of the sensor, in pixels; null where the camera does not say.
    sensor_size: Option<[u32; 2]>,
    /// Whether another program has it; modes and frame rates are not known then.
    busy: bool,
    modes: Vec<SensorMode>,
    formats: Vec<Format>,
    controls: Vec<Control>,
}

/// A format with its sizes.
#[derive(Debug, Serialize)]
struct Format {
    name: String,
    /// The sizes that the camera names.
    sizes: Vec<Offer>,
    /// The smallest and the largest size, where any between them will do; null where only the sizes will.
    range: Option<[[u32; 2]; 2]>,
}

/// A size with its frame rates.
#[derive(Debug, Serialize)]
struct Offer {
    width: u32,
    height: u32,
    /// The lowest and the highest rate, in frames a second; null where the camera does not say.
    fps: Option<[f64; 2]>,
}

/// A control with what it takes.
#[derive(Debug, Serialize)]
struct Control {
    name: String,
    min: serde_json::Value,
    max: serde_json::Value,
    default: serde_json::Value,
    /// The choices by name, where it has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    #[serde(skip)]
    expected: String,
}

/// Rates are looked up for this many sizes of a camera at most: each costs a configuration of the device.
const LOOKED_UP: usize = 64;

/// All cameras, in the order in which `--camera` counts them: a table, or one JSON array.
///
/// Must not be called while [`run`](super::run) is at work in the same process.
pub fn list(format: ListFormat) -> Result<String, CameraError> {
    super::quieten();
    let (manager, names) = cameras()?;
    let cameras = names
        .into_iter()
        .enumerate()
        .map(|(index, names)| look(&manager, index, names))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match format {
        ListFormat::Json => {
            let json = serde_json::to_string_pretty(&cameras);
            json.expect("plain structures have no map keys that could fail") + "\n"
        }
        ListFormat::Table => cameras.iter().map(table).collect::<Vec<_>>().join("\n"),
    })
}

fn look(manager: &CameraManager, index: usize, names: Names) -> Result<Camera, CameraError> {
    let camera = manager.get(&names.id).ok_or(CameraError::Unplugged)?;
    let size = camera
        .properties()
        .get::<properties::PixelArraySize>()
        .ok()
        .map(|size| size.0);
    let area = camera
        .properties()
        .get::<properties::PixelArrayActiveAreas>()
        .ok();
    let area = area.and_then(|areas| areas.0.first().map(|area| area.size()));
    let mut listed = Camera {
        index,
        id: names.id,
        model: names.model,
        sensor_size: size.or(area).map(|size| [size.width, size.height]),
        busy: false,
        modes: Vec::new(),
        formats: Vec::new(),
        controls: Vec::new(),
    };
    match acquire(&camera) {
        Ok(mut active) => {
            listed.modes = mode::modes(&mut active);
            listed.formats = formats(&mut active, !listed.modes.is_empty());
            listed.controls = controls(&active);
        }
        Err(CameraError::Busy { .. }) => {
            listed.busy = true;
            listed.controls = Table::read(camera.controls())
                .entries()
                .iter()
                .map(control)
                .collect();
        }
        Err(error) => return Err(error),
    }
    Ok(listed)
}

/// The camera's formats. One with sensor modes scales to any size within a range, and its rates are those of
/// the modes; one without has sizes, each with rates of its own. (The virtual camera names a range as well, and
/// then takes a few sizes of it only: so each is tried.)
fn formats(camera: &mut ActiveCamera<'_>, scales: bool) -> Vec<Format> {
    let Some((config, _)) = camera.generate_first_supported_configuration(&ROLES) else {
        return Vec::new();
    };
    let Some(stream) = config.get(0) else {
        return Vec::new();
    };
    let mut left = LOOKED_UP;
    let mut listed = Vec::new();
    for fourcc in &*stream.formats().pixel_formats() {
        let name = fourcc.to_string();
        let (mut sizes, mut range) = (Vec::new(), None);
        if scales {
            let SizeRange { min, max, .. } = stream.formats().range(fourcc);
            range = Some([[min.width, min.height], [max.width, max.height]]);
        } else {
            for size in stream.formats().sizes(fourcc) {
                sizes.extend(offer(camera, fourcc, size, &mut left));
            }
        }
        listed.push(Format { name, sizes, range });
    }
    listed
}

/// A size with its rates; `None` where the camera, asked for it, gives another one.
fn offer(
    camera: &mut ActiveCamera<'_>,
    fourcc: PixelFormat,
    size: Size,
    left: &mut usize,
) -> Option<Offer> {
    let mut offer = Offer {
        width: size.width,
        height: size.height,
        fps: None,
    };
    if *left == 0 {
        return Some(offer);
    }
    *left -= 1;
    let (mut config, _) = camera.generate_first_supported_configuration(&ROLES)?;
    if let Some(mut stream) = config.get_mut(0) {
        stream.set_pixel_format(fourcc);
        stream.set_size(size);
    }
    if config.validate().is_invalid() {
        return None;
    }
    let given = config.get(0)?.get_size();
    if (given.width, given.height) != (size.width, size.height) {
        return None;
    }
    if camera.configure(&mut config).is_ok() {
        offer.fps = mode::frame_durations(camera)
            .map(|(shortest, longest)| [mode::rate(longest), mode::rate(shortest)]);
    }
    Some(offer)
}

fn controls(camera: &ActiveCamera<'_>) -> Vec<Control> {
    Table::read(camera.controls())
        .entries()
        .iter()
        .map(control)
        .collect()
}

fn control(entry: &Entry) -> Control {
    Control {
        name: entry.name.clone(),
        min: json(&entry.min),
        max: json(&entry.max),
        default: json(&entry.default),
        choices: entry.choices.iter().map(|(_, name)| name.clone()).collect(),
        expected: entry.expected().to_string(),
    }
}

/// A value as JSON: a number or a switch, or a list of numbers.
fn json(value: &ControlValue) -> serde_json::Value {
    match (value, &numbers(value)[..]) {
        (ControlValue::String(_), _) => show(value).into(),
        (ControlValue::Bool(bits), [_]) => bits[0].into(),
        (_, []) => serde_json::Value::Null,
        (_, [number]) => json_number(*number),
        (_, numbers) => numbers.iter().copied().map(json_number).collect(),
    }
}

/// Whole numbers without a fraction, as libcamera has them.
fn json_number(number: f64) -> serde_json::Value {
    // Below 2^53 every whole number is exact.
    if number.fract() == 0.0 && number.abs() < 9e15 {
        (number as i64).into()
    } else {
        number.into()
    }
}

fn table(camera: &Camera) -> String {
    let mut text = format!("{}: {} ({})\n", camera.index, camera.model, camera.id);
    let mut line = |line: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "    {line}");
    };
    if let Some([width, height]) = camera.sensor_size {
        line(format!("sensor: {width}x{height}"));
    }
    if camera.busy {
        line("another program uses it: modes and frame rates are not known".into());
    }
    for mode in &camera.modes {
        let [x, y, width, height] = mode.crop;
        let fps = mode
            .fps
            .map_or(String::new(), |fps| format!(", up to {fps:.2} fps"));
        line(format!(
            "mode {}:{}:{}{fps}, shows {width}x{height} at {x},{y}",
            mode.width, mode.height, mode.bits
        ));
    }
    for format in &camera.formats {
        let sizes: Vec<String> = format.sizes.iter().map(offer_text).collect();
        let range = format.range.map_or(String::new(), |[min, max]| {
            format!(" any from {}x{} to {}x{};", min[0], min[1], max[0], max[1])
        });
        line(format!(
            "format {}:{range} {}",
            format.name,
            sizes.join(", ")
        ));
    }
    for control in &camera.controls {
        line(format!("control {}: {}", control.name, control.expected));
    }
    text
}

fn offer_text(offer: &Offer) -> String {
    let size = format!("{}x{}", offer.width, offer.height);
    match offer.fps {
        Some([slowest, fastest]) => format!("{size} ({slowest:.0} to {fastest:.0} fps)"),
        None => size,
    }
}
