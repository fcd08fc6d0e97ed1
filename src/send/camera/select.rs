//! Which camera: their order, and what `--camera` means.
//!
//! Pure: names in, a position out. People expect index 0 to be the camera that rpicam-vid calls 0, so the
//! order is that of rpicam-apps (ids, descending), with USB cameras, which rpicam-apps leaves out, behind.

use super::error::CameraError;

/// A camera's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// libcamera's id: the device's path in the machine.
    pub(super) id: String,
    /// The sensor's or the product's name.
    pub(super) model: String,
}

/// Sorts into the order in which cameras are counted.
pub(super) fn sort(cameras: &mut [Names]) {
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
    if let Ok(index) = asked.parse::<usize>() {
        if index < cameras.len() {
            return Ok(index);
        }
    }
    if let Some(index) = cameras.iter().position(|camera| camera.id == asked) {
        return Ok(index);
    }
    let part = asked.to_lowercase();
    let by_model = matching(cameras, |camera| {
        camera.model.to_lowercase().contains(&part)
    });
    let found = if by_model.is_empty() {
        matching(cameras, |camera| camera.id.to_lowercase().contains(&part))
    } else {
        by_model
    };
    match found[..] {
        [index] => Ok(index),
        [] => Err(CameraError::Unknown {
            asked: asked.into(),
            choices: lines(cameras, &(0..cameras.len()).collect::<Vec<_>>()),
        }),
        _ => Err(CameraError::Ambiguous {
            asked: asked.into(),
            choices: lines(cameras, &found),
        }),
    }
}

/// The position of the camera that was opened before, by its whole id: a number, a model or a part of an id may
/// mean another one meanwhile.
pub(super) fn find(cameras: &[Names], id: &str) -> Result<usize, CameraError> {
    let found = cameras.iter().position(|camera| camera.id == id);
    found.ok_or(CameraError::Unplugged)
}

fn matching(cameras: &[Names], fits: impl Fn(&Names) -> bool) -> Vec<usize> {
    (0..cameras.len())
        .filter(|index| fits(&cameras[*index]))
        .collect()
}

fn lines(cameras: &[Names], indices: &[usize]) -> Vec<String> {
    indices
        .iter()
        .map(|index| {
            format!(
                "{index}: {} ({})",
                cameras[*index].model, cameras[*index].id
            )
        })
        .collect()
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
        assert!(matches!(find(&cameras, &id), Err(CameraError::Unplugged)));
        cameras.insert(
            0,
            Names {
                id: format!("{id}0"),
                model: "imx219".into(),
            },
        );
        for other in [&id, "0", "imx219"] {
            assert!(matches!(find(&cameras, other), Err(CameraError::Unplugged)));
        }
        assert!(matches!(find(&[], &id), Err(CameraError::Unplugged)));
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
