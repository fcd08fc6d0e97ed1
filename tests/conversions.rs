//! Every format that a camera may give, against ffmpeg's conversion of the same bytes: sizes and strides are odd.
//!
//! ffmpeg makes the picture in each format, range and matrix, and brings it back to red, green and blue as the
//! reference; our JPEG of the same bytes, laid out with gaps behind the rows, has to show the same.
#![cfg(feature = "send")]

use std::fs;
use std::num::NonZeroUsize;
use std::process::Command;

use image::RgbImage;
use pi_stream::jpeg::Encoder;
use pi_stream::picture::{Matrix, Picture, PixelFormat, Plane, Range, Turn};
use tempfile::TempDir;

/// No side is a multiple of anything, and the larger one is encoded in strips.
const SIZES: [(u32, u32); 2] = [(149, 87), (1023, 515)];

/// What a JPEG of quality 100 with halved chroma may cost: the mean, and the worst pixel's worst colour.
const MEAN_STEPS: f64 = 1.0;
const WORST_STEPS: u8 = 8;

/// The same for five and six bits a colour, which ffmpeg dithers.
const MEAN_STEPS_OF_16_BITS: f64 = 3.0;
const WORST_STEPS_OF_16_BITS: u8 = 14;

/// Bytes behind each row that are no pixels.
const GAP: usize = 13;

/// A format's name in ffmpeg, and its planes: bytes that a group of samples takes, and by how much the plane is
/// narrower and lower than the picture.
struct Layout {
    format: PixelFormat,
    ffmpeg: &'static str,
    planes: &'static [(usize, u32, u32)],
}

const fn layout(
    format: PixelFormat,
    ffmpeg: &'static str,
    planes: &'static [(usize, u32, u32)],
) -> Layout {
    Layout {
        format,
        ffmpeg,
        planes,
    }
}

const LAYOUTS: [Layout; 12] = [
    layout(PixelFormat::Gray, "gray", &[(1, 1, 1)]),
    layout(
        PixelFormat::I420,
        "yuv420p",
        &[(1, 1, 1), (1, 2, 2), (1, 2, 2)],
    ),
    layout(
        PixelFormat::I422,
        "yuv422p",
        &[(1, 1, 1), (1, 2, 1), (1, 2, 1)],
    ),
    layout(
        PixelFormat::I444,
        "yuv444p",
        &[(1, 1, 1), (1, 1, 1), (1, 1, 1)],
    ),
    layout(PixelFormat::Nv12, "nv12", &[(1, 1, 1), (2, 2, 2)]),
    layout(PixelFormat::Yuyv, "yuyv422", &[(4, 2, 1)]),
    layout(PixelFormat::Uyvy, "uyvy422", &[(4, 2, 1)]),
    layout(PixelFormat::Rgb, "rgb24", &[(3, 1, 1)]),
    layout(PixelFormat::Bgr, "bgr24", &[(3, 1, 1)]),
    layout(PixelFormat::Rgbx, "rgb0", &[(4, 1, 1)]),
    layout(PixelFormat::Bgrx, "bgr0", &[(4, 1, 1)]),
    layout(PixelFormat::Rgb565, "rgb565le", &[(2, 1, 1)]),
];

/// Colours that change so slowly that where exactly chroma is taken from between two pixels does not count: ffmpeg
/// takes it elsewhere than JPEG.
fn source(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (f64::from(x) / 1000.0, f64::from(y) / 1000.0);
        let wave = |turns: f64| (127.5 + 115.0 * (turns * std::f64::consts::TAU).sin()) as u8;
        image::Rgb([
            wave(x + 0.3 * y),
            wave(y - 0.5 * x),
            wave(0.7 * x + 0.8 * y + 0.2),
        ])
    })
}

/// Both ends of a conversion: what ffmpeg calls range and matrix.
fn names(range: Range, matrix: Matrix) -> (&'static str, &'static str) {
    let range = match range {
        Range::Full => "full",
        Range::Limited => "limited",
    };
    let matrix = match matrix {
        Matrix::Bt601 => "bt601",
        Matrix::Bt709 => "bt709",
        Matrix::Bt2020 => "bt2020",
    };
    (range, matrix)
}

/// Has ffmpeg bring raw bytes from one format to another.
fn ffmpeg(
    folder: &TempDir,
    bytes: &[u8],
    (width, height): (u32, u32),
    [from, to]: [&str; 2],
    scale: &str,
) -> Vec<u8> {
    let file = folder.path().join("raw");
    fs::write(&file, bytes).unwrap();
    let size = format!("{width}x{height}");
    let filter = format!("{scale}:flags=accurate_rnd+full_chroma_int+full_chroma_inp+bilinear");
    let output = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", from, "-s", &size, "-i",
        ])
        .arg(&file)
        .args(["-vf", &filter, "-pix_fmt", to, "-f", "rawvideo", "-"])
        .output()
        .expect("ffmpeg starts (Debian: apt install ffmpeg)");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    output.stdout
}

/// The same planes with [`GAP`] bytes behind each row; with each plane's stride.
fn with_gaps(bytes: &[u8], (width, height): (u32, u32), layout: &Layout) -> Vec<(Vec<u8>, usize)> {
    let mut rest = bytes;
    let planes = layout.planes.iter().map(|&(bytes, narrower, lower)| {
        let row = bytes * width.div_ceil(narrower) as usize;
        let (plane, behind) = rest.split_at(row * height.div_ceil(lower) as usize);
        rest = behind;
        let rows = plane.chunks_exact(row);
        let spaced = rows.flat_map(|row| row.iter().copied().chain([0xA5; GAP]));
        (spaced.collect(), row + GAP)
    });
    let planes = planes.collect();
    assert!(
        rest.is_empty(),
        "{}: {} bytes more",
        layout.ffmpeg,
        rest.len()
    );
    planes
}

fn our_picture(
    planes: &[(Vec<u8>, usize)],
    (width, height): (u32, u32),
    (format, range, matrix): (PixelFormat, Range, Matrix),
) -> RgbImage {
    let mut picture = Picture {
        width,
        height,
        format,
        range,
        matrix,
        planes: [Plane::default(); 3],
    };
    for (plane, (data, stride)) in picture.planes.iter_mut().zip(planes) {
        *plane = Plane {
            data,
            stride: *stride,
        };
    }
    let mut encoder = Encoder::new(NonZeroUsize::new(2).unwrap());
    let mut jpeg = Vec::new();
    encoder
        .encode(&picture, Turn::NONE, 100, &mut jpeg)
        .unwrap();
    image::load_from_memory(&jpeg).unwrap().to_rgb8()
}

fn assert_same(layout: &Layout, range: Range, matrix: Matrix, size: (u32, u32)) {
    let folder = tempfile::tempdir().unwrap();
    let (range_name, matrix_name) = names(range, matrix);
    let what = format!("{:?} {range_name} {matrix_name} {size:?}", layout.format);
    let to = format!("scale=out_range={range_name}:out_color_matrix={matrix_name}");
    let from = format!("scale=in_range={range_name}:in_color_matrix={matrix_name}");
    let formats = ["rgb24", layout.ffmpeg];
    let raw = ffmpeg(&folder, &source(size.0, size.1), size, formats, &to);
    let [source, target] = formats;
    let reference = ffmpeg(&folder, &raw, size, [target, source], &from);
    let planes = with_gaps(&raw, size, layout);
    let ours = our_picture(&planes, size, (layout.format, range, matrix));
    assert_eq!(ours.len(), reference.len());
    let apart = ours
        .iter()
        .zip(&reference)
        .map(|(ours, theirs)| ours.abs_diff(*theirs));
    let (sum, worst) = apart.fold((0, 0), |(sum, worst): (u64, u8), steps| {
        (sum + u64::from(steps), worst.max(steps))
    });
    let mean = sum as f64 / reference.len() as f64;
    let (mean_steps, worst_steps) = match layout.format {
        PixelFormat::Rgb565 => (MEAN_STEPS_OF_16_BITS, WORST_STEPS_OF_16_BITS),
        _ => (MEAN_STEPS, WORST_STEPS),
    };
    println!("{what}: mean {mean:.2}, worst {worst}");
    assert!(
        mean <= mean_steps && worst <= worst_steps,
        "{what}: {mean:.2}, {worst}"
    );
}

#[test]
fn every_format_shows_what_ffmpeg_shows() {
    for size in SIZES {
        for layout in &LAYOUTS {
            // ffmpeg's grey is always full.
            let range = match layout.format {
                PixelFormat::Gray => Range::Full,
                _ => Range::Limited,
            };
            assert_same(layout, range, Matrix::Bt709, size);
        }
    }
}

#[test]
fn every_range_and_matrix_shows_what_ffmpeg_shows() {
    for range in [Range::Full, Range::Limited] {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for layout in &LAYOUTS[1..7] {
                assert_same(layout, range, matrix, SIZES[1]);
            }
        }
    }
}
