//! libjpeg-turbo, as far as its safe wrapper does not go: a JPEG out of planes or packed pixels, or out
//! of a JPEG by turning it, with a restart marker after each MCU row.
//!
//! All of encoding's `unsafe` is here. The wrapper crate has no setter for `TJPARAM_RESTARTROWS`,
//! panics on grayscale planes, and cannot write into the unused end of a `Vec`; the library below it
//! can do all three. Every size is checked here before a pointer leaves Rust, so nothing that a
//! caller passes can make the library read or write outside of the slices.
//!
//! Runs on whichever thread calls; blocks on nothing.

use std::ffi::CStr;
use std::ptr;

use turbojpeg::{libc::c_int, raw};

use super::header::MAX_SCANS;
use super::markers::MAX_SIDE;
use crate::frame::Turn;

/// How a JPEG's chroma is thinned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampling {
    Gray,
    /// 4:4:4.
    Full,
    /// 4:2:2.
    Wide,
    /// 4:2:0.
    Half,
}

impl Sampling {
    /// How many luma samples there are for one chroma sample, across and down.
    pub(super) fn factors(self) -> (usize, usize) {
        match self {
            Sampling::Gray | Sampling::Full => (1, 1),
            Sampling::Wide => (2, 1),
            Sampling::Half => (2, 2),
        }
    }

    fn raw(self) -> raw::TJSAMP {
        match self {
            Sampling::Gray => raw::TJSAMP_TJSAMP_GRAY,
            Sampling::Full => raw::TJSAMP_TJSAMP_444,
            Sampling::Wide => raw::TJSAMP_TJSAMP_422,
            Sampling::Half => raw::TJSAMP_TJSAMP_420,
        }
    }
}

/// The order of bytes in a packed pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rgb,
    Bgr,
    Rgbx,
    Bgrx,
}

impl Order {
    fn bytes(self) -> usize {
        match self {
            Order::Rgb | Order::Bgr => 3,
            Order::Rgbx | Order::Bgrx => 4,
        }
    }

    fn raw(self) -> raw::TJPF {
        match self {
            Order::Rgb => raw::TJPF_TJPF_RGB,
            Order::Bgr => raw::TJPF_TJPF_BGR,
            Order::Rgbx => raw::TJPF_TJPF_RGBX,
            Order::Bgrx => raw::TJPF_TJPF_BGRX,
        }
    }
}

/// What is to be encoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Y, Cb and Cr (for gray Y alone), each rounded up to whole chroma samples, with their strides.
    Planes([(&'a [u8], usize); 3]),
    /// Packed pixels and their stride in bytes.
    Packed(&'a [u8], usize, Order),
}

/// What a JPEG shall be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub width: usize,
    pub height: usize,
    pub sampling: Sampling,
    /// 1 to 100.
    pub quality: u8,
    /// A restart marker after each MCU row.
    pub restarts: bool,
}

/// A compressor with its tables.
#[derive(Debug)]
pub(super) struct Compressor(Handle);

impl Compressor {
    pub(super) fn new() -> Result<Self, String> {
        Handle::new(raw::TJINIT_TJINIT_COMPRESS).map(Compressor)
    }

    /// Encodes into `jpeg`, whose content it replaces. Huffman tables are the standard's own, so that
    /// strips of the same settings have the same header.
    pub(super) fn compress(
        &mut self,
        source: Source<'_>,
        settings: Settings,
        jpeg: &mut Vec<u8>,
    ) -> Result<(), String> {
        if !fits(&source, &settings) {
            return Err("the picture's planes are shorter than its size asks for".to_owned());
        }
        let (width, height) = (int(settings.width)?, int(settings.height)?);
        self.0
            .set(raw::TJPARAM_TJPARAM_QUALITY, settings.quality.into())?;
        self.0.set(
            raw::TJPARAM_TJPARAM_SUBSAMP,
            settings.sampling.raw() as c_int,
        )?;
        self.0
            .set(raw::TJPARAM_TJPARAM_RESTARTROWS, settings.restarts.into())?;
        self.0.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)?;

        jpeg.clear();
        // Only what is written ever becomes memory: the rest of the worst case stays address space.
        jpeg.reserve(worst_case(&settings)?);
        let mut place = jpeg.as_mut_ptr();
        let mut length = jpeg.capacity() as raw::size_t;
        let failed = match source {
            Source::Planes(planes) => {
                let strides = [int(planes[0].1)?, int(planes[1].1)?, int(planes[2].1)?];
                let planes = planes.map(|(data, _)| data.as_ptr());
                // SAFETY: `fits` has seen that every row that the library reads lies in its slice;
                // with NOREALLOC it writes at most `length` bytes to `place`, which is the vector's.
                unsafe {
                    raw::tj3CompressFromYUVPlanes8(
                        self.0.raw,
                        planes.as_ptr(),
                        width,
                        strides.as_ptr(),
                        height,
                        &mut place,
                        &mut length,
                    )
                }
            }
            Source::Packed(pixels, stride, order) => {
                let stride = int(stride)?;
                // SAFETY: as above.
                unsafe {
                    raw::tj3Compress8(
                        self.0.raw,
                        pixels.as_ptr(),
                        width,
                        stride,
                        height,
                        order.raw() as c_int,
                        &mut place,
                        &mut length,
                    )
                }
            }
        };
        if failed != 0 {
            return Err(self.0.message());
        }
        // SAFETY: the library has just written there.
        unsafe { take_written(jpeg, place, length) }
    }
}

/// What turns coded pictures without decoding their samples.
#[derive(Debug)]
pub(super) struct Transformer(Handle);

impl Transformer {
    pub(super) fn new() -> Result<Self, String> {
        Handle::new(raw::TJINIT_TJINIT_TRANSFORM).map(Transformer)
    }

    /// Turns a JPEG whose size is known to be `width` by `height` into `turned`, whose content it
    /// replaces, with nothing lost, or says why not: the size is not made of whole units, or the JPEG
    /// is damaged. Comments and application segments are left out: what they say of the picture's
    /// orientation is no longer so.
    pub(super) fn transform(
        &mut self,
        jpeg: &[u8],
        (width, height): (u32, u32),
        turn: Turn,
        restarts: bool,
        turned: &mut Vec<u8>,
    ) -> Result<(), String> {
        self.0
            .set(raw::TJPARAM_TJPARAM_RESTARTROWS, restarts.into())?;
        self.0.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)?;
        self.0
            .set(raw::TJPARAM_TJPARAM_SCANLIMIT, int(MAX_SCANS)?)?;
        turned.clear();
        // The bound for 4:4:4 is that of every other sampling, too.
        turned.reserve(worst_case(&Settings {
            width: width as usize,
            height: height as usize,
            sampling: Sampling::Full,
            quality: 100,
            restarts,
        })?);
        let mut place = turned.as_mut_ptr();
        let mut length = turned.capacity() as raw::size_t;
        let transform = raw::tjtransform {
            r: raw::tjregion {
                x: 0,
                y: 0,
                w: 0,
                h: 0,
            },
            op: operation(turn) as c_int,
            options: (raw::TJXOPT_PERFECT | raw::TJXOPT_COPYNONE) as c_int,
            data: ptr::null_mut(),
            customFilter: None,
        };
        // SAFETY: the source is read within its length; with NOREALLOC at most `length` bytes are
        // written to `place`, which is the vector's; there is one transform and one destination.
        let failed = unsafe {
            raw::tj3Transform(
                self.0.raw,
                jpeg.as_ptr(),
                jpeg.len() as raw::size_t,
                1,
                &mut place,
                &mut length,
                &transform,
            )
        };
        if failed != 0 {
            return Err(self.0.message());
        }
        // SAFETY: the library has just written there.
        unsafe { take_written(turned, place, length) }
    }
}

/// The library's name for a turn.
fn operation(turn: Turn) -> raw::TJXOP {
    match (turn.mirror, turn.quarters % 4) {
        (false, 0) => raw::TJXOP_TJXOP_NONE,
        (false, 1) => raw::TJXOP_TJXOP_ROT90,
        (false, 2) => raw::TJXOP_TJXOP_ROT180,
        (false, _) => raw::TJXOP_TJXOP_ROT270,
        (true, 0) => raw::TJXOP_TJXOP_HFLIP,
        // Mirrored, then a quarter clockwise: over the diagonal from the upper right.
        (true, 1) => raw::TJXOP_TJXOP_TRANSVERSE,
        (true, 2) => raw::TJXOP_TJXOP_VFLIP,
        (true, _) => raw::TJXOP_TJXOP_TRANSPOSE,
    }
}

/// Lets `jpeg` have the bytes that the library wrote into its capacity.
///
/// # Safety
/// The library has written `length` bytes to `place`.
unsafe fn take_written(
    jpeg: &mut Vec<u8>,
    place: *mut u8,
    length: raw::size_t,
) -> Result<(), String> {
    let length = length as usize;
    if !ptr::eq(place, jpeg.as_ptr()) || length > jpeg.capacity() {
        return Err("libjpeg-turbo wrote elsewhere than asked".to_owned());
    }
    // SAFETY: they are in the vector's own memory, as was just seen, and written, as the caller says.
    unsafe { jpeg.set_len(length) };
    Ok(())
}

/// One of the library's instances.
#[derive(Debug)]
struct Handle {
    raw: raw::tjhandle,
}

// SAFETY: an instance has no ties to the thread that made it; it must only not be used by two at once,
// which `&mut self` sees to.
unsafe impl Send for Handle {}

impl Handle {
    fn new(kind: raw::TJINIT) -> Result<Self, String> {
        // SAFETY: no arguments to get wrong; the result is checked.
        let raw = unsafe { raw::tj3Init(kind as c_int) };
        if raw.is_null() {
            return Err("it could not start: no memory".to_owned());
        }
        Ok(Handle { raw })
    }

    fn set(&mut self, parameter: raw::TJPARAM, value: c_int) -> Result<(), String> {
        // SAFETY: the handle is live; parameter and value are plain numbers that the library checks.
        match unsafe { raw::tj3Set(self.raw, parameter as c_int, value) } {
            0 => Ok(()),
            _ => Err(self.message()),
        }
    }

    fn message(&mut self) -> String {
        // SAFETY: the handle is live; the library returns a terminated string of its own, which is
        // copied before the next call.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.raw)) };
        text.to_string_lossy().into_owned()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is live and is not used again.
        unsafe { raw::tj3Destroy(self.raw) };
    }
}

/// Whether every sample that the library will read lies within the slices.
fn fits(source: &Source<'_>, settings: &Settings) -> bool {
    let Settings { width, height, .. } = *settings;
    let side = 1..=MAX_SIDE as usize;
    if !side.contains(&width) || !side.contains(&height) {
        return false;
    }
    match source {
        Source::Packed(pixels, stride, order) => {
            has_rows(pixels, *stride, width * order.bytes(), height)
        }
        Source::Planes([luma, cb, cr]) => {
            let (across, down) = settings.sampling.factors();
            let (columns, rows) = (width.div_ceil(across), height.div_ceil(down));
            let chroma = settings.sampling == Sampling::Gray
                || [cb, cr]
                    .iter()
                    .all(|(data, stride)| has_rows(data, *stride, columns, rows));
            chroma && has_rows(luma.0, luma.1, columns * across, rows * down)
        }
    }
}

/// Whether `rows` rows of `bytes` lie in `data`; the last one may end before its stride.
pub(super) fn has_rows(data: &[u8], stride: usize, bytes: usize, rows: usize) -> bool {
    let needed = (rows - 1)
        .checked_mul(stride)
        .and_then(|start| start.checked_add(bytes));
    stride >= bytes && needed.is_some_and(|needed| needed <= data.len())
}

/// The most bytes that a JPEG of these settings can have, by the library's own account, and what the
/// restart markers add to it: the marker and the byte that the bits before it are filled up to.
fn worst_case(settings: &Settings) -> Result<usize, String> {
    let (width, height) = (int(settings.width)?, int(settings.height)?);
    // SAFETY: plain numbers, which the library checks.
    let bytes =
        unsafe { raw::tj3JPEGBufSize(width, height, settings.sampling.raw() as c_int) } as usize;
    if bytes == 0 {
        return Err("libjpeg-turbo knows no bound for a JPEG of that size".to_owned());
    }
    Ok(bytes + 3 * settings.height.div_ceil(8))
}

fn int(value: usize) -> Result<c_int, String> {
    c_int::try_from(value).map_err(|_| format!("{value} is more than libjpeg-turbo can count"))
}

/// The bytes of 32-bit pixels, as they are in memory.
pub(super) fn as_bytes(pixels: &[u32]) -> &[u8] {
    // SAFETY: a u32 is four bytes without padding, a byte has no alignment, and the borrow is kept.
    unsafe { std::slice::from_raw_parts(pixels.as_ptr().cast(), std::mem::size_of_val(pixels)) }
}
