"""The viewer for Windows under wine, beside the Linux build on the same screen: frame to pixel, in turns.

wine is no Windows. What is compared is our own code there, and wine's way to an X server; how long Windows itself
takes is known only there.
"""

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..bench import Bench
from ..pairs import PAIRS, Pair
from ..trial import Setup
from .latency import HD, VGA, compare

# Sets up, starts and ends the wine of a folder.
WINE = Path(__file__).parents[3] / 'tests/windows/wine'
# Larger than the pictures: a window has a frame there, and is made smaller to fit the screen with it.
SCREENS = {VGA: (1280, 800), HD: (2560, 1440)}
MAX_RATIO = 2


def run(bench: Bench) -> None:
    bench.report.group('windows', 'from hand-over to pixels, the viewer for Windows under wine against the one for Linux')
    program = os.environ.get('VIEW_RECV_WINDOWS')
    if not program:
        print('left out: there is no view-recv.exe (built on Debian 12 for amd64, unless all programs are named; or VIEW_RECV_WINDOWS)')
        return
    with _wine(program) as pair:
        for size, screen in SCREENS.items():
            linux = Setup(PAIRS['ours-recv'], size, 30, 4 if bench.quick else 10, screen=screen)
            case = 'viewer for Windows, {}x{}@{}'.format(*size, linux.fps)
            compare(bench, case, replace(linux, pair=pair), linux, MAX_RATIO, other_name='Linux')


@contextlib.contextmanager
def _wine(program: str) -> Iterator[Pair]:
    """The program in a wine of its own, which ends with this."""
    with tempfile.TemporaryDirectory(prefix='stopwatch-wine-') as name:
        subprocess.run([WINE, name, 'start'], check=True)
        # Its desktop is that of the screen which was there when it started, and each trial has another.
        wine = shlex.join([str(WINE), name])
        start = shlex.join(['sh', '-c', f'{wine} end; exec {wine} run "$@"', 'sh', program])
        try:
            yield Pair('ours-recv-windows', start + ' --bind {host}:{port} --stats json', is_ours=True)
        finally:
            subprocess.run([WINE, name, 'end'], check=False)
