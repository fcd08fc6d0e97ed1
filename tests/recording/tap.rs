//! A tap in the line between two programs: passes on what comes either way, and keeps what the sender says.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pi_stream::protocol::FrameReader;

pub struct Tap {
    address: SocketAddr,
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// A tap before `receiver`, for one connection.
    pub fn start(receiver: SocketAddr) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Mutex::new(Vec::new()));
        thread::spawn({
            let kept = Arc::clone(&kept);
            move || {
                let (sender, _) = listener.accept().unwrap();
                let receiver = TcpStream::connect(receiver).unwrap();
                let (from, to) = (receiver.try_clone().unwrap(), sender.try_clone().unwrap());
                thread::spawn(move || pass(from, to, |_| ()));
                pass(sender, receiver, |bytes| {
                    kept.lock().unwrap().extend_from_slice(bytes);
                });
            }
        });
        Tap { address, kept }
    }

    /// Where the sender should go.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The whole frames that have passed.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let kept = self.kept.lock().unwrap().clone();
        let (mut reader, mut stream) = (FrameReader::new(64 << 20), &kept[..]);
        let mut frames = Vec::new();
        let mut frame = Vec::new();
        while reader
            .read(&mut stream, &mut frame)
            .is_ok_and(|whole| whole)
        {
            frames.push(frame.clone());
        }
        frames
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    to.set_nodelay(true).unwrap();
    let mut bytes = vec![0; 64 << 10];
    loop {
        match from.read(&mut bytes) {
            Ok(count) if count > 0 => {
                keep(&bytes[..count]);
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
