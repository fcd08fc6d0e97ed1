//! What is done with the camera, each in a process of its own: settings come in the environment, and
//! lines `name: value` say what was found.

use std::env;
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use pi_stream::args::camera::CameraArgs;
use pi_stream::camera;
use pi_stream::handoff::{Reason, Wake};
use pi_stream::picture::{Captured, Content, Picture, Range, Turn};
use pi_stream::report::{ListFormat, shell};
use pi_stream::source::camera::{CameraConfig, CameraError};
use pi_stream::source::{Delivery, Feed};

/// Long enough for any machine; nothing is measured by it.
const LONG: Duration = Duration::from_secs(60);
/// How often the feed's reports are looked at.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    camera: CameraArgs,
}

pub fn play() {
    match env::var("SCENE").as_deref() {
        Ok("frames") => report(frames()),
        Ok("colours") => report(colours()),
        Ok("held") => report(held()),
        Ok("cycles") => report(cycles()),
        Ok("list") => report(list()),
        Ok("unplugged") => report(unplugged()),
        Ok("hung") => hung(),
        other => panic!("no such scene: {other:?}"),
    }
}

fn report(result: Result<(), CameraError>) {
    if let Err(error) = result {
        println!("\nusage: {}", error.is_usage());
        println!("error: {error}");
    }
}

fn setting(name: &str) -> Option<String> {
    env::var(format!("SCENE_{name}")).ok()
}

fn config() -> CameraConfig {
    let mut args = vec!["pi-send".to_string()];
    args.extend(
        setting("args")
            .iter()
            .flat_map(|args| args.split(' '))
            .map(String::from),
    );
    args.extend(
        setting("camera")
            .into_iter()
            .flat_map(|camera| ["--camera".into(), camera]),
    );
    let line = Line::parse_from(args);
    let res = setting("res").unwrap_or("640x480".into());
    let (width, height) = res.split_once('x').unwrap();
    let size = (width.parse().unwrap(), height.parse().unwrap());
    let turn = match setting("turn").as_deref() {
        Some("hflip") => Turn::from_flips(0, true, false),
        Some("vflip") => Turn::from_flips(0, false, true),
        Some("180") => Turn::from_flips(2, false, false),
        Some("90") => Turn::from_flips(1, false, false),
        _ => Turn::NONE,
    };
    let fps = setting("fps").map_or(30.0, |fps| fps.parse().unwrap());
    line.camera.config(size, fps, turn, 80)
}

/// Runs the camera on a thread of its own and `take`s its pictures until that says that it has enough.
fn run(take: impl FnMut(Captured, &Feed) -> bool) -> Result<(), CameraError> {
    run_and_hear(|_| (), take)
}

/// The same; `hear` is given what the camera's thread says, on that thread.
fn run_and_hear(
    hear: impl Fn(&str) + Send + Sync + 'static,
    take: impl FnMut(Captured, &Feed) -> bool,
) -> Result<(), CameraError> {
    let mut feed = Feed::new(Delivery::NewestWins);
    feed.report = Some(Box::new(move |_, line: String| {
        println!("\nnotice: {line}");
        hear(&line);
    }));
    let feed = Arc::new(feed);
    let camera = thread::Builder::new().name("camera".into()).spawn({
        let feed = Arc::clone(&feed);
        move || {
            let ended = camera::run(&config(), &feed);
            feed.slot.close();
            ended
        }
    });
    let mut take = take;
    let mut last = Instant::now();
    loop {
        match feed.slot.wait(Some(Instant::now() + LOOK)) {
            Wake::Full => {
                last = Instant::now();
                if let Some(captured) = feed.slot.take() {
                    if !take(captured, &feed) {
                        feed.stop.ask(Reason::Done);
                        break;
                    }
                }
            }
            Wake::Nudged => {}
            Wake::Closed => break,
            Wake::TimedOut => assert!(last.elapsed() < LONG, "no picture for {LONG:?}"),
        }
        if feed.is_lost.load(Ordering::Relaxed) {
            println!("\nlost: reported");
        }
    }
    camera.unwrap().join().unwrap()
}

fn with_pixels<T>(captured: &Captured, read: impl FnOnce(Picture<'_>) -> T) -> T {
    match &captured.content {
        Content::Pixels(pixels) => read(pixels.picture()),
        Content::Jpeg(_) => panic!("the virtual camera makes no JPEGs"),
    }
}

fn frames() -> Result<(), CameraError> {
    let count: u32 = setting("count").unwrap().parse().unwrap();
    let (mut seen, mut backwards, mut first) = (0, 0, None);
    let mut ages = Vec::new();
    let mut last: Option<Instant> = None;
    run(|captured, feed| {
        seen += 1;
        first.get_or_insert_with(Instant::now);
        backwards += u32::from(
            last.replace(captured.at)
                .is_some_and(|last| captured.at <= last),
        );
        ages.push(captured.at.elapsed());
        with_pixels(&captured, |picture| {
            println!("\nsize: {}x{}", picture.width, picture.height);
        });
        println!("turn: {} {}", captured.turn.quarters, captured.turn.mirror);
        println!(
            "missed: {}",
            feed.shot().map_or(u64::MAX, |shot| shot.missed)
        );
        seen < count
    })?;
    println!("backwards: {backwards}");
    ages.sort();
    println!("age_us: {}", ages[ages.len() / 2].as_micros());
    println!("oldest_ms: {}", ages[ages.len() - 1].as_millis());
    println!(
        "seconds: {}",
        first.map_or(0.0, |first| first.elapsed().as_secs_f64())
    );
    Ok(())
}

/// The first picture's camera is unplugged when it has stalled: only what `left` says is there, until it is
/// said that it is waited for.
fn unplugged() -> Result<(), CameraError> {
    let machine = env::var("LCSHIM_VIRTUAL_YAML").unwrap();
    let whole = fs::read(&machine).unwrap();
    let left = fs::read(setting("left").unwrap()).unwrap();
    let plug = move |line: &str| {
        if line.contains("sent no frame") {
            fs::write(&machine, &left).unwrap();
        }
        if line.contains("waiting") && left.is_empty() {
            // Once it has found no camera, the virtual pipeline never looks for any again.
            end();
        }
        if line.contains("waiting") {
            fs::write(&machine, &whole).unwrap();
        }
    };
    let mut seen = 0;
    run_and_hear(plug, |captured, _| {
        seen += 1;
        with_pixels(&captured, |picture| {
            println!("\nsize: {}x{}", picture.width, picture.height);
        });
        seen < 2
    })
}

/// A camera that gives no frame and never stops either; ends the process while it is held up there.
fn hung() {
    let (say, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut feed = Feed::new(Delivery::NewestWins);
        feed.report = Some(Box::new(move |_, line| say.send(line).unwrap()));
        camera::run(&config(), &feed)
    });
    while let Ok(line) = lines.recv_timeout(LONG) {
        println!("\nnotice: {line}");
        if line.contains("sent no frame") {
            break;
        }
    }
    end()
}

/// Ends the process, whatever its threads are about.
fn end() -> ! {
    std::io::stdout().flush().unwrap();
    shell::end(0)
}

fn colours() -> Result<(), CameraError> {
    let mut seen = 0;
    run(|captured, _| {
        seen += 1;
        with_pixels(&captured, |picture| {
            println!("\nrange: {:?}", picture.range);
            println!("matrix: {:?}", picture.matrix);
            let (w, h) = (picture.width as usize, picture.height as usize);
            for (name, x, y) in [
                ("top-left", w / 4, h / 4),
                ("top-right", 3 * w / 4, h / 4),
                ("bottom-left", w / 4, 3 * h / 4),
                ("bottom-right", 3 * w / 4, 3 * h / 4),
            ] {
                let [r, g, b] = rgb(&picture, x, y);
                println!("{name}: {r} {g} {b}");
            }
            for bar in 0..32 {
                let [r, g, b] = rgb(&picture, (2 * bar + 1) * w / 64, h / 2);
                println!("bar: {r} {g} {b}");
            }
        });
        seen < 10
    })
}

/// BT.601 from NV12; written out here to be independent of the conversions under test.
fn rgb(picture: &Picture<'_>, x: usize, y: usize) -> [u8; 3] {
    let luma = picture.planes[0].data[y * picture.planes[0].stride + x];
    let at = (y / 2) * picture.planes[1].stride + x / 2 * 2;
    let (cb, cr) = (picture.planes[1].data[at], picture.planes[1].data[at + 1]);
    let (black, luma_span, chroma_span) = match picture.range {
        Range::Full => (0.0, 255.0, 255.0),
        Range::Limited => (16.0, 219.0, 224.0),
    };
    let luma = 255.0 / luma_span * (f64::from(luma) - black);
    let cb = 255.0 / chroma_span * (f64::from(cb) - 128.0);
    let cr = 255.0 / chroma_span * (f64::from(cr) - 128.0);
    let clamp = |v: f64| v.round().clamp(0.0, 255.0) as u8;
    [
        clamp(luma + 1.402 * cr),
        clamp(luma - 0.344_136 * cb - 0.714_136 * cr),
        clamp(luma + 1.772 * cb),
    ]
}

/// Keeps pictures beyond the camera's end, and reads them then.
fn held() -> Result<(), CameraError> {
    let mut kept = Vec::new();
    run(|captured, _| {
        let sum = with_pixels(&captured, checksum);
        kept.push((captured, sum));
        kept.len() < 2
    })?;
    let same = kept
        .iter()
        .all(|(captured, sum)| with_pixels(captured, checksum) == *sum);
    println!("\nunchanged: {same}");
    Ok(())
}

fn checksum(picture: Picture<'_>) -> u64 {
    let bytes = picture.planes.iter().flat_map(|plane| plane.data);
    bytes.fold(0, |sum: u64, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    })
}

/// Opens and ends the camera again and again in one process.
fn cycles() -> Result<(), CameraError> {
    let count: u32 = setting("count").unwrap().parse().unwrap();
    // What is made once and kept is there after the first cycles.
    let warm = 3;
    let mut before = (0, 0);
    for cycle in 0..warm + count {
        run(|captured, _| {
            with_pixels(&captured, checksum);
            false
        })?;
        let last = cycle + 1 == warm + count;
        let now = match cycle + 1 == warm || last {
            true => (entries("/proc/self/fd"), threads()),
            false => (0, 0),
        };
        if cycle + 1 == warm {
            before = now;
        }
        if cycle >= warm - 1 && (cycle + 1 - warm) % (count / 3).max(1) == 0 {
            println!("\nmemory_kb: {}", resident_kb());
        }
        if last {
            let level = |before, now: usize| match now == before {
                true => "level".to_string(),
                false => format!("{before} before, {now} after"),
            };
            println!("descriptors: {}", level(before.0, now.0));
            println!("threads: {}", level(before.1, now.1));
        }
    }
    Ok(())
}

fn entries(path: &str) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

/// The threads of this process: the fewest of twenty looks, since the kernel lists one that has been joined for
/// a moment longer.
fn threads() -> usize {
    let look = |_| {
        thread::sleep(Duration::from_millis(5));
        entries("/proc/self/task")
    };
    (0..20).map(look).min().unwrap()
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn list() -> Result<(), CameraError> {
    let format = match setting("format").as_deref() {
        Some("json") => ListFormat::Json,
        _ => ListFormat::Table,
    };
    print!("\n{}", camera::list(format)?);
    Ok(())
}
