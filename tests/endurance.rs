//! Nothing kills it, nothing gets in, nothing is lost: short forms of what scripts/soak plays in full.
//!
//! What happens is asserted, and how much of it; how fast is scripts/soak's to say, since a machine that
//! runs other tests beside these is no measure.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "endurance/encrypted.rs"]
mod encrypted;
#[path = "endurance/hostile.rs"]
mod hostile;
#[path = "endurance/keyless.rs"]
mod keyless;
#[path = "endurance/network.rs"]
mod network;
#[path = "endurance/receivers.rs"]
mod receivers;
#[path = "endurance/scenes.rs"]
mod scenes;
#[path = "endurance/stage.rs"]
mod stage;
#[path = "endurance/watch.rs"]
mod watch;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use common::dice::Dice;
use common::key::Key;
use common::{PATIENCE, Running, free_port, pi_send, pictures, until, view_recv};
use network::Network;
use pi_stream::protocol::wire::write_frame;
use pi_stream::protocol::{Ack, FrameReader, Stamp};
use scenes::{Dials, Program};
use stage::{Sender, Viewer};

/// Memory that may come and go between two looks, in kilobytes: allocators keep what they were given
/// back. Each connection that leaked its buffers would cost more.
const SLACK_KB: u64 = 16 * 1024;

#[test]
fn a_sender_killed_at_any_moment_is_shown_again_and_leaves_nothing_behind() {
    let kills = scenes::kills(Dials::Sender, Program::Sender, 10, 1, &[]);
    assert!(
        kills.after.memory_kb < kills.before.memory_kb + SLACK_KB,
        "{kills:?}"
    );
}

#[test]
fn a_viewer_killed_at_any_moment_is_found_again_and_leaves_nothing_behind() {
    let kills = scenes::kills(Dials::Sender, Program::Viewer, 10, 2, &[]);
    assert!(
        kills.after.memory_kb < kills.before.memory_kb + SLACK_KB,
        "{kills:?}"
    );
}

#[test]
fn where_the_viewer_dials_either_one_killed_is_shown_again_and_leaves_nothing_behind() {
    for (program, seed) in [(Program::Sender, 21), (Program::Viewer, 22)] {
        let kills = scenes::kills(Dials::Viewer, program, 10, seed, &[]);
        assert!(
            kills.after.memory_kb < kills.before.memory_kb + SLACK_KB,
            "{kills:?}"
        );
    }
}

/// Plays a test in a world with networks of its own.
fn in_a_world_of_its_own(test: &str, scene: impl FnOnce(&Network)) {
    match network::outside(&[test, "--exact", "--nocapture"]) {
        None => scene(&Network::build()),
        Some((well, said)) => assert!(well, "{said}"),
    }
}

#[test]
fn the_picture_comes_back_after_the_dark() {
    in_a_world_of_its_own("the_picture_comes_back_after_the_dark", |network| {
        scenes::darkness(Dials::Sender, network, &[Duration::from_secs(3)], &[]);
    });
}

#[test]
fn the_picture_comes_back_when_the_viewers_host_boots_after_a_power_cut() {
    let name = "the_picture_comes_back_when_the_viewers_host_boots_after_a_power_cut";
    in_a_world_of_its_own(name, |network| {
        scenes::reboots(Dials::Sender, network, 1, &[]);
    });
}

#[test]
fn the_picture_comes_back_after_the_dark_where_the_viewer_dials() {
    let name = "the_picture_comes_back_after_the_dark_where_the_viewer_dials";
    in_a_world_of_its_own(name, |network| {
        let dark = [1, 7].map(Duration::from_secs);
        scenes::darkness(Dials::Viewer, network, &dark, &[]);
    });
}

#[test]
fn the_picture_comes_back_when_the_host_that_was_dialled_boots_after_a_power_cut() {
    let name = "the_picture_comes_back_when_the_host_that_was_dialled_boots_after_a_power_cut";
    in_a_world_of_its_own(name, |network| {
        scenes::reboots(Dials::Viewer, network, 1, &[]);
    });
}

#[test]
fn two_hundred_strangers_at_once_take_nothing_from_a_running_stream() {
    // Few pictures a second, so that a busy machine is not taken for a successful stranger.
    let siege = scenes::siege(200, 10, 3, &[]);
    assert!(siege.lost * 4 <= siege.captured, "{siege:#?}");
    assert!(siege.memory_rise_kb < 20 * 1024, "{siege:#?}");
    assert!(
        siege.lines.len() as u64 <= siege.took.as_secs(),
        "{siege:#?}"
    );
    let clean = |line: &String| !line.contains(char::is_control);
    assert!(siege.lines.iter().all(clean), "{siege:#?}");
}

#[test]
fn many_frames_and_some_killings_leave_the_memory_as_it_was() {
    for (survivor, seed) in [(Program::Viewer, 4), (Program::Sender, 5)] {
        let run = scenes::long_run(survivor, 1600, seed, &[]);
        assert!(
            run.late.memory_kb < run.early.memory_kb + SLACK_KB,
            "{run:?}"
        );
    }
}

/// A headless view-recv on the loopback, and where it listens.
fn listening(args: &[&str]) -> (Running, SocketAddr) {
    let bind = ["--bind", "127.0.0.1:0", "--headless"];
    let mut viewer = Running::start(&mut view_recv(&[&bind, args].concat()));
    let address = viewer.listening_on();
    (viewer, address)
}

fn told(viewer: &mut Running, word: &str) {
    viewer.wait_line(word, |line| line.contains(word).then_some(()));
}

#[test]
fn acks_of_any_content_and_number_stop_no_sender() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let mut sender = Running::start(&mut pi_send(&[
        "--source", "test", "--res", "160x120", "--host", &host, "--fps", "100",
    ]));
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let ours = stream.try_clone().unwrap();
    let mut back = stream.try_clone().unwrap();
    let tear = Arc::new(AtomicBool::new(false));
    let torn = Arc::clone(&tear);
    let flood = std::thread::spawn(move || {
        let mut dice = Dice(6);
        let mut bytes = Vec::new();
        // Until the sender is gone.
        loop {
            bytes.clear();
            for _ in 0..1000 {
                // Frames on their way, of the past, of the future; held for no time and for hours.
                let seq = [dice.below(400), dice.next() as usize][dice.below(2)] as u32;
                let held_us = [0, dice.below(50_000) as u32, u32::MAX][dice.below(3)];
                bytes.extend(Ack { seq, held_us }.emit());
            }
            if torn.load(Ordering::Relaxed) {
                // What follows is noise.
                bytes.truncate(bytes.len() - dice.below(8));
            }
            if back.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    let (mut frames, mut frame) = (FrameReader::new(1 << 20), Vec::new());
    let mut early = None;
    for i in 0..155 {
        assert!(frames.read(&stream, &mut frame).unwrap(), "it still sends");
        assert!(Stamp::find(&frame).is_some());
        match i {
            50 => early = Some(watch::footprint(sender.id())),
            // Of a receiver whose acks mean nothing it takes a frame a second to be read.
            150 => tear.store(true, Ordering::Relaxed),
            _ => {}
        }
    }
    let (early, late) = (early.unwrap(), watch::footprint(sender.id()));
    assert!(
        late.memory_kb < early.memory_kb + SLACK_KB,
        "{early:?} {late:?}"
    );
    assert_eq!(early.threads, late.threads);
    signal(&sender, "TERM");
    // Reads on, as a receiver should, to the end marker.
    while frames.read(&stream, &mut frame).is_ok_and(|whole| whole) {}
    assert_eq!(sender.wait().code(), Some(0));
    // What the sender did not read any more would be waited for as long as its kernel remembers it.
    // It may be reset already.
    let _ = ours.shutdown(Shutdown::Both);
    flood.join().unwrap();
}

#[test]
fn a_viewer_out_of_descriptors_goes_on_listening_and_lets_the_sender_in() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 24; exec \"$0\" --bind 127.0.0.1:0 \"$@\""])
        .arg(env!("CARGO_BIN_EXE_view-recv"))
        .stdin(Stdio::null());
    let mut viewer = Viewer::start(command);
    let address = viewer.running.listening_on();
    let strangers: Vec<TcpStream> = (0..60)
        .map(|i| hostile::connect(Ipv4Addr::new(127, 0, 0, 2 + i), address).unwrap())
        .collect();
    told(&mut viewer.running, "cannot take another connection");
    let _sender = Sender::start(pi_send(&[
        "--source",
        "test",
        "--host",
        &address.to_string(),
    ]));
    viewer.live(SystemTime::now());
    drop(strangers);
}

#[test]
fn a_session_of_nothing_but_garbage_is_ended() {
    let (mut viewer, address) = listening(&[]);
    let mut stream = TcpStream::connect(address).unwrap();
    let picture = pictures::stripes(64, 48, &[[200, 30, 40]]);
    write_frame(&mut stream, &[&picture]).unwrap();
    told(&mut viewer, "receiving 64x48");
    let mut dice = Dice(7);
    let bad = [hostile::Kind::Noise, hostile::Kind::Truncated];
    let garbage = |stream: &mut TcpStream, dice: &mut Dice| {
        write_frame(stream, &[&hostile::bad_picture(bad[dice.below(2)], dice)])
    };
    // Sooner or later it does not take any more.
    until("an end of the patience", || {
        garbage(&mut stream, &mut dice).err()
    });
    told(&mut viewer, "did not decode");
    // The seat is free again.
    let mut next = TcpStream::connect(address).unwrap();
    write_frame(&mut next, &[&picture]).unwrap();
    told(&mut viewer, "receiving 64x48");
}

#[test]
fn bytes_that_never_pause_do_not_stretch_the_doors_patience() {
    let (mut viewer, address) = listening(&[]);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&1_000_000u32.to_le_bytes()).unwrap();
    // Fifty a second: no read of the viewer's ever times out.
    until("an end of the patience", || {
        std::thread::sleep(Duration::from_millis(15));
        stream.write_all(&[0]).err()
    });
    told(&mut viewer, "too slowly");
}

#[test]
fn a_slow_sender_keeps_its_session() {
    let (mut viewer, address) = listening(&[]);
    let host = address.to_string();
    let mut sender = Running::start(&mut pi_send(&[
        "--source", "test", "--host", &host, "--fps", "0.15", "--frames", "3",
    ]));
    assert_eq!(sender.wait().code(), Some(0));
    told(&mut viewer, "ended the stream");
    let sessions = viewer
        .stderr()
        .iter()
        .filter(|line| line.contains("receiving"))
        .count();
    assert_eq!(sessions, 1, "{:#?}", viewer.stderr());
    let lost = sender.stderr().iter().any(|line| line.contains("lost"));
    assert!(!lost, "{:#?}", sender.stderr());
}

fn signal(program: &Running, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(program.id().to_string())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "it still runs");
}

/// Ends it by both signals, in the state that `start` brings it to, with what it needs for that.
fn ends_in<T>(state: &str, start: impl Fn() -> (Running, T)) {
    for (name, number) in [("TERM", None), ("INT", Some(2))] {
        let (mut program, needs) = start();
        signal(&program, name);
        let asked = Instant::now();
        let status = program.wait();
        // The limit is 1.5 s; the rest is for machines that are busy with other tests.
        let took = asked.elapsed();
        assert!(
            took < Duration::from_secs(4),
            "{state}, SIG{name}: {took:?}"
        );
        let died_of = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(died_of, number, "{state}: {status:?}");
        assert!(
            number.is_some() || status.code() == Some(0),
            "{state}: {status:?}"
        );
        drop(needs);
    }
}

/// A pi-send that sends its test picture to that address, or tries to.
fn sending_to(host: &str) -> Running {
    Running::start(&mut pi_send(&["--source", "test", "--host", host]))
}

#[test]
fn a_sender_ends_in_every_state_when_it_is_asked_to() {
    ends_in("a name without an address", || {
        let mut sender = sending_to("no-such-host.invalid");
        told(&mut sender, "does not resolve");
        (sender, ())
    });
    ends_in("refused", || {
        let mut sender = sending_to(&format!("127.0.0.1:{}", free_port()));
        told(&mut sender, "refused");
        (sender, ())
    });
    ends_in("a picture that never comes", || {
        let mut command = pi_send(&["--source", "-", "--host", "127.0.0.1:9"]);
        let mut sender = Running::start(command.stdin(Stdio::piped()));
        let stdin = sender.take_stdin();
        until("its threads", || {
            (watch::footprint(sender.id()).threads > 2).then_some(())
        });
        (sender, stdin)
    });
    ends_in("a receiver that stands still", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let mut sender = Running::start(&mut pi_send(&[
            "--source",
            "test",
            "--res",
            "1080p",
            "--quality",
            "100",
            "--host",
            &host,
        ]));
        told(&mut sender, "sending to");
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        (sender, (listener, stream))
    });
    ends_in("somebody who dialled and proves nothing", || {
        let key = Key::new();
        let args = ["--source", "test", "--listen", "127.0.0.1:0"];
        let mut sender = Running::start(pi_send(&args).args(key.args()));
        let stream = TcpStream::connect(sender.listening_on()).unwrap();
        (sender, (key, stream))
    });
    ends_in("sending", || {
        let (viewer, address) = listening(&[]);
        let mut sender = sending_to(&address.to_string());
        told(&mut sender, "sending to");
        (sender, viewer)
    });
}

#[test]
fn a_viewer_ends_in_every_state_when_it_is_asked_to() {
    ends_in("waiting", || (listening(&[]).0, ()));
    ends_in("dialling", || {
        let address = format!("127.0.0.1:{}", free_port());
        let connect = ["--connect", &address, "--headless"];
        let mut viewer = Running::start(&mut view_recv(&connect));
        told(&mut viewer, "refused");
        (viewer, ())
    });
    ends_in("receiving", || {
        let (mut viewer, address) = listening(&[]);
        let sender = sending_to(&address.to_string());
        told(&mut viewer, "receiving");
        (viewer, sender)
    });
    ends_in("besieged", || {
        let (viewer, address) = listening(&[]);
        let mut strangers: Vec<TcpStream> = (0..20)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for stranger in &mut strangers {
            // The one or the other has been shown out.
            let _ = stranger.write_all(&[1, 1]);
        }
        (viewer, strangers)
    });
    ends_in("a pipe that nobody reads", || {
        let bind = ["--bind", "127.0.0.1:0", "--headless", "--output", "-"];
        let mut viewer = Running::start_with(&mut view_recv(&bind), Stdio::piped());
        let pipe = viewer.take_stdout();
        let sender = sending_to(&viewer.listening_on().to_string());
        told(&mut viewer, "receiving");
        (viewer, (pipe, sender))
    });
}

#[test]
fn a_senders_time_is_over_in_the_middle_of_a_frame_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let mut sender = Running::start(&mut pi_send(&[
        "--source",
        "test",
        "--res",
        "1080p",
        "--quality",
        "100",
        "--host",
        &host,
        "--duration",
        "1",
    ]));
    // Takes nothing: a frame does not fit into the two kernels.
    let _stream = listener.accept().unwrap();
    let start = Instant::now();
    sender.wait();
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "a write's own time-out is 10 s"
    );
}
