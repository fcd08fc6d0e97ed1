//! One sender, several receivers.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::figures::Figures;
use crate::common::receiver::Listening;
use crate::common::{PATIENCE, Running, pi_send, until, view_recv};
use crate::{SMALL, at, told, told_times, viewer};

/// A pi-send that dials these, with its figures.
fn dialling(hosts: &[&str], args: &[&str]) -> (Running, Figures) {
    let mut command = pi_send(&SMALL);
    for host in hosts {
        command.args(["--host", host]);
    }
    Figures::start(command.args(args).args(["--stats", "json"]))
}

/// A headless viewer that listens, and where.
fn bound(args: &[&str]) -> (Running, String) {
    let bind = ["--bind", "127.0.0.1:0", "--headless"];
    let mut viewer = Running::start(&mut view_recv(&[&bind, args].concat()));
    let address = viewer.listening_on().to_string();
    (viewer, address)
}

#[test]
fn all_hosts_get_the_pictures_and_frames_counts_those_that_one_got() {
    let (mut one, first) = bound(&["--once"]);
    let (mut two, second) = bound(&["--once"]);
    let (mut sender, figures) = dialling(&[&first, &second], &["--frames", "100"]);
    let both = figures.wait_for("two receivers", |figures| {
        (figures["receivers"] == 2).then(|| figures.clone())
    });
    let each = both["per_receiver"].as_array().expect("it is an array");
    let mut peers: Vec<_> = each
        .iter()
        .map(|each| each["peer"].as_str().unwrap())
        .collect();
    peers.sort_unstable();
    let mut expected = [&first[..], &second];
    expected.sort_unstable();
    assert_eq!(peers, expected);
    for field in ["fps_sent", "mbit_s", "frames", "reconnects"] {
        assert!(each[0][field].is_number(), "{field}: {both}");
    }
    assert_eq!(figures.closing()["frames"], 100);
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    for viewer in [&mut one, &mut two] {
        assert_eq!(viewer.wait().code(), Some(0), "{:#?}", viewer.stderr());
    }
}

#[test]
fn a_host_that_is_not_there_costs_the_others_nothing() {
    let (mut viewer, first) = bound(&["--once"]);
    let nobody = format!("127.0.0.1:{}", crate::common::free_port());
    let (mut sender, _figures) = dialling(&[&nobody, &first], &["--frames", "20"]);
    told(&mut sender, "refused");
    assert_eq!(sender.wait().code(), Some(0));
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
fn without_retries_it_fails_when_the_last_of_several_is_lost() {
    let (one, two) = (Listening::start(), Listening::start());
    let hosts = [&*one.address(), &*two.address()];
    let (mut sender, _figures) = dialling(&hosts, &["--no-retry"]);
    let mut first = one.accept();
    let mut second = two.accept();
    first.frame().expect("frames come");
    drop((first, one));
    told(&mut sender, "it is not dialled again");
    for _ in 0..10 {
        second.frame().expect("the other one goes on");
    }
    assert!(!sender.has_ended());
    drop((second, two));
    assert_eq!(sender.wait().code(), Some(1), "{:#?}", sender.stderr());
}

/// Takes what comes, at so many bytes a second, until it is told to stop.
fn read_slowly(mut stream: TcpStream, bytes_per_second: usize, stop: Arc<AtomicBool>) {
    let mut piece = vec![0; bytes_per_second / 20];
    while !stop.load(Ordering::Relaxed) && stream.read(&mut piece).is_ok_and(|came| came > 0) {
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_stopped_a_slow_and_a_restarted_receiver_cost_another_no_frame() {
    let listen = ["--listen", "127.0.0.1:0", "--source", "test", "--fps", "20"];
    let (mut sender, figures) = Figures::start(pi_send(&listen).args(["--stats", "json"]));
    let address = sender.listening_on().to_string();
    let mut json = view_recv(&["--connect", &address, "--headless", "--stats", "json"]);
    let (_shows, shown) = Figures::start(&mut json);
    shown.wait_for_state("receiving");
    let mut stopped = viewer(&address, &[]);
    told(&mut stopped, "receiving");
    let stop = Arc::new(AtomicBool::new(false));
    let slow = thread::spawn({
        let (stream, stop) = (TcpStream::connect(at(&address)).unwrap(), Arc::clone(&stop));
        move || read_slowly(stream, 125_000, stop)
    });
    figures.wait_for("three", |figures| (figures["receivers"] == 3).then_some(()));
    stopped.signal("STOP");
    let of = |figures: &Value, name: &str| figures[name].as_u64().expect("it is a number");
    let before = shown.wait_for("figures", |figures| Some(figures.clone()));
    let captured = |figures: &Value| of(figures, "frames") + of(figures, "skipped");
    let sent_before = figures.wait_for("figures", |figures| Some(figures.clone()));
    for _ in 0..5 {
        let mut restarted = viewer(&address, &[]);
        told(&mut restarted, "receiving");
        thread::sleep(Duration::from_millis(700));
        restarted.kill();
    }
    let sent = figures.wait_for("figures", |figures| {
        (captured(figures) >= captured(&sent_before) + 60).then(|| figures.clone())
    });
    let after = shown.wait_for("figures", |figures| {
        (of(figures, "frames") >= of(&before, "frames") + 60).then(|| figures.clone())
    });
    // A busy machine is not taken for one that waits for a slow receiver.
    let skipped = of(&sent, "skipped") - of(&sent_before, "skipped");
    let captured = captured(&sent) - captured(&sent_before);
    assert!(skipped * 10 <= captured, "{skipped} of {captured}: {sent}");
    assert_eq!(after["corrupt"], 0, "{after}");
    stopped.signal("CONT");
    stop.store(true, Ordering::Relaxed);
    drop(sender);
    slow.join().unwrap();
}

/// Reads all that comes, on a thread of its own.
fn reads(address: &str) -> TcpStream {
    let stream = TcpStream::connect(at(address)).unwrap();
    let mut reader = stream.try_clone().unwrap();
    thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    stream
}

#[test]
fn the_ninth_gets_the_place_of_one_that_has_long_taken_nothing_and_of_nobody_else() {
    let large = [
        "--source",
        "test",
        "--quality",
        "100",
        "--min-quality",
        "100",
    ];
    let listen = ["--listen", "127.0.0.1:0"];
    let mut sender = Running::start(&mut pi_send(&[&listen, &large[..]].concat()));
    let address = sender.listening_on().to_string();
    let readers: Vec<TcpStream> = (0..8).map(|_| reads(&address)).collect();
    told_times(&mut sender, "sending to", 8);
    let mut ninth = TcpStream::connect(at(&address)).unwrap();
    ninth.set_read_timeout(Some(PATIENCE)).unwrap();
    told(&mut sender, "all places are taken");
    assert!(
        !matches!(ninth.read(&mut [0]), Ok(1..)),
        "there was no place"
    );
    // One goes, and another comes that takes nothing.
    readers[0].shutdown(std::net::Shutdown::Both).unwrap();
    told(&mut sender, "closed the connection");
    let _takes_nothing = TcpStream::connect(at(&address)).unwrap();
    told_times(&mut sender, "sending to", 9);
    let began = Instant::now();
    until("a picture for the newcomer", || {
        let mut newcomer = TcpStream::connect(at(&address)).ok()?;
        newcomer.set_read_timeout(Some(PATIENCE)).ok()?;
        newcomer.read_exact(&mut [0; 1000]).ok()
    });
    // Not before it had taken nothing for a while.
    assert!(
        began.elapsed() > Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
}
