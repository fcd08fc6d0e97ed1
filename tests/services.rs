//! The services: a camera that streams, and a recorder that records, from boot on.
//!
//! There is no systemd running where tests run: units are checked by systemd's own tools, and their command lines are
//! run as systemd would run them, in folders that stand in for a system. What is about our packages is skipped, loudly,
//! where nobody has built them (scripts/test does).
#![cfg(all(feature = "send", feature = "view", target_os = "linux"))]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use common::receiver::Listening;
use common::system::{files, packages, run, value};
use common::{Running, free_port, pi_send};

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install-service");

/// A user that is nobody's: the first of those that systemd gives to services.
const NOBODYS_ID: u32 = 61184;

const PROGRAMS: [(&str, &str); 2] = [
    ("pi-send", env!("CARGO_BIN_EXE_pi-send")),
    ("view-recv", env!("CARGO_BIN_EXE_view-recv")),
];

fn unit(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/debian");
    fs::read_to_string(format!("{folder}/{name}.service")).unwrap()
}

/// What the unit starts, with these options from its file of defaults: program and arguments.
fn started(unit: &str, options: &str) -> (String, Vec<String>) {
    let line = value(unit, "ExecStart");
    let (line, variable) = line.rsplit_once(" $").expect("the options come last");
    assert!(variable.ends_with("_OPTIONS"), "{line}");
    let mut words = line.split(' ').chain(options.split(' ')).map(str::to_owned);
    (words.next().unwrap(), words.collect())
}

/// The service of a package that is unpacked in `root`, as the user that it would have, as far as this user can.
fn service(root: &Path, name: &str, options: &str) -> Command {
    let unit = root.join(format!("usr/lib/systemd/system/{name}.service"));
    let unit = fs::read_to_string(unit).unwrap();
    let inside = |path: &str| root.join(path.trim_start_matches('/'));
    let defaults = fs::read_to_string(inside(value(&unit, "EnvironmentFile"))).unwrap();
    let variable = format!("{}_OPTIONS", name.to_uppercase().replace('-', "_"));
    assert_eq!(value(&defaults, &variable), "\"\"");
    let (program, arguments) = started(&unit, options);
    let mut command = Command::new(inside(&program));
    if is_root() {
        let id = NOBODYS_ID.to_string();
        command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id]);
        match unit.contains("\nSupplementaryGroups=") {
            true => command.args(["--groups", value(&unit, "SupplementaryGroups")]),
            false => command.arg("--clear-groups"),
        };
        command.args(["--no-new-privs", "--bounding-set", "-all"]);
        command.arg(inside(&program));
    }
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}

/// A folder that everybody may enter.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn the_services_of_the_packages_send_and_record_as_users_of_their_own() {
    let Some(packages) = packages() else { return };
    let root = open_folder();
    for package in packages {
        let mut unpack = Command::new("dpkg-deb");
        run(unpack.arg("--extract").arg(package).arg(root.path()));
    }
    let folder = open_folder();
    if is_root() {
        chown(folder.path(), Some(NOBODYS_ID), Some(NOBODYS_ID)).unwrap();
    }
    let options = "--bind 127.0.0.1:0 --record garden.mkv --snapshot-every 1s --once";
    let mut recording = service(root.path(), "view-recv", options);
    recording.current_dir(folder.path());
    let mut recorder = Running::start(recording.env("HOME", folder.path()));
    let host = recorder.listening_on();
    let options = format!("--host {host} --source test --frames 3");
    let mut sender = Running::start(&mut service(root.path(), "pi-send", &options));
    for program in [&mut sender, &mut recorder] {
        let (status, lines) = program.end();
        assert!(status.success(), "{lines:#?}");
    }
    let made = files(folder.path());
    for end in ["garden.mkv", ".jpg"] {
        let is_made = made.iter().any(|path| path.ends_with(end));
        assert!(is_made, "no {end} in {made:?}");
    }
}

#[test]
fn a_service_waits_for_a_viewer_that_is_not_there_at_boot() {
    let unit = unit("pi-send");
    let start = |options: &str| {
        let (_, arguments) = started(&unit, options);
        let arguments = Vec::from_iter(arguments.iter().map(String::as_str));
        Running::start(&mut pi_send(&arguments))
    };
    let port = free_port();
    let mut early = start(&format!("--host 127.0.0.1:{port} --source test --frames 3"));
    early.wait_line("refusal", |line| line.contains("refused").then_some(()));
    let viewer = Listening::on(([127, 0, 0, 1], port).into());
    let mut session = viewer.accept();
    let frames = std::iter::from_fn(|| session.frame()).count();
    drop(session);
    assert_eq!((early.end().0.code(), frames), (Some(0), 3));

    // As long as there is no network, names do not resolve.
    let name = "no-such-host.invalid";
    let mut nameless = start(&format!("--host {name} --source test"));
    nameless.wait_line("name", |line| line.contains(name).then_some(()));
    nameless.signal("TERM");
    let (status, lines) = nameless.end();
    assert_eq!(status.code(), Some(0), "it was not waiting: {lines:#?}");
}

#[test]
fn systemd_takes_the_services_and_finds_them_well_confined() {
    for (name, built) in PROGRAMS {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join(name);
        fs::copy(built, &program).unwrap();
        // As it will be, but for the program's place: it is not installed here. Nor are its man pages.
        let unit = unit(name).replace(&format!("/usr/bin/{name}"), program.to_str().unwrap());
        let path = root.path().join(format!("{name}.service"));
        fs::write(&path, unit).unwrap();
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&path);
        let verified = verify.output().unwrap();
        let told = String::from_utf8_lossy(&verified.stderr);
        // What it says of this system's own units is not ours.
        let ours = told.lines().any(|line| line.contains(name));
        assert!(verified.status.success() && !ours, "{told}");
        // Of 10, where 10 is what a service without any of this has; 2 is "OK" in systemd's words.
        run(Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=20"])
            .arg(&path));
    }
}

/// scripts/install-service for a system in that folder.
fn install(root: &Path) -> Command {
    let mut command = Command::new(INSTALL);
    command.arg("--root").arg(root);
    command
}

#[test]
fn one_command_installs_a_service_and_one_removes_it() {
    let options = [
        "--host 192.168.1.159:9000 --name view-recv --res",
        "--record garden.mkv --segment 1h --keep 24 --window",
    ];
    for ((name, program), options) in PROGRAMS.into_iter().zip(options) {
        let root = tempfile::tempdir().unwrap();
        // pi-send is what is meant where nothing is said.
        let given = (name != "pi-send").then_some(name);
        for size in ["640x480", "1280x720"] {
            let mut install = install(root.path());
            install.args(["--program", program]).args(given);
            run(install.args(options.split(' ')).arg(size));
            let defaults = root.path().join("etc/default").join(name);
            let defaults = fs::read_to_string(defaults).unwrap();
            let variable = format!("{}_OPTIONS", name.to_uppercase().replace('-', "_"));
            assert_eq!(value(&defaults, &variable), format!("\"{options} {size}\""));
        }
        let unit = format!("etc/systemd/system/{name}.service");
        let unit = fs::read_to_string(root.path().join(unit)).unwrap();
        let key = root.path().join("garden.key");
        fs::write(&key, "a secret").unwrap();
        let handed_over = root.path().join(format!("etc/credstore/{name}.key"));
        let credential = format!("pi-stream.key:{name}.key");
        assert_eq!(value(&unit, "LoadCredential"), credential);
        for keyed in [true, false] {
            let mut install = install(root.path());
            install.args(["--program", program]).args(given);
            // With a key, viewers are found.
            let host = ["--host", "pi"].into_iter();
            install.args(host.filter(|_| given.is_none() && !keyed));
            if keyed {
                install.arg("--key").arg(&key);
            }
            run(&mut install);
            assert_eq!(handed_over.exists(), keyed);
            if keyed {
                let mode = fs::metadata(&handed_over).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                assert_eq!(fs::read_to_string(&handed_over).unwrap(), "a secret");
                let defaults = fs::read_to_string(root.path().join("etc/default").join(name));
                assert!(!defaults.unwrap().contains("key"));
            }
        }
        fs::remove_file(&key).unwrap();
        let (program, arguments) = started(&unit, "");
        assert_eq!(program, format!("/usr/local/bin/{name}"));
        assert!(arguments.join(" ").contains("--stats off"), "{unit}");
        assert!(root.path().join("usr/local/bin").join(name).exists());
        let wants = format!("etc/systemd/system/multi-user.target.wants/{name}.service");
        assert!(
            root.path().join(wants).is_symlink(),
            "it does not start at boot"
        );
        let recorded = root.path().join("var/lib/view-recv/garden.mkv");
        fs::create_dir_all(recorded.parent().unwrap()).unwrap();
        fs::write(&recorded, "a day in the garden").unwrap();

        run(install(root.path()).arg("--remove").args(given));
        assert_eq!(files(root.path()), ["var/lib/view-recv/garden.mkv"]);
    }
}

#[test]
fn a_service_is_started_again_however_it_ended_but_for_wrong_options() {
    for (name, _) in PROGRAMS {
        let unit = unit(name);
        assert_eq!(value(&unit, "Restart"), "always");
        assert_eq!(value(&unit, "RestartPreventExitStatus"), "2");
        assert_eq!(value(&unit, "StartLimitIntervalSec"), "0");
    }
}

#[test]
fn a_service_that_could_not_work_is_refused() {
    for (wrong, said) in [
        ("--res 640x480", "--listen or --key is missing"),
        ("pi-send", "--host, --listen or --key is missing"),
        ("--host pi --name my\tgarden", "no spaces"),
        ("--host pi --name $HOME", "no spaces"),
        ("--host pi --stats json", "--stats"),
        ("--host pi --key none.key", "--new-key none.key"),
        ("view-recv --stats=line", "--stats"),
        ("view-recv --output -", "--output"),
        ("view-recv --headless", "--headless"),
        ("--remove --host pi", "--remove takes no"),
        ("view-recv --remove --keep 3", "--remove takes no"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let mut install = install(root.path());
        let output = install.args(wrong.split(' ')).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {told}");
        assert!(told.contains(said), "{wrong}: {told}");
        assert_eq!(files(root.path()), Vec::<String>::new());
    }
}
