//! What is agreed with a camera: format, size, stride, colours, and who turns the picture.
//!
//! Asks for what costs least, lets libcamera adjust it, and reads back what it came to. Runs on the camera's
//! thread, before the camera starts; what is not in its hands is told to the caller.
//!
//! **Whom to believe.** libcamera's virtual pipeline says that it turns pictures, and does not, and says
//! BT.709 of limited range where its pixels are BT.601: of limited range in its test patterns, of full range
//! where it shows JPEGs ([`virtual_range`]). It is known by having no device in the kernel: every camera of a
//! device names it (the property SystemDevices), and only the virtual pipeline has none. All others are
//! believed: on a Raspberry Pi the sensor and the ISP turn, and uvcvideo and vimc say honestly that they did
//! not; what was refused is left to software.

use libcamera::camera::{ActiveCamera, Camera, CameraConfiguration, Orientation};
use libcamera::color_space::{self, ColorSpace, YcbcrEncoding};
use libcamera::geometry::Size;
use libcamera::pixel_format::PixelFormat as Fourcc;
use libcamera::properties;
use libcamera::stream::{StreamConfigurationRef, StreamRole};

use super::error::{CameraError, library};
use super::mode::{self, SensorMode};
use crate::frame::{Matrix, PixelFormat, Range, Turn};
use crate::send::camera_options::CameraConfig;

/// What a buffer of the camera holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A JPEG, to be passed through.
    Jpeg,
    /// Pixels.
    Pixels(PixelFormat),
    /// Pixels whose two chroma planes have changed places.
    Crossed(PixelFormat),
}

/// What a camera will give.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Agreed {
    /// In pixels.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
    /// libcamera's name of the format.
    pub(super) name: String,
    pub(super) layout: Layout,
    /// Bytes from row to row of the first plane; 0 for JPEGs.
    pub(super) stride: usize,
    /// Bytes of a whole buffer.
    pub(super) frame_size: usize,
    pub(super) range: Range,
    pub(super) matrix: Matrix,
    /// What is left to turn in software.
    pub(super) left: Turn,
    /// How many buffers the camera wants.
    pub(super) buffers: usize,
}

/// The formats that are understood, the cheapest first: JPEGs are passed through, planes are encoded as they
/// are, the others cost a pass over the picture. By the kernel's codes, which are libcamera's in every version;
/// the crate's names for them are empty when it is built against libcamera before 0.6.
const FORMATS: [(Fourcc, Layout); 19] = [
    (linear(b"MJPG"), Layout::Jpeg),
    (linear(b"YU12"), Layout::Pixels(PixelFormat::I420)),
    (linear(b"YV12"), Layout::Crossed(PixelFormat::I420)),
    (linear(b"NV12"), Layout::Pixels(PixelFormat::Nv12)),
    (linear(b"NV21"), Layout::Pixels(PixelFormat::Nv21)),
    (linear(b"YU16"), Layout::Pixels(PixelFormat::I422)),
    (linear(b"YV16"), Layout::Crossed(PixelFormat::I422)),
    (linear(b"YUYV"), Layout::Pixels(PixelFormat::Yuyv)),
    (linear(b"YVYU"), Layout::Pixels(PixelFormat::Yvyu)),
    (linear(b"UYVY"), Layout::Pixels(PixelFormat::Uyvy)),
    (linear(b"VYUY"), Layout::Pixels(PixelFormat::Vyuy)),
    (linear(b"YU24"), Layout::Pixels(PixelFormat::I444)),
    (linear(b"YV24"), Layout::Crossed(PixelFormat::I444)),
    (linear(b"BG24"), Layout::Pixels(PixelFormat::Rgb)),
    (linear(b"RG24"), Layout::Pixels(PixelFormat::Bgr)),
    (linear(b"XB24"), Layout::Pixels(PixelFormat::Rgbx)),
    (linear(b"XR24"), Layout::Pixels(PixelFormat::Bgrx)),
    (linear(b"RG16"), Layout::Pixels(PixelFormat::Rgb565)),
    (linear(b"R8  "), Layout::Pixels(PixelFormat::Gray)),
];

/// A format by its four characters, in rows one behind the other.
const fn linear(code: &[u8; 4]) -> Fourcc {
    Fourcc::new(u32::from_le_bytes(*code), 0)
}

/// What the stream is for, in the order in which a camera is asked: moving pictures.
pub(super) const ROLES: [StreamRole; 2] = [StreamRole::VideoRecording, StreamRole::ViewFinder];

/// One picture is encoded, one waits in the slot; the others are the camera's, so that it never waits for
/// us: rpicam-vid's number.
const BUFFERS: u32 = 6;

/// Whether the kernel knows a device of this camera; see the head of this file.
pub(super) fn is_virtual(camera: &Camera<'_>) -> bool {
    camera
        .properties()
        .get::<properties::SystemDevices>()
        .map_or(true, |devices| devices.0.is_empty())
}

/// Configures the camera; says what it came to, and the configuration that its stream belongs to.
pub(super) fn configure(
    camera: &mut ActiveCamera<'_>,
    wanted: &CameraConfig,
    sensor: Option<SensorMode>,
) -> Result<(Agreed, CameraConfiguration), CameraError> {
    let refused = |offered| CameraError::Formats {
        id: camera.id().into(),
        offered,
    };
    let (mut config, _) = camera
        .generate_first_supported_configuration(&ROLES)
        .ok_or_else(|| refused(Vec::new()))?;
    if let Some(sensor) = sensor {
        let size = Size::new(sensor.width, sensor.height);
        config.set_sensor_configuration(mode::sensor_configuration(size, sensor.bits));
    }
    let mut offered = Vec::new();
    let size = Size::new(wanted.width, wanted.height);
    let candidates = match config.get(0) {
        Some(stream) => {
            offered.extend(
                stream
                    .formats()
                    .pixel_formats()
                    .into_iter()
                    .map(|f| f.to_string()),
            );
            candidates(&stream, size)
        }
        None => Vec::new(),
    };
    let believed = !is_virtual(camera);
    let asked = asked_of_camera(wanted.turn);
    for fourcc in candidates {
        if let Some(mut stream) = config.get_mut(0) {
            stream.set_pixel_format(fourcc);
            stream.set_size(size);
            stream.set_buffer_count(BUFFERS);
            stream.set_color_space(Some(ColorSpace::sycc()));
        }
        config.set_orientation(if believed {
            orientation(asked)
        } else {
            Orientation::Rotate0
        });
        if config.validate().is_invalid() {
            continue;
        }
        let Some(agreed) = agreed(&config, wanted.turn, believed) else {
            continue;
        };
        camera
            .configure(&mut config)
            .map_err(library("configure the camera"))?;
        return Ok((agreed, config));
    }
    Err(refused(offered))
}

/// The camera's formats that we understand, best first: those that come in the wanted size, then the
/// cheapest.
fn candidates(stream: &StreamConfigurationRef<'_>, size: Size) -> Vec<Fourcc> {
    let formats = stream.formats();
    let mut offered: Vec<(bool, usize)> = formats
        .pixel_formats()
        .into_iter()
        .filter_map(|fourcc| {
            let cost = FORMATS.iter().position(|(known, _)| *known == fourcc)?;
            let sizes = formats.sizes(fourcc);
            let listed = sizes
                .iter()
                .any(|s| (s.width, s.height) == (size.width, size.height));
            let range = formats.range(fourcc);
            let within = range.h_step != 0 && range.v_step != 0 && range.contains(size);
            Some((!(listed || within), cost))
        })
        .collect();
    offered.sort_unstable();
    offered
        .into_iter()
        .map(|(_, cost)| FORMATS[cost].0)
        .collect()
}

/// What a valid configuration comes to; `None` where its format is not understood.
fn agreed(config: &CameraConfiguration, turn: Turn, believed: bool) -> Option<Agreed> {
    let stream = config.get(0)?;
    let fourcc = stream.get_pixel_format();
    let (_, layout) = FORMATS.iter().find(|(known, _)| *known == fourcc)?;
    let size = stream.get_size();
    let (range, matrix) = colours(believed, stream.get_color_space());
    let done = if believed {
        turned(config.orientation())
    } else {
        Turn::NONE
    };
    Some(Agreed {
        width: size.width,
        height: size.height,
        name: fourcc.to_string(),
        layout: *layout,
        stride: stream.get_stride() as usize,
        frame_size: stream.get_frame_size() as usize,
        range,
        matrix,
        left: done.inverse().then(turn),
        buffers: stream.get_buffer_count() as usize,
    })
}

/// Range and matrix of a stream's YUV samples. A stream that says nothing is taken for what webcams send.
fn colours(believed: bool, space: Option<ColorSpace>) -> (Range, Matrix) {
    let (true, Some(space)) = (believed, space) else {
        return (Range::Limited, Matrix::Bt601);
    };
    let range = match space.range {
        color_space::Range::Full => Range::Full,
        color_space::Range::Limited => Range::Limited,
    };
    let matrix = match space.ycbcr_encoding {
        YcbcrEncoding::None | YcbcrEncoding::Rec601 => Matrix::Bt601,
        YcbcrEncoding::Rec709 => Matrix::Bt709,
        YcbcrEncoding::Rec2020 => Matrix::Bt2020,
    };
    (range, matrix)
}

/// The range of the virtual pipeline's pixels, by the luma of a picture.
///
/// It draws its test patterns with libyuv's ARGBToNV12, which gives limited range, and takes JPEGs over with
/// MJPGToNV12, which leaves them as they are; nothing but the picture tells which. The patterns are known:
/// eight bars in the colours of the screen, or lines in the first and the last of them.
pub(super) fn virtual_range<'a>(mut luma: impl Iterator<Item = &'a u8>) -> Range {
    const BARS: [u8; 8] = [235, 210, 170, 145, 107, 82, 41, 16];
    // libyuv's versions for different processors round differently.
    let is_pattern = luma.all(|sample| BARS.iter().any(|bar| bar.abs_diff(*sample) <= 2));
    if is_pattern {
        Range::Limited
    } else {
        Range::Full
    }
}

/// The part of a turn that cameras can do. Quarter turns are software's, and software then does it all in
/// its one pass.
fn asked_of_camera(turn: Turn) -> Turn {
    if turn.swaps_sides() { Turn::NONE } else { turn }
}

/// How libcamera calls a picture that was turned so.
fn orientation(turn: Turn) -> Orientation {
    match (turn.quarters % 4, turn.mirror) {
        (0, false) => Orientation::Rotate0,
        (1, false) => Orientation::Rotate90,
        (2, false) => Orientation::Rotate180,
        (_, false) => Orientation::Rotate270,
        (0, true) => Orientation::Rotate0Mirror,
        (1, true) => Orientation::Rotate270Mirror,
        (2, true) => Orientation::Rotate180Mirror,
        (_, true) => Orientation::Rotate90Mirror,
    }
}

/// How a picture was turned that libcamera calls so. libcamera turns first and mirrors then, which changes
/// the sense of its quarter turns.
fn turned(orientation: Orientation) -> Turn {
    let (quarters, mirror) = match orientation {
        Orientation::Rotate0 => (0, false),
        Orientation::Rotate90 => (1, false),
        Orientation::Rotate180 => (2, false),
        Orientation::Rotate270 => (3, false),
        Orientation::Rotate0Mirror => (0, true),
        Orientation::Rotate270Mirror => (1, true),
        Orientation::Rotate180Mirror => (2, true),
        Orientation::Rotate90Mirror => (3, true),
    };
    Turn { quarters, mirror }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> impl Iterator<Item = Turn> {
        (0..8).map(|i| Turn {
            quarters: i % 4,
            mirror: i >= 4,
        })
    }

    #[test]
    fn libcamera_knows_every_format_by_the_same_code() {
        let names = [
            "MJPEG", "YUV420", "YVU420", "NV12", "NV21", "YUV422", "YVU422", "YUYV", "YVYU",
            "UYVY", "VYUY", "YUV444", "YVU444", "BGR888", "RGB888", "XBGR8888", "XRGB8888",
            "RGB565", "R8",
        ];
        assert_eq!(FORMATS.map(|(format, _)| format.to_string()), names);
    }

    #[test]
    fn libcameras_orientations_and_our_turns_are_the_same_eight() {
        for turn in turns() {
            assert_eq!(turned(orientation(turn)), turn);
        }
        let flips = |h, v| orientation(Turn::from_flips(0, h, v));
        assert_eq!(flips(true, false), Orientation::Rotate0Mirror);
        assert_eq!(flips(false, true), Orientation::Rotate180Mirror);
        assert_eq!(flips(true, true), Orientation::Rotate180);
    }

    #[test]
    fn what_the_camera_refuses_is_left_to_software() {
        for wanted in turns() {
            // Whatever the camera did, with what is left it comes to what was wanted.
            for done in turns() {
                assert_eq!(done.then(done.inverse().then(wanted)), wanted);
            }
            assert!(!asked_of_camera(wanted).swaps_sides());
        }
    }

    #[test]
    fn a_camera_of_no_device_is_bt601_of_limited_range_whatever_it_says() {
        let rec709 = ColorSpace::new(
            color_space::Primaries::Rec709,
            color_space::TransferFunction::Rec709,
            YcbcrEncoding::Rec709,
            color_space::Range::Full,
        );
        assert_eq!(
            colours(false, Some(rec709)),
            (Range::Limited, Matrix::Bt601)
        );
        assert_eq!(colours(true, Some(rec709)), (Range::Full, Matrix::Bt709));
        assert_eq!(colours(true, None), (Range::Limited, Matrix::Bt601));
    }

    #[test]
    fn the_virtual_cameras_patterns_are_of_limited_range_and_its_jpegs_of_full() {
        assert_eq!(
            virtual_range([235, 234, 209, 16, 83].iter()),
            Range::Limited
        );
        assert_eq!(virtual_range([235, 0, 16].iter()), Range::Full);
        assert_eq!(virtual_range([235, 119, 16].iter()), Range::Full);
    }
}
