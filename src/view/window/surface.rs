//! The window itself: opening it, its events, and the way of its pixels to the screen.
//!
//! minifb opens it, and hears its keys and its close button. On Linux a connection of our own to the
//! X server does what minifb cannot ([`super::x11`]): the size, full screen, and pixels through
//! shared memory. Everything runs on the window's thread and blocks on the window system alone.

use minifb::{ScaleMode, WindowOptions};

use super::WindowError;
use super::keys::{Action, Keys};
use crate::frame::Bitmap;
use crate::view::paint::Canvas;

/// A window to draw on.
pub struct Surface {
    window: minifb::Window,
    keys: Keys,
    focused: bool,
    scratch: Vec<u32>,
}

impl Surface {
    /// Opens a window of that many pixels.
    pub fn open(title: &str, size: (usize, usize), on_top: bool) -> Result<Self, WindowError> {
        let keys = Keys::default();
        let window = open(title, size, on_top, &keys)?;
        Ok(Surface {
            window,
            keys,
            focused: false,
            scratch: Vec::new(),
        })
    }

    /// Hears what happened since; to be called often.
    pub fn pump(&mut self) {
        self.window.update();
        self.after_update();
    }

    /// The oldest key press that nobody took yet.
    pub fn next_action(&self) -> Option<Action> {
        self.keys.next()
    }

    /// Whether nobody has pressed its close button.
    pub fn is_open(&self) -> bool {
        self.window.is_open()
    }

    /// Its size in pixels, as far as events were heard; each side at least 1.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = self.window.get_size();
        (width.max(1), height.max(1))
    }

    /// Sets its title. A title may not hold a NUL: minifb's macOS side panics of it.
    pub fn set_title(&mut self, title: &str) {
        self.window.set_title(title);
    }

    /// Shows a bitmap of exactly the window's size, without a copy of ours.
    pub fn show(&mut self, bitmap: &Bitmap) -> Result<(), WindowError> {
        let shown = self
            .window
            .update_with_buffer(&bitmap.pixels, bitmap.width, bitmap.height);
        self.after_update();
        shown.map_err(WindowError::draw)
    }

    /// Shows what `draw` draws on a canvas of the window's size. The canvas begins as anything.
    pub fn paint(&mut self, draw: impl FnOnce(&mut Canvas<'_>)) -> Result<(), WindowError> {
        let (width, height) = self.size();
        self.scratch.resize(width * height, 0);
        draw(&mut Canvas::new(&mut self.scratch, width, height));
        let shown = self.window.update_with_buffer(&self.scratch, width, height);
        self.after_update();
        shown.map_err(WindowError::draw)
    }

    fn after_update(&mut self) {
        let focused = self.window.is_active();
        if self.focused && !focused {
            self.keys.let_go();
        }
        self.focused = focused;
    }
}

fn open(
    title: &str,
    size: (usize, usize),
    on_top: bool,
    keys: &Keys,
) -> Result<minifb::Window, WindowError> {
    let options = WindowOptions {
        resize: true,
        topmost: on_top,
        // Between a change of size and the next drawing nothing is stretched.
        scale_mode: ScaleMode::UpperLeft,
        ..WindowOptions::default()
    };
    let mut window =
        minifb::Window::new(title, size.0, size.1, options).map_err(WindowError::open)?;
    // The loop waits for pictures; minifb shall not sleep on top.
    window.set_target_fps(0);
    window.set_input_callback(Box::new(keys.clone()));
    Ok(window)
}
