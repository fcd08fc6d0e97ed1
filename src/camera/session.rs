//! One life of a camera: opened, configured, started, served until it ends, released.
//!
//! A [`Session`] holds all that is libcamera's, on the camera's thread, and drops it in the order of its fields:
//! dropping the manager before a camera, or a request after it, crashes in safe Rust. libcamera's own thread calls
//! back with the binding's lock held, so the callbacks only send. The thread blocks on that one channel, where
//! completed requests and buffers that come home meet; it looks at the feed's stop every [`LOOK`].

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use libcamera::camera::{ActiveCamera, Camera};
use libcamera::camera_manager::CameraManager;
use libcamera::control::ControlList;
use libcamera::controls;
use libcamera::framebuffer::FrameMetadataStatus;
use libcamera::request::{Request, RequestStatus, ReuseFlag};
use libcamera::stream::Stream;

use super::CameraConfig;
use super::buffers::{self, Buffer, Lent, Memory, Queued};
use super::clock::{Thinner, taken_at};
use super::controls::{Given, Table};
use super::error::{CameraError, library};
use super::negotiate::{self, Agreed, mode, rate};
use super::select::{self, Names};
use crate::jpeg::markers;
use crate::picture::{Captured, Content, Pool};
use crate::report::Severity;
use crate::source::{Feed, Shot};

/// How long a stop may go unseen.
const LOOK: Duration = Duration::from_millis(100);

/// JPEGs of a webcam that are under way at once: one sent, one in the slot, one being filled.
const JPEGS: usize = 3;

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
    stream: Stream,
    /// The buffers that the camera has, by their request's cookie.
    queued: HashMap<u64, Queued>,
    agreed: Agreed,
    /// By the id it is found again.
    pub(super) names: Names,
    /// To be reported once.
    pub(super) remarks: Vec<(Severity, String)>,
    /// `false` until the virtual camera's first picture has shown its range.
    range_known: bool,
    /// The longest that a frame may take.
    interval: Duration,
    thinner: Thinner,
    jpegs: Pool<Vec<u8>>,
    /// The last frame's number, by the camera's count.
    sequence: Option<u32>,
    missed: u64,
}

impl Session {
    /// Opens and starts the camera with the id `known`, else the one that `--camera` means. A known one that is not
    /// there is [`CameraError::Absent`], whatever others are.
    pub(super) fn open(
        config: &CameraConfig,
        known: Option<&str>,
        memory: Memory,
    ) -> Result<Session, CameraError> {
        let (manager, cameras) = select::cameras()?;
        let names = match known {
            Some(id) => select::find(&cameras, id)?.clone(),
            None => select::choose(&cameras, config.camera.as_deref())?.clone(),
        };
        let camera = manager.get(&names.id).ok_or_else(CameraError::unplugged)?;
        let mut active = select::acquire(&camera)?;

        let modes = mode::modes(&mut active);
        let choice = mode::choose(&modes, config.mode, config.size, config.fps)?;
        let sensor = choice.map(|choice| choice.mode);
        let (agreed, stream) = negotiate::configure(&mut active, config, sensor)?;
        let durations = rate::frame_durations(&active);
        let (rate, interval) = rate::rate(config, durations);
        let settings: Vec<_> = rate.iter().chain(&config.settings).cloned().collect();
        let controls = Table::read(active.controls()).resolve(&settings)?;

        let (width, height) = (agreed.width, agreed.height);
        let mut opened = format!("camera {}: {width}x{height} {}", names.model, agreed.format);
        if let Some(mode) = sensor {
            opened += &format!(", sensor mode {mode}");
        }
        let differs = rate::remarks(config, &agreed, choice, durations).into_iter();
        let differs = differs.map(|line| (Severity::Warning, line));
        let remarks = [(Severity::Info, opened)].into_iter().chain(differs);

        // JPEGs are copied, and what comes by USB is cached anyway.
        let memory = match agreed.blank {
            Some(_) if !select::is_usb(&names.id) => memory,
            _ => Memory::Allocator,
        };
        let buffers = buffers::allocate(&mut active, &stream, &agreed, memory)?;
        let (home, events) = mpsc::channel();
        let mut session = Session {
            parked: HashMap::new(),
            events,
            active,
            _camera: camera,
            _manager: manager,
            home,
            stream,
            queued: HashMap::new(),
            range_known: !agreed.is_virtual,
            agreed,
            names,
            remarks: remarks.collect(),
            interval,
            thinner: Thinner::new(Duration::from_secs_f64(1.0 / config.fps)),
            jpegs: Pool::new(JPEGS),
            sequence: None,
            missed: 0,
        };
        session.start(buffers, &controls)?;
        Ok(session)
    }

    fn start(
        &mut self,
        mut buffers: Vec<(Request, Buffer)>,
        controls: &[Given],
    ) -> Result<(), CameraError> {
        let done = self.home.clone();
        self.active.on_request_completed(move |request| {
            // Without a session there is nothing to do with the request.
            let _ = done.send(Event::Done(request));
        });
        let unplugged = self.home.clone();
        self.active.on_disconnected(move || {
            let _ = unplugged.send(Event::Unplugged);
        });
        let mut list = ControlList::new();
        set(&mut list, controls);
        for (request, _) in &mut buffers {
            // Some pipelines (uvcvideo) look at the controls of requests only. They keep what was set once.
            set(request.controls_mut(), controls);
        }
        let started = self.active.start(Some(&list));
        started.map_err(library("start the camera"))?;
        let mut buffers = buffers.into_iter();
        buffers.try_for_each(|(request, buffer)| self.queue(request, buffer))
    }

    /// Puts the camera's pictures into the feed until its stop is asked; an error is why the camera was lost.
    /// `first` is called with the first picture.
    pub(super) fn serve(
        &mut self,
        feed: &Feed,
        first: &mut dyn FnMut(),
    ) -> Result<(), CameraError> {
        let mut seen = false;
        let mut last = Instant::now();
        let mut frame_time = self.interval;
        while !feed.stop().is_asked() {
            match self.events.recv_timeout(LOOK) {
                Ok(Event::Done(request)) => {
                    last = Instant::now();
                    if request.status() == RequestStatus::Cancelled {
                        let line = "the camera stopped: check its cable and power";
                        return Err(CameraError::Failed(line.into()));
                    }
                    if let Some(duration) = frame_duration(&request) {
                        frame_time = duration.max(self.interval);
                    }
                    if self.give(request, feed)? && !std::mem::replace(&mut seen, true) {
                        first();
                    }
                }
                Ok(Event::Home(buffer)) => self.queue_again(buffer)?,
                Ok(Event::Unplugged) => return Err(CameraError::unplugged()),
                // Nothing came in time. (The channel stays: the session itself holds a sender.)
                Err(_) => {}
            }
            if self.queued.is_empty() {
                // All buffers are lent: the camera has none to fill.
                last = Instant::now();
            } else if last.elapsed() > patience(frame_time, seen) {
                return Err(CameraError::Failed(format!(
                    "the camera sent no frame for {:.1} s: check its cable",
                    last.elapsed().as_secs_f32()
                )));
            }
        }
        Ok(())
    }

    /// Counts the frames that are missing before this one.
    fn count(&mut self, sequence: u32) {
        let last = self.sequence.replace(sequence);
        let gap = last.map_or(0, |last| sequence.wrapping_sub(last).wrapping_sub(1));
        // A number that goes back is a count that began anew.
        self.missed += u64::from(if gap < u32::MAX / 2 { gap } else { 0 });
    }

    /// Puts a completed request's picture into the feed; whether there was one.
    fn give(&mut self, request: Request, feed: &Feed) -> Result<bool, CameraError> {
        let (mut good, mut stamp_ns, mut bytes) = (true, 0, 0);
        if let Some(metadata) = buffers::metadata(&request, &self.stream) {
            good = metadata.status() == FrameMetadataStatus::Success;
            stamp_ns = metadata.timestamp();
            self.count(metadata.sequence());
            let plane = metadata.planes().get(0);
            bytes = plane.map_or(0, |plane| plane.bytes_used as usize);
        }
        let at = self.taken_at(&request, stamp_ns);
        let shot = shot(&request, self.missed);
        let Some(buffer) = self.take_back(request) else {
            return Ok(false);
        };
        if !good || !self.thinner.wants(at) {
            self.queue_again(buffer)?;
            return Ok(false);
        }
        feed.report_shot(shot);
        let content = if let Some(blank) = &mut self.agreed.blank {
            if !std::mem::replace(&mut self.range_known, true) {
                blank.range = negotiate::virtual_range(buffer.luma(blank.width as usize));
            }
            Content::Pixels(Box::new(Lent {
                buffer: Some(buffer),
                blank: *blank,
                home: self.home.clone(),
            }))
        } else {
            let mut jpeg = self.jpegs.get();
            buffer.copy_to(bytes, &mut jpeg);
            self.queue_again(buffer)?;
            // A frame that lost its beginning on the USB bus is no picture, and no fault of the camera's.
            if !jpeg.starts_with(&[0xFF, markers::SOI]) {
                return Ok(false);
            }
            Content::Jpeg(jpeg)
        };
        feed.put(Captured {
            at,
            turn: self.agreed.remaining_turn,
            content,
        });
        Ok(true)
    }

    /// When the sensor was exposed; now, where the camera does not say.
    ///
    /// The virtual pipeline stamps a request when it is queued, long before it draws the picture: there the buffer's
    /// own time is right.
    fn taken_at(&self, request: &Request, buffer_ns: u64) -> Instant {
        let sensor = request.metadata().get::<controls::SensorTimestamp>();
        let sensor_ns = sensor.ok().and_then(|stamp| u64::try_from(stamp.0).ok());
        match sensor_ns {
            Some(stamp) if !self.agreed.is_virtual => taken_at(stamp),
            _ => taken_at(buffer_ns),
        }
    }

    /// Parks a completed request; its buffer is the CPU's.
    fn take_back(&mut self, request: Request) -> Option<Buffer> {
        let buffer = self.queued.remove(&request.cookie())?.completed(&request);
        self.parked.insert(buffer.cookie(), request);
        Some(buffer)
    }

    fn queue_again(&mut self, buffer: Buffer) -> Result<(), CameraError> {
        let Some(mut request) = self.parked.remove(&buffer.cookie()) else {
            return Ok(());
        };
        request.reuse(ReuseFlag::REUSE_BUFFERS);
        self.queue(request, buffer)
    }

    fn queue(&mut self, request: Request, buffer: Buffer) -> Result<(), CameraError> {
        let cookie = buffer.cookie();
        let queued = buffer.queue(&self.active, request)?;
        self.queued.insert(cookie, queued);
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

fn set(list: &mut ControlList, controls: &[Given]) {
    for (id, value) in controls {
        // Always Ok in this binding; what the camera takes was checked before.
        let _ = list.set_raw(*id, value.clone());
    }
}

fn frame_duration(request: &Request) -> Option<Duration> {
    let duration = request.metadata().get::<controls::FrameDuration>().ok()?;
    u64::try_from(duration.0).ok().map(Duration::from_micros)
}

fn shot(request: &Request, missed: u64) -> Shot {
    let metadata = request.metadata();
    let exposure = metadata.get::<controls::ExposureTime>().ok();
    let gain = metadata.get::<controls::AnalogueGain>().ok();
    let lens = metadata.get::<controls::LensPosition>().ok();
    Shot {
        exposure_us: exposure.and_then(|time| u32::try_from(time.0).ok()),
        gain: gain.map(|gain| gain.0),
        lens_position: lens.map(|lens| lens.0),
        missed,
    }
}

/// How long to wait for a frame: three frames, and at least two seconds; longer for the first one, for which the
/// camera sets its exposure and drops what is not good yet.
fn patience(frame_time: Duration, seen: bool) -> Duration {
    match seen {
        true => (frame_time * 3).max(Duration::from_secs(2)),
        false => (frame_time * 10).max(Duration::from_secs(5)),
    }
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
