//! view-recv: shows what pi-send, or the Python recipe's client, sends.
//!
//! Parse, run, report, exit. The main thread is the window's; headless it waits for the end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use pi_stream::Key;
use pi_stream::args::view::Options;
use pi_stream::handoff::slot::Slot;
use pi_stream::handoff::stop::{Reason, Stop};
use pi_stream::net::DEFAULT_PORT;
use pi_stream::net::dial::Target;
use pi_stream::net::find;
use pi_stream::net::key_file;
use pi_stream::net::listen::{self, Acceptor, Allowed, Bind};
use pi_stream::net::reach::{Hint, Reach, host_name};
use pi_stream::picture::Bitmap;
use pi_stream::protocol::encrypted::handshake::Role;
use pi_stream::recv::admission;
use pi_stream::recv::camera::{Rates, report};
use pi_stream::recv::cameras::{Cameras, Config};
use pi_stream::recv::decoder;
use pi_stream::recv::event::Event;
use pi_stream::recv::frame::Decoded;
use pi_stream::report::{ListFormat, Program, Severity, Statistics};
use pi_stream::sinks::Sinks;
use pi_stream::window;
use pi_stream::window::model::{self, Model};

/// How often it is looked whether to go on looking for cameras.
const LOOK: Duration = Duration::from_millis(200);

/// How long the last frames have to be decoded at the end: a large one takes its time on a small machine.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The same when somebody waits for the program to end.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(300);

fn main() {
    let options = Options::parse();
    if let Err(error) = options.check() {
        error.exit();
    }
    let statistics = &options.statistics;
    let mut program = Program::start("view-recv", statistics.quiet, statistics.stats);
    pi_stream::jpeg::silence_caught_panics();
    let list = |format| find::list(Role::Sends, format == ListFormat::Json).map_err(Into::into);
    let ran = match (options.list_cameras, &options.key.new_key) {
        (Some(format), _) => print(list(format), &mut program),
        (_, Some(file)) => print(key_file::make(file).map_err(Into::into), &mut program),
        _ => run(options, &mut program),
    };
    match ran {
        Ok(true) => program.exit(),
        Ok(false) => program.fail(1, None),
        Err(error) => program.fail(1, Some(error.as_ref())),
    }
}

/// `--new-key`, `--list-cameras`.
fn print(text: anyhow::Result<String>, program: &mut Program) -> anyhow::Result<bool> {
    program.print(&text?)?;
    Ok(true)
}

/// Runs to the end; `false` where that is not as it was asked for, and what failed has been said.
fn run(options: Options, program: &mut Program) -> anyhow::Result<bool> {
    let key = key_file::find(options.key.key.as_deref())?;
    let bind = options.bind.unwrap_or(Bind::All { port: DEFAULT_PORT });
    let acceptors = match options.listens() {
        true => listen::listen(bind, Role::Receives)?,
        false => Vec::new(),
    };
    let model = Arc::new(OnceLock::<Model>::new());
    // What happens is said on the console, and what matters there in the window, once there is its model.
    let report = {
        let (console, model) = (Arc::clone(&program.console), Arc::clone(&model));
        move |severity, line: String, is_for_window| {
            console.say(severity, &line);
            if let Some(model) = model.get().filter(|_| is_for_window) {
                model.notify(severity, line);
            }
        }
    };
    let sinks = Arc::new(make_sinks(&options, program, report.clone())?);
    let tell = move |event: Event| {
        let is_for_window = event.is_for_window();
        report(event.severity, event.line, is_for_window);
    };
    let sink = Box::new({
        let sinks = Arc::clone(&sinks);
        move |frame: &_| sinks.put(frame)
    });
    let stop = Arc::clone(&program.stop);
    let cameras = Arc::new(Cameras::new(config(&options, key), Some(sink), stop, tell));

    let reach = tell_where(&options, &acceptors, program);
    let pictures = Arc::new(Slot::default());
    let for_finding = Arc::clone(&model);
    let model = model.get_or_init(|| {
        let (cameras, sinks) = (Arc::clone(&cameras), Arc::clone(&sinks));
        Model::new(cameras, sinks, Arc::clone(&pictures), reach.clone())
    });
    dial(&options.connect, &for_finding, program)?;
    let key = cameras.config.key.as_ref();
    let announced = announce(&options, &acceptors, key, program);
    let started = Instant::now();
    start(program, &cameras, &pictures, &acceptors, &options)?;
    let hint = reach.map(|reach| reach.hint);
    let statistics = start_statistics(program, &cameras, &sinks, hint)?;
    let stop = &program.stop;
    let shown = if options.headless {
        while !stop.sleep(Duration::from_secs(3600)) {}
        Ok(())
    } else {
        window::run(&options.window, model)
    };
    let time_was_up = !options.duration.is_zero() && started.elapsed() >= options.duration;
    stop.ask(Reason::Done);
    drop(announced);
    end(stop, &cameras, &pictures, &sinks);
    statistics.finish();
    shown?;
    let reason = stop.reason();
    let waited_for = reason == Some(Reason::Done) && (options.once || options.frames.is_some());
    if time_was_up && waited_for && cameras.received() == 0 {
        let seconds = options.duration.as_secs_f64();
        anyhow::bail!("nothing came in {seconds} s (--duration)");
    }
    // With `--once`, a sender that went away without an end marker.
    let vanished = options.once && cameras.has_vanished() && reason == Some(Reason::Done);
    let not_recorded = sinks.recorded().recording == Some(false);
    Ok(!vanished && (!not_recorded || reason == Some(Reason::Interrupted)))
}

/// Says where it listens and what it dials; what to type to reach it, where it listens.
fn tell_where(options: &Options, acceptors: &[Arc<Acceptor>], program: &Program) -> Option<Reach> {
    let say = |line: String| program.console.say(Severity::Info, &line);
    let bound: Vec<SocketAddr> = acceptors.iter().map(|a| a.address).collect();
    let key = options.key.key.as_deref();
    let reach = (!bound.is_empty()).then(|| Reach::of(Role::Receives, &bound, key));
    for address in &bound {
        say(format!("listening on {address}"));
    }
    if let Some(line) = reach.as_ref().and_then(Reach::line) {
        say(line);
    }
    for target in &options.connect {
        say(match target.is_auto() {
            true => "looking for cameras that are announced here".into(),
            false => format!("connecting to {target}"),
        });
    }
    reach
}

/// Dials the senders that were given, and those that are found (`auto`).
fn dial(connect: &[Target], model: &Arc<OnceLock<Model>>, program: &Program) -> io::Result<()> {
    let own = model.get().expect("it has been made");
    let named = connect.iter().filter(|target| !target.is_auto());
    named.cloned().try_for_each(|target| own.dial(target))?;
    if !connect.iter().any(Target::is_auto) {
        return Ok(());
    }
    let (finder, model) = (own.find()?, Arc::clone(model));
    let (stop, console) = (Arc::clone(&program.stop), Arc::clone(&program.console));
    let thread = thread::Builder::new().name("finding".into());
    let thread = thread.spawn(move || {
        while !stop.is_asked() {
            let found = finder.next(find::MAX_PEERS, Instant::now() + LOOK);
            let dialled = found
                .zip(model.get())
                .map(|(found, model)| model.dial(found));
            if let Some(Err(error)) = dialled {
                console.say(Severity::Warning, &format!("cannot connect: {error}"));
            }
        }
    });
    thread.map(drop)
}

/// Announces this viewer, where that is wanted.
fn announce(
    options: &Options,
    acceptors: &[Arc<Acceptor>],
    key: Option<&Key>,
    program: &Program,
) -> Option<find::Running> {
    let bound = acceptors.iter().map(|acceptor| acceptor.address).collect();
    let warn = |line: String| program.console.say(Severity::Warning, &line);
    let start = || find::announce(Role::Receives, &host_name(), bound, key, warn);
    let is_wanted = options.announce.wants(key.is_some());
    is_wanted.then(start).flatten()
}

fn config(options: &Options, key: Option<Key>) -> Config {
    Config {
        max_cameras: 1,
        key,
        allowed: Allowed::given(&options.allow),
        idle_timeout: options.idle_timeout,
        max_frame_bytes: options.max_frame_bytes,
        max_pixels: options.max_pixels,
        frames: options.frames,
        once: options.once,
        samples: options.headless,
    }
}

/// Every frame's other ways: recording, snapshots, standard output.
fn make_sinks(
    options: &Options,
    program: &mut Program,
    report: impl Fn(Severity, String, bool) + Send + Sync + 'static,
) -> anyhow::Result<Sinks> {
    let tell = Arc::new(move |severity, line| {
        report(severity, line, severity != Severity::Routine);
    });
    let recording = &options.recording;
    let pipe = recording.output.as_ref().map(|_| {
        let stdout = program.stdout.take().expect("nobody has taken it before");
        (stdout, Arc::clone(&program.stop))
    });
    let (first, snapshots) = (recording.recording(), recording.snapshots());
    let turn = options.window.turn();
    Ok(Sinks::start(first, snapshots, pipe, turn, tell)?)
}

/// Starts the threads that bring and decode frames, and the one that ends it all after `--duration`.
fn start(
    program: &Program,
    cameras: &Arc<Cameras>,
    pictures: &Arc<Slot<Decoded>>,
    acceptors: &[Arc<Acceptor>],
    options: &Options,
) -> io::Result<()> {
    thread::Builder::new().name("decoder".into()).spawn({
        let (cameras, pictures) = (Arc::clone(cameras), Arc::clone(pictures));
        let headless = options.headless;
        move || {
            match headless {
                true => decoder::run(&cameras, None, Bitmap::default),
                false => decoder::run(&cameras, Some(&pictures), window::bitmap),
            }
            pictures.close();
        }
    })?;
    thread::Builder::new().name("stalls".into()).spawn({
        let (cameras, stop) = (Arc::clone(cameras), Arc::clone(&program.stop));
        let pictures = Arc::clone(pictures);
        move || {
            cameras.stall.run(&stop, |now| cameras.is_idle(now));
            // Whoever waits for pictures is to see that it is over.
            pictures.nudge();
        }
    })?;
    if !options.duration.is_zero() {
        let (stop, duration) = (Arc::clone(&program.stop), options.duration);
        let thread = thread::Builder::new().name("deadline".into());
        thread.spawn(move || {
            stop.sleep(duration);
            stop.ask(Reason::Done);
        })?;
    }
    admission::start(acceptors, cameras)
}

/// Starts the figures, and says what to try where no sender comes.
fn start_statistics(
    program: &mut Program,
    cameras: &Arc<Cameras>,
    sinks: &Arc<Sinks>,
    mut hint: Option<Hint>,
) -> io::Result<Statistics> {
    let (cameras, sinks) = (Arc::clone(cameras), Arc::clone(sinks));
    let console = Arc::clone(&program.console);
    let start = Instant::now();
    let mut rates = Rates::new(start);
    Statistics::start(program, move |now, last| {
        if let Some(hint) = hint.take_if(|_| now >= start + model::HINT_AFTER) {
            if cameras.received() == 0 {
                let line = format!("No camera yet. {hint}");
                console.say(Severity::Warning, &line);
            }
        }
        report(&cameras, sinks.recorded(), &mut rates, now, last)
    })
}

/// Lets the readers and the decoder come to an end, then completes the files.
fn end(stop: &Stop, cameras: &Cameras, pictures: &Slot<Decoded>, sinks: &Sinks) {
    let until = Instant::now()
        + match stop.reason() {
            Some(Reason::Done) => PATIENCE_AT_END,
            _ => PATIENCE_WHEN_STOPPED,
        };
    cameras.wait(until);
    cameras.frames.close();
    // Nobody is there any more who could show them.
    while pictures.next(Some(until)).is_some() {}
    sinks.finish();
}
