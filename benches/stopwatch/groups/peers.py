"""The tables of the README: ours beside what people use today.

No limits in the first: others are what they are. The second is about pixels in a script's hands, in Python.
"""

from ..bench import Bench
from ..network import Cable
from ..pairs import PAIRS
from ..report import Check
from ..trial import Setup, Trial

VGA, HD = (640, 480), (1920, 1080)
FROM_JPEG = ('ours', 'gst', 'recipe-opencv', 'imagezmq', 'mpv-low', 'ffplay-low', 'recipe-matplotlib')
FROM_RAW = ('ours-raw', 'gst-raw', 'ffmpeg-mpv-raw')
# Named, because systems differ in it, and what others hold back in the sender's kernel with it: most have cubic.
SLOW_MBIT_S, CONTROL = 6, 'cubic'
IN_PYTHON = ('python', 'python-imagezmq', 'python-capture')
# Of imagezmq's median latency: as fast as it goes, and where a script takes its time for each picture.
MAX_RATIO, MAX_RATIO_SLOW = 0.8, 0.2
SLOW_SECONDS = 0.2


def run(bench: Bench) -> None:
    """Needs root for the slow link."""
    bench.report.group('peers', 'ours beside what people use; latency from hand-over to pixels')
    for size in (VGA, HD):
        for name in FROM_JPEG + FROM_RAW:
            # matplotlib draws large pictures so small that no number can be read.
            if (name, size) != ('recipe-matplotlib', HD):
                _measure(bench, name, size, '')
    # What the stopwatch itself feeds stays on this host.
    for size in (VGA, HD):
        _in_python(bench, size, 0, MAX_RATIO)
    _in_python(bench, VGA, SLOW_SECONDS, MAX_RATIO_SLOW)
    for name in filter(lambda name: PAIRS[name].sender, FROM_JPEG + FROM_RAW):
        _measure(bench, name, VGA, f', {SLOW_MBIT_S} Mbit/s, {CONTROL}', lambda: Cable(SLOW_MBIT_S, CONTROL))


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


def _in_python(bench: Bench, size: tuple[int, int], seconds_for_each: float, limit: float) -> None:
    """Until a script has the pixels, in turns; ours and imagezmq's compared within each."""
    case = 'in Python, {}x{}@30'.format(*size) + (f', {seconds_for_each:g} s for each' if seconds_for_each else '')
    if not bench.wants(case):
        return
    setups = [
        Setup(PAIRS[name], size, 30, 6 if bench.quick else 10, viewer_args=(str(seconds_for_each),)) for name in IN_PYTHON
    ]
    turns = [[bench.hold(case, setup) for setup in setups] for _ in range(bench.runs)]
    for name, trials in zip(IN_PYTHON, zip(*turns, strict=True), strict=True):
        for figure, unit, of in (
            ('p50', 'ms', lambda trial: trial.percentile(50)),
            ('p95', 'ms', lambda trial: trial.percentile(95)),
            ('pictures', 'a second', Trial.shown_fps),
            ('CPU', '% of a core', lambda trial: trial.viewer_cpu),
        ):
            bench.report.add(Check(case, f'{name}, {figure}', unit, tuple(map(of, trials))))
    for name, trials in zip(IN_PYTHON[:2], zip(*turns), strict=False):
        bench.report.add(Check(case, f'{name}, p50 of the JPEG', 'ms', tuple(map(Trial.handed_p50, trials))))
    ratios = tuple(ours.handed_p50() / theirs.handed_p50() for ours, theirs, _ in turns)
    bench.report.add(Check(case, "p50 of the JPEG, of imagezmq's", '', ratios, '<=', MAX_RATIO))
    ratios = tuple(ours.percentile(50) / theirs.percentile(50) for ours, theirs, _ in turns)
    bench.report.add(Check(case, "p50, of imagezmq's", '', ratios, '<=', limit))
