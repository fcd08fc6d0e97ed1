//! Pixels to the X server through memory that both share.
//!
//! minifb copies a picture into its own buffer, writes that through a socket, and the server copies
//! it again: 4.5 ms at 1920x1080 here. Through shared memory (MIT-SHM) it is one copy on each side.
//! Works where the server is on this machine and takes a file descriptor for the memory (MIT-SHM 1.2:
//! Xorg, Xwayland and Xvfb, since 2013); elsewhere [`Shm::new`] says no and minifb does it all. The
//! connection is its own: a server at the end of a wire breaks it off when it sees a descriptor.
//!
//! Blocks until the server has drawn, so that "shown" means shown and the memory is free again.

use std::fs::File;
use std::io;

use memmap2::MmapMut;
use rustix::fs::{MemfdFlags, memfd_create};
use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::ReplyError;
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateGCAux, Gcontext, ImageFormat, ImageOrder, Window,
};
use x11rb::rust_connection::RustConnection;

/// A window's pixels, in memory that the X server sees.
pub struct Shm {
    connection: RustConnection,
    window: Window,
    gc: Gcontext,
    depth: u8,
    segment: Segment,
}

/// Memory that is attached to the server under a number.
struct Segment {
    id: shm::Seg,
    memory: MmapMut,
}

impl Shm {
    /// Connects; `None` where this way is not open.
    pub fn new(window: Window, width: usize, height: usize) -> Option<Self> {
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
        let segment = Segment::new(&connection, width * height)?;
        Some(Shm {
            connection,
            window,
            gc,
            depth,
            segment,
        })
    }

    /// Room for that many pixels, with whatever is in it; `None` when memory is out.
    pub fn pixels(&mut self, count: usize) -> Option<&mut [u32]> {
        if self.segment.memory.len() < count * 4 {
            let larger = Segment::new(&self.connection, count)?;
            let smaller = std::mem::replace(&mut self.segment, larger);
            // The server keeps it until it is told; should that fail, the next put fails, too.
            let _ = self.connection.shm_detach(smaller.id);
        }
        Some(bytemuck::cast_slice_mut(
            &mut self.segment.memory[..count * 4],
        ))
    }

    /// Shows what [`Shm::pixels`] holds, and returns when it is on the screen.
    pub fn put(&self, width: usize, height: usize) -> Result<(), ReplyError> {
        let (width, height) = (width as u16, height as u16);
        self.connection
            .shm_put_image(
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
                self.segment.id,
                0,
            )?
            .check()
    }
}

impl Segment {
    fn new(connection: &RustConnection, pixels: usize) -> Option<Self> {
        let (file, memory) = shared_memory(pixels.max(1) * 4).ok()?;
        let id = connection.generate_id().ok()?;
        let read_only = true;
        connection
            .shm_attach_fd(id, file, read_only)
            .ok()?
            .check()
            .ok()?;
        Some(Segment { id, memory })
    }
}

/// Zeroed memory without a name, and the file that stands for it.
fn shared_memory(bytes: usize) -> io::Result<(std::os::fd::OwnedFd, MmapMut)> {
    let file = File::from(memfd_create("view-recv window", MemfdFlags::CLOEXEC)?);
    file.set_len(bytes as u64)?;
    // SAFETY: nobody changes or shortens the memory but this program: the file has no name, and the
    // only one it is given to is the X server, which maps it to read from and runs with at least
    // this program's trust (it sees the screen and types the keys).
    let memory = unsafe { MmapMut::map_mut(&file)? };
    Ok((file.into(), memory))
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
