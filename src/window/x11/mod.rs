//! What minifb cannot do on X11, done through connections of our own to the same window.
//!
//! The window's size and place, full screen, staying on top, the size of a screen and of its
//! pixels, and waking the loop when something happens to the window. Where the desktop has a window
//! manager it is asked as the desktops agreed (EWMH); without one the window is placed by hand.
//! Nothing here is needed to show pictures: what fails is left undone.
//!
//! ```text
//! Desktop   what is asked of the server and the window manager
//! Watch     events that wake the loop
//! shm       pixels through shared memory
//! ```
//!
//! Requests run on the window's thread and wait for the server's answer; a [`Watch`] has a thread of
//! its own that blocks on the server's events, and ends when the window is gone.

mod shm;

use std::sync::atomic::{AtomicBool, Ordering};

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::properties::WmSizeHints;
use x11rb::protocol::Event;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigureWindowAux,
    ConnectionExt as _, EventMask, PropMode, Window,
};
use x11rb::resource_manager;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

pub(super) use self::shm::Shm;
pub use self::shm::bitmap;
use super::SMALLEST;
use super::geometry::window_size;
use crate::handoff::slot::Slot;

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

/// A window of minifb's, seen from a second connection.
pub(super) struct Desktop {
    connection: RustConnection,
    root: Window,
    window: Window,
    atoms: Atoms,
    /// Where the window was before it filled the screen, without a window manager.
    windowed: Option<Rectangle>,
}

/// X11's number of a window: 29 bits, which minifb wraps in a pointer.
fn id(window: &minifb::Window) -> Window {
    window.get_window_handle() as usize as Window
}

impl Desktop {
    /// Connects to the display of the window.
    pub(super) fn new(window: &minifb::Window) -> Option<Self> {
        let (connection, screen) = RustConnection::connect(None).ok()?;
        let atoms = Atoms::new(&connection).ok()?.reply().ok()?;
        let desktop = Desktop {
            root: connection.setup().roots[screen].root,
            window: id(window),
            connection,
            atoms,
            windowed: None,
        };
        desktop.introduce().ok()?;
        Some(desktop)
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

    /// Gives the window a size that suits the picture.
    pub(super) fn suit(&self, picture: Size) -> Result<(), ReplyError> {
        let room = self.room()?;
        let size = window_size(picture, room.size, self.density());
        self.place(resized_in(room, self.window_rect()?, size))
    }

    /// Whether the window fills the screen.
    pub(super) fn is_full_screen(&self) -> bool {
        if self.windowed.is_some() {
            return true;
        }
        self.atoms_of(self.window, self.atoms._NET_WM_STATE)
            .contains(&self.atoms._NET_WM_STATE_FULLSCREEN)
    }

    /// Makes the window fill the screen, or gives it its place back.
    pub(super) fn set_full_screen(&mut self, full: bool) -> Result<(), ReplyError> {
        if self.manager_knows(self.atoms._NET_WM_STATE_FULLSCREEN) {
            return self.ask_manager(self.atoms._NET_WM_STATE_FULLSCREEN, full);
        }
        let place = if full {
            self.windowed = Some(self.window_rect()?);
            Some(self.monitor()?)
        } else {
            self.windowed.take()
        };
        place.map_or(Ok(()), |place| self.place(place))
    }

    /// Keeps the window above the others, where there is a window manager.
    pub(super) fn keep_on_top(&self) -> Result<(), ReplyError> {
        self.ask_manager(self.atoms._NET_WM_STATE_ABOVE, true)
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

    fn manager_knows(&self, state: Atom) -> bool {
        self.atoms_of(self.root, self.atoms._NET_SUPPORTED)
            .contains(&state)
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

    fn window_rect(&self) -> Result<Rectangle, ReplyError> {
        let place = self
            .connection
            .translate_coordinates(self.window, self.root, 0, 0)?
            .reply()?;
        let corner = Point::new(place.dst_x.into(), place.dst_y.into());
        Ok(Rectangle::new(corner, self.size_of(self.window)?))
    }

    fn size_of(&self, window: Window) -> Result<Size, ReplyError> {
        let geometry = self.connection.get_geometry(window)?.reply()?;
        Ok(Size::new(geometry.width.into(), geometry.height.into()))
    }

    /// The monitor that the window's middle is on.
    fn monitor(&self) -> Result<Rectangle, ReplyError> {
        let middle = self.window_rect()?.center();
        let monitors = self.connection.randr_get_monitors(self.root, true)?.reply();
        let of_window = monitors.ok().and_then(|found| {
            let mut rects = found.monitors.into_iter().map(|monitor| {
                let corner = Point::new(monitor.x.into(), monitor.y.into());
                Rectangle::new(
                    corner,
                    Size::new(monitor.width.into(), monitor.height.into()),
                )
            });
            rects.find(|rect| rect.contains(middle))
        });
        match of_window {
            Some(monitor) => Ok(monitor),
            None => Ok(Rectangle::new(Point::zero(), self.size_of(self.root)?)),
        }
    }

    /// Where a window's inside can be: the monitor without the desktop's panels and the window's frame.
    fn room(&self) -> Result<Rectangle, ReplyError> {
        let mut room = self.monitor()?;
        let work = self.numbers_of(self.root, self.atoms._NET_WORKAREA);
        if let [x, y, width, height, ..] = work[..] {
            let corner = Point::new(x as i32, y as i32);
            let free = room.intersection(&Rectangle::new(corner, Size::new(width, height)));
            if !free.is_zero_sized() {
                room = free;
            }
        }
        let frame = self.numbers_of(self.window, self.atoms._NET_FRAME_EXTENTS);
        if let [left, right, top, bottom] = frame[..] {
            room.top_left += Point::new(left as i32, top as i32);
            let frame = Size::new(left + right, top + bottom);
            room.size = room.size.saturating_sub(frame);
        }
        Ok(room)
    }

    fn numbers_of(&self, window: Window, property: Atom) -> Vec<u32> {
        self.property(window, property, AtomEnum::CARDINAL.into())
            .into_iter()
            // Who sets a side to more than X11 can have does not get a window out of it.
            .map(|number| number.min(i16::MAX as u32))
            .collect()
    }

    fn atoms_of(&self, window: Window, property: Atom) -> Vec<Atom> {
        self.property(window, property, AtomEnum::ATOM.into())
    }

    /// A property's numbers; none where it is not there.
    fn property(&self, window: Window, property: Atom, kind: Atom) -> Vec<u32> {
        self.connection
            .get_property(false, window, property, kind, 0, 1024)
            .ok()
            .and_then(|cookie| cookie.reply().ok())
            .and_then(|reply| reply.value32().map(Iterator::collect))
            .unwrap_or_default()
    }
}

/// A window of that size around the middle of where it was, moved into the room as far as it fits.
fn resized_in(room: Rectangle, before: Rectangle, size: Size) -> Rectangle {
    let around = before.top_left + before.size / 2 - size / 2;
    let last = room.top_left + room.size.saturating_sub(size);
    Rectangle::new(
        around.component_min(last).component_max(room.top_left),
        size,
    )
}

/// Wakes whoever waits at the slot whenever something happens to a window.
pub(super) struct Watch {
    connection: RustConnection,
    window: Window,
}

impl Watch {
    /// From now on the window's events are told to this connection, too.
    pub(super) fn new(window: &minifb::Window) -> Option<Self> {
        let window = id(window);
        let (connection, _) = RustConnection::connect(None).ok()?;
        let events = EventMask::EXPOSURE
            | EventMask::STRUCTURE_NOTIFY
            | EventMask::KEY_PRESS
            | EventMask::KEY_RELEASE
            | EventMask::FOCUS_CHANGE;
        let events = ChangeWindowAttributesAux::new().event_mask(events);
        connection
            .change_window_attributes(window, &events)
            .ok()?
            .check()
            .ok()?;
        Some(Watch { connection, window })
    }

    /// Blocks until the window is gone. Sets `uncovered` when pixels of it were lost.
    pub(super) fn run<T>(self, slot: &Slot<T>, uncovered: &AtomicBool) {
        while let Ok(event) = self.connection.wait_for_event() {
            match event {
                Event::DestroyNotify(gone) if gone.window == self.window => return,
                Event::Expose(_) | Event::ConfigureNotify(_) => {
                    uncovered.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
            slot.nudge();
        }
    }
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
