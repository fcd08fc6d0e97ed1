//! The Debian packages, and the service that keeps a camera streaming from boot on.
//!
//! scripts/package builds the packages, scripts/test says in `PI_STREAM_DEBS` where they lie; without that, what is
//! about them is skipped, loudly. Nothing is installed into this system: dpkg and systemctl work on folders. There is
//! no systemd running where tests run, so that the unit is checked by systemd's own tools, and its command line is
//! run as systemd would run it.
#![cfg(all(feature = "send", feature = "view", target_os = "linux"))]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Running;
use common::receiver::Listening;

const UNIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scripts/debian/pi-send.service"
);
const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install-service");
const NOTICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/notices");

/// A user that is nobody's: the first of those that systemd gives to services.
const NOBODYS_ID: &str = "61184";

/// The packages pi-send and view-recv; `None`, loudly, where nobody has built them.
fn packages() -> Option<[PathBuf; 2]> {
    let Some(folder) = std::env::var_os("PI_STREAM_DEBS") else {
        eprintln!(
            "SKIPPED: PI_STREAM_DEBS is not set (scripts/test does), the packages are not tested"
        );
        return None;
    };
    let built: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    Some(["pi-send_", "view-recv_"].map(|name| {
        let is_it = |path: &&PathBuf| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(name)
        };
        built.iter().find(is_it).expect(name).clone()
    }))
}

/// Runs it to its end; stdout, where it went well.
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All files and links under a folder, as paths from there on.
fn files(root: &Path) -> Vec<String> {
    let found = run(Command::new("find")
        .arg(root)
        .args(["!", "-type", "d", "-printf", "%P\\n"]));
    found.lines().map(str::to_owned).collect()
}

/// What a line `NAME=…` of a unit or a file of defaults says.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// The crates that a program contains, by the places of panics in it: each is a path in cargo's registry.
fn crates_in(program: &[u8]) -> BTreeSet<String> {
    String::from_utf8_lossy(program)
        .split("/registry/src/")
        .skip(1)
        .filter_map(|path| path.split('/').nth(1))
        // Debug information names the folder alone, too, and then comes what is no part of it.
        .filter_map(|place| place.split('\0').next())
        .map(str::to_owned)
        .collect()
}

/// That `notices` name, with its licence, each crate that the program contains, and libjpeg-turbo where it does.
fn assert_noticed(program: &Path, notices: &str) {
    let bytes = fs::read(program).unwrap();
    let (list, licences) = notices.split_once("\n---").expect("a list, then licences");
    let crates = crates_in(&bytes);
    assert!(!crates.is_empty(), "{program:?} seems to contain no crates");
    for name in crates {
        let (name, version) = name.rsplit_once('-').unwrap();
        let entry = format!("{name} v{version}");
        assert!(
            list.contains(&format!("\n{entry} ")) && licences.contains(&entry),
            "{program:?} contains {entry}, and its notices do not name it: {list}"
        );
    }
    let contains_libjpeg = memchr::memmem::find(&bytes, b"libjpeg-turbo").is_some();
    for text in [
        "the work of the Independent JPEG Group.\n",
        "(C)2009-2024 D. R. Commander",
    ] {
        assert_eq!(notices.contains(text), contains_libjpeg, "{text}");
    }
}

fn dpkg(root: &Path) -> Command {
    let mut command = Command::new("dpkg");
    command.arg("--root").arg(root).args([
        "--force-script-chrootless",
        "--force-not-root",
        "--force-depends",
    ]);
    command
}

/// An empty system for dpkg, as a folder.
fn empty_system() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let database = root.path().join("var/lib/dpkg");
    for folder in ["info", "updates"] {
        fs::create_dir_all(database.join(folder)).unwrap();
    }
    fs::write(database.join("status"), "").unwrap();
    root
}

#[test]
fn packages_bring_program_manual_completions_and_service_and_leave_nothing_behind() {
    let Some(packages) = packages() else { return };
    let root = empty_system();
    run(dpkg(root.path()).arg("--install").args(&packages));
    let installed = files(root.path());
    for program in ["pi-send", "view-recv"] {
        for place in [
            "usr/bin/@",
            "usr/share/man/man1/@.1.gz",
            "usr/share/bash-completion/completions/@",
            "usr/share/zsh/vendor-completions/_@",
            "usr/share/fish/vendor_completions.d/@.fish",
            "usr/share/doc/@/copyright",
        ] {
            let place = place.replace('@', program);
            assert!(
                installed.contains(&place),
                "{place} is not in {installed:#?}"
            );
        }
        let version = run(Command::new(root.path().join("usr/bin").join(program)).arg("--version"));
        assert_eq!(
            version,
            format!("{program} {}\n", env!("CARGO_PKG_VERSION"))
        );
        let page = root
            .path()
            .join(format!("usr/share/man/man1/{program}.1.gz"));
        let page = run(Command::new("zcat").arg(page));
        for part in [".SH \"EXIT STATUS\"", "\\-\\-stats", "\\-\\-duration"] {
            assert!(page.contains(part), "{part} is not in {program}.1");
        }
        let completions = root
            .path()
            .join("usr/share/bash-completion/completions")
            .join(program);
        run(Command::new("bash").arg("-n").arg(completions));
    }
    for place in [
        "usr/lib/systemd/system/pi-send.service",
        "etc/default/pi-send",
    ] {
        assert!(installed.iter().any(|path| path == place), "{place}");
    }
    assert!(
        !installed
            .iter()
            .any(|path| path.contains("multi-user.target.wants")),
        "a service that does not know yet where to send was enabled"
    );

    run(dpkg(root.path()).args(["--purge", "pi-send", "view-recv"]));
    let left = files(root.path());
    let is_dpkgs = |path: &String| path.starts_with("var/lib/dpkg/");
    assert!(left.iter().all(is_dpkgs), "{left:#?}");
}

#[test]
fn an_upgrade_keeps_what_the_service_was_told() {
    let Some([package, _]) = packages() else {
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let (content, older) = (work.path().join("content"), work.path().join("older.deb"));
    run(Command::new("dpkg-deb")
        .arg("--raw-extract")
        .args([&package, &content]));
    let control = content.join("DEBIAN/control");
    let version = format!("\nVersion: {}", env!("CARGO_PKG_VERSION"));
    let fields = fs::read_to_string(&control).unwrap();
    assert!(fields.contains(&version), "{fields}");
    fs::write(&control, fields.replace(&version, "\nVersion: 0.0.1")).unwrap();
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .args([&content, &older]));

    let root = empty_system();
    run(dpkg(root.path()).arg("--install").arg(&older));
    let defaults = root.path().join("etc/default/pi-send");
    let told = "PI_SEND_OPTIONS=\"--host 192.168.1.159\"\n";
    fs::write(&defaults, told).unwrap();
    run(dpkg(root.path()).arg("--install").arg(&package));
    assert_eq!(fs::read_to_string(&defaults).unwrap(), told);
    run(dpkg(root.path()).args(["--remove", "pi-send"]));
    assert_eq!(fs::read_to_string(&defaults).unwrap(), told);
}

#[test]
fn packages_bring_the_notices_of_all_that_their_programs_contain() {
    let Some(packages) = packages() else { return };
    for (package, program) in packages.iter().zip(["pi-send", "view-recv"]) {
        let root = tempfile::tempdir().unwrap();
        run(Command::new("dpkg-deb")
            .arg("--extract")
            .arg(package)
            .arg(root.path()));
        let documents = root.path().join("usr/share/doc").join(program);
        let notices = run(Command::new("zcat").arg(documents.join("third-party-notices.gz")));
        assert_noticed(&root.path().join("usr/bin").join(program), &notices);
        let copyright = fs::read_to_string(documents.join("copyright")).unwrap();
        assert!(copyright.contains("third-party-notices.gz"), "{copyright}");
        assert!(copyright.contains("Permission is hereby granted"));
    }
}

#[test]
fn notices_name_all_that_these_programs_contain() {
    // Built at once, each contains some of what only the other asks for.
    let features = if cfg!(feature = "camera") {
        "camera,view"
    } else {
        "send,view"
    };
    for (program, place) in [
        ("pi-send", env!("CARGO_BIN_EXE_pi-send")),
        ("view-recv", env!("CARGO_BIN_EXE_view-recv")),
    ] {
        let notices = run(Command::new(NOTICES).args([program, features]));
        assert_noticed(Path::new(place), &notices);
    }
}

#[test]
fn the_service_of_the_package_sends_as_a_user_of_its_own() {
    let Some([package, _]) = packages() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(package)
        .arg(root.path()));

    let unit =
        fs::read_to_string(root.path().join("usr/lib/systemd/system/pi-send.service")).unwrap();
    let defaults = root
        .path()
        .join(value(&unit, "EnvironmentFile").trim_start_matches('/'));
    let defaults = fs::read_to_string(defaults).unwrap();
    assert_eq!(value(&defaults, "PI_SEND_OPTIONS"), "\"\"");
    assert_eq!(value(&unit, "SupplementaryGroups"), "video");

    let viewer = Listening::start();
    let options = format!("--host {} --source test --frames 3", viewer.address());
    let line = value(&unit, "ExecStart").replace("$PI_SEND_OPTIONS", &options);
    let (program, arguments) = line.split_once(' ').unwrap();
    let program = root.path().join(program.trim_start_matches('/'));
    let mut command = if run(Command::new("id").arg("-u")).trim() == "0" {
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid", NOBODYS_ID, "--regid", NOBODYS_ID, "--groups", "video",
            ])
            .args(["--no-new-privs", "--bounding-set", "-all"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .args(arguments.split(' '))
        .env_clear()
        .stdin(Stdio::null());
    let mut sender = Running::start(&mut command);
    let mut session = viewer.accept();
    let frames = std::iter::from_fn(|| session.frame()).count();
    drop(session);
    let (status, lines) = sender.end();
    assert!(status.success(), "{lines:#?}");
    assert_eq!(frames, 3);
}

#[test]
fn systemd_takes_the_service_and_finds_it_well_confined() {
    let root = tempfile::tempdir().unwrap();
    let program = root.path().join("pi-send");
    fs::copy(env!("CARGO_BIN_EXE_pi-send"), &program).unwrap();
    // As it will be, but for the program's place: it is not installed here. Nor are its man pages.
    let unit = fs::read_to_string(UNIT)
        .unwrap()
        .replace("/usr/bin/pi-send", program.to_str().unwrap());
    let path = root.path().join("pi-send.service");
    fs::write(&path, unit).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&verified.stderr);
    // What it says of this system's own units is not ours.
    let ours = told.lines().any(|line| line.contains("pi-send"));
    assert!(verified.status.success() && !ours, "{told}");
    // Of 10, where 10 is what a service without any of this has; 2 is "OK" in systemd's words.
    run(Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=20"])
        .arg(&path));
}

#[test]
fn one_command_installs_the_service_and_one_removes_it() {
    let root = tempfile::tempdir().unwrap();
    let install = || {
        let mut command = Command::new(INSTALL);
        command.arg("--root").arg(root.path());
        command.args(["--program", env!("CARGO_BIN_EXE_pi-send")]);
        command
    };
    for size in ["640x480", "1280x720"] {
        run(install().args(["--host", "192.168.1.159:9000", "--res", size]));
        let defaults = fs::read_to_string(root.path().join("etc/default/pi-send")).unwrap();
        let expected = format!("\"--host 192.168.1.159:9000 --res {size}\"");
        assert_eq!(value(&defaults, "PI_SEND_OPTIONS"), expected);
    }
    let unit = "etc/systemd/system/pi-send.service";
    let unit = fs::read_to_string(root.path().join(unit)).unwrap();
    assert!(value(&unit, "ExecStart").starts_with("/usr/local/bin/pi-send --stats off "));
    assert!(root.path().join("usr/local/bin/pi-send").exists());
    let wants = "etc/systemd/system/multi-user.target.wants/pi-send.service";
    assert!(
        root.path().join(wants).is_symlink(),
        "it does not start at boot"
    );

    run(install().arg("--remove"));
    assert_eq!(files(root.path()), Vec::<String>::new());
}

#[test]
fn a_service_is_started_again_however_it_ended_but_for_wrong_options() {
    let unit = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scripts/debian/pi-send.service"
    ));
    let unit = unit.unwrap();
    assert_eq!(value(&unit, "Restart"), "always");
    assert_eq!(value(&unit, "RestartPreventExitStatus"), "2");
}

#[test]
fn a_service_that_could_not_work_is_refused() {
    for (wrong, said) in [
        (&["--res", "640x480"][..], "--host is missing"),
        (&["--host", "pi", "--name", "my garden"], "no spaces"),
        (&["--host", "pi", "--name", "$HOME"], "no spaces"),
        (&["--host", "pi", "--stats", "json"], "--stats"),
        (&["--remove", "--host", "pi"], "--remove takes no"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let output = Command::new(INSTALL)
            .arg("--root")
            .arg(root.path())
            .args(wrong)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {told}");
        assert!(told.contains(said), "{wrong:?}: {told}");
        assert_eq!(files(root.path()), Vec::<String>::new());
    }
}
