//! The camera's buffers: allocated, mapped once, and lent picture by picture to the sending thread.
//!
//! ```text
//! allocate ─▶ Buffer ── queue ─▶ Queued (the camera's) ── completed ─▶ Buffer ─▶ Lent ── dropped ─▶ home, queued again
//! memory      where buffers come from, how they are mapped, when the CPU may read them
//! ```
//!
//! The type says whose a buffer is. A [`Buffer`] is the CPU's: it has one owner, who may read it. A [`Queued`] is the
//! camera's, which writes it: nothing can read it until its request has come back. A [`Lent`] takes a buffer along
//! without a copy, while its request stays parked with the camera's thread; when it is dropped, the buffer comes
//! home, and both are queued again. It holds the memory itself and nothing of libcamera, so it may outlive the
//! camera. Nothing here blocks.

mod memory;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;

use libcamera::camera::ActiveCamera;
use libcamera::framebuffer::{AsFrameBuffer, FrameMetadataRef, OwnedFrameBuffer};
use libcamera::framebuffer_allocator::{FrameBuffer, FrameBufferAllocator};
use libcamera::request::Request;
use libcamera::stream::Stream;
use libcamera::utils::Immutable;

use self::memory::Mapping;
use super::session::Event;
use super::{Agreed, CameraError, Result, library};
use crate::picture::{Picture, Pixels};

/// A buffer that the CPU has: the camera does not write it.
pub(super) struct Buffer {
    /// Of the request that it belongs to.
    pub(super) cookie: u64,
    memory: Mapping,
}

/// A buffer that the camera has: it may be writing it. To be taken out once its request is complete.
pub(super) struct Queued(pub(super) Buffer);

/// Allocates the camera's buffers, each with the request that it is queued with; their cookies count from 0. They come
/// from a dma-heap, if `heaps` allows it and there is one, else from libcamera's allocator.
pub(super) fn allocate(
    camera: &mut ActiveCamera<'_>,
    agreed: &Agreed,
    heaps: bool,
) -> Result<Vec<(Request, Buffer)>> {
    let import = library("import a buffer");
    let map = library("map a buffer");
    let from_heaps = || memory::from_heaps(agreed.buffers, agreed.frame_size);
    if let Some(heap) = heaps.then(from_heaps).flatten() {
        let planes = imported_planes(agreed);
        let imported = |(cookie, fd)| {
            let frame = memory::import(&fd, &planes).map_err(&import)?;
            let buffer = Buffer::map(cookie, fd, agreed.frame_size, agreed).map_err(&map)?;
            Ok((request(camera, &agreed.stream, cookie, frame)?, buffer))
        };
        return (0..).zip(heap).map(imported).collect();
    }
    let frames = FrameBufferAllocator::new(camera).alloc(&agreed.stream);
    let frames = frames.map_err(library("allocate buffers"))?;
    let mapped = |(cookie, frame)| {
        let buffer = allocated(&frame, cookie, agreed).map_err(&map)?;
        Ok((request(camera, &agreed.stream, cookie, frame)?, buffer))
    };
    (0..).zip(frames).map(mapped).collect()
}

/// A request that fills this buffer of libcamera's.
fn request(
    camera: &mut ActiveCamera<'_>,
    stream: &Stream,
    cookie: u64,
    frame: impl AsFrameBuffer + 'static,
) -> Result<Request> {
    let request = camera.create_request(Some(cookie));
    let mut request = request.ok_or_else(CameraError::unplugged)?;
    let added = request.add_buffer(stream, frame);
    added.map_err(library("prepare a request"))?;
    Ok(request)
}

/// Offset and length of the planes as which libcamera imports a buffer. The Raspberry Pi's pipelines
/// take the frame as one plane, as rpicam-apps gives it; the virtual one writes NV12 plane by plane.
fn imported_planes(agreed: &Agreed) -> Vec<(u32, u32)> {
    let end = agreed.frame_size as u32;
    let Some(blank) = agreed.blank.filter(|_| agreed.is_virtual) else {
        return vec![(0, end)];
    };
    let chroma = agreed.stride as u32 * blank.height;
    vec![(0, chroma), (chroma, end.saturating_sub(chroma))]
}

/// Maps a buffer of libcamera's. All of its planes are taken to be in one piece of memory, as with every camera of a
/// Raspberry Pi or on USB; else the picture does not fit, and is refused.
fn allocated(frame: &FrameBuffer, cookie: u64, agreed: &Agreed) -> io::Result<Buffer> {
    let planes = frame.planes();
    let first = planes.get(0).ok_or(io::ErrorKind::InvalidData)?;
    let ends = planes.into_iter();
    let ends = ends.map(|plane| plane.offset().unwrap_or(0) + plane.len());
    let length = ends.max().unwrap_or(0);
    Buffer::map(cookie, memory::keep(first.fd())?, length, agreed)
}

impl Buffer {
    /// Maps the first `length` bytes; an error where the picture does not fit into them.
    fn map(cookie: u64, fd: OwnedFd, length: usize, agreed: &Agreed) -> io::Result<Buffer> {
        let memory = Mapping::new(fd, length)?;
        let buffer = Buffer { cookie, memory };
        let fits = |blank: Picture<'_>| blank.placed(buffer.bytes(), agreed.stride).is_some();
        match agreed.blank.is_none_or(fits) {
            true => Ok(buffer),
            false => Err(io::Error::other("the picture does not fit into its buffer")),
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the camera writes a buffer only while its request is queued, and `queue` alone queues it and takes
        // the buffer itself: one that can be borrowed here is not queued.
        unsafe { self.memory.bytes() }
    }

    /// Gives it to the camera with its request.
    pub(super) fn queue(self, camera: &ActiveCamera<'_>, request: Request) -> Result<Queued> {
        debug_assert_eq!(request.cookie(), self.cookie);
        self.memory.end_reading();
        let queued = camera.queue_request(request);
        queued.map_err(|(_, source)| library("queue a request")(source))?;
        Ok(Queued(self))
    }

    /// The first `length` bytes: a JPEG, or a row of luma.
    pub(super) fn first(&self, length: usize) -> &[u8] {
        let bytes = self.bytes();
        &bytes[..length.min(bytes.len())]
    }
}

/// What libcamera says of the completed request's buffer.
pub(super) fn metadata<'a>(
    request: &'a Request,
    stream: &Stream,
) -> Option<Immutable<FrameMetadataRef<'a>>> {
    match request.buffer::<FrameBuffer>(stream) {
        Some(allocated) => allocated.metadata(),
        None => request.buffer::<OwnedFrameBuffer>(stream)?.metadata(),
    }
}

/// A picture in a buffer of the camera, on loan.
pub(super) struct Lent {
    /// There until this is dropped.
    pub(super) buffer: Option<Buffer>,
    /// The picture without its planes.
    pub(super) blank: Picture<'static>,
    /// Bytes from row to row of the first plane. The others follow without gaps. (V4L2 demands it, and some versions
    /// of libcamera get the planes' own offsets wrong.)
    pub(super) stride: usize,
    pub(super) home: Sender<Event>,
}

impl Pixels for Lent {
    fn picture(&self) -> Picture<'_> {
        let bytes = self.buffer.as_ref().map_or(&[][..], Buffer::bytes);
        let placed = self.blank.placed(bytes, self.stride);
        placed.unwrap_or(self.blank)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // Nobody listens any more once the camera has ended: there is nothing to queue then either.
            let _ = self.home.send(Event::Home(buffer));
        }
    }
}
