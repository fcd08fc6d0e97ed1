//! Two hosts with a third between them that forwards, or silently does not.
//!
//! The three are network namespaces inside a private world: the test starts itself once more with
//! `unshare`, in which network, mounts and processes are its own. So nothing has to be cleaned up, and
//! nothing can be left over: when that process ends, however it ends, all of it ends. Needs root or
//! user namespaces, and iproute2 and util-linux.
//!
//! ```text
//! garden 10.77.1.2 ── 10.77.1.1 (the world itself, forwards) 10.77.2.1 ── desk 10.77.2.2
//! ```

// The short forms and the full counts are two crates; each uses a part of this.
#![allow(dead_code)]

use std::process::{Command, Stdio};

use crate::common::Running;

/// Set for the process that runs inside.
const INSIDE: &str = "PI_STREAM_INSIDE";

/// The sender's host.
pub const GARDEN: &str = "garden";

/// The viewer's host.
pub const DESK: &str = "desk";

/// The viewer's address.
pub const DESK_ADDRESS: &str = "10.77.2.2";

/// The sender's address.
pub const GARDEN_ADDRESS: &str = "10.77.1.2";

/// Runs this program once more with these arguments in a world of its own, and waits for it; `None`
/// where this is that world already. Gives what it said on stdout and whether all went well.
pub fn outside(args: &[&str]) -> Option<(bool, String)> {
    if std::env::var_os(INSIDE).is_some() {
        return None;
    }
    let program = std::env::current_exe().expect("a program has a path");
    let mut command = Command::new("unshare");
    // Root's own rights reach further than those that a user namespace gives; others need one.
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
        .arg("--mount-proc")
        .arg(program)
        .args(args)
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().unwrap_or_else(|error| {
        panic!("unshare (util-linux) is needed to make networks in: {error}")
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.success(), said))
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

/// Makes the world ready for hosts; only inside.
pub fn enter() {
    assert!(
        std::env::var_os(INSIDE).is_some(),
        "only in a world of its own"
    );
    // Where iproute2 keeps the names of namespaces.
    run("mount", "-t tmpfs none /run");
    ip("link set lo up");
}

/// The three hosts.
pub struct Network(());

impl Network {
    /// Builds them; only inside.
    pub fn build() -> Network {
        enter();
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("the world is ours");
        let network = Network(());
        network.add_host(GARDEN, 1);
        network.add_host(DESK, 2);
        network
    }

    fn add_host(&self, host: &str, number: u8) {
        ip(&format!("netns add {host}"));
        ip(&format!(
            "link add to-{host} type veth peer name eth0 netns {host}"
        ));
        ip(&format!("addr add 10.77.{number}.1/24 dev to-{host}"));
        ip(&format!("link set to-{host} up"));
        ip(&format!("-n {host} link set lo up"));
        ip(&format!("-n {host} addr add 10.77.{number}.2/24 dev eth0"));
        ip(&format!("-n {host} link set eth0 up"));
        ip(&format!("-n {host} route add default via 10.77.{number}.1"));
    }

    /// The name has these addresses from now on, and no other name has any.
    pub fn name(&self, name: &str, addresses: &[&str]) {
        const NAMES: &str = "/run/hosts";
        let is_first = !std::fs::exists(NAMES).expect("the world is ours");
        let lines: String = addresses.iter().map(|a| format!("{a} {name}\n")).collect();
        std::fs::write(NAMES, lines).expect("the world is ours");
        if is_first {
            run("mount", &format!("--bind {NAMES} /etc/hosts"));
        }
    }

    /// The host in the middle forwards nothing any more, and says so to nobody.
    pub fn darken(&self) {
        ip(&format!("route add blackhole {DESK_ADDRESS}/32"));
        ip(&format!("route add blackhole {GARDEN_ADDRESS}/32"));
    }

    /// It forwards again.
    pub fn light(&self) {
        ip(&format!("route del blackhole {DESK_ADDRESS}/32"));
        ip(&format!("route del blackhole {GARDEN_ADDRESS}/32"));
    }

    /// A host loses its power, with what ran there, and boots.
    pub fn reboot(&self, host: &str, mut runs: Running) {
        self.darken();
        runs.kill();
        ip(&format!("link del to-{host}"));
        ip(&format!("netns del {host}"));
        self.add_host(host, if host == GARDEN { 1 } else { 2 });
        self.light();
    }

    /// The command, to be run on that host.
    pub fn on(&self, host: &str, command: &Command) -> Command {
        let mut there = Command::new("ip");
        there
            .args(["netns", "exec", host])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null());
        there
    }
}

pub fn ip(words: &str) {
    run("ip", words);
}

fn run(program: &str, words: &str) {
    let output = Command::new(program)
        .args(words.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed to make networks with: {error}"));
    assert!(
        output.status.success(),
        "{program} {words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
