"""What both programs hold, and that neither memory nor latency grows over many frames."""

import statistics

from ..bench import Bench
from ..pairs import PAIRS
from ..trial import Setup, Trial
from .links import p50

OURS = PAIRS['ours-raw']
VGA, HD = (640, 480), (1920, 1080)
MAX_MB = 90
# Allocators and page caches breathe; a leak of one picture in a thousand would be 60 MB.
MAX_DRIFT_MB = 2
MAX_RISE_MS = 1
SENDER, VIEWER = 1, 2


def run(bench: Bench) -> None:
    bench.report.group('memory', 'from raw pictures: resident memory, and drift over many frames')
    _resident(bench)
    _drift(bench, '20,000 frames of 1920x1080', HD, 60, 2_000 if bench.quick else 20_000, ())
    if not bench.quick:
        _drift(bench, '100,000 frames of 640x480', VGA, 240, 100_000, ('<=', MAX_RISE_MS))


def _resident(bench: Bench) -> None:
    figures = [
        ("sender's memory", 'MB', lambda trial: _at_most(trial, SENDER), '<=', MAX_MB),
        ("viewer's memory", 'MB', lambda trial: _at_most(trial, VIEWER), '<=', MAX_MB),
    ]
    bench.measure('1920x1080@30', Setup(OURS, HD, 30, 10 if bench.quick else 20), figures)


def _drift(bench: Bench, case: str, size: tuple[int, int], fps: int, frames: int, latency_limit: tuple) -> None:
    """Once, however many runs: it is long because what creeps shows only then."""
    if not bench.wants(case):
        return
    once = Bench(bench.report, 1, bench.quick, bench.verbose)
    figures = [
        ('frames shown', '', lambda trial: len(trial.latencies())),
        p50(),
        ('latency rose by', 'ms', _latency_rise, *latency_limit),
        ("sender's memory rose by", 'MB', lambda trial: _memory_rise(trial, SENDER), '<=', MAX_DRIFT_MB),
        ("viewer's memory rose by", 'MB', lambda trial: _memory_rise(trial, VIEWER), '<=', MAX_DRIFT_MB),
    ]
    # After 1,000 frames caches and buffers have their size.
    once.measure(case, Setup(OURS, size, fps, frames / fps, skip_seconds=1000 / fps), figures)


def _at_most(trial: Trial, column: int) -> float:
    """While pictures come, in MB: how soon a viewer then says that none do, and draws that, is another matter."""
    return max(sample[column] for sample in trial.memory if sample[0] < trial.setup.seconds) / 1e6


def _memory_rise(trial: Trial, column: int) -> float:
    """The median of the last tenth less that of the first tenth that counts, in MB."""
    first, last = trial.setup.skip_seconds, trial.setup.seconds
    tenth = (last - first) / 10

    def between(begin: float, end: float) -> float:
        return statistics.median(sample[column] for sample in trial.memory if begin <= sample[0] < end)

    return (between(last - tenth, last) - between(first, first + tenth)) / 1e6


def _latency_rise(trial: Trial) -> float:
    """The median of the last tenth less that of the first tenth that counts, in milliseconds."""
    first, last = trial.setup.skip_seconds, trial.setup.seconds
    tenth = (last - first) / 10
    return trial.percentile(50, last - tenth, last) - trial.percentile(50, first, first + tenth)
