"""Live stays live: latency on slow, dark, long and busy ways, and whether the number shown is true."""

import signal
import statistics

import numpy as np

from ..bench import Bench, Figure
from ..network import Cable, LongPath, congestion_controls
from ..pairs import PAIRS
from ..trial import Setup, Trial

OURS = PAIRS['ours-raw']

DARK_FROM, DARK_TO = 5.0, 8.0
STOP_FROM, STOP_TO = 5.0, 10.0
# A picture is live when it is no older than this.
LIVE_MS = 400
PATH_DELAY_MS, PATH_MBIT_S = 50, 50


def run(bench: Bench) -> None:
    """Needs root: namespaces, devices, congestion control."""
    bench.report.group('links', 'two hosts, from raw pictures at 640x480@30; latency from hand-over to pixels')
    controls = [name for name in ('cubic', 'bbr') if name in congestion_controls()][: 1 if bench.quick else 2]
    for control in controls:
        slow_link(bench, control)
    for control in controls:
        narrow_links(bench, control)
    for control in controls:
        dark(bench, control)
    stopped_viewer(bench)
    slow_recipe(bench)
    for control in controls:
        long_path(bench, control)
    number(bench)


def slow_link(bench: Bench, control: str) -> None:
    setup = Setup(OURS, seconds=12 if bench.quick else 60)
    figures = [
        p50(),
        p95('<=', 120),
        ('frames shown', '%', Trial.shown_share, '>=', 95),
        ('rise, last third over first', 'ms', rise, '<=', 10),
        ('quality', '', median_quality),
    ]
    bench.measure(f'6 Mbit/s, {control}', setup, figures, lambda: Cable(6, control))


def narrow_links(bench: Bench, control: str) -> None:
    setup = Setup(OURS, seconds=10 if bench.quick else 20, skip_seconds=2)
    fps = ('shown', 'fps', Trial.shown_fps, '>=', 5)
    bench.measure(
        f'1 Mbit/s, {control}', setup, [p50(), p95('<=', 400), fps, gap()], lambda: Cable(1, control)
    )
    fixed = Setup(
        OURS, seconds=setup.seconds, skip_seconds=2, sender_args=('--quality', '80', '--min-quality', '80')
    )
    bench.measure(
        f'2 Mbit/s, quality fixed, {control}',
        fixed,
        [p50(), p95('<=', 400), shown_fps(), gap()],
        lambda: Cable(2, control),
    )


def dark(bench: Bench, control: str) -> None:
    events = (
        (DARK_FROM, lambda stage: stage.network.set_dark(True)),
        (DARK_TO, lambda stage: stage.network.set_dark(False)),
    )
    figures = [
        ('live again after', 's', lambda trial: live_after(trial, DARK_TO), '<=', 0.7),
        ('oldest after the first', 'ms', lambda trial: oldest_after_first(trial, DARK_TO), '<=', LIVE_MS),
    ]
    bench.measure(
        f'20 Mbit/s, dark for 3 s, {control}',
        Setup(OURS, seconds=12, events=events),
        figures,
        lambda: Cable(20, control),
    )


def stopped_viewer(bench: Bench) -> None:
    events = (
        (STOP_FROM, lambda stage: stage.viewer.send(signal.SIGSTOP)),
        (STOP_TO, lambda stage: stage.viewer.send(signal.SIGCONT)),
    )
    figures = [
        ('age of the first new picture', 'ms', lambda trial: first_age(trial, STOP_TO), '<=', 300),
        ('live again after', 's', lambda trial: live_after(trial, STOP_TO)),
        ("sender's memory moved by", 'MB', lambda trial: memory_moved(trial, 1), '<=', 4),
        ("viewer's memory moved by", 'MB', lambda trial: memory_moved(trial, 2), '<=', 4),
    ]
    bench.measure('view-recv stopped for 5 s', Setup(OURS, seconds=13, events=events), figures)


def slow_recipe(bench: Bench) -> None:
    setup = Setup(PAIRS['slow-recipe'], seconds=6 if bench.quick else 15, drain_seconds=0, end_by_itself=True)
    figures = [
        ('frames received', '', lambda trial: recipe_says(trial, 'frames')),
        ('frames broken', '', lambda trial: recipe_says(trial, 'broken'), '<=', 0),
        ('end marker came', '', lambda trial: recipe_says(trial, 'ended'), '>=', 1),
    ]
    bench.measure("the recipe's receiver at 10 fps", setup, figures)


def long_path(bench: Bench, control: str) -> None:
    case = f'{PATH_MBIT_S} Mbit/s, {PATH_DELAY_MS} ms each way, {control}'
    figures = [
        ('shown', 'fps', Trial.shown_fps, '>=', 29),
        p50(),
        ('p95 above the delay', 'ms', lambda trial: trial.percentile(95) - trial.own_delay_ms, '<=', 50),
        ('number less stopwatch', '%', lambda trial: 100 * abs(disagreement(trial)) / trial.percentile(50), '<=', 15),
    ]
    setup = Setup(OURS, seconds=8 if bench.quick else 15, skip_seconds=3)
    bench.measure(case, setup, figures, lambda: LongPath(PATH_MBIT_S, PATH_DELAY_MS, control))


def number(bench: Bench) -> None:
    figures = [
        p50(),
        ('number shown', 'ms', shown_number),
        ('number less stopwatch', 'ms', lambda trial: abs(disagreement(trial)), '<=', 3),
    ]
    bench.measure('loopback', Setup(OURS, seconds=8), figures)


# --- figures ------------------------------------------------------------------------------------------


def p50() -> Figure:
    return ('p50', 'ms', lambda trial: trial.percentile(50))


def p95(relation: str, limit: float) -> Figure:
    return ('p95', 'ms', lambda trial: trial.percentile(95), relation, limit)


def shown_fps() -> Figure:
    return ('shown', 'fps', Trial.shown_fps)


def gap() -> Figure:
    """How evenly frames come: the longest time between two."""

    def longest(trial: Trial) -> float:
        times = [at for at, _ in trial.seen_since(trial.setup.skip_seconds)]
        return float(np.diff(times).max() * 1000) if len(times) > 1 else float('inf')

    return ('longest gap', 'ms', longest)


def rise(trial: Trial) -> float:
    """How much the median of the last third is above that of the first."""
    first, last = trial.setup.skip_seconds, trial.setup.seconds
    third = (last - first) / 3
    return trial.percentile(50, last - third, last) - trial.percentile(50, first, first + third)


def median_quality(trial: Trial) -> float:
    return _median_figure(trial, 'quality')


def live_after(trial: Trial, at: float) -> float:
    """Seconds from `at` to the first picture that is live, infinite if none came."""
    live = [seen for seen, age in trial.seen_since(at) if age <= LIVE_MS]
    return live[0] - at if live else float('inf')


def first_age(trial: Trial, at: float) -> float:
    """The age of the first picture that is seen after `at`."""
    seen = trial.seen_since(at)
    return seen[0][1] if seen else float('inf')


def oldest_after_first(trial: Trial, at: float) -> float:
    """The greatest age of what is seen after `at`, but for the first."""
    ages = [age for _, age in trial.seen_since(at)[1:]]
    return max(ages, default=float('inf'))


def memory_moved(trial: Trial, column: int) -> float:
    """The most by which a program's memory rose above what it was before the stop, in MB."""
    before = [sample[column] for sample in trial.memory if STOP_FROM - 2 < sample[0] < STOP_FROM]
    since = [sample[column] for sample in trial.memory if sample[0] > STOP_FROM]
    return (max(since) - max(before)) / 1e6


def recipe_says(trial: Trial, key: str) -> float:
    return float(trial.viewer_figures[-1][1][key]) if trial.viewer_figures else float('nan')


def shown_number(trial: Trial) -> float:
    """The latency that pi-send reports, as a median, in milliseconds."""
    return _median_figure(trial, 'latency_ms')


def disagreement(trial: Trial) -> float:
    """How far the latency reported is above the stopwatch's, in milliseconds."""
    return shown_number(trial) - trial.percentile(50)


def _median_figure(trial: Trial, key: str) -> float:
    counted = (
        figures[key]
        for at, figures in trial.sender_figures
        if trial.setup.skip_seconds + 1 < at < trial.setup.seconds and figures[key] is not None
    )
    known = list(counted)
    return statistics.median(known) if known else float('nan')
