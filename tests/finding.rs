//! Nobody types an address: who listens is found by mDNS, beside avahi, whatever else is on the network.
//!
//! Against the library, in network namespaces with real multicast. A host is a namespace, and what "runs" there are this
//! process's own threads.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

#[path = "finding/avahi.rs"]
mod avahi;
mod common;
#[path = "finding/hostile.rs"]
mod hostile;
#[path = "finding/lan.rs"]
mod lan;
#[path = "endurance/network.rs"]
mod network;
#[path = "finding/programs.rs"]
mod programs;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use avahi::Avahi;
use common::dice::Dice;
use common::{Running, pi_send, until, view_recv};
use lan::{Host, Lan};
use pi_stream::net::{Finder, Found, find};
use pi_stream::protocol::Role;
use pi_stream::report::ListFormat;

/// What is announced of it is ceef1559.
const KEY: &str = "pi-stream-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// How much memory hostile packets may cost, in kilobytes: allocators keep what they were given.
const MORE_KB: u64 = 8 * 1024;

/// How long it may take to be found on an interface that comes up later, as promised.
const LATER: Duration = Duration::from_secs(4);

/// Plays a test in a world with a network of its own.
fn in_a_world_of_its_own(test: &str, scene: impl FnOnce(&Lan)) {
    match network::outside(&[test, "--exact", "--nocapture"]) {
        None => scene(&Lan::build()),
        Some((well, said)) => assert!(well, "{said}"),
    }
}

/// Announces one of this name there.
fn announced(host: Host, role: Role, name: &str) -> find::Running {
    let bound = ["0.0.0.0:8000", "[::]:8000"].map(|at| at.parse().unwrap());
    let (name, key) = (name.parse().unwrap(), KEY.parse().unwrap());
    let warn = |line| panic!("{line}");
    let start = || find::announce(role, &name, bound.to_vec(), Some(&key), warn);
    host.run(|| start().unwrap())
}

/// A camera.
fn announce(host: Host, name: &str) -> find::Running {
    announced(host, Role::Sends, name)
}

/// Looks for cameras there.
fn finder(host: Host) -> Finder {
    host.run(|| Finder::start(|found| found.role == Role::Sends).unwrap())
}

/// Waits until the list is as it should be.
fn wait_for(finder: &Finder, what: &str, is_it: impl Fn(&[Found]) -> bool) -> Vec<Found> {
    until(what, || Some(finder.found()).filter(|found| is_it(found)))
}

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.name.as_str()).collect()
}

fn at(address: &str) -> Vec<SocketAddr> {
    vec![format!("{address}:8000").parse().unwrap()]
}

/// A look around there; on a machine that is busy with other things, the third may be the one that was quick enough.
fn look_around(host: Host, is_it: impl Fn(&[Found]) -> bool) -> Vec<Found> {
    let look = || {
        let finder = finder(host);
        thread::sleep(find::LOOK);
        finder.found()
    };
    let looks = std::iter::repeat_with(look).take(3);
    let mut last = Vec::new();
    for found in looks {
        last = found;
        if is_it(&last) {
            break;
        }
    }
    last
}

#[test]
fn who_is_announced_is_found_by_one_look_and_taken_back_at_the_end() {
    let test = "who_is_announced_is_found_by_one_look_and_taken_back_at_the_end";
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        let announcement = announce(garden, "garden");
        // Another role is another list.
        let _viewer = announced(desk, Role::Receives, "desk");
        let found = look_around(desk, |found| !found.is_empty());
        assert_eq!(names(&found), ["garden"]);
        let garden_is_at = ["10.77.0.2:8000", "[fd77::2]:8000"].map(|a| a.parse().unwrap());
        assert_eq!(found[0].addresses[..2], garden_is_at);
        assert_eq!(found[0].key.as_deref(), Some("ceef1559"));
        assert_eq!(found[0].version.as_deref(), Some(env!("CARGO_PKG_VERSION")));

        let finder = finder(desk);
        wait_for(&finder, "garden", |found| !found.is_empty());
        drop(announcement);
        wait_for(&finder, "its end", <[Found]>::is_empty);
    });
}

#[test]
fn two_of_the_same_name_are_both_found() {
    in_a_world_of_its_own("two_of_the_same_name_are_both_found", |lan| {
        let hosts = [lan.add("garden", 2), lan.add("porch", 3)];
        let desk = lan.add("desk", 4);
        let twins = hosts.map(|host| announce(host, "garden"));
        let finder = finder(desk);
        let found = wait_for(&finder, "both", |found| found.len() == 2);
        assert_eq!(names(&found), ["garden", "garden"]);
        for host in ["10.77.0.2:8000", "10.77.0.3:8000"] {
            let is_there = |found: &Found| found.addresses[0].to_string() == host;
            assert!(found.iter().any(is_there), "{host}: {found:#?}");
        }
        drop(twins);
        wait_for(&finder, "their ends", <[Found]>::is_empty);
    });
}

#[test]
fn a_changed_address_is_found_again() {
    in_a_world_of_its_own("a_changed_address_is_found_again", |lan| {
        let (garden, desk) = (lan.add_bare("garden"), lan.add("desk", 3));
        fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
        garden.run(|| fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap());
        garden.ip("addr add 10.77.0.20/24 dev eth0");
        let _announcement = announce(garden, "garden");
        let finder = finder(desk);
        let found = wait_for(&finder, "garden", |found| !found.is_empty());
        assert_eq!(found[0].addresses, at("10.77.0.20"));
        garden.ip("addr del 10.77.0.20/24 dev eth0");
        garden.ip("addr add 10.77.0.21/24 dev eth0");
        until("the new address", || {
            let found = finder.found();
            (found[0].addresses[..1] == at("10.77.0.21")).then_some(())
        });
    });
}

#[test]
fn without_ipv4_it_is_found_and_can_be_dialled_by_what_was_found() {
    let test = "without_ipv4_it_is_found_and_can_be_dialled_by_what_was_found";
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add_bare("garden"), lan.add_bare("desk"));
        let listener = garden.run(|| TcpListener::bind("[::]:8000").unwrap());
        let _announcement = announce(garden, "garden");
        let found = look_around(desk, |found| !found.is_empty());
        let [address] = found[0].addresses[..] else {
            panic!("one address: {found:?}");
        };
        assert!(address.to_string().starts_with("[fe80::"), "{address}");
        let dialled = desk.run(|| TcpStream::connect(address)).unwrap();
        assert_eq!(
            listener.accept().unwrap().1.port(),
            dialled.local_addr().unwrap().port()
        );
    });
}

#[test]
fn an_interface_that_comes_up_later_is_announced_and_looked_on() {
    let test = "an_interface_that_comes_up_later_is_announced_and_looked_on";
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        for late in [garden, desk] {
            late.ip("link set eth0 down");
            let _announcement = announce(garden, "garden");
            let finder = finder(desk);
            thread::sleep(find::LOOK);
            assert_eq!(finder.found(), []);
            late.ip("link set eth0 up");
            let up = Instant::now();
            wait_for(&finder, "garden", |found| !found.is_empty());
            let took = up.elapsed();
            println!("found {took:?} after the interface came up");
            assert!(took < LATER, "{took:?}");
        }
    });
}

#[test]
fn nothing_is_announced_to_containers_and_vpns() {
    in_a_world_of_its_own("nothing_is_announced_to_containers_and_vpns", |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        network::ip("link add inner type bridge");
        network::ip("link set inner up");
        network::ip("netns add box");
        let container = lan.add("container", 4);
        container.ip("link del eth0");
        container.connect("eth0", "inner");
        container.ip("addr add 10.99.0.2/24 dev eth0");
        garden.connect("docker0", "inner");
        garden.ip("addr add 10.99.0.1/24 dev docker0");
        let _announcement = announce(garden, "garden");
        let found = look_around(desk, |found| !found.is_empty());
        let is_inner = |address: &SocketAddr| address.to_string().starts_with("10.99.");
        assert!(!found[0].addresses.iter().any(is_inner), "{found:#?}");
        assert_eq!(look_around(container, |found| !found.is_empty()), []);
    });
}

#[test]
fn avahi_beside_it_lists_it_and_neither_disturbs_the_other() {
    let test = "avahi_beside_it_lists_it_and_neither_disturbs_the_other";
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        let (in_garden, at_desk) = (Avahi::start(garden, "garden"), Avahi::start(desk, "desk"));
        let announcement = announce(garden, "garden");
        for avahi in [&in_garden, &at_desk] {
            let line = until("a line of avahi-browse", || {
                avahi
                    .browse("_pi-stream._tcp")
                    .into_iter()
                    .find(|line| line.contains("10.77.0.2;8000"))
            });
            for part in [
                ";garden-",
                "\"role=sender\"",
                "\"key=ceef1559\"",
                "\"name=garden\"",
            ] {
                assert!(line.contains(part), "{part} is not in {line}");
            }
        }
        // What avahi announces, on the same host, is as it was; and what it announces of ours is found.
        let publish = |kind: &str, name: &str, port: &str| {
            let texts = ["-s", name, kind, port, "role=sender"];
            Running::start(&mut in_garden.command("avahi-publish", &texts))
        };
        let _others = [
            publish("_ipp._tcp", "printer", "631"),
            publish("_pi-stream._tcp", "attic", "8001"),
        ];
        until("the printer", || {
            let listed = at_desk.browse("_ipp._tcp");
            listed
                .iter()
                .any(|line| line.contains(";printer;") && line.contains(";garden.local;"))
                .then_some(())
        });
        for host in [garden, desk] {
            let finder = finder(host);
            wait_for(&finder, "both", |found| names(found) == ["attic", "garden"]);
        }
        let mut resolve = at_desk.command("avahi-resolve", &["-4n", "garden.local"]);
        let resolved = resolve.output().unwrap().stdout;
        assert_eq!(
            String::from_utf8_lossy(&resolved),
            "garden.local\t10.77.0.2\n"
        );
        drop(announcement);
        until("its end", || {
            let listed = at_desk.browse("_pi-stream._tcp");
            listed
                .iter()
                .all(|line| !line.contains(";garden-"))
                .then_some(())
        });
    });
}

/// This process's memory, in kilobytes.
fn memory_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}

/// Plays a hostile host beside a camera, and a desk that looks for it. However it was meant, the list stays short and
/// harmless and memory bounded, and the camera is found when it is over.
fn beside(test: &str, at_least: usize, hostile: impl FnOnce(&hostile::Sender) + Send) {
    in_a_world_of_its_own(test, |lan| {
        let (garden, desk) = (lan.add("garden", 2), lan.add("desk", 3));
        let evil = lan.add("evil", 66);
        let finder = finder(desk);
        let before = memory_kb();
        evil.run(|| hostile(&hostile::Sender::new()));
        let grown = memory_kb().saturating_sub(before);
        let found = wait_for(&finder, "them", |found| found.len() >= at_least);
        println!("{grown} kB more, {} found", found.len());
        assert!(grown < MORE_KB, "{grown} kB more");
        assert!(
            found.len() >= at_least && found.len() <= 64,
            "{}",
            found.len()
        );
        for format in [ListFormat::Table, ListFormat::Json] {
            let shown = desk.run(|| find::list(Role::Sends, format).unwrap());
            let is_plain = |c: char| c == '\n' || (' '..='~').contains(&c);
            assert!(shown.chars().all(is_plain), "{shown}");
        }
        let _announcement = announce(garden, "garden");
        let is_there = |found: &[Found]| names(found).contains(&"garden");
        wait_for(&finder, "garden", is_there);
    });
}

#[test]
fn a_thousand_services_are_no_list_without_end() {
    let test = "a_thousand_services_are_no_list_without_end";
    beside(test, 64, |evil| {
        for number in 0..1000 {
            let label = format!("camera {number}");
            evil.send(&hostile::camera(label.as_bytes(), &hostile::TEXTS, 3));
        }
    });
}

#[test]
fn names_with_control_characters_and_in_loops_are_harmless() {
    let test = "names_with_control_characters_and_in_loops_are_harmless";
    beside(test, 3, |evil| {
        let escaping = b"version=\x1b]0;title\x07";
        for label in [
            &b"\x1b[31mred\x1b[0m"[..],
            b"two\r\nlines",
            b"\0\0\0",
            b"\xff\xfe\xc3",
            "\u{202e}drawkcab".as_bytes(),
            b"a.b\\.c._pi-stream._tcp.local.",
        ] {
            evil.send(&hostile::camera(label, &[b"role=sender", escaping], 120));
            evil.send(&hostile::camera(
                label,
                &[b"role=\x1b[31m", b"key=\r\n345678"],
                120,
            ));
        }
        for packet in hostile::loops() {
            evil.send(&packet);
        }
    });
}

#[test]
fn mutated_answers_do_no_harm() {
    beside("mutated_answers_do_no_harm", 1, |evil| {
        let mut dice = Dice(18);
        for _ in 0..5_000 {
            let mut packet = hostile::camera(b"camera", &hostile::TEXTS, 3);
            dice.mutate(&mut packet);
            evil.send(&packet);
        }
    });
}

#[test]
fn answers_that_nobody_asked_for_are_forgotten_in_time() {
    let test = "answers_that_nobody_asked_for_are_forgotten_in_time";
    // Hundreds of megabytes, if all of it were kept.
    beside(test, 0, |evil| {
        let mut dice = Dice(5353);
        for _ in 0..2_000 {
            evil.send(&hostile::strangers(&mut dice, 200));
        }
    });
}

#[test]
fn todays_two_commands_open_no_udp_socket() {
    let mut viewer = Running::start(&mut view_recv(&["--bind", "127.0.0.1:0", "--headless"]));
    let host = viewer.listening_on().to_string();
    let mut sender = pi_send(&["--host", &host, "--source", "test", "--stats", "json"]);
    let (sender, figures) = common::figures::Figures::start(&mut sender);
    figures.wait_for("pictures", |figures| figures["fps_sent"].as_f64());
    // Nor do those who listen, where that is not wanted, or nobody could come.
    let silent = [
        &["--no-announce", "--listen", ":0"][..],
        &["--listen", "127.0.0.1:0"],
    ];
    let silent = silent.map(|args| {
        let mut sender = Running::start(pi_send(&["--source", "test"]).args(args));
        sender.listening_on();
        sender
    });
    for program in [&viewer, &sender, &silent[0], &silent[1]] {
        assert_eq!(udp_sockets(program.id()), Vec::<String>::new());
    }
}

/// Those of a process, as the kernel lists them.
fn udp_sockets(process: u32) -> Vec<String> {
    let tables = ["udp", "udp6"].map(|table| {
        let table = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap();
        table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let open = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let open: Vec<String> = open.map(|link| link.display().to_string()).collect();
    let is_open = |line: &String| {
        let inode = line.split_whitespace().nth(9).unwrap();
        open.contains(&format!("socket:[{inode}]"))
    };
    tables.into_iter().flatten().filter(is_open).collect()
}
