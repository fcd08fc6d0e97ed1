//! How both programs end, and with which exit status: by number, by time, by signal, by each other.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::figures::Figures;
use common::receiver::Listening;
use common::screen::Screen;
use common::{Running, free_port, pi_send, view_recv};
use socket2::{Domain, SockAddr, Socket, Type};

/// What "at once" may take on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_secs(10);

const VIEWER: [&str; 5] = ["--bind", "127.0.0.1:0", "--headless", "--stats", "json"];

/// Starts a headless viewer: the program, its figures, where it listens.
fn viewer(args: &[&str]) -> (Running, Figures, String) {
    let (mut program, figures) = Figures::start(view_recv(&VIEWER).args(args));
    let host = program.listening_on().to_string();
    (program, figures, host)
}

fn sender(host: &str, args: &[&str]) -> Running {
    Running::start(pi_send(&["--host", host, "--source", "test"]).args(args))
}

#[test]
fn the_end_marker_ends_a_viewer_for_one_sender_with_0() {
    let (mut viewer, figures, host) = viewer(&["--once"]);
    assert_eq!(sender(&host, &["--frames", "7"]).wait().code(), Some(0));
    assert_eq!(viewer.wait().code(), Some(0));
    assert_eq!(figures.closing()["frames"], 7);
}

#[test]
fn a_sender_that_vanishes_ends_a_viewer_for_one_sender_with_1() {
    let (mut viewer, figures, host) = viewer(&["--once"]);
    let sender = sender(&host, &[]);
    figures.wait_for_state("receiving");
    sender.signal("KILL");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    let said = |line: &&String| line.contains("without an end marker") || line.contains("was lost");
    assert_eq!(lines.iter().filter(said).count(), 1, "{lines:#?}");
}

#[test]
fn a_viewer_goes_on_when_a_sender_ends_or_vanishes() {
    let (mut viewer, figures, host) = viewer(&[]);
    assert_eq!(sender(&host, &["--frames", "3"]).wait().code(), Some(0));
    figures.wait_for_state("waiting");
    let killed = sender(&host, &[]);
    figures.wait_for_state("receiving");
    killed.signal("KILL");
    figures.wait_for_state("waiting");
    assert_eq!(sender(&host, &["--frames", "3"]).wait().code(), Some(0));
    assert!(!viewer.has_ended());
}

#[test]
fn a_viewer_ends_after_so_many_frames_or_seconds_with_0() {
    let (mut by_frames, figures, host) = viewer(&["--frames", "5"]);
    let _sender = sender(&host, &[]);
    assert_eq!(by_frames.wait().code(), Some(0));
    assert_eq!(figures.closing()["frames"], 5);
    let (mut by_time, figures, _) = viewer(&["--duration", "0.5"]);
    assert_eq!(by_time.wait().code(), Some(0));
    assert_eq!(figures.closing()["frames"], 0);
}

#[test]
fn a_viewer_that_waited_in_vain_for_frames_or_for_a_sender_ends_with_1() {
    for args in [["--frames", "1"].as_slice(), &["--once"]] {
        let (mut viewer, figures, _) = viewer(&[&["--duration", "0.5"], args].concat());
        let (status, lines) = viewer.end();
        assert_eq!(status.code(), Some(1), "{args:?}");
        let said = |line: &&String| line.contains("nothing came in 0.5 s");
        assert_eq!(lines.iter().filter(said).count(), 1, "{lines:#?}");
        assert_eq!(figures.closing()["frames"], 0);
    }
    // Fewer than wanted, in the time that was given: as asked.
    let (mut viewer, figures, host) = viewer(&["--duration", "1.5", "--frames", "1000000"]);
    assert_eq!(sender(&host, &["--frames", "3"]).wait().code(), Some(0));
    assert_eq!(viewer.wait().code(), Some(0));
    assert_eq!(figures.closing()["frames"], 3);
}

#[test]
fn a_sender_ends_after_so_many_seconds_of_sending_with_0() {
    let port = free_port().to_string();
    let host = format!("127.0.0.1:{port}");
    let began = Instant::now();
    let mut sender = sender(&host, &["--duration", "0.7", "--fps", "50"]);
    // The time counts from the first frame: that nobody listens yet does not matter.
    sender.wait_line("trial", |line| line.contains("trying again").then_some(()));
    let (mut viewer, figures) = Figures::start(&mut view_recv(&[
        "--bind",
        &host,
        "--headless",
        "--stats",
        "json",
        "--once",
    ]));
    assert_eq!(sender.wait().code(), Some(0));
    assert!(began.elapsed() >= Duration::from_millis(700));
    assert_eq!(viewer.wait().code(), Some(0));
    assert!(figures.closing()["frames"].as_u64() > Some(1));
}

#[test]
fn a_reader_of_the_frames_that_goes_away_is_a_normal_end() {
    let mut viewer = Running::start_with(
        &mut view_recv(&["--bind", "127.0.0.1:0", "--headless", "--output", "-"]),
        Stdio::piped(),
    );
    let host = viewer.listening_on().to_string();
    let _sender = sender(&host, &[]);
    let mut pipe = viewer.take_stdout().expect("it is piped");
    pipe.read_exact(&mut [0; 1000]).expect("frames come");
    drop(pipe);
    assert_eq!(viewer.wait().code(), Some(0));
}

/// Sends the signal and waits for the end, which is near.
fn end_by(signal: &str, state: &str, program: &mut Running) {
    let told = Instant::now();
    program.signal(signal);
    let (status, lines) = program.end();
    let took = told.elapsed();
    println!("{signal} while {state}: {took:.1?}");
    let as_asked = |status: ExitStatus| match signal {
        // A shell says 130 of it.
        "INT" => status.signal() == Some(2),
        _ => status.code() == Some(0),
    };
    assert!(
        as_asked(status),
        "{signal} while {state}: {status}, {lines:#?}"
    );
    assert!(took < AT_ONCE, "{signal} while {state}: {took:?}");
}

/// The command with SIGHUP as a terminal's shell leaves it, or as nohup does, whatever started the tests.
fn hearing(signal_option: &str, command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg(signal_option)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    env
}

#[test]
fn a_terminal_that_is_closed_ends_a_sender_with_the_end_marker() {
    let listening = Listening::start();
    let command = pi_send(&["--host", &listening.address(), "--source", "test"]);
    let mut sender = Running::start(&mut hearing("--default-signal=HUP", &command));
    let mut session = listening.accept();
    session.frame().expect("frames come");
    sender.signal("HUP");
    // Its shell and the kernel say so, each.
    sender.signal("HUP");
    // To the end marker, or this panics.
    session.frames();
    assert_eq!(sender.wait().code(), Some(0));
}

#[test]
fn a_terminal_that_is_closed_ends_a_viewer_with_its_recording_complete() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("garden.mkv");
    let file = file.to_str().expect("its name is plain");
    let command = view_recv(&[&VIEWER[..], &["--record", file]].concat());
    let (mut viewer, figures) = Figures::start(&mut hearing("--default-signal=HUP", &command));
    let host = viewer.listening_on().to_string();
    let _sender = sender(&host, &[]);
    figures.wait_for("recorded frames", |figures| {
        (figures["recorded"].as_u64() > Some(0)).then_some(())
    });
    viewer.signal("HUP");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let complete = |line: &String| line.contains("recorded") && line.contains(file);
    assert!(lines.iter().any(complete), "{lines:#?}");
}

#[test]
fn programs_that_nohup_started_outlive_their_terminal() {
    let command = view_recv(&VIEWER);
    let (mut viewer, figures) = Figures::start(&mut hearing("--ignore-signal=HUP", &command));
    let host = viewer.listening_on().to_string();
    let command = pi_send(&["--host", &host, "--source", "test"]);
    let mut sender = Running::start(&mut hearing("--ignore-signal=HUP", &command));
    figures.wait_for_state("receiving");
    viewer.signal("HUP");
    sender.signal("HUP");
    let frames = figures.wait_for("figures", |figures| figures["frames"].as_u64());
    figures.wait_for("more than is under way", |figures| {
        (figures["frames"].as_u64() > Some(frames + 40)).then_some(())
    });
    end_by("TERM", "the terminal is gone", &mut sender);
    end_by("TERM", "the terminal is gone", &mut viewer);
}

#[test]
fn a_viewer_ends_by_signal_in_every_state() {
    for signal in ["INT", "TERM"] {
        let (mut waiting, figures, _) = viewer(&[]);
        figures.wait_for_state("waiting");
        end_by(signal, "waiting", &mut waiting);

        let (mut receiving, figures, host) = viewer(&["--once"]);
        let _sender = sender(&host, &[]);
        figures.wait_for_state("receiving");
        end_by(signal, "receiving", &mut receiving);

        let (mut stalled, figures, host) = viewer(&[]);
        let standing = sender(&host, &[]);
        figures.wait_for_state("receiving");
        standing.signal("STOP");
        figures.wait_for_state("stalled");
        end_by(signal, "stalled", &mut stalled);
    }
}

#[test]
fn a_viewer_whose_reader_stands_still_ends_by_signal() {
    for signal in ["INT", "TERM"] {
        let mut viewer = Running::start_with(
            &mut view_recv(&["--bind", "127.0.0.1:0", "--headless", "--output", "-"]),
            Stdio::piped(),
        );
        let host = viewer.listening_on().to_string();
        // More than a pipe holds.
        let mut sender = sender(
            &host,
            &["--frames", "30", "--fps", "100", "--quality", "100"],
        );
        assert_eq!(sender.wait().code(), Some(0));
        end_by(signal, "writing to a full pipe", &mut viewer);
    }
}

#[test]
fn a_window_ends_by_signal() {
    let screen = Screen::start(800, 600);
    for signal in ["INT", "TERM"] {
        let mut command = view_recv(&["--bind", "127.0.0.1:0", "--stats", "json"]);
        let (mut viewer, figures) = Figures::start(command.env("DISPLAY", screen.display()));
        let host = viewer.listening_on().to_string();
        figures.wait_for_state("waiting");
        let _sender = sender(&host, &[]);
        figures.wait_for("picture shown", |figures| {
            (figures["shown"].as_u64() > Some(0)).then_some(())
        });
        end_by(signal, "showing", &mut viewer);
    }
}

#[test]
fn a_sender_that_connects_ends_by_signal() {
    for signal in ["INT", "TERM"] {
        let host = format!("127.0.0.1:{}", free_port());
        let mut refused = sender(&host, &[]);
        refused.wait_line("hint", |line| {
            line.contains("is view-recv running").then_some(())
        });
        end_by(signal, "refused", &mut refused);

        let (_full, _waiting, host) = full_listener();
        let mut unanswered = sender(&host, &[]);
        unanswered.wait_line("hint", |line| line.contains("firewall").then_some(()));
        end_by(signal, "without an answer", &mut unanswered);
    }
}

/// A listener that answers nobody any more: its queue is full, and stays so.
fn full_listener() -> (Socket, Vec<TcpStream>, String) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    listener
        .bind(&SockAddr::from(any))
        .expect("the loopback has free ports");
    listener.listen(0).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let address = address.as_socket().expect("it is an IP address");
    // The queue takes one more than it was told to; whoever comes then gets no answer.
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let waiting = std::iter::from_fn(connect).collect();
    (listener, waiting, address.to_string())
}

#[test]
fn a_sender_ends_by_signal_whatever_its_receiver_does() {
    for signal in ["INT", "TERM"] {
        let listening = Listening::start();
        let mut streaming = sender(&listening.address(), &[]);
        let mut session = listening.accept();
        session.frame().expect("frames come");
        let reading = std::thread::spawn(move || session.frames().len());
        end_by(signal, "sending", &mut streaming);
        // To the end marker, or this panics.
        reading.join().expect("the end marker comes");

        let mut command = pi_send(&["--host", &listening.address(), "--source", "test"]);
        command.args(["--res", "1080p", "--quality", "100", "--stats", "json"]);
        let (mut stalled, figures) = Figures::start(&mut command);
        let mut session = listening.accept();
        session.frame().expect("frames come");
        figures.wait_for("standstill", |figures| {
            (figures["frames"].as_u64() > Some(1) && figures["fps_sent"] == 0.0).then_some(())
        });
        end_by(signal, "the receiver does not read", &mut stalled);
        drop(session);
    }
}

#[test]
fn a_sender_that_waits_for_standard_input_ends_by_signal() {
    for signal in ["INT", "TERM"] {
        let listening = Listening::start();
        let mut command = pi_send(&["--host", &listening.address(), "--source", "-"]);
        command.args(["--stats", "json"]).stdin(Stdio::piped());
        let (mut program, figures) = Figures::start(&mut command);
        let _open = program.take_stdin();
        // Nobody is dialled before there is a picture.
        figures.wait_for_state("connecting");
        end_by(signal, "standard input is silent", &mut program);
    }
}
