"""The table of the README: ours beside what people use today. No limits: others are what they are."""

from ..bench import Bench
from ..network import Cable
from ..pairs import PAIRS
from ..trial import Setup, Trial

VGA, HD = (640, 480), (1920, 1080)
FROM_JPEG = ('ours', 'gst', 'recipe-opencv', 'imagezmq', 'mpv-low', 'ffplay-low', 'recipe-matplotlib')
FROM_RAW = ('ours-raw', 'gst-raw', 'ffmpeg-mpv-raw')
SLOW_MBIT_S = 6


def run(bench: Bench) -> None:
    """Needs root for the slow link."""
    bench.report.group('peers', 'ours beside what people use; latency from hand-over to pixels')
    for size in (VGA, HD):
        for name in FROM_JPEG + FROM_RAW:
            # matplotlib draws large pictures so small that no number can be read.
            if (name, size) != ('recipe-matplotlib', HD):
                _measure(bench, name, size, '')
    # What the stopwatch itself feeds stays on this host.
    for name in filter(lambda name: PAIRS[name].sender, FROM_JPEG + FROM_RAW):
        _measure(bench, name, VGA, f', {SLOW_MBIT_S} Mbit/s', lambda: Cable(SLOW_MBIT_S))


def _measure(bench: Bench, name: str, size: tuple[int, int], suffix: str, network=None) -> None:
    figures = [
        ('p50', 'ms', lambda trial: trial.percentile(50)),
        ('p95', 'ms', lambda trial: trial.percentile(95)),
        ('shown', 'fps', Trial.shown_fps),
        ("viewer's CPU", '% of a core', lambda trial: trial.viewer_cpu),
    ]
    # The slow ones are seen to the end of what they hold back.
    setup = Setup(PAIRS[name], size, 30, 6 if bench.quick else 10, drain_seconds=4)
    bench.measure('{}, {}x{}@30'.format(name, *size) + suffix, setup, figures, network)
