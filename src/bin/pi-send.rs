//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::Error;
use clap::Parser;
use pi_stream::args::send::{Options, Plan, To};
use pi_stream::handoff::spawn;
use pi_stream::net::{Allowed, Finder, Found, Reach, find, key_file, listen};
use pi_stream::protocol::{Name, Role};
use pi_stream::report::{Program, Severity, Statistics};
use pi_stream::send::source::{self, Failure, Source};
use pi_stream::send::{self, Counters, Receivers, stats};
use pi_stream::source::Feed;
use pi_stream::{Key, camera};

/// How often it is looked whether somebody is there whom to send to.
const LOOK: Duration = Duration::from_millis(50);

fn main() {
    let options = Options::parse();
    let (quiet, stats) = (options.statistics.quiet, options.statistics.stats);
    let start = || Program::start("pi-send", quiet, stats);
    let new_key = options.key.new_key.as_ref();
    let printed = match (options.camera.list_cameras, options.list_viewers) {
        (Some(format), _) => Some(source::list(&options.source, format).map_err(Error::from)),
        (_, Some(format)) => Some(find::list(Role::Receives, format).map_err(Error::from)),
        _ => new_key.map(|file| Ok(key_file::make(file)?)),
    };
    let (program, ran) = if let Some(text) = printed {
        let mut program = start();
        let printed = text.and_then(|text| Ok(program.print(&text)?));
        (program, printed)
    } else {
        let plan = options.check().unwrap_or_else(|error| error.exit());
        let tuned = use_tuning_file(&plan);
        let (mut program, file) = (start(), options.key.key.as_deref());
        let sent = tuned.and_then(|()| run(plan, file, &mut program));
        (program, sent)
    };
    let Err(error) = ran else { program.exit(0) };
    let is_usage = error.downcast_ref().is_some_and(Failure::is_usage) || error.is::<HostMissing>();
    program.fail(if is_usage { 2 } else { 1 }, error.as_ref())
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
/// `None` where it was to end before one was there.
fn find(only: bool, key: Option<&Key>, program: &Program) -> anyhow::Result<Option<Receivers>> {
    let say = |line: &str| program.console.say(Severity::Info, line);
    let (own, lists_all) = (key.map(find::key_id), !only && key.is_none());
    let mut to = Receivers::default();
    let chosen = Arc::new(OnceLock::<Name>::new());
    let only_this = Arc::clone(&chosen);
    let finder = Finder::start(move |found| {
        let is_chosen = only_this.get().is_none_or(|name| *name == found.name);
        found.role == Role::Receives && is_chosen && (lists_all || found.key == own)
    })?;
    if !only && !lists_all {
        say("looking for viewers that have the key");
        to.finder = Some(finder);
        return Ok(Some(to));
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
        [] => Ok(None),
        [one] => {
            let _ = chosen.set(one.name.clone());
            say(&format!("sending to {} ({})", one.name, one.addresses[0]));
            to.hosts.push(finder.peer(one));
            Ok(Some(to))
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
fn run(mut plan: Plan, key: Option<&Path>, program: &mut Program) -> anyhow::Result<()> {
    plan.sending.key = key_file::find(key)?;
    let (own_key, name) = (plan.sending.key.as_ref(), &plan.sending.name);
    let has_key = own_key.is_some();
    let (mut announced, mut to) = (None, Receivers::default());
    match plan.to {
        To::Hosts(targets) => to.hosts = targets,
        To::Found { only } => match find(only, own_key, program)? {
            Some(found) => to = found,
            None => return Ok(()),
        },
        To::Listen(bind, networks, is_announced) => {
            to.acceptors = listen::listen(bind, Role::Sends)?;
            let bound = Vec::from_iter(to.acceptors.iter().map(|acceptor| acceptor.address));
            let reach = Reach::of(Role::Sends, &bound, key);
            for line in &reach.lines {
                program.console.say(Severity::Info, line);
            }
            let warn = |line: String| program.console.say(Severity::Warning, &line);
            let is_open = networks.is_empty() && !has_key;
            to.allowed = Allowed::Networks(networks);
            if is_open && !reach.is_local {
                to.allowed = Allowed::Attached;
                let line = "without --key and --allow, anyone in this machine's networks can watch";
                warn(line.into());
            }
            if is_announced {
                announced = find::announce(Role::Sends, name, bound, own_key, warn);
            }
        }
    }
    let feed = Arc::new(Feed::new(plan.delivery));
    let counters = Arc::<Mutex<Counters>>::default();
    let reports = stats::reports(Arc::clone(&counters), Arc::clone(&feed), has_key);
    let statistics = Statistics::start(program, reports)?;
    let console = Arc::clone(&program.console);
    let (source, fed) = (plan.source, Arc::clone(&feed));
    let report = move |severity, line: String| console.say(severity, &line);
    let reported = report.clone();
    let source = spawn("source", move || source::run(&source, &fed, &reported))?;

    let stop = &program.stop;
    let sent = send::run(to, plan.sending, &feed, counters, stop, &report);

    drop(announced);
    feed.end();
    let source = source::finish(source);
    statistics.finish();
    source?;
    Ok(sent?)
}
