//! What minifb cannot do on Windows: the window's size, and the size of a screen's pixels. Full screen is left out.
//!
//! Everything runs on the window's thread, which alone may; what fails is left undone.

use std::ptr;

use embedded_graphics::geometry::Size;
use windows_sys::Win32::Foundation::{HWND, RECT};
use windows_sys::Win32::System::Console::FreeConsole;
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::UI::HiDpi::GetDpiForWindow;
use windows_sys::Win32::UI::WindowsAndMessaging as ui;

use super::Model;
use super::desktop::{Connected, Desktop, Error};
use super::geometry::window_size;
use crate::picture::Bitmap;
use crate::report::shell::has_own_console;

/// Dots an inch of a common screen: what 1 means as a density.
const COMMON_DPI: u32 = 96;

/// Our icon's number in the program (scripts/windows-files).
const ICON: usize = 1;

pub fn bitmap() -> Bitmap {
    Bitmap::default()
}

/// Gives the window our icon, and takes a console away that is there for this program alone: that of a double click.
pub(super) fn desktop(window: &minifb::Window, _on_top: bool, _: &Model) -> Connected {
    let window = window.get_window_handle();
    // SAFETY: the window is open, and the icon is the program's own.
    unsafe {
        let icon = ui::LoadIconW(GetModuleHandleW(ptr::null()), ICON as *const u16);
        ui::SendMessageW(window, ui::WM_SETICON, ui::ICON_BIG as usize, icon as isize);
        if has_own_console() {
            FreeConsole();
        }
    }
    Ok(Box::new(System(window)))
}

/// A window of minifb's. It is open for as long as this is there.
struct System(HWND);

impl Desktop for System {
    fn density(&self) -> u32 {
        // SAFETY: the window is open.
        let dpi = unsafe { GetDpiForWindow(self.0) };
        ((dpi + COMMON_DPI / 2) / COMMON_DPI).clamp(1, 8)
    }

    /// In the middle of the screen.
    fn suit(&self, picture: Size) -> Result<Size, Error> {
        let (mut outer, mut inner) = (RECT::default(), RECT::default());
        // SAFETY: the window is open, and what is written has its place.
        unsafe {
            ui::GetWindowRect(self.0, &mut outer);
            ui::GetClientRect(self.0, &mut inner);
            // What a maximised window has for its picture.
            let room = [ui::SM_CXFULLSCREEN, ui::SM_CYFULLSCREEN];
            let [width, height] = room.map(|side| ui::GetSystemMetrics(side));
            let room = Size::new(width as u32, height as u32);
            let given = window_size(picture, room, self.density());
            let left = (width - given.width as i32) / 2;
            let top = (height - given.height as i32) / 2;
            let width = given.width as i32 + outer.right - outer.left - inner.right;
            let height = given.height as i32 + outer.bottom - outer.top - inner.bottom;
            let above = ptr::null_mut();
            ui::SetWindowPos(self.0, above, left, top, width, height, ui::SWP_NOZORDER);
            Ok(given)
        }
    }
}
