//! What the reader hands on: a frame as it came, and a frame decoded.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::picture::{Bitmap, Pooled};
use crate::protocol::stamp::Stamp;

/// One frame as it came off the wire. Shared by `Arc` between the decoder, the recorder and the rest.
#[derive(Debug)]
pub struct Received {
    /// The JPEG, stamp and all.
    pub jpeg: Pooled<Vec<u8>>,
    /// Its stamp, where it bears one.
    pub stamp: Option<Stamp>,
    /// When its last byte had been read.
    pub arrived: Instant,
    /// The same by the wall clock.
    pub arrived_at: SystemTime,
    /// Which session brought it; sessions are counted from 1.
    pub session: u64,
    /// In pixels, as its header says.
    pub width: u32,
    /// In pixels, as its header says.
    pub height: u32,
}

/// A frame and its pixels.
#[derive(Debug)]
pub struct Decoded {
    /// The pixels.
    pub bitmap: Pooled<Bitmap>,
    /// The frame that they were decoded from.
    pub frame: Arc<Received>,
}
