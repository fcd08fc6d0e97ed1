//! What scripts/release makes, on the systems that it is for.
//!
//! scripts/test --long and scripts/release --check say in `PI_STREAM_RELEASE` where the files lie; without that, these
//! tests skip, loudly. Programs of other architectures run under qemu-user, in roots that hold the C library and
//! libgcc-s1 and nothing else; those of this one are installed into bare Debian systems (scripts/debian-root), which
//! have mounts and a network of their own. That needs root.
#![cfg(all(feature = "send", feature = "view", target_os = "linux"))]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use common::pictures::{cut, near};
use common::receiver::Listening;
use common::rpicam::{self, System};
use common::screen::{Screen, colours};
use common::test_picture::{bars, number_in};
use common::{Running, view_recv};
use tempfile::TempDir;

const DEBIAN_ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/debian-root");

const PROGRAMS: [&str; 2] = ["pi-send", "view-recv"];
const ARCHITECTURES: [&str; 3] = ["arm64", "armhf", "amd64"];
const SUITES: [&str; 2] = ["bookworm", "trixie"];

/// What runs other architectures' programs here, by Debian's names of these.
const EMULATORS: [(&str, &str); 2] = [
    ("arm64", "qemu-aarch64-static"),
    ("armhf", "qemu-arm-static"),
];

/// Where the release lies; `None`, loudly, where nobody has made one.
fn release() -> Option<PathBuf> {
    let release = std::env::var_os("PI_STREAM_RELEASE").map(PathBuf::from);
    if release.is_none() {
        eprintln!(
            "SKIPPED: PI_STREAM_RELEASE is not set (scripts/test --long does), the release is not tested"
        );
    }
    release
}

/// Runs it to its end; stdout, where it went well.
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A package unpacked, its maintainer's scripts in the folder DEBIAN.
fn unpacked(package: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb")
        .arg("--raw-extract")
        .arg(package)
        .arg(folder.path().join("all")));
    folder
}

fn field(package: &Path, name: &str) -> String {
    let value = run(Command::new("dpkg-deb")
        .arg("--field")
        .arg(package)
        .arg(name));
    value.trim().to_owned()
}

fn debian_root(suite: &str, architecture: &str) -> PathBuf {
    let path = run(Command::new(DEBIAN_ROOT).args([suite, architecture]));
    path.trim().into()
}

#[test]
#[ignore = "needs a release"]
fn a_release_holds_all_files_and_their_checksums() {
    let Some(release) = release() else { return };
    let sums = std::fs::read_to_string(release.join("SHA256SUMS")).unwrap();
    run(Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&release));
    for program in PROGRAMS {
        for architecture in ARCHITECTURES {
            for kind in ["deb", "tar.gz"] {
                let name = format!("  {program}_{architecture}.{kind}\n");
                assert!(sums.contains(&name), "{name} is not in {sums}");
            }
            let tarball = release.join(format!("{program}_{architecture}.tar.gz"));
            let files = run(Command::new("tar").arg("-tf").arg(&tarball));
            for place in [
                "bin/@",
                "README.txt",
                "share/man/man1/@.1.gz",
                "share/bash-completion/completions/@",
                "share/zsh/vendor-completions/_@",
                "share/fish/vendor_completions.d/@.fish",
                "share/doc/@/copyright",
                "share/doc/@/third-party-notices.gz",
            ] {
                let place = format!("@/{place}").replace('@', program);
                assert!(files.lines().any(|file| file == place), "{place}: {files}");
            }
            let readme = run(Command::new("tar")
                .arg("-xOf")
                .arg(&tarball)
                .arg(format!("{program}/README.txt")));
            let version = env!("CARGO_PKG_VERSION");
            assert!(
                readme.starts_with(&format!("{program} {version}")),
                "{readme}"
            );
            assert_eq!(
                readme.contains("ARMv6"),
                architecture == "armhf",
                "{readme}"
            );
        }
    }
}

#[test]
#[ignore = "needs a release"]
fn packages_of_every_architecture_need_the_c_library_libgcc_and_a_windows_libraries_alone() {
    let Some(release) = release() else { return };
    for architecture in ARCHITECTURES {
        for (program, expected) in [
            ("pi-send", &["libc6", "libgcc-s1"][..]),
            (
                "view-recv",
                &["libc6", "libgcc-s1", "libx11-6", "libxcursor1"],
            ),
        ] {
            let package = release.join(format!("{program}_{architecture}.deb"));
            assert_eq!(field(&package, "Architecture"), architecture);
            let version = field(&package, "Version");
            assert_eq!(version, format!("{}-1", env!("CARGO_PKG_VERSION")));
            assert_eq!(field(&package, "Recommends"), "");
            let depends = field(&package, "Depends");
            println!("{program} {architecture} {version}: {depends}");
            let names: BTreeSet<&str> = depends
                .split(", ")
                .map(|one| one.split([' ', ':']).next().unwrap())
                .collect();
            assert_eq!(names, expected.iter().copied().collect(), "{package:?}");
        }
    }
}

#[test]
#[ignore = "needs a release"]
fn a_package_is_refused_on_armv6_with_a_sentence() {
    let Some(release) = release() else { return };
    for program in PROGRAMS {
        let package = unpacked(&release.join(format!("{program}_armhf.deb")));
        for (machine, refused) in [("armv6l", true), ("armv7l", false), ("aarch64", false)] {
            let uname = format!("uname() {{ echo {machine}; }}; . \"$0\"");
            let output = Command::new("sh")
                .args(["-c", &uname])
                .arg(package.path().join("all/DEBIAN/preinst"))
                .arg("install")
                .env("DPKG_MAINTSCRIPT_PACKAGE", program)
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), !refused, "{machine}: {told}");
            let expected = format!("{program} needs ARMv7");
            assert_eq!(told.contains(&expected), refused, "{machine}: {told}");
        }
    }
}

/// 60 test pictures of a pi-send go to a view-recv, and every one comes out of that as it should be.
fn assert_sixty_pictures(sender: &mut Command, viewer: &mut Command) {
    let (mut viewer, pictures) = Running::start_collecting(viewer.args([
        "--bind",
        "127.0.0.1:0",
        "--headless",
        "--once",
        "--output",
        "-",
    ]));
    let host = viewer.listening_on().to_string();
    let mut sender = Running::start(
        sender
            .args([
                "--host", &host, "--source", "test", "--res", "320x240", "--frames", "60",
            ])
            .stdin(Stdio::null()),
    );
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let jpegs = cut(&pictures.join().unwrap());
    assert_eq!(jpegs.len(), 60);
    let mut last = None;
    for jpeg in jpegs {
        let picture = image::load_from_memory(&jpeg).unwrap().to_rgb8();
        let (width, height) = picture.dimensions();
        for ((x, y), expected) in bars(width, height) {
            let seen = picture.get_pixel(x, y).0;
            assert!(near(seen, expected, 4), "{seen:?}, not {expected:?}");
        }
        let number = number_in(width, height, |x, y| picture.get_pixel(x, y).0[1]);
        assert!(
            number.is_some() && number > last,
            "{number:?} after {last:?}"
        );
        last = number;
    }
}

/// The same for the camera of a Raspberry Pi, through what stands in for rpicam-vid here.
fn assert_rpicams_pictures(sender: &mut Command, name: &str) {
    let system = System::new(name);
    system.offer(sender);
    let listening = Listening::start();
    let args = ["--host", &listening.address(), "--frames", "60"];
    let mut sender = Running::start(sender.args(args).stdin(Stdio::null()));
    let frames = listening.accept().frames();
    let (status, lines) = sender.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let without = "(this pi-send was built without libcamera)";
    assert!(
        lines.iter().any(|line| line.contains(without)),
        "{lines:#?}"
    );
    let numbers = Vec::from_iter(frames.iter().map(|frame| rpicam::number(&frame.jpeg)));
    assert_eq!(numbers.len(), 60);
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert!(system.has_ended_in_order() && !system.is_left());
}

#[test]
#[ignore = "needs a release"]
fn programs_of_other_architectures_run_on_both_debians_and_send_all_pictures() {
    let Some(release) = release() else { return };
    for (architecture, emulator) in EMULATORS {
        let [sender, viewer] = PROGRAMS.map(|program| {
            let package = release.join(format!("{program}_{architecture}.deb"));
            (unpacked(&package), format!("all/usr/bin/{program}"))
        });
        for suite in SUITES {
            let root = debian_root(suite, architecture);
            let emulated = |(folder, program): &(TempDir, String)| {
                let mut command = Command::new(emulator);
                command
                    .arg("-L")
                    .arg(&root)
                    .arg(folder.path().join(program));
                command
            };
            for (program, name) in [&sender, &viewer].into_iter().zip(PROGRAMS) {
                let version = run(emulated(program).arg("--version"));
                assert_eq!(version, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
                let help = run(emulated(program).arg("--help"));
                assert!(help.contains("--stats"), "{help}");
            }
            // 32-bit Neon code is used where /proc/cpuinfo names it, and here that is another machine's.
            for neon in ["0", "1"] {
                let mut command = emulated(&sender);
                command.env("JSIMD_FORCENEON", neon);
                assert_sixty_pictures(&mut command, &mut view_recv(&[]));
            }
            assert_sixty_pictures(&mut emulated(&sender), &mut emulated(&viewer));
            assert_rpicams_pictures(&mut emulated(&sender), &format!("{architecture}-{suite}"));
            println!("{architecture} on {suite}: 60 of 60 pictures, four times");
        }
    }
}

/// A copy of a bare Debian, to be changed.
struct Bare(TempDir);

impl Bare {
    fn new(suite: &str) -> Bare {
        let root = debian_root(suite, "amd64");
        let copy = tempfile::tempdir().unwrap();
        run(Command::new("cp")
            .arg("-a")
            .arg(root)
            .arg(copy.path().join("root")));
        for file in ["etc/resolv.conf", "etc/hosts"] {
            std::fs::copy(
                Path::new("/").join(file),
                copy.path().join("root").join(file),
            )
            .unwrap();
        }
        Bare(copy)
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    /// A command line in it, with mounts of its own, and where so asked with a network of its own: one card, 192.168.77.1.
    fn command(&self, network: &str, line: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child"]);
        let mut first = String::from(
            "mount -t proc proc \"$0/proc\" && mkdir -p \"$0/tmp/.X11-unix\" && mount --bind /tmp/.X11-unix \"$0/tmp/.X11-unix\" && ",
        );
        if network == "own" {
            command.arg("--net");
            first += "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link set eth1 up && \
                ip address add 192.168.77.1/24 dev eth0 && ip link set eth0 up && ";
        }
        command
            .args([
                "sh",
                "-c",
                &format!("{first} exec chroot \"$0\" sh -c \"$1\""),
            ])
            .arg(self.root())
            .arg(line)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            );
        command
    }
}

#[test]
#[ignore = "needs a release, root and Debian's archive"]
fn a_bare_debian_shows_a_picture_within_a_minute() {
    let Some(release) = release() else { return };
    if run(Command::new("id").arg("-u")).trim() != "0" {
        eprintln!("SKIPPED: only root can install packages into another system");
        return;
    }
    for suite in SUITES {
        let bare = Bare::new(suite);
        for program in PROGRAMS {
            let name = format!("{program}_amd64.deb");
            std::fs::copy(release.join(&name), bare.root().join(&name)).unwrap();
        }
        run(&mut bare.command("shared", "! command -v cc && ! command -v cargo"));
        let install = "apt-get install -y ./pi-send_amd64.deb ./view-recv_amd64.deb";
        let download = Instant::now();
        run(&mut bare.command(
            "shared",
            &format!("apt-get update && {install} --download-only"),
        ));
        let download = download.elapsed();

        let began = Instant::now();
        run(&mut bare.command("own", install));
        let installed = began.elapsed();
        let screen = Screen::start(1280, 800);
        let mut viewer = bare.command("own", "exec view-recv");
        let mut viewer =
            Running::start(viewer.env("DISPLAY", screen.display()).stdin(Stdio::null()));
        let typed = viewer.wait_line("line to type on the Pi", |line| {
            let (_, typed) = line.split_once("pi-send --host ")?;
            Some(format!(
                "pi-send --host {} --source test",
                typed.split_whitespace().next()?
            ))
        });
        let mut sender = Running::start(
            Command::new("nsenter")
                .args(["--net", "--target", &viewer.id().to_string()])
                .arg("chroot")
                .arg(bare.root())
                .args(["sh", "-c", &format!("exec {typed}")])
                .stdin(Stdio::null()),
        );
        screen.wait("the test picture's bars", |pixels| {
            let middle = (
                pixels.width() / 2 - 320,
                pixels.height() / 2 - 240,
                640,
                480,
            );
            let seen: BTreeSet<u32> = colours(pixels, middle).collect();
            bars(640, 480).all(|(_, [r, g, b])| {
                let is_it = |colour: &u32| {
                    let [_, red, green, blue] = colour.to_be_bytes();
                    near([red, green, blue], [r, g, b], 6)
                };
                seen.iter().any(is_it)
            })
        });
        println!(
            "{suite}: from two packages to a picture in {:.1} s (installed after {:.1} s), besides {:.1} s of download; typed: {typed}",
            began.elapsed().as_secs_f32(),
            installed.as_secs_f32(),
            download.as_secs_f32(),
        );
        sender.kill();
        viewer.kill();
    }
}
