//! What the tests that drive the real binaries share: programs that are killed when a test ends,
//! however it ends; lines awaited with a time-out; a receiver; a screen without a monitor; pictures
//! of known content.
//!
//! Nothing here sleeps to synchronise: waiting is for a line, a frame, an exit or a pixel, with
//! [`PATIENCE`] as the bound after which a test fails. Ports are the kernel's choice.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod dice;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod figures;
#[cfg(feature = "view")]
pub mod key;
pub mod pictures;
pub mod receiver;
pub mod relay;
#[cfg(target_os = "linux")]
pub mod rpicam;
#[cfg(all(target_os = "linux", feature = "view"))]
pub mod screen;
#[cfg(target_os = "linux")]
pub mod system;
#[cfg(target_os = "linux")]
pub mod terminal;
#[cfg(feature = "send")]
pub mod test_picture;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything awaited may take; long enough for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `look` finds something; fails the test after [`PATIENCE`], naming what was awaited.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// `pi-send` with these arguments.
#[cfg(feature = "send")]
pub fn pi_send(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pi-send"));
    command.args(args).stdin(Stdio::null());
    command
}

/// `view-recv` with these arguments.
#[cfg(feature = "view")]
pub fn view_recv(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_view-recv"));
    command.args(args).stdin(Stdio::null());
    command
}

/// The Python that has Pillow and numpy: `PI_STREAM_PYTHON`, else Debian's.
pub fn python() -> Command {
    let python = std::env::var_os("PI_STREAM_PYTHON").unwrap_or("/usr/bin/python3".into());
    let mut command = Command::new(python);
    command.stdin(Stdio::null());
    command
}

/// A port of 127.0.0.1 that was free a moment ago, for programs that cannot tell theirs.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

fn spawn(command: &mut Command) -> Child {
    command
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?} does not start: {e}"))
}

/// A program that runs, its stderr read line by line; killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts it. Its stdout goes where the command says, to nowhere by default.
    pub fn start(command: &mut Command) -> Running {
        Self::start_with(command, Stdio::null())
    }

    /// Starts it, and collects its stdout to the end on a thread.
    pub fn start_collecting(command: &mut Command) -> (Running, JoinHandle<Vec<u8>>) {
        let mut running = Self::start_with(command, Stdio::piped());
        let mut stdout = running.child.stdout.take().expect("it is piped");
        let collecting = thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).expect("a pipe can be read");
            bytes
        });
        (running, collecting)
    }

    /// Starts it with that stdout.
    pub fn start_with(command: &mut Command, stdout: Stdio) -> Running {
        let mut child = spawn(command.stdout(stdout).stderr(Stdio::piped()));
        let stderr = child.stderr.take().expect("it is piped");
        Self::reading(child, stderr)
    }

    /// Starts it in a terminal, of which stderr is read.
    #[cfg(target_os = "linux")]
    pub fn start_in(command: &mut Command, terminal: &terminal::Terminal) -> Running {
        let child = spawn(command.stdout(Stdio::null()).stderr(terminal.give()));
        Self::reading(child, terminal.read())
    }

    fn reading(child: Child, stderr: impl Read + Send + 'static) -> Running {
        let stderr = BufReader::new(stderr);
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                // Once the test is over nobody listens; read on all the same, so that the program
                // does not stand still before a full pipe.
                let _ = tell.send(line);
            }
        });
        Running {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The pipe into it, where the command has one.
    pub fn take_stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// The pipe out of it, where it was started with one.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `INT`, `TERM`, `KILL`, `STOP`.
    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -s {signal} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.expect("there is a shell").success(), "{kill}");
    }

    /// Waits for the next stderr line of which `find` makes something.
    pub fn wait_line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let found = find(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what} in time: {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("no {what}: {:#?}", self.seen),
            }
        }
    }

    /// Where a `view-recv` listens, as its line says: `listening on 127.0.0.1:8000`.
    pub fn listening_on(&mut self) -> SocketAddr {
        self.wait_line("line that says where it listens", |line| {
            let (_, behind) = line.split_once("listening on ")?;
            let address = behind.split_whitespace().next()?;
            address.trim_end_matches([',', ';', '.']).parse().ok()
        })
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it still runs: {:#?}",
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it without a word, as a power cut would.
    pub fn kill(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        self.wait();
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// All stderr lines that have come so far; after [`Running::wait`], all but a few still in the
    /// pipe.
    pub fn stderr(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Waits for its end and all its stderr lines.
    pub fn end(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.wait();
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.seen.push(line);
        }
        (status, self.seen.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
