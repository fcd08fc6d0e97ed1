//! `--list-cameras`: the cameras, for people and for programs.
//!
//! What a mode shows, how fast it is, and what a control takes are only known once the camera is configured: each
//! camera is acquired for a moment. One that another program has is listed without that, and says so.

use std::fmt;

use libcamera::camera::{ActiveCamera, Camera};
use libcamera::camera_manager::CameraManager;
use libcamera::geometry::{Size, SizeRange};
use libcamera::properties;
use serde::Serialize;

use super::ListFormat;
use super::controls::{Entry, Table};
use super::environment;
use super::error::CameraError;
use super::negotiate::mode::{self, SensorMode};
use super::negotiate::{self, Offered, ROLES, rate};
use super::select::{self, Names};

/// One camera; its `Display` is for people.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    names: Names,
    /// Width and height of the sensor, in pixels; null where the camera does not say.
    sensor_size: Option<[u32; 2]>,
    /// Whether another program has it; its modes and formats are not known then.
    busy: bool,
    modes: Vec<SensorMode>,
    formats: Vec<Format>,
    controls: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Format {
    name: String,
    sizes: Vec<FrameSize>,
    /// The smallest and the largest size, where any between them will do; null where only the sizes will.
    range: Option<[[u32; 2]; 2]>,
}

#[derive(Debug, Serialize)]
struct FrameSize {
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
    let cameras = names.into_iter().map(|names| look(&manager, names));
    let cameras = cameras.collect::<Result<Vec<_>, _>>()?;
    Ok(match format {
        ListFormat::Json => {
            let json = serde_json::to_string_pretty(&cameras);
            json.expect("plain structures have no map keys that could fail") + "\n"
        }
        ListFormat::Table => Vec::from_iter(cameras.iter().map(Listed::to_string)).join("\n"),
    })
}

fn look(manager: &CameraManager, names: Names) -> Result<Listed, CameraError> {
    let camera = manager.get(&names.id).ok_or_else(CameraError::unplugged)?;
    let mut listed = Listed {
        names,
        sensor_size: sensor_size(&camera).map(|size| [size.width, size.height]),
        busy: false,
        modes: Vec::new(),
        formats: Vec::new(),
        controls: Vec::new(),
    };
    match select::acquire(&camera) {
        Ok(mut active) => {
            listed.modes = mode::modes(&mut active);
            listed.formats = formats(&mut active, !listed.modes.is_empty());
        }
        Err(CameraError::Busy(_)) => listed.busy = true,
        Err(error) => return Err(error),
    }
    listed.controls = Table::read(camera.controls()).0;
    Ok(listed)
}

fn sensor_size(camera: &Camera<'_>) -> Option<Size> {
    let properties = camera.properties();
    if let Ok(size) = properties.get::<properties::PixelArraySize>() {
        return Some(size.0);
    }
    let areas = properties.get::<properties::PixelArrayActiveAreas>();
    Some(areas.ok()?.0.first()?.size())
}

/// The camera's formats. One with sensor modes scales to any size within a range, and its rates are those of
/// the modes; one without has sizes, each with rates of its own. (The virtual camera names a range as well, but
/// takes only a few sizes of it: so each is tried.)
fn formats(camera: &mut ActiveCamera<'_>, scales: bool) -> Vec<Format> {
    let Some((mut config, _)) = camera.generate_first_supported_configuration(&ROLES) else {
        return Vec::new();
    };
    let mut looked_up = 0;
    let mut formats = Vec::new();
    for Offered {
        fourcc,
        sizes,
        range,
    } in negotiate::offered(&config)
    {
        let SizeRange { min, max, .. } = range;
        let mut format = Format {
            name: fourcc.to_string(),
            sizes: Vec::new(),
            range: scales.then_some([[min.width, min.height], [max.width, max.height]]),
        };
        for Size { width, height } in sizes.into_iter().filter(|_| !scales) {
            let mut fps = None;
            if looked_up < LOOKED_UP {
                looked_up += 1;
                let size = Size::new(width, height);
                let given = negotiate::try_out(camera, &mut config, fourcc, size);
                if given.is_none_or(|given| (given.width, given.height) != (width, height)) {
                    continue;
                }
                let durations = rate::frame_durations(camera);
                fps =
                    durations.map(|(shortest, longest)| [rate::fps(longest), rate::fps(shortest)]);
            }
            format.sizes.push(FrameSize { width, height, fps });
        }
        formats.push(format);
    }
    formats
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.names)?;
        if let Some([width, height]) = self.sensor_size {
            writeln!(f, "    sensor: {width}x{height}")?;
        }
        if self.busy {
            let unknown = "modes and frame rates are not known";
            writeln!(f, "    another program uses it: {unknown}")?;
        }
        for mode in &self.modes {
            let [x, y, width, height] = mode.crop;
            let fps = mode.fps.map(|fps| format!(", up to {fps:.2} fps"));
            let fps = fps.unwrap_or_default();
            writeln!(f, "    mode {mode}{fps}, shows {width}x{height} at {x},{y}")?;
        }
        for Format { name, sizes, range } in &self.formats {
            write!(f, "    format {name}:")?;
            if let Some([[min_w, min_h], [max_w, max_h]]) = range {
                write!(f, " any from {min_w}x{min_h} to {max_w}x{max_h};")?;
            }
            let sizes = Vec::from_iter(sizes.iter().map(FrameSize::to_string));
            writeln!(f, " {}", sizes.join(", "))?;
        }
        for control in &self.controls {
            writeln!(f, "    control {}: {}", control.name, control.expected())?;
        }
        Ok(())
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        match self.fps {
            Some([slowest, fastest]) => write!(f, " ({slowest:.0} to {fastest:.0} fps)"),
            None => Ok(()),
        }
    }
}
