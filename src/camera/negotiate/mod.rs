//! What is agreed with a camera: format, size, stride, colours, and who turns the picture.
//!
//! ```text
//! mode   which of the sensor's modes
//! rate   `--fps` in the camera's terms, and what differs from what was asked for
//! ```
//!
//! Asks for what costs least, lets libcamera adjust it, and reads back what it came to. Runs on the camera's
//! thread, before the camera starts.
//!
//! **Whom to believe.** libcamera's virtual pipeline claims to turn pictures, and does not; it claims BT.709 of
//! limited range, and its pixels are BT.601: of limited range in its test patterns, of full range where it shows
//! JPEGs ([`virtual_range`]). It is known by having no device in the kernel: every other pipeline names its
//! devices (the property SystemDevices). All others are believed: on a Raspberry Pi the sensor and the ISP turn,
//! and uvcvideo and vimc say honestly that they did not. Software does what the camera refused.

pub(super) mod mode;
pub(super) mod rate;

use libcamera::camera::{ActiveCamera, CameraConfiguration, Orientation};
use libcamera::color_space::{self, ColorSpace, YcbcrEncoding};
use libcamera::geometry::{Size, SizeRange};
use libcamera::pixel_format::PixelFormat as Fourcc;
use libcamera::properties;
use libcamera::stream::{Stream, StreamRole};

use self::mode::Choice;
use super::{CameraConfig, CameraError, Result, library, listed};
use crate::picture::{Matrix, Picture, PixelFormat, Range, Turn};

/// What a camera will give.
pub(super) struct Agreed {
    pub(super) stream: Stream,
    /// Width and height.
    pub(super) size: (u32, u32),
    /// The size, libcamera's name of the format, and the sensor's mode, where it has any.
    pub(super) format: String,
    /// What its pictures are like, without their planes; `None`: JPEGs, which are passed through.
    pub(super) blank: Option<Picture<'static>>,
    /// Bytes from row to row of the first plane; 0 for JPEGs.
    pub(super) stride: usize,
    /// Bytes of a whole buffer.
    pub(super) frame_size: usize,
    /// What is left to turn in software.
    pub(super) remaining_turn: Turn,
    /// How many buffers the camera wants.
    pub(super) buffers: usize,
    /// The sensor's mode, where it has any.
    pub(super) choice: Option<Choice>,
    /// The shortest and the longest frame, in microseconds, where the camera says.
    pub(super) durations: Option<(i64, i64)>,
    /// What it says of turns and colours is not true; see the head of this file.
    pub(super) is_virtual: bool,
}

/// The formats that are understood, the cheapest first: JPEGs (without pixels here) are passed through, planes are
/// encoded as they are, the others cost a pass over the picture. Every Raspberry Pi gives YU12; the others are those
/// of webcams, of vimc and of the virtual pipeline. By the kernel's codes, which are libcamera's in every version;
/// the crate's names for them are empty when it is built against libcamera before 0.6.
const FORMATS: [(Fourcc, Option<PixelFormat>); 10] = [
    (linear(b"MJPG"), None),
    (linear(b"YU12"), Some(PixelFormat::I420)),
    (linear(b"NV12"), Some(PixelFormat::Nv12)),
    (linear(b"YUYV"), Some(PixelFormat::Yuyv)),
    (linear(b"UYVY"), Some(PixelFormat::Uyvy)),
    (linear(b"BG24"), Some(PixelFormat::Rgb)),
    (linear(b"RG24"), Some(PixelFormat::Bgr)),
    (linear(b"XR24"), Some(PixelFormat::Bgrx)),
    (linear(b"RG16"), Some(PixelFormat::Rgb565)),
    (linear(b"R8  "), Some(PixelFormat::Gray)),
];

/// A format by its four characters, its rows one after the other.
const fn linear(code: &[u8; 4]) -> Fourcc {
    Fourcc::new(u32::from_le_bytes(*code), 0)
}

/// Moving pictures, as libcamera calls that; the first role that the camera has is taken.
pub(super) const ROLES: [StreamRole; 2] = [StreamRole::VideoRecording, StreamRole::ViewFinder];

/// rpicam-vid's number: one picture is encoded, one waits in the slot, and the others are the camera's, so that it
/// never waits for us.
const BUFFERS: u32 = 6;

/// A format that a camera offers, its sizes, and the range of them.
pub(super) type Offered = (Fourcc, Vec<Size>, SizeRange);

/// The formats of the configuration's stream.
pub(super) fn offered(config: &CameraConfiguration) -> Vec<Offered> {
    let Some(stream) = config.get(0) else {
        return Vec::new();
    };
    let formats = stream.formats();
    let known = formats.pixel_formats();
    let offered = |fourcc| (fourcc, formats.sizes(fourcc), formats.range(fourcc));
    known.into_iter().map(offered).collect()
}

/// Configures the camera; returns what it came to.
pub(super) fn configure(camera: &mut ActiveCamera<'_>, wanted: &CameraConfig) -> Result<Agreed> {
    let choice = mode::choose(&mode::modes(camera), wanted)?;
    // The kernel has no device of it; see the head of this file.
    let devices = camera.properties().get::<properties::SystemDevices>();
    let is_virtual = devices.map_or(true, |devices| devices.0.is_empty());
    let turn = match is_virtual {
        true => Turn::NONE,
        false => wanted.turn_of_camera(),
    };
    let size = Size::new(wanted.size.0, wanted.size.1);
    let refused = |formats: &[Offered]| {
        CameraError::Failed(format!(
            "the camera {} offers no format that can be sent: it has {}; expected MJPEG, YUV or RGB",
            camera.id(),
            listed(formats.iter().map(|(fourcc, ..)| fourcc))
        ))
    };
    let generated = camera.generate_first_supported_configuration(&ROLES);
    let (mut config, _) = generated.ok_or_else(|| refused(&[]))?;
    if let Some(Choice { mode, .. }) = choice {
        let size = Size::new(mode.width, mode.height);
        config.set_sensor_configuration(mode::configuration(size, mode.bits));
    }
    let formats = offered(&config);
    let found = candidates(&formats, size).find_map(|fourcc| {
        let mut stream = config.get_mut(0)?;
        stream.set_buffer_count(BUFFERS);
        stream.set_color_space(Some(ColorSpace::sycc()));
        config.set_orientation(orientation(turn));
        let given = set_stream(&mut config, fourcc, size)?;
        FORMATS.into_iter().find(|(known, _)| *known == given)
    });
    let (fourcc, pixels) = found.ok_or_else(|| refused(&formats))?;
    let configured = camera.configure(&mut config);
    configured.map_err(library("configure the camera"))?;

    let given = config.get(0).ok_or_else(CameraError::unplugged)?;
    let Size { width, height } = given.get_size();
    let (range, matrix) = colours(given.get_color_space().filter(|_| !is_virtual));
    let done = turned(config.orientation());
    let mode = choice.map(|choice| format!(", sensor mode {}", choice.mode));
    let mode = mode.unwrap_or_default();
    Ok(Agreed {
        stream: given.stream().ok_or_else(CameraError::unplugged)?,
        size: (width, height),
        format: format!("{width}x{height} {fourcc}{mode}"),
        blank: pixels.map(|format| Picture {
            range,
            matrix,
            ..Picture::blank(format, width, height)
        }),
        stride: given.get_stride() as usize,
        frame_size: given.get_frame_size() as usize,
        remaining_turn: done.inverse().then(wanted.turn),
        buffers: given.get_buffer_count() as usize,
        choice,
        durations: rate::frame_durations(camera),
        is_virtual,
    })
}

/// Asks for a stream of this format and size; returns the format that libcamera makes of it, `None` where it takes
/// nothing like it.
pub(super) fn set_stream(
    config: &mut CameraConfiguration,
    fourcc: Fourcc,
    size: Size,
) -> Option<Fourcc> {
    let mut stream = config.get_mut(0)?;
    stream.set_pixel_format(fourcc);
    stream.set_size(size);
    match config.validate().is_invalid() {
        true => None,
        false => Some(config.get(0)?.get_pixel_format()),
    }
}

/// The formats that are understood, best first: those that come in the wanted size, then the cheapest.
fn candidates(offered: &[Offered], size: Size) -> impl Iterator<Item = Fourcc> {
    let comes_in_size = |(_, sizes, range): &Offered| {
        let is_wanted = |listed: &Size| (listed.width, listed.height) == (size.width, size.height);
        let steps = range.h_step != 0 && range.v_step != 0;
        sizes.iter().any(is_wanted) || (steps && range.contains(size))
    };
    let cost = |offered: &Offered| FORMATS.iter().position(|(known, _)| *known == offered.0);
    let mut known = Vec::from_iter(offered.iter().filter(|offered| cost(offered).is_some()));
    known.sort_by_key(|offered| (!comes_in_size(offered), cost(offered)));
    known.into_iter().map(|offered| offered.0)
}

/// Range and matrix of a stream's YUV samples. Where the stream does not say, they are what webcams send.
fn colours(space: Option<ColorSpace>) -> (Range, Matrix) {
    let matrix = match space.map(|space| space.ycbcr_encoding) {
        Some(YcbcrEncoding::Rec709) => Matrix::Bt709,
        Some(YcbcrEncoding::Rec2020) => Matrix::Bt2020,
        Some(YcbcrEncoding::None | YcbcrEncoding::Rec601) | None => Matrix::Bt601,
    };
    match space.map(|space| space.range) {
        Some(color_space::Range::Full) => (Range::Full, matrix),
        Some(color_space::Range::Limited) | None => (Range::Limited, matrix),
    }
}

/// The range of the virtual pipeline's pixels, by the luma of a picture.
///
/// It draws its test patterns with libyuv's ARGBToNV12, which gives limited range, and its JPEGs with MJPGToNV12,
/// which leaves them as they are; only the picture itself tells which. The patterns are known: eight bars in the
/// colours of the screen, or lines in the first and the last of them.
pub(super) fn virtual_range(luma: &[u8]) -> Range {
    const BARS: [u8; 8] = [235, 210, 170, 145, 107, 82, 41, 16];
    // libyuv rounds differently on different processors.
    let is_bar = |sample: &u8| BARS.iter().any(|bar| bar.abs_diff(*sample) <= 2);
    match luma.iter().all(is_bar) {
        true => Range::Limited,
        false => Range::Full,
    }
}

/// libcamera's name of a turn. It numbers them as Exif does, by what would undo them.
fn orientation(turn: Turn) -> Orientation {
    let number = u32::from(turn.inverse().exif());
    Orientation::try_from(number).expect("it has all eight")
}

/// The turn that libcamera calls so.
fn turned(name: Orientation) -> Turn {
    let found = Turn::all().find(|turn| orientation(*turn) == name);
    found.expect("it has no other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libcamera_knows_every_format_by_the_same_code() {
        let names = [
            "MJPEG", "YUV420", "NV12", "YUYV", "UYVY", "BGR888", "RGB888", "XRGB8888", "RGB565",
            "R8",
        ];
        assert_eq!(FORMATS.map(|(format, _)| format.to_string()), names);
    }

    #[test]
    fn libcameras_orientations_and_our_turns_are_the_same_eight() {
        for turn in Turn::all() {
            assert_eq!(turned(orientation(turn)), turn);
        }
        let flips = |h, v| orientation(Turn::from_flips(0, h, v));
        assert_eq!(flips(true, false), Orientation::Rotate0Mirror);
        assert_eq!(flips(false, true), Orientation::Rotate180Mirror);
        assert_eq!(flips(true, true), Orientation::Rotate180);
    }

    #[test]
    fn what_the_camera_refuses_is_left_to_software() {
        for wanted in Turn::all() {
            // Whatever the camera did, with what is left it comes to what was wanted.
            for done in Turn::all() {
                assert_eq!(done.then(done.inverse().then(wanted)), wanted);
            }
        }
    }

    #[test]
    fn colours_are_what_the_camera_says_and_else_a_webcams() {
        let rec709 = ColorSpace::new(
            color_space::Primaries::Rec709,
            color_space::TransferFunction::Rec709,
            YcbcrEncoding::Rec709,
            color_space::Range::Full,
        );
        assert_eq!(colours(Some(rec709)), (Range::Full, Matrix::Bt709));
        assert_eq!(colours(None), (Range::Limited, Matrix::Bt601));
    }

    #[test]
    fn the_virtual_cameras_patterns_are_of_limited_range_and_its_jpegs_of_full() {
        assert_eq!(virtual_range(&[235, 234, 209, 16, 83]), Range::Limited);
        assert_eq!(virtual_range(&[235, 0, 16]), Range::Full);
        assert_eq!(virtual_range(&[235, 119, 16]), Range::Full);
    }
}
