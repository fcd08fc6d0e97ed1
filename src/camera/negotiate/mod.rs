//! What is agreed with a camera: format, size, stride, colours, and who turns the picture.
//!
//! Asks for what costs least, lets libcamera adjust it, and reads back what it came to. Runs on the camera's
//! thread, before the camera starts; what is not in its hands is told to the caller. The sensor's [`mode`] is
//! chosen before, the frame [`rate`] is set afterwards.
//!
//! **Whom to believe.** libcamera's virtual pipeline says that it turns pictures, and does not, and says
//! BT.709 of limited range where its pixels are BT.601: of limited range in its test patterns, of full range
//! where it shows JPEGs ([`virtual_range`]). It is known by having no device in the kernel: every camera of a
//! device names it (the property SystemDevices), and only the virtual pipeline has none. All others are
//! believed: on a Raspberry Pi the sensor and the ISP turn, and uvcvideo and vimc say honestly that they did
//! not; what was refused is left to software.

pub(super) mod mode;
pub(super) mod rate;

use libcamera::camera::{ActiveCamera, Camera, CameraConfiguration, Orientation};
use libcamera::color_space::{self, ColorSpace, YcbcrEncoding};
use libcamera::geometry::Size;
use libcamera::pixel_format::PixelFormat as Fourcc;
use libcamera::properties;
use libcamera::stream::{StreamConfigurationRef, StreamRole};

use self::mode::SensorMode;
use super::CameraConfig;
use super::error::{CameraError, library, listed};
use crate::picture::{Matrix, PixelFormat, Range, Turn};

/// What a buffer of the camera holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// To be passed through.
    Jpeg,
    Pixels(PixelFormat),
}

/// What a camera will give.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Agreed {
    pub(super) width: u32,
    pub(super) height: u32,
    /// libcamera's name of the format.
    pub(super) name: String,
    pub(super) layout: Layout,
    /// Bytes from row to row of the first plane; 0 for JPEGs.
    pub(super) stride: u32,
    /// Bytes of a whole buffer.
    pub(super) frame_size: usize,
    pub(super) range: Range,
    pub(super) matrix: Matrix,
    /// What is left to turn in software.
    pub(super) remaining_turn: Turn,
    /// How many buffers the camera wants.
    pub(super) buffers: usize,
    /// What it says of turns and colours is not true; see the head of this file.
    pub(super) is_virtual: bool,
}

/// The formats that are understood, the cheapest first: JPEGs are passed through, planes are encoded as they
/// are, the others cost a pass over the picture. Every Raspberry Pi gives YU12; the others are those of webcams, of
/// vimc and of the virtual pipeline. By the kernel's codes, which are libcamera's in every version; the crate's
/// names for them are empty when it is built against libcamera before 0.6.
const FORMATS: [(Fourcc, Layout); 10] = [
    (linear(b"MJPG"), Layout::Jpeg),
    (linear(b"YU12"), Layout::Pixels(PixelFormat::I420)),
    (linear(b"NV12"), Layout::Pixels(PixelFormat::Nv12)),
    (linear(b"YUYV"), Layout::Pixels(PixelFormat::Yuyv)),
    (linear(b"UYVY"), Layout::Pixels(PixelFormat::Uyvy)),
    (linear(b"BG24"), Layout::Pixels(PixelFormat::Rgb)),
    (linear(b"RG24"), Layout::Pixels(PixelFormat::Bgr)),
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

/// Configures the camera; says what it came to, and the configuration that its stream belongs to.
pub(super) fn configure(
    camera: &mut ActiveCamera<'_>,
    wanted: &CameraConfig,
    sensor: Option<SensorMode>,
) -> Result<(Agreed, CameraConfiguration), CameraError> {
    let is_virtual = is_virtual(camera);
    let size = Size::new(wanted.size.0, wanted.size.1);
    let (mut offered, mut candidates) = (Vec::new(), Vec::new());
    if let Some((mut config, _)) = camera.generate_first_supported_configuration(&ROLES) {
        if let Some(sensor) = sensor {
            config.set_sensor_configuration(sensor.configuration());
        }
        if let Some(stream) = config.get(0) {
            offered.extend(&*stream.formats().pixel_formats());
            candidates = self::candidates(&stream, &offered, size);
        }
        for fourcc in candidates {
            if let Some(mut stream) = config.get_mut(0) {
                stream.set_buffer_count(BUFFERS);
                stream.set_color_space(Some(ColorSpace::sycc()));
            }
            config.set_orientation(orientation(asked_of_camera(wanted.turn, is_virtual)));
            if let Some(agreed) = set_stream(&mut config, fourcc, size)
                .and_then(|()| agreed(&config, wanted.turn, is_virtual))
            {
                let configured = camera.configure(&mut config);
                configured.map_err(library("configure the camera"))?;
                return Ok((agreed, config));
            }
        }
    }
    Err(CameraError::Failed(format!(
        "the camera {} offers no format that can be sent: it has {}; expected MJPEG, YUV or RGB",
        camera.id(),
        listed(offered.iter().map(Fourcc::to_string))
    )))
}

/// Asks for a stream of this format and size; `None` where libcamera takes nothing like it.
fn set_stream(config: &mut CameraConfiguration, fourcc: Fourcc, size: Size) -> Option<()> {
    {
        let mut stream = config.get_mut(0)?;
        stream.set_pixel_format(fourcc);
        stream.set_size(size);
    }
    (!config.validate().is_invalid()).then_some(())
}

/// Configures the camera for a stream of this format and size, to see what it does then; the size that it came to.
pub(super) fn try_out(
    camera: &mut ActiveCamera<'_>,
    config: &mut CameraConfiguration,
    fourcc: Fourcc,
    size: Size,
) -> Option<Size> {
    set_stream(config, fourcc, size)?;
    camera.configure(config).ok()?;
    Some(config.get(0)?.get_size())
}

/// Whether the kernel knows no device of this camera; see the head of this file.
fn is_virtual(camera: &Camera<'_>) -> bool {
    let devices = camera.properties().get::<properties::SystemDevices>();
    devices.map_or(true, |devices| devices.0.is_empty())
}

/// The camera's formats that we understand, best first: those that come in the wanted size, then the
/// cheapest.
fn candidates(stream: &StreamConfigurationRef<'_>, offered: &[Fourcc], size: Size) -> Vec<Fourcc> {
    let formats = stream.formats();
    let comes_in_size = |fourcc| {
        let mut sizes = formats.sizes(fourcc).into_iter();
        let range = formats.range(fourcc);
        sizes.any(|listed| (listed.width, listed.height) == (size.width, size.height))
            || (range.h_step != 0 && range.v_step != 0 && range.contains(size))
    };
    let mut known: Vec<Fourcc> = FORMATS.iter().map(|(known, _)| *known).collect();
    known.retain(|fourcc| offered.contains(fourcc));
    known.sort_by_key(|fourcc| !comes_in_size(*fourcc));
    known
}

/// What a valid configuration comes to; `None` where its format is not understood.
fn agreed(config: &CameraConfiguration, turn: Turn, is_virtual: bool) -> Option<Agreed> {
    let stream = config.get(0)?;
    let fourcc = stream.get_pixel_format();
    let (_, layout) = FORMATS.iter().find(|(known, _)| *known == fourcc)?;
    let size = stream.get_size();
    let space = stream.get_color_space().filter(|_| !is_virtual);
    let (range, matrix) = colours(space);
    let done = match is_virtual {
        true => Turn::NONE,
        false => turned(config.orientation()),
    };
    Some(Agreed {
        width: size.width,
        height: size.height,
        name: fourcc.to_string(),
        layout: *layout,
        stride: stream.get_stride(),
        frame_size: stream.get_frame_size() as usize,
        range,
        matrix,
        remaining_turn: done.inverse().then(turn),
        buffers: stream.get_buffer_count() as usize,
        is_virtual,
    })
}

/// Range and matrix of a stream's YUV samples. A stream that says nothing is taken for what webcams send.
fn colours(space: Option<ColorSpace>) -> (Range, Matrix) {
    let Some(space) = space else {
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
    match luma.all(|sample| BARS.iter().any(|bar| bar.abs_diff(*sample) <= 2)) {
        true => Range::Limited,
        false => Range::Full,
    }
}

/// The part of a turn that a camera can do. Quarter turns are software's, and software then does it all in
/// its one pass.
fn asked_of_camera(turn: Turn, is_virtual: bool) -> Turn {
    match is_virtual || turn.swaps_sides() {
        true => Turn::NONE,
        false => turn,
    }
}

/// libcamera's names of our turns, those by 0 to 3 quarters first, then those that mirror before. libcamera turns
/// first and mirrors then, which changes the sense of its quarter turns.
const ORIENTATIONS: [Orientation; 8] = [
    Orientation::Rotate0,
    Orientation::Rotate90,
    Orientation::Rotate180,
    Orientation::Rotate270,
    Orientation::Rotate0Mirror,
    Orientation::Rotate270Mirror,
    Orientation::Rotate180Mirror,
    Orientation::Rotate90Mirror,
];

/// How libcamera calls a picture that was turned so.
fn orientation(turn: Turn) -> Orientation {
    ORIENTATIONS[usize::from(turn.quarters % 4 + 4 * u8::from(turn.mirror))]
}

/// How a picture was turned that libcamera calls so.
fn turned(orientation: Orientation) -> Turn {
    let index = ORIENTATIONS.iter().position(|known| *known == orientation);
    let index = index.expect("all eight are listed") as u8;
    Turn {
        quarters: index % 4,
        mirror: index >= 4,
    }
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
            "MJPEG", "YUV420", "NV12", "YUYV", "UYVY", "BGR888", "RGB888", "XRGB8888", "RGB565",
            "R8",
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
            assert!(!asked_of_camera(wanted, false).swaps_sides());
            assert_eq!(asked_of_camera(wanted, true), Turn::NONE);
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
        assert_eq!(
            virtual_range([235, 234, 209, 16, 83].iter()),
            Range::Limited
        );
        assert_eq!(virtual_range([235, 0, 16].iter()), Range::Full);
        assert_eq!(virtual_range([235, 119, 16].iter()), Range::Full);
    }
}
