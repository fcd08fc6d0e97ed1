//! A terminal, and a pipe, whose readers stop.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// A terminal without a screen.
pub struct Terminal {
    screen: File,
    line: OwnedFd,
}

impl Terminal {
    /// A terminal that shows what comes.
    pub fn open() -> Terminal {
        let (mut screen, mut line) = (-1, -1);
        let (name, shape, size) = (
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        // SAFETY: it writes the two numbers, and takes null for the rest.
        let opened = unsafe { libc::openpty(&mut screen, &mut line, name, shape, size) };
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: both have just been opened, and nobody else knows them.
        unsafe {
            Terminal {
                screen: File::from_raw_fd(screen),
                line: OwnedFd::from_raw_fd(line),
            }
        }
    }

    /// For a program to write to.
    pub fn give(&self) -> Stdio {
        self.line.try_clone().expect("it can be shared").into()
    }

    /// What it shows, to be read.
    pub fn read(&self) -> File {
        self.screen.try_clone().expect("it can be shared")
    }

    /// What Ctrl-S does: nothing more is shown, and who writes waits.
    pub fn stop(&self) {
        self.flow(libc::TCOOFF);
    }

    /// What Ctrl-Q does.
    pub fn go_on(&self) {
        self.flow(libc::TCOON);
    }

    fn flow(&self, action: i32) {
        // SAFETY: it takes two numbers.
        let told = unsafe { libc::tcflow(self.line.as_raw_fd(), action) };
        assert_eq!(told, 0, "{}", std::io::Error::last_os_error());
    }
}

/// A pipe that is full, for a program to write to, and its other end, which nobody reads while it is kept.
pub fn full_pipe() -> (UnixStream, Stdio) {
    let (unread, mut write) = UnixStream::pair().expect("there are sockets");
    write.set_nonblocking(true).expect("a socket can be told");
    loop {
        match write.write(&[b'\n'; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    write.set_nonblocking(false).expect("a socket can be told");
    (unread, Stdio::from(OwnedFd::from(write)))
}
