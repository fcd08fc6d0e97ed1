//! The cameras that `rpicam-hello` lists: for people as it prints them, for programs as far as it tells.

use std::process::{Command, Stdio};

use serde::Serialize;

use super::process;
use crate::report::ListFormat;
use crate::source::camera::{CameraError, Names, Result, SensorMode};

/// One camera, with the fields that a build with libcamera gives it, too, as far as they are told.
#[derive(Debug, PartialEq, Serialize)]
struct Camera {
    #[serde(flatten)]
    names: Names,
    sensor_size: Option<[u32; 2]>,
    modes: Vec<SensorMode>,
}

/// All cameras: a table, or one JSON array.
pub fn list(format: ListFormat) -> Result<String> {
    let listing = listing()?;
    Ok(format.list(&parse(&listing), || listing))
}

/// The number of the camera that `--camera` means by its number, its id or a part of its model.
pub(super) fn number_of(camera: &str) -> Result<usize> {
    if let Ok(number) = camera.parse() {
        return Ok(number);
    }
    let cameras = parse(&listing()?);
    let names = cameras.iter().map(|camera| &camera.names);
    let found = names
        .clone()
        .find(|it| it.id == camera || it.model.contains(camera));
    found.map(|found| found.index).ok_or_else(|| {
        let there = Vec::from_iter(names.map(|it| format!("{}: {}", it.index, it.model))).join(", ");
        CameraError::Usage(format!(
            "--camera {camera}: no camera has this id, or a model with that in it; there are: {there}"
        ))
    })
}

fn listing() -> Result<String> {
    let (child, ()) = process::spawn("hello", |command: &mut Command| {
        command.arg("--list-cameras").stdin(Stdio::null());
        Ok(())
    })?;
    let failed = |why: &str| CameraError::Failed(format!("rpicam-hello --list-cameras: {why}"));
    let output = child.wait_with_output();
    let output = output.map_err(|error| failed(&error.to_string()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(words.lines().last().unwrap_or("it failed")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Parses a listing: a line for each camera, and below it its modes, the first of a format after its name.
///
/// ```text
/// 0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
///     Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
///                              1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
/// ```
fn parse(listing: &str) -> Vec<Camera> {
    let mut cameras: Vec<Camera> = Vec::new();
    let mut bits = None;
    for line in listing.lines() {
        let (before, after) = line.split_once(" : ").unwrap_or(("", line));
        if let Ok(index) = before.parse() {
            let (model, rest) = after.split_once(' ').unwrap_or((after, ""));
            let (sensor, id) = rest.rsplit_once(" (").unwrap_or((rest, ""));
            let (id, model) = (id.trim_end_matches(')').into(), model.into());
            let size = numbers(sensor);
            cameras.push(Camera {
                names: Names { index, id, model },
                sensor_size: size.first_chunk().map(|size| size.map(|n| n as u32)),
                modes: Vec::new(),
            });
        } else if let Some(camera) = cameras.last_mut() {
            bits = numbers(before).first().map(|bits| *bits as u32).or(bits);
            let mode = numbers(after);
            if let (Some(bits), &[width, height, ref fps @ .., x, y, w, h]) = (bits, &mode[..]) {
                camera.modes.push(SensorMode {
                    width: width as u32,
                    height: height as u32,
                    bits,
                    fps: fps.first().copied(),
                    crop: [x, y, w, h].map(|n| n as u32),
                });
            }
        }
    }
    cameras
}

fn numbers(text: &str) -> Vec<f64> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
Available cameras
-----------------
0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
                             1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
           'SRGGB8' : 640x480 [nan fps - (1000, 752)/1280x960 crop]

1 : imx708_wide [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@80000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
";

    #[test]
    fn a_listing_is_read() {
        let cameras = parse(LISTING);
        let names = cameras
            .iter()
            .map(|it| (it.names.index, &it.names.model[..], &it.names.id[..]));
        let expected = [
            (0, "imx219", "/base/soc/i2c0mux/i2c@1/imx219@10"),
            (
                1,
                "imx708_wide",
                "/base/axi/pcie@120000/rp1/i2c@80000/imx708@1a",
            ),
        ];
        assert_eq!(Vec::from_iter(names), expected);
        assert_eq!(cameras[0].sensor_size, Some([3280, 2464]));
        let modes = cameras[0]
            .modes
            .iter()
            .map(|it| (it.width, it.bits, it.fps));
        let expected = [
            (640, 10, Some(206.65)),
            (1640, 10, Some(41.85)),
            (640, 8, None),
        ];
        assert_eq!(Vec::from_iter(modes), expected);
        assert_eq!(cameras[0].modes[1].crop, [0, 0, 3280, 2464]);
        assert_eq!(cameras[1].modes.len(), 1);
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for text in [
            "",
            " : ",
            "0 : ",
            "0 : x",
            "0 : x [",
            "0 : x [9x9] (",
            "0 : x\n : 1x1 [ - (1,2)/3x4",
        ] {
            parse(text);
        }
        assert!(parse("No cameras available!").is_empty());
    }
}
