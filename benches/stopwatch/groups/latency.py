"""As fast as the machine can: frame to pixel, ours and GStreamer's, in turns in one run.

GStreamer, tuned by hand, is the best of what people use. A trial of ours and one of theirs follow each
other, and the limits are on the ratio of each such couple, so that a busy minute weighs on both.
"""

from collections.abc import Callable
from dataclasses import replace

from ..bench import Bench
from ..pairs import PAIRS
from ..report import Check
from ..trial import Setup, Trial

VGA, HD = (640, 480), (1920, 1080)
MAX_CPU_RATIO = 1.6
# What a key may cost: of the time, and of each program's CPU time.
MAX_KEY_RATIO = 1.08
MAX_KEY_CPU_RATIO = 1.15
# All of them; the watcher itself may miss one that stands for less than its look takes.
MIN_SHOWN_PERCENT = 99.5


def run(bench: Bench) -> None:
    bench.report.group('latency', 'from hand-over to pixels, against GStreamer in the same minute')
    for size, fps, limit in ((VGA, 30, 1.1), (VGA, 120, 1.1), (HD, 30, 1.2), (HD, 60, 1.2)):
        _viewer_alone(bench, size, fps, False, limit)
    for fps in (30, 60):
        _viewer_alone(bench, HD, fps, True, 0.9)
    for size, limit in ((VGA, 0.9), (HD, 0.65)):
        setup = Setup(PAIRS['ours-raw'], size, 30, _seconds(bench))
        compare(bench, f'pair, raw, {_name(setup)}', setup, replace(setup, pair=PAIRS['gst-raw']), limit)
    for size in (VGA, HD):
        setup = Setup(PAIRS['ours-raw'], size, 30, _seconds(bench))
        keyed, cpu_limit = replace(setup, pair=PAIRS['ours-raw-key']), MAX_KEY_CPU_RATIO if size == HD else None
        compare(bench, f'pair, with a key, {_name(setup)}', keyed, setup, MAX_KEY_RATIO, cpu_limit, 'without')


def _viewer_alone(bench: Bench, size: tuple[int, int], fps: int, restart_rows: bool, limit: float) -> None:
    setup = Setup(PAIRS['ours-recv'], size, fps, _seconds(bench), restart_rows=restart_rows)
    case = f'viewer, {_name(setup)}' + (', restart rows' if restart_rows else '')
    compare(bench, case, setup, replace(setup, pair=PAIRS['gst']), limit, MAX_CPU_RATIO)


def _seconds(bench: Bench) -> float:
    return 5 if bench.quick else 10


def _name(setup: Setup) -> str:
    return '{}x{}@{}'.format(*setup.size, setup.fps)


def compare(
    bench: Bench, case: str, ours: Setup, other: Setup, limit: float, cpu_limit: float | None = None,
    other_name: str = 'GStreamer',
) -> None:  # fmt: skip
    """Holds trials of both in turns and tells the ratio of their medians."""
    if not bench.wants(case):
        return
    couples = [(bench.hold(case, ours), bench.hold(case, other)) for _ in range(bench.runs)]

    def tell(figure: str, unit: str, of: Callable[[Trial, Trial], float], *limits) -> None:
        bench.report.add(Check(case, figure, unit, tuple(of(*couple) for couple in couples), *limits))

    tell('ours, p50', 'ms', lambda a, _: a.percentile(50))
    tell('ours, p95', 'ms', lambda a, _: a.percentile(95))
    tell(f'{other_name}, p50', 'ms', lambda _, b: b.percentile(50))
    tell(f'{other_name}, p95', 'ms', lambda _, b: b.percentile(95))
    tell('ratio of p50', '', lambda a, b: a.percentile(50) / b.percentile(50), '<=', limit)
    tell('frames shown', '%', lambda a, _: a.shown_share(), '>=', MIN_SHOWN_PERCENT)
    if cpu_limit:
        tell("ours, viewer's CPU", '% of a core', lambda a, _: a.viewer_cpu)
        tell("ratio of viewers' CPU", '', lambda a, b: a.viewer_cpu / b.viewer_cpu, '<=', cpu_limit)
    if cpu_limit and ours.pair.sender:
        tell("ours, sender's CPU", '% of a core', lambda a, _: a.sender_cpu)
        tell("ratio of senders' CPU", '', lambda a, b: a.sender_cpu / b.sender_cpu, '<=', cpu_limit)
