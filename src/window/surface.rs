//! The window itself: opening it, its events, and the way of its pixels to the screen.
//!
//! minifb opens it, and hears its keys and its close button. What minifb cannot do is asked of the
//! platform ([`Native`]): the size, full screen, and a shorter way for the pixels. Everything runs on
//! the window's thread and blocks on the window system alone.

use minifb::{ScaleMode, WindowOptions};

use super::WindowError;
use super::keys::{Action, Keys};
use super::native::{Native, Watch};
use super::place::window_size;
use crate::picture::Bitmap;
use crate::window::paint::Canvas;

/// The window before the first picture, on a common screen.
const WAITING_SIZE: (usize, usize) = (640, 480);

/// A window to draw on.
pub struct Surface {
    window: minifb::Window,
    native: Native,
    density: usize,
    /// The size that we gave it; where it has another, the user gave that.
    given: (usize, usize),
    keys: Keys,
    on_top: bool,
    focused: bool,
    scratch: Vec<u32>,
}

impl Surface {
    /// Opens a window, of that many pixels where a size is given.
    pub fn open(
        title: &str,
        size: Option<(usize, usize)>,
        on_top: bool,
    ) -> Result<Self, WindowError> {
        let keys = Keys::default();
        let first = size.unwrap_or(WAITING_SIZE);
        let window = open(title, first, on_top, &keys)?;
        let native = Native::new(&window);
        let mut surface = Surface {
            density: native.density(),
            window,
            native,
            given: first,
            keys,
            on_top,
            focused: false,
            scratch: Vec::new(),
        };
        if on_top {
            surface.native.keep_on_top();
        }
        if size.is_none() && surface.density > 1 {
            // The words shall be as large as elsewhere.
            surface.resize_for(WAITING_SIZE);
        }
        Ok(surface)
    }

    /// What wakes the loop for the window's events, where the platform has it. It ends when the
    /// surface is dropped.
    pub fn watch(&self) -> Option<Watch> {
        self.native.watch()
    }

    /// How many pixels make one of a common screen's, in each direction; at least 1.
    pub fn density(&self) -> usize {
        self.density
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

    /// Gives the window the picture's size, at most what fits the screen. Leaves it alone where the
    /// user, or the desktop, gave it a size of their own.
    pub fn suit(&mut self, picture: (usize, usize), title: &str) -> Result<(), WindowError> {
        if self.size() != self.given || self.native.is_full_screen() {
            return Ok(());
        }
        if !self.resize_for(picture) {
            self.reopen(picture, title)?;
        }
        Ok(())
    }

    /// Whether it fills the screen.
    pub fn is_full_screen(&self) -> bool {
        self.native.is_full_screen()
    }

    /// Fills the screen, or leaves that; `false` where the platform gives no way.
    pub fn set_full_screen(&mut self, full: bool) -> bool {
        self.native.set_full_screen(full)
    }

    /// Shows a bitmap of exactly the window's size; without a copy of ours, where its memory is the
    /// window system's ([`Native::bitmap`]). Returns when the window system has it.
    pub fn show(&mut self, bitmap: &Bitmap) -> Result<(), WindowError> {
        let (width, height) = (bitmap.width, bitmap.height);
        if self.native.show(bitmap) {
            return Ok(());
        }
        let shown = self
            .window
            .update_with_buffer(&bitmap.pixels, width, height);
        self.after_update();
        shown.map_err(WindowError::draw)
    }

    /// Shows what `draw` draws on a canvas of the window's size, which begins as anything. Returns
    /// when the window system has it.
    pub fn paint(&mut self, draw: impl FnOnce(&mut Canvas<'_>)) -> Result<(), WindowError> {
        let (width, height) = self.size();
        if let Some(pixels) = self.native.pixels(width * height) {
            draw(&mut Canvas::new(pixels, width, height));
            // Where this fails once, the next drawing goes minifb's way: half a second at most.
            self.native.put(width, height);
            return Ok(());
        }
        self.scratch.resize(width * height, 0);
        draw(&mut Canvas::new(&mut self.scratch, width, height));
        let shown = self.window.update_with_buffer(&self.scratch, width, height);
        self.after_update();
        shown.map_err(WindowError::draw)
    }

    fn resize_for(&mut self, picture: (usize, usize)) -> bool {
        let done = self.native.suit((picture.0 as u32, picture.1 as u32));
        if done {
            self.pump();
            self.given = self.size();
        }
        done
    }

    /// Another window in the place of this one: minifb's only way to another size.
    fn reopen(&mut self, picture: (usize, usize), title: &str) -> Result<(), WindowError> {
        // How large the screen is, is not known here; the window system keeps windows within it.
        let unbounded = (u32::MAX, u32::MAX);
        let (width, height) = window_size((picture.0 as u32, picture.1 as u32), unbounded, 1);
        let size = (width as usize, height as usize);
        let (x, y) = self.window.get_position();
        self.window = open(title, size, self.on_top, &self.keys)?;
        self.window.set_position(x, y);
        self.native = Native::new(&self.window);
        self.given = size;
        Ok(())
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
