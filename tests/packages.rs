//! The Debian packages.
//!
//! scripts/package builds them, scripts/test says in `PI_STREAM_DEBS` where they lie; without that, what is about them is
//! skipped, loudly. Nothing is installed into this system: dpkg works on folders.
#![cfg(all(feature = "send", feature = "view", target_os = "linux"))]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::system::{files, packages, run};

const NOTICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/notices");

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
            "usr/lib/systemd/system/@.service",
            "etc/default/@",
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
    assert!(
        !installed
            .iter()
            .any(|path| path.contains("multi-user.target.wants")),
        "a service that nobody has set up was enabled"
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
