//! Which camera: their order, what `--camera` means, and acquiring it.
//!
//! People expect index 0 to be the camera that rpicam-vid calls 0, so the order is that of rpicam-apps (ids,
//! descending); USB cameras, which rpicam-apps leaves out, come last.

use std::fs::{self, OpenOptions};
use std::io;

use libcamera::camera::{ActiveCamera, Camera};
use libcamera::camera_manager::CameraManager;
use libcamera::properties;

use super::{CameraError, Names, Result, library, listed};

/// The manager, with the cameras in the order in which they are counted; at least one.
pub(super) fn cameras() -> Result<(CameraManager, Vec<Names>)> {
    let manager = CameraManager::new().map_err(library("start"))?;
    let cameras = manager.cameras();
    let cameras = cameras.iter().map(|camera| {
        let id = camera.id().to_string();
        let model = camera.properties().get::<properties::Model>();
        let model = model.map_or_else(|_| id.clone(), |model| model.0);
        (id, model)
    });
    match count(cameras.collect()) {
        cameras if cameras.is_empty() => Err(no_camera()),
        cameras => Ok((manager, cameras)),
    }
}

/// Why no camera was found: the kernel's `/dev/media*` tell a missing permission from a missing camera.
fn no_camera() -> CameraError {
    let devices = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut devices = devices.map(|entry| entry.path().display().to_string());
    let is_forbidden = |path: &String| {
        let opened = || OpenOptions::new().read(true).write(true).open(path);
        let is_denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        path.starts_with("/dev/media") && opened().is_err_and(is_denied)
    };
    let reason = match devices.find(is_forbidden) {
        Some(path) => format!(
            "{path} may not be opened; cameras belong to the group video: \
             `sudo usermod -aG video $USER`, then log in again"
        ),
        None => "check the cable with the power off, then try `rpicam-hello --list-cameras`".into(),
    };
    CameraError::Absent(format!("no camera found: {reason}"))
}

/// Puts cameras, by id and model, in order.
fn count(mut cameras: Vec<(String, String)>) -> Vec<Names> {
    cameras.sort_by(|(a, _), (b, _)| (is_usb(a), b).cmp(&(is_usb(b), a)));
    let names = |(index, (id, model))| Names { index, id, model };
    cameras.into_iter().enumerate().map(names).collect()
}

/// Acquires the camera for this process alone.
pub(super) fn acquire(camera: &Camera<'static>) -> Result<ActiveCamera<'static>> {
    let acquired = camera.acquire();
    acquired.map_err(|source| match source.raw_os_error() {
        Some(libc::EBUSY) => CameraError::Busy(format!(
            "the camera {} is busy: another program uses it; end that one (another pi-send, \
             rpicam-*, picamera2), or choose another camera (--list-cameras)",
            camera.id()
        )),
        _ => library("take the camera")(source),
    })
}

/// Whether rpicam-apps would leave it out.
pub(super) fn is_usb(id: &str) -> bool {
    id.contains("/usb")
}

/// The camera that `asked` means: a number, an id, or a part of the model (in any case) or of the id. `None`: the
/// first.
pub(super) fn choose<'a>(cameras: &'a [Names], asked: Option<&str>) -> Result<&'a Names> {
    let asked = asked.unwrap_or("0");
    let numbered = asked.parse().ok().and_then(|i: usize| cameras.get(i));
    if let Some(names) = numbered.or(find(cameras, asked).ok()) {
        return Ok(names);
    }
    let part = asked.to_lowercase();
    let like = |name: fn(&Names) -> &str| {
        let is_like = |names: &&Names| name(names).to_lowercase().contains(&part);
        Vec::from_iter(cameras.iter().filter(is_like))
    };
    let mut found = like(|names| &names.model);
    if found.is_empty() {
        found = like(|names| &names.id);
    }
    let what = match found[..] {
        [names] => return Ok(names),
        [] => format!("no such camera; there are {}", listed(cameras)),
        _ => format!(
            "more than one camera is meant: {}; give the number or the whole id",
            listed(found)
        ),
    };
    Err(CameraError::Usage(format!("--camera {asked}: {what}")))
}

/// The camera that was open before, by its whole id: a number, a model or a part of an id may mean another one by
/// now.
pub(super) fn find<'a>(cameras: &'a [Names], id: &str) -> Result<&'a Names> {
    let found = cameras.iter().find(|names| names.id == id);
    found.ok_or_else(CameraError::unplugged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cameras() -> Vec<Names> {
        let cameras = [
            ("/base/soc/i2c0mux/i2c@0/ov5647@36", "ov5647"),
            (
                "/base/soc/usb@7e980000/usb-port@1-1.2:1.0-046d:0825",
                "HD Webcam C270",
            ),
            ("/base/soc/i2c0mux/i2c@1/imx219@10", "imx219"),
            ("/base/soc/i2c0mux/i2c@1/imx708@1a", "imx708_wide"),
        ];
        count(cameras.map(|(id, model)| (id.into(), model.into())).into())
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
        let chosen = |asked| choose(&cameras, asked).unwrap().index;
        assert_eq!(chosen(None), 0);
        assert_eq!(chosen(Some("2")), 2);
        assert_eq!(chosen(Some("/base/soc/i2c0mux/i2c@1/imx219@10")), 1);
        assert_eq!(chosen(Some("webcam")), 3);
        assert_eq!(chosen(Some("708")), 0);
    }

    #[test]
    fn a_camera_is_found_again_by_its_whole_id_and_no_other_stands_in_for_it() {
        let mut cameras = cameras();
        let id = cameras[1].id.clone();
        assert_eq!(find(&cameras, &id).unwrap().index, 1);
        cameras.remove(1);
        assert!(matches!(find(&cameras, &id), Err(CameraError::Absent(_))));
        let longer = Names {
            index: 0,
            id: format!("{id}0"),
            model: "imx219".into(),
        };
        cameras.insert(0, longer);
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
