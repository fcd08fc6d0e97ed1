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

use turbojpeg::{PixelFormat as Order, Subsamp, TransformOp, compressed_buf_len, libc::c_int, raw};

use super::check;
use crate::jpeg::{EncodeError, Header, MAX_SCANS};
use crate::picture::{Picture, PixelFormat, Plane, Turn};

/// What a JPEG is made of.
pub(super) enum Source<'a> {
    /// Planes in JPEG's colours, each rounded up to whole chroma samples, or packed pixels of a byte a colour.
    Picture(Picture<'a>),
    /// A JPEG with that header, to be turned with nothing lost. Comments and application segments are
    /// left out: what they say of the picture's orientation is no longer so.
    Jpeg(&'a [u8], Header, Turn),
}

/// The order of a format's packed pixels (`None`: it has planes), and how the chroma of the JPEG is thinned out. An error
/// where the library does not read the format.
pub(super) fn coding(format: PixelFormat) -> Result<(Option<Order>, Subsamp), EncodeError> {
    Ok(match format {
        PixelFormat::Gray => (None, Subsamp::Gray),
        PixelFormat::I420 => (None, Subsamp::Sub2x2),
        PixelFormat::I422 => (None, Subsamp::Sub2x1),
        PixelFormat::I444 => (None, Subsamp::None),
        PixelFormat::Rgb => (Some(Order::RGB), Subsamp::Sub2x2),
        PixelFormat::Bgr => (Some(Order::BGR), Subsamp::Sub2x2),
        PixelFormat::Rgbx => (Some(Order::RGBX), Subsamp::Sub2x2),
        PixelFormat::Bgrx => (Some(Order::BGRX), Subsamp::Sub2x2),
        _ => return Err(failed("it does not read that format")),
    })
}

/// The library's names for the turns, in the order of Exif's numbers, which begin with 1.
const OPERATIONS: [TransformOp; 8] = {
    use TransformOp::*;
    [
        None, Hflip, Rot180, Vflip, Transpose, Rot90, Transverse, Rot270,
    ]
};

/// One of the library's instances, made when it is first used.
pub(super) struct Turbo(raw::tjhandle);

// SAFETY: an instance has no ties to the thread that made it; it must only not be used by two at once,
// which `&mut self` sees to.
unsafe impl Send for Turbo {}

impl Default for Turbo {
    fn default() -> Self {
        Turbo(ptr::null_mut())
    }
}

impl Turbo {
    /// Replaces what is in `jpeg` by a JPEG of the source, or says why not: one that is to be turned is not made
    /// of whole units, say, or is damaged. Has a restart marker after each MCU row where `restarts` says so.
    /// `quality`, 1 to 100, is a picture's alone. Huffman tables are the standard's own, so that strips of the
    /// same format and quality have the same header.
    pub(super) fn write(
        &mut self,
        source: Source<'_>,
        quality: u8,
        restarts: bool,
        jpeg: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (width, height, format) = match &source {
            Source::Picture(picture) if !fits(picture) => {
                return Err(failed("the planes are shorter than their size asks for"));
            }
            Source::Picture(picture) => (picture.width, picture.height, picture.format),
            // Its bound is that of every other format, too.
            Source::Jpeg(_, header, _) => (header.width, header.height, PixelFormat::I444),
        };
        let (order, sampling) = coding(format)?;
        self.set(quality, sampling, restarts)?;
        let most = compressed_buf_len(width as usize, height as usize, sampling);
        let most = most.ok().filter(|bytes| *bytes > 0);
        let most = most.ok_or_else(|| failed("it knows no bound for a JPEG of that size"))?;
        jpeg.clear();
        // And what the restart markers add: each, and the byte that the bits before it are filled up to.
        // Only what is written ever becomes memory: the rest of the worst case stays address space.
        jpeg.reserve(most + 3 * height.div_ceil(8) as usize);
        let (mut place, mut length) = (jpeg.as_mut_ptr(), jpeg.capacity() as raw::size_t);
        let (to, bytes) = (&raw mut place, &raw mut length);
        let (w, h) = (width as c_int, height as c_int);
        let status = match source {
            Source::Picture(Picture { planes, .. }) => {
                let strides = planes.map(|plane| plane.stride as c_int);
                let planes = planes.map(|plane| plane.data.as_ptr());
                let (from, steps) = (planes.as_ptr(), strides.as_ptr());
                // SAFETY: `fits` has seen that every row that the library reads of this format lies in its slice, and
                // it writes at most as many bytes as there are.
                unsafe {
                    match order.map(|order| order as c_int) {
                        None => {
                            raw::tj3CompressFromYUVPlanes8(self.0, from, w, steps, h, to, bytes)
                        }
                        Some(order) => {
                            raw::tj3Compress8(self.0, planes[0], w, strides[0], h, order, to, bytes)
                        }
                    }
                }
            }
            Source::Jpeg(from, _, turn) => {
                // SAFETY: all zero is what the library documents as "nothing asked for": no region, no filter.
                let mut transform: raw::tjtransform = unsafe { std::mem::zeroed() };
                let number = usize::from(turn.exif());
                transform.op = OPERATIONS[number - 1] as c_int;
                transform.options = (raw::TJXOPT_PERFECT | raw::TJXOPT_COPYNONE) as c_int;
                let (from, length) = (from.as_ptr(), from.len() as raw::size_t);
                // SAFETY: the source is read within its length, there is one transform and one destination, of
                // which it writes at most as many bytes as there are.
                unsafe { raw::tj3Transform(self.0, from, length, 1, to, bytes, &transform) }
            }
        };
        self.checked(status)?;
        let length = length as usize;
        if !ptr::eq(place, jpeg.as_ptr()) || length > jpeg.capacity() {
            return Err(failed("it wrote elsewhere than asked"));
        }
        // SAFETY: they are in the vector's own memory, as was just seen, and the library has written them.
        unsafe { jpeg.set_len(length) };
        Ok(())
    }

    fn set(&mut self, quality: u8, sampling: Subsamp, restarts: bool) -> Result<(), EncodeError> {
        if self.0.is_null() {
            // What can transform can compress, too.
            // SAFETY: no arguments to get wrong; the result is checked.
            self.0 = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_TRANSFORM as c_int) };
        }
        if self.0.is_null() {
            return Err(failed("it could not start: no memory"));
        }
        let parameters = [
            (raw::TJPARAM_TJPARAM_QUALITY, quality.into()),
            (raw::TJPARAM_TJPARAM_SUBSAMP, sampling as c_int),
            (raw::TJPARAM_TJPARAM_RESTARTROWS, restarts.into()),
            (raw::TJPARAM_TJPARAM_SCANLIMIT, MAX_SCANS as c_int),
            // It writes at most as many bytes as it is given.
            (raw::TJPARAM_TJPARAM_NOREALLOC, 1),
        ];
        parameters.into_iter().try_for_each(|(parameter, value)| {
            // SAFETY: the handle is live; parameter and value are plain numbers that the library checks.
            self.checked(unsafe { raw::tj3Set(self.0, parameter as c_int, value) })
        })
    }

    /// The library's own error message where it has failed.
    fn checked(&self, status: c_int) -> Result<(), EncodeError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the handle is live; the library returns a terminated string of its own, which is
        // copied before the next call.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.0)) };
        Err(failed(&text.to_string_lossy()))
    }
}

impl Drop for Turbo {
    fn drop(&mut self) {
        // SAFETY: the handle is live, or null, which is ignored; it is not used again.
        unsafe { raw::tj3Destroy(self.0) };
    }
}

fn failed(words: &str) -> EncodeError {
    EncodeError::Turbo(words.to_owned())
}

/// Whether every sample that the library will read lies within the planes, and whether it can count them: of luma it
/// reads what belongs to whole chroma samples.
fn fits(picture: &Picture<'_>) -> bool {
    let is_counted = |plane: &Plane<'_>| c_int::try_from(plane.stride).is_ok();
    picture.planes.iter().all(is_counted) && check(&picture.whole()).is_ok()
}
