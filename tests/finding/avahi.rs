//! A real avahi-daemon on a host, with a bus of its own, by which avahi's own programs ask it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Running, until};
use crate::lan::Host;

/// It runs until this is dropped.
pub struct Avahi {
    host: Host,
    folder: tempfile::TempDir,
    _programs: [Running; 2],
}

impl Avahi {
    /// Starts it there, for a host of this name.
    pub fn start(host: Host, name: &str) -> Avahi {
        let folder = tempfile::tempdir().expect("there is room");
        let path = |file: &str| folder.path().join(file);
        let (bus, config) = (path("bus"), path("avahi.conf"));
        let policy = r#"<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>"#;
        let bus_config = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\">{policy}</policy></busconfig>",
            bus.display()
        );
        fs::write(path("bus.conf"), bus_config).expect("there is room");
        fs::write(&config, format!("[server]\nhost-name={name}\n")).expect("there is room");

        let mut dbus = host.command("dbus-daemon");
        let bus_config = format!("--config-file={}", path("bus.conf").display());
        let dbus = Running::start(dbus.args([&bus_config, "--nofork", "--nopidfile"]));
        until("the bus", || bus.exists().then_some(()));
        // Each has the folder of avahi's process id to itself.
        let mut avahi = host.command("unshare");
        avahi.args(["--mount", "sh", "-c"]);
        avahi.arg("mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && exec \"$0\" \"$@\"");
        avahi.args([
            "avahi-daemon",
            "--no-drop-root",
            "--no-chroot",
            "--no-rlimits",
        ]);
        avahi.arg("--file").arg(&config);
        avahi.env("DBUS_SYSTEM_BUS_ADDRESS", address(&bus));
        let mut avahi = Running::start(&mut avahi);
        let ready = format!("Server startup complete. Host name is {name}.local");
        avahi.wait_line("avahi", |line| line.contains(&ready).then_some(()));
        Avahi {
            host,
            folder,
            _programs: [dbus, avahi],
        }
    }

    /// One of avahi's programs, to be run there.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.host.command(program);
        command.args(arguments);
        command.env(
            "DBUS_SYSTEM_BUS_ADDRESS",
            address(&self.folder.path().join("bus")),
        );
        command
    }

    /// What `avahi-browse` lists of this type, resolved: a line for each interface and protocol.
    pub fn browse(&self, kind: &str) -> Vec<String> {
        let mut browse = self.command("avahi-browse", &["-rpt", kind]);
        let output = browse.output().expect("avahi-utils is installed");
        assert!(output.status.success(), "{output:?}");
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        listed
            .lines()
            .filter(|line| line.starts_with('='))
            .map(str::to_owned)
            .collect()
    }
}

fn address(bus: &Path) -> String {
    format!("unix:path={}", bus.display())
}
