//! Chance that comes again: every number follows from a seed, and a failure can name it.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

/// SplitMix64: small, and every seed is as good as any other.
pub struct Dice(pub u64);

impl Dice {
    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A byte that may mean something.
    pub fn byte(&mut self) -> u8 {
        // Half of the time one that means something in a JPEG or a length.
        const TELLING: [u8; 14] = [
            0x00, 0x01, 0x02, 0x7F, 0x80, 0xC0, 0xC4, 0xD0, 0xD8, 0xD9, 0xDA, 0xE1, 0xFE, 0xFF,
        ];
        match self.below(2) {
            0 => TELLING[self.below(TELLING.len())],
            _ => self.next() as u8,
        }
    }

    /// So many of them, or fewer.
    pub fn bytes(&mut self, at_most: usize) -> Vec<u8> {
        let length = self.below(at_most + 1);
        (0..length).map(|_| self.byte()).collect()
    }

    /// One to eight changes: bytes set, taken out, put in, doubled, the end cut off.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(32)).min(bytes.len());
            match self.below(6) {
                0 | 1 if !bytes.is_empty() => bytes[at] = self.byte(),
                2 => drop(bytes.splice(at..at, self.bytes(16))),
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                5 if self.below(4) == 0 => bytes.truncate(at),
                _ => {}
            }
        }
    }
}
