//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Error};
use clap::Parser;
use pi_stream::args::send::{Options, Plan, Source};
use pi_stream::camera;
use pi_stream::handoff::{ends_within, spawn};
use pi_stream::net::{Allowed, Finder, Found, Reach, find, key_file, listen};
use pi_stream::protocol::{Name, Role};
use pi_stream::report::{ListFormat, Program, Severity};
use pi_stream::send::{self, Config, Counters, stats};
use pi_stream::source::camera::CameraError;
#[cfg(target_os = "linux")]
use pi_stream::source::rpicam;
use pi_stream::source::{CloseAtEnd, Feed, stream, test_picture};

/// How often it is looked whether somebody is there whom to send to.
const LOOK: Duration = Duration::from_millis(50);

/// How long the source has to end: a camera is released in it; standard input may never come back.
const PATIENCE: Duration = Duration::from_millis(400);

fn main() {
    let options = Options::parse();
    let (camera, new_key) = (&options.camera, &options.key.new_key);
    let mut plan = None;
    // What there is to print; nothing where there is a plan.
    let text = match (camera.list_cameras, options.list_viewers, new_key) {
        (Some(format), ..) => list_cameras(&options.source, format).map_err(Error::from),
        (_, Some(format), _) => find::list(Role::Receives, format).map_err(Error::from),
        (.., Some(file)) => key_file::make(file).map_err(Error::from),
        _ => {
            let plan = plan.insert(options.check().unwrap_or_else(|error| error.exit()));
            let tuning_file = match &plan.source {
                Source::Camera(config) => config.tuning_file.as_deref(),
                _ => None,
            };
            // Before there is any thread.
            let used = tuning_file.map_or(Ok(()), camera::use_tuning_file);
            used.map(|()| String::new()).map_err(Error::from)
        }
    };
    let statistics = &options.statistics;
    let mut program = Program::start("pi-send", statistics.quiet, statistics.stats);
    let ran = text.and_then(|text| match plan {
        Some(plan) => run(plan, &options, &mut program),
        None => Ok(program.print(&text)?),
    });
    let Err(error) = ran else {
        program.exit(0, None)
    };
    let is_usage =
        error.downcast_ref().is_some_and(CameraError::is_usage) || error.is::<HostMissing>();
    program.exit(if is_usage { 2 } else { 1 }, Some(error.as_ref()))
}

/// Nobody to send to was named: whom there is.
#[derive(Debug, thiserror::Error)]
#[error("--host is missing: {0}, or let viewers dial this side: --listen")]
struct HostMissing(String);

/// The cameras that a source has, which is `rpicam` or, whatever else it is, libcamera's.
fn list_cameras(source: &str, format: ListFormat) -> Result<String, CameraError> {
    match source {
        #[cfg(target_os = "linux")]
        _ if source == "rpicam" || !camera::IS_BUILT_IN => rpicam::list(format),
        _ => camera::list(format),
    }
}

/// Looks for viewers that are announced: the only one (`--host auto`), or all that have the key.
/// `false` where it was to end before one was there.
fn find(only: bool, sending: &mut Config, program: &Program) -> anyhow::Result<bool> {
    /// The only one that there was: no other takes its place.
    static CHOSEN: OnceLock<Name> = OnceLock::new();
    let key = sending.key.as_ref();
    let say = |line: &str| program.console.say(Severity::Info, line);
    let (own, lists_all) = (key.map(find::key_id), !only && key.is_none());
    let finder = Finder::start(move |found| {
        let is_chosen = CHOSEN.get().is_none_or(|name| *name == found.name);
        found.role == Role::Receives && is_chosen && (lists_all || found.key == own)
    })?;
    if !only && !lists_all {
        say("looking for viewers that have the key");
        sending.finder = Some(finder);
        return Ok(true);
    }
    program.stop.sleep(find::LOOK);
    if lists_all {
        return Err(HostMissing(choice(&finder.found())).into());
    }
    let start = key.map_or("view-recv --announce", |_| "view-recv with the same --key");
    if finder.found().is_empty() && !program.stop.is_asked() {
        let line = format!("no viewer is announced here yet, waiting for one: start {start}");
        say(&line);
    }
    while finder.found().is_empty() && !program.stop.sleep(LOOK) {}
    let found = finder.found();
    match &found[..] {
        [] => Ok(false),
        [one] => {
            let _ = CHOSEN.set(one.name.clone());
            say(&format!("sending to {} ({})", one.name, one.addresses[0]));
            sending.hosts.push(finder.peer(one));
            Ok(true)
        }
        _ => {
            let choice = choice(&found);
            anyhow::bail!("--host auto: several viewers are announced here: {choice}")
        }
    }
}

/// What to type to send to those.
fn choice(found: &[Found]) -> String {
    let typed = found.iter().map(|found| {
        let key = found.key.as_ref().map_or("", |_| " --key FILE");
        format!("--host {}{key} for {}", found.addresses[0], found.name)
    });
    match found {
        [] => "give the address that view-recv prints, as in --host 192.168.1.159".into(),
        _ => format!("type {}", Vec::from_iter(typed).join(", ")),
    }
}

/// Sends until it is over.
fn run(plan: Plan, options: &Options, program: &mut Program) -> anyhow::Result<()> {
    let (mut sending, file) = (plan.sending, options.key.key.as_deref());
    sending.key = key_file::find(file)?;
    let (has_key, mut announced) = (sending.key.is_some(), None);
    if let Some(bind) = options.listen {
        sending.acceptors = listen::listen(bind, Role::Sends)?;
        let bound = Vec::from_iter(sending.acceptors.iter().map(|acceptor| acceptor.address));
        let reach = Reach::of(Role::Sends, &bound, file);
        for line in &reach.lines {
            program.console.say(Severity::Info, line);
        }
        let warn = |line: String| program.console.say(Severity::Warning, &line);
        if options.allow.is_empty() && !has_key {
            sending.allowed = Allowed::Attached;
            let line = "without --key and --allow, anyone in this machine's networks can watch";
            if !reach.is_local {
                warn(line.into());
            }
        }
        if options.announce.wants(true) {
            let (name, key) = (&sending.name, sending.key.as_ref());
            announced = find::announce(Role::Sends, name, bound, key, warn);
        }
    } else if sending.hosts.is_empty() && !find(!options.host.is_empty(), &mut sending, program)? {
        return Ok(());
    }
    let console = Arc::clone(&program.console);
    let report = move |severity, line: String| console.say(severity, &line);
    let mut feed = Feed::new(plan.delivery);
    feed.report = Some(Box::new(report.clone()));
    let feed = Arc::new(feed);
    let counters = Arc::<Mutex<Counters>>::default();
    let figures = stats::reports(Arc::clone(&counters), Arc::clone(&feed), has_key);
    program.report(figures)?;
    let (source, fed) = (plan.source, Arc::clone(&feed));
    let source = spawn("source", move || run_source(&source, &fed))?;

    let sent = send::run(sending, &feed, counters, &program.stop, &report);

    drop(announced);
    feed.end();
    finish(source)?;
    Ok(sent?)
}

/// Runs a source, for a thread of its own. When it ends it closes the feed, and sending ends.
fn run_source(source: &Source, feed: &Feed) -> anyhow::Result<()> {
    let _closing = CloseAtEnd(feed);
    match source {
        Source::Camera(config) => camera::run(config, feed)?,
        #[cfg(target_os = "linux")]
        Source::Rpicam(config) => {
            let without = match camera::IS_BUILT_IN {
                true => "",
                false => " (this pi-send was built without libcamera)",
            };
            let line = format!("the camera's pictures come from rpicam-vid{without}");
            feed.report(Severity::Info, line);
            rpicam::run(config, feed)?;
        }
        Source::Test(config) => test_picture::run(config, feed),
        Source::Stream(options) => {
            let file = options.file.as_deref().unwrap_or("-".as_ref());
            let skipped = stream::run(options, feed);
            let skipped = skipped.with_context(|| format!("--source {}", file.display()))?;
            if skipped.bytes > 0 {
                let line = format!(
                    "{} bytes of the input were skipped, {} torn frames among them",
                    skipped.bytes, skipped.torn
                );
                feed.report(Severity::Warning, line);
            }
        }
    }
    Ok(())
}

/// Waits for the end of a source's thread, once its feed has ended, and returns what it failed of; one that does not
/// come back is left behind.
fn finish(source: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    if !ends_within(&source, PATIENCE) {
        return Ok(());
    }
    // What it was, the panic hook has said.
    let fault = "the source ended by a fault of pi-send itself, told above";
    source.join().unwrap_or_else(|_| Err(Error::msg(fault)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    use pi_stream::handoff::{Reason, Wake};
    use pi_stream::source::Delivery;

    #[test]
    fn a_source_that_panics_makes_pi_send_fail() {
        let source = thread::spawn(|| -> anyhow::Result<()> { panic!("for the test") });
        while !source.is_finished() {
            thread::yield_now();
        }
        let ended = finish(source);
        assert!(ended.is_err(), "a service would not be started again");
    }

    #[test]
    fn the_feed_of_a_source_that_ends_or_fails_is_closed() {
        let test = ["--source", "test", "--res", "64x48", "--fps", "1000"];
        let missing = ["--source", "/nowhere/at.all"];
        for (typed, fails) in [(&test[..], false), (&missing, true)] {
            let line = ["pi-send", "--host", "a"].iter().chain(typed);
            let source = Options::parse_from(line).check().unwrap().source;
            let feed = Arc::new(Feed::new(Delivery::NewestWins));
            let fed = Arc::clone(&feed);
            let running = thread::spawn(move || run_source(&source, &fed));
            feed.link_stands();
            feed.stop.ask(Reason::Done);
            while feed.slot.wait(None) != Wake::Closed {
                feed.slot.take();
            }
            assert_eq!(finish(running).is_err(), fails);
        }
    }

    #[test]
    fn a_source_that_hangs_is_left_behind() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let source = thread::spawn(move || {
            let _ = held.recv();
            Ok(())
        });
        let ended = finish(source);
        assert!(ended.is_ok());
        drop(release);
    }
}
