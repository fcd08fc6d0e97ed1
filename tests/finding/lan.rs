//! Hosts on one network, as at home: each a network namespace of a world of its own (`network`), all of them on one
//! bridge, over which multicast goes.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;

use crate::network::{self, ip};

/// The network; only inside a world.
pub struct Lan(());

impl Lan {
    /// Builds it, without hosts.
    pub fn build() -> Lan {
        network::enter();
        ip("link add lan type bridge");
        ip("link set lan up");
        Lan(())
    }

    /// A host on the network, of this number: 10.77.0.NUMBER and fd77::NUMBER.
    pub fn add(&self, name: &'static str, number: u8) -> Host {
        let host = self.add_bare(name);
        host.ip(&format!("addr add 10.77.0.{number}/24 dev eth0"));
        host.ip(&format!("addr add fd77::{number}/64 dev eth0"));
        host.ip("route add 224.0.0.0/4 dev eth0");
        host
    }

    /// A host on the network whose interface is up, and has no addresses but that of its link (IPv6).
    pub fn add_bare(&self, name: &'static str) -> Host {
        ip(&format!("netns add {name}"));
        let host = Host(name);
        host.ip("link set lo up");
        // Duplicates are not looked for: a world has none, and it takes a second or two.
        host.run(|| fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0"))
            .expect("the world is ours");
        host.connect("eth0", "lan");
        host
    }
}

/// One of its hosts.
#[derive(Clone, Copy)]
pub struct Host(&'static str);

impl Host {
    /// Gives it an interface of this name on that bridge.
    pub fn connect(self, interface: &str, bridge: &str) {
        let (peer, name) = (format!("{}-{bridge}", self.0), self.0);
        ip(&format!(
            "link add {peer} type veth peer name {interface} netns {name}"
        ));
        ip(&format!("link set {peer} master {bridge} up"));
        self.ip(&format!("link set {interface} up"));
    }

    /// What `ip` is told there.
    pub fn ip(self, words: &str) {
        ip(&format!("-n {} {words}", self.0));
    }

    /// A program, to be run there.
    pub fn command(self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.0, program]);
        command.stdin(Stdio::null());
        command
    }

    /// Runs it there: what it starts stays there, threads and sockets.
    pub fn run<T: Send>(self, run: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            let namespace = File::open(format!("/run/netns/{}", self.0)).expect("it was added");
            // SAFETY: it moves this thread alone, and the descriptor is open.
            let moved = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(moved, 0, "{}", std::io::Error::last_os_error());
            run()
        };
        thread::scope(|scope| scope.spawn(enter).join().expect("it does not panic"))
    }
}
