//! The cameras that are there, for people and for programs.
//!
//! What a mode shows and how fast it is, and what a control takes, is only known once the camera is configured:
//! each camera is taken for a moment. One that another program has is listed without that, and says so.

use std::fmt;

use libcamera::camera::{ActiveCamera, CameraConfiguration};
use libcamera::camera_manager::CameraManager;
use libcamera::geometry::{Size, SizeRange};
use libcamera::pixel_format::PixelFormat;
use libcamera::properties;
use serde::Serialize;

use super::ListFormat;
use super::controls::{Entry, Table};
use super::environment;
use super::error::CameraError;
use super::negotiate::mode::{self, SensorMode};
use super::negotiate::{self, ROLES, rate};
use super::select::{self, Names};

/// One camera; `Display` is it for people.
#[derive(Debug, Serialize)]
struct Listed {
    index: usize,
    #[serde(flatten)]
    names: Names,
    /// Width and height of the sensor, in pixels; null where the camera does not say.
    sensor_size: Option<[u32; 2]>,
    /// Whether another program has it; modes and frame rates are not known then.
    busy: bool,
    modes: Vec<SensorMode>,
    formats: Vec<Format>,
    controls: Vec<Entry>,
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

/// Rates are looked up for this many sizes of a camera at most: each costs a configuration of the device.
const LOOKED_UP: usize = 64;

/// All cameras, in the order in which `--camera` counts them: a table, or one JSON array.
///
/// Must not be called while [`run`](super::run) is at work in the same process.
pub fn list(format: ListFormat) -> Result<String, CameraError> {
    environment::silence_unless_asked();
    let (manager, names) = select::cameras()?;
    let cameras = names.into_iter().enumerate();
    let cameras = cameras.map(|(index, names)| look(&manager, index, names));
    let cameras = cameras.collect::<Result<Vec<_>, _>>()?;
    Ok(match format {
        ListFormat::Json => {
            let json = serde_json::to_string_pretty(&cameras);
            json.expect("plain structures have no map keys that could fail") + "\n"
        }
        ListFormat::Table => Vec::from_iter(cameras.iter().map(Listed::to_string)).join("\n"),
    })
}

fn look(manager: &CameraManager, index: usize, names: Names) -> Result<Listed, CameraError> {
    let camera = manager.get(&names.id).ok_or_else(CameraError::unplugged)?;
    let size = camera.properties().get::<properties::PixelArraySize>();
    let area = || {
        let areas = camera.properties();
        let areas = areas.get::<properties::PixelArrayActiveAreas>().ok()?.0;
        areas.first().map(|area| area.size())
    };
    let size = size.ok().map(|size| size.0).or_else(area);
    let configured = match select::acquire(&camera) {
        Ok(mut active) => {
            let modes = mode::modes(&mut active);
            let formats = formats(&mut active, !modes.is_empty());
            Some((modes, formats))
        }
        Err(CameraError::Busy(_)) => None,
        Err(error) => return Err(error),
    };
    let busy = configured.is_none();
    let (modes, formats) = configured.unwrap_or_default();
    Ok(Listed {
        index,
        names,
        sensor_size: size.map(|size| [size.width, size.height]),
        busy,
        modes,
        formats,
        controls: Table::read(camera.controls()).0,
    })
}

/// The camera's formats. One with sensor modes scales to any size within a range, and its rates are those of
/// the modes; one without has sizes, each with rates of its own. (The virtual camera names a range as well, and
/// then takes a few sizes of it only: so each is tried.)
fn formats(camera: &mut ActiveCamera<'_>, scales: bool) -> Vec<Format> {
    let config = camera.generate_first_supported_configuration(&ROLES);
    let Some((mut config, _)) = config else {
        return Vec::new();
    };
    let mut formats = Vec::new();
    if let Some(stream) = config.get(0) {
        let offered = stream.formats();
        for fourcc in &*offered.pixel_formats() {
            formats.push((fourcc, offered.range(fourcc), offered.sizes(fourcc)));
        }
    }
    let mut tries = LOOKED_UP;
    let mut listed = Vec::with_capacity(formats.len());
    for (fourcc, SizeRange { min, max, .. }, sizes) in formats {
        let sizes = sizes.into_iter().filter(|_| !scales);
        listed.push(Format {
            name: fourcc.to_string(),
            sizes: sizes
                .filter_map(|size| offer(camera, &mut config, fourcc, size, &mut tries))
                .collect(),
            range: scales.then_some([[min.width, min.height], [max.width, max.height]]),
        });
    }
    listed
}

/// A size with its rates; `None` where the camera, asked for it, gives another one.
fn offer(
    camera: &mut ActiveCamera<'_>,
    config: &mut CameraConfiguration,
    fourcc: PixelFormat,
    size: Size,
    tries: &mut usize,
) -> Option<Offer> {
    let Size { width, height } = size;
    let mut fps = None;
    if let Some(fewer) = tries.checked_sub(1) {
        *tries = fewer;
        let given = negotiate::try_out(camera, config, fourcc, size)?;
        if (given.width, given.height) != (width, height) {
            return None;
        }
        let durations = rate::frame_durations(camera);
        fps = durations.map(|(shortest, longest)| [rate::fps(longest), rate::fps(shortest)]);
    }
    Some(Offer { width, height, fps })
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { id, model } = &self.names;
        writeln!(f, "{}: {model} ({id})", self.index)?;
        if let Some([width, height]) = self.sensor_size {
            writeln!(f, "    sensor: {width}x{height}")?;
        }
        if self.busy {
            let unknown = "modes and frame rates are not known";
            writeln!(f, "    another program uses it: {unknown}")?;
        }
        for mode in &self.modes {
            let [x, y, width, height] = mode.crop;
            write!(f, "    mode {mode}")?;
            if let Some(fps) = mode.fps {
                write!(f, ", up to {fps:.2} fps")?;
            }
            writeln!(f, ", shows {width}x{height} at {x},{y}")?;
        }
        for Format { name, sizes, range } in &self.formats {
            write!(f, "    format {name}:")?;
            if let Some([[min_w, min_h], [max_w, max_h]]) = range {
                write!(f, " any from {min_w}x{min_h} to {max_w}x{max_h};")?;
            }
            let sizes = Vec::from_iter(sizes.iter().map(Offer::to_string));
            writeln!(f, " {}", sizes.join(", "))?;
        }
        for control in &self.controls {
            writeln!(f, "    control {}: {}", control.name, control.expected())?;
        }
        Ok(())
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        match self.fps {
            Some([slowest, fastest]) => write!(f, " ({slowest:.0} to {fastest:.0} fps)"),
            None => Ok(()),
        }
    }
}
