//! The camera's buffers: allocated, mapped once, and lent picture by picture to the sending thread.
//!
//! A [`Lent`] borrows a buffer without a copy. Its request stays parked with the camera's thread meanwhile;
//! dropping it sends word home, and the request is queued again. It holds the memory itself and nothing of
//! libcamera, so it may outlive the camera: it is readable until it is dropped, and its word home then
//! reaches nobody. Nothing here blocks.

use std::cell::Cell;
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

/// A buffer for the CPU.
#[derive(Debug)]
pub(super) struct Buffer {
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

/// Buffers from a heap where one gives them and it is worth it, else from libcamera.
pub(super) fn allocate(
    camera: &ActiveCamera<'_>,
    stream: &Stream,
    agreed: &Agreed,
    heaps: bool,
) -> Result<Vec<(Frame, Arc<Buffer>)>, CameraError> {
    if heaps {
        if let Some(buffers) = memory::from_heaps(agreed.buffers, agreed.frame_size) {
            let planes = imported_planes(camera, agreed);
            return buffers
                .into_iter()
                .enumerate()
                .map(|(i, fd)| imported(fd, &planes, i as u64, agreed))
                .collect();
        }
    }
    let frames = FrameBufferAllocator::new(camera)
        .alloc(stream)
        .map_err(library("allocate buffers"))?;
    let mapped = |frame: FrameBuffer| {
        let buffer = map(&frame, agreed)?;
        Ok((Frame::Allocated(frame), Arc::new(buffer)))
    };
    frames.into_iter().map(mapped).collect()
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
) -> Result<(Frame, Arc<Buffer>), CameraError> {
    let frame = memory::import(fd.as_fd(), planes, cookie).map_err(library("import a buffer"))?;
    let mapping = Mapping::new(fd, agreed.frame_size).map_err(library("map a buffer"))?;
    let buffer = contiguous(mapping, agreed)?;
    Ok((Frame::Imported(frame), Arc::new(buffer)))
}

/// Maps a buffer of libcamera's: one piece of memory, or one a plane.
fn map(frame: &FrameBuffer, agreed: &Agreed) -> Result<Buffer, CameraError> {
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
        return contiguous(mapping, agreed);
    }
    let mut buffer = Buffer {
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
fn contiguous(mapping: Mapping, agreed: &Agreed) -> Result<Buffer, CameraError> {
    Buffer {
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
            let memory = self
                .mappings
                .get(plane.mapping)
                .map_or(0, |mapping| mapping.bytes().len());
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
            data: &self.mappings[at.mapping].bytes()[at.offset..at.offset + at.length],
            stride: at.stride,
        }
    }

    /// The rows of the first plane, `width` bytes each: a planar picture's luma.
    pub(super) fn luma<T>(
        &self,
        width: usize,
        read: impl FnOnce(&mut dyn Iterator<Item = &u8>) -> T,
    ) -> T {
        let began: Vec<bool> = self.mappings.iter().map(Mapping::begin_reading).collect();
        let plane = self.plane(0);
        let rows = plane.data.chunks(plane.stride.max(1));
        let answer = read(&mut rows.flat_map(|row| &row[..width.min(row.len())]));
        for (mapping, _) in self.mappings.iter().zip(began).filter(|(_, began)| *began) {
            mapping.end_reading();
        }
        answer
    }

    /// Copies the first `length` bytes: a JPEG.
    pub(super) fn copy_to(&self, length: usize, out: &mut Vec<u8>) {
        out.clear();
        let Some(mapping) = self.mappings.first() else {
            return;
        };
        let began = mapping.begin_reading();
        out.extend_from_slice(&mapping.bytes()[..length.min(mapping.bytes().len())]);
        if began {
            mapping.end_reading();
        }
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
    buffer: Arc<Buffer>,
    agreed: Arc<Agreed>,
    /// Set once the CPU has begun to read: a picture that nobody looks at costs no cleaning of caches.
    reading: Cell<bool>,
    cookie: u64,
    home: Sender<Event>,
}

impl Lent {
    pub(super) fn new(
        buffer: Arc<Buffer>,
        agreed: Arc<Agreed>,
        cookie: u64,
        home: Sender<Event>,
    ) -> Lent {
        Lent {
            buffer,
            agreed,
            reading: Cell::new(false),
            cookie,
            home,
        }
    }
}

impl Pixels for Lent {
    fn picture(&self) -> Picture<'_> {
        if !self.reading.replace(true) {
            for mapping in &self.buffer.mappings {
                mapping.begin_reading();
            }
        }
        let mut planes = std::array::from_fn(|i| self.buffer.plane(i));
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
        if self.reading.get() {
            for mapping in &self.buffer.mappings {
                mapping.end_reading();
            }
        }
        // Nobody listens any more once the camera has ended: there is nothing to queue then either.
        let _ = self.home.send(Event::Home(self.cookie));
    }
}
