//! The window itself: opening it, its events, and the way of its pixels to the screen.
//!
//! minifb opens it, and hears its keys and its close button; what minifb cannot do, the [`Desktop`] does where it can.
//! Everything runs on the window's thread and blocks on the window system alone.

use embedded_graphics::geometry::{Point, Size};
use minifb::{MouseButton, MouseMode, ScaleMode, WindowOptions};

use super::desktop::Desktop;
use super::keys::Keys;
use super::{Model, system};
use crate::args::view::WindowArgs;
use crate::picture::Bitmap;

/// The window before the first picture, on a common screen.
const WAITING_SIZE: Size = Size::new(640, 480);

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// It could not be opened.
    #[error(
        "no window can be opened{} ({0}); start it on a desktop, or without a window: --headless",
        display()
    )]
    Open(#[source] minifb::Error),
    /// It could not be drawn on.
    #[error("the window cannot be drawn on ({0})")]
    Draw(#[source] minifb::Error),
}

/// In words: the display that was tried, or that none is set.
fn display() -> String {
    match std::env::var("DISPLAY") {
        Ok(display) => format!(" on DISPLAY={display}"),
        Err(_) if cfg!(target_os = "linux") => ": DISPLAY is not set".into(),
        Err(_) => String::new(),
    }
}

/// A window to draw on.
pub(super) struct Surface {
    pub(super) window: minifb::Window,
    pub(super) desktop: Box<dyn Desktop>,
    /// How many pixels make one of a common screen's, in each direction; at least 1.
    pub(super) density: u32,
    /// The size that we gave it; where it has another, the user gave that.
    given: Size,
    pub(super) keys: Keys,
    focused: bool,
    is_pressed: bool,
    /// The size of what is in it.
    pub(super) shown: Size,
}

impl Surface {
    /// Opens a window of the size that is asked for.
    pub(super) fn open(
        title: &str,
        config: &WindowArgs,
        model: &Model,
    ) -> Result<Self, WindowError> {
        let options = WindowOptions {
            resize: true,
            topmost: config.on_top,
            // Between a change of size and the next drawing nothing is stretched.
            scale_mode: ScaleMode::UpperLeft,
            ..WindowOptions::default()
        };
        let given = config.size.map_or(WAITING_SIZE, Size::from);
        let (width, height) = (given.width as usize, given.height as usize);
        let mut window =
            minifb::Window::new(title, width, height, options).map_err(WindowError::Open)?;
        // The loop waits for pictures; minifb shall not sleep on top.
        window.set_target_fps(0);
        let keys = Keys::default();
        window.set_input_callback(Box::new(keys.clone()));
        let desktop = system::desktop(&window, config.on_top, model);
        let desktop = desktop.unwrap_or_else(|_| Box::new(()));
        let mut surface = Surface {
            density: desktop.density(),
            window,
            desktop,
            given,
            keys,
            focused: false,
            is_pressed: false,
            shown: Size::zero(),
        };
        if config.size.is_none() && surface.density > 1 {
            // The words shall be as large as elsewhere.
            surface.suit(WAITING_SIZE);
        }
        Ok(surface)
    }

    /// Hears what happened since; to be called often.
    pub(super) fn pump(&mut self) {
        self.window.update();
        let focused = self.window.is_active();
        if self.focused && !focused {
            self.keys.let_go();
        }
        self.focused = focused;
    }

    /// Where the left mouse button went down since it was asked last.
    pub(super) fn click(&mut self) -> Option<Point> {
        let was_pressed = self.is_pressed;
        self.is_pressed = self.window.get_mouse_down(MouseButton::Left);
        let (x, y) = self.window.get_unscaled_mouse_pos(MouseMode::Discard)?;
        (self.is_pressed && !was_pressed).then(|| Point::new(x as i32, y as i32))
    }

    /// Its size as far as events were heard; each side at least 1.
    pub(super) fn size(&self) -> Size {
        let (width, height) = self.window.get_size();
        Size::new(width.max(1) as u32, height.max(1) as u32)
    }

    /// Gives the window the picture's size, at most what fits the screen. Leaves it alone where it fills
    /// that, or the user, or the desktop, gave it a size of their own.
    pub(super) fn suit(&mut self, picture: Size) {
        if self.size() != self.given || self.desktop.is_full_screen() {
            return;
        }
        if let Ok(given) = self.desktop.suit(picture) {
            self.given = given;
            // It is drawn with its new size.
            self.pump();
        }
    }

    /// Shows a bitmap of the window's size; without a copy of ours, where its memory is the window
    /// system's ([`bitmap`](super::bitmap)). Returns when the window system has it.
    pub(super) fn show(&mut self, bitmap: &Bitmap) -> Result<(), WindowError> {
        self.shown = bitmap.area().size;
        if self.desktop.show(bitmap).is_ok() {
            return Ok(());
        }
        self.window
            .update_with_buffer(&bitmap.pixels, bitmap.width, bitmap.height)
            .map_err(WindowError::Draw)
    }
}
