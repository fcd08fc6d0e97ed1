//! The handshake: a hello, an answer, and Noise's two messages, after which both sides have proven the key.
//!
//! Whoever dials says what it does and which key it has, and whoever listens answers whether to go on. Those 20 bytes
//! are nobody's proof; but they are the prologue of what follows, so that nobody can have changed them. The first
//! message could be a recorded one: the listener has nothing proven until the dialler's first record, an empty one,
//! opens.

use std::io;

use snow::{Builder, HandshakeState};

use super::super::Key;
use super::records::{self, HEADER, Opener, Sealer, TAG};

/// What a dialler says first.
pub type Hello = [u8; 12];

/// What a listener answers.
pub type Answer = [u8; 8];

/// Each of Noise's two: a public key and the tag of an empty text.
pub type Message = [u8; 32 + TAG];

/// The dialler's first record: an empty one.
pub type First = [u8; HEADER + TAG];

/// What hello and answer begin with. As a frame's length it is above all that is accepted, so that a receiver that
/// knows no keys takes no hello for a frame.
pub const MAGIC: [u8; 4] = *b"pi-s";

const VERSION: u8 = 1;

const PROTOCOL: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// What one side of a connection does with frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Sends = 0,
    Receives = 1,
}

impl Role {
    /// What of both is for who does this.
    pub(crate) fn pick<T>(self, sends: T, receives: T) -> T {
        match self {
            Role::Sends => sends,
            Role::Receives => receives,
        }
    }

    /// What a user runs on the other side, to be dialled.
    pub(crate) fn other(self) -> &'static str {
        self.pick("view-recv", "pi-send --listen")
    }
}

/// Why a listener's answer to a hello is not to go on (0): advice, and no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The listener has another key.
    UnknownKey = 1,
    /// It speaks another version.
    Version = 2,
    /// It has no room.
    Busy = 3,
    /// It does what the dialler does.
    SameRole = 4,
    /// It has a key, and the dialler came without.
    KeyWanted = 5,
    /// It has no key.
    NoKey = 6,
}

impl Status {
    /// What is wrong with a peer, for who does this and has dialled it or was dialled by it, and what helps.
    pub fn reason(self, role: Role, is_dialled: bool) -> &'static str {
        use {Role::*, Status::*};
        match (self, role, is_dialled) {
            (Version, ..) => "speaks another version: take the same release on both sides",
            (SameRole, ..) => "does what this program does: is it the right address?",
            (Busy, Sends, true) => {
                "is showing another camera: for a second one, start another view-recv there (--bind :PORT)"
            }
            (Busy, Receives, true) => "sends to as many viewers as it can",
            (Busy, ..) => "finds that all places are taken",
            (KeyWanted, Sends, _) => "has no key; give it the same key: view-recv --key FILE",
            (KeyWanted, ..) => "sends without a key; give it the same key: pi-send --key FILE",
            (NoKey, Receives, false) => {
                "has a key, and none is set here; the same one: view-recv --key FILE"
            }
            (NoKey, Receives, true) => {
                "gives no answer to a key: it has none, or stands still; it needs the same one: pi-send --listen --key FILE"
            }
            (NoKey, Sends, _) => {
                "gives no answer to a key: it has none, or stands still; it needs the same one: view-recv --key FILE"
            }
            _ => "has another key: the same file belongs on both sides (--key FILE)",
        }
    }
}

/// What a dialler with this key, that does this, says first.
pub fn hello(key: &Key, role: Role) -> Hello {
    let ([a, b, c, d], [w, x, y, z]) = (MAGIC, key.id());
    [a, b, c, d, VERSION, role as u8, 0, 0, w, x, y, z]
}

/// Whether a listener with this key, that does this, goes on after a hello, or what came instead of one; else why not.
pub fn judge(hello: &Hello, key: &Key, role: Role) -> Result<(), Status> {
    match hello.strip_prefix(&MAGIC) {
        None => Err(Status::KeyWanted),
        Some([VERSION, _, _, _, id @ ..]) if *id != key.id() => Err(Status::UnknownKey),
        Some([VERSION, does, ..]) if *does == role as u8 => Err(Status::SameRole),
        Some([VERSION, ..]) => Ok(()),
        Some(_) => Err(Status::Version),
    }
}

/// The same as it travels.
pub fn answer(judged: Result<(), Status>) -> Answer {
    let ([a, b, c, d], status) = (MAGIC, judged.err().map_or(0, |status| status as u8));
    [a, b, c, d, VERSION, status, 0, 0]
}

/// What an answer says; what is none comes from who knows no keys.
pub fn status(answer: &Answer) -> Result<(), Status> {
    use Status::{Busy, KeyWanted, NoKey, SameRole, UnknownKey, Version};
    let all = [UnknownKey, Version, Busy, SameRole, KeyWanted];
    match answer.strip_prefix(&MAGIC) {
        Some([VERSION, 0, ..]) => Ok(()),
        Some([VERSION, status, ..]) => Err(*all.get(usize::from(*status) - 1).unwrap_or(&NoKey)),
        Some(_) => Err(Version),
        None => Err(NoKey),
    }
}

/// Noise's part: two messages, the dialler's first.
pub struct Handshake(HandshakeState);

impl Handshake {
    /// The part of who `dials`, or of who listens, behind that hello and that answer.
    pub fn begin(key: &Key, hello: &Hello, answer: &Answer, dials: bool) -> Handshake {
        let prologue = [&hello[..], answer].concat();
        let builder = Builder::new(PROTOCOL.parse().expect("a name that snow knows"));
        let builder = builder.psk(0, &key.0);
        let begun = builder.and_then(|builder| builder.prologue(&prologue));
        let begun = begun.and_then(|builder| match dials {
            true => builder.build_initiator(),
            false => builder.build_responder(),
        });
        Handshake(begun.expect("all that the pattern needs is given, and once"))
    }

    /// The message that is to be sent.
    pub fn write(&mut self) -> io::Result<Message> {
        let mut message = [0; size_of::<Message>()];
        self.0.write_message(&[], &mut message).map_err(invalid)?;
        Ok(message)
    }

    /// Takes the other side's; an error where that does not prove the key.
    pub fn read(&mut self, message: &Message) -> io::Result<()> {
        let read = self.0.read_message(message, &mut []);
        read.map(drop).map_err(invalid)
    }

    /// What comes after both messages; an error before that.
    pub fn into_records(self) -> io::Result<(Sealer, Opener)> {
        let transport = self.0.into_stateless_transport_mode();
        transport.map(records::begin).map_err(invalid)
    }
}

/// What does not verify, or cannot be sealed, as an error of the stream.
pub(super) fn invalid(error: snow::Error) -> io::Error {
    let line = format!("it is not what was sent with this key ({error})");
    io::Error::new(io::ErrorKind::InvalidData, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        let text = "pi-stream-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        text.parse().unwrap()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    /// Both sides, each before its message, with ephemeral keys that are known.
    fn sides(key: &Key, prologue: &[u8], keys: [&[u8]; 2]) -> [Handshake; 2] {
        let builder = |at: usize| {
            let builder = Builder::new(PROTOCOL.parse().unwrap());
            let builder = builder.psk(0, &key.0).unwrap();
            let builder = builder.prologue(prologue).unwrap();
            builder.fixed_ephemeral_key_for_testing_only(keys[at])
        };
        [
            Handshake(builder(0).build_initiator().unwrap()),
            Handshake(builder(1).build_responder().unwrap()),
        ]
    }

    // Computed by Python's noiseprotocol 0.3.1.
    #[test]
    fn the_same_ephemeral_keys_give_the_bytes_that_another_program_gives() {
        let key = key();
        let (hello, answer) = (hello(&key, Role::Sends), answer(Ok(())));
        assert_eq!(hello, *b"pi-s\x01\0\0\0\xce\xef\x15\x59");
        assert_eq!(answer, *b"pi-s\x01\0\0\0");
        let prologue = [&hello[..], &answer].concat();
        let [mut dialler, mut listener] = sides(&key, &prologue, [&[0x11; 32], &[0x22; 32]]);
        let first = dialler.write().unwrap();
        assert_eq!(
            first[..],
            bytes(
                "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13\
                 5b067dcf81212a8de2bfa385a611b897"
            )
        );
        listener.read(&first).unwrap();
        let second = listener.write().unwrap();
        assert_eq!(
            second[..],
            bytes(
                "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20\
                 12f1b1fd0e756361e39daa87a218da9e"
            )
        );
        dialler.read(&second).unwrap();
        let (mut there, mut back) = (
            dialler.into_records().unwrap().0,
            listener.into_records().unwrap().0,
        );
        let mut sent = Vec::new();
        there.write(&mut sent, [&[][..], &[0; 4]]).unwrap();
        assert_eq!(
            sent,
            bytes(
                "100083a5ab56bb7d0beac7ecf051d37cac75\
                 1400d91c89bb4e908412d49e712a2cb79aac2c408e54"
            )
        );
        let mut sent = Vec::new();
        back.write(&mut sent, [&[0, 1, 2, 3, 4, 5, 6, 7][..]])
            .unwrap();
        assert_eq!(
            sent,
            bytes("180068a519e24b12d41660ab55733fd9b38d7223a804c556e8ac")
        );
    }

    // The vector of this pattern among cacophony's.
    #[test]
    fn noise_is_what_its_authors_publish() {
        let key = bytes("54686973206973206d7920417573747269616e20706572737065637469766521");
        let psk = key.as_slice().try_into().unwrap();
        let begin = |ephemeral| {
            Builder::new(PROTOCOL.parse().unwrap())
                .psk(0, psk)
                .unwrap()
                .prologue(b"John Galt")
                .unwrap()
                .fixed_ephemeral_key_for_testing_only(ephemeral)
        };
        let keys = [
            bytes("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"),
            bytes("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"),
        ];
        let mut dialler = begin(&keys[0]).build_initiator().unwrap();
        let mut listener = begin(&keys[1]).build_responder().unwrap();
        let (mut sent, mut got) = ([0; 128], [0; 128]);
        let length = dialler
            .write_message(b"Ludwig von Mises", &mut sent)
            .unwrap();
        let expected = "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944\
             fda936bec35a8adfdff198386f7d5475880897edaaf7495314c99095a2e4d66a";
        assert_eq!(sent[..length], bytes(expected));
        listener.read_message(&sent[..length], &mut got).unwrap();
        let length = listener
            .write_message(b"Murray Rothbard", &mut sent)
            .unwrap();
        let expected = "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088434c\
             d2a371993ba41ea11448024fca32766b169183c9e691a7a433279da7e729";
        assert_eq!(sent[..length], bytes(expected));
        dialler.read_message(&sent[..length], &mut got).unwrap();
        let dialler = dialler.into_stateless_transport_mode().unwrap();
        let length = dialler.write_message(0, b"F. A. Hayek", &mut sent).unwrap();
        let expected = "bc44da303ae0beb08075fc4eb4e58235c67c2d1f53a4f2fff0bca7";
        assert_eq!(sent[..length], bytes(expected));
    }

    #[test]
    fn a_hello_is_judged_by_its_version_then_its_key_then_what_it_does() {
        let (key, other) = (key(), Key::random().unwrap());
        let judged = |hello: Hello| judge(&hello, &key, Role::Receives);
        assert_eq!(judged(hello(&key, Role::Sends)), Ok(()));
        assert_eq!(judged(hello(&other, Role::Sends)), Err(Status::UnknownKey));
        assert_eq!(
            judged(hello(&other, Role::Receives)),
            Err(Status::UnknownKey)
        );
        assert_eq!(judged(hello(&key, Role::Receives)), Err(Status::SameRole));
        let mut later = hello(&other, Role::Sends);
        later[4] = 2;
        assert_eq!(judged(later), Err(Status::Version));
        assert_eq!(
            judged(*b"\x10\0\0\0\xFF\xD8\xFF\xE0\0\x10JF"),
            Err(Status::KeyWanted)
        );
    }

    #[test]
    fn an_answer_says_what_was_answered_and_anything_else_is_no_keys() {
        for number in 0..7 {
            let mut bytes = answer(Ok(()));
            bytes[5] = number;
            assert_eq!(answer(status(&bytes)), bytes);
        }
        assert_eq!(status(b"pi-s\x01\x07\0\0"), Err(Status::NoKey));
        assert_eq!(status(b"pi-s\x02\0\0\0"), Err(Status::Version));
        assert_eq!(status(b"SSH-2.0-"), Err(Status::NoKey));
    }

    #[test]
    fn roles_and_keys_that_differ_prove_nothing() {
        let (key, other) = (key(), Key::random().unwrap());
        let hello = hello(&key, Role::Sends);
        let answer = answer(Ok(()));
        let dial = || Handshake::begin(&key, &hello, &answer, true);
        let first = dial().write().unwrap();
        let read = |key: &Key, hello: &Hello| {
            let mut accepting = Handshake::begin(key, hello, &answer, false);
            accepting.read(&first).is_ok()
        };
        assert!(!read(&other, &hello));
        let mut reflected = hello;
        reflected[5] = Role::Receives as u8;
        assert!(!read(&key, &reflected));
        assert!(read(&key, &hello));
        // Its own message, sent back.
        let mut dialling = dial();
        let first = dialling.write().unwrap();
        assert!(dialling.read(&first).is_err());
    }
}
