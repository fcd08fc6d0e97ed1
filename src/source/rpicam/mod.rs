//! `rpicam-vid` as a source: the camera of a Raspberry Pi without a libcamera of our own.
//!
//! Every Raspberry Pi OS has `rpicam-vid` (before, `libcamera-vid`) and keeps it in step with its libcamera. It writes
//! raw pictures or JPEGs to a pipe, and a picture's metadata, the time of its exposure among them, to another one.
//!
//! ```text
//! rpicam-vid ─┬─ stdout: a picture ─────▶ reader ──▶ Feed      always drained: rpicam-vid lets a raw picture's
//!             ├─ stdin: its metadata ───▶ reader               buffer be filled again before it has written it
//!             └─ stderr ────────────────▶ log                  reports warnings, keeps the reason of an end
//! ```
//!
//! The source's own thread starts it ([`process`]), watches that pictures come, and ends it. A first start that fails
//! is an error; a camera that is lost later is reported once, and tried again until it is back. What our options are
//! called there, `args` knows; [`cameras`] knows which camera is meant.

mod cameras;
mod process;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{ChildStdout, ExitStatus};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

pub use self::cameras::list;
use self::process::Process;
use super::clock::taken_at;
use super::log::report_log;
use super::stream::Reader;
use super::thinner::Thinner;
use super::tuning;
use super::{CloseAtEnd, Feed, Report, Shot};
use crate::picture::{Captured, Content, OwnedPicture, Picture, PixelFormat, Pool, Pooled, Turn};
use crate::report::Severity;

/// What is asked of `rpicam-vid`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Number, id or a part of the model; `None`: the first.
    pub camera: Option<String>,
    /// Width and height in pixels, before any turn.
    pub size: (u32, u32),
    /// Pictures a second.
    pub fps: f64,
    /// What the sensor takes; the exposure leaves room for so many.
    pub sensor_fps: f64,
    /// Of the JPEGs that `rpicam-vid` makes; of those that are made here, the link decides.
    pub quality: u8,
    /// What is left to turn here.
    pub turn: Turn,
    /// A sensor's tuning file: a path, or a name among libcamera's own.
    pub tuning_file: Option<PathBuf>,
    /// The camera's settings, as `rpicam-vid` has them: `--name=value`.
    pub settings: Vec<String>,
}

/// Why there are no pictures from `rpicam-vid`; each line is written where the reason is known.
#[derive(Debug, thiserror::Error)]
pub enum RpicamError {
    /// The command line asks for what does not exist.
    #[error("{0}")]
    Usage(String),
    /// It is not there, or has ended, or gives no pictures.
    #[error("{0}")]
    Failed(String),
}

/// The shortest and the longest pause between attempts to get a lost camera back.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// Rows of raw pictures whose width is a multiple of this have no padding on any Raspberry Pi. How much others have,
/// `rpicam-vid` does not say: they are taken as JPEGs.
const UNPADDED: u32 = 128;

/// Pictures that are under way at once: one sent, one in the slot, one being read.
const PICTURES: usize = 3;

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Puts the camera's pictures into the feed until its [`stop`](Feed::stop) is asked, then closes the feed.
pub(crate) fn run(options: &Options, feed: &Feed, report: Report<'_>) -> Result<(), RpicamError> {
    let _closed = CloseAtEnd(feed);
    let mut pause = PAUSES.0;
    loop {
        let before = feed.captured();
        let Err(why) = serve(options, feed, report) else {
            return Ok(());
        };
        if feed.captured() == 0 {
            return Err(why);
        }
        if feed.captured() > before {
            pause = PAUSES.0;
        }
        // One that fails again before its first picture has been reported already.
        if !feed.is_lost.swap(true, Ordering::Relaxed) {
            report(Severity::Error, format!("{why}; trying again"));
        }
        if feed.stop.sleep(pause) {
            return Ok(());
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

impl Options {
    /// What its raw pictures look like; `None` where it makes JPEGs. They have the full range, as JPEGs have.
    fn raw(&self) -> Option<Picture<'static>> {
        let (width, height) = self.size;
        let is_unpadded = width % UNPADDED == 0 && height % 2 == 0;
        is_unpadded.then(|| Picture::blank(PixelFormat::I420, width, height))
    }

    fn arguments(&self) -> Result<Vec<String>, RpicamError> {
        let (width, height) = self.size;
        let mut arguments = vec![
            format!("--width={width}"),
            format!("--height={height}"),
            format!("--framerate={}", self.sensor_fps),
        ];
        arguments.extend(match self.raw() {
            Some(_) => vec!["--codec=yuv420".into()],
            None => vec![
                "--codec=mjpeg".into(),
                format!("--quality={}", self.quality),
            ],
        });
        if let Some(camera) = &self.camera {
            arguments.push(format!("--camera={}", cameras::number_of(camera)?));
        }
        if let Some(file) = &self.tuning_file {
            let file = tuning::find(file).map_err(RpicamError::Usage)?;
            arguments.push(format!("--tuning-file={}", file.display()));
        }
        arguments.extend_from_slice(&self.settings);
        Ok(arguments)
    }

    /// How long to wait for a picture; longer for the first one, for which the camera sets its exposure.
    fn patience(&self, has_begun: bool) -> Duration {
        let (pictures, shortest) = if has_begun { (3.0, 3.0) } else { (10.0, 10.0) };
        Duration::from_secs_f64((pictures / self.fps.min(self.sensor_fps)).max(shortest))
    }
}

/// Starts a process and puts its pictures into the feed until its stop is asked; an error is why there are no (more).
fn serve(options: &Options, feed: &Feed, report: Report<'_>) -> Result<(), RpicamError> {
    // The arguments anew each time: the camera with that id may have another number now.
    let (mut process, (pictures, metadata, log)) = Process::start(&options.arguments()?)?;
    thread::scope(|scope| {
        let thread = |name: &str| thread::Builder::new().name(name.into());
        let no_thread = |error| RpicamError::Failed(format!("no thread for rpicam-vid: {error}"));
        let read = move || read(pictures, metadata, options, feed, report);
        let reader = thread("rpicam").spawn_scoped(scope, read);
        reader.map_err(no_thread)?;
        let log = BufReader::new(log);
        let log = || report_log(log, "rpicam-vid", false, feed, report);
        let log = thread("rpicam log").spawn_scoped(scope, log);
        let log = log.map_err(no_thread)?;
        let ended = watch(&mut process, options, feed);
        // With it, both threads end.
        drop(process);
        let error = log.join().unwrap_or_default();
        ended?.map_or(Ok(()), |status| Err(why(status, error)))
    })
}

/// Reads the next picture, into that buffer; `None` where there is none.
type ReadNext = dyn FnMut(Pooled<Vec<u8>>) -> Option<Content>;

/// Puts pictures into the feed, each with what its metadata say, until the pipe ends. What ended it, the process says.
fn read(
    mut pictures: ChildStdout,
    metadata: File,
    options: &Options,
    feed: &Feed,
    report: Report<'_>,
) {
    let mut next: Box<ReadNext> = match options.raw() {
        Some(blank) => Box::new(move |mut bytes| {
            bytes.resize(blank.bytes() as usize, 0);
            pictures.read_exact(&mut bytes).ok()?;
            let picture = OwnedPicture::new(blank, bytes)?;
            Some(Content::Pixels(Box::new(picture)))
        }),
        None => {
            let Ok(mut jpegs) = Reader::new(pictures) else {
                return;
            };
            Box::new(move |mut bytes| {
                let is_whole = jpegs.read(&mut bytes).unwrap_or(false);
                is_whole.then(|| Content::Jpeg(bytes))
            })
        }
    };
    let mut metadata = BufReader::new(metadata);
    let pool = Pool::<Vec<u8>>::new(PICTURES);
    let mut thinner = Thinner::new(options.fps);
    while let Some(content) = next(pool.get()) {
        let (at, shot) = read_metadata(&mut metadata);
        if !thinner.wants(at) {
            continue;
        }
        let turn = options.turn;
        feed.put_shot(Captured { at, turn, content }, shot, report);
    }
}

/// Reads what `rpicam-vid` says of a picture, a block of lines `Name=value` and an empty one: when its first row was
/// exposed (now, where that is not said), and how.
fn read_metadata(from: &mut impl BufRead) -> (Instant, Shot) {
    let (mut at, mut shot) = (None, Shot::default());
    for line in from.lines().map_while(Result::ok) {
        let Some((name, value)) = line.split_once('=') else {
            break;
        };
        match name {
            "SensorTimestamp" => at = value.parse().ok().map(taken_at),
            "ExposureTime" => shot.exposure_us = value.parse().ok(),
            "AnalogueGain" => shot.gain = value.parse().ok(),
            "LensPosition" => shot.lens_position = value.parse().ok(),
            _ => {}
        }
    }
    (at.unwrap_or_else(Instant::now), shot)
}

/// Watches the process until it ends or no picture comes any more, which is an error; `None`: until the feed's stop was
/// asked.
fn watch(
    process: &mut Process,
    options: &Options,
    feed: &Feed,
) -> Result<Option<ExitStatus>, RpicamError> {
    let begin = feed.captured();
    let (mut seen, mut last) = (begin, Instant::now());
    while !feed.stop.sleep(LOOK) {
        if let Some(status) = process.status() {
            return Ok(Some(status));
        }
        let (captured, silent) = (feed.captured(), last.elapsed());
        if captured != seen {
            (seen, last) = (captured, Instant::now());
        } else if silent > options.patience(captured > begin) {
            let time = silent.as_secs_f32();
            return Err(RpicamError::Failed(format!(
                "rpicam-vid sent no picture for {time:.1} s: check the camera's cable"
            )));
        }
    }
    Ok(None)
}

/// What to tell the user of a process that has ended, by the last error that it has logged.
fn why(status: ExitStatus, error: Option<String>) -> RpicamError {
    let Some(error) = error else {
        return RpicamError::Failed(format!("rpicam-vid ended ({status})"));
    };
    if let Some(option) = error.strip_prefix("unrecognised option ") {
        let option = option.trim_matches('\'').split('=').next();
        return RpicamError::Usage(format!(
            "{}: the rpicam-vid of this system does not know it; upgrade rpicam-apps, or leave it out",
            option.unwrap_or_default()
        ));
    }
    let (lower, refusals) = (error.to_lowercase(), ["invalid", "illegal", "the argument"]);
    if refusals.iter().any(|start| lower.starts_with(start)) {
        return RpicamError::Usage(format!("rpicam-vid refuses an option: {error}"));
    }
    RpicamError::Failed(if error.contains("failed to acquire camera") {
        format!("another program uses the camera; end that one first (rpicam-vid: {error})")
    } else if error.contains("no cameras available") {
        "no camera found: check the cable with the power off, then try `rpicam-hello --list-cameras`".into()
    } else {
        format!("rpicam-vid ended: {error}")
    })
}
