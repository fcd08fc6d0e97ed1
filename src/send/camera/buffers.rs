//! The camera's buffers: allocated, mapped once, and lent picture by picture to the sending thread.
//!
//! A buffer is in one of two hands, and its type says in whose. A [`Buffer`] is the CPU's: there is one owner, who
//! may read it. A [`Queued`] is the camera's, which writes it: nothing of it can be read until its request has
//! come back. A [`Lent`] takes a buffer along without a copy, while its request stays parked with the camera's
//! thread; dropping it sends the buffer home, and both are queued again. It holds the memory itself and nothing
//! of libcamera, so it may outlive the camera: it is readable until it is dropped, and then reaches nobody.
//! Nothing here blocks.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use libcamera::camera::ActiveCamera;
use libcamera::framebuffer::{AsFrameBuffer, FrameMetadataStatus, OwnedFrameBuffer};
use libcamera::framebuffer_allocator::{FrameBuffer, FrameBufferAllocator};
use libcamera::request::Request;
use libcamera::stream::Stream;

use super::error::{CameraError, library};
use super::memory::{self, Mapping};
use super::negotiate::{self, Agreed, Layout};
use super::planes;
use super::session::Event;
use crate::frame::{Picture, Pixels, Plane};

/// A buffer that the CPU has: the camera does not write it.
#[derive(Debug)]
pub(super) struct Buffer {
    /// Of the request that it belongs to.
    cookie: u64,
    mappings: Vec<Mapping>,
    /// For each plane: which mapping, from where, how many bytes, from row to row.
    planes: [PlaneAt; 3],
}

#[derive(Debug, Clone, Copy, Default)]
struct PlaneAt {
    mapping: usize,
    offset: usize,
    length: usize,
    stride: usize,
}

/// A buffer that the camera has: it may be writing it.
#[derive(Debug)]
pub(super) struct Queued(Buffer);

/// A buffer for libcamera.
pub(super) enum Frame {
    /// From libcamera's own allocator.
    Allocated(FrameBuffer),
    /// From a dma-heap.
    Imported(OwnedFrameBuffer),
}

/// What libcamera says of a buffer that it filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) status: FrameMetadataStatus,
    /// Nanoseconds; 0 where nobody set it.
    pub(super) stamp_ns: u64,
    pub(super) sequence: u32,
    /// How many bytes of the first plane are valid.
    pub(super) bytes: usize,
}

/// Buffers from a heap where one gives them and it is worth it, else from libcamera; the first belongs to the
/// request with the cookie 0, and so on.
pub(super) fn allocate(
    camera: &ActiveCamera<'_>,
    stream: &Stream,
    agreed: &Agreed,
    heaps: bool,
) -> Result<Vec<(Frame, Buffer)>, CameraError> {
    if heaps {
        if let Some(buffers) = memory::from_heaps(agreed.buffers, agreed.frame_size) {
            let planes = imported_planes(camera, agreed);
            return (0..)
                .zip(buffers)
                .map(|(cookie, fd)| imported(fd, &planes, cookie, agreed))
                .collect();
        }
    }
    let frames = FrameBufferAllocator::new(camera)
        .alloc(stream)
        .map_err(library("allocate buffers"))?;
    let mapped = |(cookie, frame)| {
        let buffer = map(&frame, cookie, agreed)?;
        Ok((Frame::Allocated(frame), buffer))
    };
    (0..).zip(frames).map(mapped).collect()
}

/// How libcamera is told of an imported buffer. The Raspberry Pi's pipelines take the frame as one plane, as
/// rpicam-apps gives it; the virtual one writes plane by plane.
fn imported_planes(camera: &ActiveCamera<'_>, agreed: &Agreed) -> Vec<(u32, u32)> {
    let whole = vec![(0, agreed.frame_size as u32)];
    match agreed.layout {
        Layout::Pixels(format) | Layout::Crossed(format) if negotiate::is_virtual(camera) => {
            let planes = planes::places(format, agreed.stride, agreed.height);
            let starts: Vec<usize> = planes
                .iter()
                .filter(|(_, stride)| *stride > 0)
                .map(|plane| plane.0)
                .collect();
            let ends = starts.iter().skip(1).copied().chain([agreed.frame_size]);
            starts
                .iter()
                .zip(ends)
                .map(|(start, end)| (*start as u32, end.saturating_sub(*start) as u32))
                .collect()
        }
        _ => whole,
    }
}

fn imported(
    fd: OwnedFd,
    planes: &[(u32, u32)],
    cookie: u64,
    agreed: &Agreed,
) -> Result<(Frame, Buffer), CameraError> {
    let frame = memory::import(fd.as_fd(), planes, cookie).map_err(library("import a buffer"))?;
    let mapping = Mapping::new(fd, agreed.frame_size).map_err(library("map a buffer"))?;
    let buffer = contiguous(mapping, cookie, agreed)?;
    Ok((Frame::Imported(frame), buffer))
}

/// Maps a buffer of libcamera's: one piece of memory, or one a plane.
fn map(frame: &FrameBuffer, cookie: u64, agreed: &Agreed) -> Result<Buffer, CameraError> {
    let failed = library("map a buffer");
    let planes = frame.planes();
    let mut parts = Vec::with_capacity(3);
    for plane in &*planes {
        parts.push((plane.fd(), plane.offset().unwrap_or(0), plane.len()));
    }
    let ends = parts.iter().map(|(_, offset, length)| offset + length);
    let same = parts.windows(2).all(|pair| {
        pair[0].0 == pair[1].0 || memory::identity(pair[0].0) == memory::identity(pair[1].0)
    });
    if same {
        let (Some((fd, ..)), Some(end)) = (parts.first(), ends.max()) else {
            return Err(failed(std::io::ErrorKind::InvalidData.into()));
        };
        let mapping = memory::keep(*fd)
            .and_then(|fd| Mapping::new(fd, end))
            .map_err(failed)?;
        return contiguous(mapping, cookie, agreed);
    }
    let mut buffer = Buffer {
        cookie,
        mappings: Vec::with_capacity(parts.len()),
        planes: planes_of(agreed),
    };
    for (i, (fd, offset, length)) in parts.into_iter().enumerate().take(3) {
        let mapping = memory::keep(fd)
            .and_then(|fd| Mapping::new(fd, offset + length))
            .map_err(&failed)?;
        buffer.mappings.push(mapping);
        buffer.planes[i].mapping = i;
        buffer.planes[i].offset = offset;
    }
    buffer.checked()
}

/// A buffer whose planes follow each other without gaps: where they lie is known from the stride alone.
/// (V4L2 demands it, and some versions of libcamera get the planes' own offsets wrong.)
fn contiguous(mapping: Mapping, cookie: u64, agreed: &Agreed) -> Result<Buffer, CameraError> {
    Buffer {
        cookie,
        mappings: vec![mapping],
        planes: planes_of(agreed),
    }
    .checked()
}

fn planes_of(agreed: &Agreed) -> [PlaneAt; 3] {
    let (Layout::Pixels(format) | Layout::Crossed(format)) = agreed.layout else {
        return [PlaneAt::default(); 3];
    };
    let placed = planes::places(format, agreed.stride, agreed.height);
    let strides = placed.map(|(_, stride)| stride);
    let lengths = planes::sizes(format, strides, agreed.width, agreed.height);
    std::array::from_fn(|i| PlaneAt {
        mapping: 0,
        offset: placed[i].0,
        length: lengths[i],
        stride: placed[i].1,
    })
}

impl Buffer {
    /// The buffer, if every plane lies within its memory and every row within its stride.
    fn checked(self) -> Result<Buffer, CameraError> {
        let inside = self.planes.iter().all(|plane| {
            let memory = self.mappings.get(plane.mapping).map_or(0, Mapping::length);
            plane.length == 0 || plane.offset + plane.length <= memory
        });
        if inside {
            return Ok(self);
        }
        Err(library("map a buffer")(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "the picture does not fit into its buffer",
        )))
    }

    fn plane(&self, i: usize) -> Plane<'_> {
        let at = self.planes[i];
        if at.length == 0 {
            return Plane::default();
        }
        Plane {
            data: &self.bytes(at.mapping)[at.offset..at.offset + at.length],
            stride: at.stride,
        }
    }

    fn bytes(&self, mapping: usize) -> &[u8] {
        // SAFETY: the camera writes a buffer only while its request is queued, and takes it from `queue` alone,
        // which needs the buffer itself: while it can be borrowed here it is not queued.
        unsafe { self.mappings[mapping].bytes() }
    }

    fn end_reading(&self) {
        self.mappings.iter().for_each(Mapping::end_reading);
    }

    /// The cookie of the request that it belongs to.
    pub(super) fn cookie(&self) -> usize {
        self.cookie as usize
    }

    /// Gives it to the camera with its request.
    pub(super) fn queue(
        self,
        camera: &ActiveCamera<'_>,
        request: Request,
    ) -> Result<Queued, CameraError> {
        debug_assert_eq!(request.cookie(), self.cookie);
        self.end_reading();
        let queued = camera.queue_request(request);
        queued.map_err(|(_, source)| library("queue a request")(source))?;
        Ok(Queued(self))
    }

    /// The first plane row by row, `width` bytes of each: a planar picture's luma.
    pub(super) fn luma(&self, width: usize) -> impl Iterator<Item = &u8> {
        let plane = self.plane(0);
        let rows = plane.data.chunks(plane.stride.max(1));
        rows.flat_map(move |row| &row[..width.min(row.len())])
    }

    /// Copies the first `length` bytes: a JPEG.
    pub(super) fn copy_to(&self, length: usize, out: &mut Vec<u8>) {
        let bytes = self.bytes(0);
        out.clear();
        out.extend_from_slice(&bytes[..length.min(bytes.len())]);
    }
}

impl Queued {
    /// The buffer, now that the request that it was queued with is complete.
    pub(super) fn completed(self, request: &Request) -> Buffer {
        debug_assert_eq!(request.cookie(), self.0.cookie);
        self.0
    }
}

impl Frame {
    /// Gives the buffer to a request.
    pub(super) fn attach(self, request: &mut Request, stream: &Stream) -> std::io::Result<()> {
        match self {
            Frame::Allocated(frame) => request.add_buffer(stream, frame),
            Frame::Imported(frame) => request.add_buffer(stream, frame),
        }
    }
}

/// What libcamera says of a completed request's buffer.
pub(super) fn filled(request: &Request, stream: &Stream) -> Option<Filled> {
    fn read(frame: &impl AsFrameBuffer) -> Option<Filled> {
        let metadata = frame.metadata()?;
        Some(Filled {
            status: metadata.status(),
            stamp_ns: metadata.timestamp(),
            sequence: metadata.sequence(),
            bytes: metadata
                .planes()
                .get(0)
                .map_or(0, |plane| plane.bytes_used as usize),
        })
    }
    let allocated = request.buffer::<FrameBuffer>(stream).and_then(read);
    allocated.or_else(|| request.buffer::<OwnedFrameBuffer>(stream).and_then(read))
}

/// A picture in a buffer of the camera, on loan.
pub(super) struct Lent {
    /// There until the loan is dropped.
    buffer: Option<Buffer>,
    agreed: Arc<Agreed>,
    home: Sender<Event>,
}

impl Lent {
    pub(super) fn new(buffer: Buffer, agreed: Arc<Agreed>, home: Sender<Event>) -> Lent {
        Lent {
            buffer: Some(buffer),
            agreed,
            home,
        }
    }
}

impl Pixels for Lent {
    fn picture(&self) -> Picture<'_> {
        let buffer = self.buffer.as_ref();
        let mut planes =
            std::array::from_fn(|i| buffer.map_or_else(Plane::default, |buffer| buffer.plane(i)));
        let format = match self.agreed.layout {
            Layout::Crossed(format) => {
                planes.swap(1, 2);
                format
            }
            Layout::Pixels(format) => format,
            Layout::Jpeg => unreachable!("JPEGs are copied, never lent"),
        };
        Picture {
            width: self.agreed.width,
            height: self.agreed.height,
            format,
            range: self.agreed.range,
            matrix: self.agreed.matrix,
            planes,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer.end_reading();
            // Nobody listens any more once the camera has ended: there is nothing to queue then either.
            let _ = self.home.send(Event::Home(buffer));
        }
    }
}
