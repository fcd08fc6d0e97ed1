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
use std::ops::Range;
use std::ptr;

use turbojpeg::{PixelFormat, Subsamp, TransformOp, compressed_buf_len, libc::c_int, raw};

use super::error::EncodeError;
use super::header::MAX_SCANS;
use super::markers::MAX_SIDE;
use crate::picture::{Plane, PlaneSize, Turn};

/// What a JPEG is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Y, Cb and Cr (for gray Y alone), each rounded up to whole chroma samples.
    Planes([Plane<'a>; 3]),
    Packed(Plane<'a>, PixelFormat),
    /// A JPEG of a size that is known, to be turned with nothing lost. Comments and application segments are
    /// left out: what they say of the picture's orientation is no longer so.
    Jpeg(&'a [u8]),
}

/// What the JPEG is to be.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) width: usize,
    /// The rows of the turned picture that are in it.
    pub(super) rows: Range<usize>,
    pub(super) turn: Turn,
    /// How the chroma is thinned out.
    pub(super) sampling: Subsamp,
    /// 1 to 100.
    pub(super) quality: u8,
    /// A restart marker after each MCU row.
    pub(super) restarts: bool,
}

/// The library's names for the turns, in the order of Exif's numbers, which begin with 1.
const OPERATIONS: [TransformOp; 8] = {
    use TransformOp::*;
    [
        None, Hflip, Rot180, Vflip, Transpose, Rot90, Transverse, Rot270,
    ]
};

/// One of the library's instances, made when it is first used.
#[derive(Debug)]
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
    /// of whole units, say, or is damaged. Huffman tables are the standard's own, so that strips of the same
    /// settings have the same header.
    pub(super) fn write(
        &mut self,
        source: Source<'_>,
        settings: &Settings,
        jpeg: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (width, height) = (settings.width, settings.rows.len());
        if !fits(&source, settings) {
            return Err(failed("the planes are shorter than their size asks for"));
        }
        self.set(settings)?;
        let most = compressed_buf_len(width, height, settings.sampling);
        let most = most.ok().filter(|bytes| *bytes > 0);
        let most = most.ok_or_else(|| failed("it knows no bound for a JPEG of that size"))?;
        jpeg.clear();
        // And what the restart markers add: each, and the byte that the bits before it are filled up to.
        // Only what is written ever becomes memory: the rest of the worst case stays address space.
        jpeg.reserve(most + 3 * height.div_ceil(8));
        let (mut place, mut length) = (jpeg.as_mut_ptr(), jpeg.capacity() as raw::size_t);
        let (to, bytes) = (&raw mut place, &raw mut length);
        let (w, h) = (width as c_int, height as c_int);
        let status = match source {
            Source::Planes(planes) => {
                let strides = planes.map(|plane| plane.stride as c_int);
                let planes = planes.map(|plane| plane.data.as_ptr());
                let (from, strides) = (planes.as_ptr(), strides.as_ptr());
                // SAFETY: `fits` has seen that every row that the library reads lies in its slice, and it writes
                // at most as many bytes as there are.
                unsafe { raw::tj3CompressFromYUVPlanes8(self.0, from, w, strides, h, to, bytes) }
            }
            Source::Packed(Plane { data, stride }, order) => {
                let (from, stride, order) = (data.as_ptr(), stride as c_int, order as c_int);
                // SAFETY: as above.
                unsafe { raw::tj3Compress8(self.0, from, w, stride, h, order, to, bytes) }
            }
            Source::Jpeg(from) => {
                // SAFETY: all zero is what the library documents as "nothing asked for": no region, no filter.
                let mut transform: raw::tjtransform = unsafe { std::mem::zeroed() };
                let number = usize::from(settings.turn.exif());
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

    fn set(&mut self, settings: &Settings) -> Result<(), EncodeError> {
        if self.0.is_null() {
            // What can transform can compress, too.
            // SAFETY: no arguments to get wrong; the result is checked.
            self.0 = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_TRANSFORM as c_int) };
        }
        if self.0.is_null() {
            return Err(failed("it could not start: no memory"));
        }
        let parameters = [
            (raw::TJPARAM_TJPARAM_QUALITY, settings.quality.into()),
            (raw::TJPARAM_TJPARAM_SUBSAMP, settings.sampling as c_int),
            (raw::TJPARAM_TJPARAM_RESTARTROWS, settings.restarts.into()),
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

/// Whether every sample that the library will read lies within the slices, and whether it can count them.
fn fits(source: &Source<'_>, settings: &Settings) -> bool {
    let (width, height) = (settings.width, settings.rows.len());
    let has = |plane: &Plane<'_>, row_bytes: usize, rows: usize| {
        plane.holds(PlaneSize { row_bytes, rows }) && c_int::try_from(plane.stride).is_ok()
    };
    let holds = match source {
        Source::Jpeg(_) => true,
        Source::Packed(plane, order) => has(plane, width * order.size(), height),
        Source::Planes([luma, chroma @ ..]) => {
            let (across, down) = settings.sampling.size();
            let (columns, rows) = (width.div_ceil(across), height.div_ceil(down));
            let is_gray = settings.sampling == Subsamp::Gray;
            let has_chroma = is_gray || chroma.iter().all(|plane| has(plane, columns, rows));
            has_chroma && has(luma, columns * across, rows * down)
        }
    };
    let side = 1..=MAX_SIDE as usize;
    holds && side.contains(&width) && side.contains(&height)
}
