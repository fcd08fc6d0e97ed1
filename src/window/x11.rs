//! What minifb cannot do on X11, done through connections of our own to the same window.
//!
//! The window's size and place, full screen, staying on top, the size of a screen and of its
//! pixels, and waking the loop when something happens to the window. Where the desktop has a window
//! manager it is asked as the desktops agreed (EWMH); without one the window is placed by hand.
//! Nothing here is needed to show pictures: what fails is left undone.
//!
//! Requests run on the window's thread and wait for the server's answer; a [`Watch`] has a thread of
//! its own that blocks on the server's events, and ends when the window is gone.

use std::sync::atomic::{AtomicBool, Ordering};

use x11rb::connection::Connection;
use x11rb::errors::{ReplyError, ReplyOrIdError};
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

use super::place::window_size;
use super::rect::Rect;
use crate::handoff::slot::Slot;
use crate::window::SMALLEST;

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
pub struct Desktop {
    connection: RustConnection,
    root: Window,
    window: Window,
    atoms: Atoms,
    /// Where the window was before it filled the screen, without a window manager.
    windowed: Option<Rect>,
}

impl Desktop {
    /// Connects to the display of the window.
    pub fn new(window: Window) -> Result<Self, Box<dyn std::error::Error>> {
        let (connection, screen) = RustConnection::connect(None)?;
        let root = connection.setup().roots[screen].root;
        let atoms = Atoms::new(&connection)?.reply()?;
        let desktop = Desktop {
            connection,
            root,
            window,
            atoms,
            windowed: None,
        };
        desktop.introduce()?;
        Ok(desktop)
    }

    /// Tells the window manager what the window is, and how small it may become.
    fn introduce(&self) -> Result<(), ReplyOrIdError> {
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
    pub fn density(&self) -> u32 {
        let said = resource_manager::new_from_default(&self.connection)
            .ok()
            .and_then(|resources| resources.get_value::<u32>("Xft.dpi", "").ok().flatten())
            .map_or(1, |dpi| (dpi + COMMON_DPI / 2) / COMMON_DPI);
        let by_rows = self.monitor().map_or(1, |m| m.height / COMMON_ROWS);
        // More than 8 is a mistake in somebody's settings.
        said.max(by_rows).clamp(1, 8)
    }

    /// Gives the window a size that suits the picture; says which.
    pub fn suit(&self, picture: (u32, u32)) -> Result<(u32, u32), ReplyError> {
        let room = self.room()?;
        let size = window_size(picture, (room.width, room.height), self.density());
        self.place(self.window_rect()?.resized(size, room))?;
        Ok(size)
    }

    /// Whether the window fills the screen.
    pub fn is_full_screen(&self) -> bool {
        if self.windowed.is_some() {
            return true;
        }
        self.atoms_of(self.window, self.atoms._NET_WM_STATE)
            .contains(&self.atoms._NET_WM_STATE_FULLSCREEN)
    }

    /// Makes the window fill the screen, or gives it its place back.
    pub fn set_full_screen(&mut self, full: bool) -> Result<(), ReplyError> {
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
    pub fn keep_on_top(&self) -> Result<(), ReplyError> {
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

    fn place(&self, rect: Rect) -> Result<(), ReplyError> {
        let place = ConfigureWindowAux::new()
            .x(rect.x)
            .y(rect.y)
            .width(rect.width)
            .height(rect.height);
        self.connection
            .configure_window(self.window, &place)?
            .check()
    }

    fn window_rect(&self) -> Result<Rect, ReplyError> {
        let size = self.connection.get_geometry(self.window)?.reply()?;
        let place = self
            .connection
            .translate_coordinates(self.window, self.root, 0, 0)?
            .reply()?;
        Ok(Rect {
            x: place.dst_x.into(),
            y: place.dst_y.into(),
            width: size.width.into(),
            height: size.height.into(),
        })
    }

    /// The monitor that the window's middle is on.
    fn monitor(&self) -> Result<Rect, ReplyError> {
        let middle = self.window_rect()?.middle();
        let monitors = self.connection.randr_get_monitors(self.root, true)?.reply();
        let of_window = monitors.ok().and_then(|found| {
            let rects = found.monitors.into_iter().map(|monitor| Rect {
                x: monitor.x.into(),
                y: monitor.y.into(),
                width: monitor.width.into(),
                height: monitor.height.into(),
            });
            rects.into_iter().find(|rect| rect.contains(middle))
        });
        if let Some(monitor) = of_window {
            return Ok(monitor);
        }
        let screen = self.connection.get_geometry(self.root)?.reply()?;
        Ok(Rect {
            x: 0,
            y: 0,
            width: screen.width.into(),
            height: screen.height.into(),
        })
    }

    /// Where a window's inside can be: the monitor without the desktop's panels and the window's frame.
    fn room(&self) -> Result<Rect, ReplyError> {
        let monitor = self.monitor()?;
        let work = self.numbers_of(self.root, self.atoms._NET_WORKAREA);
        let free = match work[..] {
            [x, y, width, height, ..] => monitor
                .common(Rect {
                    x: x as i32,
                    y: y as i32,
                    width,
                    height,
                })
                .unwrap_or(monitor),
            _ => monitor,
        };
        let frame = self.numbers_of(self.window, self.atoms._NET_FRAME_EXTENTS);
        Ok(match frame[..] {
            [left, right, top, bottom] => Rect {
                x: free.x + left as i32,
                y: free.y + top as i32,
                width: free.width.saturating_sub(left + right),
                height: free.height.saturating_sub(top + bottom),
            },
            _ => free,
        })
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

/// Wakes whoever waits at the slot whenever something happens to a window.
pub struct Watch {
    connection: RustConnection,
    window: Window,
}

impl Watch {
    /// From now on the window's events are told to this connection, too.
    pub fn new(window: Window) -> Option<Self> {
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
    pub fn run<T>(self, slot: &Slot<T>, uncovered: &AtomicBool) {
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
