//! One run of `rpicam-vid`: started with its pipes, ended with all that it has started.
//!
//! It is a process group of its own, so that Ctrl-C in a terminal reaches pi-send alone, which then ends it in order;
//! and the kernel kills it when pi-send is killed, so that it never keeps the camera.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use crate::source::camera::{CameraError, Result};

/// Without `--flush`, the end of a picture stays in its buffer until the next one comes. It never reads its standard
/// input: the pipe for the metadata can be there, where it bears a name.
const ALWAYS: [&str; 6] = [
    "--timeout=0",
    "--nopreview",
    "--output=-",
    "--flush",
    "--metadata=/dev/stdin",
    "--metadata-format=txt",
];

/// A raw picture that fits into the pipe is written before its buffer is filled again; the kernel's default is 64 kB.
const PIPE_BYTES: usize = 1 << 20;

/// How long it has to release the camera; then it is killed.
const PATIENCE: Duration = Duration::from_millis(300);

/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// A started `rpicam-vid`. Dropping it ends it.
pub(super) struct Process(Child);

/// Those of its pictures, their metadata and its messages.
pub(super) type Pipes = (ChildStdout, File, ChildStderr);

impl Process {
    /// Starts it. The calling thread has to stay: when it ends, the kernel kills the process.
    pub(super) fn start(arguments: &[String]) -> Result<(Process, Pipes)> {
        let (mut child, metadata) = spawn("vid", |command| {
            let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
            command.stdin(theirs).args(ALWAYS).args(arguments);
            Ok(File::from(ours))
        })?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (pictures, log) = pipes.expect("both are piped");
        // Smaller works too: the reader is quick.
        let _ = fcntl_setpipe_size(&pictures, PIPE_BYTES);
        Ok((Process(child), (pictures, metadata, log)))
    }

    /// How it ended, once it has.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.0);
        let until = Instant::now() + PATIENCE;
        // Its own way to end in order.
        let _ = kill_process_group(group, Signal::INT);
        while self.status().is_none() && Instant::now() < until {
            thread::sleep(LOOK);
        }
        // And what it may have left behind.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Starts the program of rpicam-apps with this name, or with that of before, `libcamera-…`. What it writes is piped; what
/// has been prepared for it comes along.
#[allow(unsafe_code)]
pub(super) fn spawn<T>(
    name: &str,
    mut prepare: impl FnMut(&mut Command) -> io::Result<T>,
) -> Result<(Child, T)> {
    let mut spawn = |prefix: &str| {
        let mut command = Command::new(format!("{prefix}-{name}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let prepared = prepare(&mut command)?;
        // SAFETY: one system call, as is allowed between fork and exec.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        Ok((command.process_group(0).spawn()?, prepared))
    };
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let mut started = spawn("rpicam");
    if started.as_ref().is_err_and(is_missing) {
        started = spawn("libcamera");
    }
    started.map_err(|error| {
        CameraError::Failed(match is_missing(&error) {
            true => format!(
                "rpicam-{name} is not installed: on a Raspberry Pi, `sudo apt install rpicam-apps-lite`; elsewhere, take \
                 --source test, a FILE or -"
            ),
            false => format!("rpicam-{name} cannot be started: {error}"),
        })
    })
}
