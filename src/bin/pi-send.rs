//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::Error;
use clap::Parser;
use pi_stream::args::send::{Options, Plan};
use pi_stream::handoff::spawn;
use pi_stream::net::{Allowed, Finder, Found, Reach, find, key_file, listen};
use pi_stream::protocol::{Name, Role};
use pi_stream::report::{Program, Severity};
use pi_stream::send::source::{self, Failure, Source};
use pi_stream::send::{self, Counters, Receivers, stats};
use pi_stream::source::Feed;
use pi_stream::{Key, camera};

/// How often it is looked whether somebody is there whom to send to.
const LOOK: Duration = Duration::from_millis(50);

fn main() {
    let options = Options::parse();
    let (camera, new_key) = (&options.camera, &options.key.new_key);
    let mut plan = None;
    // What there is to print; nothing where there is a plan.
    let text = match (camera.list_cameras, options.list_viewers, new_key) {
        (Some(format), ..) => source::list(&options.source, format).map_err(Error::from),
        (_, Some(format), _) => find::list(Role::Receives, format).map_err(Error::from),
        (.., Some(file)) => key_file::make(file).map_err(Error::from),
        _ => {
            let checked = options.check().unwrap_or_else(|error| error.exit());
            use_tuning_file(plan.insert(checked)).map(|()| String::new())
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
    let is_usage = error.downcast_ref().is_some_and(Failure::is_usage) || error.is::<HostMissing>();
    program.exit(if is_usage { 2 } else { 1 }, Some(error.as_ref()))
}

/// Nobody to send to was named: whom there is.
#[derive(Debug, thiserror::Error)]
#[error("--host is missing: {0}, or let viewers dial this side: --listen")]
struct HostMissing(String);

/// `--tuning-file`, before there is any thread.
fn use_tuning_file(plan: &Plan) -> anyhow::Result<()> {
    if let Source::Camera(config) = &plan.source {
        if let Some(file) = &config.tuning_file {
            camera::use_tuning_file(file).map_err(Failure::Camera)?;
        }
    }
    Ok(())
}

/// Looks for viewers that are announced: the only one (`--host auto`), or all that have the key.
/// `false` where it was to end before one was there.
fn find(
    only: bool,
    key: Option<&Key>,
    to: &mut Receivers,
    program: &Program,
) -> anyhow::Result<bool> {
    let say = |line: &str| program.console.say(Severity::Info, line);
    let (own, lists_all) = (key.map(find::key_id), !only && key.is_none());
    let chosen = Arc::new(OnceLock::<Name>::new());
    let only_this = Arc::clone(&chosen);
    let finder = Finder::start(move |found| {
        let is_chosen = only_this.get().is_none_or(|name| *name == found.name);
        found.role == Role::Receives && is_chosen && (lists_all || found.key == own)
    })?;
    if !only && !lists_all {
        say("looking for viewers that have the key");
        to.finder = Some(finder);
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
            let _ = chosen.set(one.name.clone());
            say(&format!("sending to {} ({})", one.name, one.addresses[0]));
            to.hosts.push(finder.peer(one));
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
fn run(mut plan: Plan, options: &Options, program: &mut Program) -> anyhow::Result<()> {
    let file = options.key.key.as_deref();
    plan.sending.key = key_file::find(file)?;
    let key = plan.sending.key.as_ref();
    let (has_key, mut announced) = (key.is_some(), None);
    let mut to = Receivers {
        hosts: plan.hosts,
        ..Receivers::default()
    };
    if let Some(bind) = options.listen {
        to.acceptors = listen::listen(bind, Role::Sends)?;
        let bound = Vec::from_iter(to.acceptors.iter().map(|acceptor| acceptor.address));
        let reach = Reach::of(Role::Sends, &bound, file);
        for line in &reach.lines {
            program.console.say(Severity::Info, line);
        }
        let warn = |line: String| program.console.say(Severity::Warning, &line);
        to.allowed = Allowed::Networks(options.allow.clone());
        if options.allow.is_empty() && !has_key && !reach.is_local {
            to.allowed = Allowed::Attached;
            let line = "without --key and --allow, anyone in this machine's networks can watch";
            warn(line.into());
        }
        if options.announce.wants(true) {
            announced = find::announce(Role::Sends, &plan.sending.name, bound, key, warn);
        }
    } else if to.hosts.is_empty() && !find(!options.host.is_empty(), key, &mut to, program)? {
        return Ok(());
    }
    let feed = Arc::new(Feed::new(plan.delivery));
    let counters = Arc::<Mutex<Counters>>::default();
    let figures = stats::reports(Arc::clone(&counters), Arc::clone(&feed), has_key);
    program.report(figures)?;
    let console = Arc::clone(&program.console);
    let (source, fed) = (plan.source, Arc::clone(&feed));
    let report = move |severity, line: String| console.say(severity, &line);
    let reported = report.clone();
    let source = spawn("source", move || source::run(&source, &fed, &reported))?;

    let stop = &program.stop;
    let sent = send::run(to, plan.sending, &feed, counters, stop, &report);

    drop(announced);
    feed.end();
    source::finish(source)?;
    Ok(sent?)
}
