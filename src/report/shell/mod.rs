//! How both programs behave towards a shell: signals, standard output, the exit status, errors in a line.
//!
//! Standard output carries data alone: its descriptor is duplicated and then pointed at stderr (Unix), because a
//! window library may print there.

use std::error::Error;
use std::iter;

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
pub(crate) mod system;

pub use self::system::end;
pub(super) use self::system::{
    end_interrupted, install_signal_handlers, own_stderr, show_error, take_stdout,
};

/// An error and its causes in one line; a cause whose words are there already is not said again.
pub(crate) fn in_a_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        let words = cause.to_string();
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_that_is_named_already_is_not_said_twice() {
        #[derive(Debug)]
        struct Outer(&'static str, io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.1)
            }
        }
        let error = |text| Outer(text, io::Error::other("disk full"));
        assert_eq!(in_a_line(&error("no file")), "no file: disk full");
        assert_eq!(in_a_line(&error("disk full: delete")), "disk full: delete");
    }
}
