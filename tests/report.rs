//! What both programs say and to whom, and that nobody who does not listen holds them up.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

#[cfg(feature = "camera")]
#[path = "report/camera.rs"]
mod camera;
mod common;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use common::figures::Figures;
use common::receiver::Listening;
use common::terminal::{Terminal, full_pipe};
use common::{Running, free_port, pi_send, view_recv};

const VIEWER: [&str; 3] = ["--bind", "127.0.0.1:0", "--headless"];
const JSON: [&str; 2] = ["--stats", "json"];

fn sender(host: &str, args: &[&str]) -> std::process::Command {
    let mut command = pi_send(&["--host", host, "--source", "test", "--fps", "100"]);
    command.args(args);
    command
}

#[test]
fn figures_that_nobody_reads_keep_no_viewer_from_its_end() {
    let (_unread, full) = full_pipe();
    let mut command = view_recv(&VIEWER);
    let mut viewer = Running::start_with(command.args(JSON).args(["--duration", "1.5"]), full);
    assert_eq!(viewer.wait().code(), Some(0));

    let (_unread, full) = full_pipe();
    let mut viewer = Running::start_with(view_recv(&VIEWER).args(JSON), full);
    let host = viewer.listening_on().to_string();
    // More than a second of pictures, in which figures are due.
    let mut sender = Running::start(&mut sender(&host, &["--frames", "150"]));
    assert_eq!(sender.wait().code(), Some(0));
    viewer.signal("TERM");
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
fn figures_that_nobody_reads_keep_no_sender_from_its_end() {
    for args in [&["--duration", "1.5"][..], &["--frames", "150"], &[]] {
        let (_unread, full) = full_pipe();
        let listening = Listening::start();
        let mut command = sender(&listening.address(), args);
        let mut sender = Running::start_with(command.args(JSON), full);
        let mut session = listening.accept();
        if args.is_empty() {
            for _ in 0..120 {
                session.frame().expect("frames come");
            }
            sender.signal("TERM");
        }
        // To the end marker, or this panics.
        session.frames();
        assert_eq!(sender.wait().code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_terminal_that_has_stopped_stops_no_picture_and_no_end() {
    for signal in ["TERM", "HUP"] {
        let terminal = Terminal::open();
        let mut viewer = Running::start_in(&mut view_recv(&VIEWER), &terminal);
        let host = viewer.listening_on().to_string();
        let mut first = Running::start(&mut sender(&host, &["--frames", "3", "--no-retry"]));
        viewer.wait_line("session", |line| line.contains("receiving").then_some(()));
        assert_eq!(first.wait().code(), Some(0));
        terminal.stop();
        for _ in 0..2 {
            // Each session is a line or two. Its pictures come, or there is no ack.
            let mut command = sender(&host, &["--frames", "150", "--no-retry"]);
            let (mut next, figures) = Figures::start(command.args(JSON));
            figures.wait_for("acknowledged frame", |figures| {
                figures["latency_ms"].is_number().then_some(())
            });
            assert_eq!(next.wait().code(), Some(0));
        }
        viewer.signal(signal);
        assert_eq!(viewer.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_terminal_that_goes_on_shows_what_was_said_meanwhile() {
    let terminal = Terminal::open();
    let mut viewer = Running::start_in(&mut view_recv(&VIEWER), &terminal);
    let host = viewer.listening_on().to_string();
    terminal.stop();
    let mut sender = Running::start(&mut sender(&host, &["--frames", "3", "--no-retry"]));
    assert_eq!(sender.wait().code(), Some(0));
    terminal.go_on();
    viewer.wait_line("session", |line| line.contains("receiving").then_some(()));
    viewer.wait_line("end", |line| {
        line.contains("ended the stream").then_some(())
    });
}

#[test]
fn a_sender_in_a_terminal_that_has_stopped_reconnects_and_ends() {
    let terminal = Terminal::open();
    let host = format!("127.0.0.1:{}", free_port());
    let mut sender = Running::start_in(&mut sender(&host, &[]), &terminal);
    sender.wait_line("trial", |line| line.contains("trying again").then_some(()));
    terminal.stop();
    for _ in 0..2 {
        let args = ["--bind", &host, "--headless", "--frames", "3"];
        let mut viewer = Running::start(&mut view_recv(&args));
        assert_eq!(viewer.wait().code(), Some(0));
    }
    sender.signal("TERM");
    assert_eq!(sender.wait().code(), Some(0));
}

#[test]
fn a_reader_of_the_figures_that_goes_away_is_a_normal_end() {
    let mut viewer = Running::start_with(view_recv(&VIEWER).args(JSON), Stdio::piped());
    drop(viewer.take_stdout());
    assert_eq!(viewer.wait().code(), Some(0));
    let listening = Listening::start();
    let mut command = sender(&listening.address(), &JSON);
    let mut sender = Running::start_with(&mut command, Stdio::piped());
    drop(sender.take_stdout());
    listening.accept().frames();
    assert_eq!(sender.wait().code(), Some(0));
}

#[test]
fn figures_into_a_full_disk_are_told_once_and_end_neither_viewer_nor_sender() {
    let full = || File::create("/dev/full").expect("Linux has it").into();
    let mut viewer = Running::start_with(view_recv(&VIEWER).args(JSON), full());
    let host = viewer.listening_on().to_string();
    let told = |line: &str| {
        line.contains("standard output: No space left")
            .then_some(())
    };
    viewer.wait_line("word of the disk", told);
    let mut command = sender(&host, &["--no-retry"]);
    let mut sender = Running::start_with(command.args(JSON), full());
    sender.wait_line("word of the disk", told);
    // Both go on.
    viewer.wait_line("session", |line| line.contains("receiving").then_some(()));
    sender.signal("TERM");
    viewer.wait_line("end", |line| {
        line.contains("ended the stream").then_some(())
    });
    viewer.signal("TERM");
    for program in [&mut sender, &mut viewer] {
        // The closing figures were tried as well.
        let (status, lines) = program.end();
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        let times = lines.iter().filter(|line| told(line).is_some()).count();
        assert_eq!(times, 1, "{lines:#?}");
    }
}

#[test]
fn quiet_programs_say_errors_and_the_figures_that_were_asked_for() {
    let port = free_port().to_string();
    let bind = format!("127.0.0.1:{port}");
    let mut command = view_recv(&["--bind", &bind, "--headless", "--quiet", "--once"]);
    let (mut viewer, figures) = Figures::start(command.args(JSON));
    figures.wait_for_state("waiting");
    let mut sender = Running::start(&mut sender(&bind, &["--frames", "5", "--quiet"]));
    for program in [&mut sender, &mut viewer] {
        let (status, lines) = program.end();
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert!(lines.is_empty(), "{lines:#?}");
    }
    assert_eq!(figures.closing()["frames"], 5);

    let nobody = format!("127.0.0.1:{}", free_port());
    let args = [
        "--host",
        &nobody,
        "--source",
        "test",
        "--no-retry",
        "--quiet",
    ];
    let (status, lines) = Running::start(&mut pi_send(&args)).end();
    assert_eq!(status.code(), Some(1));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].starts_with("pi-send: "), "{lines:#?}");
}

/// What pi-send says of a viewer that is not there, where the journal's stream is its stderr, or another one.
fn said_to_the_journal(is_stderr: bool) -> String {
    let log = tempfile::NamedTempFile::new().expect("there is room");
    let stream = log.as_file().metadata().expect("it is open");
    let inode = stream.ino() + u64::from(!is_stderr);
    let nobody = format!("127.0.0.1:{}", free_port());
    let status = pi_send(&["--host", &nobody, "--source", "test", "--no-retry"])
        .env("JOURNAL_STREAM", format!("{}:{inode}", stream.dev()))
        .stderr(log.reopen().expect("it can be opened twice"))
        .status()
        .expect("it starts");
    assert_eq!(status.code(), Some(1));
    fs::read_to_string(log.path()).expect("it was written")
}

#[test]
fn lines_for_the_journal_bear_its_priorities() {
    let said = said_to_the_journal(true);
    assert!(said.starts_with("<3>pi-send: "), "{said}");
    let said = said_to_the_journal(false);
    assert!(said.starts_with("pi-send: "), "{said}");
}

#[test]
fn a_viewer_tells_the_journal_news_and_worries_apart() {
    let log = tempfile::NamedTempFile::new().expect("there is room");
    let stream = log.as_file().metadata().expect("it is open");
    let mut command = view_recv(&VIEWER);
    command
        .args(["--once", "--stats", "json"])
        .env(
            "JOURNAL_STREAM",
            format!("{}:{}", stream.dev(), stream.ino()),
        )
        .stdout(Stdio::piped())
        .stderr(log.reopen().expect("it can be opened twice"));
    let mut viewer = command.spawn().expect("it starts");
    let said = || fs::read_to_string(log.path()).expect("it is there");
    let host = common::until("the line that says where it listens", || {
        let said = said();
        let (_, behind) = said.split_once("<6>view-recv: listening on ")?;
        Some(behind.split_whitespace().next()?.to_owned())
    });
    let mut vanishing = Running::start(&mut sender(&host, &[]));
    common::until("a session", || {
        said().contains("<6>view-recv: receiving").then_some(())
    });
    vanishing.kill();
    let mut figures = String::new();
    let stdout = viewer.stdout.as_mut().expect("it is piped");
    stdout.read_to_string(&mut figures).expect("it can be read");
    assert_eq!(viewer.wait().expect("it is ours").code(), Some(1));
    assert!(said().contains("<4>view-recv: 127.0.0.1"), "{}", said());
    assert!(figures.starts_with('{'), "{figures}");
}
