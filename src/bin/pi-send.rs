//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;
use pi_stream::send::event::Event;
use pi_stream::send::options::{Options, Plan, Source};
use pi_stream::send::session::Session;
use pi_stream::send::source::{self, Feed, SourceEnd};
use pi_stream::send::stats::{Counters, Reporter};
use pi_stream::shell::{self, Console, Stats};
use pi_stream::stop::{Reason, Stop};

/// How often figures are told.
const REPORT: Duration = Duration::from_secs(1);

/// How long the source has to end: a camera is released in it; standard input may never come back.
const PATIENCE_WITH_SOURCE: Duration = Duration::from_millis(400);

fn main() -> ExitCode {
    let options = Options::parse();
    let plan = options.check().unwrap_or_else(|error| error.exit());
    let console = Arc::new(Console::new("pi-send"));
    match run(plan, Stats::or_default(options.stats), &console) {
        Ok(reason) => shell::exit(reason),
        Err(error) => {
            console.clear_status();
            console.say(&format!("{error:#}"));
            ExitCode::from(u8::from(error.is::<source::Usage>()) + 1)
        }
    }
}

/// Sends until it is over; why it ended, or what failed.
fn run(plan: Plan, stats: Stats, console: &Arc<Console>) -> anyhow::Result<Option<Reason>> {
    let stop = Arc::new(Stop::new());
    shell::heed_signals(Arc::clone(&stop))?;
    let feed = Arc::new(Feed::new(plan.delivery));
    let counters = Arc::new(Counters::default());
    let reporting = report(stats, &counters, &feed, &stop, console)?;
    let source = start(plan.source, &feed, &stop, console)?;

    let tell = |event: Event| console.say(&event.to_string());
    let mut session = Session::new(
        plan.session,
        Arc::clone(&feed),
        counters,
        Arc::clone(&stop),
        &tell,
    )?;
    let sent = session.run();

    feed.end();
    let source = join_within(source, PATIENCE_WITH_SOURCE);
    stop.ask(Reason::Done);
    let _ = reporting.join();
    if let Some(ended) = source {
        ended?;
    }
    sent?;
    Ok(stop.reason())
}

/// Starts the source on a thread of its own.
fn start(
    source: Source,
    feed: &Arc<Feed>,
    stop: &Arc<Stop>,
    console: &Arc<Console>,
) -> anyhow::Result<JoinHandle<SourceEnd>> {
    let (feed, stop, console) = (Arc::clone(feed), Arc::clone(stop), Arc::clone(console));
    let name = match source {
        Source::Camera(_) => "camera",
        Source::Test(_) => "test",
        Source::Stream(..) => "stream",
    };
    let run = move || {
        let end = source::run(source, &feed, &|line| console.say(&line));
        if end.is_err() {
            // There is nothing to send: whoever waits for a connection shall wait no more.
            stop.ask(Reason::Done);
        }
        end
    };
    Ok(thread::Builder::new().name(name.into()).spawn(run)?)
}

/// Waits for the source for so long; `None` where it does not come back.
fn join_within(source: JoinHandle<SourceEnd>, patience: Duration) -> Option<SourceEnd> {
    let until = Instant::now() + patience;
    while !source.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    source.is_finished().then(|| {
        source
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the source broke down (see above)")))
    })
}

/// The thread "figures": tells them once a second and once at the end.
fn report(
    stats: Stats,
    counters: &Arc<Counters>,
    feed: &Arc<Feed>,
    stop: &Arc<Stop>,
    console: &Arc<Console>,
) -> anyhow::Result<JoinHandle<()>> {
    let mut reporter = Reporter::new(Arc::clone(counters), Arc::clone(feed), Instant::now());
    let (stop, console) = (Arc::clone(stop), Arc::clone(console));
    let mut stdout = shell::take_stdout()?;
    let run = move || {
        let mut next = Instant::now() + REPORT;
        loop {
            let last = stop.sleep_until(next);
            next += REPORT;
            let report = reporter.report(Instant::now(), last);
            match stats {
                Stats::Off => {}
                Stats::Line if last => {
                    console.clear_status();
                    console.say(&report.line());
                }
                Stats::Line => console.status(&report.line()),
                Stats::Json => {
                    let line = serde_json::to_string(&report).expect("plain fields");
                    if writeln!(stdout, "{line}").is_err() {
                        // Whoever read the figures has gone.
                        stop.ask(Reason::Done);
                        return;
                    }
                }
            }
            if last {
                return;
            }
        }
    };
    Ok(thread::Builder::new().name("figures".into()).spawn(run)?)
}
