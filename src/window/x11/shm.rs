//! Pixels to the X server through memory that both share.
//!
//! minifb copies a picture into its own buffer, writes that through a socket, and the server copies
//! it again: 4.5 ms at 1920x1080 here. Through shared memory (MIT-SHM) the server's copy is the only one:
//! pictures are decoded into [`bitmap`]s, whatever else is drawn is drawn into one.
//! Works where the server is on this machine and takes a file descriptor for the memory (MIT-SHM 1.2:
//! Xorg, Xwayland and Xvfb, since 2013); elsewhere [`Shm::new`] says no and minifb does it all. The
//! connection is its own: a server at the end of a wire breaks it off when it sees a descriptor.
//!
//! Blocks until the server has drawn, so that "shown" means shown and the memory is free again.

use std::any::Any;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use memmap2::MmapMut;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, memfd_create};
use rustix::io::retry_on_intr;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateGCAux, Gcontext, ImageFormat, ImageOrder, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::picture::bitmap::{self as memory, Bitmap, PixelMemory};

/// A window, and the memory of its pixels that the X server sees, too.
pub(in crate::window) struct Shm {
    connection: RustConnection,
    window: Window,
    gc: Gcontext,
    depth: u8,
    attached: Vec<Segment>,
}

/// Memory that is attached to the server under a number, as long as it is there.
struct Segment {
    id: shm::Seg,
    memory: Weak<OwnedFd>,
}

/// Pixels that an X server can map, too.
#[derive(Debug, Default)]
struct SharedMemory {
    mapped: Option<Mapped>,
    count: usize,
}

#[derive(Debug)]
struct Mapped {
    file: Arc<OwnedFd>,
    memory: MmapMut,
}

/// Why pixels did not go this way: the server's reason, or that they are in other memory.
type ShmError = Box<dyn std::error::Error>;

/// A bitmap that is shown without a copy.
pub fn bitmap() -> Bitmap {
    Bitmap {
        pixels: Box::new(SharedMemory::default()),
        ..Bitmap::default()
    }
}

impl Shm {
    /// Connects; `None` where this way is not open.
    pub(in crate::window) fn new(window: &minifb::Window) -> Option<Self> {
        let window = super::id(window);
        let (connection, _) = RustConnection::connect(None).ok()?;
        connection
            .extension_information(shm::X11_EXTENSION_NAME)
            .ok()??;
        let version = connection.shm_query_version().ok()?.reply().ok()?;
        if (version.major_version, version.minor_version) < (1, 2) {
            return None;
        }
        let depth = depth_of_plain_pixels(&connection, window)?;
        let gc = connection.generate_id().ok()?;
        let no_answers = CreateGCAux::new().graphics_exposures(0);
        connection.create_gc(gc, window, &no_answers).ok()?;
        let mut shm = Shm {
            connection,
            window,
            gc,
            depth,
            attached: Vec::new(),
        };
        let mut probe = SharedMemory::default();
        probe.resize(1).ok()?;
        // A server elsewhere breaks the connection off here.
        shm.attach(&probe).ok()?;
        Some(shm)
    }

    /// Shows what is in a [`bitmap`], and returns when it is on the screen.
    pub(in crate::window) fn show(&mut self, bitmap: &Bitmap) -> Result<(), ShmError> {
        let memory = bitmap.pixels.as_any().downcast_ref::<SharedMemory>();
        let segment = self.attach(memory.ok_or("the pixels are on the heap")?)?;
        let (width, height) = (bitmap.width as u16, bitmap.height as u16);
        let put = self.connection.shm_put_image(
            self.window,
            self.gc,
            width,
            height,
            0,
            0,
            width,
            height,
            0,
            0,
            self.depth,
            ImageFormat::Z_PIXMAP.into(),
            false,
            segment,
            0,
        );
        Ok(put?.check()?)
    }

    /// The number under which the server knows the memory; it is told now, if it was not.
    fn attach(&mut self, memory: &SharedMemory) -> Result<shm::Seg, ShmError> {
        let file = &memory.mapped.as_ref().ok_or("there are no pixels")?.file;
        let is_this = |segment: &&Segment| std::ptr::eq(segment.memory.as_ptr(), Arc::as_ptr(file));
        if let Some(known) = self.attached.iter().find(is_this) {
            return Ok(known.id);
        }
        // Of what is gone here the server still holds the memory.
        self.attached.retain(|segment| {
            let is_there = segment.memory.strong_count() > 0;
            if !is_there {
                // Should that fail, so will the next.
                let _ = self.connection.shm_detach(segment.id);
            }
            is_there
        });
        let id = self.connection.generate_id()?;
        let read_only = true;
        self.connection
            .shm_attach_fd(id, file.try_clone()?, read_only)?
            .check()?;
        self.attached.push(Segment {
            id,
            memory: Arc::downgrade(file),
        });
        Ok(id)
    }
}

impl PixelMemory for SharedMemory {
    fn resize(&mut self, count: usize) -> io::Result<()> {
        let room = self.mapped.as_ref().map_or(0, |m| m.memory.len() / 4);
        if room < count || memory::is_too_large(room, count) {
            self.mapped = Some(Mapped::new(count)?);
        }
        self.count = count;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Deref for SharedMemory {
    type Target = [u32];
    fn deref(&self) -> &[u32] {
        let mapped = self.mapped.as_ref();
        mapped.map_or(&[], |m| bytemuck::cast_slice(&m.memory[..4 * self.count]))
    }
}

impl DerefMut for SharedMemory {
    fn deref_mut(&mut self) -> &mut [u32] {
        let mapped = self.mapped.as_mut();
        mapped.map_or(&mut [], |m| {
            bytemuck::cast_slice_mut(&mut m.memory[..4 * self.count])
        })
    }
}

impl Mapped {
    /// Zeroed memory without a name, and the file that stands for it.
    fn new(pixels: usize) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("view-recv pixels", flags)?;
        let bytes = pixels.max(1) as u64 * 4;
        // Where memory is out, this is an error; else writing to it would be a bus error.
        retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes))?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: nobody can shorten the memory, which is sealed, and nobody changes it but this program: the
        // file has no name, and the only one it is given to is the X server, which maps it to read from and
        // runs with at least this program's trust (it sees the screen and types the keys).
        let memory = unsafe { MmapMut::map_mut(&file)? };
        Ok(Mapped {
            file: Arc::new(file),
            memory,
        })
    }
}

/// The window's depth, where its pixels are `0x00RRGGBB` in this machine's byte order.
fn depth_of_plain_pixels(connection: &RustConnection, window: Window) -> Option<u8> {
    let setup = connection.setup();
    let order = if cfg!(target_endian = "little") {
        ImageOrder::LSB_FIRST
    } else {
        ImageOrder::MSB_FIRST
    };
    let depth = connection.get_geometry(window).ok()?.reply().ok()?.depth;
    let format = setup.pixmap_formats.iter().find(|f| f.depth == depth)?;
    let attributes = connection
        .get_window_attributes(window)
        .ok()?
        .reply()
        .ok()?;
    let visual = setup
        .roots
        .iter()
        .flat_map(|screen| &screen.allowed_depths)
        .flat_map(|depth| &depth.visuals)
        .find(|visual| visual.visual_id == attributes.visual)?;
    let masks = (visual.red_mask, visual.green_mask, visual.blue_mask);
    let plain = setup.image_byte_order == order
        && format.bits_per_pixel == 32
        && masks == (0xff_00_00, 0x00_ff_00, 0x00_00_ff);
    plain.then_some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::fcntl_get_seals;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    fn file(mapped: &Mapped) -> File {
        mapped.file.try_clone().unwrap().into()
    }

    #[test]
    fn memory_is_there_before_it_is_written_to() {
        let mapped = Mapped::new(100_000).unwrap();
        let metadata = file(&mapped).metadata().unwrap();
        assert_eq!(metadata.len(), 400_000);
        let allocated = metadata.blocks() * 512;
        assert!(allocated >= 400_000, "{allocated} bytes are there");
    }

    #[test]
    fn whoever_is_given_the_memory_cannot_shorten_it_under_the_window() {
        let mapped = Mapped::new(100_000).unwrap();
        for length in [0, 399_999, 400_001] {
            assert!(file(&mapped).set_len(length).is_err(), "{length}");
        }
        assert!(
            fcntl_get_seals(&*mapped.file)
                .unwrap()
                .contains(SealFlags::SEAL)
        );
    }
}
