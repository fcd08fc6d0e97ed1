//! One life of a camera: opened, configured, started, served until it ends, released.
//!
//! A [`Session`] holds all that is libcamera's, on the camera's thread, and drops it in the order of its fields:
//! dropping the manager before a camera, or a request after it, crashes in safe Rust. libcamera's own thread calls
//! back with the binding's lock held, so the callbacks only send. The thread blocks on that one channel, where
//! completed requests and buffers that come home meet; it looks at the feed's stop every [`LOOK`].

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use libcamera::camera::{ActiveCamera, Camera};
use libcamera::camera_manager::CameraManager;
use libcamera::control::{ControlList, MergePolicy};
use libcamera::controls::{AnalogueGain, ExposureTime, LensPosition, SensorTimestamp};
use libcamera::framebuffer::FrameMetadataStatus;
use libcamera::request::{Request, RequestStatus, ReuseFlag};

use super::negotiate::{self, rate};
use super::{
    Agreed, Buffer, CameraConfig, CameraError, Lent, Names, Queued, Result, Table, buffers,
    library, select,
};
use crate::jpeg::markers;
use crate::picture::{Captured, Content, Pool};
use crate::report::Severity;
use crate::source::clock::taken_at;
use crate::source::thinner::Thinner;
use crate::source::{Feed, Shot, UNDER_WAY};

/// How long a stop may go unseen.
const LOOK: Duration = Duration::from_millis(100);

/// What the camera's thread waits for.
pub(super) enum Event {
    /// libcamera has finished a request.
    Done(Request),
    /// A lent buffer is back.
    Home(Buffer),
    /// The device went away.
    Unplugged,
}

/// An open camera. The order of the fields is the order in which they are dropped.
pub(super) struct Session {
    /// Requests that are not queued, by cookie: those whose buffer the CPU has.
    parked: HashMap<u64, Request>,
    events: Receiver<Event>,
    active: ActiveCamera<'static>,
    /// Keeps the camera itself alive until its requests are gone: those that an unplugged camera never
    /// completed are dropped with `active`, and look at the camera once more.
    _camera: Camera<'static>,
    _manager: CameraManager,
    home: Sender<Event>,
    /// The buffers that the camera has, by their request's cookie.
    queued: HashMap<u64, Queued>,
    agreed: Agreed,
    /// The longest that a frame may take.
    interval: Duration,
    thinner: Thinner,
    /// A webcam's.
    jpegs: Pool<Vec<u8>>,
    /// The last frame's number, by the camera's count.
    sequence: Option<u32>,
    missed: u64,
}

impl Session {
    /// Opens and starts the `known` camera, else the one that `--camera` means, which is known and reported then. A
    /// known one that is not there is [`CameraError::Absent`], whatever others are.
    pub(super) fn open(
        config: &CameraConfig,
        known: &OnceCell<Names>,
        heaps: bool,
        feed: &Feed,
    ) -> Result<Session> {
        let (manager, cameras) = select::cameras()?;
        let names = match known.get() {
            Some(known) => select::find(&cameras, &known.id)?.clone(),
            None => select::choose(&cameras, config.camera.as_deref())?.clone(),
        };
        let camera = manager.get(&names.id).ok_or_else(CameraError::unplugged)?;
        let mut active = select::acquire(&camera)?;

        let agreed = negotiate::configure(&mut active, config)?;
        let (rate, interval) = rate::rate(config, agreed.durations);
        let settings = [&[rate][..], &config.settings].concat();
        let controls = Table::read(active.controls()).resolve(&settings)?;

        // JPEGs are copied, and what comes by USB is cached anyway.
        let heaps = heaps && agreed.blank.is_some() && !select::is_usb(&names.id);
        let buffers = buffers::allocate(&mut active, &agreed, heaps)?;
        let (home, events) = mpsc::channel();
        let mut session = Session {
            parked: HashMap::new(),
            events,
            active,
            _camera: camera,
            _manager: manager,
            home,
            queued: HashMap::new(),
            agreed,
            interval,
            thinner: Thinner::new(config.fps),
            jpegs: Pool::new(UNDER_WAY),
            sequence: None,
            missed: 0,
        };
        session.start(buffers, &controls)?;
        if known.get().is_none() {
            let line = format!("camera {}: {}", names.model, session.agreed.format);
            feed.report(Severity::Info, line);
            rate::remark(config, &session.agreed, feed);
            let _ = known.set(names);
        }
        Ok(session)
    }

    fn start(&mut self, buffers: Vec<(Request, Buffer)>, controls: &ControlList) -> Result<()> {
        // Without a session there is nothing to do with what comes.
        let (done, unplugged) = (self.home.clone(), self.home.clone());
        let camera = &mut self.active;
        camera.on_request_completed(move |request| drop(done.send(Event::Done(request))));
        camera.on_disconnected(move || drop(unplugged.send(Event::Unplugged)));
        let started = camera.start(Some(controls));
        started.map_err(library("start the camera"))?;
        for (mut request, buffer) in buffers {
            // Some pipelines (uvcvideo) look at the controls of requests only. They keep what was set once.
            let own = request.controls_mut();
            own.merge(controls, MergePolicy::OverwriteExisting);
            self.parked.insert(buffer.cookie, request);
            self.queue(buffer)?;
        }
        Ok(())
    }

    /// Puts the camera's pictures into the feed until its stop is asked; an error is why the camera was lost.
    pub(super) fn serve(&mut self, feed: &Feed) -> Result<()> {
        let (mut last, before) = (Instant::now(), feed.captured());
        while !feed.stop.is_asked() {
            match self.events.recv_timeout(LOOK) {
                Ok(Event::Done(request)) if request.status() == RequestStatus::Cancelled => {
                    let line = "the camera stopped: check its cable and power";
                    return Err(CameraError::Failed(line.into()));
                }
                Ok(Event::Done(request)) => {
                    last = Instant::now();
                    self.give(request, feed)?;
                }
                Ok(Event::Home(buffer)) => self.queue(buffer)?,
                Ok(Event::Unplugged) => return Err(CameraError::unplugged()),
                // Nothing came in time. (The channel stays: the session itself holds a sender.)
                Err(_) => {}
            }
            let seen = feed.captured() > before;
            if self.queued.is_empty() {
                // All buffers are lent: the camera has none to fill.
                last = Instant::now();
            } else if last.elapsed() > patience(self.interval, seen) {
                let seconds = last.elapsed().as_secs_f32();
                let line = format!("the camera sent no frame for {seconds:.1} s: check its cable");
                return Err(CameraError::Failed(line));
            }
        }
        Ok(())
    }

    /// Puts a completed request's picture into the feed, if there is one.
    fn give(&mut self, mut request: Request, feed: &Feed) -> Result<()> {
        let frame = buffers::metadata(&request, &self.agreed.stream);
        let queued = self.queued.remove(&request.cookie());
        let Some((frame, Queued(buffer))) = frame.zip(queued) else {
            return Ok(());
        };
        let is_good = frame.status() == FrameMetadataStatus::Success;
        let plane = frame.planes().get(0);
        let bytes = plane.map_or(0, |plane| plane.bytes_used as usize);
        let sequence = frame.sequence();
        let last = self.sequence.replace(sequence);
        // A number that goes back is a count that began anew.
        let gap = last.and_then(|last| sequence.checked_sub(last)?.checked_sub(1));
        self.missed += u64::from(gap.unwrap_or(0));
        // The virtual pipeline stamps a request when it is queued, long before it draws the picture: there the
        // buffer's own time is right.
        let metadata = request.metadata();
        let sensor = metadata.get::<SensorTimestamp>().ok();
        let sensor = sensor.filter(|_| !self.agreed.is_virtual);
        let at = taken_at(sensor.map_or(frame.timestamp(), |stamp| stamp.0 as u64));
        let exposure = metadata.get::<ExposureTime>().ok();
        let shot = Shot {
            exposure_us: exposure.and_then(|time| u32::try_from(time.0).ok()),
            gain: metadata.get::<AnalogueGain>().ok().map(|gain| gain.0),
            lens_position: metadata.get::<LensPosition>().ok().map(|lens| lens.0),
            missed: self.missed,
        };
        request.reuse(ReuseFlag::REUSE_BUFFERS);
        self.parked.insert(buffer.cookie, request);
        if !is_good || !self.thinner.wants(at) {
            return self.queue(buffer);
        }
        let content = if let Some(mut blank) = self.agreed.blank {
            if self.agreed.is_virtual {
                blank.range = negotiate::virtual_range(buffer.first(blank.width as usize));
            }
            Content::Pixels(Box::new(Lent {
                buffer: Some(buffer),
                blank,
                stride: self.agreed.stride,
                home: self.home.clone(),
            }))
        } else {
            let mut jpeg = self.jpegs.get();
            jpeg.clear();
            jpeg.extend_from_slice(buffer.first(bytes));
            self.queue(buffer)?;
            // A frame that lost its beginning on the USB bus is no picture, and no fault of the camera's.
            if !jpeg.starts_with(&[0xFF, markers::SOI]) {
                return Ok(());
            }
            Content::Jpeg(jpeg)
        };
        let turn = self.agreed.remaining_turn;
        feed.put_shot(Captured { at, turn, content }, shot);
        Ok(())
    }

    /// Gives a buffer to the camera, with its request.
    fn queue(&mut self, buffer: Buffer) -> Result<()> {
        let cookie = buffer.cookie;
        if let Some(request) = self.parked.remove(&cookie) {
            let queued = buffer.queue(&self.active, request)?;
            self.queued.insert(cookie, queued);
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Stopping completes what is queued, as cancelled; all of it has arrived when this returns. A camera
        // that was unplugged may refuse: what it holds is dropped with `active`.
        let _ = self.active.stop();
        while self.events.try_recv().is_ok() {}
    }
}

/// How long to wait for a frame: three frames, and at least two seconds; longer for the first one, for which the
/// camera sets its exposure and drops what is not good yet.
fn patience(frame_time: Duration, seen: bool) -> Duration {
    let (frames, seconds) = if seen { (3, 2) } else { (10, 5) };
    (frame_time * frames).max(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_three_frames_and_at_least_two_seconds() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(Duration::from_millis(33), true), seconds(2));
        assert_eq!(patience(seconds(6), true), seconds(18));
        assert!(patience(seconds(6), false) > patience(seconds(6), true));
    }
}
