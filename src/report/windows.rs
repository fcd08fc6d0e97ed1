//! The same on Windows: what a console tells, standard output, and a program that has a console to itself.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::windows::io::AsHandle;
use std::ptr;
use std::sync::{Arc, OnceLock};
use std::thread;

use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, GetConsoleProcessList, SetConsoleCtrlHandler,
};
use windows_sys::Win32::UI::WindowsAndMessaging as ui;
use windows_sys::core::{BOOL, w};

use crate::handoff::{Reason, Stop, spawn};

/// What the console's events ask.
static STOP: OnceLock<Arc<Stop>> = OnceLock::new();

/// Makes Ctrl-C, Ctrl-Break, the end of the console and the end of the session ask `stop` to end. A second Ctrl-C ends
/// the program at once.
pub(super) fn install_signal_handlers(stop: Arc<Stop>) -> io::Result<()> {
    let _ = STOP.set(stop);
    // SAFETY: what is called is there as long as the program.
    if unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    spawn("signals", await_end_of_session).map(drop)
}

/// Called on a thread of the system's; 0 leaves the event to the system, which ends the program.
unsafe extern "system" fn on_event(event: u32) -> BOOL {
    let Some(stop) = STOP.get() else { return 0 };
    let was_asked = stop.is_asked();
    stop.ask(match event {
        CTRL_C_EVENT => Reason::Interrupted,
        _ => Reason::Terminated,
    });
    if event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT {
        return BOOL::from(!was_asked);
    }
    await_end()
}

/// The console is closed, or the session ends: the system kills the program once it has the answer, or after five seconds.
fn await_end() -> ! {
    loop {
        thread::park();
    }
}

/// Of the end of a session (logging off, shutting down) the system tells windows alone where a program could have some:
/// here is one that nobody sees.
fn await_end_of_session() {
    let class = ui::WNDCLASSW {
        lpfnWndProc: Some(on_message),
        lpszClassName: w!("pi-stream-session"),
        ..Default::default()
    };
    let (name, none) = (class.lpszClassName, ptr::null_mut());
    // SAFETY: the class is registered before it is used, and what is called is there as long as the program. Where
    // one of these fails, so do those that follow, and the end of a session is a kill.
    unsafe {
        ui::RegisterClassW(&class);
        ui::CreateWindowExW(0, name, name, 0, 0, 0, 0, 0, none, none, none, ptr::null());
        while ui::GetMessageW(&mut ui::MSG::default(), none, 0, 0) > 0 {}
    }
}

unsafe extern "system" fn on_message(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> LRESULT {
    // wparam: whether it is certain.
    if message == ui::WM_ENDSESSION && wparam != 0 {
        if let Some(stop) = STOP.get() {
            stop.ask(Reason::Terminated);
        }
        await_end();
    }
    // SAFETY: it is what the system called with.
    unsafe { ui::DefWindowProcW(window, message, wparam, lparam) }
}

/// Ends the program with this status, and all its threads, wherever they hang.
pub fn end(status: i32) -> ! {
    std::process::exit(status)
}

/// Ends the program as one that Ctrl-C has ended.
pub(super) fn end_interrupted() -> ! {
    end(130)
}

/// Shows an error in a box where the console is about to go with it: that of a double click.
pub(super) fn show_error(line: &str) {
    let text: Vec<u16> = line.encode_utf16().chain([0]).collect();
    if has_own_console() && io::stderr().is_terminal() {
        let none = ptr::null_mut();
        // SAFETY: the text ends with 0.
        unsafe { ui::MessageBoxW(none, text.as_ptr(), ptr::null(), ui::MB_ICONERROR) };
    }
}

/// Whether there is a console that is there for this program alone: that of a double click.
pub(crate) fn has_own_console() -> bool {
    // SAFETY: the list has the room that is given.
    unsafe { GetConsoleProcessList([0; 2].as_mut_ptr(), 2) == 1 }
}

/// A private duplicate of stdout.
pub(super) fn take_stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// The standard library's stderr, which knows how to write to a console.
pub(super) fn own_stderr() -> io::Result<(impl Write + Send + 'static, bool)> {
    Ok((io::stderr(), false))
}
