//! The thread that announces, or looks: it waits for packets, for what is due, and for its end, and looks at the
//! interfaces once a second.
//!
//! What it says is said on each socket by a schedule of its own: announcements a second apart, three to begin with and then
//! whenever somebody asks; questions ever more rarely.

use std::io;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::message::{self, Announcer, TTL};
use super::sockets::{self, Socket};
use super::{List, random};
use crate::handoff::{ends_within, lock, spawn};

/// How many packets are read a second, a busy office's: the system drops what else is sent.
const PACKETS: u32 = 500;

/// How long the end may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// From one announcement to the next on an interface, at least, and from the first question to the second.
const SECOND: Duration = Duration::from_secs(1);

/// How often an announcement is made where an interface or an address is new.
const ANNOUNCEMENTS: u32 = 3;

/// From a question to the answer, and as much again by chance: not all are to answer at once.
const ANSWER_AFTER_MS: u32 = 20;

/// The longest pause between two questions; what was not said again for three of them is forgotten.
const LONGEST_PAUSE: Duration = Duration::from_secs(TTL as u64 / 3);

/// What the thread is for.
pub(super) enum Task {
    Announce(Announcer),
    Find(Arc<Mutex<List>>),
}

/// A thread that announces, or looks; it ends when this is dropped, and takes back what it has announced.
pub struct Running {
    /// Leads to itself, and wakes the thread.
    bell: UdpSocket,
    thread: JoinHandle<()>,
}

impl Running {
    pub(super) fn start(name: &str, task: Task) -> io::Result<Running> {
        let bell = UdpSocket::bind("127.0.0.1:0")?;
        bell.connect(bell.local_addr()?)?;
        let mut sockets = Vec::new();
        sockets::update(&mut sockets)?;
        let rung = bell.try_clone()?;
        let thread = spawn(name, move || run(&task, sockets, &rung))?;
        Ok(Running { bell, thread })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing else ends a thread that waits; where this fails, it is left behind.
        let _ = self.bell.send(&[0]);
        ends_within(&self.thread, PATIENCE);
    }
}

fn run(task: &Task, mut sockets: Vec<Socket>, bell: &UdpSocket) {
    let (mut next_check, mut budget) = (Instant::now() + SECOND, PACKETS);
    loop {
        let now = Instant::now();
        if now >= next_check {
            (next_check, budget) = (now + SECOND, PACKETS);
            // What could not be had now may be there in a second.
            let _ = sockets::update(&mut sockets);
            if let Task::Find(list) = task {
                lock(list).forget(now);
            }
        }
        for socket in &mut sockets {
            task.say(socket, now);
        }
        let due = sockets.iter().filter_map(|socket| socket.due);
        let due = due.fold(next_check, Instant::min);
        // What may not be read now is not waited for.
        let readable = if budget > 0 { &sockets[..] } else { &[] };
        if wait(bell, readable, due) {
            break;
        }
        for socket in &mut sockets {
            while let Some(packet) = (budget > 0).then(|| socket.receive()).flatten() {
                budget -= 1;
                task.take(&packet, socket);
            }
        }
    }
    if let Task::Announce(announcer) = task {
        for socket in &sockets {
            let goodbye = announcer.packet(&socket.addresses, 0);
            goodbye.map(|packet| socket.send(&packet));
        }
    }
}

/// Waits for a packet or the bell, until then; whether the bell was rung.
fn wait(bell: &UdpSocket, sockets: &[Socket], until: Instant) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    // Not a moment too early, again and again.
    let left = Timespec::try_from(left + Duration::from_millis(1)).ok();
    let all = std::iter::once(bell).chain(sockets.iter().map(|socket| &socket.socket));
    let mut all: Vec<PollFd> = all.map(|s| PollFd::new(s, PollFlags::IN)).collect();
    let woken = poll(&mut all, left.as_ref());
    woken.is_ok() && all[0].revents().contains(PollFlags::IN)
}

impl Task {
    /// Says on this socket what is due.
    fn say(&self, socket: &mut Socket, now: Instant) {
        if socket.due.is_none_or(|due| now < due) {
            return;
        }
        let packet = match self {
            Task::Announce(announcer) => announcer.packet(&socket.addresses, TTL),
            Task::Find(_) => Some(message::query()),
        };
        // (An address that is new may not be ready for it.)
        socket.said += u32::from(packet.is_none_or(|packet| socket.send(&packet)));
        socket.not_before = now + SECOND;
        socket.due = match self {
            Task::Announce(_) => (socket.said < ANNOUNCEMENTS).then_some(now + SECOND),
            Task::Find(_) => {
                Some(now + LONGEST_PAUSE.min(SECOND * 2u32.pow(socket.said.min(6)) / 2))
            }
        };
    }

    /// What somebody said, or asked, on this socket's link.
    fn take(&self, packet: &[u8], socket: &mut Socket) {
        match (self, message::parse(packet)) {
            (Task::Announce(announcer), Some(asked)) if announcer.is_asked_for(&asked) => {
                let delay = ANSWER_AFTER_MS + random() % ANSWER_AFTER_MS;
                let soon = Instant::now() + Duration::from_millis(delay.into());
                let due = soon.max(socket.not_before);
                socket.due = Some(socket.due.map_or(due, |earlier| earlier.min(due)));
            }
            (Task::Find(list), Some(answer)) => {
                for (found, lasting) in message::read(&answer, socket.index) {
                    lock(list).put(found, lasting);
                }
            }
            _ => {}
        }
    }
}
