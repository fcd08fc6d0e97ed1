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

use turbojpeg::{PixelFormat, Subsamp, compressed_buf_len, libc::c_int, raw};

use super::error::EncodeError;
use super::header::MAX_SCANS;
use super::markers::MAX_SIDE;
use crate::picture::{Plane, PlaneSize, Turn};

/// What is to be encoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Y, Cb and Cr (for gray Y alone), each rounded up to whole chroma samples.
    Planes([Plane<'a>; 3]),
    Packed(Plane<'a>, PixelFormat),
}

/// What the JPEG is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) width: usize,
    pub(super) height: usize,
    /// How the chroma is thinned out.
    pub(super) sampling: Subsamp,
    /// 1 to 100.
    pub(super) quality: u8,
    /// A restart marker after each MCU row.
    pub(super) restarts: bool,
}

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
    /// Encodes into `jpeg`, whose content it replaces. Huffman tables are the standard's own, so that
    /// strips of the same settings have the same header.
    pub(super) fn compress(
        &mut self,
        source: Source<'_>,
        settings: &Settings,
        jpeg: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if !fits(&source, settings) {
            return Err(failed(
                "the picture's planes are shorter than its size asks for",
            ));
        }
        self.set(raw::TJPARAM_TJPARAM_QUALITY, settings.quality.into())?;
        self.set(raw::TJPARAM_TJPARAM_SUBSAMP, settings.sampling as c_int)?;
        let (width, height) = (settings.width as c_int, settings.height as c_int);
        match source {
            Source::Planes(planes) => {
                let strides = planes.map(|plane| plane.stride as c_int);
                let planes = planes.map(|plane| plane.data.as_ptr());
                let (planes, strides) = (planes.as_ptr(), strides.as_ptr());
                self.write(settings, jpeg, |handle, place, length| {
                    // SAFETY: `fits` has seen that every row that the library reads lies in its slice, and
                    // `write` that it writes nowhere else.
                    unsafe {
                        raw::tj3CompressFromYUVPlanes8(
                            handle, planes, width, strides, height, place, length,
                        )
                    }
                })
            }
            Source::Packed(plane, order) => {
                let (pixels, stride) = (plane.data.as_ptr(), plane.stride as c_int);
                let order = order as c_int;
                self.write(settings, jpeg, |handle, place, length| {
                    // SAFETY: as above.
                    unsafe {
                        raw::tj3Compress8(
                            handle, pixels, width, stride, height, order, place, length,
                        )
                    }
                })
            }
        }
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
    ) -> Result<(), EncodeError> {
        self.set(raw::TJPARAM_TJPARAM_SCANLIMIT, MAX_SCANS as c_int)?;
        let settings = Settings {
            width: width as usize,
            height: height as usize,
            // Its bound is that of every other sampling, too.
            sampling: Subsamp::None,
            quality: 100,
            restarts,
        };
        // SAFETY: all zero is what the library documents as "nothing asked for": no region, no filter.
        let mut transform: raw::tjtransform = unsafe { std::mem::zeroed() };
        transform.op = operation(turn) as c_int;
        transform.options = (raw::TJXOPT_PERFECT | raw::TJXOPT_COPYNONE) as c_int;
        let (from, bytes) = (jpeg.as_ptr(), jpeg.len() as raw::size_t);
        self.write(&settings, turned, |handle, place, length| {
            // SAFETY: the source is read within its length, there is one transform and one destination, and
            // `write` sees that nothing else is written to.
            unsafe { raw::tj3Transform(handle, from, bytes, 1, place, length, &transform) }
        })
    }

    fn set(&mut self, parameter: raw::TJPARAM, value: c_int) -> Result<(), EncodeError> {
        if self.0.is_null() {
            // What can transform can compress, too.
            // SAFETY: no arguments to get wrong; the result is checked.
            self.0 = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_TRANSFORM as c_int) };
        }
        if self.0.is_null() {
            return Err(failed("it could not start: no memory"));
        }
        // SAFETY: the handle is live; parameter and value are plain numbers that the library checks.
        let status = unsafe { raw::tj3Set(self.0, parameter as c_int, value) };
        self.checked(status)
    }

    /// Replaces what is in `jpeg` by what `write` makes: a JPEG of that size and sampling. It gets the place
    /// that it may write to, and how many bytes there are.
    fn write(
        &mut self,
        settings: &Settings,
        jpeg: &mut Vec<u8>,
        write: impl FnOnce(raw::tjhandle, *mut *mut u8, *mut raw::size_t) -> c_int,
    ) -> Result<(), EncodeError> {
        self.set(raw::TJPARAM_TJPARAM_RESTARTROWS, settings.restarts.into())?;
        // It writes at most as many bytes as it is given.
        self.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)?;
        let most = compressed_buf_len(settings.width, settings.height, settings.sampling);
        let most = most.ok().filter(|bytes| *bytes > 0);
        let most = most.ok_or_else(|| failed("it knows no bound for a JPEG of that size"))?;
        jpeg.clear();
        // And what the restart markers add: each, and the byte that the bits before it are filled up to.
        // Only what is written ever becomes memory: the rest of the worst case stays address space.
        jpeg.reserve(most + 3 * settings.height.div_ceil(8));
        let mut place = jpeg.as_mut_ptr();
        let mut length = jpeg.capacity() as raw::size_t;
        let status = write(self.0, &mut place, &mut length);
        self.checked(status)?;
        let length = length as usize;
        if !ptr::eq(place, jpeg.as_ptr()) || length > jpeg.capacity() {
            return Err(failed("it wrote elsewhere than asked"));
        }
        // SAFETY: they are in the vector's own memory, as was just seen, and the library has written them.
        unsafe { jpeg.set_len(length) };
        Ok(())
    }

    /// The library's own error message where it has failed.
    fn checked(&mut self, status: c_int) -> Result<(), EncodeError> {
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

/// The library's name for a turn.
fn operation(turn: Turn) -> raw::TJXOP {
    use raw::*;
    let turns = [
        [
            TJXOP_TJXOP_NONE,
            TJXOP_TJXOP_ROT90,
            TJXOP_TJXOP_ROT180,
            TJXOP_TJXOP_ROT270,
        ],
        // Mirrored, then a quarter clockwise: over the diagonal from the upper right.
        [
            TJXOP_TJXOP_HFLIP,
            TJXOP_TJXOP_TRANSVERSE,
            TJXOP_TJXOP_VFLIP,
            TJXOP_TJXOP_TRANSPOSE,
        ],
    ];
    turns[usize::from(turn.mirror)][usize::from(turn.quarters % 4)]
}

fn failed(words: &str) -> EncodeError {
    EncodeError::Turbo(words.to_owned())
}

/// Whether every sample that the library will read lies within the slices, and whether it can count them.
fn fits(source: &Source<'_>, settings: &Settings) -> bool {
    let Settings { width, height, .. } = *settings;
    let has = |plane: &Plane<'_>, row_bytes: usize, rows: usize| {
        let span = PlaneSize { row_bytes, rows }.span(plane.stride);
        span.is_some_and(|bytes| bytes <= plane.data.len()) && c_int::try_from(plane.stride).is_ok()
    };
    let holds = match source {
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

/// The bytes of 32-bit pixels, as they are in memory.
pub(super) fn as_bytes(pixels: &[u32]) -> &[u8] {
    // SAFETY: a u32 is four bytes without padding, a byte has no alignment, and the borrow is kept.
    unsafe { std::slice::from_raw_parts(pixels.as_ptr().cast(), std::mem::size_of_val(pixels)) }
}
