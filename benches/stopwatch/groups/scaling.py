"""What a window of another size than the picture's costs: 1080p, smaller and larger, against unscaled."""

from dataclasses import replace

from ..bench import Bench
from ..pairs import PAIRS
from ..trial import Setup
from .latency import compare

HD = (1920, 1080)
WINDOWS = ((960, 540), (2560, 1440))
MAX_RATIO = 1.5


def run(bench: Bench) -> None:
    bench.report.group('scaling', '1920x1080@30 into windows, against the larger of both sizes unscaled')
    for window in WINDOWS[: 1 if bench.quick else 2]:
        scaled = Setup(PAIRS['ours-recv'], HD, 30, 5 if bench.quick else 10, window=window)
        unscaled = replace(scaled, size=max(HD, window), window=None)
        case = 'into {}x{}'.format(*window)
        compare(bench, case, scaled, unscaled, MAX_RATIO, other_name='unscaled')
