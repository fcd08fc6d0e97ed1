//! A JPEG turned: without loss where its size is made of whole units, else decoded and encoded again.
//!
//! For cameras that make MJPEG themselves. What comes in is from a camera or a file and is bounded as
//! what comes from the network is (`header.rs`) before libjpeg-turbo sees it. Runs on the caller's
//! thread; only decoding and encoding use the threads. Buffers are kept, and nothing is made before it is needed.

use super::Encoder;
use super::turbo::Source;
use crate::jpeg::error::{DecodeError, EncodeError};
use crate::jpeg::header::{MAX_PIXELS, MAX_PIXELS_IN_SCANS, inspect};
use crate::jpeg::{STRIP_PIXELS, markers};
use crate::picture::{Picture, PixelFormat, Turn};

impl Encoder {
    /// Turns `jpeg` into `turned`, whose content it replaces and whose memory it uses again.
    ///
    /// Nothing is lost where the picture's edges that move are at whole units (MCUs: 8 or 16 pixels);
    /// 4:2:2 turned by a quarter becomes 4:4:0 then. Where they are not, the picture is decoded and
    /// encoded again with `quality`, 1 to 100, in 4:2:0. Comments and application segments are left out.
    pub fn turn(
        &mut self,
        jpeg: &[u8],
        turn: Turn,
        quality: u8,
        turned: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let header = inspect(jpeg, MAX_PIXELS)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        // A lossless turn holds all coefficients, as the decoder does for a JPEG of several scans.
        if pixels <= MAX_PIXELS_IN_SCANS {
            let length = markers::whole_length(jpeg).ok_or(DecodeError::Truncated)?;
            let whole = Source::Jpeg(&jpeg[..length], header, turn);
            let restarts = pixels >= 2 * STRIP_PIXELS as u64;
            let turbo = &mut self.strips[0].turbo;
            if turbo.write(whole, 100, restarts, turned).is_ok() {
                return Ok(());
            }
        }
        let mut bitmap = self.bitmap.take().unwrap_or_default();
        self.decoder.decode(jpeg, &mut bitmap)?;
        // B, G, R in memory; nothing to do where the low byte is the first.
        (bitmap.pixels.iter_mut()).for_each(|pixel| *pixel = pixel.to_le());
        let blank = Picture::blank(PixelFormat::Bgrx, header.width, header.height);
        let placed = blank.placed(bytemuck::cast_slice(&bitmap.pixels), 4 * bitmap.width);
        let encoded = self.encode(&placed.unwrap_or(blank), turn, quality, turned);
        self.bitmap = Some(bitmap);
        encoded
    }
}
