//! Wakes the window's loop when the X server has something to say.
//!
//! A thread of its own waits for bytes on minifb's connection: the close button's message goes to that alone.
//! It does so only while the loop waits, too: in between minifb asks the server, and the answers come the same way.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use raw_window_handle::{HasDisplayHandle, RawDisplayHandle};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::retry_on_intr;
use x11_dl::xlib::{ExposureMask, Xlib};

use super::Error;
use crate::handoff::spawn;
use crate::window::Model;

/// Ends the loop's wait for pictures when there is news of the window.
pub(super) struct Watch {
    socket: OwnedFd,
    epoll: Arc<OwnedFd>,
}

impl Watch {
    /// Starts the thread, which nudges the slot of the model's pictures for as long as the program runs.
    pub(super) fn start(window: &minifb::Window, model: &Model) -> Result<Self, Error> {
        let display = window.display_handle().map(|display| display.as_raw());
        let Ok(RawDisplayHandle::Xlib(handle)) = display else {
            return Err("not an X server's window".into());
        };
        let display = handle.display.ok_or("no connection")?.as_ptr().cast();
        let (xlib, id) = (Xlib::open()?, window.get_window_handle() as _);
        // SAFETY: window and display are there, and this thread's, as all of minifb is. The attributes are numbers and
        // pointers, which may be 0. An open display has a socket.
        let socket = unsafe {
            let mut attributes = MaybeUninit::zeroed().assume_init();
            (xlib.XGetWindowAttributes)(display, id, &mut attributes);
            // minifb does not ask to be told that pixels were lost.
            (xlib.XSelectInput)(display, id, attributes.your_event_mask | ExposureMask);
            BorrowedFd::borrow_raw((xlib.XConnectionNumber)(display)).try_clone_to_owned()?
        };
        let epoll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
        epoll::add(&epoll, &socket, EventData::new_u64(0), EventFlags::ONESHOT)?;
        let (waiting, pictures) = (Arc::clone(&epoll), Arc::clone(&model.pictures));
        spawn("window events", move || {
            let news = || epoll::wait(&waiting, spare_capacity(&mut Vec::with_capacity(1)), None);
            while retry_on_intr(news).is_ok() {
                pictures.nudge();
            }
        })?;
        Ok(Watch { socket, epoll })
    }

    /// Begins to watch, until there is something, or ends it.
    pub(super) fn set(&self, on: bool) -> Result<(), Error> {
        let (mut flags, data) = (EventFlags::ONESHOT, EventData::new_u64(0));
        flags.set(EventFlags::IN, on);
        Ok(epoll::modify(&self.epoll, &self.socket, data, flags)?)
    }
}
