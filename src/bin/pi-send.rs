//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use pi_stream::args::send::{Options, Plan, To};
use pi_stream::camera::{self, ListFormat};
use pi_stream::net::key_file;
use pi_stream::net::listen::{self, Acceptor, Allowed};
use pi_stream::net::reach::Reach;
use pi_stream::protocol::encrypted::handshake::Role;
use pi_stream::report::{Program, Severity, Statistics, shell};
use pi_stream::send::event::Event;
use pi_stream::send::source::{self, Failure, Source};
use pi_stream::send::stats::{self, Counters};
use pi_stream::send::{self, Receivers};
use pi_stream::source::Feed;

fn main() {
    let options = Options::parse();
    let (quiet, stats) = (options.statistics.quiet, options.statistics.stats);
    let start = || Program::start("pi-send", quiet, stats);
    if let Some(format) = options.camera.list_cameras {
        match list(&options.source, format) {
            Ok(()) => shell::end(0),
            Err(error) => fail(&start(), &error),
        }
    }
    if let Some(file) = &options.key.new_key {
        let mut program = start();
        match make_key(file, &mut program) {
            Ok(()) => program.exit(),
            Err(error) => fail(&program, &error),
        }
    }
    let plan = options.check().unwrap_or_else(|error| error.exit());
    let tuned = use_tuning_file(&plan);
    let mut program = start();
    let file = options.key.key.as_deref();
    match tuned.and_then(|()| run(plan, file, &mut program)) {
        Ok(()) => program.exit(),
        Err(error) => fail(&program, &error),
    }
}

fn fail(program: &Program, error: &anyhow::Error) -> ! {
    let is_usage = error.downcast_ref().is_some_and(Failure::is_usage);
    program.fail(if is_usage { 2 } else { 1 }, Some(error.as_ref()))
}

/// `--list-cameras`.
fn list(source: &str, format: ListFormat) -> anyhow::Result<()> {
    let listed = source::list(source, format)?;
    io::stdout().write_all(listed.as_bytes())?;
    Ok(io::stdout().flush()?)
}

/// `--new-key`.
fn make_key(file: &Path, program: &mut Program) -> anyhow::Result<()> {
    Ok(program.print(&key_file::make(file)?)?)
}

/// `--tuning-file`, before there is any thread.
fn use_tuning_file(plan: &Plan) -> anyhow::Result<()> {
    if let Source::Camera(config) = &plan.source {
        if let Some(file) = &config.tuning_file {
            camera::use_tuning_file(file).map_err(Failure::Camera)?;
        }
    }
    Ok(())
}

/// Whom it sends to, and where it listens for them.
fn receivers(
    to: To,
    key: Option<&Path>,
    has_key: bool,
    program: &Program,
) -> anyhow::Result<Receivers> {
    let (bind, networks) = match to {
        To::Hosts(targets) => return Ok(Receivers::Hosts(targets)),
        To::Listen(bind, networks) => (bind, networks),
    };
    let acceptors = listen::listen(bind, Role::Sends)?;
    let bound: Vec<_> = acceptors
        .iter()
        .map(|a: &Arc<Acceptor>| a.address)
        .collect();
    let say = |severity, line: String| program.console.say(severity, &line);
    for address in &bound {
        say(Severity::Info, format!("listening on {address}"));
    }
    let reach = Reach::of(Role::Sends, &bound, key);
    if let Some(line) = reach.line() {
        say(Severity::Info, line);
    }
    let allowed = match Allowed::given(&networks) {
        Allowed::All if !has_key => {
            if !reach.is_local {
                let line = "without --key and --allow, anyone in this machine's networks can watch";
                say(Severity::Warning, line.into());
            }
            Allowed::Attached
        }
        allowed => allowed,
    };
    Ok(Receivers::Listen { acceptors, allowed })
}

/// Sends until it is over.
fn run(mut plan: Plan, key: Option<&Path>, program: &mut Program) -> anyhow::Result<()> {
    plan.sending.key = key_file::find(key)?;
    let has_key = plan.sending.key.is_some();
    let to = receivers(plan.to, key, has_key, program)?;
    let feed = Arc::new(Feed::new(plan.delivery));
    let counters = Arc::new(Counters::default());
    let (counted, start) = (Arc::clone(&counters), Instant::now());
    let reports = stats::reports(counted, Arc::clone(&feed), has_key, start);
    let statistics = Statistics::start(program, reports)?;
    let console = Arc::clone(&program.console);
    let source = source::start(plan.source, &feed, move |severity, line| {
        console.say(severity, &line);
    })?;

    let report = |event: Event| program.console.say(event.severity(), &event.to_string());
    let stop = &program.stop;
    let sent = send::run(to, plan.sending, &feed, counters, stop, &report);

    feed.end();
    let source = source.finish();
    statistics.finish();
    source?;
    Ok(sent?)
}
