//! Which camera: their order, what `--camera` means, and the camera itself.
//!
//! People expect index 0 to be the camera that rpicam-vid calls 0, so the order is that of rpicam-apps (ids,
//! descending), with USB cameras, which rpicam-apps leaves out, behind. Choosing is pure.

use libcamera::camera::{ActiveCamera, Camera};
use libcamera::camera_manager::CameraManager;
use libcamera::properties;
use serde::Serialize;

use super::error::{CameraError, library, listed, no_camera};

/// A camera's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Names {
    /// libcamera's id: the device's path in the machine.
    pub(super) id: String,
    /// The sensor's or the product's name.
    pub(super) model: String,
}

/// The manager, with the cameras in the order in which they are counted.
pub(super) fn cameras() -> Result<(CameraManager, Vec<Names>), CameraError> {
    let manager = CameraManager::new().map_err(library("start"))?;
    let cameras = manager.cameras();
    let names = cameras.iter().map(|camera| {
        let id = camera.id().to_string();
        let model = camera.properties().get::<properties::Model>();
        let model = model.map_or_else(|_| id.clone(), |model| model.0);
        Names { id, model }
    });
    let mut names = Vec::from_iter(names);
    if names.is_empty() {
        return Err(no_camera());
    }
    sort(&mut names);
    Ok((manager, names))
}

/// Takes the camera for this process alone.
pub(super) fn acquire(camera: &Camera<'static>) -> Result<ActiveCamera<'static>, CameraError> {
    camera
        .acquire()
        .map_err(|source| match source.raw_os_error() {
            Some(libc::EBUSY) => CameraError::Busy(format!(
                "the camera {} is busy: another program uses it; end that one (another pi-send, \
                 rpicam-*, picamera2), or choose another camera (--list-cameras)",
                camera.id()
            )),
            _ => library("take the camera")(source),
        })
}

fn sort(cameras: &mut [Names]) {
    cameras.sort_by(|a, b| (is_usb(&a.id), &b.id).cmp(&(is_usb(&b.id), &a.id)));
}

/// Whether rpicam-apps would leave it out.
pub(super) fn is_usb(id: &str) -> bool {
    id.contains("/usb")
}

/// The position of the camera that is meant: by number, id, part of the model (any case) or of the id.
/// Without a wish it is the first.
pub(super) fn choose(cameras: &[Names], asked: Option<&str>) -> Result<usize, CameraError> {
    let Some(asked) = asked else {
        return Ok(0);
    };
    let index = asked.parse().ok().filter(|index| *index < cameras.len());
    if let Some(index) = index.or(position(cameras, asked)) {
        return Ok(index);
    }
    let part = asked.to_lowercase();
    let all = || (0..cameras.len()).collect::<Vec<_>>();
    let matching = |name: fn(&Names) -> &str| {
        let mut found = all();
        found.retain(|index| name(&cameras[*index]).to_lowercase().contains(&part));
        found
    };
    let mut found = matching(|camera| &camera.model);
    if found.is_empty() {
        found = matching(|camera| &camera.id);
    }
    let line = |index: usize| format!("{index}: {} ({})", cameras[index].model, cameras[index].id);
    let lines = |cameras: Vec<usize>| listed(cameras.into_iter().map(line));
    let what = match found[..] {
        [index] => return Ok(index),
        [] => format!("no such camera; there are {}", lines(all())),
        _ => format!(
            "more than one camera is meant: {}; give the number or the whole id",
            lines(found)
        ),
    };
    Err(CameraError::Usage(format!("--camera {asked}: {what}")))
}

/// The position of the camera that was opened before, by its whole id: a number, a model or a part of an id may
/// mean another one meanwhile.
pub(super) fn find(cameras: &[Names], id: &str) -> Result<usize, CameraError> {
    position(cameras, id).ok_or_else(CameraError::unplugged)
}

fn position(cameras: &[Names], id: &str) -> Option<usize> {
    cameras.iter().position(|camera| camera.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cameras() -> Vec<Names> {
        let mut cameras: Vec<Names> = [
            ("/base/soc/i2c0mux/i2c@0/ov5647@36", "ov5647"),
            (
                "/base/soc/usb@7e980000/usb-port@1-1.2:1.0-046d:0825",
                "HD Webcam C270",
            ),
            ("/base/soc/i2c0mux/i2c@1/imx219@10", "imx219"),
            ("/base/soc/i2c0mux/i2c@1/imx708@1a", "imx708_wide"),
        ]
        .map(|(id, model)| Names {
            id: id.into(),
            model: model.into(),
        })
        .into();
        sort(&mut cameras);
        cameras
    }

    #[test]
    fn cameras_are_counted_as_rpicam_apps_does_and_usb_comes_last() {
        let models: Vec<String> = cameras().into_iter().map(|camera| camera.model).collect();
        assert_eq!(
            models,
            ["imx708_wide", "imx219", "ov5647", "HD Webcam C270"]
        );
    }

    #[test]
    fn a_camera_is_chosen_by_number_id_or_part_of_its_model() {
        let cameras = cameras();
        assert_eq!(choose(&cameras, None).unwrap(), 0);
        assert_eq!(choose(&cameras, Some("2")).unwrap(), 2);
        assert_eq!(
            choose(&cameras, Some("/base/soc/i2c0mux/i2c@1/imx219@10")).unwrap(),
            1
        );
        assert_eq!(choose(&cameras, Some("webcam")).unwrap(), 3);
        assert_eq!(choose(&cameras, Some("708")).unwrap(), 0);
    }

    #[test]
    fn a_camera_is_found_again_by_its_whole_id_and_no_other_stands_in_for_it() {
        let mut cameras = cameras();
        let id = cameras[1].id.clone();
        assert_eq!(find(&cameras, &id).unwrap(), 1);
        cameras.remove(1);
        assert!(matches!(find(&cameras, &id), Err(CameraError::Absent(_))));
        cameras.insert(
            0,
            Names {
                id: format!("{id}0"),
                model: "imx219".into(),
            },
        );
        for other in [&id, "0", "imx219"] {
            assert!(matches!(find(&cameras, other), Err(CameraError::Absent(_))));
        }
        assert!(matches!(find(&[], &id), Err(CameraError::Absent(_))));
    }

    #[test]
    fn an_ambiguous_or_unknown_camera_is_refused_with_the_choices() {
        let cameras = cameras();
        let ambiguous = choose(&cameras, Some("imx")).unwrap_err();
        assert!(ambiguous.is_usage());
        assert!(ambiguous.to_string().contains("1: imx219"), "{ambiguous}");
        assert!(!ambiguous.to_string().contains("ov5647"), "{ambiguous}");
        let unknown = choose(&cameras, Some("7")).unwrap_err().to_string();
        assert!(unknown.contains("3: HD Webcam C270"), "{unknown}");
    }
}
