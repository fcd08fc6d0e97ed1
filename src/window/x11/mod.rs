//! What minifb cannot do on X11, done through connections of our own to the same window.
//!
//! The window's size and place, full screen, staying on top, the size of a screen and of its pixels.
//! Where the desktop has a window manager it is asked as the desktops agreed (EWMH); without one the
//! window is placed by hand. Nothing here is needed to show pictures: what fails is left undone.
//! [`shm`] is the pixels' way through shared memory. Everything runs on the window's thread and waits
//! for the server's answer.

mod shm;

use embedded_graphics::geometry::{AnchorPoint, Point, Size};
use embedded_graphics::primitives::Rectangle;
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
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
use super::SMALLEST;
use super::geometry::window_size;
use crate::picture::Bitmap;

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        _NET_SUPPORTED,
        _NET_WM_STATE,
        _NET_WM_STATE_ABOVE,
        _NET_WM_STATE_FULLSCREEN,
    }
}

/// Dots an inch of a common screen: what 1 means as a density.
const COMMON_DPI: u32 = 96;

/// Rows of a common screen. A screen of twice as many has pixels of half the size, whatever it says.
const COMMON_ROWS: u32 = 1080;

/// Why something was left undone.
type Error = Box<dyn std::error::Error>;

/// A window of minifb's, seen from other connections.
pub(super) struct Desktop {
    connection: RustConnection,
    root: Window,
    window: Window,
    atoms: Atoms,
    /// Where the window was before it filled the screen, while it does.
    windowed: Option<Rectangle>,
    shm: Option<Shm>,
}

impl Desktop {
    /// Connects to the display of the window, and tells the window manager what the window is.
    pub(super) fn new(window: &minifb::Window, on_top: bool) -> Result<Self, Error> {
        // X11's number of a window: 29 bits, which minifb wraps in a pointer.
        let window = window.get_window_handle() as usize as Window;
        let (connection, screen) = RustConnection::connect(None)?;
        let atoms = Atoms::new(&connection)?.reply()?;
        let desktop = Desktop {
            root: connection.setup().roots[screen].root,
            window,
            connection,
            atoms,
            windowed: None,
            shm: Shm::new(window).ok(),
        };
        desktop.introduce()?;
        if on_top {
            desktop.ask_manager(desktop.atoms._NET_WM_STATE_ABOVE, true)?;
        }
        Ok(desktop)
    }

    /// Tells the window manager what the window is, and how small it may become.
    fn introduce(&self) -> Result<(), ReplyError> {
        let hints = WmSizeHints {
            min_size: Some((SMALLEST.0 as i32, SMALLEST.1 as i32)),
            ..WmSizeHints::new()
        };
        hints.set_normal_hints(&self.connection, self.window)?;
        self.connection.change_property8(
            PropMode::REPLACE,
            self.window,
            AtomEnum::WM_CLASS,
            AtomEnum::STRING,
            b"view-recv\0View-recv\0",
        )?;
        self.connection.sync()?;
        Ok(())
    }

    /// How many pixels of this screen make one of a common screen, in each direction; at least 1.
    pub(super) fn density(&self) -> u32 {
        let said = resource_manager::new_from_default(&self.connection)
            .ok()
            .and_then(|resources| resources.get_value::<u32>("Xft.dpi", "").ok().flatten())
            .map_or(1, |dpi| (dpi + COMMON_DPI / 2) / COMMON_DPI);
        let by_rows = self.monitor().map_or(1, |m| m.size.height / COMMON_ROWS);
        // More than 8 is a mistake in somebody's settings.
        said.max(by_rows).clamp(1, 8)
    }

    /// Gives the window a size that suits the picture, in the middle of its monitor.
    pub(super) fn suit(&self, picture: Size) -> Result<(), ReplyError> {
        let monitor = self.monitor()?;
        let mut room = monitor.size;
        if self.has_manager() {
            // The desktop's panels and the window's title want rows, too.
            room.height -= room.height / 10;
        }
        let size = window_size(picture, room, self.density());
        self.place(monitor.resized(size, AnchorPoint::Center))
    }

    /// Whether the window fills the screen.
    pub(super) fn is_full_screen(&self) -> bool {
        self.windowed.is_some()
    }

    /// Makes the window fill the screen, or gives it its place back.
    pub(super) fn toggle_full_screen(&mut self) -> Result<(), ReplyError> {
        let place = match self.windowed.take() {
            Some(before) => before,
            None => {
                self.windowed = Some(self.rect_of(self.window)?);
                self.monitor()?
            }
        };
        if self.has_manager() {
            return self.ask_manager(self.atoms._NET_WM_STATE_FULLSCREEN, self.is_full_screen());
        }
        self.place(place)
    }

    /// Shows what is in a [`bitmap`] without a copy of ours, and returns when it is on the screen.
    pub(super) fn show(&mut self, bitmap: &Bitmap) -> Result<(), Error> {
        self.shm.as_mut().ok_or("not to this server")?.show(bitmap)
    }

    fn ask_manager(&self, state: Atom, on: bool) -> Result<(), ReplyError> {
        // From EWMH: 1 adds a state, 0 takes it away; the last 1 says that a program asks, not a pager.
        let data = [u32::from(on), state, 0, 1, 0];
        let message = ClientMessageEvent::new(32, self.window, self.atoms._NET_WM_STATE, data);
        let to_manager = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.connection
            .send_event(false, self.root, to_manager, message)?
            .check()
    }

    /// Whether there is a window manager, and one that knows full screens.
    fn has_manager(&self) -> bool {
        let (supported, kind) = (self.atoms._NET_SUPPORTED, AtomEnum::ATOM);
        self.connection
            .get_property(false, self.root, supported, kind, 0, 1024)
            .ok()
            .and_then(|cookie| cookie.reply().ok())
            .and_then(|reply| Some(reply.value32()?.collect::<Vec<Atom>>()))
            .is_some_and(|known| known.contains(&self.atoms._NET_WM_STATE_FULLSCREEN))
    }

    fn place(&self, rect: Rectangle) -> Result<(), ReplyError> {
        let place = ConfigureWindowAux::new()
            .x(rect.top_left.x)
            .y(rect.top_left.y)
            .width(rect.size.width)
            .height(rect.size.height);
        self.connection
            .configure_window(self.window, &place)?
            .check()
    }

    /// Where a window is on the screen.
    fn rect_of(&self, window: Window) -> Result<Rectangle, ReplyError> {
        let corner = self
            .connection
            .translate_coordinates(window, self.root, 0, 0)?
            .reply()?;
        let geometry = self.connection.get_geometry(window)?.reply()?;
        let size = (geometry.width, geometry.height);
        Ok(rectangle((corner.dst_x, corner.dst_y), size))
    }

    /// The monitor that the window's middle is on.
    fn monitor(&self) -> Result<Rectangle, ReplyError> {
        let middle = self.rect_of(self.window)?.center();
        let found = self.connection.randr_get_monitors(self.root, true)?.reply();
        let monitors = found.map(|found| found.monitors).unwrap_or_default();
        monitors
            .into_iter()
            .map(|m| rectangle((m.x, m.y), (m.width, m.height)))
            .find(|monitor| monitor.contains(middle))
            .map_or_else(|| self.rect_of(self.root), Ok)
    }
}

fn rectangle((x, y): (i16, i16), (width, height): (u16, u16)) -> Rectangle {
    let size = Size::new(width.into(), height.into());
    Rectangle::new(Point::new(x.into(), y.into()), size)
}
