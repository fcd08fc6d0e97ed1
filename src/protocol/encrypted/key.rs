//! The key: 32 random bytes that both sides have, and their text in a file.
//!
//! Whoever has it can watch and send. It is wiped from memory when it is dropped, and nothing shows its bytes.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use snow::params::HashChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use zeroize::Zeroizing;

/// Bytes of a key.
const BYTES: usize = 32;

/// What a key's line starts with; the number is the format's version.
const PREFIX: &str = "pi-stream-key-1:";

/// The key that both sides of an encrypted connection have.
///
/// ```
/// use pi_stream::Key;
/// let key = Key::random()?;
/// let text = format!("# The garden's.\n{}", *key.to_text());
/// assert_eq!(text.parse::<Key>()?, key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub(super) Zeroizing<[u8; BYTES]>);

/// A text that holds no key, or several. What stands there is not repeated: it may be one, but for a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it holds no key, or several: one line {PREFIX} and 43 letters, digits, '-' or '_' was expected"
)]
pub struct KeyError;

impl Key {
    /// A new one, of the system's random numbers.
    pub fn random() -> io::Result<Key> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        getrandom::fill(&mut *bytes)?;
        Ok(Key(bytes))
    }

    /// The line that a file holds.
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0));
        Zeroizing::new([PREFIX, &encoded, "\n"].concat())
    }

    /// What tells it from others, and nothing of itself.
    pub(crate) fn id(&self) -> [u8; 4] {
        let hash = DefaultResolver.resolve_hash(&HashChoice::Blake2s);
        let (mut hash, mut out) = (hash.expect("snow is built with it"), [0; 32]);
        hash.input(b"pi-stream-key-id-1");
        hash.input(&*self.0);
        hash.result(&mut out);
        [out[0], out[1], out[2], out[3]]
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// The key of a file's text: one line, beside those that begin with `#` and empty ones.
    fn from_str(text: &str) -> Result<Key, KeyError> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or(KeyError)?;
        let encoded = line.strip_prefix(PREFIX).ok_or(KeyError)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes) {
            Ok(BYTES) if lines.next().is_none() => Ok(Key(bytes)),
            _ => Err(KeyError),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pi-stream-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn a_keys_text_is_as_documented_and_comes_back() {
        let key: Key = TEXT.parse().unwrap();
        assert_eq!(*key.0, std::array::from_fn(|at| at as u8));
        assert_eq!(*key.to_text(), format!("{TEXT}\n"));
        // BLAKE2s, as Python's hashlib has it.
        assert_eq!(key.id(), [0xce, 0xef, 0x15, 0x59]);
        assert_eq!(format!("{key:?} {:?}", Some(&key)), "Key(..) Some(Key(..))");
    }

    #[test]
    fn comments_and_line_ends_of_any_system_are_skipped() {
        let text = format!("# The garden's key.\r\n\r\n  {TEXT} \r\n#\r\n");
        assert_eq!(text.parse::<Key>().unwrap(), TEXT.parse().unwrap());
    }

    #[test]
    fn what_is_no_key_or_several_is_refused() {
        for bad in [
            String::new(),
            "# nothing\n\n".to_owned(),
            format!("{TEXT}\n{TEXT}"),
            "garden".to_owned(),
            TEXT.replace("key-1", "key-2"),
            TEXT[..TEXT.len() - 1].to_owned(),
            format!("{TEXT}A"),
            format!("{TEXT}="),
            TEXT.replace("AAEC", "AA+C"),
            // Bits that stand for nothing.
            TEXT.replace("h8", "h9"),
        ] {
            assert_eq!(bad.parse::<Key>(), Err(KeyError), "{bad}");
        }
    }

    #[test]
    fn no_two_keys_are_the_same() {
        assert_ne!(Key::random().unwrap(), Key::random().unwrap());
    }
}
