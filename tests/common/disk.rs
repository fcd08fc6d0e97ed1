//! A small disk, to be filled.

use std::path::Path;
use std::process::Command;

/// A file system of its own, gone when dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// One with room for so many KiB; `None` where this user may not mount. Root must be able to.
    pub fn mount(kib: u32) -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "pi-stream"])
            .arg(dir.path())
            .output()
            .unwrap();
        if mount.status.success() {
            return Some(SmallDisk(dir));
        }
        let id = Command::new("id").arg("-u").output().unwrap();
        let told = String::from_utf8_lossy(&mount.stderr).into_owned();
        assert_ne!(id.stdout, b"0\n", "root may not mount a tmpfs: {told}");
        eprintln!("SKIPPED, since only root may mount: {told}");
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}
