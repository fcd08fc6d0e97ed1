//! A camera's buffers as memory: where they come from, how they are mapped, when the CPU may read them.
//!
//! Most of the camera's `unsafe` is here: two ioctls of the kernel that no crate wraps, and descriptors that the
//! binding lends or forgets. On a Raspberry Pi the buffers of libcamera's own allocator are not cached for the CPU,
//! and reading them is many times slower than reading memory; those of a dma-heap are cached, and reads must be
//! bracketed by `DMA_BUF_IOCTL_SYNC`. Knows no formats, requests or threads. Nothing here blocks, except while the
//! kernel cleans its caches.
//!
//! The calls go through libc on purpose, not through raw system calls: on machines without dma-heaps the tests preload
//! a library that emulates them.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;

use libcamera::framebuffer::{FrameBufferPlane, OwnedFrameBuffer};
use memmap2::{Mmap, MmapOptions};

/// Heaps of cached buffers, best first: the one that Raspberry Pi OS has for this use, the contiguous memory that the
/// older Pis need, and any memory, which a Pi 5 can use.
const HEAPS: [&str; 3] = [
    "/dev/dma_heap/vidbuf_cached",
    "/dev/dma_heap/linux,cma",
    "/dev/dma_heap/system",
];

/// `count` buffers of `length` bytes from the first heap that gives them all; `None` where none does.
pub(super) fn from_heaps(count: usize, length: usize) -> Option<Vec<OwnedFd>> {
    HEAPS.iter().find_map(|path| {
        let heap = OpenOptions::new().read(true).write(true).open(path).ok()?;
        (0..count).map(|_| heap_buffer(&heap, length)).collect()
    })
}

/// `struct dma_heap_allocation_data` of linux/dma-heap.h.
#[repr(C)]
struct HeapAllocation {
    len: u64,
    fd: u32,
    fd_flags: u32,
    heap_flags: u64,
}

/// `DMA_HEAP_IOCTL_ALLOC`, as asm-generic (x86, ARM, RISC-V) encodes it.
const HEAP_ALLOC: u32 = 0xC018_4800;

fn heap_buffer(heap: &File, length: usize) -> Option<OwnedFd> {
    let mut allocation = HeapAllocation {
        len: length as u64,
        fd: 0,
        fd_flags: (libc::O_CLOEXEC | libc::O_RDWR) as u32,
        heap_flags: 0,
    };
    // SAFETY: the kernel reads and writes one structure of this layout, which outlives the call.
    if unsafe { libc::ioctl(heap.as_raw_fd(), HEAP_ALLOC as _, &raw mut allocation) } < 0 {
        return None;
    }
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Some(unsafe { OwnedFd::from_raw_fd(allocation.fd as RawFd) })
}

/// Gives libcamera a buffer of ours: `planes` are offset and length of each plane in it.
///
/// The binding passes each descriptor to libcamera, which keeps a duplicate, and forgets the one that it was given
/// (0.7.0; that leaks one for each plane). It is taken back here, but only where it is still open and still the same
/// buffer, so that a binding that closes it one day does no harm.
pub(super) fn import(buffer: &OwnedFd, planes: &[(u32, u32)]) -> io::Result<OwnedFrameBuffer> {
    let plane = |&(offset, length): &(u32, u32)| {
        let fd = buffer.try_clone()?;
        Ok(FrameBufferPlane { fd, offset, length })
    };
    let planes: Vec<_> = planes.iter().map(plane).collect::<io::Result<_>>()?;
    let given = Vec::from_iter(planes.iter().map(|plane| plane.fd.as_raw_fd()));
    let imported = OwnedFrameBuffer::new(planes, None)?;
    let ours = identity(buffer.as_raw_fd());
    for fd in given {
        if ours.is_some() && identity(fd) == ours {
            // SAFETY: we opened this number above and the binding forgot it; it still is that buffer.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    Ok(imported)
}

/// A descriptor's device and inode; `None` where it is not open.
fn identity(fd: RawFd) -> Option<(u64, u64)> {
    let file = fs::metadata(format!("/proc/self/fd/{fd}")).ok()?;
    Some((file.dev(), file.ino()))
}

/// Duplicates a descriptor that libcamera owns.
pub(super) fn keep(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: libcamera has it open, and closes it only with the buffer that told us of it.
    unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
}

/// A buffer, mapped for reading. It stays readable for as long as this lives, whatever becomes of the camera.
pub(super) struct Mapping {
    map: Mmap,
    file: File,
    /// Whether the kernel was told that the CPU reads.
    reading: Cell<bool>,
}

impl Mapping {
    /// Maps the first `length` bytes of the buffer.
    pub(super) fn new(fd: OwnedFd, length: usize) -> io::Result<Mapping> {
        let file = File::from(fd);
        // A dma-buf may not tell its size here (0). One that does must be long enough: reading beyond it is a bus error.
        let size = file.metadata()?.len();
        if length == 0 || (size != 0 && size < length as u64) {
            let line = format!("a buffer of {size} bytes where {length} were expected");
            return Err(io::Error::other(line));
        }
        // SAFETY: it is read through `bytes` alone, whose caller knows of no writer.
        let map = unsafe { MmapOptions::new().len(length).map(&file) }?;
        Ok(Mapping {
            map,
            file,
            reading: Cell::new(false),
        })
    }

    /// The mapped bytes; what the camera wrote is visible to the CPU until [`Mapping::end_reading`].
    ///
    /// # Safety
    ///
    /// Nobody writes the buffer while the slice lives: no request that it belongs to is queued.
    pub(super) unsafe fn bytes(&self) -> &[u8] {
        if !self.reading.get() {
            self.reading.set(self.sync(SYNC_START | SYNC_READ));
        }
        &self.map
    }

    /// Gives up what [`Mapping::bytes`] made visible, if it did.
    pub(super) fn end_reading(&self) {
        if self.reading.replace(false) {
            self.sync(SYNC_END | SYNC_READ);
        }
    }

    /// `false` for memory that is no dma-buf and needs none.
    fn sync(&self, flags: u64) -> bool {
        loop {
            // SAFETY: the kernel reads one u64 (`struct dma_buf_sync`), which outlives the call.
            let answer =
                unsafe { libc::ioctl(self.file.as_raw_fd(), BUF_SYNC as _, &raw const flags) };
            match io::Error::last_os_error().raw_os_error() {
                _ if answer == 0 => return true,
                Some(libc::EINTR | libc::EAGAIN) => {}
                _ => return false,
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.end_reading();
    }
}

/// `DMA_BUF_IOCTL_SYNC`, as asm-generic encodes it.
const BUF_SYNC: u32 = 0x4008_6200;
const SYNC_READ: u64 = 1;
const SYNC_START: u64 = 0;
const SYNC_END: u64 = 1 << 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A file without a name in the temporary directory.
    fn buffer(content: &[u8]) -> OwnedFd {
        let path = std::env::temp_dir().join(format!(
            "pi-stream-buffer-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file.write_all(content).unwrap();
        file.into()
    }

    #[test]
    fn a_mapped_buffer_is_read_where_it_lies() {
        let mapping = Mapping::new(buffer(b"pixels"), 6).unwrap();
        // SAFETY: a file without a name, which nobody else has.
        assert_eq!(unsafe { mapping.bytes() }, b"pixels");
    }

    #[test]
    fn a_buffer_that_is_too_short_is_refused() {
        assert!(Mapping::new(buffer(b"pixels"), 7).is_err());
        assert!(Mapping::new(buffer(b""), 0).is_err());
    }

    #[test]
    fn memory_that_is_no_dma_buf_needs_no_sync() {
        let mapping = Mapping::new(buffer(b"pixels"), 6).unwrap();
        // SAFETY: as above.
        unsafe { mapping.bytes() };
        assert!(!mapping.reading.get());
    }

    #[test]
    fn importing_leaks_no_descriptor() {
        let buffer = buffer(&[0; 6]);
        let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let once = || drop(import(&buffer, &[(0, 4), (4, 2)]).unwrap());
        once();
        // Other tests open and close files at the same time: a leak of two a turn stands out of that.
        let before = count();
        for _ in 0..100 {
            once();
        }
        assert!(count() < before + 100);
    }
}
