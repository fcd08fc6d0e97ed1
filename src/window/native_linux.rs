//! What this platform does for a window of minifb's: on Linux, what X11 can.
//!
//! Each part works or does not, by itself; the surface has minifb's plainer way for what does not.

use super::shm::{SharedMemory, Shm, ShmError};
use super::x11::Desktop;
pub use super::x11::Watch;
use crate::picture::{Bitmap, PixelBuf};

/// The platform's side of a window.
pub struct Native {
    window: u32,
    desktop: Option<Desktop>,
    shm: Option<Shm>,
}

impl Native {
    /// Looks at what is there for this window.
    pub fn new(window: &minifb::Window) -> Self {
        // X11's numbers of windows have 29 bits; minifb wraps them in a pointer.
        let id = window.get_window_handle() as usize as u32;
        Native {
            window: id,
            desktop: Desktop::new(id).ok(),
            shm: Shm::new(id),
        }
    }

    /// How many pixels make one of a common screen's, in each direction; at least 1.
    pub fn density(&self) -> usize {
        self.desktop.as_ref().map_or(1, Desktop::density) as usize
    }

    /// Gives the window a size that suits the picture; `false` where that is not in its power.
    pub fn suit(&self, picture: (u32, u32)) -> bool {
        let suited = self.desktop.as_ref().map(|desktop| desktop.suit(picture));
        matches!(suited, Some(Ok(_)))
    }

    /// Whether the window fills the screen.
    pub fn is_full_screen(&self) -> bool {
        self.desktop.as_ref().is_some_and(Desktop::is_full_screen)
    }

    /// Fills the screen, or leaves that; `false` where that is not in its power.
    pub fn set_full_screen(&mut self, full: bool) -> bool {
        let done = self
            .desktop
            .as_mut()
            .map(|desktop| desktop.set_full_screen(full));
        matches!(done, Some(Ok(())))
    }

    /// Stays above other windows, where the desktop knows of such a thing.
    pub fn keep_on_top(&self) {
        if let Some(desktop) = &self.desktop {
            // A window that is covered is still a window.
            let _ = desktop.keep_on_top();
        }
    }

    /// A bitmap that can be shown without a copy.
    pub fn bitmap() -> Bitmap {
        Bitmap {
            pixels: PixelBuf::new(SharedMemory::default()),
            ..Bitmap::default()
        }
    }

    /// Shows a bitmap, where that is not minifb's to do.
    pub fn show(&mut self, bitmap: &Bitmap) -> bool {
        self.try_shm(|shm| match bitmap.pixels.memory() {
            Some(memory) => shm.show(memory, bitmap.width, bitmap.height),
            None => {
                let pixels = shm.pixels(bitmap.pixels.len())?;
                pixels.copy_from_slice(&bitmap.pixels);
                shm.put(bitmap.width, bitmap.height)
            }
        })
    }

    /// The platform's own memory for that many pixels, where it has some.
    pub fn pixels(&mut self, count: usize) -> Option<&mut [u32]> {
        self.shm.as_mut()?.pixels(count).ok()
    }

    /// Shows what is in [`Native::pixels`]; `false` where that failed, and will not be tried again.
    pub fn put(&mut self, width: usize, height: usize) -> bool {
        self.try_shm(|shm| shm.put(width, height))
    }

    fn try_shm(&mut self, way: impl FnOnce(&mut Shm) -> Result<(), ShmError>) -> bool {
        let done = matches!(self.shm.as_mut().map(way), Some(Ok(())));
        if !done {
            self.shm = None;
        }
        done
    }

    /// Something that wakes the loop for the window's events; for a thread of its own.
    pub fn watch(&self) -> Option<Watch> {
        Watch::new(self.window)
    }
}
