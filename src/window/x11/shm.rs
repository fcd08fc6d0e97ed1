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
use std::sync::{Arc, OnceLock};

use memmap2::MmapMut;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, memfd_create};
use rustix::io::retry_on_intr;
use x11rb::connection::Connection;
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ConnectionExt as _, CreateGCAux, Gcontext, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

use super::Error;
use crate::picture::bitmap::{self as memory, Bitmap, PixelMemory};

/// The depth at which pixels are `0x00RRGGBB`: of a pixel's 32 bits, which minifb insists on, 8 for each colour.
const DEPTH: u8 = 24;

/// A window, and a connection for its pixels.
pub(super) struct Shm {
    connection: Arc<RustConnection>,
    window: Window,
    gc: Gcontext,
}

/// Pixels that an X server can map, too.
#[derive(Debug)]
struct SharedMemory {
    file: OwnedFd,
    memory: MmapMut,
    count: usize,
    /// The number under which the server knows it, by this connection, once it was shown.
    segment: OnceLock<(shm::Seg, Arc<RustConnection>)>,
}

/// A bitmap that is shown without a copy.
pub fn bitmap() -> Bitmap {
    let mut bitmap = Bitmap::default();
    if let Ok(pixels) = SharedMemory::new(0) {
        bitmap.pixels = Box::new(pixels);
    }
    bitmap
}

impl Shm {
    /// Connects, if this way is open.
    pub(super) fn new(window: Window) -> Result<Self, Error> {
        let (connection, _) = RustConnection::connect(None)?;
        if connection.get_geometry(window)?.reply()?.depth != DEPTH {
            return Err("the window has other pixels".into());
        }
        let gc = connection.generate_id()?;
        connection.create_gc(gc, window, &CreateGCAux::new())?;
        let shm = Shm {
            connection: Arc::new(connection),
            window,
            gc,
        };
        // A server that cannot says so here; one elsewhere breaks the connection off.
        shm.attach(&SharedMemory::new(1)?)?;
        Ok(shm)
    }

    /// Shows what is in a [`bitmap`], and returns when it is on the screen.
    pub(super) fn show(&self, bitmap: &Bitmap) -> Result<(), Error> {
        let memory = bitmap.pixels.as_any().downcast_ref::<SharedMemory>();
        let segment = self.attach(memory.ok_or("the pixels are on the heap")?)?;
        let (width, height) = (bitmap.width as u16, bitmap.height as u16);
        let (window, gc, format) = (self.window, self.gc, ImageFormat::Z_PIXMAP.into());
        // All of a picture of that size, from its corner on, into the window's; without an event when that is done.
        let put = self.connection.shm_put_image(
            window, gc, width, height, 0, 0, width, height, 0, 0, DEPTH, format, false, segment, 0,
        );
        Ok(put?.check()?)
    }

    /// The number under which the server knows the memory; it is told now, if it was not.
    fn attach(&self, memory: &SharedMemory) -> Result<shm::Seg, Error> {
        if let Some((id, _)) = memory.segment.get() {
            return Ok(*id);
        }
        let (connection, read_only) = (Arc::clone(&self.connection), true);
        let (id, file) = (connection.generate_id()?, memory.file.try_clone()?);
        connection.shm_attach_fd(id, file, read_only)?.check()?;
        memory.segment.get_or_init(|| (id, connection));
        Ok(id)
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        if let Some((id, connection)) = self.segment.get() {
            // The server would still hold it. Should that fail, so will the next picture.
            let _ = connection.shm_detach(*id);
        }
    }
}

impl SharedMemory {
    /// Zeroed memory without a name, and the file that stands for it.
    fn new(count: usize) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("view-recv pixels", flags)?;
        let bytes = count.max(1) as u64 * 4;
        // Where memory is out, this is an error; else writing to it would be a bus error.
        retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes))?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: nobody can shorten the memory, which is sealed, and nobody changes it but this program: the
        // file has no name, and the only one it is given to is the X server, which maps it to read from and
        // runs with at least this program's trust (it sees the screen and types the keys).
        let memory = unsafe { MmapMut::map_mut(&file)? };
        Ok(SharedMemory {
            file,
            memory,
            count,
            segment: OnceLock::new(),
        })
    }
}

impl PixelMemory for SharedMemory {
    fn resize(&mut self, count: usize) -> io::Result<()> {
        let room = self.memory.len() / 4;
        if room < count || memory::is_too_large(room, count) {
            *self = SharedMemory::new(count)?;
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
        bytemuck::cast_slice(&self.memory[..4 * self.count])
    }
}

impl DerefMut for SharedMemory {
    fn deref_mut(&mut self) -> &mut [u32] {
        bytemuck::cast_slice_mut(&mut self.memory[..4 * self.count])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::fcntl_get_seals;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    fn file(memory: &SharedMemory) -> File {
        memory.file.try_clone().unwrap().into()
    }

    #[test]
    fn memory_is_there_before_it_is_written_to() {
        let memory = SharedMemory::new(100_000).unwrap();
        let metadata = file(&memory).metadata().unwrap();
        assert_eq!(metadata.len(), 400_000);
        let allocated = metadata.blocks() * 512;
        assert!(allocated >= 400_000, "{allocated} bytes are there");
    }

    #[test]
    fn whoever_is_given_the_memory_cannot_shorten_it_under_the_window() {
        let memory = SharedMemory::new(100_000).unwrap();
        for length in [0, 399_999, 400_001] {
            assert!(file(&memory).set_len(length).is_err(), "{length}");
        }
        assert!(
            fcntl_get_seals(&memory.file)
                .unwrap()
                .contains(SealFlags::SEAL)
        );
    }
}
