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
//! is an error; a camera that is lost later is reported once, and tried again until it is back. Our options have its
//! names, but for what [`check`] refuses; [`cameras`] knows which camera is meant.

mod cameras;
mod process;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

pub use self::cameras::list;
use self::process::Process;
use super::camera::{CameraConfig, CameraError, HDR_SINGLE, Result, Setting};
use super::clock::taken_at;
use super::keep::keep;
use super::log::report_log;
use super::stream::Reader;
use super::thinner::Thinner;
use super::tuning;
use super::{Feed, Shot, UNDER_WAY};
use crate::picture::{Captured, Content, OwnedPicture, Picture, PixelFormat, Pool, Pooled};

/// Rows of raw pictures whose width is a multiple of this have no padding on any Raspberry Pi. How much others have,
/// `rpicam-vid` does not say: they are taken as JPEGs.
const UNPADDED: u32 = 128;

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What `rpicam-vid` cannot do of it, as a line for the user.
pub(crate) fn check(config: &CameraConfig) -> Result<(), String> {
    let mut asked = config.settings.iter().flat_map(|setting| &setting.asked);
    if let Some(asked) = asked.find(|asked| asked.starts_with("--control ")) {
        return Err(format!(
            "{asked}: rpicam-vid sets no control by its name; a pi-send that is built with libcamera does"
        ));
    }
    match config.sensor_fps.is_infinite() {
        true => Err("--sensor-fps max: rpicam-vid wants a number, as in 60".into()),
        false => Ok(()),
    }
}

/// Puts the camera's pictures into the feed until its [`stop`](Feed::stop) is asked.
pub fn run(config: &CameraConfig, feed: &Feed) -> Result<()> {
    keep(feed, || feed.captured() > 0, || serve(config, feed))
}

/// What its raw pictures look like; `None` where it makes JPEGs. They have the full range, as JPEGs have.
fn raw(config: &CameraConfig) -> Option<Picture<'static>> {
    let (width, height) = config.size;
    let is_unpadded = width % UNPADDED == 0 && height % 2 == 0;
    is_unpadded.then(|| Picture::blank(PixelFormat::I420, width, height))
}

/// What the sensor takes a second; the exposure leaves room for so many.
fn sensor_fps(config: &CameraConfig) -> f64 {
    let exposure_us = config.exposure_us().unwrap_or(0.0);
    config.sensor_fps.min(1e6 / exposure_us)
}

fn arguments(config: &CameraConfig) -> Result<Vec<String>> {
    let (width, height) = config.size;
    let codec = raw(config).map_or("mjpeg", |_| "yuv420");
    let mut arguments = vec![
        format!("--width={width}"),
        format!("--height={height}"),
        format!("--framerate={}", sensor_fps(config)),
        format!("--codec={codec}"),
        // Raw pictures have none.
        format!("--quality={}", config.quality),
    ];
    if let Some(camera) = &config.camera {
        arguments.push(format!("--camera={}", cameras::number_of(camera)?));
    }
    if let Some(file) = &config.tuning_file {
        arguments.push(format!("--tuning-file={}", tuning::find(file)?.display()));
    }
    let turn = config.turn_of_camera();
    let is_half = turn.quarters == 2;
    let flips = [("--hflip", turn.mirror != is_half), ("--vflip", is_half)];
    arguments.extend(flips.iter().filter(|flip| flip.1).map(|flip| flip.0.into()));
    arguments.extend(config.mode.iter().map(|mode| format!("--mode={mode}")));
    arguments.extend(config.settings.iter().filter_map(argument));
    Ok(arguments)
}

/// How long to wait for a picture; longer for the first one, for which the camera sets its exposure.
fn patience(config: &CameraConfig, has_begun: bool) -> Duration {
    // So many pictures, and so many seconds at least.
    let least = if has_begun { 3.0 } else { 10.0 };
    let fps = config.fps.min(sensor_fps(config));
    Duration::from_secs_f64(least / fps.min(1.0))
}

/// Starts a process and puts its pictures into the feed until its stop is asked; an error is why there are no
/// (more).
fn serve(config: &CameraConfig, feed: &Feed) -> Result<()> {
    // The arguments anew each time: the camera with that id may have another number now.
    let (mut process, (pictures, metadata, log)) = Process::start(&arguments(config)?)?;
    thread::scope(|scope| {
        let thread = |name: &str| thread::Builder::new().name(name.into());
        let no_thread = |error| CameraError::Failed(format!("no thread for rpicam-vid: {error}"));
        let read = || read(config, feed, pictures, metadata);
        let reader = thread("rpicam").spawn_scoped(scope, read);
        reader.map_err(no_thread)?;
        let log = || report_log(log, "rpicam-vid", false, feed);
        let log = thread("rpicam log").spawn_scoped(scope, log);
        let log = log.map_err(no_thread)?;
        let ended = watch(config, feed, &mut process);
        // With it, both threads end.
        drop(process);
        let error = log.join().unwrap_or_default();
        ended?.map_or(Ok(()), |status| Err(why(status, error)))
    })
}

/// Puts pictures into the feed, each with what its metadata say, until the pipe ends. What ended it, the process
/// says.
fn read(config: &CameraConfig, feed: &Feed, mut pictures: ChildStdout, metadata: File) {
    // Reads the next picture, into that buffer; `None` where there is none.
    let mut next: Box<dyn FnMut(Pooled<Vec<u8>>) -> Option<Content>> = match raw(config) {
        Some(blank) => Box::new(move |mut bytes| {
            bytes.resize(blank.bytes() as usize, 0);
            pictures.read_exact(&mut bytes).ok()?;
            let picture = OwnedPicture { blank, bytes };
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
    let pool = Pool::<Vec<u8>>::new(UNDER_WAY);
    let mut thinner = Thinner::new(config.fps);
    // What the camera leaves to us.
    let turn = config.turn_of_camera().inverse().then(config.turn);
    while let Some(content) = next(pool.get()) {
        let (at, shot) = read_metadata(&mut metadata);
        if thinner.wants(at) {
            let captured = Captured { at, turn, content };
            feed.put_shot(captured, shot);
        }
    }
}

/// Watches the process until it ends or no picture comes any more, which is an error; `None`: until the feed's stop
/// was asked.
fn watch(config: &CameraConfig, feed: &Feed, process: &mut Process) -> Result<Option<ExitStatus>> {
    let begin = feed.captured();
    let (mut seen, mut last) = (begin, Instant::now());
    while !feed.stop.sleep(LOOK) {
        if let Some(status) = process.status() {
            return Ok(Some(status));
        }
        let (captured, silent) = (feed.captured(), last.elapsed());
        if captured != seen {
            (seen, last) = (captured, Instant::now());
        } else if silent > patience(config, captured > begin) {
            let time = silent.as_secs_f32();
            return Err(CameraError::Failed(format!(
                "rpicam-vid sent no picture for {time:.1} s: check the camera's cable"
            )));
        }
    }
    Ok(None)
}

/// A setting as `rpicam-vid`'s option; `None` for companions, which it sets by itself.
fn argument(setting: &Setting) -> Option<String> {
    let is_time = ["ExposureTime", "AeFlickerPeriod"].contains(&&setting.control[..]);
    let Some(asked) = &setting.asked else {
        // Where the camera has it, and so asked for in no certain terms.
        let is_hdr = setting.control == "HdrMode" && setting.value == HDR_SINGLE;
        return is_hdr.then(|| "--hdr=auto".into());
    };
    Some(match asked.split_once(' ') {
        // Older ones read numbers alone, in microseconds.
        Some((name, _)) if is_time => format!("{name}={}", setting.value),
        _ => asked.replacen(' ', "=", 1),
    })
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

/// What to tell the user of a process that has ended, by the last error that it has logged.
fn why(status: ExitStatus, error: Option<String>) -> CameraError {
    let Some(error) = error else {
        return CameraError::Failed(format!("rpicam-vid ended ({status})"));
    };
    if let Some(option) = error.strip_prefix("unrecognised option ") {
        let option = option.trim_matches('\'').split('=').next();
        return CameraError::Usage(format!(
            "{}: the rpicam-vid of this system does not know it; upgrade rpicam-apps, or leave it out",
            option.unwrap_or_default()
        ));
    }
    let (lower, refusals) = (error.to_lowercase(), ["invalid", "illegal", "the argument"]);
    if refusals.iter().any(|start| lower.starts_with(start)) {
        return CameraError::Usage(format!("rpicam-vid refuses an option: {error}"));
    }
    CameraError::Failed(if error.contains("failed to acquire camera") {
        format!("another program uses the camera; end that one first (rpicam-vid: {error})")
    } else if error.contains("no cameras available") {
        "no camera found: check the cable with the power off, then try `rpicam-hello --list-cameras`".into()
    } else {
        format!("rpicam-vid ended: {error}")
    })
}
