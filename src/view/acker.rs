//! Acks on their way back to the sender.
//!
//! Whichever thread has dealt with a frame says so here; nothing ever blocks. A sender that does not
//! read its acks must not hold a receiver up: an ack that does not fit is dropped, whole.

use std::net::TcpStream;
use std::sync::Mutex;

use crate::link;
use crate::wire::{ACK_BYTES, Ack};

/// Writes acks on one connection.
#[derive(Debug)]
pub struct Acker {
    stream: TcpStream,
    /// The tail of an ack of which only the head did fit.
    rest: Mutex<Vec<u8>>,
}

impl Acker {
    /// Acks go to this connection.
    pub fn new(stream: TcpStream) -> Self {
        Acker {
            stream,
            rest: Mutex::new(Vec::with_capacity(ACK_BYTES)),
        }
    }

    /// Sends the ack, or drops it.
    pub fn ack(&self, ack: Ack) {
        let mut rest = self.rest.lock().expect("nothing panics while it acks");
        let torn = rest.len();
        rest.extend(ack.emit());
        // An error is a connection that its reader is about to find broken.
        let written = link::write_now(&self.stream, &rest).unwrap_or(0);
        rest.drain(..written);
        // Of what is left, keep the tail of an ack that has begun, and no ack that has not.
        let begun = if written < torn {
            torn - written
        } else {
            rest.len() % ACK_BYTES
        };
        rest.truncate(begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn a_sender_that_reads_no_acks_blocks_nobody_and_gets_whole_ones() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let acker = Acker::new(listener.accept().unwrap().0);
        // Far more than both kernels hold.
        for seq in 0..4_000_000 / ACK_BYTES as u32 {
            acker.ack(Ack { seq, held_us: !seq });
        }
        drop(acker);
        let mut bytes = Vec::new();
        sender.read_to_end(&mut bytes).unwrap();
        let acks: Vec<Ack> = bytes
            .chunks_exact(ACK_BYTES)
            .map(|mut chunk| Ack::read(&mut chunk).unwrap().unwrap())
            .collect();
        assert!(acks.len() > 1000);
        assert!(acks.iter().all(|ack| ack.held_us == !ack.seq));
    }
}
