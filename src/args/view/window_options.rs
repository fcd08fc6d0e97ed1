//! The window's options: what can be typed, and the plain values that it comes to.
//!
//! Knows clap and the window's configuration, no window. Runs once, before anything else does.

use clap::Args;

use crate::picture::Turn;
use crate::window::{SMALLEST, WindowConfig};

/// The largest window that can be asked for; X11's own limit is 32,767.
const LARGEST: (u32, u32) = (16_384, 16_384);

/// Options of the window, as typed.
#[derive(Debug, Clone, Default, Args)]
pub struct WindowArgs {
    /// Size of the window, in pixels [default: the picture's, at most what fits the screen]
    #[arg(long, value_name = "WxH", value_parser = parse_size, help_heading = "Window")]
    pub window: Option<(u32, u32)>,

    /// Fill the screen (F or Esc leaves it)
    #[arg(long, help_heading = "Window")]
    pub fullscreen: bool,

    /// Keep the window above the others, where the desktop allows it
    #[arg(long, help_heading = "Window")]
    pub on_top: bool,

    /// What the window's title begins with [default: the sender's name]
    #[arg(long, value_name = "TEXT", help_heading = "Window")]
    pub title: Option<String>,

    /// Rotate the picture clockwise: 0, 90, 180 or 270 degrees
    #[arg(long, allow_negative_numbers = true, value_name = "DEGREES", value_parser = parse_rotation, default_value = "0", help_heading = "Window")]
    pub rotation: u8,

    /// Mirror the picture left to right
    #[arg(long, help_heading = "Window")]
    pub hflip: bool,

    /// Mirror the picture top to bottom
    #[arg(long, help_heading = "Window")]
    pub vflip: bool,
}

impl From<WindowArgs> for WindowConfig {
    fn from(args: WindowArgs) -> Self {
        WindowConfig {
            size: args.window,
            fullscreen: args.fullscreen,
            on_top: args.on_top,
            title: args.title,
            turn: Turn::from_flips(args.rotation, args.hflip, args.vflip),
        }
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let expected = || {
        format!(
            "expected WIDTHxHEIGHT from {}x{} to {}x{}, such as 1280x720",
            SMALLEST.0, SMALLEST.1, LARGEST.0, LARGEST.1
        )
    };
    let (width, height) = text.split_once(['x', 'X']).ok_or_else(expected)?;
    let width: u32 = width.parse().map_err(|_| expected())?;
    let height: u32 = height.parse().map_err(|_| expected())?;
    let fits =
        (SMALLEST.0..=LARGEST.0).contains(&width) && (SMALLEST.1..=LARGEST.1).contains(&height);
    fits.then_some((width, height)).ok_or_else(expected)
}

/// Quarter turns, from degrees.
fn parse_rotation(text: &str) -> Result<u8, String> {
    match text {
        "0" => Ok(0),
        "90" => Ok(1),
        "180" => Ok(2),
        "270" => Ok(3),
        _ => Err("expected 0, 90, 180 or 270 degrees, clockwise".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        window: WindowArgs,
    }

    fn parse(args: &[&str]) -> Result<WindowConfig, String> {
        Program::try_parse_from([&["view-recv"], args].concat())
            .map(|program| program.window.into())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_typed_is_the_pictures_own_size_unturned() {
        assert_eq!(parse(&[]), Ok(WindowConfig::default()));
    }

    #[test]
    fn every_option_reaches_the_configuration() {
        let typed = "--window 1280x720 --fullscreen --on-top --title door --rotation 90 --hflip";
        let config = parse(&typed.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(config.size, Some((1280, 720)));
        assert!(config.fullscreen && config.on_top);
        assert_eq!(config.title.as_deref(), Some("door"));
        assert_eq!(config.turn, Turn::from_flips(1, true, false));
    }

    #[test]
    fn a_wrong_size_or_rotation_says_what_was_expected() {
        for wrong in [
            "640",
            "640x",
            "x480",
            "319x240",
            "640x480x1",
            "640x-1",
            "99999x99999",
        ] {
            let error = parse(&["--window", wrong]).unwrap_err();
            assert!(error.contains("320x240 to 16384x16384"), "{error}");
        }
        let error = parse(&["--rotation", "45"]).unwrap_err();
        assert!(error.contains("0, 90, 180 or 270"), "{error}");
    }
}
