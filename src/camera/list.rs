//! `--list-cameras`: the cameras, for people and for programs.
//!
//! What a mode shows, how fast it is, and what a control takes are only known once the camera is configured: each
//! camera is acquired for a moment. One that another program has is listed without that, and says so.

use std::fmt;

use libcamera::camera::ActiveCamera;
use libcamera::camera_manager::CameraManager;
use libcamera::geometry::Size;
use libcamera::properties;
use serde::Serialize;

use super::negotiate::{self, Offered, ROLES, mode, rate};
use super::{CameraError, Entry, Names, Result, Table, environment, listed, select};
use crate::report::ListFormat;
use crate::source::camera::SensorMode;

/// One camera; its `Display` is for people.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    names: Names,
    /// Width and height of the sensor's active area, in pixels; null where the camera does not say.
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

/// All cameras, in the order in which `--camera` counts them: a table, or one JSON array.
///
/// Must not be called while [`run`](super::run) is at work in the same process.
pub fn list(format: ListFormat) -> Result<String> {
    environment::silence_unless_asked();
    let (manager, names) = select::cameras()?;
    let cameras = names.into_iter().map(|names| look(&manager, names));
    let cameras = cameras.collect::<Result<Vec<_>, _>>()?;
    let table = || Vec::from_iter(cameras.iter().map(Listed::to_string)).join("\n");
    Ok(format.list(&cameras, table))
}

fn look(manager: &CameraManager, names: Names) -> Result<Listed> {
    let camera = manager.get(&names.id).ok_or_else(CameraError::unplugged)?;
    let properties = camera.properties();
    let areas = properties.get::<properties::PixelArrayActiveAreas>();
    let area = areas.ok().and_then(|areas| areas.0.first().copied());
    let (modes, formats, busy) = match select::acquire(&camera) {
        Ok(mut active) => {
            let modes = mode::modes(&mut active);
            let formats = formats(&mut active, !modes.is_empty());
            (modes, formats, false)
        }
        Err(CameraError::Busy(_)) => (Vec::new(), Vec::new(), true),
        Err(error) => return Err(error),
    };
    Ok(Listed {
        names,
        sensor_size: area.map(|area| [area.width, area.height]),
        busy,
        modes,
        formats,
        controls: Table::read(camera.controls()).0,
    })
}

/// The camera's formats. One with sensor modes scales to any size within a range, and its rates are those of
/// the modes; one without has sizes, each with rates of its own. (The virtual camera names a range as well, but
/// takes only a few sizes of it: so each is tried.)
fn formats(camera: &mut ActiveCamera<'_>, scales: bool) -> Vec<Format> {
    let Some((mut config, _)) = camera.generate_first_supported_configuration(&ROLES) else {
        return Vec::new();
    };
    let offered = negotiate::offered(&config);
    let mut look = |fourcc, size| {
        let Size { width, height } = size;
        negotiate::set_stream(&mut config, fourcc, size)?;
        camera.configure(&mut config).ok()?;
        let given = config.get(0)?.get_size();
        let fps = rate::frame_durations(camera);
        let fps = fps.map(|(shortest, longest)| [longest, shortest].map(rate::fps));
        let fits = (given.width, given.height) == (width, height);
        fits.then_some(FrameSize { width, height, fps })
    };
    let format = |(fourcc, sizes, range): Offered| {
        let (min, max) = (range.min, range.max);
        let sizes = sizes.into_iter().filter(|_| !scales);
        Format {
            name: fourcc.to_string(),
            sizes: sizes.filter_map(|size| look(fourcc, size)).collect(),
            range: scales.then_some([[min.width, min.height], [max.width, max.height]]),
        }
    };
    offered.into_iter().map(format).collect()
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.names)?;
        if let Some([width, height]) = self.sensor_size {
            writeln!(f, "    sensor: {width}x{height}")?;
        }
        if self.busy {
            writeln!(f, "    another program uses it: its modes are not known")?;
        }
        for mode in &self.modes {
            let [x, y, width, height] = mode.crop;
            let fps = mode.fps.map(|fps| format!(", up to {fps:.2} fps"));
            let fps = fps.unwrap_or_default();
            writeln!(f, "    mode {mode}{fps}, shows {width}x{height} at {x},{y}")?;
        }
        for format in &self.formats {
            let range = format.range.map(|[[min_w, min_h], [max_w, max_h]]| {
                format!("any from {min_w}x{min_h} to {max_w}x{max_h}")
            });
            let sizes = format.sizes.iter().map(|FrameSize { width, height, fps }| {
                let fps = fps.map(|[low, high]| format!(" ({low:.0} to {high:.0} fps)"));
                format!("{width}x{height}{}", fps.unwrap_or_default())
            });
            let sizes = listed(range.into_iter().chain(sizes));
            writeln!(f, "    format {}: {sizes}", format.name)?;
        }
        for control in &self.controls {
            writeln!(f, "    control {}: {}", control.name, control.expected())?;
        }
        Ok(())
    }
}
