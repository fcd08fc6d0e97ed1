//! A key's file: read, and made.
//!
//! One line, readable by its owner alone. A file that others can read holds no secret, and is refused, as ssh refuses
//! its own; those that systemd hands to a service are its own to protect. Blocks on the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::protocol::Key;

/// The longest file that is read, in bytes: a key and a page of comments.
const MAX_BYTES: usize = 8192;

/// What systemd calls the key that it hands to a service.
const CREDENTIAL: &str = "pi-stream.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("--key {0} does not exist; to make a key: --new-key {0}")]
    Missing(String),
    #[error("--key {0} can be read by others: chmod 600 {0}")]
    Exposed(String),
    #[error("--new-key {0} is there already, and no key is overwritten: give another name")]
    Exists(String),
    /// It cannot be read, or written, or (`InvalidData`) it holds no key.
    #[error("{0}: {1}")]
    Failed(String, #[source] io::Error),
}

impl Key {
    /// The key of a file that nobody but its owner can read.
    pub fn read(file: impl AsRef<Path>) -> Result<Key, KeyFileError> {
        // Elsewhere a file is its owner's as its folder says; and a folder is no key's file, whoever can read it.
        let path = file.as_ref();
        #[cfg(unix)]
        if path.metadata().is_ok_and(|about| {
            let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions());
            mode & 0o077 != 0 && !about.is_dir()
        }) {
            return Err(KeyFileError::Exposed(path.display().to_string()));
        }
        read(path)
    }
}

/// The key that is asked for: the file's, else the one that systemd hands over, if it does.
pub fn find(file: Option<&Path>) -> Result<Option<Key>, KeyFileError> {
    if let Some(file) = file {
        return Key::read(file).map(Some);
    }
    let handed_over = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    match handed_over.map(|directory| read(&directory.join(CREDENTIAL))) {
        None | Some(Err(KeyFileError::Missing(_))) => Ok(None),
        Some(found) => found.map(Some),
    }
}

fn read(path: &Path) -> Result<Key, KeyFileError> {
    let name = path.display().to_string();
    // Its memory is not to move: what is left behind would not be wiped.
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES + 64));
    let read =
        File::open(path).and_then(|file| file.take(MAX_BYTES as u64).read_to_string(&mut text));
    let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let key = read.and_then(|_| text.parse().map_err(wrong));
    key.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing(name),
        _ => KeyFileError::Failed(format!("--key {name}"), error),
    })
}

/// Makes a key in a new file; returns what to type next.
pub fn make(path: &Path) -> Result<String, KeyFileError> {
    let name = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = Key::random().and_then(|key| {
        let mut file = options.open(path)?;
        file.write_all(key.to_text().as_bytes())?;
        file.sync_all()
    });
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(name.to_string()),
        _ => KeyFileError::Failed(format!("--new-key {name}"), error),
    })?;
    let base = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!(
        "{name} is the key: whoever has it can watch, and send. The same file belongs on both sides. Next, type:

  scp {name} YOU@raspberrypi.local:       (from the desktop to the Raspberry Pi)
  view-recv --key {base}                  (on the desktop)
  pi-send --host DESKTOP --key {base}     (on the Raspberry Pi)
"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_read_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garden.key");
        let told = make(&path).unwrap();
        assert!(
            told.contains("pi-send --host DESKTOP --key garden.key "),
            "{told}"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!told.contains(text.trim()));
        assert_eq!(Key::read(&path).unwrap(), text.parse().unwrap());
        let error = make(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Exists(_)), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garden.key");
        make(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o610] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let line = Key::read(&path).unwrap_err().to_string();
            assert!(
                line.contains(&format!("chmod 600 {}", path.display())),
                "{line}"
            );
            // What systemd hands over is its own to protect.
            assert!(read(&path).is_ok());
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(Key::read(&path).is_ok());
    }

    #[test]
    fn what_is_no_key_file_says_why_and_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let line = |bytes: Option<&[u8]>| {
            let path = folder.path().join("garden.key");
            let _ = std::fs::remove_file(&path);
            if let Some(bytes) = bytes {
                make(&path).unwrap();
                std::fs::write(&path, bytes).unwrap();
            }
            Key::read(&path).unwrap_err().to_string()
        };
        assert!(line(None).contains("--new-key"));
        assert!(line(Some(b"")).contains("it holds no key"));
        assert!(line(Some(b"garden")).contains("it holds no key"));
        assert!(line(Some(&[0xFF; 60])).contains("UTF-8"));
        // Of what is far too long, a page of comments is read.
        let text = [vec![b'#'; MAX_BYTES], b"\npi-stream-key-1:".to_vec()].concat();
        assert!(line(Some(&text)).contains("it holds no key"));
        let error = Key::read(folder.path()).unwrap_err();
        assert!(matches!(error, KeyFileError::Failed(..)), "{error}");
    }
}
