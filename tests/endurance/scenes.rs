//! What is endured, as scenes with a length: the tests play them short, scripts/soak in full.
//!
//! A scene checks what must hold at any length, and gives back what was measured; how much of that is
//! good enough is the caller's to say. `with` is what both programs are told beside what the scene needs: nothing,
//! or a key.

// tests/endurance.rs and tests/soak.rs each use a part of this.
#![allow(dead_code)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::hostile::{self, Kind};
use super::keyless::{self, Attempt};
use super::network::{DESK, DESK_ADDRESS, GARDEN, GARDEN_ADDRESS, Network};
use super::stage::{Sender, Viewer, pass};
use super::watch::{Footprint, footprint};
use crate::common::dice::Dice;
use crate::common::relay::Relay;
use crate::common::{pi_send, until, view_recv};

/// Which of the two goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// pi-send.
    Sender,
    /// view-recv.
    Viewer,
}

/// Which of the two dials, where the other one listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dials {
    /// pi-send, as usual.
    Sender,
    /// view-recv.
    Viewer,
}

fn viewer(dials: Dials, address: SocketAddr, with: &[&str]) -> Viewer {
    let option = match dials {
        Dials::Sender => "--bind",
        Dials::Viewer => "--connect",
    };
    let mut command = view_recv(&[option, &address.to_string()]);
    command.args(with);
    Viewer::start(command)
}

/// What a sender sends.
#[derive(Debug, Clone, Copy)]
struct Pictures {
    res: &'static str,
    fps: u32,
}

/// A camera's usual ones.
const USUAL: Pictures = Pictures {
    res: "640x480",
    fps: 30,
};

/// Small and fast, so that very many come in minutes, and can be decoded here, too, as they come.
const MANY: Pictures = Pictures {
    res: "160x120",
    fps: 200,
};

fn sender(dials: Dials, address: SocketAddr, pictures: Pictures, with: &[&str]) -> Sender {
    let (address, fps) = (address.to_string(), pictures.fps.to_string());
    let option = match dials {
        Dials::Sender => "--host",
        Dials::Viewer => "--listen",
    };
    let args = ["--source", "test", option, &address, "--res", pictures.res];
    Sender::start(pi_send(&[&args[..], &["--fps", &fps], with].concat()))
}

/// Both, live, on the loopback, and where one of them listens.
fn pair(dials: Dials, pictures: Pictures, with: &[&str]) -> (Viewer, Sender, SocketAddr) {
    let anywhere = ([127, 0, 0, 1], 0).into();
    let (mut viewer, sender, address) = match dials {
        Dials::Sender => {
            let mut viewer = viewer(dials, anywhere, with);
            let address = viewer.running.listening_on();
            (viewer, sender(dials, address, pictures, with), address)
        }
        Dials::Viewer => {
            let mut sender = sender(dials, anywhere, pictures, with);
            let address = sender.running.listening_on();
            (viewer(dials, address, with), sender, address)
        }
    };
    viewer.live(SystemTime::now());
    (viewer, sender, address)
}

/// Waits until no thread and no descriptor is left of what has been.
fn settles(pid: u32, before: Footprint) -> Footprint {
    let what = format!("{before:?} again, and no more than it");
    until(&what, || {
        let now = footprint(pid);
        (now.threads <= before.threads && now.descriptors <= before.descriptors).then_some(now)
    })
}

/// What came of killing a program again and again.
#[derive(Debug)]
pub struct Kills {
    /// From each restart to the first live picture.
    pub live_after: Vec<Duration>,
    /// The other program before the first kill and after the last.
    pub before: Footprint,
    /// The same.
    pub after: Footprint,
}

/// Kills one of the two `count` times at random moments, and starts it anew after a random while.
pub fn kills(dials: Dials, program: Program, count: usize, seed: u64, with: &[&str]) -> Kills {
    let mut dice = Dice(seed);
    let (mut viewer, mut sender, address) = pair(dials, USUAL, with);
    let survivor = match program {
        Program::Sender => viewer.running.id(),
        Program::Viewer => sender.running.id(),
    };
    let mut before = None;
    let mut live_after = Vec::new();
    let mut torn = 0;
    for _ in 0..count {
        pass(Duration::from_millis(300 + dice.below(400) as u64));
        before = before.or_else(|| Some(footprint(survivor)));
        let down = Duration::from_millis(dice.below(1500) as u64);
        let restarted;
        match program {
            Program::Sender => {
                sender.running.kill();
                pass(down);
                restarted = (Instant::now(), SystemTime::now());
                sender = self::sender(dials, address, USUAL, with);
            }
            Program::Viewer => {
                viewer.running.kill();
                torn += viewer.torn;
                pass(down);
                restarted = (Instant::now(), SystemTime::now());
                viewer = self::viewer(dials, address, with);
            }
        }
        live_after.push(viewer.live(restarted.1).duration_since(restarted.0));
    }
    let before = before.expect("there was a kill");
    let after = settles(survivor, before);
    assert_eq!(torn + viewer.torn, 0, "frames were torn");
    check_none_corrupt(&mut viewer);
    Kills {
        live_after,
        before,
        after,
    }
}

fn check_none_corrupt(viewer: &mut Viewer) {
    let figures = until("figures", || viewer.figures());
    assert_eq!(figures["corrupt"], 0, "{figures}");
}

/// How long after the light the picture was live again, for each time of darkness.
pub fn darkness(
    dials: Dials,
    network: &Network,
    times: &[Duration],
    with: &[&str],
) -> Vec<Duration> {
    let (mut viewer, _sender) = hosts(dials, network, with);
    let mut live_after = Vec::new();
    for time in times {
        // What is on its way when it becomes dark differs from time to time.
        pass(Duration::from_millis(1500));
        network.darken();
        pass(*time);
        network.light();
        let light = (Instant::now(), SystemTime::now());
        live_after.push(viewer.live(light.1).duration_since(light.0));
    }
    assert_eq!(viewer.torn, 0, "frames were torn");
    check_none_corrupt(&mut viewer);
    live_after
}

/// How long after its start whoever listens, on a host made anew, gave the viewer the picture.
pub fn reboots(dials: Dials, network: &Network, count: usize, with: &[&str]) -> Vec<Duration> {
    let (mut viewer, mut sender) = hosts(dials, network, with);
    let mut live_after = Vec::new();
    for _ in 0..count {
        pass(Duration::from_secs(1));
        let restarted;
        match dials {
            Dials::Sender => {
                network.reboot(DESK, viewer.running);
                restarted = (Instant::now(), SystemTime::now());
                viewer = viewer_on_desk(dials, network, with);
            }
            Dials::Viewer => {
                network.reboot(GARDEN, sender.running);
                restarted = (Instant::now(), SystemTime::now());
                sender = sender_in_garden(dials, network, with);
            }
        }
        live_after.push(viewer.live(restarted.1).duration_since(restarted.0));
    }
    live_after
}

fn viewer_on_desk(dials: Dials, network: &Network, with: &[&str]) -> Viewer {
    let bind = format!("{DESK_ADDRESS}:8000");
    let mut command = match dials {
        Dials::Sender => view_recv(&["--bind", &bind]),
        Dials::Viewer => view_recv(&["--connect", GARDEN_ADDRESS]),
    };
    Viewer::start(network.on(DESK, command.args(with)))
}

fn sender_in_garden(dials: Dials, network: &Network, with: &[&str]) -> Sender {
    let mut command = match dials {
        Dials::Sender => pi_send(&["--source", "test", "--host", DESK_ADDRESS]),
        // It is not in the garden's own network.
        Dials::Viewer => pi_send(&["--source", "test", "--listen", "--allow", DESK_ADDRESS]),
    };
    Sender::start(network.on(GARDEN, command.args(with)))
}

fn hosts(dials: Dials, network: &Network, with: &[&str]) -> (Viewer, Sender) {
    let mut viewer = viewer_on_desk(dials, network, with);
    let sender = sender_in_garden(dials, network, with);
    viewer.live(SystemTime::now());
    (viewer, sender)
}

/// Stops the viewer again and again, as a debugger or a sleeping laptop does, and lets it go on.
pub fn stops(count: usize, with: &[&str]) {
    let (mut viewer, _sender, _) = pair(Dials::Sender, USUAL, with);
    for _ in 0..count {
        viewer.running.signal("STOP");
        pass(Duration::from_millis(2500));
        viewer.running.signal("CONT");
        viewer.live(SystemTime::now());
    }
    assert_eq!(viewer.torn, 0, "frames were torn");
    check_none_corrupt(&mut viewer);
}

/// A link that carries a fraction of what is to be sent: that many frames, one after the other, none torn, in one
/// connection. Gives the sender's figures.
pub fn slow_link(bytes_per_second: usize, frames: usize, with: &[&str]) -> serde_json::Value {
    let mut viewer = viewer(Dials::Sender, ([127, 0, 0, 1], 0).into(), with);
    let relay = Relay::slow(viewer.running.listening_on(), bytes_per_second);
    let relayed = relay.address.parse().expect("an address");
    let sender = sender(Dials::Sender, relayed, USUAL, with);
    let mut seen = 0;
    until("so many frames", || {
        seen += viewer.count();
        (seen >= frames).then_some(())
    });
    assert_eq!(viewer.torn, 0, "frames were torn");
    assert_eq!(relay.connections(), 1);
    check_none_corrupt(&mut viewer);
    until("figures with acks", || {
        let figures = sender.figures()?;
        figures["latency_ms"].is_number().then_some(figures)
    })
}

/// What a running stream suffered from strangers.
#[derive(Debug)]
pub struct Siege {
    /// Pictures that the camera gave meanwhile.
    pub captured: u64,
    /// Those of them that were not sent, or not shown.
    pub lost: u64,
    /// By how much the viewer's memory rose at most, in kilobytes.
    pub memory_rise_kb: u64,
    /// Lines that the viewer told its user.
    pub lines: Vec<String>,
    /// How long it lasted.
    pub took: Duration,
    /// The viewer before and after.
    pub before: Footprint,
    /// The same.
    pub after: Footprint,
}

/// What the stranger of that number does, from where, to whom, with which seed.
type Visit = dyn Fn(usize, Ipv4Addr, SocketAddr, u64) + Send + Sync;

/// Both, live, and what strangers do: to a viewer with a key half of them know an earlier connection.
fn besieged(pictures: Pictures, with: &[&str]) -> (Viewer, Sender, SocketAddr, Arc<Visit>) {
    let plain = |i: usize| Kind::ALL[i % Kind::ALL.len()];
    let mut viewer = viewer(Dials::Sender, ([127, 0, 0, 1], 0).into(), with);
    let address = viewer.running.listening_on();
    let visit: Arc<Visit> = if with.is_empty() {
        Arc::new(move |i, from, to, seed| hostile::visit(plain(i), from, to, seed))
    } else {
        let recorded = keyless::recorded(address, with);
        Arc::new(move |i, from, to, seed| match i % 2 {
            0 => hostile::visit(plain(i / 2), from, to, seed),
            _ => {
                let attempt = Attempt::ALL[i / 2 % Attempt::ALL.len()];
                keyless::visit(attempt, &recorded, from, to, seed);
            }
        })
    };
    let sender = sender(Dials::Sender, address, pictures, with);
    viewer.live(SystemTime::now());
    (viewer, sender, address, visit)
}

/// `count` strangers at once, of all kinds in turn, every second one from the sender's own address.
pub fn siege(count: usize, fps: u32, seed: u64, with: &[&str]) -> Siege {
    let (mut viewer, sender, address, visit) = besieged(Pictures { fps, ..USUAL }, with);
    let pid = viewer.running.id();
    // The first seconds' memory is that of buffers that are there for good.
    pass(Duration::from_secs(2));
    let lost = |viewer: &mut Viewer, sender: &Sender| {
        let (sent, shown) = until("figures of both", || {
            Some((sender.figures()?, viewer.figures()?))
        });
        let number = |value: &serde_json::Value| value.as_u64().expect("it is a number");
        let skipped = number(&sent["skipped"]);
        let captured = number(&sent["frames"]) + skipped;
        assert_eq!(
            sent["reconnects"],
            0,
            "the session was lost: {:#?}",
            viewer.told()
        );
        assert_eq!(shown["corrupt"], 0, "{shown}");
        (captured, skipped + number(&shown["dropped"]))
    };
    let (before, start) = (footprint(pid), Instant::now());
    let (captured_before, lost_before) = lost(&mut viewer, &sender);
    let lines_before = viewer.told().len();
    let strangers: Vec<_> = (0..count)
        .map(|i| {
            let own = i / Kind::ALL.len() % 2 == 0;
            let from = Ipv4Addr::new(127, 0, 0, if own { 1 } else { 2 + (i % 200) as u8 });
            let visit = Arc::clone(&visit);
            let visit = move || visit(i, from, address, seed + i as u64);
            std::thread::Builder::new()
                .stack_size(128 * 1024)
                .spawn(visit)
                .expect("there are threads for strangers")
        })
        .collect();
    let mut most = 0;
    while strangers.iter().any(|stranger| !stranger.is_finished()) {
        most = most.max(footprint(pid).memory_kb);
        pass(Duration::from_millis(20));
    }
    // Figures come once a second: those of the end.
    pass(Duration::from_millis(1100));
    let (captured, lost) = lost(&mut viewer, &sender);
    let (lines, took) = (viewer.told().split_off(lines_before), start.elapsed());
    let after = settles(pid, before);
    assert_eq!(viewer.torn, 0, "frames were torn");
    Siege {
        captured: captured - captured_before,
        lost: lost - lost_before,
        memory_rise_kb: most.saturating_sub(before.memory_kb),
        lines,
        took,
        before,
        after,
    }
}

/// The memory of a program that outlived the other again and again.
#[derive(Debug)]
pub struct LongRun {
    /// How often the other one was killed.
    pub kills: usize,
    /// The survivor after 1,000 frames.
    pub early: Footprint,
    /// The survivor after all frames.
    pub late: Footprint,
}

/// Frames after which the memory is what it will be.
const WARM: u64 = 1000;

/// Lets one of the two live for so many frames, while the other is killed every few seconds.
pub fn long_run(survivor: Program, frames: u64, seed: u64, with: &[&str]) -> LongRun {
    let mut dice = Dice(seed);
    let (mut viewer, mut sender, address) = pair(Dials::Sender, MANY, with);
    let pid = match survivor {
        Program::Sender => sender.running.id(),
        Program::Viewer => viewer.running.id(),
    };
    let (mut early, mut kills, mut torn, mut seen) = (None, 0, 0, 0);
    loop {
        let next_kill = Instant::now() + Duration::from_millis(3000 + dice.below(9000) as u64);
        while Instant::now() < next_kill {
            pass(Duration::from_millis(50));
            seen += viewer.count() as u64;
            let count = match survivor {
                Program::Sender => sender
                    .figures()
                    .map_or(0, |f| f["frames"].as_u64().unwrap_or(0)),
                Program::Viewer => seen,
            };
            if count >= WARM && early.is_none() {
                early = Some(footprint(pid));
            }
            if let (Some(early), true) = (early, count >= frames) {
                let late = settles(pid, early);
                assert_eq!(torn + viewer.torn, 0, "frames were torn");
                return LongRun { kills, early, late };
            }
        }
        kills += 1;
        let restarted = SystemTime::now();
        match survivor {
            Program::Viewer => {
                sender.running.kill();
                sender = self::sender(Dials::Sender, address, MANY, with);
            }
            Program::Sender => {
                viewer.running.kill();
                torn += viewer.torn;
                viewer = self::viewer(Dials::Sender, address, with);
            }
        }
        viewer.live(restarted);
        seen += 1;
    }
}
