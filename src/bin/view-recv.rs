//! view-recv: shows what pi-send, or the Python recipe's client, sends.
//!
//! Parse, run, report, exit. The main thread is the window's; headless it waits for the end.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Error;
use clap::Parser;
use pi_stream::args::view::Options;
use pi_stream::handoff::{Reason, Stop, spawn};
use pi_stream::net::{Allowed, Reach, Target, find, host_name, key_file, listen};
use pi_stream::protocol::Role;
use pi_stream::recv::camera::reports;
use pi_stream::recv::{Cameras, Config, admission, decoder};
use pi_stream::report::{Program, Severity};
use pi_stream::sinks::{Sinks, Tell};
use pi_stream::window::Model;
use pi_stream::{Key, window};

/// What the window shows of the program: there once all of that is, and then for as long as the program runs.
static MODEL: OnceLock<Model> = OnceLock::new();

/// How often it is looked whether another camera was found.
const LOOK: Duration = Duration::from_millis(50);

/// How long the last frames have to be decoded at the end: a large one takes its time on a small machine.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The same when somebody waits for the program to end.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_millis(300);

fn main() {
    let options = Options::parse();
    options.check().unwrap_or_else(|error| error.exit());
    let statistics = &options.statistics;
    let mut program = Program::start("view-recv", statistics.quiet, statistics.stats);
    pi_stream::jpeg::silence_caught_panics();
    let mut print = |text: anyhow::Result<String>| Ok(program.print(&text?).map(|()| true)?);
    let ran = match (options.list_cameras, &options.key.new_key) {
        (Some(format), _) => print(find::list(Role::Sends, format).map_err(Error::from)),
        (_, Some(file)) => print(key_file::make(file).map_err(Error::from)),
        (None, None) => run(options, &mut program),
    };
    match ran {
        Ok(is_well) => program.exit(i32::from(!is_well), None),
        Err(error) => program.exit(1, Some(error.as_ref())),
    }
}

/// Runs to the end; `false` where that is not as it was asked for, and what failed has been said.
fn run(options: Options, program: &mut Program) -> anyhow::Result<bool> {
    let key_file = options.key.key.as_deref();
    let key = key_file::find(key_file)?;
    let listen = |bind| listen::listen(bind, Role::Receives);
    let acceptors = options.bind.map_or(Ok(Vec::new()), listen)?;
    // What happens is said on the console, and what matters there in the window, once there is its model.
    let console = Arc::clone(&program.console);
    let report = move |severity, line: String, is_for_window| {
        console.say(severity, &line);
        if let Some(model) = MODEL.get().filter(|_| is_for_window) {
            model.notify(severity, line);
        }
    };
    let report_too = report.clone();
    let tell = Arc::new(move |severity, line| {
        report_too(severity, line, severity != Severity::Routine);
    });
    let sinks = Arc::new(make_sinks(&options, program, tell)?);
    let every_frame = Arc::clone(&sinks);
    let sink = move |frame: &_| every_frame.put(frame);
    let stop = Arc::clone(&program.stop);
    let config = config(&options, key);
    let cameras = Arc::new(Cameras::new(config, sink, stop, report));

    let bound = Vec::from_iter(acceptors.iter().map(|acceptor| acceptor.address));
    let reach = (!bound.is_empty()).then(|| Reach::of(Role::Receives, &bound, key_file));
    for line in reach.iter().flat_map(|reach| &reach.lines) {
        program.console.say(Severity::Info, line);
    }
    let model = MODEL.get_or_init(|| Model::new(cameras, sinks, reach));
    dial(&options.connect, model, program)?;
    let key = model.cameras.config.key.as_ref();
    let warn = |line: String| program.console.say(Severity::Warning, &line);
    let announce = || find::announce(Role::Receives, &host_name(), bound, key, warn);
    let is_announced = options.announce.wants(key.is_some());
    let announced = is_announced.then(announce).flatten();
    let started = Instant::now();
    start(program, model, &options)?;
    admission::start(&acceptors, &model.cameras)?;
    report_figures(program, model)?;
    let stop = &program.stop;
    let shown = if options.headless {
        stop.sleep(Duration::MAX);
        Ok(())
    } else {
        window::run(&options.window, model)
    };
    let time_was_up = started.elapsed() >= options.duration;
    stop.ask(Reason::Done);
    drop(announced);
    end(stop, model);
    shown?;
    let reason = stop.reason();
    let waited_for = reason == Some(Reason::Done) && (options.once || options.frames.is_some());
    if time_was_up && waited_for && model.cameras.received() == 0 {
        let seconds = options.duration.as_secs_f64();
        anyhow::bail!("nothing came in {seconds} s (--duration)");
    }
    // With `--once`, a sender that went away without an end marker.
    let vanished = options.once && model.cameras.has_vanished() && reason == Some(Reason::Done);
    let not_recorded = model.sinks.recorder.recorded().recording == Some(false);
    Ok(!vanished && (!not_recorded || reason == Some(Reason::Interrupted)))
}

/// Dials the senders that were given, and those that are found (`auto`).
fn dial(connect: &[Target], model: &'static Model, program: &Program) -> io::Result<()> {
    let say = |line: &str| program.console.say(Severity::Info, line);
    for target in connect.iter().filter(|target| !target.is_auto()) {
        say(&format!("connecting to {target}"));
        model.dial(target.clone())?;
    }
    if !connect.iter().any(Target::is_auto) {
        return Ok(());
    }
    say("looking for cameras that are announced here");
    let finder = model.find()?;
    let (stop, console) = (Arc::clone(&program.stop), Arc::clone(&program.console));
    let thread = spawn("finding", move || {
        while !stop.sleep(LOOK) {
            let found = finder.newcomer();
            if let Some(Err(error)) = found.map(|found| model.dial(found)) {
                console.say(Severity::Warning, &format!("cannot connect: {error}"));
            }
        }
    });
    thread.map(drop)
}

fn config(options: &Options, key: Option<Key>) -> Config {
    Config {
        allowed: Allowed::Networks(options.allow.clone()),
        idle_timeout: options.idle_timeout,
        max_frame_bytes: options.max_frame_bytes,
        max_pixels: options.max_pixels,
        frames: options.frames,
        once: options.once,
        samples: options.headless,
        ..Config::new(1, key)
    }
}

/// Every frame's other ways: recording, snapshots, standard output.
fn make_sinks(options: &Options, program: &mut Program, tell: Tell) -> io::Result<Sinks> {
    let recording = &options.recording;
    let pipe = program.stdout.take_if(|_| recording.output.is_some());
    let pipe = pipe.map(|stdout| (stdout, Arc::clone(&program.stop)));
    let (first, snapshots) = (recording.recording(), recording.snapshots());
    Sinks::start(first, snapshots, pipe, options.window.turn(), tell)
}

/// Starts the threads that bring and decode frames, and the one that ends it all after `--duration`.
fn start(program: &Program, model: &'static Model, options: &Options) -> io::Result<()> {
    let (cameras, pictures) = (&model.cameras, &model.pictures);
    spawn("decoder", move || {
        decoder::run(cameras, pictures, window::bitmap);
        pictures.close();
    })?;
    let stop = Arc::clone(&program.stop);
    spawn("stalls", move || {
        cameras.stall.run(&stop, |now| cameras.is_idle(now));
        // Whoever waits for pictures is to see that it is over.
        pictures.nudge();
    })?;
    if options.duration < Duration::MAX {
        let (stop, duration) = (Arc::clone(&program.stop), options.duration);
        spawn("deadline", move || {
            stop.sleep(duration);
            stop.ask(Reason::Done);
        })?;
    }
    Ok(())
}

/// Starts the figures, and says what to try where no sender comes.
fn report_figures(program: &mut Program, model: &'static Model) -> io::Result<()> {
    let console = Arc::clone(&program.console);
    let recorder = &model.sinks.recorder;
    let mut report = reports(&model.cameras, || recorder.recorded());
    let mut hint = model.reach.as_ref().map(|reach| &reach.hint);
    program.report(move |now, last| {
        if let Some(hint) = hint.take_if(|_| model.is_late(now)) {
            console.say(Severity::Warning, &format!("No camera yet. {hint}"));
        }
        report(now, last)
    })
}

/// Lets the readers and the decoder come to an end, then completes the files.
fn end(stop: &Stop, model: &Model) {
    let until = Instant::now()
        + match stop.reason() {
            Some(Reason::Done) => PATIENCE_AT_END,
            _ => PATIENCE_WHEN_STOPPED,
        };
    model.cameras.wait(until);
    model.cameras.frames.close();
    // Nobody is there any more who could show them.
    while model.pictures.next(Some(until)).is_some() {}
    model.sinks.finish();
}
