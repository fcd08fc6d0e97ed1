//! What a camera has to say to its user while it works, one line each.

use std::fmt;

use super::error::CameraError;
use super::mode::SensorMode;
use super::negotiate::Agreed;
use super::select::Names;
use crate::report::Severity;

/// Something that a user wants to know; `Display` is the line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The camera is open, and what it gives.
    #[allow(private_interfaces, reason = "the line is what is public")]
    Opened {
        /// Which camera.
        names: Names,
        /// What it gives.
        agreed: Agreed,
        /// The sensor's mode, where it has modes.
        sensor: Option<SensorMode>,
    },
    /// The camera gives another size than asked: width and height.
    Size {
        /// What was asked for.
        asked: (u32, u32),
        /// What it gives.
        given: (u32, u32),
    },
    /// The picture shows a part of the field only.
    #[allow(private_interfaces, reason = "the line is what is public")]
    Cropped {
        /// The sensor's mode.
        mode: SensorMode,
        /// How much of the field, 0 to 1, a side.
        share: f64,
    },
    /// The camera cannot reach the rate, in frames a second.
    Rate {
        /// What was asked for.
        asked: f64,
        /// The least that it can do.
        slowest: f64,
        /// The most that it can do.
        fastest: f64,
    },
    /// The camera was lost; it is tried again.
    Lost(CameraError),
    /// The lost camera is not there; others are left alone.
    #[allow(private_interfaces, reason = "the line is what is public")]
    Waiting {
        /// Which camera.
        names: Names,
    },
    /// The camera is back.
    Back,
    /// What libcamera says by itself.
    Library(Logged),
}

/// A line of libcamera's log.
#[derive(Debug)]
pub struct Logged {
    /// How much it matters. libcamera's errors are warnings here: what they come to, we tell.
    pub severity: Severity,
    /// Its line, without the time and the thread.
    pub line: String,
}

impl Logged {
    /// Parses `[0:00:01.234567890] [4711] ERROR V4L2 v4l2_device.cpp:390 Unable to set controls`.
    pub fn parse(line: &str) -> Logged {
        let mut rest = line.trim();
        while let Some((_, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            rest = behind.trim_start();
        }
        let severity = match rest.split(' ').next() {
            Some("WARN" | "ERROR" | "FATAL") => Severity::Warning,
            _ => Severity::Info,
        };
        Logged {
            severity,
            line: rest.to_owned(),
        }
    }
}

impl Notice {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Notice::Opened { .. } | Notice::Back => Severity::Info,
            Notice::Size { .. } | Notice::Cropped { .. } | Notice::Rate { .. } => Severity::Warning,
            Notice::Lost(_) | Notice::Waiting { .. } => Severity::Error,
            Notice::Library(logged) => logged.severity,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Opened {
                names,
                agreed,
                sensor,
            } => {
                write!(
                    f,
                    "camera {}: {}x{} {}",
                    names.model, agreed.width, agreed.height, agreed.name
                )?;
                match sensor {
                    Some(mode) => {
                        write!(
                            f,
                            ", sensor mode {}:{}:{}",
                            mode.width, mode.height, mode.bits
                        )
                    }
                    None => Ok(()),
                }
            }
            Notice::Size { asked, given } => write!(
                f,
                "the camera gives {}x{} where {}x{} was asked for (--list-cameras shows its sizes)",
                given.0, given.1, asked.0, asked.1
            ),
            Notice::Cropped { mode, share } => write!(
                f,
                "the picture shows the middle {:.0} % of the field, a side, in sensor mode {}:{}:{}; a lower \
                 --fps or another --mode shows more (--list-cameras shows them)",
                share * 100.0,
                mode.width,
                mode.height,
                mode.bits
            ),
            Notice::Rate {
                asked,
                slowest,
                fastest,
            } => write!(
                f,
                "the camera gives {slowest:.1} to {fastest:.1} frames a second in this mode where --fps {asked} \
                 was asked for"
            ),
            Notice::Lost(why) => write!(f, "{why}; trying again"),
            Notice::Waiting { names } => write!(
                f,
                "waiting for the camera {} ({}) to be back in its socket; no other is taken in its place",
                names.model, names.id
            ),
            Notice::Back => write!(f, "the camera is back"),
            Notice::Library(logged) => write!(f, "libcamera: {}", logged.line),
        }
    }
}
