//! The index of a Matroska file: where its clusters start, so that players can jump.
//!
//! Bounded by design, however long the file gets: thinned out as it grows. Pure, no I/O.

use super::ebml;

/// The element that the index is.
pub const CUES: u32 = 0x1C53_BB6B;

/// The most entries of the index; then every second one is let go, and half as many are made. A day
/// has 86,400 clusters: one in eight stays, and players seek to it.
const MAX_CUES: usize = 16_384;

/// Where the clusters start, thinned out as the file grows.
#[derive(Debug)]
pub struct Index {
    entries: Vec<(u64, u64)>,
    /// One cluster in so many is kept.
    stride: u64,
    /// Clusters seen.
    seen: u64,
}

impl Default for Index {
    fn default() -> Self {
        Index {
            entries: Vec::new(),
            stride: 1,
            seen: 0,
        }
    }
}

impl Index {
    /// A cluster starts at this tick and this position in the segment.
    pub fn put(&mut self, tick: u64, position: u64) {
        if self.seen % self.stride == 0 {
            self.entries.push((tick, position));
        }
        self.seen += 1;
        if self.entries.len() == MAX_CUES {
            let mut even = false;
            self.entries.retain(|_| {
                even = !even;
                even
            });
            self.stride *= 2;
        }
    }

    /// The index as an element of the file.
    pub fn emit(&self) -> Vec<u8> {
        let mut out = Vec::new();
        ebml::master(&mut out, CUES, |out| {
            for (tick, position) in &self.entries {
                ebml::master(out, 0xBB, |out| {
                    ebml::uint(out, 0xB3, *tick); // CueTime
                    ebml::master(out, 0xB7, |out| {
                        ebml::uint(out, 0xF7, 1); // CueTrack
                        ebml::uint(out, 0xF1, *position); // CueClusterPosition
                    });
                });
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_month_is_bounded_and_evenly_spread() {
        let mut index = Index::default();
        let month = 31 * 86_400;
        for second in 0..month {
            index.put(second, second);
        }
        assert!(index.entries.len() < MAX_CUES);
        assert!(index.entries.capacity() <= 2 * MAX_CUES);
        let gaps = index.entries.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.into_iter().all(|gap| gap == index.stride));
        assert!(index.stride <= 512, "{}", index.stride);
        assert!(month - index.entries.last().unwrap().0 <= index.stride);
    }
}
