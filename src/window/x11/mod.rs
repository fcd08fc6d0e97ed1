//! What minifb cannot do on X11, done through connections of our own to the same window.
//!
//! The window's size and place, full screen, staying on top, the size of a screen and of its pixels.
//! Where the desktop has a window manager it is asked as the desktops agreed (EWMH); without one the
//! window is placed by hand. Nothing here is needed to show pictures: what fails is left undone.
//! [`shm`] is the pixels' way through shared memory, [`watch`] wakes the loop. All but the latter runs on the
//! window's thread and waits for the server's answer.

mod shm;
mod watch;

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use x11rb::connection::Connection;
use x11rb::properties::WmSizeHints;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, EventMask,
    PropMode, Window,
};
use x11rb::resource_manager;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use self::shm::Shm;
pub use self::shm::bitmap;
use self::watch::Watch;
use super::desktop::{Connected, Desktop, Error};
use super::geometry::window_size;
use super::{Model, SMALLEST};
use crate::picture::Bitmap;

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        _NET_SUPPORTED,
        _NET_WM_STATE,
        _NET_WM_STATE_ABOVE,
        _NET_WM_STATE_FULLSCREEN,
        _NET_WORKAREA,
        _NET_FRAME_EXTENTS,
    }
}

/// Dots an inch of a common screen: what 1 means as a density.
const COMMON_DPI: u32 = 96;

/// Rows of a common screen. A screen of twice as many has pixels of half the size, whatever it says.
const COMMON_ROWS: u32 = 1080;

/// A window of minifb's, seen from other connections.
struct System {
    connection: RustConnection,
    root: Window,
    window: Window,
    atoms: Atoms,
    /// Where the window was before it filled the screen, without a window manager.
    windowed: Option<Rectangle>,
    shm: Option<Shm>,
    watch: Option<Watch>,
}

impl Desktop for System {
    fn density(&self) -> u32 {
        let said = resource_manager::new_from_default(&self.connection)
            .ok()
            .and_then(|resources| resources.get_value::<u32>("Xft.dpi", "").ok().flatten())
            .map_or(1, |dpi| (dpi + COMMON_DPI / 2) / COMMON_DPI);
        let by_rows = self.monitor().map_or(1, |m| m.size.height / COMMON_ROWS);
        // More than 8 is a mistake in somebody's settings.
        said.max(by_rows).clamp(1, 8)
    }

    fn suit(&self, picture: Size) -> Result<Size, Error> {
        let room = self.room()?;
        let size = window_size(picture, room.size, self.density());
        self.place(resized_in(room, self.rect_of(self.window)?, size))?;
        Ok(size)
    }

    fn is_full_screen(&self) -> bool {
        let states = self.property(self.window, self.atoms._NET_WM_STATE);
        let full_screen = &self.atoms._NET_WM_STATE_FULLSCREEN;
        self.windowed.is_some() || states.is_ok_and(|states| states.contains(full_screen))
    }

    fn toggle_full_screen(&mut self) -> Result<(), Error> {
        let full_screen = self.atoms._NET_WM_STATE_FULLSCREEN;
        let known = self.property(self.root, self.atoms._NET_SUPPORTED)?;
        if known.contains(&full_screen) {
            return self.ask_manager(full_screen, !self.is_full_screen());
        }
        let place = match self.windowed.take() {
            Some(before) => before,
            None => {
                self.windowed = Some(self.rect_of(self.window)?);
                self.monitor()?
            }
        };
        self.place(place)
    }

    fn show(&self, bitmap: &Bitmap) -> Result<(), Error> {
        self.shm.as_ref().ok_or("not to this server")?.show(bitmap)
    }

    fn watch(&self, on: bool) -> Result<(), Error> {
        self.watch.as_ref().ok_or("not this window")?.set(on)
    }
}

/// Connects to the display of the window, and tells the window manager what the window is, and how small it may
/// become.
pub(super) fn desktop(minifb: &minifb::Window, on_top: bool, model: &Model) -> Connected {
    // X11's number of a window: 29 bits, which minifb wraps in a pointer.
    let window = minifb.get_window_handle() as usize as Window;
    let (connection, screen) = RustConnection::connect(None)?;
    let atoms = Atoms::new(&connection)?.reply()?;
    let mut hints = WmSizeHints::new();
    hints.min_size = Some((SMALLEST.0 as i32, SMALLEST.1 as i32));
    hints.set_normal_hints(&connection, window)?;
    let (class, kind) = (AtomEnum::WM_CLASS, AtomEnum::STRING);
    let names = b"view-recv\0View-recv\0";
    connection.change_property8(PropMode::REPLACE, window, class, kind, names)?;
    connection.sync()?;
    let system = System {
        root: connection.setup().roots[screen].root,
        window,
        connection,
        atoms,
        windowed: None,
        shm: Shm::new(window).ok(),
        watch: Watch::start(minifb, model).ok(),
    };
    if on_top {
        system.ask_manager(system.atoms._NET_WM_STATE_ABOVE, true)?;
    }
    Ok(Box::new(system))
}

impl System {
    fn ask_manager(&self, state: Atom, on: bool) -> Result<(), Error> {
        // From EWMH: 1 adds a state, 0 takes it away; the last 1 says that a program asks, not a pager.
        let data = [u32::from(on), state, 0, 1, 0];
        let message = ClientMessageEvent::new(32, self.window, self.atoms._NET_WM_STATE, data);
        let to_manager = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        let asked = (self.connection).send_event(false, self.root, to_manager, message)?;
        Ok(asked.check()?)
    }

    /// A property's numbers; none where it is not there.
    fn property(&self, window: Window, property: Atom) -> Result<Vec<u32>, Error> {
        let (server, kind) = (&self.connection, AtomEnum::ANY);
        let asked = server.get_property(false, window, property, kind, 0, 1024)?;
        let reply = asked.reply()?;
        Ok(reply.value32().into_iter().flatten().collect())
    }

    fn place(&self, rect: Rectangle) -> Result<(), Error> {
        let place = ConfigureWindowAux::new()
            .x(rect.top_left.x)
            .y(rect.top_left.y)
            .width(rect.size.width)
            .height(rect.size.height);
        let placed = self.connection.configure_window(self.window, &place)?;
        Ok(placed.check()?)
    }

    /// Where a window is on the screen.
    fn rect_of(&self, window: Window) -> Result<Rectangle, Error> {
        let (server, root) = (&self.connection, self.root);
        let corner = server.translate_coordinates(window, root, 0, 0)?.reply()?;
        let geometry = server.get_geometry(window)?.reply()?;
        let size = (geometry.width, geometry.height);
        Ok(rectangle((corner.dst_x, corner.dst_y), size))
    }

    /// The monitor that the window's middle is on.
    fn monitor(&self) -> Result<Rectangle, Error> {
        let middle = self.rect_of(self.window)?.center();
        let found = self.connection.randr_get_monitors(self.root, true)?.reply();
        let monitors = found.map(|found| found.monitors).unwrap_or_default();
        monitors
            .into_iter()
            .map(|m| rectangle((m.x, m.y), (m.width, m.height)))
            .find(|monitor| monitor.contains(middle))
            .map_or_else(|| self.rect_of(self.root), Ok)
    }

    /// Where a window's inside can be: the monitor without the desktop's panels and the window's frame.
    fn room(&self) -> Result<Rectangle, Error> {
        let numbers_of = |window, property| -> Result<Vec<u16>, Error> {
            let numbers = self.property(window, property)?.into_iter();
            // Who sets a side to more than X11 can have does not get a window out of it.
            Ok(numbers.map(|n| n.min(32_767) as u16).collect())
        };
        let mut room = self.monitor()?;
        if let [x, y, width, height, ..] = numbers_of(self.root, self.atoms._NET_WORKAREA)?[..] {
            let free = rectangle((x as i16, y as i16), (width, height)).intersection(&room);
            room = if free.is_zero_sized() { room } else { free };
        }
        let frame = numbers_of(self.window, self.atoms._NET_FRAME_EXTENTS)?;
        if let [left, right, top, bottom] = frame[..] {
            let frame = Size::new((left + right).into(), (top + bottom).into());
            room.top_left += Size::new(left.into(), top.into());
            room.size = room.size.saturating_sub(frame);
        }
        Ok(room)
    }
}

/// A window of that size around the middle of where it was, moved into the room as far as it fits.
fn resized_in(room: Rectangle, before: Rectangle, size: Size) -> Rectangle {
    let around = before.top_left + before.size / 2 - size / 2;
    let last = room.top_left + room.size.saturating_sub(size);
    let corner = around.component_min(last).component_max(room.top_left);
    Rectangle::new(corner, size)
}

fn rectangle((x, y): (i16, i16), (width, height): (u16, u16)) -> Rectangle {
    let size = Size::new(width.into(), height.into());
    Rectangle::new(Point::new(x.into(), y.into()), size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_grows_around_its_middle_and_stays_on_the_screen() {
        let rect = |x, y, size: (u32, u32)| Rectangle::new(Point::new(x, y), size.into());
        let screen = rect(0, 0, (1920, 1080));
        let grown = |before, size: (u32, u32)| resized_in(screen, before, size.into());
        let before = rect(640, 300, (640, 480));
        assert_eq!(grown(before, (800, 600)), rect(560, 240, (800, 600)));
        let corner = rect(1600, 900, (320, 180));
        assert_eq!(grown(corner, (640, 480)), rect(1280, 600, (640, 480)));
        assert_eq!(grown(before, (2000, 1200)), rect(0, 0, (2000, 1200)));
    }
}
