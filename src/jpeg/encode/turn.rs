//! A JPEG turned: without loss where its size is made of whole units, else decoded and encoded again.
//!
//! For cameras that make MJPEG themselves. What comes in is from a camera or a file and is bounded as
//! what comes from the network is (`header.rs`) before libjpeg-turbo sees it. Runs on the caller's
//! thread; only decoding and encoding use the threads. Buffers are kept, and nothing is made before it is needed.

use std::num::NonZeroUsize;

use turbojpeg::Subsamp;

use super::header::{MAX_PIXELS, MAX_PIXELS_IN_SCANS, inspect};
use super::markers;
use super::turbo::{Settings, Source, Turbo};
use super::{DecodeError, Decoder, EncodeError, Encoder, STRIP_PIXELS};
use crate::picture::{Bitmap, Picture, PixelFormat, Plane, Turn};

/// Turns one JPEG after the other.
pub struct Turner {
    turbo: Turbo,
    decoder: Decoder,
    encoder: Encoder,
    bitmap: Bitmap,
}

impl Turner {
    /// A turner whose decoder and encoder use up to `threads` threads, the caller's included.
    pub fn new(threads: NonZeroUsize) -> Self {
        Turner {
            turbo: Turbo::default(),
            decoder: Decoder::new(threads, MAX_PIXELS),
            encoder: Encoder::new(threads),
            bitmap: Bitmap::default(),
        }
    }

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
            let settings = Settings {
                width: header.width as usize,
                rows: 0..header.height as usize,
                turn,
                // Its bound is that of every other sampling, too.
                sampling: Subsamp::None,
                quality: 100,
                restarts: pixels >= 2 * STRIP_PIXELS as u64,
            };
            let whole = Source::Jpeg(&jpeg[..length]);
            if self.turbo.write(whole, &settings, turned).is_ok() {
                return Ok(());
            }
        }
        self.decoder.decode(jpeg, &mut self.bitmap)?;
        let Bitmap { width, pixels, .. } = &mut self.bitmap;
        // B, G, R in memory; nothing to do where the low byte is the first.
        pixels.iter_mut().for_each(|pixel| *pixel = pixel.to_le());
        let mut picture = Picture::blank(PixelFormat::Bgrx, header.width, header.height);
        let (data, stride) = (bytemuck::cast_slice(pixels), 4 * *width);
        picture.planes[0] = Plane { data, stride };
        self.encoder.encode(&picture, turn, quality, turned)
    }
}
