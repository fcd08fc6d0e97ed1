//! Tuning files of Raspberry Pi sensors: where libcamera's own are.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::camera::{CameraError, Result};

/// Packaged, or built by hand.
const FOLDERS: [&str; 2] = [
    "/usr/share/libcamera/ipa/rpi",
    "/usr/local/share/libcamera/ipa/rpi",
];

/// The absolute path of a tuning file; a bare name that is no file here is looked for among libcamera's own.
pub(crate) fn find(asked: &Path) -> Result<PathBuf> {
    find_in(asked, &FOLDERS, pipeline()).map_err(|source| {
        let (asked, folder) = (asked.display(), FOLDERS[0]);
        CameraError::Usage(format!(
            "--tuning-file {asked}: {source}; expected a JSON file, as in {folder}"
        ))
    })
}

fn find_in(asked: &Path, folders: &[&str], pipeline: &str) -> io::Result<PathBuf> {
    let bare = asked.components().count() == 1 && !asked.exists();
    let folders = folders.iter().filter(|_| bare);
    let mut among = folders.map(|folder| Path::new(folder).join(pipeline).join(asked));
    let path = among.find(|path| path.exists()).unwrap_or(asked.into());
    // Opened to learn now what is wrong with it: libcamera would only say that it has no camera.
    if File::open(&path)?.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    fs::canonicalize(path)
}

/// This Raspberry Pi's pipeline, as libcamera's folders name it: the Pi 5's, or that of the Pis before it.
fn pipeline() -> &'static str {
    let compatible = fs::read("/sys/firmware/devicetree/base/compatible").unwrap_or_default();
    let is_pi_5 = String::from_utf8_lossy(&compatible).contains("bcm2712");
    if is_pi_5 { "pisp" } else { "vc4" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_one_of_libcameras_own_files() {
        let base = std::env::temp_dir().join(format!("pi-stream-tuning-{}", std::process::id()));
        fs::create_dir_all(base.join("vc4")).unwrap();
        fs::write(base.join("vc4/imx219_noir.json"), "{}").unwrap();
        let folders = ["/nonexistent", base.to_str().unwrap()];
        let found = find_in(Path::new("imx219_noir.json"), &folders, "vc4").unwrap();
        assert!(found.ends_with("vc4/imx219_noir.json"), "{found:?}");
        let named = find_in(&base.join("vc4/imx219_noir.json"), &[], "vc4").unwrap();
        assert_eq!(found, named);
        assert!(find_in(Path::new("imx219_noir.json"), &folders, "pisp").is_err());
        assert!(find_in(Path::new("vc4/imx219_noir.json"), &folders, "vc4").is_err());
        assert!(find_in(&base, &[], "vc4").is_err());
        fs::remove_dir_all(base).unwrap();
    }
}
