//! The cameras that are there, for people and for programs.
//!
//! What a mode shows and how fast it is, and what a control takes, is only known once the camera is configured:
//! each camera is taken for a moment. One that another program has is listed without that, and says so.

use std::fmt;

use libcamera::camera::ActiveCamera;
use libcamera::camera_manager::CameraManager;
use libcamera::geometry::{Size, SizeRange};
use libcamera::pixel_format::PixelFormat;
use libcamera::properties;
use serde::Serialize;

use super::ListFormat;
use super::controls::{Entry, Table};
use super::environment;
use super::error::CameraError;
use super::negotiate::ROLES;
use super::negotiate::mode::{self, SensorMode};
use super::negotiate::rate;
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
        ListFormat::Table => {
            let texts: Vec<_> = cameras.iter().map(Listed::to_string).collect();
            texts.join("\n")
        }
    })
}

fn look(manager: &CameraManager, index: usize, names: Names) -> Result<Listed, CameraError> {
    let camera = manager.get(&names.id).ok_or_else(CameraError::unplugged)?;
    let properties = camera.properties();
    let size = properties.get::<properties::PixelArraySize>();
    let size = size.ok().map(|size| size.0).or_else(|| {
        let areas = properties.get::<properties::PixelArrayActiveAreas>().ok()?;
        Some(areas.0.first()?.size())
    });
    let mut listed = Listed {
        index,
        names,
        sensor_size: size.map(|size| [size.width, size.height]),
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
    listed.controls = Table::read(camera.controls()).into_entries();
    Ok(listed)
}

/// The camera's formats. One with sensor modes scales to any size within a range, and its rates are those of
/// the modes; one without has sizes, each with rates of its own. (The virtual camera names a range as well, and
/// then takes a few sizes of it only: so each is tried.)
fn formats(camera: &mut ActiveCamera<'_>, scales: bool) -> Vec<Format> {
    let config = camera.generate_first_supported_configuration(&ROLES);
    let Some(stream) = config.as_ref().and_then(|(config, _)| config.get(0)) else {
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
    let Size { width, height } = size;
    let mut fps = None;
    if *left > 0 {
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
        if (given.width, given.height) != (width, height) {
            return None;
        }
        if camera.configure(&mut config).is_ok() {
            let durations = rate::frame_durations(camera);
            fps = durations.map(|(shortest, longest)| [rate::fps(longest), rate::fps(shortest)]);
        }
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
            writeln!(
                f,
                "    another program uses it: modes and frame rates are not known"
            )?;
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
            let sizes: Vec<_> = sizes.iter().map(Offer::to_string).collect();
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
