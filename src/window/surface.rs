//! The window itself: opening it, its events, and the way of its pixels to the screen.
//!
//! minifb opens it, and hears its keys and its close button. What minifb cannot do is X11's: the size,
//! full screen, and a shorter way for the pixels; each of these works or does not, by itself. Everything
//! runs on the window's thread and blocks on the window system alone.

use embedded_graphics::geometry::Size;
use minifb::{ScaleMode, WindowOptions};

use super::geometry::window_size;
use super::keys::Keys;
use super::paint::Canvas;
use super::x11::{self, Desktop, Shm};
use crate::picture::Bitmap;

/// The window before the first picture, on a common screen.
const WAITING_SIZE: Size = Size::new(640, 480);

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// It could not be opened.
    #[error(
        "no window can be opened{display} ({source}); start it on a desktop, or without a window: --headless"
    )]
    Open {
        /// In words: the display that was tried, or that none is set.
        display: String,
        source: minifb::Error,
    },
    /// It could not be drawn on.
    #[error("the window cannot be drawn on ({0})")]
    Draw(#[source] minifb::Error),
}

impl WindowError {
    fn open(source: minifb::Error) -> Self {
        let display = match std::env::var("DISPLAY") {
            Ok(display) if !display.is_empty() => format!(" on DISPLAY={display}"),
            _ if cfg!(target_os = "linux") => ": DISPLAY is not set".into(),
            _ => String::new(),
        };
        WindowError::Open { display, source }
    }
}

/// A window to draw on.
pub(super) struct Surface {
    pub(super) window: minifb::Window,
    desktop: Option<Desktop>,
    shm: Option<Shm>,
    /// How many pixels make one of a common screen's, in each direction; at least 1.
    pub(super) density: u32,
    /// The size that we gave it; where it has another, the user gave that.
    given: Size,
    pub(super) keys: Keys,
    on_top: bool,
    focused: bool,
    /// What [`Surface::paint`] draws on.
    drawn: Bitmap,
}

impl Surface {
    /// Opens a window, of that many pixels where a size is given.
    pub(super) fn open(title: &str, size: Option<Size>, on_top: bool) -> Result<Self, WindowError> {
        let options = WindowOptions {
            resize: true,
            topmost: on_top,
            // Between a change of size and the next drawing nothing is stretched.
            scale_mode: ScaleMode::UpperLeft,
            ..WindowOptions::default()
        };
        let given = size.unwrap_or(WAITING_SIZE);
        let (width, height) = (given.width as usize, given.height as usize);
        let mut window =
            minifb::Window::new(title, width, height, options).map_err(WindowError::open)?;
        // The loop waits for pictures; minifb shall not sleep on top.
        window.set_target_fps(0);
        let keys = Keys::default();
        window.set_input_callback(Box::new(keys.clone()));
        let desktop = Desktop::new(&window);
        let mut surface = Surface {
            density: desktop.as_ref().map_or(1, Desktop::density),
            shm: Shm::new(&window),
            window,
            desktop,
            given,
            keys,
            on_top,
            focused: false,
            drawn: x11::bitmap(),
        };
        if let Some(desktop) = surface.desktop.as_ref().filter(|_| on_top) {
            // A window that is covered is still a window.
            let _ = desktop.keep_on_top();
        }
        if size.is_none() && surface.density > 1 {
            // The words shall be as large as elsewhere.
            surface.resize_for(WAITING_SIZE);
        }
        Ok(surface)
    }

    /// Hears what happened since; to be called often.
    pub(super) fn pump(&mut self) {
        self.window.update();
        self.after_update();
    }

    /// Its size as far as events were heard; each side at least 1.
    pub(super) fn size(&self) -> Size {
        let (width, height) = self.window.get_size();
        Size::new(width.max(1) as u32, height.max(1) as u32)
    }

    /// Gives the window the picture's size, at most what fits the screen. Leaves it alone where the
    /// user, or the desktop, gave it a size of their own.
    pub(super) fn suit(&mut self, picture: Size, title: &str) -> Result<(), WindowError> {
        if self.size() != self.given || self.is_full_screen() || self.resize_for(picture) {
            return Ok(());
        }
        // Another window in the place of this one: minifb's only way to another size. How large the
        // screen is, is not known here; the window system keeps windows within it.
        let unbounded = Size::new_equal(u32::MAX);
        let size = window_size(picture, unbounded, 1);
        let (x, y) = self.window.get_position();
        *self = Surface::open(title, Some(size), self.on_top)?;
        self.window.set_position(x, y);
        Ok(())
    }

    fn resize_for(&mut self, picture: Size) -> bool {
        let desktop = self.desktop.as_ref();
        let done = desktop.is_some_and(|desktop| desktop.suit(picture).is_ok());
        if done {
            self.pump();
            self.given = self.size();
        }
        done
    }

    pub(super) fn is_full_screen(&self) -> bool {
        self.desktop.as_ref().is_some_and(Desktop::is_full_screen)
    }

    /// Fills the screen, or leaves that; `false` where there is no way to.
    pub(super) fn set_full_screen(&mut self, full: bool) -> bool {
        let desktop = self.desktop.as_mut();
        desktop.is_some_and(|desktop| desktop.set_full_screen(full).is_ok())
    }

    /// Shows a bitmap of exactly the window's size; without a copy of ours, where its memory is the
    /// window system's ([`x11::bitmap`]). Returns when the window system has it.
    pub(super) fn show(&mut self, bitmap: &Bitmap) -> Result<(), WindowError> {
        let shown = put(&mut self.window, self.shm.as_mut(), bitmap);
        self.after_update();
        shown
    }

    /// Shows what `draw` draws on a canvas of the window's size, which begins as anything. Returns
    /// when the window system has it.
    pub(super) fn paint(&mut self, draw: impl FnOnce(&mut Canvas<'_>)) -> Result<(), WindowError> {
        let size = self.size();
        let (width, height) = (size.width as usize, size.height as usize);
        let drawn = &mut self.drawn;
        drawn.resize(width, height);
        draw(&mut Canvas::new(&mut drawn.pixels, width, height));
        let shown = put(&mut self.window, self.shm.as_mut(), drawn);
        self.after_update();
        shown
    }

    fn after_update(&mut self) {
        let focused = self.window.is_active();
        if self.focused && !focused {
            self.keys.let_go();
        }
        self.focused = focused;
    }
}

fn put(
    window: &mut minifb::Window,
    shm: Option<&mut Shm>,
    bitmap: &Bitmap,
) -> Result<(), WindowError> {
    if shm.is_some_and(|shm| shm.show(bitmap).is_ok()) {
        return Ok(());
    }
    window
        .update_with_buffer(&bitmap.pixels, bitmap.width, bitmap.height)
        .map_err(WindowError::Draw)
}
