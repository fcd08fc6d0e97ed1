//! The encoder stage: makes the JPEG that goes out of what a source captured, once for all outlets.
//!
//! Pictures are pulled: an outlet that can carry one asks for the newest. If the source has one that is newer
//! than the last encoded, it is encoded, on the outlet's own thread; an outlet that asks later gets the same JPEG.
//! Its quality is the best that one of them asks for. Outlets whose links would carry less than half of those share a
//! second, smaller JPEG of the same pixels: of one picture there are two at most. Outlets wait for each other here,
//! while a picture is encoded, and nowhere else; a smaller one holds up only those that need it. Pixels are turned on
//! the way; a JPEG that needs no turning is passed through. Encoders have no threads and no buffers before
//! they are needed, and keep them; the JPEGs' buffers are kept, too.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::quality::halves_the_rate;
use crate::handoff::{Slot, Wake, lock};
use crate::jpeg::{EncodeError, Encoder};
use crate::picture::{Captured, Content, Pixels, Pool, Pooled, Turn};
use crate::source::Feed;

/// JPEGs' buffers that are kept while no outlet holds them: two for the larger ones, two for the smaller.
const SPARE: usize = 4;

/// A picture ready to go out.
#[derive(Debug)]
pub(super) struct Encoded {
    /// Without a stamp of ours.
    pub(super) jpeg: Pooled<Vec<u8>>,
    /// `None` for one that came as a JPEG.
    pub(super) quality: Option<u8>,
    pub(super) captured: Instant,
    /// Of its source, as known then.
    pub(super) interval: Interval,
    /// How many receivers it goes to, as whichever of its JPEGs.
    pub(super) receivers: Arc<AtomicU32>,
    number: u64,
}

/// For so many pictures an outlet's wish for quality counts: one that takes none any more has no wishes.
const WISHED_FOR: u64 = 30;

/// Takes pictures from a source and encodes them. Shared by the outlets.
pub(super) struct Stage {
    pub(super) feed: Arc<Feed>,
    /// Whether there can be several outlets.
    is_shared: bool,
    /// The number of the newest encoded picture; 0 before the first.
    newest: AtomicU64,
    encoding: Mutex<Encoding>,
    /// The newest picture's pixels, while an outlet may need a smaller JPEG of them.
    pixels: Slot<(Box<dyn Pixels>, Turn, Arc<Encoded>)>,
    /// What makes the smaller JPEGs, and the newest of them.
    smaller: Mutex<(Encoder, Option<Arc<Encoded>>)>,
    jpegs: Pool<Vec<u8>>,
}

struct Encoding {
    interval: Interval,
    encoder: Encoder,
    newest: Option<Arc<Encoded>>,
    /// By outlet: the quality that it asked for last, and the newest picture's number then.
    wishes: BTreeMap<usize, (u8, u64)>,
}

impl Stage {
    /// Nothing is encoded yet; `fps` is what the source is expected to give, and several outlets can pull where it
    /// `is_shared`.
    pub(super) fn new(feed: Arc<Feed>, fps: f64, is_shared: bool) -> Arc<Stage> {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Arc::new(Stage {
            feed,
            is_shared,
            newest: AtomicU64::new(0),
            encoding: Mutex::new(Encoding {
                interval: Interval::new(fps),
                encoder: Encoder::new(cores),
                newest: None,
                wishes: BTreeMap::new(),
            }),
            pixels: Slot::default(),
            // On the outlet's thread alone: the others are for the larger ones.
            smaller: Mutex::new((Encoder::new(NonZeroUsize::MIN), None)),
            jpegs: Pool::new(SPARE),
        })
    }

    /// Waits until there is a picture behind the last one that an outlet has `seen`. A nudge wakes only one of several
    /// outlets, and not always the one that it is for: wait no longer than a nudge may be late.
    pub(super) fn wait(&self, seen: u64, until: Instant) -> Wake {
        let is_newer = || self.newest.load(Ordering::Acquire) > seen;
        self.feed.slot.wait_or(Some(until), is_newer)
    }

    /// The newest picture, for an outlet that has `seen` those before and wishes for a `quality`; `None` if it has seen
    /// this one, too. What the source captured since the last call is encoded first. The memory that it was captured
    /// in is free again when this returns, except where it is passed through, and where a smaller JPEG may be made of it,
    /// until there is a newer picture.
    pub(super) fn pull(
        &self,
        outlet: usize,
        seen: &mut u64,
        quality: u8,
    ) -> Result<Option<Arc<Encoded>>, EncodeError> {
        let mut encoding = lock(&self.encoding);
        let mut newest = self.newest.load(Ordering::Relaxed);
        encoding.wishes.insert(outlet, (quality, newest));
        if let Some(captured) = self.feed.slot.take() {
            encoding.interval.learn(captured.at, self.feed.captured());
            newest += 1;
            let turn = captured.turn;
            let pixels = encoding.encode(captured, newest, &self.jpegs)?;
            if let (Some(pixels), Some(of)) = (pixels, &encoding.newest) {
                drop(self.pixels.put((pixels, turn, Arc::clone(of))));
            }
            self.newest.store(newest, Ordering::Release);
            // A single outlet has nobody to wake.
            if self.is_shared {
                self.feed.slot.nudge();
            }
        }
        let before = std::mem::replace(seen, newest);
        let newest = encoding.newest.as_ref();
        let newest = newest.filter(|picture| picture.number > before).cloned();
        drop(encoding);
        match newest {
            Some(best) if best.quality.is_some_and(|q| halves_the_rate(q, quality)) => {
                let smaller = self.smaller(best, quality)?;
                *seen = smaller.number;
                Ok(Some(smaller))
            }
            newest => Ok(newest),
        }
    }

    /// A smaller JPEG of that picture, or of a newer one; itself, where its pixels are gone.
    fn smaller(&self, best: Arc<Encoded>, quality: u8) -> Result<Arc<Encoded>, EncodeError> {
        let (encoder, newest) = &mut *lock(&self.smaller);
        if let Some((pixels, turn, of)) = self.pixels.take() {
            *newest = None;
            let mut jpeg = self.jpegs.get();
            encoder.encode(&pixels.picture(), turn, quality, &mut jpeg)?;
            *newest = Some(Arc::new(Encoded {
                jpeg,
                quality: Some(quality),
                receivers: Arc::clone(&of.receivers),
                ..*of
            }));
        }
        let newest = newest.as_ref();
        let newest = newest.filter(|picture| picture.number >= best.number);
        Ok(newest.cloned().unwrap_or(best))
    }

    /// An outlet takes no more pictures for now.
    pub(super) fn leave(&self, outlet: usize) {
        lock(&self.encoding).wishes.remove(&outlet);
        drop(self.pixels.take());
    }
}

impl Encoding {
    /// At the best quality that is wished for. Returns the pixels, where a smaller JPEG of them may be wanted.
    fn encode(
        &mut self,
        captured: Captured,
        number: u64,
        jpegs: &Pool<Vec<u8>>,
    ) -> Result<Option<Box<dyn Pixels>>, EncodeError> {
        let wishes = self.wishes.values();
        let wishes = wishes.filter(|(_, at)| at + WISHED_FOR >= number);
        let quality = wishes.map(|(wish, _)| *wish).max().unwrap_or(0);
        // If no outlet holds it any more, its buffer is the next one's.
        self.newest = None;
        let mut jpeg = jpegs.get();
        let mut encoded = None;
        let turn = captured.turn;
        match captured.content {
            Content::Jpeg(passed) if turn == Turn::NONE => jpeg = passed,
            Content::Jpeg(original) => {
                self.encoder.turn(&original, turn, quality, &mut jpeg)?;
            }
            Content::Pixels(pixels) => {
                let picture = &pixels.picture();
                self.encoder.encode(picture, turn, quality, &mut jpeg)?;
                encoded = Some(pixels);
            }
        }
        self.newest = Some(Arc::new(Encoded {
            jpeg,
            quality: encoded.as_ref().map(|_| quality),
            captured: captured.at,
            interval: self.interval,
            receivers: Arc::default(),
            number,
        }));
        let is_too_much = |(wish, _): &(u8, u64)| halves_the_rate(quality, *wish);
        Ok(encoded.filter(|_| self.wishes.values().any(is_too_much)))
    }
}

/// How much a new interval counts for the average.
const WEIGHT: f64 = 0.1;

/// How long it is from one of a source's pictures to the next: as asked for at first, then as seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Interval {
    pub(super) average: Duration,
    /// That between the last two pictures.
    newest: Duration,
    last: Option<(Instant, u64)>,
}

impl Interval {
    /// Starts from the expected pictures a second; of what is no rate, zero or NaN, from no time at all.
    pub(super) fn new(fps: f64) -> Self {
        Interval {
            average: Duration::try_from_secs_f64(1.0 / fps).unwrap_or_default(),
            ..Interval::default()
        }
    }

    /// What a receiver should know, so that it does not take a source that has become slow for one that is
    /// gone: the longer of the average and the last.
    pub(super) fn to_declare(self) -> Duration {
        self.average.max(self.newest)
    }

    /// Learns from the source's `count`-th picture, captured at `at`. Not every picture has to be given.
    fn learn(&mut self, at: Instant, count: u64) {
        if let Some((last_at, last_count)) = self.last.replace((at, count)) {
            let pictures = count.saturating_sub(last_count).max(1);
            let apart = at.saturating_duration_since(last_at);
            self.newest = apart.div_f64(pictures as f64);
            self.average = self.average.mul_f64(1.0 - WEIGHT) + self.newest.mul_f64(WEIGHT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{OwnedPicture, Picture, PixelFormat};
    use crate::source::Delivery;

    fn stage() -> Arc<Stage> {
        Stage::new(Arc::new(Feed::new(Delivery::NewestWins)), 30.0, true)
    }

    fn put(stage: &Stage, shade: u8) {
        let blank = Picture::blank(PixelFormat::Gray, 16, 16);
        let bytes = vec![shade; 256].into();
        stage.feed.put(Captured {
            at: Instant::now(),
            turn: Turn::NONE,
            content: Content::Pixels(Box::new(OwnedPicture { blank, bytes })),
        });
    }

    /// An outlet that has had no picture, by its number.
    fn had(outlet: usize) -> Had {
        Had { outlet, seen: 0 }
    }

    struct Had {
        outlet: usize,
        seen: u64,
    }

    impl Had {
        fn wait(&self, stage: &Stage) -> Wake {
            stage.wait(self.seen, soon())
        }

        fn pull(&mut self, stage: &Stage, wish: u8) -> Result<Option<Arc<Encoded>>, EncodeError> {
            stage.pull(self.outlet, &mut self.seen, wish)
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_picture_is_encoded_once_and_each_outlet_gets_it_once() {
        let stage = stage();
        let (mut first, mut second) = (had(1), had(2));
        for shade in [0, 128, 255] {
            put(&stage, shade);
            assert_eq!(first.wait(&stage), Wake::Full);
            let a = first.pull(&stage, 80).unwrap().unwrap();
            assert_eq!(second.wait(&stage), Wake::Full);
            let b = second.pull(&stage, 70).unwrap().unwrap();
            assert!(Arc::ptr_eq(&a, &b) && a.quality == Some(80));
            assert!(first.pull(&stage, 80).unwrap().is_none());
            assert!(second.pull(&stage, 80).unwrap().is_none());
        }
        assert_eq!(stage.newest.load(Ordering::Relaxed), 3);
        stage.feed.slot.close();
        assert_eq!(first.wait(&stage), Wake::Closed);
    }

    #[test]
    fn an_outlet_that_holds_a_picture_keeps_no_other_from_newer_ones_and_gets_the_newest_then() {
        let stage = stage();
        let (mut fast, mut slow) = (had(1), had(2));
        put(&stage, 0);
        let held = slow.pull(&stage, 80).unwrap().unwrap();
        let as_it_was = held.jpeg.clone();
        for shade in 1..100 {
            put(&stage, shade);
            fast.pull(&stage, 80).unwrap().unwrap();
        }
        assert_eq!(*held.jpeg, as_it_was);
        drop(held);
        let newest = slow.pull(&stage, 80).unwrap().unwrap();
        assert_eq!((newest.number, slow.seen), (100, fast.seen));
    }

    #[test]
    fn an_outlet_that_waits_gets_what_another_had_encoded() {
        let stage = stage();
        let waiting = thread::spawn({
            let stage = Arc::clone(&stage);
            move || {
                let mut seen = Had { outlet: 1, seen: 1 };
                loop {
                    seen.wait(&stage);
                    // It may be the first to take a picture, too.
                    if let Some(picture) = seen.pull(&stage, 80).unwrap() {
                        return picture.number;
                    }
                }
            }
        });
        for shade in 0..2 {
            put(&stage, shade);
            had(2).pull(&stage, 80).unwrap();
        }
        assert_eq!(waiting.join().unwrap(), 2);
    }

    #[test]
    fn outlets_whose_links_carry_less_than_half_share_a_smaller_jpeg_of_the_same_picture() {
        let stage = stage();
        let (mut fast, mut slow, mut slower) = (had(1), had(2), had(3));
        put(&stage, 0);
        fast.pull(&stage, 80).unwrap();
        slow.pull(&stage, 40).unwrap();
        slower.pull(&stage, 30).unwrap();
        // Whoever is the first to ask.
        put(&stage, 128);
        let small = slow.pull(&stage, 40).unwrap().unwrap();
        let large = fast.pull(&stage, 80).unwrap().unwrap();
        let shared = slower.pull(&stage, 30).unwrap().unwrap();
        assert_eq!((small.quality, large.quality), (Some(40), Some(80)));
        assert!(Arc::ptr_eq(&small, &shared) && small.number == large.number);
        assert!(Arc::ptr_eq(&small.receivers, &large.receivers));
        assert!(slow.pull(&stage, 40).unwrap().is_none());
        // Little less is no reason for another one.
        put(&stage, 255);
        assert_eq!(slow.pull(&stage, 60).unwrap().unwrap().quality, Some(80));
        // Where nobody wishes for the larger one, it is not made.
        stage.leave(1);
        put(&stage, 0);
        assert_eq!(slow.pull(&stage, 40).unwrap().unwrap().quality, Some(40));
    }

    #[test]
    fn who_takes_no_pictures_any_more_has_none_encoded_at_its_wish() {
        let stage = stage();
        let (mut stands, mut goes_on) = (had(1), had(2));
        put(&stage, 0);
        stands.pull(&stage, 80).unwrap();
        let of_next = |wish, outlet: &mut Had| {
            put(&stage, 0);
            outlet.pull(&stage, wish).unwrap().unwrap()
        };
        assert_eq!(of_next(70, &mut goes_on).quality, Some(80));
        for _ in 0..WISHED_FOR {
            of_next(70, &mut goes_on);
        }
        assert_eq!(of_next(70, &mut goes_on).quality, Some(70));
    }

    #[test]
    fn a_picture_that_cannot_be_encoded_leaves_the_stage_fit_for_the_next() {
        let stage = stage();
        let mut seen = had(1);
        for _ in 0..2 {
            put(&stage, 0);
            assert!(seen.pull(&stage, 0).is_err());
            assert!(seen.pull(&stage, 80).unwrap().is_none());
            put(&stage, 0);
            assert!(seen.pull(&stage, 80).unwrap().is_some());
        }
    }

    #[test]
    fn the_interval_is_that_of_the_source_whatever_was_sent() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut interval = Interval::new(30.0);
        for i in 0..200 {
            // Every third picture of a source that gives 100 a second.
            interval.learn(start + ms(30 * i), 3 * i);
        }
        assert_eq!(interval.average.as_millis(), 10);
    }

    #[test]
    fn a_source_that_became_slow_is_declared_so_at_once() {
        let (start, s) = (Instant::now(), Duration::from_secs);
        let mut interval = Interval::new(30.0);
        interval.learn(start, 1);
        interval.learn(start + s(10), 2);
        assert!(interval.average < s(2));
        assert_eq!(interval.to_declare(), s(10));
    }

    #[test]
    fn what_is_no_rate_is_no_panic() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            assert!(Interval::new(fps).average <= Duration::from_secs(3600));
        }
    }
}
