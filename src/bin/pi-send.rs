//! pi-send: a camera's pictures, live, to view-recv on another machine.
//!
//! Parse, run, report, exit. The main thread is the sending thread; the source, the figures and the
//! signals have threads of their own.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;
use pi_stream::send::camera_options::ListFormat;
use pi_stream::send::event::Event;
use pi_stream::send::options::{Options, Plan};
use pi_stream::send::session::Session;
use pi_stream::send::source::{self, Failure, Feed, Source};
use pi_stream::send::stats::{Counters, Reporter};
use pi_stream::shell::{self, Console, Stats, Teller};
use pi_stream::stop::{Reason, Stop};

/// How often figures are told.
const REPORT: Duration = Duration::from_secs(1);

/// How long the source has to end: a camera is released in it; standard input may never come back.
const PATIENCE_WITH_SOURCE: Duration = Duration::from_millis(400);

fn main() {
    let options = Options::parse();
    if let Some(format) = options.camera.list_cameras {
        list(format);
    }
    let plan = options.check().unwrap_or_else(|error| error.exit());
    let console = Arc::new(Console::new("pi-send"));
    let sent = use_tuning_file(&plan)
        .map_err(anyhow::Error::from)
        .and_then(|()| run(plan, Stats::or_default(options.stats), &console));
    match sent {
        Ok(reason) => shell::exit(reason),
        Err(error) => failed(&console, &error),
    }
}

/// Says what failed, and ends.
fn failed(console: &Console, error: &anyhow::Error) -> ! {
    console.clear_status();
    console.say(&shell::in_a_line(error.as_ref()));
    let is_usage = error.downcast_ref().is_some_and(Failure::is_usage);
    shell::end(if is_usage { 2 } else { 1 })
}

/// `--list-cameras`.
fn list(format: ListFormat) -> ! {
    let listed = source::list_cameras(format).map_err(anyhow::Error::from);
    let printed = listed.and_then(|text| {
        io::stdout().write_all(text.as_bytes())?;
        Ok(io::stdout().flush()?)
    });
    match printed {
        Ok(()) => shell::end(0),
        Err(error) => failed(&Console::new("pi-send"), &error),
    }
}

/// `--tuning-file`, before there is any thread.
fn use_tuning_file(plan: &Plan) -> Result<(), Failure> {
    if let Source::Camera(config) = &plan.source {
        if let Some(file) = &config.tuning_file {
            return pi_stream::send::camera::use_tuning_file(file).map_err(Failure::Camera);
        }
    }
    Ok(())
}

/// Sends until it is over; why it ended, or what failed.
fn run(plan: Plan, stats: Stats, console: &Arc<Console>) -> anyhow::Result<Option<Reason>> {
    let stop = Arc::new(Stop::new());
    shell::heed_signals(Arc::clone(&stop))?;
    let feed = Arc::new(Feed::new(plan.delivery));
    let counters = Arc::new(Counters::default());
    let over = Arc::new(Stop::new());
    let reporter = Reporter::new(Arc::clone(&counters), Arc::clone(&feed), Instant::now());
    let figures = Figures {
        teller: Teller {
            stats,
            console: Arc::clone(console),
            json: Box::new(shell::take_stdout()?),
        },
        reporter,
        over: Arc::clone(&over),
        stop: Arc::clone(&stop),
    };
    let figures = thread::Builder::new()
        .name("figures".into())
        .spawn(move || figures.run())?;
    let source = start(plan.source, &feed, console)?;

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
    over.ask(Reason::Done);
    let _ = figures.join();
    source.unwrap_or(Ok(()))?;
    sent?;
    Ok(stop.reason())
}

/// Starts the source on a thread of its own. When it fails it closes the feed, and the session ends.
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
        let end = source::run(&source, &feed, &|line| console.say(&line));
        feed.slot().close();
        end
    })
}

/// Waits for the source for so long; `None` where it does not come back.
fn join_within(
    source: JoinHandle<Result<(), Failure>>,
    patience: Duration,
) -> Option<Result<(), Failure>> {
    let until = Instant::now() + patience;
    while !source.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    // A panic in it has been reported by its hook, and the feed was closed.
    source
        .is_finished()
        .then(|| source.join().unwrap_or(Ok(())))
}

/// The thread "figures": tells them once a second and once at the end.
struct Figures {
    teller: Teller,
    reporter: Reporter,
    over: Arc<Stop>,
    stop: Arc<Stop>,
}

impl Figures {
    fn run(mut self) {
        let mut next = Instant::now() + REPORT;
        loop {
            let last = self.over.sleep_until(next);
            next += REPORT;
            let report = self.reporter.report(Instant::now(), last);
            if self.teller.tell(&report, &report.line(), last).is_err() {
                self.stop.ask(Reason::Done);
                return;
            }
            if last {
                return;
            }
        }
    }
}
