//! Upgrades, one side at a time: today's programs beside those of an earlier version, and its packages replaced by
//! today's with the settings kept.
//!
//! The earlier version is the commit in tests/upgrades/base. scripts/test builds its packages, and says in
//! `PI_STREAM_BASE` where they lie, and in `PI_STREAM_DEBS` where today's are; without that, these tests are skipped,
//! loudly. Nothing is installed into this system.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::figures::Figures;
use common::key::Key;
use common::pictures;
use common::relay::Relay;
use common::test_picture::number_in;
use common::{Running, until};

/// The package with that name in the folder that this variable names.
fn package(variable: &str, name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os(variable) else {
        eprintln!("SKIPPED: {variable} is not set (scripts/test does), upgrades are not tested");
        return None;
    };
    let files = fs::read_dir(folder).expect("scripts/test has made it");
    let mut paths = files.map(|file| file.expect("it can be read").path());
    let is_it = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|file| file.to_string_lossy().starts_with(name))
    };
    Some(
        paths
            .find(is_it)
            .unwrap_or_else(|| panic!("no {name} in {variable}")),
    )
}

fn run(command: &mut Command) {
    let output = command.output().expect("it is installed");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

/// An earlier program, unpacked into that folder.
fn earlier(name: &str, folder: &Path) -> Option<PathBuf> {
    let package = package("PI_STREAM_BASE", &format!("{name}_"))?;
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(package)
        .arg(folder));
    Some(folder.join("usr/bin").join(name))
}

/// Sends 60 test pictures, and then until it is killed; what came has to be whole, acknowledged and ended in order.
fn works_together(sender: &Path, viewer: &Path) {
    let listening = |args: &[&str]| {
        let mut command = Command::new(viewer);
        command
            .args(["--bind", "127.0.0.1:0", "--headless", "--once"])
            .args(args);
        command
    };
    let send = |host: &str, args: &[&str]| {
        let mut command = Command::new(sender);
        command
            .args(["--host", host, "--source", "test", "--stats", "json"])
            .args(args);
        Figures::start(&mut command)
    };

    let (mut receiving, output) = Running::start_collecting(&mut listening(&["--output", "-"]));
    let host = receiving.listening_on().to_string();
    let (mut sending, figures) = send(&host, &["--frames", "60"]);
    figures.wait_for("latency, so acks", |figures| figures["latency_ms"].as_f64());
    assert_eq!(figures.closing()["frames"], 60);
    assert_eq!(sending.end().0.code(), Some(0));
    let (status, lines) = receiving.end();
    assert_eq!(status.code(), Some(0), "no end marker: {lines:#?}");
    let frames = pictures::cut(&output.join().expect("it reads a pipe"));
    assert_eq!(frames.len(), 60);
    let numbers = frames.iter().map(|frame| {
        let picture = image::load_from_memory(frame)
            .expect("it is whole")
            .to_luma8();
        number_in(picture.width(), picture.height(), |x, y| {
            picture.get_pixel(x, y).0[0]
        })
    });
    let numbers = Vec::from_iter(numbers);
    assert!(numbers.is_sorted(), "{numbers:?}");

    let mut receiving = Running::start(&mut listening(&[]));
    let host = receiving.listening_on().to_string();
    let (mut sending, figures) = send(&host, &[]);
    figures.wait_for("latency", |figures| figures["latency_ms"].as_f64());
    sending.signal("KILL");
    sending.wait();
    assert_eq!(receiving.end().0.code(), Some(1), "a lost sender is no end");
}

#[test]
fn a_newer_sender_and_an_older_viewer_work_together() {
    let folder = tempfile::tempdir().expect("there is room");
    let Some(viewer) = earlier("view-recv", folder.path()) else {
        return;
    };
    works_together(Path::new(env!("CARGO_BIN_EXE_pi-send")), &viewer);
}

#[test]
fn an_older_sender_and_a_newer_viewer_work_together() {
    let folder = tempfile::tempdir().expect("there is room");
    let Some(sender) = earlier("pi-send", folder.path()) else {
        return;
    };
    works_together(&sender, Path::new(env!("CARGO_BIN_EXE_view-recv")));
}

/// That a sender and a viewer, one of which has a key and is of today, do not come together; what both say.
fn refused(mut sender: Command, mut viewer: Command) -> [Vec<String>; 2] {
    let mut viewing = Running::start(viewer.args(["--bind", "127.0.0.1:0", "--headless"]));
    let relay = Relay::faithful(viewing.listening_on());
    let mut sending = Running::start(sender.args(["--host", &relay.address, "--source", "test"]));
    until("attempts", || (relay.connections() >= 4).then_some(()));
    let said = [sending.stderr().to_vec(), viewing.stderr().to_vec()];
    assert!(!said[1].concat().contains("receiving"), "{said:#?}");
    said
}

#[test]
fn a_sender_with_a_key_says_once_that_an_older_viewer_has_none() {
    let folder = tempfile::tempdir().expect("there is room");
    let Some(viewer) = earlier("view-recv", folder.path()) else {
        return;
    };
    let key = Key::new();
    let mut sender = Command::new(env!("CARGO_BIN_EXE_pi-send"));
    sender.args(key.args());
    let [lines, of_viewer] = refused(sender, Command::new(viewer));
    let told = lines
        .iter()
        .filter(|l| l.contains("gives no answer to a key"));
    assert_eq!(told.count(), 1, "{lines:#?}");
    // As it says of all that is no frame.
    assert!(of_viewer.len() <= 4, "{of_viewer:#?}");
}

#[test]
fn a_viewer_with_a_key_says_once_that_an_older_sender_has_none() {
    let folder = tempfile::tempdir().expect("there is room");
    let Some(sender) = earlier("pi-send", folder.path()) else {
        return;
    };
    let key = Key::new();
    let mut viewer = Command::new(env!("CARGO_BIN_EXE_view-recv"));
    viewer.args(key.args());
    let [_, lines] = refused(Command::new(sender), viewer);
    let told = lines
        .iter()
        .filter(|l| l.contains("it sends without a key"));
    assert_eq!(told.count(), 1, "{lines:#?}");
}

/// dpkg on a system of its own in that folder.
fn dpkg(root: &Path, args: &[&str], packages: &[PathBuf]) {
    let forced = ["script-chrootless", "not-root", "depends", "confold"]
        .map(|what| format!("--force-{what}"));
    let mut command = Command::new("dpkg");
    run(command
        .arg("--root")
        .arg(root)
        .args(forced)
        .args(args)
        .args(packages));
}

#[test]
fn an_upgraded_package_keeps_the_settings_of_its_service_until_it_is_purged() {
    let names = ["pi-send", "view-recv"];
    let all = |at: &str| -> Option<Vec<PathBuf>> {
        names
            .iter()
            .map(|name| package(at, &format!("{name}_")))
            .collect()
    };
    let (Some(before), Some(now)) = (all("PI_STREAM_BASE"), all("PI_STREAM_DEBS")) else {
        return;
    };
    let root = tempfile::tempdir().expect("there is room");
    let database = root.path().join("var/lib/dpkg");
    for folder in ["info", "updates"] {
        fs::create_dir_all(database.join(folder)).expect("there is room");
    }
    fs::write(database.join("status"), "").expect("there is room");

    dpkg(root.path(), &["--install"], &before);
    let settings = root.path().join("etc/default/pi-send");
    let mine = "PI_SEND_OPTIONS=\"--host 192.168.1.159\"\n";
    fs::write(&settings, mine).expect("there is room");
    dpkg(root.path(), &["--install"], &now);
    assert_eq!(fs::read_to_string(&settings).expect("it is kept"), mine);
    for name in names {
        let program = root.path().join("usr/bin").join(name);
        let version = Command::new(program)
            .arg("--version")
            .output()
            .expect("it runs");
        let today = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8_lossy(&version.stdout), today);
    }
    dpkg(root.path(), &["--remove", "pi-send"], &[]);
    assert!(settings.exists(), "settings go with --purge alone");
    dpkg(root.path(), &["--purge", "pi-send", "view-recv"], &[]);
    let mut find = Command::new("find");
    find.arg(root.path())
        .args(["-type", "f", "-not", "-path", "*/var/lib/dpkg/*"]);
    let left = find.output().expect("it is installed");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
