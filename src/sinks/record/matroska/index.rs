//! The index of a Matroska file: where its clusters start, so that players can jump.
//!
//! Bounded by design, however long the file gets: thinned out as it grows. Pure, no I/O.

use super::ebml;

/// The element that the index is.
pub(crate) const CUES: u32 = 0x1C53_BB6B;

/// The most entries of the index; then every second one is let go, and half as many are made. A day
/// has 86,400 clusters: one in eight stays, and players seek to it.
const MAX_CUES: usize = 16_384;

/// Where the clusters start, thinned out as the file grows.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Tick and position.
    entries: Vec<(u64, u64)>,
    /// How often it was thinned out: one cluster in `1 << halvings` is kept.
    halvings: u32,
    /// Clusters seen.
    seen: u64,
}

impl Index {
    /// A cluster starts at this tick and this position in the segment.
    pub(crate) fn put(&mut self, tick: u64, position: u64) {
        if self.seen % (1 << self.halvings) == 0 {
            self.entries.push((tick, position));
        }
        self.seen += 1;
        if self.entries.len() == MAX_CUES {
            self.entries = self.entries.iter().copied().step_by(2).collect();
            self.halvings += 1;
        }
    }

    /// The index as an element of the file.
    pub(crate) fn emit(&self) -> Vec<u8> {
        let points = self.entries.iter().map(|(tick, position)| {
            let place = [
                ebml::uint(0xF7, 1),         // CueTrack
                ebml::uint(0xF1, *position), // CueClusterPosition
            ];
            let time = ebml::uint(0xB3, *tick); // CueTime
            ebml::master(0xBB, &[time, ebml::master(0xB7, &place)])
        });
        ebml::master(CUES, &points.collect::<Vec<_>>())
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
        let stride = 1 << index.halvings;
        assert!(gaps.into_iter().all(|gap| gap == stride));
        assert!(stride <= 512, "{stride}");
        assert!(month - index.entries.last().unwrap().0 <= stride);
    }
}
