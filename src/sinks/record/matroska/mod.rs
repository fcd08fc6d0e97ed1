//! Matroska with one track of JPEGs (V_MJPEG), written so that it plays at any moment.
//!
//! ```text
//! EBML header
//! Segment (size unknown)
//!   Void  → SeekHead at the end           Info: name, date, Void → Duration
//!   Tracks: one, V_MJPEG                  Cluster (size unknown → its size) { Timestamp SimpleBlock* } *
//!   Cues at the end
//! ```
//!
//! What is behind an arrow is patched once it is known; a file that ends before (kill -9, a power
//! cut) is whole up to its last block. Each block goes to the kernel as it comes, a cluster holds at
//! most a second. Blocks on the disk, on the recorder's thread.

mod ebml;
mod index;

use std::fs::File;
use std::io::{self, Seek};
use std::time::{Duration, UNIX_EPOCH};

use self::index::{CUES, Index};
use super::segment::{append, patch};
use crate::recv::Received;

/// One tick of the file: a tenth of a millisecond, so that times are within 0.05 ms of the stamps,
/// and a block's 16 bits still reach over a cluster three times.
const TICK: Duration = Duration::from_micros(100);

/// The most that a cluster shows.
const CLUSTER_TICKS: u64 = 10_000;

/// Room for the list of what is where, patched in at the end: its one position is written in eight bytes.
const SEEK_HEAD_ROOM: usize = 26;

/// Room for the duration: an id of two bytes, a size of one, a number of eight.
const DURATION_ROOM: usize = 11;

/// What the file says of its making.
const WRITER: &str = concat!("pi-stream ", env!("CARGO_PKG_VERSION"));

/// Matroska counts its dates from the start of 2001, UTC.
const MILLENNIUM: Duration = Duration::from_secs(978_307_200);

/// What is known of a Matroska file that is being written, beside its bytes.
#[derive(Debug, Default)]
pub(crate) struct Matroska {
    /// Behind the segment's size: positions in a segment count from here, and its list of what is where
    /// starts here.
    segment: u64,
    /// Behind the duration, which comes last in the info.
    tracks: u64,
    /// The open cluster: the tick of its first frame, and where it starts.
    cluster: Option<(u64, u64)>,
    cues: Index,
    /// The last frame's tick, and how long it lasts as far as the frames before tell.
    last: Option<(u64, u64)>,
}

/// Bytes from a cluster's start to its body.
const CLUSTER_HEAD: u64 = 4 + ebml::SIZE_BYTES as u64;

impl Matroska {
    /// Writes the head of a file that starts with this frame.
    pub(crate) fn create(file: &mut File, first: &Received) -> io::Result<Matroska> {
        let head = [
            ebml::uint(0x4286, 1),             // EBMLVersion
            ebml::uint(0x42F7, 1),             // EBMLReadVersion
            ebml::uint(0x42F2, 4),             // EBMLMaxIDLength
            ebml::uint(0x42F3, 8),             // EBMLMaxSizeLength
            ebml::binary(0x4282, b"matroska"), // DocType
            ebml::uint(0x4287, 4),             // DocTypeVersion
            ebml::uint(0x4285, 2),             // DocTypeReadVersion
        ];
        let mut out = ebml::master(0x1A45_DFA3, &head); // EBML
        ebml::id(&mut out, 0x1853_8067); // Segment
        out.extend(ebml::UNKNOWN_SIZE);
        let segment = out.len() as u64;
        out.extend(ebml::void(SEEK_HEAD_ROOM));
        let title = first.name().map(|name| name.as_str().as_bytes());
        let since = first.captured_at().duration_since(UNIX_EPOCH + MILLENNIUM);
        let date = i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX);
        let info = [
            ebml::uint(0x002A_D7B1, TICK.as_nanos() as u64), // TimestampScale
            title.map_or_else(Vec::new, |title| ebml::binary(0x7BA9, title)), // Title
            ebml::binary(0x4461, &date.to_be_bytes()),       // DateUTC
            ebml::binary(0x4D80, WRITER.as_bytes()),         // MuxingApp
            ebml::binary(0x5741, WRITER.as_bytes()),         // WritingApp
            ebml::void(DURATION_ROOM),
        ];
        out.extend(ebml::master(0x1549_A966, &info)); // Info
        let tracks = out.len() as u64;
        out.extend(ebml::master(0x1654_AE6B, &[track(first)])); // Tracks
        append(file, &[&out])?;
        Ok(Matroska {
            segment,
            tracks,
            ..Matroska::default()
        })
    }

    /// Appends a frame that is shown `at` after the file's first. Times go forward: one that does not
    /// is shown a tick after the frame before.
    pub(crate) fn write(
        &mut self,
        file: &mut File,
        at: Duration,
        jpeg: [&[u8]; 3],
    ) -> io::Result<()> {
        let half = TICK / 2;
        let tick = u64::try_from((at + half).as_micros() / TICK.as_micros()).unwrap_or(u64::MAX);
        let tick = self.last.map_or(tick, |(last, _)| tick.max(last + 1));
        if matches!(self.cluster, Some((first, _)) if tick - first >= CLUSTER_TICKS) {
            self.close_cluster(file)?;
        }
        let at = file.stream_position()?;
        let cluster @ (first, _) = self.cluster.unwrap_or((tick, at));
        let mut out = Vec::with_capacity(40);
        if self.cluster.is_none() {
            // The cluster's head is one piece with its first block: none is ever empty.
            ebml::id(&mut out, 0x1F43_B675); // Cluster
            out.extend(ebml::UNKNOWN_SIZE);
            out.extend(ebml::uint(0xE7, tick)); // Timestamp
        }
        let offset = i16::try_from(tick - first).expect("a cluster is shorter than i16 reaches");
        ebml::id(&mut out, 0xA3); // SimpleBlock
        let bytes: usize = jpeg.iter().map(|piece| piece.len()).sum();
        ebml::size(&mut out, 4 + bytes as u64);
        out.push(0x81); // Track 1.
        out.extend(offset.to_be_bytes());
        out.push(0x80); // A key frame, as every JPEG is.
        let [head, stamp, tail] = jpeg;
        append(file, &[&out, head, stamp, tail])?;
        self.cluster = Some(cluster);
        let lasts = self.last.map_or(0, |(last, _)| tick - last);
        self.last = Some((tick, lasts));
        Ok(())
    }

    /// Takes the cluster into the index, and writes down its size and the duration so far: if the file ends here,
    /// readers know both.
    fn close_cluster(&mut self, file: &mut File) -> io::Result<()> {
        let Some((tick, start)) = self.cluster.take() else {
            return Ok(());
        };
        self.cues.put(tick, start - self.segment);
        let body = file.stream_position()? - start - CLUSTER_HEAD;
        patch(file, start + 4, &ebml::long_size(body))?;
        let (tick, lasts) = self.last.unwrap_or_default();
        let ticks = ((tick + lasts) as f64).to_be_bytes();
        let duration = ebml::binary(0x4489, &ticks); // Duration
        patch(file, self.tracks - DURATION_ROOM as u64, &duration)
    }

    /// Completes the file: sizes, duration and index. What can be done is done also where a step
    /// fails (a full disk has no room for the index, but for the patches); the first error comes back.
    pub(crate) fn finish(&mut self, file: &mut File) -> io::Result<()> {
        let closed = self.close_cluster(file);
        let cues_at = file.stream_position()? - self.segment;
        let seek = [
            ebml::binary(0x53AB, &CUES.to_be_bytes()),    // SeekID
            ebml::binary(0x53AC, &cues_at.to_be_bytes()), // SeekPosition
        ];
        let seek = ebml::master(0x4DBB, &seek); // Seek
        // All else comes before the first cluster, and needs no search.
        let seek_head = ebml::master(0x114D_9B74, &[seek]); // SeekHead
        let indexed = append(file, &[&self.cues.emit()]);
        let found = indexed.and_then(|()| patch(file, self.segment, &seek_head));
        let size = ebml::long_size(file.stream_position()? - self.segment);
        let sized = patch(file, self.segment - ebml::SIZE_BYTES as u64, &size);
        closed.and(found).and(sized)
    }
}

fn track(first: &Received) -> Vec<u8> {
    let video = [
        ebml::uint(0x9A, 2),                       // FlagInterlaced: progressive
        ebml::uint(0xB0, u64::from(first.width)),  // PixelWidth
        ebml::uint(0xBA, u64::from(first.height)), // PixelHeight
    ];
    let entry = [
        ebml::uint(0xD7, 1),               // TrackNumber
        ebml::uint(0x73C5, 1),             // TrackUID
        ebml::uint(0x83, 1),               // TrackType: video
        ebml::uint(0x9C, 0),               // FlagLacing
        ebml::binary(0x0022_B59C, b"und"), // Language
        ebml::binary(0x86, b"V_MJPEG"),    // CodecID
        ebml::master(0xE0, &video),
    ];
    ebml::master(0xAE, &entry)
}
