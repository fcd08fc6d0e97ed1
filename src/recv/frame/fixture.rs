//! Frames for the tests of the sinks: as the reader would make them, with every field to choose.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::super::Received;
use crate::protocol::{Stamp, stamp};

/// A frame to be built. Stamped with `unix_us`, unless that is taken away.
#[derive(Debug, Clone)]
pub struct Frame {
    pub jpeg: Vec<u8>,
    pub stamp: Option<Stamp>,
    pub arrived: Instant,
    pub arrived_at: SystemTime,
    pub session: u64,
    pub width: u32,
    pub height: u32,
}

impl Default for Frame {
    fn default() -> Self {
        let arrived_at = SystemTime::now();
        let now = arrived_at.duration_since(UNIX_EPOCH).unwrap();
        Frame {
            jpeg: picture(8, 8, 0),
            stamp: Some(Stamp {
                captured_unix_us: now.as_micros() as u64,
                ..Stamp::default()
            }),
            arrived: Instant::now(),
            arrived_at,
            session: 1,
            width: 8,
            height: 8,
        }
    }
}

impl Frame {
    pub fn unix_us(mut self, unix_us: u64) -> Self {
        self.stamp.get_or_insert_default().captured_unix_us = unix_us;
        self
    }

    pub fn name(mut self, name: &str) -> Self {
        self.stamp.get_or_insert_default().name = Some(name.parse().unwrap());
        self
    }

    pub fn unstamped(mut self) -> Self {
        self.stamp = None;
        self
    }

    pub fn picture(mut self, width: u32, height: u32, shade: u8) -> Self {
        (self.width, self.height) = (width, height);
        self.jpeg = picture(width, height, shade);
        self
    }

    /// Later by so much, by its stamp and by its arrival.
    pub fn after(mut self, by: Duration) -> Self {
        self.arrived += by;
        self.arrived_at += by;
        if let Some(stamp) = &mut self.stamp {
            let later = stamp.captured_unix_us.saturating_add(by.as_micros() as u64);
            stamp.captured_unix_us = later;
            stamp.seq += 1;
        }
        self
    }

    pub fn build(&self) -> Arc<Received> {
        let jpeg = match &self.stamp {
            Some(stamp) => stamp::stamped(&self.jpeg, stamp),
            None => self.jpeg.clone(),
        };
        Arc::new(Received {
            jpeg: jpeg.into(),
            stamp: self.stamp.clone(),
            arrived: self.arrived,
            arrived_at: self.arrived_at,
            session: self.session,
            width: self.width,
            height: self.height,
        })
    }
}

/// A real JPEG of one shade.
pub fn picture(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let pixels = image::RgbImage::from_pixel(width, height, image::Rgb([shade, 90, 255 - shade]));
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 80)
        .encode_image(&pixels)
        .unwrap();
    jpeg
}
