"""As fast as the machine can: frame to pixel, ours and GStreamer's and the floor's, in turns in one run.

GStreamer, tuned by hand, is the best of what people use; the floor (benches/floor.rs) is what no viewer can do without. A
trial of each follows the other, and the limits are on the ratios within each such turn, so that a busy minute weighs on all.
What counts most is what a program adds: (ours - floor) / (GStreamer's - floor).
"""

import os
import platform
import re
from dataclasses import replace
from pathlib import Path

from ..bench import Bench
from ..pairs import PAIRS
from ..report import Check
from ..trial import Setup

VGA, HD = (640, 480), (1920, 1080)
MAX_CPU_RATIO = 1.6
# What a key may cost: of the time, and of each program's CPU time.
MAX_KEY_RATIO = 1.08
MAX_KEY_CPU_RATIO = 1.15
# How much more a pair may add where the range has to be converted.
LIMITED_RANGE = 0.1
# All of them; the watcher itself may miss one that stands for less than its look takes.
MIN_SHOWN_PERCENT = 99.5


def run(bench: Bench) -> None:
    bench.report.group('latency', 'from hand-over to pixels, against GStreamer in the same minute')
    rows = []
    for size, fps, whole, added in ((VGA, 30, 1.1, 0.9), (VGA, 120, 1.1, 0.9), (HD, 30, 1.2, 1.0), (HD, 60, 1.2, 1.0)):
        if bench.quick and fps > 30:
            continue
        rows += _viewer_alone(bench, size, fps, False, whole, added)
    for fps in (30,) if bench.quick else (30, 60):
        rows += _viewer_alone(bench, HD, fps, True, 0.9, 0.5)
    for size, whole, added in ((VGA, 0.9, 0.75), (HD, 0.65, 0.55)):
        setup = Setup(PAIRS['ours-raw'], size, 30, _seconds(bench))
        ranges = ((setup, 0, ''), (replace(setup, full_range=False), LIMITED_RANGE, ', limited range'))
        for ours, more, suffix in ranges[: 1 if bench.quick else 2]:
            gst = replace(ours, pair=PAIRS['gst-raw'])
            rows += compare(bench, f'pair, raw, {_name(setup)}{suffix}', ours, gst, whole + more, added=added + more)
    head = ('p50, ms', 'pi-stream', 'GStreamer', 'of that', 'floor', 'added, of what GStreamer adds')
    if rows:
        bench.report.table(_machine(), head, rows)
    for size in (VGA, HD):
        setup = Setup(PAIRS['ours-raw'], size, 30, _seconds(bench))
        keyed, cpu_limit = replace(setup, pair=PAIRS['ours-raw-key']), MAX_KEY_CPU_RATIO if size == HD else None
        compare(bench, f'pair, with a key, {_name(setup)}', keyed, setup, MAX_KEY_RATIO, cpu_limit, other_name='without')


def _viewer_alone(
    bench: Bench, size: tuple[int, int], fps: int, restart_rows: bool, whole: float, added: float
) -> list[tuple[str, ...]]:
    setup = Setup(PAIRS['ours-recv'], size, fps, _seconds(bench), restart_rows=restart_rows)
    case = f'viewer, {_name(setup)}' + (', restart rows' if restart_rows else '')
    return compare(bench, case, setup, replace(setup, pair=PAIRS['gst']), whole, MAX_CPU_RATIO, added)


def _seconds(bench: Bench) -> float:
    return 4 if bench.quick else 10


def _name(setup: Setup) -> str:
    return '{}x{}@{}'.format(*setup.size, setup.fps)


def compare(
    bench: Bench, case: str, ours: Setup, other: Setup, limit: float, cpu_limit: float | None = None,
    added: float | None = None, other_name: str = 'GStreamer',
) -> list[tuple[str, ...]]:  # fmt: skip
    """Holds trials in turns and tells the medians of their ratios; `added` is the limit of what is beyond the floor.

    Returns the row of the README's table, if it was measured and has one.
    """
    if not bench.wants(case):
        return []
    setups = [ours, other]
    if added:
        setups.append(replace(ours, pair=PAIRS['floor']))
    turns = [[bench.hold(case, setup) for setup in setups] for _ in range(bench.runs)]

    def tell(figure: str, unit: str, of, *limits) -> Check:
        check = Check(case, figure, unit, tuple(of(*turn) for turn in turns), *limits)
        bench.report.add(check)
        return check

    p50 = tell('ours, p50', 'ms', lambda a, *_: a.percentile(50))
    tell('ours, p95', 'ms', lambda a, *_: a.percentile(95))
    others = tell(f'{other_name}, p50', 'ms', lambda _, b, *c: b.percentile(50))
    tell(f'{other_name}, p95', 'ms', lambda _, b, *c: b.percentile(95))
    ratio = tell('ratio of p50', '', lambda a, b, *_: a.percentile(50) / b.percentile(50), '<=', limit)
    row = []
    if added:
        floor = tell('floor, p50', 'ms', lambda _, b, c: c.percentile(50))
        more = tell('ratio of what is added', '', _added, '<=', added)
        row = [(case, p50.spread(1), others.spread(1), ratio.spread(2), floor.spread(1), more.spread(2))]
    tell('frames shown', '%', lambda a, *_: a.shown_share(), '>=', MIN_SHOWN_PERCENT)
    if cpu_limit:
        tell("ours, viewer's CPU", '% of a core', lambda a, *_: a.viewer_cpu)
        tell("ratio of viewers' CPU", '', lambda a, b, *_: a.viewer_cpu / b.viewer_cpu, '<=', cpu_limit)
    if cpu_limit and ours.pair.sender:
        tell("ours, sender's CPU", '% of a core', lambda a, *_: a.sender_cpu)
        tell("ratio of senders' CPU", '', lambda a, b, *_: a.sender_cpu / b.sender_cpu, '<=', cpu_limit)
    return row


def _machine() -> str:
    model = re.search(r'^model name\s*: (.*)', Path('/proc/cpuinfo').read_text(), re.M)
    return f'{os.cpu_count()} cores of {model[1] if model else platform.processor()}, Linux {platform.release()}'


def _added(ours, other, floor) -> float:
    """To the floor, by ours of what the other adds."""
    least = floor.percentile(50)
    return (ours.percentile(50) - least) / (other.percentile(50) - least)
