//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;
use pi_stream::args::send::{Options, Plan};
use pi_stream::camera::{self, ListFormat};
use pi_stream::handoff::stop::{Reason, Stop};
use pi_stream::report::shell;
use pi_stream::report::{Console, Schedule, Severity, Statistics, Stats};
use pi_stream::send;
use pi_stream::send::event::Event;
use pi_stream::send::source::{self, Failure, Source};
use pi_stream::send::stats::{Counters, Reporter};
use pi_stream::source::Feed;

/// How long the source has to end: a camera is released in it; standard input may never come back.
const PATIENCE_WITH_SOURCE: Duration = Duration::from_millis(400);

fn main() {
    let options = Options::parse();
    if let Some(format) = options.camera.list_cameras {
        list(format);
    }
    let plan = options.check().unwrap_or_else(|error| error.exit());
    let tuned = use_tuning_file(&plan);
    let console = console(options.statistics.quiet);
    console.report_panics();
    let stats = options.statistics.stats();
    let sent = tuned
        .map_err(anyhow::Error::from)
        .and_then(|()| run(plan, stats, &console));
    match sent {
        Ok(reason) => {
            console.finish();
            shell::exit(reason)
        }
        Err(error) => failed(&console, &error),
    }
}

fn console(quiet: bool) -> Arc<Console> {
    match Console::start("pi-send", quiet) {
        Ok(console) => Arc::new(console),
        Err(error) => {
            eprintln!("pi-send: no thread to report with: {error}");
            shell::end(1)
        }
    }
}

/// Says what failed, and ends.
fn failed(console: &Console, error: &anyhow::Error) -> ! {
    console.clear_status();
    console.say(Severity::Error, &shell::in_a_line(error.as_ref()));
    console.finish();
    let is_usage = error.downcast_ref().is_some_and(Failure::is_usage);
    shell::end(if is_usage { 2 } else { 1 })
}

/// `--list-cameras`.
fn list(format: ListFormat) -> ! {
    let listed = camera::list(format).map_err(|error| Failure::Camera(error).into());
    let printed = listed.and_then(|text| {
        io::stdout().write_all(text.as_bytes())?;
        Ok(io::stdout().flush()?)
    });
    match printed {
        Ok(()) => shell::end(0),
        Err(error) => failed(&console(false), &error),
    }
}

/// `--tuning-file`, before there is any thread.
fn use_tuning_file(plan: &Plan) -> Result<(), Failure> {
    if let Source::Camera(config) = &plan.source {
        if let Some(file) = &config.tuning_file {
            return camera::use_tuning_file(file).map_err(Failure::Camera);
        }
    }
    Ok(())
}

/// Sends until it is over; why it ended, or what failed.
fn run(plan: Plan, stats: Stats, console: &Arc<Console>) -> anyhow::Result<Option<Reason>> {
    let stop = Arc::new(Stop::new());
    shell::install_signal_handlers(Arc::clone(&stop))?;
    let feed = Arc::new(Feed::new(plan.delivery));
    let counters = Arc::new(Counters::default());
    let over = Arc::new(Stop::new());
    let figures = thread::Builder::new().name("figures".into()).spawn({
        let reporter = Reporter::new(Arc::clone(&counters), Arc::clone(&feed), Instant::now());
        let statistics = Statistics::start(stats, console, Some(shell::take_stdout()?), &stop)?;
        let over = Arc::clone(&over);
        move || report_figures(reporter, &statistics, &over)
    })?;
    let source = start(plan.source, &feed, console)?;

    let report = |event: Event| console.say(event.severity(), &event.to_string());
    let sent = send::run(plan.target, plan.sending, &feed, counters, &stop, &report);

    feed.end();
    let source = join_within(source, PATIENCE_WITH_SOURCE);
    over.ask(Reason::Done);
    let _ = figures.join();
    source?;
    sent?;
    Ok(stop.reason())
}

/// The thread "figures": reports them once a second and once at the end.
fn report_figures(mut reporter: Reporter, statistics: &Statistics, over: &Stop) {
    let mut schedule = Schedule::new(Instant::now());
    loop {
        let last = over.sleep_until(schedule.next());
        let now = Instant::now();
        if last || schedule.is_due(now) {
            let report = reporter.report(now, last);
            statistics.tell(&report, &report.line(), last);
        }
        if last {
            return statistics.finish();
        }
    }
}

/// Starts the source on a thread of its own. When it fails it closes the feed, and sending ends.
fn start(
    source: Source,
    feed: &Arc<Feed>,
    console: &Arc<Console>,
) -> io::Result<JoinHandle<Result<(), Failure>>> {
    let (feed, console) = (Arc::clone(feed), Arc::clone(console));
    let name = match source {
        Source::Camera(_) => "camera",
        Source::Test(_) => "test",
        Source::Stream(..) => "stream",
    };
    thread::Builder::new().name(name.into()).spawn(move || {
        let report = |severity, line: String| console.say(severity, &line);
        let end = source::run(&source, &feed, &report);
        feed.slot().close();
        end
    })
}

/// Waits for the source for so long, and says what it failed of; one that does not come back is left behind.
fn join_within(source: JoinHandle<Result<(), Failure>>, patience: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + patience;
    while !source.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    if source.is_finished() {
        let ended = source.join();
        // What it was, its hook has said; the feed was closed.
        ended.map_err(|_| {
            anyhow::anyhow!("the source ended by a fault of pi-send itself, told above")
        })??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_panics_makes_pi_send_fail() {
        let source = thread::spawn(|| -> Result<(), Failure> { panic!("for the test") });
        let ended = join_within(source, Duration::from_secs(10));
        assert!(ended.is_err(), "a service would not be started again");
    }

    #[test]
    fn a_source_that_hangs_is_left_behind() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let source = thread::spawn(move || {
            let _ = held.recv();
            Ok(())
        });
        assert!(join_within(source, Duration::from_millis(20)).is_ok());
        drop(release);
    }
}
