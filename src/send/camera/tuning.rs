//! `--tuning-file`: which file is meant, and how libcamera is told.
//!
//! libcamera takes it by an environment variable only. A program that has threads cannot set one safely, so
//! the program starts itself anew with it, before it has any.

use std::convert::Infallible;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{CameraError, library};

/// What the Raspberry Pi's pipelines of libcamera look at.
const VARIABLE: &str = "LIBCAMERA_RPI_TUNING_FILE";

/// Where libcamera's own files are: packaged, or built by hand.
const FOLDERS: [&str; 2] = [
    "/usr/share/libcamera/ipa/rpi",
    "/usr/local/share/libcamera/ipa/rpi",
];

/// Makes libcamera use the tuning file: replaces this process by itself with the environment that it takes.
/// Returns where that has been done already.
///
/// To be called first of all in a program, before it has threads or has opened anything. A name without a
/// folder that is no file here is looked for among libcamera's own.
pub fn use_tuning_file(asked: &Path) -> Result<(), CameraError> {
    let failed = |source| CameraError::TuningFile {
        path: asked.into(),
        source,
    };
    let path = find(asked, &FOLDERS, pipeline()).map_err(failed)?;
    if env::var_os(VARIABLE).as_deref() == Some(path.as_os_str()) {
        return Ok(());
    }
    match start_anew(path.as_os_str()) {
        Ok(never) => match never {},
        Err(source) => Err(library("start anew with the tuning file")(source)),
    }
}

fn start_anew(path: &OsStr) -> io::Result<Infallible> {
    let mut args = env::args_os();
    let mut command = Command::new(env::current_exe()?);
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    Err(command.args(args).env(VARIABLE, path).exec())
}

/// The file, with its whole path.
fn find(asked: &Path, folders: &[&str], pipeline: &str) -> io::Result<PathBuf> {
    let bare = asked.components().count() == 1 && !asked.exists();
    let mut among = folders
        .iter()
        .map(|folder| Path::new(folder).join(pipeline).join(asked));
    let path = among
        .find(|path| bare && path.exists())
        .unwrap_or(asked.into());
    // Opened once to hear now what is wrong with it: libcamera would only say that it has no camera.
    if File::open(&path)?.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    fs::canonicalize(path)
}

/// The pipeline of this Raspberry Pi, which has a folder of its own: the Pi 5's, or that of those before it.
fn pipeline() -> &'static str {
    let compatible = fs::read("/sys/firmware/devicetree/base/compatible").unwrap_or_default();
    match String::from_utf8_lossy(&compatible).contains("bcm2712") {
        true => "pisp",
        false => "vc4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_one_of_libcameras_own_files() {
        let base = env::temp_dir().join(format!("pi-stream-tuning-{}", std::process::id()));
        fs::create_dir_all(base.join("vc4")).unwrap();
        fs::write(base.join("vc4/imx219_noir.json"), "{}").unwrap();
        let folders = ["/nonexistent", base.to_str().unwrap()];
        let found = find(Path::new("imx219_noir.json"), &folders, "vc4").unwrap();
        assert!(found.ends_with("vc4/imx219_noir.json"), "{found:?}");
        let named = find(&base.join("vc4/imx219_noir.json"), &[], "vc4").unwrap();
        assert_eq!(found, named);
        assert!(find(Path::new("imx219_noir.json"), &folders, "pisp").is_err());
        assert!(find(Path::new("vc4/imx219_noir.json"), &folders, "vc4").is_err());
        assert!(find(&base, &[], "vc4").is_err());
        fs::remove_dir_all(base).unwrap();
    }
}
