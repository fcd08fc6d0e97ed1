//! What libcamera says by itself.

#[path = "../camera/lab.rs"]
#[allow(dead_code)]
mod lab;

use super::*;
use lab::Lab;

#[test]
fn what_libcamera_says_comes_in_whole_lines_of_pi_sends_and_not_into_the_status_line() {
    let Some(lab) = Lab::find() else { return };
    let terminal = Terminal::open();
    let listening = Listening::start();
    let mut command = pi_send(&["--host", &listening.address(), "--camera", "Virtual0"]);
    lab.virtual_camera(&lab::bars())
        .fps(30)
        .give_to(&mut command);
    command
        .env("LIBCAMERA_LOG_LEVELS", "*:DEBUG")
        .env_remove("LIBCAMERA_LOG_FILE");
    let mut sender = Running::start_in(&mut command, &terminal);
    let mut session = listening.accept();
    // More than a second: there is a status line by then, and the camera's end comes behind it.
    for _ in 0..45 {
        session.frame().expect("frames come");
    }
    sender.signal("TERM");
    session.frames();
    assert_eq!(sender.wait().code(), Some(0));
    let last = |line: &str| {
        line.split(CLEAR)
            .last()
            .map(|line| line.contains(" skipped"))
    };
    sender.wait_line("closing figures", |line| {
        last(line).filter(|is_last| *is_last)
    });
    let mut of_libcamera = 0;
    for line in sender.stderr() {
        let line = line.split(CLEAR).last().unwrap_or(line);
        assert!(line.starts_with("pi-send: "), "{line:?}");
        assert!(!line.contains('\x1b'), "{line:?}");
        of_libcamera += u32::from(line.starts_with("pi-send: libcamera: "));
    }
    assert!(of_libcamera > 0, "nothing came of it");
}

/// What erases a line.
const CLEAR: &str = "\r\x1b[K";
